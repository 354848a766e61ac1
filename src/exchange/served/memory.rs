//! What a connection remembers: its last response.
//!
//! A client that goes on from it sends only what is new; over HTTP the whole conversation is asked.
//! Older responses, and those of other connections, are unknown here: the client then sends the whole
//! itself, as it must after a reconnect. A call that fails leaves the memory as it was, so that the
//! client can try the same again.

use bytes::Bytes;

use super::create::join;
use crate::body::{Edits, JsonPart};

/// The last response of one connection. Never more than about `limit_bytes`.
#[derive(Debug)]
pub(super) struct Memory {
    limit_bytes: usize,
    last: Option<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    id: String,
    /// Its input and its output: JSON items, a comma between them.
    items: String,
}

/// Nothing is remembered of the response that a call wants to go on from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown;

impl Memory {
    pub fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, last: None }
    }

    /// What stands before the input of a call that goes on from `previous`.
    pub fn before(&self, previous: Option<&str>) -> Result<&str, Unknown> {
        let Some(previous) = previous else { return Ok("") };
        let last = self.last.as_ref().filter(|last| last.id == previous);
        last.map(|last| last.items.as_str()).ok_or(Unknown)
    }

    /// Remembers a response in place of the one before. One that is too long for a body is forgotten:
    /// nothing could be asked with it.
    pub fn remember(&mut self, id: String, input: &str, output: &[String]) {
        let mut items = input.to_owned();
        for item in output {
            items = join(&items, item);
        }
        self.last = (items.len() <= self.limit_bytes).then_some(Remembered { id, items });
    }
}

/// An item of an output as it stands in an input. Its id names what a provider has stored, or what no
/// provider has ever heard of. A reasoning item says nothing but that id when it comes without its
/// content: then there is no item.
pub(super) fn as_input(item: &str) -> Option<String> {
    let item = Bytes::copy_from_slice(item.as_bytes());
    let root = JsonPart::parse(&item).ok().filter(|root| root.is_object())?;
    let has = |key| root.get(key).is_some_and(|value| !matches!(value.raw(), "null" | "[]"));
    let is_reasoning = root.get("type").and_then(JsonPart::text).as_deref() == Some("reasoning");
    if is_reasoning && !has("encrypted_content") && !has("content") {
        return None;
    }
    let mut edits = Edits::default();
    edits.remove_members(&item, root, |key| key == "id");
    Some(String::from_utf8_lossy(&edits.apply(&item)).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_response_is_remembered() {
        let mut memory = Memory::new(100);
        assert_eq!(memory.before(None), Ok(""));
        assert_eq!(memory.before(Some("r1")), Err(Unknown));

        memory.remember("r1".to_owned(), "1", &["2".to_owned(), "3".to_owned()]);
        assert_eq!(memory.before(Some("r1")), Ok("1,2,3"));
        assert_eq!(memory.before(None), Ok(""), "who names none begins anew");
        assert_eq!(memory.before(Some("r2")), Err(Unknown));

        memory.remember("r2".to_owned(), "", &[]);
        assert_eq!(memory.before(Some("r2")), Ok(""), "an empty one is known");
        assert_eq!(memory.before(Some("r1")), Err(Unknown));
    }

    #[test]
    fn what_is_too_long_to_be_asked_is_forgotten() {
        let mut memory = Memory::new(5);
        memory.remember("r1".to_owned(), "12", &["34".to_owned()]);
        assert_eq!(memory.before(Some("r1")), Ok("12,34"));
        memory.remember("r2".to_owned(), "12", &["345".to_owned()]);
        assert_eq!(memory.before(Some("r2")), Err(Unknown));
        assert_eq!(memory.before(Some("r1")), Err(Unknown));
    }

    #[test]
    fn an_item_of_the_output_is_an_item_of_the_input_without_its_id() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (r#"{"id":"fc_1","type":"function_call", "call_id":"c"}"#, Some(r#"{"type":"function_call", "call_id":"c"}"#), "the pairing id stays"),
            (r#"{"type":"message","id":"msg_1"}"#,          Some(r#"{"type":"message"}"#), "wherever it stands"),
            (r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"e"}"#, Some(r#"{"type":"reasoning","summary":[],"encrypted_content":"e"}"#), "it can be read again"),
            (r#"{"type":"reasoning","id":"rs_1","content":[{"text":"t"}]}"#, Some(r#"{"type":"reasoning","content":[{"text":"t"}]}"#), "open models say it in clear"),
            (r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":null}"#, None, "only a reference"),
            ("7",                                           None,                          "no item"),
        ];
        for (item, expected, why) in cases {
            assert_eq!(as_input(item).as_deref(), expected, "{why}");
        }
    }
}
