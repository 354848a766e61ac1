//! The push machine that walks one JSON text and finds the values at the given paths.
//!
//! It follows the grammar only where a path may lead: the top level, and objects under a matching
//! key. Every other object or array is crossed by counting brackets. At the first byte that does
//! not fit it stops looking ([`State::Pass`]).

mod paths;

use memchr::memchr2;

use self::paths::{Candidates, Paths};

/// Walks a JSON text: an object, or an array of objects, where the paths apply to each element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JsonWalk {
    paths: Paths,
    wanted: Wanted,
    state: State,
    /// For each object we are in, the paths that led here.
    objects: Vec<Candidates>,
    /// Whether the text is an array of objects.
    in_array: bool,
    /// The paths that go on with the key just read.
    matched: Candidates,
    /// What came before of a key that was cut, up to `key_limit`: only what could match is looked at.
    key: Vec<u8>,
    key_limit: usize,
    /// The last byte was a backslash in a string.
    escaped: bool,
    /// A wanted value has begun, and not ended.
    in_value: bool,
}

/// Which values at a path are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Strings,
    Objects,
}

/// What the first bytes of a text are, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Nothing that is wanted.
    Around(usize),
    /// Of a wanted value, which may have begun before and may go on behind.
    Value { length: usize, begins: bool, ends: bool },
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
    /// Inside a value that is not followed, so many brackets deep.
    Skip(u64),
    /// The text is over, or not what it should be: nothing more is found.
    Pass,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Key,
    Value,
    /// In a value that is skipped, so many brackets deep.
    Skipped(u64),
}

impl JsonWalk {
    pub fn new(paths: &'static [&'static [&'static str]], wanted: Wanted) -> Self {
        let paths = Paths::new(paths);
        Self {
            paths,
            wanted,
            state: State::Top,
            objects: Vec::new(),
            in_array: false,
            matched: Candidates::NONE,
            key: Vec::new(),
            key_limit: paths.longest_key() * r"\u0000".len(), // each character may be an escape
            escaped: false,
            in_value: false,
        }
    }

    /// Makes ready for another JSON text.
    pub fn restart(&mut self) {
        self.state = State::Top;
        self.objects.clear();
        self.key.clear();
        self.in_array = false;
        self.escaped = false;
        self.in_value = false;
    }

    /// Says that white space stands here which is not part of the text.
    pub fn white_space(&mut self) {
        if self.state == State::Scalar {
            self.state = State::AfterValue;
        }
    }

    /// Takes the first bytes of `text`: as many as are of one kind. The next call goes on behind them.
    pub fn next(&mut self, text: &[u8]) -> Piece {
        let mut at = 0;
        let mut begins = false;
        while at < text.len() {
            match self.state {
                State::Pass => return Piece::Around(text.len()),
                State::String(role) => {
                    let Some(end) = self.string_end(&text[at..]) else {
                        if role == Role::Key {
                            self.keep_key(&text[at..]);
                        }
                        at = text.len();
                        break;
                    };
                    self.state = match role {
                        Role::Key => {
                            self.matched = self.match_key(&text[at..at + end]);
                            State::Colon
                        }
                        Role::Value => State::AfterValue,
                        Role::Skipped(depth) => State::Skip(depth),
                    };
                    at += end + 1;
                }
                State::Skip(depth) => at += self.skip(&text[at..], depth),
                State::Value if self.begins_wanted(text[at]) => {
                    if at > 0 {
                        return Piece::Around(at);
                    }
                    (begins, self.in_value) = (true, true);
                    self.state = match self.wanted {
                        Wanted::Strings => State::String(Role::Value),
                        Wanted::Objects => State::Skip(1),
                    };
                    at += 1;
                }
                state => {
                    self.state = self.after(state, text[at]);
                    at += 1;
                }
            }
            if self.in_value && self.state == State::AfterValue {
                self.in_value = false;
                return Piece::Value { length: at, begins, ends: true };
            }
        }
        if self.in_value {
            return Piece::Value { length: at, begins, ends: false };
        }
        Piece::Around(at)
    }

    fn begins_wanted(&self, byte: u8) -> bool {
        let opens = match self.wanted {
            Wanted::Strings => b'"',
            Wanted::Objects => b'{',
        };
        byte == opens && self.paths.ends_at(self.matched, self.objects.len())
    }

    /// What follows `byte` where the grammar is followed.
    fn after(&mut self, state: State, byte: u8) -> State {
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
            (State::FirstKey | State::NextKey, b'"') => State::String(Role::Key),
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

    /// Where in `text`, which begins inside a string, the closing quote stands.
    fn string_end(&mut self, text: &[u8]) -> Option<usize> {
        let mut at = usize::from(std::mem::take(&mut self.escaped));
        while let Some(found) = find_quote_or_backslash(text.get(at..)?) {
            at += found;
            if text[at] == b'"' {
                return Some(at);
            }
            at += 2;
            self.escaped = at > text.len();
        }
        None
    }

    /// Keeps what has come of a key that is not whole.
    fn keep_key(&mut self, part: &[u8]) {
        let room = (self.key_limit + 1).saturating_sub(self.key.len());
        self.key.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// The paths that go on with the key that ends with `part`.
    fn match_key(&mut self, part: &[u8]) -> Candidates {
        if self.key.is_empty() {
            return self.paths_with(part);
        }
        self.keep_key(part);
        let matched = self.paths_with(&self.key);
        self.key.clear();
        matched
    }

    fn paths_with(&self, key: &[u8]) -> Candidates {
        let Some(among) = self.objects.last().filter(|_| key.len() <= self.key_limit) else {
            return Candidates::NONE;
        };
        let depth = self.objects.len() - 1;
        if !key.contains(&b'\\') {
            return self.paths.with_key(*among, depth, key);
        }
        let quoted = [b"\"", key, b"\""].concat();
        match serde_json::from_slice::<String>(&quoted) {
            Ok(key) => self.paths.with_key(*among, depth, key.as_bytes()),
            Err(_) => Candidates::NONE,
        }
    }

    /// Crosses part of a value that is not followed; returns how far it came.
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

/// Most strings are keys and names: a call of `memchr2` costs more than a look at their few bytes.
fn find_quote_or_backslash(text: &[u8]) -> Option<usize> {
    let (near, far) = text.split_at(text.len().min(16));
    let found = near.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    found.or_else(|| memchr2(b'"', b'\\', far).map(|at| near.len() + at))
}
