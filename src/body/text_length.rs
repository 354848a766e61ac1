//! How much text stands under given keys of JSON that streams past: the length of every string whose
//! key is one of them, at any depth, in one JSON text or in many, as the events of a stream have them.
//! Of keys that may hold the same text, the one that holds most of it counts.

use memchr::{memchr, memchr2};

/// A key is no longer: of a string only so much is kept, for it may be one.
const MOST_KEY_BYTES: usize = 32;

/// As many keys as are told apart.
const MOST_KEYS: usize = 8;

/// Adds up one answer's text. Make a new one for each answer.
#[derive(Clone, Debug)]
pub struct TextLength {
    /// Those in one list may hold the same text.
    keys: &'static [&'static [&'static str]],
    state: State,
    /// The beginning of the string that is read, or was read last.
    start: Vec<u8>,
    length: u64,
    /// Under which of the keys, all lists in a row, what is read next stands, if it is a string.
    wanted: Option<usize>,
    /// Of each key.
    bytes: [u64; MOST_KEYS],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    String,
    /// The last byte was a backslash.
    Escape,
    /// A colon would say that it was a key.
    AfterString,
}

impl TextLength {
    #[must_use]
    pub fn new(keys: &'static [&'static [&'static str]]) -> Self {
        debug_assert!(keys.iter().map(|same| same.len()).sum::<usize>() <= MOST_KEYS);
        Self {
            keys,
            state: State::Between,
            start: Vec::new(),
            length: 0,
            wanted: None,
            bytes: [0; MOST_KEYS],
        }
    }

    /// So far, as it is written: with its escapes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let mut bytes = self.bytes.iter();
        let longest = |same: &&[&str]| bytes.by_ref().take(same.len()).max().copied();
        self.keys.iter().filter_map(longest).fold(0, u64::saturating_add)
    }

    /// Takes the next bytes of the answer.
    pub fn push(&mut self, mut rest: &[u8]) {
        while let Some(&first) = rest.first() {
            let read = match self.state {
                State::Between => memchr(b'"', rest).map_or(rest.len(), |at| {
                    self.state = State::String;
                    self.start.clear();
                    self.length = 0;
                    at + 1
                }),
                State::String => {
                    let end = memchr2(b'"', b'\\', rest);
                    self.keep(&rest[..end.unwrap_or(rest.len())]);
                    end.map_or(rest.len(), |at| {
                        let is_escape = rest[at] == b'\\';
                        self.state = if is_escape { State::Escape } else { State::AfterString };
                        at + 1
                    })
                }
                State::Escape => {
                    self.keep(&[b'\\', first]);
                    self.state = State::String;
                    1
                }
                State::AfterString if first.is_ascii_whitespace() => 1,
                State::AfterString => {
                    self.end_string(first == b':');
                    self.state = State::Between;
                    0
                }
            };
            rest = &rest[read..];
        }
    }

    fn keep(&mut self, part: &[u8]) {
        self.length += part.len() as u64;
        let room = MOST_KEY_BYTES.saturating_sub(self.start.len());
        self.start.extend_from_slice(&part[..part.len().min(room)]);
    }

    fn end_string(&mut self, is_key: bool) {
        if is_key {
            let mut keys = self.keys.iter().copied().flatten();
            self.wanted = keys.position(|key| key.as_bytes() == self.start);
        } else if let Some(bytes) = self.wanted.take().and_then(|at| self.bytes.get_mut(at)) {
            *bytes = bytes.saturating_add(self.length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_under_the_keys_is_added_up_at_any_cut() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // answer,                                              bytes, why
            (r#"{"text":"abc"}"#,                                   3,     "plain"),
            (r#"{"a":[{"b":{"text" : "abc"}}]}"#,                   3,     "deep, and with blanks"),
            (r#"{"text":"abc","other":"defg","delta":"hi"}"#,       5,     "two keys, and one that is none"),
            (r#"{"text":"ab","again":"abc","delta":"hi"}"#,         5,     "the same said twice, and more"),
            (r#"{"other":"text","b":"cd"}"#,                        0,     "a value that looks like a key"),
            (r#"{"text":"text","b":"cd"}"#,                         4,     "the same, under a key"),
            (r#"{"text":null,"b":"cd"}"#,                           0,     "nothing under the key"),
            (r#"{"text":["ab"],"b":"cd"}"#,                         2,     "a list, of which the first counts"),
            (r#"{"text":"a\"\\","b":"text\":\"abc"}"#,              5,     "quotes in a text, and what looks like a key behind"),
            (r#"{"text":""}"#,                                      0,     "empty"),
            (r#"{"text":"not whole"#,                               0,     "an answer that is cut"),
            ("data: {\"text\":\"ab\"}\n\ndata: {\"text\":\"c\"}\r\n\r\ndata: [DONE]\n\n", 3, "events"),
            (r#"{"text-and-more-than-a-key-ever-has-of-letters":"ab"}"#, 0, "a long key"),
        ];
        for (answer, expected, why) in cases {
            for size in 1..=answer.len() {
                let mut length = TextLength::new(&[&["text", "again"], &["delta"]]);
                answer.as_bytes().chunks(size).for_each(|chunk| length.push(chunk));
                assert_eq!(length.bytes(), expected, "{why}, by {size}");
            }
        }
    }
}
