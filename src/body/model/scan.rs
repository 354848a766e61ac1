//! The fast way: one pass that checks the grammar (RFC 8259) and builds nothing but the name.
//!
//! Chat bodies are mostly long strings, and those are searched, not stepped through. Anything
//! unusual is a [`Surprise`]: escapes in a key or in the name, deep nesting, a second `model`, a
//! syntax error. So errors are never reported from here, and a body is accepted only when a full
//! parse would accept it.

use memchr::{memchr, memchr2};

use super::ModelField;

/// Something a full parse should look at.
pub(super) struct Surprise;

/// Values nested deeper than this are left to the full parse, which does not recurse.
const MAX_DEPTH: u8 = 64;

/// A string is looked through twice, so much of it at a time that it still is in the processor's
/// nearest cache.
pub(super) const WINDOW: usize = 16 * 1024;

pub(super) fn model_field(body: &[u8]) -> Result<ModelField, Surprise> {
    let mut scanner = Scanner { text: body, at: 0 };
    let mut model = None;
    let mut stream = false;
    scanner.white_space();
    scanner.object(|scanner, key| {
        // Plain ASCII keys only: then no two spellings can mean the same key.
        if !is_plain(key) || !key.is_ascii() {
            return Err(Surprise);
        }
        match key {
            b"model" if model.is_none() => {
                let start = scanner.at;
                let name = scanner.string()?;
                let text = str::from_utf8(name).map_err(|_| Surprise)?;
                if !is_plain(name) || text.trim().is_empty() {
                    return Err(Surprise);
                }
                model = Some((text.to_owned(), start..scanner.at));
            }
            b"model" => return Err(Surprise),
            b"stream" => {
                let start = scanner.at;
                scanner.value(1)?;
                stream = &scanner.text[start..scanner.at] == b"true";
            }
            _ => scanner.value(1)?,
        }
        Ok(())
    })?;
    scanner.white_space();
    if scanner.at != body.len() {
        return Err(Surprise);
    }
    let (name, span) = model.ok_or(Surprise)?;
    Ok(ModelField { name, span, stream })
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), Surprise> {
        if self.peek() != Some(byte) {
            return Err(Surprise);
        }
        self.at += 1;
        Ok(())
    }

    fn white_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// An object, its brace not yet read; `on_value` reads each value. Keys come as they are
    /// written, escapes included.
    fn object(
        &mut self,
        mut on_value: impl FnMut(&mut Self, &'a [u8]) -> Result<(), Surprise>,
    ) -> Result<(), Surprise> {
        self.expect(b'{')?;
        self.white_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.white_space();
            self.expect(b':')?;
            self.white_space();
            on_value(self, key)?;
            self.white_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(Surprise),
            }
            self.white_space();
        }
        self.at += 1;
        Ok(())
    }

    /// Any value that stands inside `depth` others.
    fn value(&mut self, depth: u8) -> Result<(), Surprise> {
        if depth > MAX_DEPTH {
            return Err(Surprise);
        }
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(|scanner, _key| scanner.value(depth + 1)),
            Some(b'[') => self.array(depth + 1),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(Surprise),
        }
    }

    fn array(&mut self, depth: u8) -> Result<(), Surprise> {
        self.at += 1;
        self.white_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth)?;
            self.white_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(Surprise),
            }
            self.white_space();
        }
        self.at += 1;
        Ok(())
    }

    /// A string; returns what is between its quotes, escapes included.
    fn string(&mut self) -> Result<&'a [u8], Surprise> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            let rest = &self.text[self.at..];
            let window = &rest[..rest.len().min(WINDOW)];
            let found = memchr2(b'"', b'\\', window);
            let length = found.unwrap_or(window.len());
            if window.is_empty() || has_control(&window[..length]) {
                return Err(Surprise);
            }
            self.at += length;
            if found.is_none() {
                continue;
            }
            self.at += 1;
            if window[length] == b'"' {
                return Ok(&self.text[start..self.at - 1]);
            }
            match self.peek() {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                Some(b'u') => {
                    let digits = self.text.get(self.at + 1..self.at + 5).ok_or(Surprise)?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return Err(Surprise);
                    }
                    self.at += 5;
                }
                _ => return Err(Surprise),
            }
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Surprise> {
        if !self.text[self.at..].starts_with(word) {
            return Err(Surprise);
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Surprise> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1; // nothing but a fraction or an exponent may follow a leading zero
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Surprise> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(Surprise) } else { Ok(()) }
    }
}

fn is_plain(string: &[u8]) -> bool {
    memchr(b'\\', string).is_none()
}

/// Whether a control character stands raw in a string, where JSON wants it escaped.
fn has_control(text: &[u8]) -> bool {
    // The least byte, without an early exit in the inner loop: the compiler takes whole vectors.
    text.chunks(4096).any(|chunk| chunk.iter().fold(u8::MAX, |least, byte| least.min(*byte)) < b' ')
}
