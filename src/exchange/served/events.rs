//! A streamed answer as messages, and what it says of the response.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::memory::as_input;
use super::refusal;
use crate::translate::{FrameTooLong, Frames};

/// The messages of one answer: each is the data of an event, as it is. Remembers what a later call
/// may go on from.
#[derive(Default)]
pub(super) struct Messages {
    frames: Frames,
    response: Response,
}

#[derive(Default)]
struct Response {
    /// It said how it ended, well or not.
    is_over: bool,
    /// Of one that can be gone on from.
    id: Option<String>,
    /// As items of an input.
    output: Vec<String>,
    output_bytes: usize,
}

/// The longest output that can be gone on from. It is held beside what has been told already; one that is
/// longer would make an input that hardly any limit lets through.
const MAX_OUTPUT_BYTES: usize = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
}

#[derive(Deserialize)]
struct DoneItem<'a> {
    #[serde(borrow)]
    item: &'a RawValue,
}

#[derive(Deserialize)]
struct EndEvent<'a> {
    #[serde(borrow)]
    response: End<'a>,
}

#[derive(Deserialize)]
struct End<'a> {
    id: Option<String>,
    #[serde(borrow)]
    output: Option<Vec<&'a RawValue>>,
}

impl Messages {
    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, FrameTooLong> {
        let mut messages = Vec::new();
        let Self { frames, response } = self;
        frames.push(bytes, &mut |frame| messages.extend(response.take(frame.data)))?;
        Ok(messages)
    }

    /// The stream has ended.
    pub fn finish(&mut self) -> Vec<String> {
        let mut messages = Vec::new();
        let Self { frames, response } = self;
        frames.finish(&mut |frame| messages.extend(response.take(frame.data)));
        messages
    }

    /// Takes an answer that is no stream: its server has not understood `stream`. Its items are told
    /// one by one, since that is where clients look for them.
    pub fn push_whole(&mut self, body: &[u8]) -> Vec<String> {
        let end = serde_json::from_slice::<End<'_>>(body).ok().filter(|end| end.id.is_some());
        let Some(end) = end else { return Vec::new() };
        let whole = String::from_utf8_lossy(body);
        let mut events = vec![format!(r#"{{"type":"response.created","response":{whole}}}"#)];
        for (index, item) in end.output.iter().flatten().enumerate() {
            events.push(format!(
                r#"{{"type":"response.output_item.done","output_index":{index},"item":{item}}}"#
            ));
        }
        events.push(format!(r#"{{"type":"response.completed","response":{whole}}}"#));
        events.iter().filter_map(|event| self.response.take(event)).collect()
    }

    /// Whether the answer has said how it ended. A stream that has not is broken, however it ended.
    pub fn are_over(&self) -> bool {
        self.response.is_over
    }

    /// The response's id, and its output as items of an input; `None` when nothing can go on from it.
    pub fn into_response(self) -> Option<(String, Vec<String>)> {
        let is_held = self.response.output_bytes <= MAX_OUTPUT_BYTES;
        Some((self.response.id.filter(|_| is_held)?, self.response.output))
    }
}

impl Response {
    /// The message for an event's data; `None` for what is no event, such as `[DONE]`.
    fn take(&mut self, data: &str) -> Option<String> {
        let Event { r#type } = serde_json::from_str(data).ok()?;
        match &*r#type {
            "error" => {
                self.is_over = true;
                return Some(refusal::of_event(data));
            }
            "response.output_item.done" => {
                let done = serde_json::from_str::<DoneItem<'_>>(data).ok();
                self.hold(done.and_then(|done| as_input(done.item.get())));
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                self.is_over = true;
                let end = serde_json::from_str::<EndEvent<'_>>(data).ok();
                self.end(end.map(|end| end.response));
            }
            "response.failed" => self.is_over = true,
            _ => {}
        }
        Some(data.to_owned())
    }

    fn hold(&mut self, item: Option<String>) {
        let Some(item) = item else { return };
        self.output_bytes = self.output_bytes.saturating_add(item.len());
        if self.output_bytes <= MAX_OUTPUT_BYTES {
            self.output.push(item);
        } else {
            self.output = Vec::new();
        }
    }

    fn end(&mut self, end: Option<End<'_>>) {
        let Some(End { id, output }) = end else { return };
        self.id = id;
        // Some servers repeat nothing here, others tell no item before.
        if self.output_bytes == 0 {
            output.iter().flatten().for_each(|item| self.hold(as_input(item.get())));
        }
    }
}

/// A message with the client's word for the conversation it belongs to.
pub(super) fn in_stream(mut message: String, stream_id: Option<&str>) -> String {
    if let (Some(stream_id), Some(end)) = (stream_id, message.rfind('}')) {
        let stream_id = serde_json::Value::from(stream_id);
        message.replace_range(end.., &format!(r#","stream_id":{stream_id}}}"#));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: &str = r#"{"id":"fc_1","type":"function_call","call_id":"c"}"#;
    const AS_INPUT: &str = r#"{"type":"function_call","call_id":"c"}"#;

    fn stream(events: &[String]) -> String {
        events.iter().flat_map(|event| ["event: x\ndata: ", event, "\n\n"]).collect()
    }

    /// Fault of the first version: whatever a server told was held, without bound.
    #[test]
    fn an_output_that_is_too_long_is_not_held() {
        let item = format!(r#"{{"type":"message","text":"{}"}}"#, "x".repeat(8 * 1024 * 1024));
        let event = format!(r#"{{"type":"response.output_item.done","item":{item}}}"#);
        let mut response = Response::default();
        for _ in 0..8 {
            response.take(&event);
        }
        assert!(response.output.is_empty());
        response.take(r#"{"type":"response.completed","response":{"id":"r","output":[]}}"#);
        let messages = Messages { frames: Frames::default(), response };
        assert!(messages.into_response().is_none());
    }

    #[test]
    fn messages_are_the_events_data_at_any_cut() {
        let done = format!(r#"{{"type":"response.output_item.done","item":{ITEM}}}"#);
        let completed = format!(
            r#"{{"type":"response.completed","response":{{"id":"r1","output":[{ITEM}]}}}}"#
        );
        let delta = r#"{"type":"response.output_text.delta","delta":"🦀"}"#.to_owned();
        let events = [delta, done, completed];
        let bytes = stream(&events) + "data: [DONE]\n\n";
        for cut in 0..=bytes.len() {
            let mut messages = Messages::default();
            let mut said = messages.push(&bytes.as_bytes()[..cut]).unwrap();
            said.extend(messages.push(&bytes.as_bytes()[cut..]).unwrap());
            said.extend(messages.finish());
            assert_eq!(said, events, "cut at {cut}");
            assert!(messages.are_over());
            let (id, output) = messages.into_response().unwrap();
            assert_eq!((id.as_str(), output), ("r1", vec![AS_INPUT.to_owned()]), "told once");
        }
    }

    #[test]
    fn only_what_ended_well_can_be_gone_on_from() {
        let response = |kind: &str| {
            format!(r#"{{"type":"{kind}","response":{{"id":"r1","output":[{ITEM}]}}}}"#)
        };
        let item = || vec![AS_INPUT.to_owned()];
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // event,                                       over,  output,       why
            (response("response.completed"),                true,  Some(item()), "no item was told before"),
            (response("response.incomplete"),               true,  Some(item()), "cut short, and still said"),
            (response("response.done"),                     true,  Some(item()), "what some call completed"),
            (response("response.failed"),                   true,  None,         "failed"),
            (response("response.created"),                  false, None,         "only begun"),
            (r#"{"type":"error","code":"c"}"#.to_owned(),   true,  None,         "failed"),
            (r#"{"type":"response.completed","response":{}}"#.to_owned(), true, None, "without a name"),
        ];
        for (event, is_over, output, why) in cases {
            let mut messages = Messages::default();
            messages.push(stream(&[event]).as_bytes()).unwrap();
            assert_eq!(messages.are_over(), is_over, "{why}");
            assert_eq!(messages.into_response().map(|(_, output)| output), output, "{why}");
        }
    }

    #[test]
    fn an_answer_that_is_no_stream_is_told_as_one() {
        let mut messages = Messages::default();
        let said = messages.push_whole(format!(r#"{{"id":"r1","output":[{ITEM}]}}"#).as_bytes());
        let kinds: Vec<String> = said
            .iter()
            .map(|m| serde_json::from_str::<Event<'_>>(m).unwrap().r#type.into_owned())
            .collect();
        let expected = ["response.created", "response.output_item.done", "response.completed"];
        assert_eq!(kinds, expected);
        assert_eq!(messages.into_response().unwrap().1, [AS_INPUT]);
        for other in ["<html>", "{}"] {
            let said = Messages::default().push_whole(other.as_bytes());
            assert!(said.is_empty(), "no response at all: {other}");
        }
    }

    #[test]
    fn a_message_says_the_stream_it_belongs_to() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (r#"{"type":"x","a":{}}"#, Some("s\"1"), r#"{"type":"x","a":{},"stream_id":"s\"1"}"#),
            (r#"{"type":"x"}"#,        None,         r#"{"type":"x"}"#),
        ];
        for (message, stream_id, expected) in cases {
            assert_eq!(in_stream(message.to_owned(), stream_id), expected);
        }
    }
}
