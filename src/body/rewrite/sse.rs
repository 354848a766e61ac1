//! Finds the data of each event in an event stream (WHATWG HTML, 9.2.6) and gives it to the JSON
//! machine; everything else is copied.

use bytes::BytesMut;
use memchr::memchr2;

use super::json::JsonRewriter;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const DATA_FIELD: &[u8] = b"data:";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SseRewriter {
    json: JsonRewriter,
    line: Line,
    /// The last line ended in CR: a LF that follows belongs to that end.
    after_cr: bool,
}

/// What is known about the line we are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// The first line of the stream, so many bytes of a byte order mark read.
    Mark(usize),
    /// It began with so many bytes of `data:`; none yet at its start.
    Name(usize),
    Data,
    Other,
}

impl SseRewriter {
    pub(super) fn new(json: JsonRewriter) -> Self {
        Self { json, line: Line::Mark(0), after_cr: false }
    }

    pub(super) fn push(&mut self, chunk: &[u8], out: &mut BytesMut) {
        let mut copied = 0; // everything before it is in `out`
        let mut at = 0;
        while at < chunk.len() {
            let byte = chunk[at];
            if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                at += 1;
                continue;
            }
            match self.line {
                Line::Mark(read) if BYTE_ORDER_MARK[read] == byte => {
                    let read = read + 1;
                    let whole = read == BYTE_ORDER_MARK.len();
                    self.line = if whole { Line::Name(0) } else { Line::Mark(read) };
                    at += 1;
                }
                Line::Mark(0) => self.line = Line::Name(0),
                Line::Mark(_) => self.line = Line::Other,
                Line::Name(read) if DATA_FIELD[read] == byte => {
                    let read = read + 1;
                    self.line =
                        if read == DATA_FIELD.len() { Line::Data } else { Line::Name(read) };
                    at += 1;
                }
                Line::Name(_) | Line::Other | Line::Data => {
                    let end = memchr2(b'\r', b'\n', &chunk[at..]).map(|found| at + found);
                    let stop = end.unwrap_or(chunk.len());
                    if self.line == Line::Data {
                        out.extend_from_slice(&chunk[copied..at]);
                        // The one space that may follow the colon is white space to JSON too.
                        self.json.push(&chunk[at..stop], out);
                        copied = stop;
                    } else if self.line != Line::Name(0) || stop > at {
                        self.line = Line::Other;
                    }
                    at = stop;
                    if end.is_some() {
                        self.end_line(chunk[at]);
                        at += 1;
                    }
                }
            }
        }
        out.extend_from_slice(&chunk[copied..]);
    }

    fn end_line(&mut self, byte: u8) {
        match self.line {
            Line::Name(0) => self.json.restart(), // a blank line: the event is over
            // Lines of data are joined by a line end, which is white space to JSON.
            Line::Data => self.json.white_space(),
            _ => {}
        }
        self.after_cr = byte == b'\r';
        self.line = Line::Name(0);
    }
}
