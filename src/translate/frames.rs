//! The events of an event stream, however its bytes are cut (WHATWG HTML, 9.2.6).

/// The longest event that is put together: inputs of tool calls may be tens of megabytes.
const MAX_FRAME_BYTES: usize = 64 * 1024 * 1024;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Empty where the stream names none.
    pub event: &'a str,
    pub data: &'a str,
}

/// The stream holds an event that is longer than any we put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the upstream is longer than 64 MiB")]
pub struct FrameTooLong;

/// Cuts a stream into its events. Comments, ids and retry times are passed over.
#[derive(Debug, Default)]
pub struct Frames {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    event: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The last line ended in CR, so a LF that follows belongs to it.
    after_cr: bool,
    has_begun: bool,
}

impl Frames {
    /// Takes the next bytes of the stream and tells each event that they complete.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        tell: &mut dyn FnMut(Frame<'_>),
    ) -> Result<(), FrameTooLong> {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
                self.line.extend_from_slice(bytes);
                break;
            };
            self.after_cr = bytes[end] == b'\r';
            if self.line.is_empty() {
                self.take_line(&bytes[..end], tell);
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(&bytes[..end]);
                self.take_line(&line, tell);
                line.clear();
                self.line = line; // its memory serves the next line
            }
            bytes = &bytes[end + 1..];
        }
        if self.line.len() + self.data.len() > MAX_FRAME_BYTES {
            (self.line, self.data) = (Vec::new(), Vec::new());
            return Err(FrameTooLong);
        }
        Ok(())
    }

    /// The stream has ended. An event whose blank line is missing counts: servers forget it.
    pub fn finish(&mut self, tell: &mut dyn FnMut(Frame<'_>)) {
        let line = std::mem::take(&mut self.line);
        self.take_line(&line, tell);
        self.dispatch(tell);
    }

    fn take_line(&mut self, line: &[u8], tell: &mut dyn FnMut(Frame<'_>)) {
        let line = if std::mem::replace(&mut self.has_begun, true) {
            line
        } else {
            line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line)
        };
        if line.is_empty() {
            return self.dispatch(tell);
        }
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
            }
            b"event" => {
                self.event.clear();
                self.event.extend_from_slice(value);
            }
            _ => {}
        }
    }

    fn dispatch(&mut self, tell: &mut dyn FnMut(Frame<'_>)) {
        if std::mem::take(&mut self.has_data) {
            let event = String::from_utf8_lossy(&self.event);
            let data = String::from_utf8_lossy(&self.data);
            tell(Frame { event: &event, data: &data });
        }
        self.data.clear();
        self.event.clear();
        // One huge event must not cost its memory for the rest of the stream.
        self.data.shrink_to(KEPT_BYTES);
        self.line.shrink_to(KEPT_BYTES);
    }
}

/// Room that is kept for the next event.
const KEPT_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut frames = Frames::default();
        let mut seen = Vec::new();
        let mut tell =
            |frame: Frame<'_>| seen.push((frame.event.to_owned(), frame.data.to_owned()));
        for piece in pieces {
            frames.push(piece, &mut tell).unwrap();
        }
        frames.finish(&mut tell);
        seen
    }

    #[test]
    fn events_are_the_same_at_any_cut() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases: [(&str, &[(&str, &str)], &str); 12] = [
            ("data: a\n\n",                    &[("", "a")],                 "LF"),
            ("data: a\r\n\r\ndata: b\r\n\r\n", &[("", "a"), ("", "b")],      "CRLF"),
            ("data: a\r\rdata: b\r\r",         &[("", "a"), ("", "b")],      "CR"),
            ("event: e\ndata: a\n\n",          &[("e", "a")],                "named"),
            ("event: e\n\ndata: a\n\n",        &[("", "a")],                 "a name without data is no event, and is forgotten"),
            ("data: a\ndata: b\n\n",           &[("", "a\nb")],              "several lines"),
            ("data:a\n\n",                     &[("", "a")],                 "no space"),
            ("data:  a\n\n",                   &[("", " a")],                "only one space goes"),
            (": hello\nid: 7\nretry: 3\ndata: a\n\n", &[("", "a")],          "comments and the rest"),
            ("\u{feff}data: a\n\n",            &[("", "a")],                 "byte order mark"),
            ("data: a",                        &[("", "a")],                 "no end at all"),
            ("data: 🦀é\n\n",                  &[("", "🦀é")],               "a character cut in pieces"),
        ];
        for (stream, expected, why) in cases {
            let bytes = stream.as_bytes();
            for cut in 0..=bytes.len() {
                let seen = events(&[&bytes[..cut], &bytes[cut..]]);
                let seen: Vec<_> = seen.iter().map(|(e, d)| (e.as_str(), d.as_str())).collect();
                assert_eq!(seen, expected, "{stream:?} cut at {cut}: {why}");
            }
        }
    }

    #[test]
    fn an_endless_line_is_given_up() {
        let mut frames = Frames::default();
        let piece = vec![b'x'; 1024 * 1024];
        let outcome = (0..=64).find_map(|_| frames.push(&piece, &mut |_| {}).err());
        assert_eq!(outcome, Some(FrameTooLong));
    }
}
