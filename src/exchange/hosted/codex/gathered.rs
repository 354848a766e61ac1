//! One answer gathered from a stream of the Responses API, for a client that has not asked for a stream.

use std::borrow::Cow;
use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::body::{Edits, JsonPart};
use crate::dialect::status_of_failure;
use crate::translate::{FrameTooLong, Frames};

/// The longest answer that is gathered; as long as one event may be.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The answer is longer than any that is gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is longer than 64 MiB")]
pub(super) struct TooLong;

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gathered {
    /// It is still going on; at the end of the stream: it broke off.
    Unfinished,
    /// The response, whole.
    Response(Bytes),
    /// The data of the event that said so.
    Failed(Bytes),
}

/// Takes a stream, and holds what makes up the answer.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    frames: Frames,
    held: Held,
}

/// The items that are done, and the event that ends the answer.
#[derive(Debug, Default)]
struct Held {
    /// By their place in the output.
    items: BTreeMap<u64, String>,
    bytes: usize,
    ending: Option<Ending>,
}

#[derive(Debug)]
enum Ending {
    Response(String),
    Failed(Bytes),
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    output_index: Option<u64>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

impl Gathering {
    /// Takes the next bytes of the stream.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        let Self { frames, held } = self;
        frames.push(bytes, &mut |frame| held.take(frame.data))?;
        held.fits()
    }

    /// Whether nothing more is waited for.
    pub(super) fn is_over(&self) -> bool {
        self.held.ending.is_some()
    }

    /// What the stream came to.
    pub(super) fn finish(mut self) -> Result<Gathered, TooLong> {
        let Self { frames, held } = &mut self;
        frames.finish(&mut |frame| held.take(frame.data));
        held.fits()?;
        Ok(match held.ending.take() {
            None => Gathered::Unfinished,
            Some(Ending::Failed(data)) => Gathered::Failed(data),
            Some(Ending::Response(response)) => {
                Gathered::Response(with_output(response, &held.items))
            }
        })
    }
}

impl Held {
    fn fits(&self) -> Result<(), TooLong> {
        if self.bytes <= MAX_BYTES { Ok(()) } else { Err(TooLong) }
    }

    fn take(&mut self, data: &str) {
        if self.ending.is_some() || self.fits().is_err() {
            return;
        }
        // `[DONE]`, and whatever else is no event of this dialect.
        let Ok(event) = serde_json::from_str::<Event<'_>>(data) else { return };
        match (&*event.r#type, event.item, event.response) {
            ("response.output_item.done", Some(item), _) => {
                self.bytes += item.get().len();
                let behind = self.items.last_key_value().map_or(0, |(last, _)| last + 1);
                self.items.insert(event.output_index.unwrap_or(behind), item.get().to_owned());
            }
            ("response.completed" | "response.incomplete" | "response.done", _, Some(response)) => {
                self.ending = Some(Ending::Response(response.get().to_owned()));
            }
            ("response.failed" | "error", ..) => {
                self.ending = Some(Ending::Failed(Bytes::copy_from_slice(data.as_bytes())));
            }
            _ => {}
        }
    }
}

impl From<FrameTooLong> for TooLong {
    fn from(_: FrameTooLong) -> Self {
        Self
    }
}

/// The backend says its items one by one, and may leave `output` empty in the end.
fn with_output(response: String, items: &BTreeMap<u64, String>) -> Bytes {
    let response = Bytes::from(response);
    let mut edits = Edits::default();
    if let Ok(whole) = JsonPart::parse(&response) {
        let told = whole.get("output").and_then(JsonPart::elements).unwrap_or_default();
        if told.is_empty() && !items.is_empty() {
            let items: Vec<&str> = items.values().map(String::as_str).collect();
            edits.set_member(&response, whole, "output", &format!("[{}]", items.join(",")));
        }
    }
    edits.apply(&response)
}

/// The error that a failed response would have been without a stream: what Responses clients read where
/// they have not asked for one.
pub(super) fn error_answer(event: &[u8]) -> (StatusCode, Bytes) {
    let event: Value = serde_json::from_slice(event).unwrap_or_default();
    let status = status_of_failure(&event);
    let wrapped = [event.pointer("/response/error"), event.get("error")];
    let wrapped = wrapped.into_iter().flatten().find(|error| error.is_object());
    let flat = |key: &str| event.get(key).cloned().unwrap_or_default();
    let error = wrapped.cloned().unwrap_or_else(|| {
        let message = event.get("message").and_then(Value::as_str);
        json!({
            "message": message.unwrap_or("The response failed, and its provider did not say why."),
            "type": Value::Null,
            "param": flat("param"),
            "code": flat("code"),
        })
    });
    (status, json!({ "error": error }).to_string().into())
}

#[cfg(test)]
mod tests;
