//! Asking a Chat Completions server what a stream costs, for a client that has not.
//!
//! Only with `stream_options.include_usage` does such a stream say its tokens. Where they have to be known
//! it is put into the request, and what it adds to the answer is taken out again: a last chunk that has
//! usage and no choices, and `"usage":null` in the others. Everything else crosses byte for byte.

#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};
use memchr::memmem;

use super::events::only_data;
use crate::body::{Edits, JsonPart};

const USAGE: &str = "usage";

/// As much of an event is held until its end is known. A longer one crosses as it is; the chunk that is
/// looked for has a few hundred bytes.
const MAX_EVENT_BYTES: usize = 256 * 1024;

/// The request with the question in it; `None` when it asks already, is not for a stream, or cannot be
/// read.
#[must_use]
pub fn ask_for_usage(body: &Bytes) -> Option<Bytes> {
    let request = JsonPart::parse(body).ok()?;
    if request.get("stream")?.raw() != "true" {
        return None;
    }
    let mut edits = Edits::default();
    match request.get("stream_options") {
        Some(options) if options.is_object() => {
            if options.get("include_usage").is_some_and(|asks| asks.raw() == "true") {
                return None;
            }
            edits.set_member(body, options, "include_usage", "true");
        }
        Some(options) if options.raw() != "null" => return None,
        _ => edits.set_member(body, request, "stream_options", r#"{"include_usage":true}"#),
    }
    (!edits.is_empty()).then(|| edits.apply(body))
}

/// Takes out of a stream what the question has added to it. Make a new one for each answer.
///
/// An event is held until it ends: its client could not read it before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageHider {
    held: Vec<u8>,
    /// An event too long to hold crosses as it comes.
    passes: bool,
    is_at_line_start: bool,
    next_lf: NextLf,
}

/// What a LF is that comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum NextLf {
    /// The end of a line of its own.
    #[default]
    EndsLine,
    /// Part of the end of the last line, which was a CR so far.
    BelongsToCr,
    /// The same, and that line has been taken out.
    IsDropped,
}

impl UsageHider {
    #[must_use]
    pub fn new() -> Self {
        Self { is_at_line_start: true, ..Self::default() }
    }

    /// Appends to `out` what becomes of `chunk`, as far as that is known.
    pub fn push(&mut self, chunk: &[u8], out: &mut BytesMut) {
        let mut rest = chunk;
        while let Some(&first) = rest.first() {
            let next_lf = std::mem::take(&mut self.next_lf);
            if first == b'\n' && next_lf != NextLf::EndsLine {
                if next_lf == NextLf::BelongsToCr {
                    self.write(&rest[..1], out);
                }
                rest = &rest[1..];
                continue;
            }
            let line_end = memchr::memchr2(b'\r', b'\n', rest);
            let (piece, behind) = rest.split_at(line_end.map_or(rest.len(), |at| at + 1));
            rest = behind;
            self.write(piece, out);
            if line_end.is_some() {
                if piece.ends_with(b"\r") {
                    self.next_lf = NextLf::BelongsToCr;
                }
                if self.is_at_line_start && piece.len() == 1 {
                    self.end_event(out);
                }
            }
            self.is_at_line_start = line_end.is_some();
        }
    }

    /// Ends the answer, however it ended: appends what was still held back.
    pub fn finish(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(&self.held);
        self.held.clear();
    }

    fn write(&mut self, piece: &[u8], out: &mut BytesMut) {
        if !self.passes {
            self.held.extend_from_slice(piece);
            self.passes = self.held.len() > MAX_EVENT_BYTES;
            if self.passes {
                self.finish(out);
            }
            return;
        }
        out.extend_from_slice(piece);
    }

    fn end_event(&mut self, out: &mut BytesMut) {
        self.passes = false;
        match added_to(&self.held) {
            Added::Nothing => out.extend_from_slice(&self.held),
            Added::Member(edits) => {
                let event = Bytes::copy_from_slice(&self.held);
                out.extend_from_slice(&edits.apply(&event));
            }
            Added::Event if self.next_lf == NextLf::BelongsToCr => {
                self.next_lf = NextLf::IsDropped;
            }
            Added::Event => {}
        }
        self.held.clear();
    }
}

/// What of an event is there because we have asked.
enum Added {
    Nothing,
    /// Its usage, which is null.
    Member(Edits),
    /// All of it.
    Event,
}

fn added_to(event: &[u8]) -> Added {
    if memmem::find(event, b"\"usage\"").is_none() {
        return Added::Nothing;
    }
    let json = only_data(event);
    let Ok(data) = JsonPart::parse(&json) else { return Added::Nothing };
    let Some(usage) = data.get(USAGE) else { return Added::Nothing };
    if usage.raw() == "null" {
        let mut edits = Edits::default();
        edits.remove_members(&json, data, |key| key == USAGE);
        return Added::Member(edits);
    }
    let has_no_choices =
        data.get("choices").and_then(JsonPart::elements).is_some_and(|choices| choices.is_empty());
    if has_no_choices && usage.is_object() { Added::Event } else { Added::Nothing }
}
