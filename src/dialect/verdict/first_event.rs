//! Whether a stream that began with 200 has failed before it said anything.
//!
//! A provider that is overloaded or over a limit often finds out after its head is sent: the first
//! event is then an error. Until the client has seen a byte, that is a failure like any other, and
//! another credential may be asked. So the beginning of a stream is held back until its first
//! meaningful event is whole; pings, and what a Responses stream sends before it has done any work,
//! are not meaningful.
//!
//! Reads the stream only; whoever calls holds the bytes. A body with a content coding cannot be
//! read here and should not be asked about.

mod events;
mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

use self::events::{Event, Events};
use self::status::status_of;
use crate::types::Dialect;

/// The status that a failure told by an event of a stream would have had without one.
#[must_use]
pub fn status_of_failure(event: &Value) -> StatusCode {
    status_of(event)
}

/// How far to look. What precedes the first meaningful event is short, but for the request that
/// Responses repeats in its first two; beyond this the client waits for no reason.
const LOOKED_AT: usize = 64 * 1024;

/// What the beginning of a stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstEvent {
    /// Nothing yet: read on.
    Incomplete,
    /// The answer has begun, or looks like nothing we know: let it flow.
    Fine,
    /// It failed.
    Failed {
        /// What the error's status would have been without a stream.
        status: StatusCode,
        /// The data of the event: the error's own JSON.
        body: Bytes,
    },
    /// It ended before it said anything, which is a failure too.
    Empty,
}

/// Reads the beginning of a stream, all of it so far. Once it is decided, more of the stream does
/// not change the decision.
#[must_use]
pub fn first_event(dialect: Dialect, stream_so_far: &[u8], ended: bool) -> FirstEvent {
    let is_whole = ended && stream_so_far.len() < LOOKED_AT;
    let looked_at = &stream_so_far[..stream_so_far.len().min(LOOKED_AT)];
    let mut events = Events::new(looked_at, is_whole);
    for event in &mut events {
        if let Some(decision) = decide(dialect, &event) {
            return decision;
        }
    }
    if stream_so_far.len() >= LOOKED_AT {
        return FirstEvent::Fine;
    }
    if !ended {
        return FirstEvent::Incomplete;
    }
    if !events.has_foreign_lines() {
        return FirstEvent::Empty;
    }
    // Not an event stream, whatever its head says; a JSON error in its place still is one.
    match error_in_ok_body(dialect, looked_at) {
        Some(status) => FirstEvent::Failed { status, body: Bytes::copy_from_slice(looked_at) },
        None => FirstEvent::Fine,
    }
}

/// `None`: the event decides nothing.
fn decide(dialect: Dialect, event: &Event<'_>) -> Option<FirstEvent> {
    if event.name == b"ping" || event.data.trim_ascii() == b"[DONE]" {
        return None;
    }
    let failed = |status| FirstEvent::Failed { status, body: Bytes::copy_from_slice(&event.data) };
    let Ok(data) = serde_json::from_slice::<Value>(&event.data) else {
        let is_error = event.name == b"error";
        return Some(if is_error { failed(status_of(&Value::Null)) } else { FirstEvent::Fine });
    };
    // Compatible servers leave out the name or the type, so either will do.
    let kind = data.get("type").and_then(Value::as_str).map_or(event.name, str::as_bytes);
    if kind == b"ping" || (dialect == Dialect::OpenAiResponses && comes_before_work(kind)) {
        return None;
    }
    let is_error = event.name == b"error"
        || matches!(kind, b"error" | b"response.failed")
        || data.get("error").or_else(|| data.pointer("/0/error")).is_some_and(is_an_error);
    Some(if is_error { failed(status_of(&data)) } else { FirstEvent::Fine })
}

fn comes_before_work(kind: &[u8]) -> bool {
    let kinds: [&[u8]; 4] =
        [b"response.created", b"response.queued", b"response.in_progress", b"codex.rate_limits"];
    kinds.contains(&kind)
}

/// Chunks of some servers carry `"error": null`.
fn is_an_error(error: &Value) -> bool {
    error.is_object() || error.as_str().is_some_and(|text| !text.is_empty())
}

/// The status that an error sent as a JSON answer with 200 would have had. Some servers that call
/// themselves compatible answer so.
#[must_use]
pub fn error_in_ok_body(dialect: Dialect, body: &[u8]) -> Option<StatusCode> {
    // Answers are long; their values are passed over, not built.
    type Fields<'a> = BTreeMap<String, &'a RawValue>;

    memchr::memmem::find(body, b"\"error\"")?;
    let fields: Fields<'_> = match serde_json::from_slice(body) {
        Ok(fields) => fields,
        // A Gemini stream without `alt=sse` is an array, errors included.
        Err(_) => serde_json::from_slice::<Vec<Fields<'_>>>(body).ok()?.into_iter().next()?,
    };
    if answer_keys(dialect).iter().any(|key| fields.contains_key(*key)) {
        return None;
    }
    let error: Value = serde_json::from_str(fields.get("error")?.get()).ok()?;
    is_an_error(&error).then(|| status_of(&serde_json::json!({ "error": error })))
}

/// What an answer has and an error has not.
const fn answer_keys(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Anthropic => &["content", "input_tokens"],
        Dialect::OpenAiChat => &["choices"],
        Dialect::OpenAiResponses => &["output"],
        Dialect::Gemini => &["candidates", "promptFeedback", "totalTokens"],
    }
}
