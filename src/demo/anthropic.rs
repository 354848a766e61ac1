//! Anthropic Messages, with `count_tokens`.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::failure::Refusal;
use super::prompt::{Found, Prompt, last_text, pieces, read_call, result_text, tokens_in};
use super::stream::{Script, named_event};
use super::{Demo, doors};
use crate::types::Dialect;

/// `POST /v1/messages`
pub async fn create_message(req: HttpRequest, demo: Data<Demo>, body: Bytes) -> HttpResponse {
    let prompt = match read_prompt(&req, &body) {
        Ok(prompt) => prompt,
        Err(refusal) => return refusal.in_dialect(Dialect::Anthropic),
    };
    let answer = Answer {
        id: demo.id("msg"),
        tool_use_id: demo.id("toolu"),
        text: prompt.answer(doors::payer_of(req.path())),
        prompt,
    };
    let mut response = if answer.prompt.stream {
        answer.script().into_sse(demo.options.event_delay)
    } else {
        HttpResponse::Ok().json(answer.message())
    };
    let request_id = demo.id("req").parse().expect("an id is a header value");
    response.headers_mut().insert("request-id".parse().expect("a header name"), request_id);
    response
}

/// `POST /v1/messages/count_tokens`
pub async fn count_tokens(req: HttpRequest, body: Bytes) -> HttpResponse {
    match read_prompt(&req, &body) {
        Ok(prompt) => HttpResponse::Ok().json(json!({ "input_tokens": prompt.input_tokens })),
        Err(refusal) => refusal.in_dialect(Dialect::Anthropic),
    }
}

fn read_prompt(req: &HttpRequest, body: &[u8]) -> Result<Prompt, Refusal> {
    let (body, model) = read_call(req.headers(), body)?;
    Ok(Prompt::new(&body, &model, find(&body)))
}

fn find(body: &Value) -> Found<'_> {
    let tools = body["tools"].as_array().into_iter().flatten();
    let mut found = Found {
        tools: tools.filter_map(|tool| tool["name"].as_str()).collect(),
        ..Found::default()
    };
    for message in body["messages"].as_array().into_iter().flatten() {
        let content = &message["content"];
        if message["role"] == "user" {
            found.said = last_text(content).or(found.said);
        }
        for block in content.as_array().into_iter().flatten() {
            if block["type"] == "tool_result" {
                found.tool_result = Some(result_text(&block["content"]));
            }
        }
    }
    found
}

/// One answer: a text, or the use of a tool.
struct Answer {
    id: String,
    tool_use_id: String,
    text: String,
    prompt: Prompt,
}

impl Answer {
    fn message(&self) -> Value {
        let mut message = self.head();
        message["content"] = match &self.prompt.tool {
            Some(tool) => json!([self.tool_use(&tool.name, &tool.input())]),
            None => json!([{ "type": "text", "text": self.text }]),
        };
        message["stop_reason"] = json!(self.stop_reason());
        message["usage"]["output_tokens"] = json!(tokens_in(&self.text));
        message
    }

    fn script(&self) -> Script {
        let mut script = Script::default();
        script.frame(named_event(&json!({ "type": "message_start", "message": self.head() })));
        let block = match &self.prompt.tool {
            Some(tool) => self.tool_use(&tool.name, &json!({})),
            None => json!({ "type": "text", "text": "" }),
        };
        let block = json!({ "type": "content_block_start", "index": 0, "content_block": block });
        script.frame(named_event(&block));
        script.frame(named_event(&json!({ "type": "ping" })));
        for delta in self.deltas() {
            let delta = json!({ "type": "content_block_delta", "index": 0, "delta": delta });
            script.paced_frame(named_event(&delta));
        }
        script.frame(named_event(&json!({ "type": "content_block_stop", "index": 0 })));
        script.frame(named_event(&json!({
            "type": "message_delta",
            "delta": { "stop_reason": self.stop_reason(), "stop_sequence": null },
            "usage": self.usage(tokens_in(&self.text)),
        })));
        script.frame(named_event(&json!({ "type": "message_stop" })));
        script
    }

    fn deltas(&self) -> Vec<Value> {
        if let Some(tool) = &self.prompt.tool {
            let mut parts = vec![String::new()]; // the first one is empty at the real provider too
            parts.extend(tool.argument_pieces());
            let delta = |part| json!({ "type": "input_json_delta", "partial_json": part });
            return parts.into_iter().map(delta).collect();
        }
        let text_delta = |text| json!({ "type": "text_delta", "text": text });
        pieces(&self.text).into_iter().map(text_delta).collect()
    }

    /// The message as it is before anything has been said.
    fn head(&self) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.prompt.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": self.usage(1),
        })
    }

    fn tool_use(&self, name: &str, input: &Value) -> Value {
        json!({ "type": "tool_use", "id": self.tool_use_id, "name": name, "input": input })
    }

    fn stop_reason(&self) -> &'static str {
        if self.prompt.tool.is_some() { "tool_use" } else { "end_turn" }
    }

    fn usage(&self, output_tokens: usize) -> Value {
        json!({
            "input_tokens": self.prompt.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output_tokens,
        })
    }
}
