//! Reads single values out of an answer while it streams past, and touches nothing.
//!
//! Made for the few bytes that say what an answer cost. An event without the mark costs a search for
//! it and nothing else; what is walked costs about a nanosecond a byte, wherever it is cut. Nothing is
//! held but the value that is being read.

mod encoded;
#[cfg(test)]
mod tests;

use std::mem::take;

use memchr::memmem::Finder;
use memchr::memrchr_iter;

pub use encoded::EncodedWatch;

use super::event_lines::{EventLines, Part};
use super::walk::{JsonWalk, Piece, Wanted};

/// The longest value that is read. Counts of tokens take a few hundred bytes, with all their details.
const MAX_VALUE_BYTES: usize = 16 * 1024;

/// Watches one answer for the objects at the given paths. Make a new one for each answer.
#[derive(Clone, Debug)]
pub struct ValueWatch {
    walk: JsonWalk,
    /// As much of a value as has come.
    value: Vec<u8>,
    is_too_long: bool,
    /// `None` for an answer that is one JSON text.
    events: Option<Events>,
}

#[derive(Clone, Debug)]
struct Events {
    lines: EventLines,
    /// An event has begun that is walked to its end.
    is_inside: bool,
    /// Stands in every event that has a value.
    mark: &'static Finder<'static>,
}

impl ValueWatch {
    /// For a JSON answer: an object, or an array of objects, where `paths` apply to each element.
    #[must_use]
    pub fn json(paths: &'static [&'static [&'static str]]) -> Self {
        let walk = JsonWalk::new(paths, Wanted::Objects);
        Self { walk, value: Vec::new(), is_too_long: false, events: None }
    }

    /// For `text/event-stream`: the data of each event is one JSON text. `mark` is what each of the
    /// paths' last keys begins with, its opening quote included.
    #[must_use]
    pub fn events(
        paths: &'static [&'static [&'static str]],
        mark: &'static Finder<'static>,
    ) -> Self {
        let events = Events { lines: EventLines::default(), is_inside: false, mark };
        Self { events: Some(events), ..Self::json(paths) }
    }

    /// Takes the next bytes of the answer; tells each value that ends in them.
    pub fn push(&mut self, chunk: &[u8], tell: &mut dyn FnMut(&[u8])) {
        match self.events.take() {
            Some(mut events) => {
                self.push_events(&mut events, chunk, tell);
                self.events = Some(events);
            }
            None => self.walk(chunk, tell),
        }
    }

    fn push_events(&mut self, events: &mut Events, chunk: &[u8], tell: &mut dyn FnMut(&[u8])) {
        let mut at = 0;
        let mut mark = None;
        while at < chunk.len() {
            if !events.is_inside {
                // Events before the one with the mark, or before the one that is not whole, have no value.
                if mark.is_none_or(|mark| mark < at) {
                    mark = Some(events.next_mark(chunk, at));
                }
                let end = mark.unwrap_or(chunk.len());
                at += last_event_end(&chunk[at..end]);
                if at == chunk.len() {
                    return;
                }
                events.is_inside = true;
            }
            let (length, part) = events.lines.next(&chunk[at..]);
            match part {
                Part::Data => self.walk(&chunk[at..at + length], tell),
                Part::DataEnd => self.walk.white_space(),
                Part::EventEnd => {
                    self.walk.restart();
                    events.is_inside = false;
                }
                Part::Other => {}
            }
            at += length;
        }
    }

    fn walk(&mut self, mut text: &[u8], tell: &mut dyn FnMut(&[u8])) {
        while !text.is_empty() {
            let length = match self.walk.next(text) {
                Piece::Around(length) => length,
                Piece::Value { length, begins, ends } => {
                    if begins {
                        self.value.clear();
                        self.is_too_long = false;
                    }
                    self.keep(&text[..length]);
                    if ends && !take(&mut self.is_too_long) {
                        tell(&self.value);
                    }
                    length
                }
            };
            text = &text[length..];
        }
    }

    fn keep(&mut self, part: &[u8]) {
        if self.value.len() + part.len() > MAX_VALUE_BYTES {
            self.is_too_long = true;
        }
        if !self.is_too_long {
            self.value.extend_from_slice(part);
        }
    }
}

impl Events {
    /// Where in `chunk`, from `from` on, the first mark stands whose value is not null; else its end.
    fn next_mark(&self, chunk: &[u8], from: usize) -> usize {
        let behind = &chunk[from..];
        let length = self.mark.needle().len();
        let mut marks = self.mark.find_iter(behind);
        let found = marks.find(|at| !is_null(&behind[at + length..]));
        found.map_or(chunk.len(), |at| from + at)
    }
}

/// Whether a key ends here whose value is null: so `OpenAI`'s chunks say that usage comes later.
fn is_null(text: &[u8]) -> bool {
    let value = text.strip_prefix(b"\":");
    value.is_some_and(|value| value.trim_ascii_start().starts_with(b"null"))
}

/// Where the last event in `text` ends that is whole; 0 without one. Blank lines that are made of CR
/// alone are not seen: their events are walked.
fn last_event_end(text: &[u8]) -> usize {
    let is_end = |at: &usize| {
        let line = &text[..*at];
        let before = line.strip_suffix(b"\r").unwrap_or(line);
        before.ends_with(b"\n")
    };
    memrchr_iter(b'\n', text).find(is_end).map_or(0, |at| at + 1)
}
