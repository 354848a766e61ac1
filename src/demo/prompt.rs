//! What a model call asks for, freed of its dialect, and what the demo upstream says to it.

use std::io::{self, Read};

use actix_web::http::header::{CONTENT_ENCODING, HeaderMap};
use flate2::read::GzDecoder;
use serde_json::Value;

use super::doors::Payer;
use super::failure::Refusal;

/// A compressed body may grow to this and no further.
const DECODED_BODY_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// The answer repeats what was said, up to here.
const ECHO_LIMIT_CHARS: usize = 200;

/// How many words a streamed answer brings at a time.
const WORDS_IN_A_PIECE: usize = 2;

/// Every fourth character begins a token, or so.
const CHARS_IN_A_TOKEN: usize = 4;

/// One model call.
pub struct Prompt {
    pub model: String,
    /// The last text the user wrote.
    pub said: String,
    /// The first tool on offer, when this call should use one.
    pub tool: Option<String>,
    pub stream: bool,
    pub input_tokens: usize,
}

/// What a dialect's reader found in a body, before anything is decided.
#[derive(Default)]
pub struct Found<'a> {
    pub said: Option<&'a str>,
    pub first_tool: Option<&'a str>,
    pub has_tool_result: bool,
}

impl Prompt {
    pub fn new(body: &Value, model: &str, found: &Found<'_>) -> Self {
        let said = found.said.unwrap_or_default().trim();
        let asks_for_tool = said.split(|c: char| !c.is_alphanumeric()).any(|word| word == "tool");
        Self {
            model: model.to_owned(),
            said: said.to_owned(),
            tool: found
                .first_tool
                .filter(|_| asks_for_tool && !found.has_tool_result)
                .map(ToOwned::to_owned),
            stream: body["stream"].as_bool().unwrap_or(false),
            input_tokens: tokens_in(&body.to_string()),
        }
    }

    /// The whole answer. It says who answered, so that a reader sees who would have paid.
    pub fn answer(&self, payer: Payer) -> String {
        let who = match payer {
            Payer::Provider => "the demo upstream",
            Payer::Amp => "the Amp server",
        };
        let said: String = self.said.chars().take(ECHO_LIMIT_CHARS).collect();
        format!("Hello from {who}. You said: {said}")
    }
}

/// The text in the pieces it is streamed in; together they are the text.
pub fn pieces(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    words.chunks(WORDS_IN_A_PIECE).map(<[&str]>::concat).collect()
}

pub fn tokens_in(text: &str) -> usize {
    text.len().div_ceil(CHARS_IN_A_TOKEN)
}

/// The text of a `content` that is either a string or a list of parts: the last part that has one.
pub fn last_text(content: &Value) -> Option<&str> {
    match content {
        Value::String(text) => Some(text),
        Value::Array(parts) => parts.iter().rev().find_map(|part| part["text"].as_str()),
        _ => None,
    }
}

/// The body of a model call that names its model, with the model.
pub fn read_call(headers: &HeaderMap, body: &[u8]) -> Result<(Value, String), Refusal> {
    let body = read_json(headers, body).map_err(|_unreadable| Refusal::NotJson)?;
    let model = body["model"].as_str().ok_or(Refusal::NoModel)?.to_owned();
    match Refusal::of_model(&model) {
        Some(refusal) => Err(refusal),
        None => Ok((body, model)),
    }
}

/// The body as JSON; Amp sends large ones as gzip, Codex its own as zstd.
pub fn read_json(headers: &HeaderMap, body: &[u8]) -> io::Result<Value> {
    let encoding = headers.get(CONTENT_ENCODING).map_or(&b"identity"[..], |value| value.as_bytes());
    let mut decoded = Vec::new();
    let body = match encoding {
        b"gzip" => {
            GzDecoder::new(body).take(DECODED_BODY_LIMIT_BYTES).read_to_end(&mut decoded)?;
            &decoded
        }
        b"zstd" => {
            let reader = zstd::Decoder::with_buffer(body)?;
            reader.take(DECODED_BODY_LIMIT_BYTES).read_to_end(&mut decoded)?;
            &decoded
        }
        _ => body,
    };
    serde_json::from_slice(body).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pieces_together_are_the_text() {
        let text = "Hello from the demo upstream. You said:  é 🗼";

        assert_eq!(pieces(text).concat(), text);
        assert!(pieces(text).len() > 3);
        assert!(pieces("").is_empty());
    }

    #[test]
    fn a_tool_is_used_when_asked_for_and_not_yet_answered() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // said,              first tool,   answered, used,       why
            ("use a tool",        Some("read"), false,    true,       "asked for"),
            ("use a tool",        Some("read"), true,     false,      "the result is there: say it"),
            ("use a tool",        None,         false,    false,      "there is none"),
            ("use your toolbox",  Some("read"), false,    false,      "another word"),
        ];
        for (said, first_tool, has_tool_result, used, why) in cases {
            let found = Found { said: Some(said), first_tool, has_tool_result };
            let prompt = Prompt::new(&json!({}), "m", &found);
            assert_eq!(prompt.tool.is_some(), used, "{said}: {why}");
        }
    }
}
