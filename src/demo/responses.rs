//! OpenAI Responses: the whole answer, and the events it is streamed as, over HTTP and WebSocket.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::doors::Payer;
use super::prompt::{Found, Prompt, ToolUse, last_text, pieces, read_call, result_text, tokens_in};
use super::stream::{Script, named_event};
use super::{Demo, doors};
use crate::types::Dialect;

/// A fixed moment: nobody reads it, and answers stay comparable.
const CREATED_AT: u64 = 1_795_000_000;

/// `POST /v1/responses`
pub async fn create_response(req: HttpRequest, demo: Data<Demo>, body: Bytes) -> HttpResponse {
    let (body, model) = match read_call(req.headers(), &body) {
        Ok(call) => call,
        Err(refusal) => return refusal.in_dialect(Dialect::OpenAiResponses),
    };
    let answer = Answer::to(&demo, &body, &model, doors::payer_of(req.path()));
    if !answer.prompt.stream {
        return HttpResponse::Ok().json(answer.completed());
    }
    let mut script = Script::default();
    for event in answer.events() {
        if event.is_piece {
            script.paced_frame(named_event(&event.data));
        } else {
            script.frame(named_event(&event.data));
        }
    }
    script.into_sse(demo.options.event_delay)
}

/// One event of an answer, numbered.
pub struct Event {
    pub data: Value,
    /// A piece of the answer, which the client should see arrive on its own.
    pub is_piece: bool,
}

/// One answer: a text, a function call, or nothing at all.
pub struct Answer {
    id: String,
    item_id: String,
    call_id: String,
    text: String,
    prompt: Prompt,
    /// `generate: false`, which Codex warms a socket up with: nothing is said.
    is_silent: bool,
}

impl Answer {
    pub fn to(demo: &Demo, body: &Value, model: &str, payer: Payer) -> Self {
        let prompt = Prompt::new(body, model, find(body));
        Self {
            id: demo.id("resp"),
            item_id: demo.id(if prompt.tool.is_some() { "fc" } else { "msg" }),
            call_id: demo.id("call"),
            text: prompt.answer(payer),
            prompt,
            is_silent: body["generate"] == false,
        }
    }

    fn completed(&self) -> Value {
        let mut response = self.head("completed");
        let (input, output) = (self.prompt.input_tokens, tokens_in(&self.text));
        response["output"] = if self.is_silent { json!([]) } else { json!([self.item(true)]) };
        response["usage"] = json!({
            "input_tokens": input,
            "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": output,
            "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": input + output,
        });
        response
    }

    /// The events in their order, from `response.created` to `response.completed`.
    pub fn events(&self) -> Vec<Event> {
        let head = self.head("in_progress");
        let mut events = vec![
            json!({ "type": "response.created", "response": head }),
            json!({ "type": "response.in_progress", "response": head }),
        ];
        if !self.is_silent {
            let begins = json!({ "type": "response.output_item.added", "item": self.item(false) });
            events.push(begins);
            if let Some(tool) = &self.prompt.tool {
                events.extend(self.call_events(tool));
            } else {
                events.extend(self.text_events());
            }
            events.push(json!({ "type": "response.output_item.done", "item": self.item(true) }));
        }
        events.push(json!({ "type": "response.completed", "response": self.completed() }));

        let numbered = events.into_iter().enumerate().map(|(number, mut data)| {
            data["sequence_number"] = json!(number);
            let kind = data["type"].as_str().unwrap_or_default().to_owned();
            if kind.starts_with("response.output")
                || kind.contains("_part.")
                || kind.contains("arg")
            {
                data["output_index"] = json!(0);
            }
            Event { is_piece: kind.rsplit('.').next() == Some("delta"), data }
        });
        numbered.collect()
    }

    fn text_events(&self) -> Vec<Value> {
        let part = |text: &str| json!({ "type": "output_text", "annotations": [], "text": text });
        let event = |kind: &str| json!({ "type": kind, "item_id": self.item_id, "content_index": 0, "logprobs": [] });
        let with = |kind: &str, field: &str, value: Value| {
            let mut event = event(kind);
            event[field] = value;
            event
        };
        let mut events = vec![with("response.content_part.added", "part", part(""))];
        for piece in pieces(&self.text) {
            events.push(with("response.output_text.delta", "delta", json!(piece)));
        }
        events.push(with("response.output_text.done", "text", json!(self.text)));
        events.push(with("response.content_part.done", "part", part(&self.text)));
        events
    }

    fn call_events(&self, tool: &ToolUse) -> Vec<Value> {
        let event = |kind: &str, field: &str, arguments: &str| {
            json!({
                "type": format!("response.function_call_arguments.{kind}"),
                "item_id": self.item_id,
                field: arguments,
            })
        };
        let pieces = tool.argument_pieces();
        let mut events: Vec<Value> =
            pieces.iter().map(|piece| event("delta", "delta", piece)).collect();
        events.push(event("done", "arguments", &tool.arguments));
        events
    }

    fn item(&self, is_done: bool) -> Value {
        let status = if is_done { "completed" } else { "in_progress" };
        let mut item = json!({ "id": self.item_id, "status": status });
        if let Some(tool) = &self.prompt.tool {
            item["type"] = json!("function_call");
            item["call_id"] = json!(self.call_id);
            item["name"] = json!(tool.name);
            item["arguments"] = json!(if is_done { &tool.arguments } else { "" });
        } else {
            let part = json!({ "type": "output_text", "annotations": [], "text": self.text });
            item["type"] = json!("message");
            item["role"] = json!("assistant");
            item["content"] = if is_done { json!([part]) } else { json!([]) };
        }
        item
    }

    /// The response without its output.
    fn head(&self, status: &str) -> Value {
        json!({
            "id": self.id,
            "object": "response",
            "created_at": CREATED_AT,
            "status": status,
            "error": null,
            "incomplete_details": null,
            "instructions": null,
            "model": self.prompt.model,
            "output": [],
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "store": false,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": null,
            "metadata": {},
        })
    }
}

fn find(body: &Value) -> Found<'_> {
    let tools = body["tools"].as_array().into_iter().flatten();
    let mut found = Found {
        said: body["input"].as_str(),
        tools: tools
            .filter(|tool| tool["type"] == "function")
            .filter_map(|tool| tool["name"].as_str())
            .collect(),
        tool_result: None,
    };
    for item in body["input"].as_array().into_iter().flatten() {
        if item["role"] == "user" {
            found.said = last_text(&item["content"]).or(found.said);
        }
        if item["type"].as_str().is_some_and(|kind| kind.ends_with("_call_output")) {
            found.tool_result = Some(result_text(&item["output"]));
        }
    }
    found
}
