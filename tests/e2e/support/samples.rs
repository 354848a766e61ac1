//! What providers say in each dialect, ready to be played; see `tests/fixtures`.

use serde_json::Value;

use super::fixture;
use super::script::Script;

pub fn json_fixture(path: &str) -> Value {
    serde_json::from_slice(&fixture(path)).unwrap()
}

/// An exchange's answer. Bodies are printed with white space, to be told from a re-serialised one.
pub fn script_of(response: &Value) -> Script {
    let fields = response["headers"].as_object().into_iter().flatten();
    Script {
        status: response["status"].as_u64().unwrap().try_into().unwrap(),
        fields: fields.map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect(),
        body: match &response["body"] {
            Value::String(text) => text.clone().into_bytes(),
            json => serde_json::to_vec_pretty(json).unwrap(),
        },
        pieces: None,
    }
}

pub const EXCHANGES: [&str; 9] = [
    "anthropic/a01-text.exchange.json",
    "anthropic/a06-thinking-omitted-cache.exchange.json",
    "anthropic/a08-count-tokens.exchange.json",
    "openai-chat/c01-text.exchange.json",
    "openai-responses/r01-text.exchange.json",
    "gemini/g01-text.exchange.json",
    "gemini/g04-tools-parallel.exchange.json",
    "gemini/g07-count-tokens.exchange.json",
    "gemini/g10-blocked.exchange.json",
];

#[rustfmt::skip] // columns are easier to proofread
const STREAMS: [(&str, &str, &str); 15] = [
    // fixture,                                            target,                  model
    ("anthropic/a02-text.stream.sse",                      "/v1/messages",          "claude-sonnet-4-5-20250929"),
    ("anthropic/a04-tools-parallel.stream.sse",            "/v1/messages",          "claude-sonnet-4-5-20250929"),
    ("anthropic/a05-thinking-tool.stream.sse",             "/v1/messages",          "claude-sonnet-4-5-20250929"),
    ("anthropic/a11-error-midstream.stream.sse",           "/v1/messages",          "claude-sonnet-4-5-20250929"),
    ("openai-chat/c02-text.stream.sse",                    "/v1/chat/completions",  "gpt-5-mini"),
    ("openai-chat/c04-tools-parallel.stream.sse",          "/v1/chat/completions",  "gpt-5-mini"),
    ("openai-chat/c05-reasoning-compat.stream.sse",        "/v1/chat/completions",  "gpt-5-mini"),
    ("openai-chat/c07-error-midstream.stream.sse",         "/v1/chat/completions",  "gpt-5-mini"),
    ("openai-completions/p01-completion.stream.sse",       "/v1/completions",       "gpt-3.5-turbo-instruct"),
    ("openai-responses/r02-text.stream.sse",               "/v1/responses",         "gpt-5-mini"),
    ("openai-responses/r04-tools-reasoning.stream.sse",    "/v1/responses",         "gpt-5-mini"),
    ("openai-responses/r05-failed.stream.sse",             "/v1/responses",         "gpt-5-mini"),
    ("openai-responses/r06-incomplete.stream.sse",         "/v1/responses",         "gpt-5-mini"),
    ("openai-responses/r07-error-event.stream.sse",        "/v1/responses",         "gpt-5-mini"),
    ("gemini/g02-text.stream.sse", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", ""),
];

const GEMINI_THINKING: (&str, &str, &str) = (
    "gemini/g05-thinking-tools.stream.sse",
    "/v1beta/models/gemini-3-pro-preview:streamGenerateContent?alt=sse",
    "",
);

pub fn streams() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    STREAMS.into_iter().chain([GEMINI_THINKING])
}

pub fn stream_script(path: &str) -> Script {
    // As the manifest has it: not all say a charset.
    let plain = path.starts_with("gemini/") || path.contains("c05");
    let content_type = if plain { "text/event-stream" } else { "text/event-stream; charset=utf-8" };
    Script {
        status: 200,
        fields: vec![
            ("content-type".to_owned(), content_type.to_owned()),
            ("cache-control".to_owned(), "no-cache".to_owned()),
        ],
        body: fixture(path),
        pieces: Some(Vec::new()),
    }
}

pub fn request_for(model: &str) -> String {
    if model.is_empty() {
        return r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#.to_owned();
    }
    format!(r#"{{"stream":true, "model":"{model}","messages":[]}}"#)
}

/// A sample's text with `name` in place of its model's, and nothing else changed.
pub fn renamed(body: &[u8], path: &str, name: &str) -> Vec<u8> {
    let key = model_key(path);
    let mut text = String::from_utf8(body.to_vec()).unwrap();
    let mut count = 0;
    for theirs in NAMES {
        for (before, after) in [("\"", "\":\""), ("\"", "\": \"")] {
            let old = format!("{before}{key}{after}{theirs}\"");
            count += text.matches(&old).count();
            text = text.replace(&old, &format!("{before}{key}{after}{name}\""));
        }
    }
    assert!(count > 0, "the fixture names no model: {text}");
    text.into_bytes()
}

const NAMES: &[&str] = &[
    "claude-sonnet-4-5-20250929",
    "claude-opus-4-8",
    "gpt-5-mini-2025-08-07",
    "gpt-5-mini",
    "gpt-3.5-turbo-instruct",
    "deepseek-reasoner",
    "gemini-2.5-flash",
    "gemini-3-pro-preview",
];

fn model_key(path: &str) -> &'static str {
    if path.starts_with("gemini/") { "modelVersion" } else { "model" }
}

/// Where a call in the dialect of a sample goes when it asks for `model`.
pub fn target_for(path: &str, target: &str, model: &str) -> String {
    if !path.starts_with("gemini/") {
        return target.to_owned();
    }
    let method = target.rsplit_once(':').unwrap().1;
    format!("/v1beta/models/{model}:{method}")
}
