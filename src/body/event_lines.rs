//! Finds the data of each event in an event stream (WHATWG HTML, 9.2.6), at any cut.

use memchr::memchr2;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const DATA_FIELD: &[u8] = b"data:";

/// Where in a stream we are. Nothing of the stream is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventLines {
    line: Line,
    /// The last line ended in CR: a LF that follows belongs to that end.
    after_cr: bool,
}

/// What the first bytes of a chunk are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Data of the event. The one space that may follow the colon is part of it.
    Data,
    /// The end of a line of data. Several lines are joined by it.
    DataEnd,
    /// Anything else, the last of it a blank line: the event is over.
    EventEnd,
    /// Anything else.
    Other,
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

impl Default for EventLines {
    fn default() -> Self {
        Self { line: Line::Mark(0), after_cr: false }
    }
}

impl EventLines {
    /// Takes the first bytes of `chunk`: how many, and what they are. The next call goes on behind them.
    pub fn next(&mut self, chunk: &[u8]) -> (usize, Part) {
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
                Line::Data if at > 0 => return (at, Part::Other),
                Line::Data => match memchr2(b'\r', b'\n', chunk) {
                    Some(0) => {
                        self.end_line(byte);
                        return (1, Part::DataEnd);
                    }
                    end => return (end.unwrap_or(chunk.len()), Part::Data),
                },
                Line::Name(_) | Line::Other => {
                    let Some(length) = memchr2(b'\r', b'\n', &chunk[at..]) else {
                        self.line = Line::Other;
                        return (chunk.len(), Part::Other);
                    };
                    let is_blank = self.line == Line::Name(0) && length == 0;
                    at += length + 1;
                    self.end_line(chunk[at - 1]);
                    if is_blank {
                        return (at, Part::EventEnd);
                    }
                }
            }
        }
        (at, Part::Other)
    }

    fn end_line(&mut self, byte: u8) {
        self.after_cr = byte == b'\r';
        self.line = Line::Name(0);
    }
}
