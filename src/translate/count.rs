//! How many tokens a request has: asked of a provider that counts, or estimated.

use bytes::Bytes;
use serde_json::Value;

use super::request::{Media, MediaSource, OutputFormat, Part, Request, Tool, ToolInput};
use super::{Written, write_request};
use crate::body::{Edits, JsonPart};
use crate::types::{Dialect, UpstreamModel};

/// Bytes of text in a token, as providers' tokenizers have it on code and English; other scripts have
/// more tokens, but also more bytes for each character.
const BYTES_PER_TOKEN: u64 = 4;

/// What an image costs at the size clients send: between OpenAI's 765 and Anthropic's 1,600.
const IMAGE_TOKENS: u64 = 1200;

/// Role, separators and the like.
const TURN_TOKENS: u64 = 4;

/// Members of a Messages body that `count_tokens` takes.
const ANTHROPIC_COUNTS: [&str; 6] =
    ["model", "system", "messages", "tools", "tool_choice", "output_config"];

/// Members of a Responses body that its `input_tokens` takes.
const RESPONSES_COUNTS: [&str; 8] = [
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "text",
    "reasoning",
];

/// The question to an upstream how many tokens a request has; `None` where its dialect has none.
#[must_use]
pub fn write_count_request(
    request: &Request,
    upstream: Dialect,
    model: UpstreamModel<'_>,
) -> Option<Written> {
    let mut written = write_request(request, upstream, model);
    written.body = match upstream {
        Dialect::Anthropic => keep_members(&written.body, |key| ANTHROPIC_COUNTS.contains(&key)),
        Dialect::OpenAiResponses => {
            keep_members(&written.body, |key| RESPONSES_COUNTS.contains(&key))
        }
        Dialect::Gemini => {
            let model = serde_json::json!(format!("models/{}", model.name)).to_string();
            let inner = edited(&written.body, |edits, whole| {
                edits.set_member(&written.body, whole, "model", &model);
            });
            [br#"{"generateContentRequest":"#, inner.as_ref(), b"}"].concat().into()
        }
        Dialect::OpenAiChat => return None,
    };
    Some(written)
}

/// The number in an upstream's answer.
#[must_use]
pub fn read_count(upstream: Dialect, body: &[u8]) -> Option<u64> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let member = match upstream {
        Dialect::Gemini => "totalTokens",
        _ => "input_tokens",
    };
    answer.get(member)?.as_u64()
}

/// The number as a client reads it.
#[must_use]
pub fn write_count(client: Dialect, tokens: u64) -> String {
    match client {
        Dialect::Gemini => format!(r#"{{"totalTokens":{tokens}}}"#),
        Dialect::OpenAiResponses => {
            format!(r#"{{"object":"response.input_tokens","input_tokens":{tokens}}}"#)
        }
        Dialect::Anthropic | Dialect::OpenAiChat => format!(r#"{{"input_tokens":{tokens}}}"#),
    }
}

/// About how many tokens a request has. Good enough for a client to know when its context fills up,
/// which is what clients ask for; answers made of it say that they are estimates.
#[must_use]
pub fn estimate_tokens(request: &Request) -> u64 {
    let turns: u64 = request
        .turns
        .iter()
        .map(|turn| TURN_TOKENS + turn.parts.iter().map(part_tokens).sum::<u64>())
        .sum();
    let tools: u64 = request.tools.iter().map(tool_tokens).sum();
    let output = match &request.output {
        OutputFormat::Schema { schema, .. } => text_tokens(schema.get()),
        OutputFormat::Text | OutputFormat::Json => 0,
    };
    turns + tools + output
}

fn part_tokens(part: &Part) -> u64 {
    match part {
        Part::Text(text) => text_tokens(&text.text),
        // What was thought in earlier turns is left out by providers.
        Part::Thinking(_) => 0,
        Part::Media(media) => media_tokens(media),
        Part::ToolCall(call) => {
            let input = match &call.input {
                ToolInput::Json(json) => text_tokens(json.get()),
                ToolInput::Text(text) => text_tokens(text),
            };
            TURN_TOKENS + text_tokens(&call.name) + input
        }
        Part::ToolResult(result) => TURN_TOKENS + result.parts.iter().map(part_tokens).sum::<u64>(),
    }
}

fn media_tokens(media: &Media) -> u64 {
    match &media.source {
        MediaSource::Text(text) => text_tokens(text),
        // A page of a document costs about what an image does, and has some 50 kB.
        MediaSource::Inline { data, .. } => {
            IMAGE_TOKENS * (data.len() as u64).div_ceil(512 * 1024).max(1)
        }
        MediaSource::Url { .. } => IMAGE_TOKENS,
    }
}

fn tool_tokens(tool: &Tool) -> u64 {
    let described = |name: &str, description: Option<&str>| {
        TURN_TOKENS + text_tokens(name) + description.map_or(0, text_tokens)
    };
    match tool {
        Tool::Function(function) => {
            let schema = function.schema.as_deref().map_or(0, |schema| text_tokens(schema.get()));
            described(&function.name, function.description.as_deref()) + schema
        }
        Tool::Custom { name, description } => described(name, description.as_deref()),
        Tool::WebSearch => 0,
    }
}

fn text_tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(BYTES_PER_TOKEN)
}

/// The members of an object that was written here, values byte for byte.
fn keep_members(json: &Bytes, keep: impl Fn(&str) -> bool) -> Bytes {
    edited(json, |edits, whole| edits.remove_members(json, whole, |key| !keep(key)))
}

fn edited(json: &Bytes, edit: impl FnOnce(&mut Edits, JsonPart<'_>)) -> Bytes {
    let Ok(whole) = JsonPart::parse(json) else { return json.clone() };
    let mut edits = Edits::default();
    edit(&mut edits, whole);
    edits.apply(json)
}

#[cfg(test)]
mod tests {
    use super::super::request::{MediaKind, Role, Turn};
    use super::*;

    #[test]
    fn a_count_is_read_and_written_in_each_dialect() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (Dialect::Anthropic,       r#"{"input_tokens":7}"#),
            (Dialect::OpenAiResponses, r#"{"object":"response.input_tokens","input_tokens":7}"#),
            (Dialect::Gemini,          r#"{"totalTokens":7}"#),
        ];
        for (dialect, json) in cases {
            assert_eq!(write_count(dialect, 7), json);
            assert_eq!(read_count(dialect, json.as_bytes()), Some(7), "{dialect}");
            assert_eq!(read_count(dialect, b"{}"), None, "{dialect}");
        }
    }

    #[test]
    fn an_estimate_grows_with_everything_that_is_sent() {
        let text = |length: usize| Part::Text("x".repeat(length).into());
        let request = |parts: Vec<Part>| Request {
            turns: vec![Turn { role: Role::User, parts }],
            ..Request::default()
        };
        let empty = estimate_tokens(&request(vec![]));
        assert_eq!(estimate_tokens(&request(vec![text(4000)])), empty + 1000);
        let image = Part::Media(Media {
            kind: MediaKind::Image,
            source: MediaSource::Url { url: "https://x".to_owned(), media_type: None },
            name: None,
            detail: None,
        });
        assert_eq!(estimate_tokens(&request(vec![image])), empty + IMAGE_TOKENS);
        let tool = Tool::Custom { name: "long".to_owned(), description: Some("d".repeat(400)) };
        let with_tool = Request { tools: vec![tool], ..request(vec![]) };
        assert!(estimate_tokens(&with_tool) > empty + 100);
    }
}
