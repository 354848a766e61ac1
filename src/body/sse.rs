//! Where a passing event stream stands, for the day it breaks.
//!
//! When the upstream dies in mid-stream, the gateway ends the stream with an error event. To write
//! one that the client can read, it must know whether the last event is closed, which line ends
//! the stream uses, and for OpenAI Responses which sequence number comes next. A stream that does
//! not break should pay nothing for it: chunks are looked at from their end, which is where it stops.

use bytes::Bytes;
use memchr::{memmem, memrchr};

/// The longest end of a stream that tells a blank line: CRLF twice.
const END: usize = 4;

/// Watches an event stream (WHATWG HTML, 9.2.6) go by.
#[derive(Clone, Debug, Default)]
pub struct SseTail {
    /// The last bytes of the stream, fewer at its start.
    end: [u8; END],
    end_len: usize,
    /// The last chunk and the one before it: a chunk may hold only the end of an event.
    last: Bytes,
    before: Bytes,
    /// What the last line end was.
    crlf: bool,
}

impl SseTail {
    /// Notes that `chunk` has gone to the client.
    pub fn push(&mut self, chunk: &Bytes) {
        if chunk.is_empty() {
            return;
        }
        // A chunk nearly always ends in a line end, so the search is over where it begins.
        match memrchr(b'\n', chunk) {
            None => {}
            Some(0) => self.crlf = self.end().ends_with(b"\r"),
            Some(at) => self.crlf = chunk[at - 1] == b'\r',
        }
        let fresh = &chunk[chunk.len().saturating_sub(END)..];
        let kept = self.end_len.min(END - fresh.len());
        self.end.copy_within(self.end_len - kept..self.end_len, 0);
        self.end[kept..kept + fresh.len()].copy_from_slice(fresh);
        self.end_len = kept + fresh.len();
        self.before = std::mem::replace(&mut self.last, chunk.clone());
    }

    /// Whether a new event may begin here: at the start of the stream, or after a blank line.
    #[must_use]
    pub fn is_at_event_boundary(&self) -> bool {
        let end = self.end();
        end.is_empty()
            || without_line_end(end).is_some_and(|rest| {
                // Nothing before the blank line means the start of the stream, as `end` is long
                // enough for two line ends.
                rest.is_empty() || without_line_end(rest).is_some()
            })
    }

    /// One more than the last whole `"sequence_number"` in the last two chunks; 0 without one.
    #[must_use]
    pub fn next_sequence_number(&self) -> u64 {
        let seen = [self.before.as_ref(), self.last.as_ref()].concat();
        let key = memmem::FinderRev::new(b"\"sequence_number\"");
        let mut text = seen.as_slice();
        while let Some(at) = key.rfind(text) {
            if let Some(number) = number_after_colon(&seen[at + key.needle().len()..]) {
                return number.saturating_add(1);
            }
            text = &text[..at]; // cut off by the end of the stream: look further back
        }
        0
    }

    /// Whether lines end in CRLF, as Gemini's do.
    #[must_use]
    pub fn uses_crlf(&self) -> bool {
        self.crlf
    }

    fn end(&self) -> &[u8] {
        &self.end[..self.end_len]
    }
}

/// `text` less the line end it ends in: CRLF, LF or CR.
fn without_line_end(text: &[u8]) -> Option<&[u8]> {
    match text {
        [rest @ .., b'\r', b'\n'] | [rest @ .., b'\n' | b'\r'] => Some(rest),
        _ => None,
    }
}

fn number_after_colon(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == text.len() {
        return None; // more digits may have been lost
    }
    str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(chunks: &[&str]) -> SseTail {
        let mut tail = SseTail::default();
        for chunk in chunks {
            tail.push(&Bytes::copy_from_slice(chunk.as_bytes()));
        }
        tail
    }

    #[test]
    fn an_event_boundary_is_known_at_any_cut() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // stream,            boundary, why
            ("",                  true,     "start of the stream"),
            ("data: x",           false,    "in a line"),
            ("data: x\n",         false,    "after a line"),
            ("data: x\r\n",       false,    "one CRLF is one line end"),
            ("data: x\r",         false,    "CR ends a line"),
            ("data: x\n\n",       true,     "LF LF"),
            ("data: x\r\n\r\n",   true,     "CRLF CRLF"),
            ("data: x\r\r",       true,     "CR CR"),
            ("data: x\n\r\n",     true,     "LF CRLF"),
            ("data: x\r\n\n",     true,     "CRLF LF"),
            ("data: x\n\r",       true,     "LF CR"),
            ("data: x\r\n\r",     true,     "CRLF CR, its LF to come"),
            ("data: x\n\ny",      false,    "in the next event"),
            ("a: b\n\n: ping\n",  false,    "after a comment line"),
            (": ping\n\n",        true,     "comment and blank line"),
            ("\n",                true,     "blank line at the start"),
            ("\r\n",              true,     "blank line at the start, CRLF"),
        ];
        for (stream, boundary, why) in cases {
            assert_eq!(tail(&[stream]).is_at_event_boundary(), boundary, "{why}");
            for cut in 0..=stream.len() {
                let (head, rest) = stream.split_at(cut);
                assert_eq!(tail(&[head, rest]).is_at_event_boundary(), boundary, "{why}, {cut}");
            }
            let bytes: Vec<&str> = stream.split("").collect();
            assert_eq!(tail(&bytes).is_at_event_boundary(), boundary, "{why}, byte by byte");
        }
    }

    #[test]
    fn the_next_sequence_number_follows_the_last_whole_one() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases: [(&[&str], u64, &str); 10] = [
            (&[],                                                              0,  "nothing seen"),
            (&["data: {\"type\":\"x\"}\n\n"],                                  0,  "no number"),
            (&["{\"sequence_number\":0}\n\n"],                                 1,  "first"),
            (&["{\"sequence_number\":4}\n\n{\"sequence_number\":5}\n\n"],      6,  "last of two"),
            (&["{\"sequence_number\" : 12 }\n\n"],                             13, "white space"),
            (&["{\"sequence_number\":3}\n\n", "{\"x\":1}\n\n"],                4,  "in the chunk before"),
            (&["{\"sequence_num", "ber\":3}\n\n"],                             4,  "cut in two"),
            (&["{\"sequence_number\":3}\n\n{\"sequence_number\":1"],           4,  "number cut off at the end"),
            (&["{\"sequence_number\":3}\n\n{\"sequence_number\""],             4,  "cut off before the number"),
            (&["{\"t\":\"\\\"sequence_number\\\":9\",\"sequence_number\":2}"], 3,  "inside a string it is escaped"),
        ];
        for (chunks, expected, why) in cases {
            assert_eq!(tail(chunks).next_sequence_number(), expected, "{why}");
        }
    }

    #[test]
    fn line_ends_are_told_apart() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases: [(&[&str], bool, &str); 7] = [
            (&[],                            false, "nothing seen"),
            (&["data: x\n\n"],               false, "LF"),
            (&["data: x\r\n\r\n"],           true,  "CRLF"),
            (&["data: x\r", "\n"],           true,  "CRLF cut in two"),
            (&["data: x\r\n\r\n", "data: "], true,  "an unfinished line after it"),
            (&["data: x\r\n\r\ndata: "],     true,  "the same in one chunk"),
            (&["data: x\r\r"],               false, "CR"),
        ];
        for (chunks, expected, why) in cases {
            assert_eq!(tail(chunks).uses_crlf(), expected, "{why}");
        }
    }

    #[test]
    fn a_line_end_before_a_long_unfinished_line_is_not_forgotten() {
        let cases: [(&[&str], &str); 2] = [
            (&["data: x\r\n\r\ndata: lo", "ng"], "far from the end of its chunk"),
            (&["data: x\r", "\ndata: long"], "cut in two"),
        ];
        for (chunks, why) in cases {
            assert!(tail(chunks).uses_crlf(), "{why}");
        }
    }

    #[test]
    fn a_real_stream_of_each_kind_is_understood() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("responses, 2 events", include_str!("../../tests/fixtures/openai-responses/r07-error-event.stream.sse"), 2, false),
            ("gemini",              include_str!("../../tests/fixtures/gemini/g02-text.stream.sse"),                   0, true),
            ("anthropic",           include_str!("../../tests/fixtures/anthropic/a02-text.stream.sse"),                0, false),
        ];
        for (name, stream, sequence_number, crlf) in cases {
            let tail = tail(&[stream]);
            assert!(tail.is_at_event_boundary(), "{name}");
            assert_eq!(tail.next_sequence_number(), sequence_number, "{name}");
            assert_eq!(tail.uses_crlf(), crlf, "{name}");
        }
    }
}
