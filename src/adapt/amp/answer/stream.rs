//! An answer that comes as a stream of events (WHATWG HTML, 9.2.6).
//!
//! Only `content_block_start` matters. An event that says in its first line that it is another one
//! crosses at once; the line is all that is held of it. One that does not say what it is, or is
//! what we look for, is held to its end: no client can act on it before that, and comments between
//! events, which keep connections alive, are never held.

use bytes::{Bytes, BytesMut};
use memchr::{memchr2, memmem};

use super::blocks::note_needs;
use crate::adapt::amp::{ToolNames, has_text};
use crate::adapt::events::only_data;
use crate::body::{Edits, JsonPart};

const WANTED: &str = "content_block_start";

/// Starts of blocks are small, their input and text come later; the exception is a result that a
/// tool at the provider has found, which needs nothing from us.
pub(super) const MAX_EVENT_BYTES: usize = 256 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventStream {
    tool_names: ToolNames,
    event: Event,
    held: Vec<u8>,
    is_at_line_start: bool,
    /// The last line ended in CR: a LF that follows belongs to that end.
    after_cr: bool,
}

/// What is known about the event we are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// It has no field yet that could matter; everything so far is out.
    Open,
    /// It may be one that must change. `line_at` is where its last line begins in what is held.
    Held { line_at: usize },
    /// It is none; everything so far is out.
    Passing,
}

impl EventStream {
    pub(super) fn new(tool_names: ToolNames) -> Self {
        Self {
            tool_names,
            event: Event::Open,
            held: Vec::new(),
            is_at_line_start: true,
            after_cr: false,
        }
    }

    pub(super) fn push(&mut self, chunk: &[u8], out: &mut BytesMut) {
        out.reserve(chunk.len());
        let mut rest = chunk;
        while let Some(&first) = rest.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                self.write(&rest[..1], out);
                rest = &rest[1..];
                continue;
            }
            let line_end = memchr2(b'\r', b'\n', rest);
            let (piece, behind) = rest.split_at(line_end.map_or(rest.len(), |at| at + 1));
            rest = behind;
            // Of the fields only `event` and `data` matter.
            if self.is_at_line_start && self.event == Event::Open && matches!(first, b'e' | b'd') {
                self.event = Event::Held { line_at: 0 };
            }
            self.write(piece, out);
            if line_end.is_some() {
                self.after_cr = piece.ends_with(b"\r");
                if self.is_at_line_start && piece.len() == 1 {
                    self.end_event(out);
                } else {
                    self.end_line(out);
                }
            }
            self.is_at_line_start = line_end.is_some();
        }
    }

    /// What is held now was never ended, and is written as it is.
    pub(super) fn finish(&mut self, out: &mut BytesMut) {
        self.release(out);
    }

    fn write(&mut self, piece: &[u8], out: &mut BytesMut) {
        if !matches!(self.event, Event::Held { .. }) {
            out.extend_from_slice(piece);
            return;
        }
        self.held.extend_from_slice(piece);
        if self.held.len() > MAX_EVENT_BYTES {
            self.release(out);
        }
    }

    fn end_line(&mut self, out: &mut BytesMut) {
        let Event::Held { line_at } = &mut self.event else { return };
        let line = &self.held[*line_at..];
        *line_at = self.held.len();
        // The LF of a CRLF before it stands in front of the line.
        let line = line.strip_prefix(b"\n").unwrap_or(line);
        if let [name @ .., b'\r' | b'\n'] = line.strip_prefix(b"event:").unwrap_or_default()
            && name.strip_prefix(b" ").unwrap_or(name) != WANTED.as_bytes()
        {
            self.release(out);
        }
    }

    fn end_event(&mut self, out: &mut BytesMut) {
        self.event = Event::Open;
        if let Some(edits) = needs_of_event(&self.held, &self.tool_names) {
            let event = Bytes::from(std::mem::take(&mut self.held));
            out.extend_from_slice(&edits.apply(&event));
        } else {
            out.extend_from_slice(&self.held);
            self.held.clear();
        }
    }

    /// What is held crosses as it is, and the rest of the event after it.
    fn release(&mut self, out: &mut BytesMut) {
        self.event = Event::Passing;
        out.extend_from_slice(&self.held);
        self.held.clear();
    }
}

fn needs_of_event(event: &[u8], tool_names: &ToolNames) -> Option<Edits> {
    memmem::find(event, WANTED.as_bytes())?; // most events without a name end here
    let json = only_data(event);
    let data = JsonPart::parse(&json).ok()?;
    if !has_text(data, "type", WANTED) {
        return None;
    }
    let mut edits = Edits::default();
    note_needs(&mut edits, &json, data.get("content_block")?, tool_names);
    Some(edits)
}
