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

/// How many characters of a tool's arguments: they are cut in the middle of words, as providers do.
const ARGUMENT_CHARS_IN_A_PIECE: usize = 8;

/// What stands between a tool's name and its arguments, when a user says which to use.
const WITH_ARGUMENTS: &str = " with {";

/// Every fourth character begins a token, or so.
const CHARS_IN_A_TOKEN: usize = 4;

/// One model call.
pub struct Prompt {
    pub model: String,
    /// The last text the user wrote.
    pub said: String,
    /// The tool this call should use, if any.
    pub tool: Option<ToolUse>,
    /// What the last tool answered, if one has been used.
    pub tool_result: Option<String>,
    pub stream: bool,
    pub input_tokens: usize,
}

/// A tool to use, and what it is told.
#[derive(Debug, PartialEq, Eq)]
pub struct ToolUse {
    pub name: String,
    /// JSON, as an answer carries it.
    pub arguments: String,
}

impl ToolUse {
    /// `use the tool NAME with {...}` means that one, with these arguments; `use a tool` means the
    /// first on offer, without any.
    fn wished(said: &str, tools: &[&str]) -> Option<Self> {
        let mut words = said.split(|c: char| !c.is_alphanumeric());
        if !words.any(|word| word == "tool") {
            return None;
        }
        let by_name = || {
            let (before, arguments) = said.split_once(WITH_ARGUMENTS)?;
            let name = before.rsplit(' ').next().filter(|name| tools.contains(name))?;
            let json = format!("{{{arguments}");
            let mut values = serde_json::Deserializer::from_str(&json).into_iter::<Value>();
            let arguments = values.next()?.ok()?; // what follows it is for the reader
            Some(Self { name: name.to_owned(), arguments: arguments.to_string() })
        };
        let first =
            || Some(Self { name: (*tools.first()?).to_owned(), arguments: "{}".to_owned() });
        by_name().or_else(first)
    }

    /// The arguments as a value, for the APIs that do not carry them as text.
    pub fn input(&self) -> Value {
        serde_json::from_str(&self.arguments).expect("they were written from a value")
    }

    /// The arguments in the pieces they are streamed in; together they are the arguments.
    pub fn argument_pieces(&self) -> Vec<String> {
        let chars: Vec<char> = self.arguments.chars().collect();
        chars.chunks(ARGUMENT_CHARS_IN_A_PIECE).map(|piece| piece.iter().collect()).collect()
    }
}

/// What a dialect's reader found in a body, before anything is decided.
#[derive(Default)]
pub struct Found<'a> {
    pub said: Option<&'a str>,
    /// The names of the tools on offer.
    pub tools: Vec<&'a str>,
    pub tool_result: Option<String>,
}

impl Prompt {
    pub fn new(body: &Value, model: &str, found: Found<'_>) -> Self {
        let said = found.said.unwrap_or_default().trim();
        let tool = match found.tool_result {
            None => ToolUse::wished(said, &found.tools),
            Some(_) => None, // the result is there: now it is talked about
        };
        Self {
            model: model.to_owned(),
            said: said.to_owned(),
            tool,
            tool_result: found.tool_result,
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
        let mut answer = format!("Hello from {who}. You said: {}", echo(&self.said));
        if let Some(result) = &self.tool_result {
            answer.push_str(". The tool said: ");
            answer.push_str(&echo(result));
        }
        answer
    }
}

fn echo(text: &str) -> String {
    text.trim().chars().take(ECHO_LIMIT_CHARS).collect()
}

/// The text in the pieces it is streamed in; together they are the text.
pub fn pieces(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    words.chunks(WORDS_IN_A_PIECE).map(<[&str]>::concat).collect()
}

pub fn tokens_in(text: &str) -> usize {
    text.len().div_ceil(CHARS_IN_A_TOKEN)
}

/// What a tool's result says: it is a text, a list of parts, or in Gemini's API any object.
pub fn result_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
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
            // said,                              tools,            result,   used,                       why
            ("use a tool",                        vec!["ls", "sh"], None,     Some(("ls", "{}")),         "asked for: the first"),
            ("use a tool",                        vec!["ls"],       Some("a"), None,                      "the result is there: say it"),
            ("use a tool",                        vec![],           None,     None,                       "there is none"),
            ("use your toolbox",                  vec!["ls"],       None,     None,                       "another word"),
            (r#"use the tool sh with {"c":"x"}"#,   vec!["ls", "sh"], None,   Some(("sh", r#"{"c":"x"}"#)), "by its name"),
            (r#"use the tool sh with {"c":{}}. Go"#, vec!["sh"],    None,     Some(("sh", r#"{"c":{}}"#)), "more is said after it"),
            (r#"use the tool sh with {"c":"x"}"#,   vec!["ls"],     None,     Some(("ls", "{}")),         "not on offer"),
            ("use the tool sh with {c",           vec!["sh"],       None,     Some(("sh", "{}")),         "no JSON"),
        ];
        for (said, tools, result, used, why) in cases {
            let tool_result = result.map(ToOwned::to_owned);
            let found = Found { said: Some(said), tools, tool_result };
            let prompt = Prompt::new(&json!({}), "m", found);
            let tool = prompt.tool.as_ref().map(|tool| (&*tool.name, &*tool.arguments));
            assert_eq!(tool, used, "{said}: {why}");
        }
    }

    #[test]
    fn an_answer_says_what_a_tool_said() {
        let found = Found {
            said: Some("use a tool"),
            tools: vec!["ls"],
            tool_result: Some(" a.txt\n".to_owned()),
        };

        let answer = Prompt::new(&json!({}), "m", found).answer(Payer::Provider);

        assert!(answer.ends_with("You said: use a tool. The tool said: a.txt"), "{answer}");
    }

    #[test]
    fn pieces_of_arguments_together_are_the_arguments() {
        let arguments = json!({ "command": "echo é 🗼 > made" }).to_string();
        let tool = ToolUse { name: "sh".to_owned(), arguments: arguments.clone() };

        assert_eq!(tool.argument_pieces().concat(), arguments);
        assert!(tool.argument_pieces().len() > 3);
    }
}
