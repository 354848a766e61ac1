//! Gemini `generateContent`, `streamGenerateContent` and `countTokens`, as the Gemini API and
//! Vertex AI have them.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::failure::Refusal;
use super::prompt::{Found, Prompt, pieces, read_json, result_text, tokens_in};
use super::stream::Script;
use super::{Demo, doors};
use crate::types::Dialect;

/// `POST /{version}/models/{model}:{method}`, and the same under `publishers/google`
pub async fn call_model(req: HttpRequest, demo: Data<Demo>, body: Bytes) -> HttpResponse {
    // The colon may arrive as `%3A` (LiteLLM), and the model may contain a slash.
    let path = percent_decode_str(req.path()).decode_utf8_lossy().into_owned();
    let Some((model, method)) =
        path.split_once("/models/").and_then(|(_, call)| call.rsplit_once(':'))
    else {
        return Refusal::NoSuchMethod.in_dialect(Dialect::Gemini);
    };
    let Ok(body) = read_json(req.headers(), &body) else {
        return Refusal::NotJson.in_dialect(Dialect::Gemini);
    };
    if let Some(refusal) = Refusal::of_model(model) {
        return refusal.in_dialect(Dialect::Gemini);
    }
    let prompt = Prompt::new(&body, model, find(&body));
    if method == "countTokens" {
        return HttpResponse::Ok().json(json!({ "totalTokens": prompt.input_tokens }));
    }
    let answer = Answer {
        id: demo.id("response"),
        text: prompt.answer(doors::payer_of(req.path())),
        prompt,
    };
    let delay = demo.options.event_delay;
    match method {
        "generateContent" => HttpResponse::Ok().json(answer.whole()),
        "streamGenerateContent" if wants_sse(&req) => answer.sse_script().into_sse(delay),
        "streamGenerateContent" => answer.array_script().into_json(delay),
        _ => Refusal::NoSuchMethod.in_dialect(Dialect::Gemini),
    }
}

fn wants_sse(req: &HttpRequest) -> bool {
    req.query_string().split('&').any(|pair| matches!(pair, "alt=sse" | "$alt=sse" | "%24alt=sse"))
}

fn find(body: &Value) -> Found<'_> {
    let tools = body["tools"].as_array().into_iter().flatten();
    let functions = tools
        .filter_map(|tool| either(tool, "functionDeclarations", "function_declarations"))
        .flat_map(|functions| functions.as_array().into_iter().flatten());
    let mut found = Found {
        tools: functions.filter_map(|function| function["name"].as_str()).collect(),
        ..Found::default()
    };
    for content in body["contents"].as_array().into_iter().flatten() {
        if content["role"] != "model" {
            found.said = words_of_user(content).or(found.said);
        }
        for part in content["parts"].as_array().into_iter().flatten() {
            if let Some(result) = either(part, "functionResponse", "function_response") {
                found.tool_result = Some(result_text(&result["response"]));
            }
        }
    }
    found
}

/// What the user wrote, in a turn that also holds what clients tell a model about the machine: there is
/// no role for that here between two turns, so it may stand behind the user's words. Clients begin it
/// with a heading or a tag.
fn words_of_user(content: &Value) -> Option<&str> {
    let parts = content["parts"].as_array().into_iter().flatten();
    let mut texts = parts.filter_map(|part| part["text"].as_str());
    texts.rfind(|text| !text.is_empty() && !text.starts_with(['#', '<']))
}

/// Google reads both spellings of a field; so do we.
fn either<'a>(value: &'a Value, camel: &str, snake: &str) -> Option<&'a Value> {
    value.get(camel).or_else(|| value.get(snake))
}

/// One answer: a text, or a function call.
struct Answer {
    id: String,
    text: String,
    prompt: Prompt,
}

impl Answer {
    fn whole(&self) -> Value {
        let part = self.function_call().unwrap_or_else(|| json!({ "text": self.text }));
        self.chunk(&part, true)
    }

    fn chunks(&self) -> Vec<Value> {
        let parts = match self.function_call() {
            Some(call) => vec![call],
            None => pieces(&self.text).into_iter().map(|text| json!({ "text": text })).collect(),
        };
        let mut chunks: Vec<Value> = parts.iter().map(|part| self.chunk(part, false)).collect();
        chunks.push(self.chunk(&json!({ "text": "" }), true));
        chunks
    }

    fn sse_script(&self) -> Script {
        let mut script = Script::default();
        for chunk in self.chunks() {
            script.paced_frame(format!("data: {chunk}\r\n\r\n"));
        }
        script
    }

    fn array_script(&self) -> Script {
        let mut script = Script::default();
        let mut separator = "[";
        for chunk in self.chunks() {
            script.paced_frame(format!("{separator}{chunk}\n"));
            separator = ",\r\n";
        }
        script.frame("]".to_owned());
        script
    }

    fn chunk(&self, part: &Value, is_last: bool) -> Value {
        let mut candidate = json!({ "content": { "parts": [part], "role": "model" }, "index": 0 });
        let input = self.prompt.input_tokens;
        let mut usage = json!({ "promptTokenCount": input, "totalTokenCount": input });
        if is_last {
            let output = tokens_in(&self.text);
            candidate["finishReason"] = json!("STOP");
            usage["candidatesTokenCount"] = json!(output);
            usage["totalTokenCount"] = json!(input + output);
        }
        json!({
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": self.prompt.model,
            "responseId": self.id,
        })
    }

    fn function_call(&self) -> Option<Value> {
        let tool = self.prompt.tool.as_ref()?;
        Some(json!({ "functionCall": { "name": tool.name, "args": tool.input() } }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_tells_behind_the_users_words_is_not_what_was_said() {
        let turn = json!([{ "text": "<a/>" }, { "text": "say hi" }, { "text": "# Environment" }]);
        let result =
            json!([{ "functionResponse": { "name": "ls", "response": { "output": "a" } } }]);
        let contents = json!([
            { "role": "user", "parts": turn },
            { "role": "model", "parts": [{ "text": "hi" }] },
            { "role": "user", "parts": result },
        ]);

        assert_eq!(find(&json!({ "contents": contents })).said, Some("say hi"));
    }
}
