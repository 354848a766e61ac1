//! OpenAI Chat Completions and the older Completions.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::prompt::{Found, Prompt, last_text, pieces, read_call, result_text, tokens_in};
use super::stream::{Script, data_event};
use super::{Demo, doors};
use crate::types::Dialect;

/// A fixed moment: nobody reads it, and answers stay comparable.
const CREATED: u64 = 1_795_000_000;

/// What OpenAI ends both kinds of stream with.
const DONE: &str = "data: [DONE]\n\n";

/// `POST /v1/chat/completions`
pub async fn create_chat(req: HttpRequest, demo: Data<Demo>, body: Bytes) -> HttpResponse {
    create(&req, &demo, &body, "chatcmpl", find_in_messages, Answer::chat, Answer::chat_script)
}

/// `POST /v1/completions`
pub async fn create_completion(req: HttpRequest, demo: Data<Demo>, body: Bytes) -> HttpResponse {
    create(
        &req,
        &demo,
        &body,
        "cmpl",
        find_in_prompt,
        Answer::completion,
        Answer::completion_script,
    )
}

fn create(
    req: &HttpRequest,
    demo: &Demo,
    body: &[u8],
    id: &str,
    find: fn(&Value) -> Found<'_>,
    whole: fn(&Answer) -> Value,
    script: fn(&Answer) -> Script,
) -> HttpResponse {
    let (body, model) = match read_call(req.headers(), body) {
        Ok(call) => call,
        Err(refusal) => return refusal.in_dialect(Dialect::OpenAiChat),
    };
    let prompt = Prompt::new(&body, &model, find(&body));
    let answer = Answer {
        id: demo.id(id),
        call_id: demo.id("call"),
        text: prompt.answer(doors::payer_of(req.path())),
        include_usage: body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
        prompt,
    };
    if answer.prompt.stream {
        script(&answer).into_sse(demo.options.event_delay)
    } else {
        HttpResponse::Ok().json(whole(&answer))
    }
}

fn find_in_messages(body: &Value) -> Found<'_> {
    let tools = body["tools"].as_array().into_iter().flatten();
    let mut found = Found {
        tools: tools.filter_map(|tool| tool["function"]["name"].as_str()).collect(),
        ..Found::default()
    };
    for message in body["messages"].as_array().into_iter().flatten() {
        if message["role"] == "user" {
            found.said = last_text(&message["content"]).or(found.said);
        }
        if message["role"] == "tool" {
            found.tool_result = Some(result_text(&message["content"]));
        }
    }
    found
}

fn find_in_prompt(body: &Value) -> Found<'_> {
    let prompt = &body["prompt"];
    let said = prompt.as_str().or_else(|| prompt.as_array()?.last()?.as_str());
    Found { said, ..Found::default() }
}

/// One answer: a text, or the call of a tool.
struct Answer {
    id: String,
    call_id: String,
    text: String,
    include_usage: bool,
    prompt: Prompt,
}

impl Answer {
    fn chat(&self) -> Value {
        let mut message = json!({ "role": "assistant", "content": self.text, "refusal": null });
        if let Some(tool) = &self.prompt.tool {
            message["content"] = Value::Null;
            message["tool_calls"] = json!([self.tool_call(&tool.name, &tool.arguments)]);
        }
        let choice = json!({
            "index": 0,
            "message": message,
            "logprobs": null,
            "finish_reason": self.finish_reason(),
        });
        let mut answer = self.envelope("chat.completion", json!([choice]));
        answer["usage"] = self.usage();
        answer
    }

    fn chat_script(&self) -> Script {
        let mut script = Script::default();
        script.frame(self.chat_chunk(json!({ "role": "assistant", "content": "" }), None));
        if let Some(tool) = &self.prompt.tool {
            let mut call = self.tool_call(&tool.name, "");
            call["index"] = json!(0);
            script.paced_frame(self.chat_chunk(json!({ "tool_calls": [call] }), None));
            for piece in tool.argument_pieces() {
                let call = json!({ "index": 0, "function": { "arguments": piece } });
                script.paced_frame(self.chat_chunk(json!({ "tool_calls": [call] }), None));
            }
        } else {
            for piece in pieces(&self.text) {
                script.paced_frame(self.chat_chunk(json!({ "content": piece }), None));
            }
        }
        script.frame(self.chat_chunk(json!({}), Some(self.finish_reason())));
        if self.include_usage {
            let mut chunk = self.envelope("chat.completion.chunk", json!([]));
            chunk["usage"] = self.usage();
            script.frame(data_event(&chunk));
        }
        script.frame(DONE.to_owned());
        script
    }

    fn chat_chunk(&self, delta: Value, finish_reason: Option<&str>) -> String {
        let mut choice = json!({ "index": 0, "logprobs": null, "finish_reason": finish_reason });
        choice["delta"] = delta;
        let mut chunk = self.envelope("chat.completion.chunk", json!([choice]));
        if self.include_usage {
            chunk["usage"] = Value::Null;
        }
        data_event(&chunk)
    }

    fn completion(&self) -> Value {
        let mut answer = self.envelope("text_completion", json!([text_choice(&self.text, true)]));
        answer["usage"] = self.usage();
        answer
    }

    fn completion_script(&self) -> Script {
        let chunk = |text: &str, last: bool| {
            data_event(&self.envelope("text_completion", json!([text_choice(text, last)])))
        };
        let mut script = Script::default();
        for piece in pieces(&self.text) {
            script.paced_frame(chunk(&piece, false));
        }
        script.frame(chunk("", true));
        script.frame(DONE.to_owned());
        script
    }

    fn envelope(&self, object: &str, choices: Value) -> Value {
        let mut envelope = json!({
            "id": self.id,
            "object": object,
            "created": CREATED,
            "model": self.prompt.model,
        });
        envelope["choices"] = choices;
        envelope
    }

    fn tool_call(&self, tool: &str, arguments: &str) -> Value {
        let function = json!({ "name": tool, "arguments": arguments });
        json!({ "id": self.call_id, "type": "function", "function": function })
    }

    fn finish_reason(&self) -> &'static str {
        if self.prompt.tool.is_some() { "tool_calls" } else { "stop" }
    }

    fn usage(&self) -> Value {
        let (input, output) = (self.prompt.input_tokens, tokens_in(&self.text));
        json!({
            "prompt_tokens": input,
            "completion_tokens": output,
            "total_tokens": input + output,
            "prompt_tokens_details": { "cached_tokens": 0 },
            "completion_tokens_details": { "reasoning_tokens": 0 },
        })
    }
}

fn text_choice(text: &str, last: bool) -> Value {
    let finish_reason = last.then_some("stop");
    json!({ "text": text, "index": 0, "logprobs": null, "finish_reason": finish_reason })
}
