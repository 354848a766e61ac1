//! The push machine that walks one JSON text and replaces strings at the given paths.
//!
//! It follows the grammar only where a path may lead: the top level, and objects under a matching
//! key. Every other object or array is crossed by counting brackets. At the first byte that does
//! not fit it stops looking ([`State::Pass`]).

use bytes::BytesMut;
use memchr::memchr2;

use super::paths::{Candidates, Paths};
use crate::body::json_string;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JsonRewriter {
    paths: Paths,
    /// The new name as JSON, quotes included.
    replacement: String,
    state: State,
    /// For each object we are in, the paths that led here.
    objects: Vec<Candidates>,
    /// Whether the text is an array of objects.
    in_array: bool,
    /// The paths that go on with the key just read.
    matched: Candidates,
    /// A copy of the key being read, up to `key_limit`; only what could match is looked at.
    key: Vec<u8>,
    key_limit: usize,
    /// The last byte was a backslash in a string.
    escaped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the text, or an element of the array.
    Top,
    AfterElement,
    FirstKey,
    NextKey,
    Colon,
    Value,
    AfterValue,
    /// A number, `true`, `false` or `null`.
    Scalar,
    String(Role),
    /// Inside an uninteresting value, so many brackets deep.
    Skip(u64),
    /// The text is over, or not what it should be: everything crosses.
    Pass,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Key,
    Value,
    /// The value that has been replaced: its bytes end here.
    Replaced,
    /// In a value that is skipped, so many brackets deep.
    Skipped(u64),
}

impl JsonRewriter {
    pub(super) fn new(paths: Paths, model: &str) -> Self {
        Self {
            paths,
            replacement: json_string(model),
            state: State::Top,
            objects: Vec::new(),
            in_array: false,
            matched: Candidates::NONE,
            key: Vec::new(),
            key_limit: paths.longest_key() * r"\u0000".len(), // each character may be an escape
            escaped: false,
        }
    }

    /// Makes ready for another JSON text.
    pub(super) fn restart(&mut self) {
        self.state = State::Top;
        self.objects.clear();
        self.in_array = false;
        self.escaped = false;
    }

    /// Says that white space stands here which is not part of `push`ed bytes.
    pub(super) fn white_space(&mut self) {
        if self.state == State::Scalar {
            self.state = State::AfterValue;
        }
    }

    pub(super) fn push(&mut self, text: &[u8], out: &mut BytesMut) {
        let mut copied = 0; // everything before it is in `out`, or was replaced
        let mut at = 0;
        while at < text.len() {
            match self.state {
                State::Pass => break,
                State::String(role) => {
                    let Some(end) = self.string_end(&text[at..]) else {
                        self.keep_key(role, &text[at..]);
                        if role == Role::Replaced {
                            copied = text.len();
                        }
                        break;
                    };
                    self.keep_key(role, &text[at..at + end]);
                    at += end + 1;
                    if role == Role::Replaced {
                        copied = at;
                    }
                    self.state = self.after_string(role);
                }
                State::Skip(depth) => at += self.skip(&text[at..], depth),
                State::Value if text[at] == b'"' && self.is_target() => {
                    out.extend_from_slice(&text[copied..at]);
                    out.extend_from_slice(self.replacement.as_bytes());
                    self.state = State::String(Role::Replaced);
                    at += 1;
                    copied = text.len(); // unless the string ends in this chunk
                }
                state => {
                    self.state = self.next(state, text[at]);
                    at += 1;
                }
            }
        }
        out.extend_from_slice(&text[copied..]);
    }

    /// What follows `byte` where the grammar is followed.
    fn next(&mut self, state: State, byte: u8) -> State {
        match (state, byte) {
            (State::Scalar, b' ' | b'\t' | b'\r' | b'\n') => State::AfterValue,
            (_, b' ' | b'\t' | b'\r' | b'\n')
            | (State::Scalar, b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E') => state,
            (State::Top, b'{') => self.enter_object(self.paths.all()),
            (State::Top, b'[') if !self.in_array => {
                self.in_array = true;
                State::Top
            }
            (State::AfterElement, b',') => State::Top,
            (State::FirstKey | State::NextKey, b'"') => {
                self.key.clear();
                State::String(Role::Key)
            }
            (State::Colon, b':') => State::Value,
            (State::Value, b'"') => State::String(Role::Value),
            (State::Value, b'{') => {
                match self.paths.longer_than(self.matched, self.objects.len()) {
                    Candidates::NONE => State::Skip(1),
                    candidates => self.enter_object(candidates),
                }
            }
            (State::Value, b'[') => State::Skip(1),
            (State::Value, b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => State::Scalar,
            (State::AfterValue | State::Scalar, b',') => State::NextKey,
            (State::FirstKey | State::AfterValue | State::Scalar, b'}') => self.leave_object(),
            _ => State::Pass,
        }
    }

    fn enter_object(&mut self, candidates: Candidates) -> State {
        self.objects.push(candidates);
        State::FirstKey
    }

    fn leave_object(&mut self) -> State {
        self.objects.pop();
        match (self.objects.is_empty(), self.in_array) {
            (false, _) => State::AfterValue,
            (true, true) => State::AfterElement,
            (true, false) => State::Pass,
        }
    }

    fn is_target(&self) -> bool {
        self.paths.ends_at(self.matched, self.objects.len())
    }

    /// Where in `text`, which begins inside a string, the closing quote stands.
    fn string_end(&mut self, text: &[u8]) -> Option<usize> {
        let mut at = usize::from(std::mem::take(&mut self.escaped));
        while let Some(found) = memchr2(b'"', b'\\', text.get(at..)?) {
            at += found;
            if text[at] == b'"' {
                return Some(at);
            }
            at += 2;
            self.escaped = at > text.len();
        }
        None
    }

    fn keep_key(&mut self, role: Role, part: &[u8]) {
        if role == Role::Key {
            let room = (self.key_limit + 1).saturating_sub(self.key.len());
            self.key.extend_from_slice(&part[..part.len().min(room)]);
        }
    }

    fn after_string(&mut self, role: Role) -> State {
        match role {
            Role::Key => {
                self.matched = self.match_key();
                State::Colon
            }
            Role::Value | Role::Replaced => State::AfterValue,
            Role::Skipped(depth) => State::Skip(depth),
        }
    }

    fn match_key(&self) -> Candidates {
        let Some(among) = self.objects.last().filter(|_| self.key.len() <= self.key_limit) else {
            return Candidates::NONE;
        };
        let depth = self.objects.len() - 1;
        if memchr::memchr(b'\\', &self.key).is_none() {
            return self.paths.with_key(*among, depth, &self.key);
        }
        let quoted = [b"\"", self.key.as_slice(), b"\""].concat();
        match serde_json::from_slice::<String>(&quoted) {
            Ok(key) => self.paths.with_key(*among, depth, key.as_bytes()),
            Err(_) => Candidates::NONE,
        }
    }

    /// Crosses part of an uninteresting value; returns how far it came.
    fn skip(&mut self, text: &[u8], mut depth: u64) -> usize {
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b'"' => {
                    self.state = State::String(Role::Skipped(depth));
                    return at + 1;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.state = State::AfterValue;
                        return at + 1;
                    }
                }
                _ => {}
            }
        }
        self.state = State::Skip(depth);
        text.len()
    }
}
