//! The events of a stream's beginning (WHATWG HTML, 9.2.6), as many as are whole.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) struct Event<'a> {
    /// Empty when it has none.
    pub name: &'a [u8],
    pub data: Cow<'a, [u8]>,
}

pub(super) struct Events<'a> {
    rest: &'a [u8],
    ended: bool,
    has_foreign_lines: bool,
}

impl<'a> Events<'a> {
    /// With `ended`, a last line and a last event count without their ends: some servers leave
    /// the blank line out.
    pub(super) fn new(stream: &'a [u8], ended: bool) -> Self {
        let rest = stream.strip_prefix(BYTE_ORDER_MARK).unwrap_or(stream);
        Self { rest, ended, has_foreign_lines: false }
    }

    /// Whether a line so far was none of an event stream's.
    pub(super) fn has_foreign_lines(&self) -> bool {
        self.has_foreign_lines
    }

    fn next_line(&mut self) -> Option<&'a [u8]> {
        let Some(end) = memchr2(b'\r', b'\n', self.rest) else {
            let is_line = self.ended && !self.rest.is_empty();
            return is_line.then(|| std::mem::take(&mut self.rest));
        };
        let line = &self.rest[..end];
        let is_crlf = self.rest[end..].starts_with(b"\r\n");
        self.rest = &self.rest[end + if is_crlf { 2 } else { 1 }..];
        Some(line)
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        let mut name: &[u8] = b"";
        let mut data: Option<Cow<'a, [u8]>> = None;
        loop {
            let line = self.next_line();
            let Some(line) = line.filter(|line| !line.is_empty()) else {
                // A blank line ends an event, the end of the stream only a last one.
                let is_over = line.is_some() || self.ended;
                match data {
                    Some(data) if is_over && !data.is_empty() => {
                        return Some(Event { name, data });
                    }
                    _ if line.is_none() => return None,
                    _ => (name, data) = (b"", None), // an event without data is none
                }
                continue;
            };
            let colon = memchr(b':', line).unwrap_or(line.len());
            let value = line.get(colon + 1..).unwrap_or(b"");
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match &line[..colon] {
                b"event" => name = value,
                b"data" => data = Some(joined(data, value)),
                b"" | b"id" | b"retry" => {} // without a name: a comment
                _ => self.has_foreign_lines = true,
            }
        }
    }
}

fn joined<'a>(data: Option<Cow<'a, [u8]>>, line: &'a [u8]) -> Cow<'a, [u8]> {
    let Some(data) = data else { return Cow::Borrowed(line) };
    let mut data = data.into_owned();
    data.push(b'\n');
    data.extend_from_slice(line);
    Cow::Owned(data)
}
