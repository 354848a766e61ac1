//! Putting the client's model name back into an answer while it streams past.
//!
//! A client that asked for `claude-opus-4-5` and was served by another model must read its own
//! name in the answer: some check it. Only the strings at the given paths change; key order,
//! numbers, white space and unknown fields cross byte for byte, at any chunk cut, and nothing is
//! held back: a new name goes out when the old one begins, and the old one's bytes are skipped.

mod json;
mod sse;
#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};

use json::JsonRewriter;
use sse::SseRewriter;

/// Replaces the model name in one answer. Make a new one for each answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerRewriter(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Json(JsonRewriter),
    Sse(SseRewriter),
}

impl AnswerRewriter {
    /// For a JSON answer: an object, or an array of objects (Gemini's stream without `alt=sse`),
    /// where `paths` apply to each element.
    #[must_use]
    pub fn json(paths: &'static [&'static [&'static str]], model: &str) -> Self {
        Self(Kind::Json(JsonRewriter::new(paths, model)))
    }

    /// For `text/event-stream`: the data of each event is one JSON text. `[DONE]`, comments and
    /// data that is not JSON cross as they are.
    #[must_use]
    pub fn sse(paths: &'static [&'static [&'static str]], model: &str) -> Self {
        Self(Kind::Sse(SseRewriter::new(JsonRewriter::new(paths, model))))
    }

    /// Appends to `out` what becomes of `chunk`.
    pub fn push(&mut self, chunk: &Bytes, out: &mut BytesMut) {
        out.reserve(chunk.len());
        match &mut self.0 {
            Kind::Json(json) => json.push(chunk, out),
            Kind::Sse(sse) => sse.push(chunk, out),
        }
    }

    /// Ends the answer. Nothing is ever held back, so nothing is left to write today; callers
    /// end every body step this way all the same.
    pub fn finish(&mut self, _out: &mut BytesMut) {}
}
