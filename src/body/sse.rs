//! Where a passing event stream stands, for the day it breaks.
//!
//! When the upstream dies in mid-stream, the gateway ends the stream with an error event. To write
//! one that the client can read, it must know whether the last event is closed, which line ends
//! the stream uses, and for OpenAI Responses which sequence number comes next. Nothing of the
//! stream is kept for it but a few bytes: a piece that is held keeps the connection's whole read
//! buffer from being used again.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use memchr::memrchr;

/// The longest end of a stream that tells a blank line: CRLF twice.
const END: usize = 4;

const NUMBER_KEY: &[u8] = b"\"sequence_number\"";

/// As much of a stream's end as a key, white space and a number may take that a chunk cuts in two.
const SEAM: usize = 64;

static FIND_NUMBER_KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(NUMBER_KEY));

/// Watches an event stream (WHATWG HTML, 9.2.6) go by.
#[derive(Clone, Debug, Default)]
pub struct SseTail {
    /// The last bytes of the stream, fewer at its start.
    end: [u8; END],
    end_len: usize,
    /// What the last line end was.
    crlf: bool,
    numbers: Option<Numbers>,
}

/// The sequence numbers of a stream.
#[derive(Clone, Debug, Default)]
struct Numbers {
    next: u64,
    /// The last bytes of the stream, up to [`SEAM`].
    end: Vec<u8>,
}

impl SseTail {
    /// For a stream whose events are numbered, as those of OpenAI Responses.
    #[must_use]
    pub fn numbered() -> Self {
        Self { numbers: Some(Numbers::default()), ..Self::default() }
    }

    /// Notes that `chunk` has gone to the client.
    pub fn push(&mut self, chunk: &[u8]) {
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
        if let Some(numbers) = &mut self.numbers {
            numbers.push(chunk);
        }
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

    /// One more than the last whole `"sequence_number"`; 0 without one.
    #[must_use]
    pub fn next_sequence_number(&self) -> u64 {
        self.numbers.as_ref().map_or(0, |numbers| numbers.next)
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

impl Numbers {
    fn push(&mut self, chunk: &[u8]) {
        // A number that was cut in two stands where the chunks meet.
        self.end.extend_from_slice(&chunk[..chunk.len().min(SEAM)]);
        if let Some(number) = last_number(chunk).or_else(|| last_number(&self.end)) {
            self.next = number.saturating_add(1);
        }
        if chunk.len() > SEAM {
            self.end.clear();
            self.end.extend_from_slice(&chunk[chunk.len() - SEAM..]);
        } else {
            self.end.drain(..self.end.len().saturating_sub(SEAM));
        }
    }
}

/// `text` less the line end it ends in: CRLF, LF or CR.
fn without_line_end(text: &[u8]) -> Option<&[u8]> {
    match text {
        [rest @ .., b'\r', b'\n'] | [rest @ .., b'\n' | b'\r'] => Some(rest),
        _ => None,
    }
}

/// The last number in `text` that is whole.
fn last_number(text: &[u8]) -> Option<u64> {
    let keys = FIND_NUMBER_KEY.find_iter(text);
    keys.filter_map(|at| number_after_colon(&text[at + NUMBER_KEY.len()..])).last()
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
        let mut tail = SseTail::numbered();
        for chunk in chunks {
            tail.push(chunk.as_bytes());
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
        let cases: [(&[&str], u64, &str); 13] = [
            (&[],                                                              0,  "nothing seen"),
            (&["data: {\"type\":\"x\"}\n\n"],                                  0,  "no number"),
            (&["{\"sequence_number\":0}\n\n"],                                 1,  "first"),
            (&["{\"sequence_number\":4}\n\n{\"sequence_number\":5}\n\n"],      6,  "last of two"),
            (&["{\"sequence_number\" : 12 }\n\n"],                             13, "white space"),
            (&["{\"sequence_number\":3}\n\n", "{\"x\":1}\n\n"],                4,  "in the chunk before"),
            (&["{\"sequence_num", "ber\":3}\n\n"],                             4,  "cut in two"),
            (&["{\"sequence_number\":1", "2}"],                                13, "cut in its digits"),
            (&["{\"sequence_number\":", "1", "2}"],                           13, "cut in three"),
            (&["{\"sequence_number\":3}\n\n", ": ping\n\n", ": ping\n\n"],    4,  "long ago"),
            (&["{\"sequence_number\":3}\n\n{\"sequence_number\":1"],           4,  "number cut off at the end"),
            (&["{\"sequence_number\":3}\n\n{\"sequence_number\""],             4,  "cut off before the number"),
            (&["{\"t\":\"\\\"sequence_number\\\":9\",\"sequence_number\":2}"], 3,  "inside a string it is escaped"),
        ];
        for (chunks, expected, why) in cases {
            assert_eq!(tail(chunks).next_sequence_number(), expected, "{why}");
            let stream = chunks.concat();
            for size in 1..=stream.len() {
                let mut cut = SseTail::numbered();
                stream.as_bytes().chunks(size).for_each(|chunk| cut.push(chunk));
                assert_eq!(cut.next_sequence_number(), expected, "{why}, by {size}");
            }
        }
    }

    #[test]
    fn nothing_is_counted_where_events_have_no_numbers() {
        let mut tail = SseTail::default();
        tail.push(b"{\"sequence_number\":3}\n\n");
        assert_eq!(tail.next_sequence_number(), 0);
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
