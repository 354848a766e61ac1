//! The one line of log that a request leaves: what stands in it, and its two ways out.
//!
//! As JSON it is written here, into a buffer that its thread keeps, and leaves in one write: through
//! tracing's visitor and formatter, value by value, it cost a sixth of a whole request
//! (docs/performance.md). For people it is an event like any other, and what tracing makes of an event
//! is also what the JSON must look like: the test holds one to the other.

use std::cell::RefCell;
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::subscriber::lines_are_json;
use crate::metrics::EndedRequest;
use crate::types::{ClientId, CredentialId, ModelName, ProviderName, Route};

/// The length of `2026-11-24T20:06:42.`.
const TO_THE_SECOND: usize = 20;

/// What is told of a request. Nothing here can hold a secret; see [`super::RequestRecord`].
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestLine<'a> {
    pub id: &'a str,
    pub route: &'a str,
    pub client: Option<&'a str>,
    pub upstream: Option<&'a str>,
    pub credential: Option<&'a str>,
    /// Told when there were several.
    pub attempts: Option<u32>,
    pub model: Option<&'a str>,
    pub paid_by: Option<&'a str>,
    pub status: u16,
    pub bytes: u64,
    pub first_byte_ms: Option<u64>,
    pub duration_ms: u64,
    pub outcome: &'a str,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl<'a> RequestLine<'a> {
    pub fn of(ended: &EndedRequest<'a>) -> Self {
        Self {
            id: ended.id,
            route: ended.door,
            client: ended.client.map(ClientId::as_str),
            upstream: ended.provider.map(ProviderName::as_str),
            credential: ended.credential.map(CredentialId::as_str),
            attempts: Some(ended.attempts).filter(|count| *count > 1),
            model: ended.model.map(ModelName::as_str),
            paid_by: ended.route.map(Route::as_str),
            status: ended.status,
            bytes: ended.bytes,
            first_byte_ms: ended.first_byte.map(millis),
            duration_ms: millis(ended.duration),
            outcome: ended.outcome,
        }
    }

    /// Writes the line to the log, if the log takes lines of its level.
    pub fn tell(&self) {
        if !lines_are_json() {
            self.tell_as_event();
        } else if tracing::enabled!(tracing::Level::INFO) {
            let now = SystemTime::now();
            let written = PAPER.try_with(|paper| paper.borrow_mut().write(self, now));
            if written.is_err() {
                // The thread ends, and a request with it.
                Paper::new().write(self, now);
            }
        }
    }

    fn tell_as_event(&self) {
        tracing::info!(
            request.id = self.id,
            route = self.route,
            client.name = self.client,
            upstream.name = self.upstream,
            credential = self.credential,
            attempts = self.attempts,
            model = self.model,
            paid_by = self.paid_by,
            status = self.status,
            bytes = self.bytes,
            first_byte_ms = self.first_byte_ms,
            duration_ms = self.duration_ms,
            outcome = self.outcome,
            "request"
        );
    }

    /// The line behind its timestamp, with its end.
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#","level":"INFO","message":"request","request.id":"#);
        write_string(self.id, out);
        let texts = [
            (&b",\"route\":"[..], Some(self.route)),
            (b",\"client.name\":", self.client),
            (b",\"upstream.name\":", self.upstream),
            (b",\"credential\":", self.credential),
        ];
        for (name, text) in texts {
            write_text(name, text, out);
        }
        write_count(b",\"attempts\":", self.attempts.map(u64::from), out);
        write_text(b",\"model\":", self.model, out);
        write_text(b",\"paid_by\":", self.paid_by, out);
        write_count(b",\"status\":", Some(self.status.into()), out);
        write_count(b",\"bytes\":", Some(self.bytes), out);
        write_count(b",\"first_byte_ms\":", self.first_byte_ms, out);
        write_count(b",\"duration_ms\":", Some(self.duration_ms), out);
        write_text(b",\"outcome\":", Some(self.outcome), out);
        out.extend_from_slice(b"}\n");
    }
}

thread_local! {
    static PAPER: RefCell<Paper> = const { RefCell::new(Paper::new()) };
}

/// What one thread writes its lines on. It never shrinks, and need not: all that is written is bounded,
/// what clients choose by the length of a model's name.
struct Paper {
    line: Vec<u8>,
    /// The second that `date` tells, and the date as text, up to the fraction: most lines of a busy
    /// thread are of the same second as the line before.
    second: u64,
    date: [u8; TO_THE_SECOND],
}

impl Paper {
    const fn new() -> Self {
        Self { line: Vec::new(), second: 0, date: *b"1970-01-01T00:00:00." }
    }

    fn write(&mut self, line: &RequestLine<'_>, at: SystemTime) {
        self.set(line, at);
        // One write for each line, so that lines of several threads never mix. A log that cannot be
        // written has nowhere to say so.
        let _ = std::io::stderr().lock().write_all(&self.line);
    }

    fn set(&mut self, line: &RequestLine<'_>, at: SystemTime) {
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default(); // a clock before 1970 is none
        if self.second != at.as_secs() {
            self.second = at.as_secs();
            let whole = UNIX_EPOCH + Duration::from_secs(self.second);
            let text = humantime::format_rfc3339_seconds(whole).to_string();
            if let Some(date) = text.as_bytes().get(..TO_THE_SECOND - 1) {
                self.date[..TO_THE_SECOND - 1].copy_from_slice(date);
            }
        }
        self.line.clear();
        self.line.extend_from_slice(br#"{"timestamp":""#);
        self.line.extend_from_slice(&self.date);
        write_digits(at.subsec_micros().into(), 6, &mut self.line);
        self.line.extend_from_slice(b"Z\"");
        line.write_json(&mut self.line);
    }
}

fn write_text(name: &[u8], text: Option<&str>, out: &mut Vec<u8>) {
    if let Some(text) = text {
        out.extend_from_slice(name);
        write_string(text, out);
    }
}

fn write_count(name: &[u8], count: Option<u64>, out: &mut Vec<u8>) {
    if let Some(count) = count {
        out.extend_from_slice(name);
        write_digits(count, 1, out);
    }
}

/// A number with at least `width` digits.
fn write_digits(mut number: u64, width: usize, out: &mut Vec<u8>) {
    const DIGITS: usize = 20; // of the greatest number
    let mut digits = [b'0'; DIGITS];
    let mut at = DIGITS;
    while number > 0 {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits[at.min(DIGITS - width)..]);
}

/// A JSON string (RFC 8259, section 7), with no more escapes than it must have.
fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    // Asked of all bytes at once, which is cheaper than to look for the first; hardly any name has one.
    if rest.iter().fold(false, |any, byte| any | must_be_escaped(*byte)) {
        while let Some(at) = rest.iter().position(|byte| must_be_escaped(*byte)) {
            out.extend_from_slice(&rest[..at]);
            write_escape(rest[at], out);
            rest = &rest[at + 1..];
        }
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

const fn must_be_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let letter = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 0x0f)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

#[cfg(test)]
mod tests;
