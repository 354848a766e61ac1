//! A client's message: what it asks for, and the HTTP body that asks for the same.

use std::ops::Range;

use bytes::Bytes;

use crate::body::{Edits, JsonPart};

/// A `response.create`. Its members are those of an HTTP body, and a few that only a connection
/// understands.
#[derive(Debug)]
pub(super) struct Create {
    message: Bytes,
    /// Which of several conversations on the connection this is; its events say it back.
    pub stream_id: Option<String>,
    /// The response that this one goes on from.
    pub previous: Option<String>,
    /// Whether a model is to answer. Else the input is only remembered.
    pub generates: bool,
    pub model: Option<String>,
    input: Input,
}

#[derive(Debug)]
enum Input {
    None,
    /// A string: the user's only message.
    Text(Range<usize>),
    /// What stands within the array's brackets.
    Items(Range<usize>),
}

/// A message that cannot be answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadMessage {
    pub stream_id: Option<String>,
    pub message: String,
    /// Which member is wrong.
    pub param: Option<&'static str>,
}

impl Create {
    pub fn parse(message: Bytes) -> Result<Self, BadMessage> {
        let bad = |stream_id, message: String, param| BadMessage { stream_id, message, param };
        let root = JsonPart::parse(&message)
            .map_err(|error| bad(None, format!("the message is not JSON: {error}"), None))?;
        if !root.is_object() {
            return Err(bad(None, "the message is no JSON object".to_owned(), None));
        }
        let text = |key| root.get(key).and_then(JsonPart::text).map(String::from);
        let stream_id = text("stream_id");
        match text("type").as_deref() {
            Some("response.create") => {}
            Some(other) => {
                let what = format!("only `response.create` is understood here, not `{other}`");
                return Err(bad(stream_id, what, Some("type")));
            }
            None => {
                let what = "the message has no `type`: send a `response.create`".to_owned();
                return Err(bad(stream_id, what, Some("type")));
            }
        }
        let input = match root.get("input") {
            None => Input::None,
            Some(input) if input.raw() == "null" => Input::None,
            Some(input) if input.text().is_some() => Input::Text(input.span_in(&message)),
            Some(input) if input.raw().starts_with('[') => {
                let span = input.span_in(&message);
                Input::Items(span.start + 1..span.end - 1)
            }
            Some(_) => {
                let what = "`input` is neither a string nor an array".to_owned();
                return Err(bad(stream_id, what, Some("input")));
            }
        };
        let previous = text("previous_response_id");
        let generates = root.get("generate").is_none_or(|generate| generate.raw() != "false");
        let model = text("model");
        Ok(Self { message, stream_id, previous, generates, model, input })
    }

    /// The items of the input that stands behind `before`, without brackets.
    pub fn items(&self, before: &str) -> String {
        let text = |span: &Range<usize>| String::from_utf8_lossy(&self.message[span.clone()]);
        let own = match &self.input {
            Input::None => String::new(),
            Input::Text(span) => {
                format!(r#"{{"type":"message","role":"user","content":{}}}"#, text(span))
            }
            Input::Items(span) => text(span).trim().to_owned(),
        };
        join(before, &own)
    }

    /// The body of the HTTP call, byte for byte what the client wrote where nothing must be another.
    pub fn body(&self, before: &str) -> Bytes {
        let only_here = |key: &str| {
            matches!(
                key,
                "type"
                    | "generate"
                    | "stream_id"
                    | "previous_response_id"
                    // A call that runs in the background is answered before it is done.
                    | "background"
            )
        };
        let whole_input = (!before.is_empty()).then(|| format!("[{}]", self.items(before)));
        let mut set = vec![("stream", "true")];
        set.extend(whole_input.as_deref().map(|input| ("input", input)));
        let root = JsonPart::parse(&self.message).expect("it was parsed before");
        let mut edits = Edits::default();
        edits.change_members(&self.message, root, &set, only_here);
        edits.apply(&self.message)
    }
}

/// Two lists of items, without brackets, as one.
pub(super) fn join(before: &str, behind: &str) -> String {
    let comma = if before.is_empty() || behind.is_empty() { "" } else { "," };
    [before, comma, behind].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(message: &'static str) -> Create {
        Create::parse(Bytes::from_static(message.as_bytes())).unwrap()
    }

    #[test]
    fn a_message_becomes_the_body_that_asks_for_the_same() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // message, remembered, body, why
            (r#"{"type":"response.create", "model":"m","input" : "hi"}"#, "",
             r#"{"stream":true, "model":"m","input" : "hi"}"#, "what is the client's stays as it is"),
            (r#"{"type":"response.create","model":"m","stream":false,"background":true,"generate":true,"stream_id":"s"}"#, "",
             r#"{"model":"m","stream":true}"#, "what only a connection understands goes"),
            (r#"{"model":"m","input":[ {"b":1} ],"type":"response.create","previous_response_id":"r"}"#, r#"{"a":1}"#,
             r#"{"stream":true,"model":"m","input":[{"a":1},{"b":1}]}"#, "the whole input, and no id"),
            (r#"{"type":"response.create","model":"m","input":"hi","previous_response_id":"r"}"#, r#"{"a":1}"#,
             r#"{"stream":true,"model":"m","input":[{"a":1},{"type":"message","role":"user","content":"hi"}]}"#, "a string is the user's message"),
            (r#"{"type":"response.create","model":"m","previous_response_id":"r"}"#, r#"{"a":1}"#,
             r#"{"stream":true,"input":[{"a":1}],"model":"m"}"#, "no new input"),
            (r#"{"type":"response.create","model":"m","input":[],"previous_response_id":"r"}"#, r#"{"a":1}"#,
             r#"{"stream":true,"model":"m","input":[{"a":1}]}"#, "empty new input"),
        ];
        for (message, before, expected, why) in cases {
            let body = parsed(message).body(before);
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
            assert_eq!(body, expected, "{why}");
        }
        let untouched =
            parsed(r#"{"type":"response.create", "model":"m","input" : "hi"}"#).body("");
        let text = String::from_utf8_lossy(&untouched).into_owned();
        assert!(text.contains(r#""model":"m","input" : "hi""#), "byte for byte: {text}");
    }

    #[test]
    fn a_message_that_asks_for_nothing_says_what_is_wrong() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // message,                                          param,         word,         stream
            ("{",                                                None,          "JSON",       None),
            ("[]",                                               None,          "object",     None),
            ("{}",                                               Some("type"),  "no `type`",  None),
            (r#"{"type":"response.steer","stream_id":"s"}"#,     Some("type"),  "steer",      Some("s")),
            (r#"{"type":"response.create","input":7}"#,          Some("input"), "neither",    None),
        ];
        for (message, param, word, stream) in cases {
            let bad = Create::parse(Bytes::from_static(message.as_bytes())).unwrap_err();
            assert_eq!((bad.param, bad.stream_id.as_deref()), (param, stream), "{message}");
            assert!(bad.message.contains(word), "{message}: {}", bad.message);
        }
    }

    #[test]
    fn only_a_plain_false_is_a_warm_up() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (r#"{"type":"response.create","generate":false}"#, false),
            (r#"{"type":"response.create","generate":true}"#,  true),
            (r#"{"type":"response.create","generate":null}"#,  true),
            (r#"{"type":"response.create"}"#,                  true),
        ];
        for (message, generates) in cases {
            assert_eq!(parsed(message).generates, generates, "{message}");
        }
    }
}
