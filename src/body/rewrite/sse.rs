//! Gives the data of each event in an event stream to the JSON machine; everything else is copied.

use bytes::BytesMut;

use super::json::JsonRewriter;
use crate::body::event_lines::{EventLines, Part};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SseRewriter {
    json: JsonRewriter,
    lines: EventLines,
}

impl SseRewriter {
    pub(super) fn new(json: JsonRewriter) -> Self {
        Self { json, lines: EventLines::default() }
    }

    pub(super) fn push(&mut self, chunk: &[u8], out: &mut BytesMut) {
        let mut copied = 0; // everything before it is in `out`
        let mut at = 0;
        while at < chunk.len() {
            let (length, part) = self.lines.next(&chunk[at..]);
            let end = at + length;
            match part {
                Part::Data => {
                    out.extend_from_slice(&chunk[copied..at]);
                    // The one space that may follow the colon is white space to JSON too.
                    self.json.push(&chunk[at..end], out);
                    copied = end;
                }
                // Lines of data are joined by a line end, which is white space to JSON.
                Part::DataEnd => self.json.white_space(),
                Part::EventEnd => self.json.restart(),
                Part::Other => {}
            }
            at = end;
        }
        out.extend_from_slice(&chunk[copied..]);
    }
}
