//! What awc's HTTP/1.1 codec gets wrong about the head of an answer, put right before it reads it.
//!
//! - An answer without `Content-Length` and `Transfer-Encoding` ends with the connection (RFC 9112,
//!   section 6.3). The codec believes that of HTTP/1.0 only and takes an HTTP/1.1 answer for empty,
//!   so such a head is passed on as HTTP/1.0.
//! - Interim answers (100, 103) come before the answer; the codec takes the first for the answer, so
//!   they are left out. A gateway need not pass them on (RFC 9110, section 15.2).
//! - A head that says twice where its body ends (`Content-Length` and `Transfer-Encoding`; a coding
//!   in HTTP/1.0) or that has a line end without CR: the codec takes one reading in silence where the
//!   next reader may take the other (RFC 9112, sections 2.2 and 6.1). It gets a head it must refuse.

/// The end of a head.
const BLANK_LINE: &[u8] = b"\r\n\r\n";

/// What stands at the beginning of what an upstream sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// Not a whole head yet.
    Incomplete,
    /// An interim answer of this length.
    Interim(usize),
    /// The answer; its body ends with the connection.
    EndsWithConnection,
    /// The answer, framed so that the codec understands it, or garbage that it will refuse.
    Framed,
    /// A head with two readings.
    Ambiguous,
}

/// Looks at the beginning of an answer. `to_head` says that the request's method was HEAD, whose
/// answer has no body whatever its fields say.
pub(super) fn look_at(received: &[u8], to_head: bool) -> Beginning {
    let end = memchr::memmem::find(received, BLANK_LINE);
    let head = &received[..end.unwrap_or(received.len())];
    if has_bare_line_end(head) {
        return Beginning::Ambiguous;
    }
    let Some(end) = end else { return Beginning::Incomplete };
    let framing = Framing::of(head);
    if framing.is_chunked && (framing.length.is_some() || head.starts_with(b"HTTP/1.0")) {
        return Beginning::Ambiguous;
    }
    let Some(status) = status_of(head).filter(|_| !head.starts_with(b"HTTP/1.0")) else {
        return Beginning::Framed;
    };
    match status {
        100 | 102..=199 => Beginning::Interim(end + BLANK_LINE.len()),
        101 | 204 | 304 => Beginning::Framed,
        _ if to_head || framing.is_chunked || framing.length.is_some() => Beginning::Framed,
        _ => Beginning::EndsWithConnection,
    }
}

/// How many bytes an answer has, head and body together, when its head says so. `received` begins
/// with the whole head.
pub(super) fn whole_length(received: &[u8], to_head: bool) -> Option<u64> {
    let end = memchr::memmem::find(received, BLANK_LINE)?;
    let head = &received[..end];
    let body = match status_of(head)? {
        101 => return None,
        204 | 304 => 0,
        _ if to_head => 0,
        _ => std::str::from_utf8(Framing::of(head).length?).ok()?.parse().ok()?,
    };
    u64::try_from(end + BLANK_LINE.len()).ok()?.checked_add(body)
}

/// Makes a head unreadable, so that the codec refuses it: no byte of it may be believed.
pub(super) fn spoil(received: &mut [u8]) {
    if let Some(first) = received.first_mut() {
        *first = b'\0';
    }
}

/// Makes an HTTP/1.1 status line one of HTTP/1.0.
pub(super) fn lower_version(received: &mut [u8]) {
    if let Some(line) = received.get_mut(..b"HTTP/1.1".len()) {
        line.copy_from_slice(b"HTTP/1.0");
    }
}

fn status_of(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?;
    std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok()
}

/// What a head says of its body's end.
struct Framing<'a> {
    /// The first `Content-Length`; the codec refuses a second.
    length: Option<&'a [u8]>,
    is_chunked: bool,
}

impl<'a> Framing<'a> {
    fn of(head: &'a [u8]) -> Self {
        let mut framing = Self { length: None, is_chunked: false };
        for line in memchr::memchr_iter(b'\n', head).map(|at| &head[at + 1..]) {
            if let Some(value) = value_of(line, b"content-length") {
                framing.length.get_or_insert(value);
            } else if value_of(line, b"transfer-encoding").is_some() {
                framing.is_chunked = true;
            }
        }
        framing
    }
}

/// The value on a line when the field has this name. The codec allows space before the colon, as
/// some servers write it (RFC 9112, section 5.1).
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    if !start.eq_ignore_ascii_case(name) {
        return None;
    }
    let value = rest.trim_ascii_start().strip_prefix(b":")?;
    let end = memchr::memchr(b'\r', value).unwrap_or(value.len());
    Some(value[..end].trim_ascii())
}

fn has_bare_line_end(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head[at - 1] != b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_answer_is_known_from_its_head() {
        use Beginning::{Ambiguous, EndsWithConnection, Framed, Incomplete, Interim};
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",      false, Framed,             "length"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", false, Framed,           "chunked"),
            ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",      false, EndsWithConnection, "neither"),
            ("HTTP/1.1 200 OK\r\nX-Content-Length: 2\r\n\r\nok",    false, EndsWithConnection, "another name"),
            ("HTTP/1.1 200 OK\r\n\r\n",                             true,  Framed,             "HEAD has no body"),
            ("HTTP/1.1 204 No Content\r\n\r\n",                     false, Framed,             "nor has 204"),
            ("HTTP/1.1 304 Not Modified\r\n\r\n",                   false, Framed,             "nor has 304"),
            ("HTTP/1.1 101 Switching\r\n\r\n",                      false, Framed,             "bytes follow, not a body"),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1",               false, Interim(25),        "interim"),
            ("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n",         false, Interim(37),        "interim with fields"),
            ("HTTP/1.0 200 OK\r\n\r\nok",                           false, Framed,             "the codec knows 1.0"),
            ("HTTP/1.1 200 OK\r\nA: b\r\n",                         false, Incomplete,         "not all there"),
            ("SSH-2.0\r\n\r\n",                                     false, Framed,             "the codec refuses it"),
            ("HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",     false, Framed,             "space before the colon"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", false, Ambiguous, "two ends"),
            ("HTTP/1.1 204 X\r\ntransfer-encoding : x\r\ncontent-length:0\r\n\r\n", true, Ambiguous, "two ends of no body"),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, Ambiguous,     "HTTP/1.0 knows no coding"),
            ("HTTP/1.1 200 OK\nContent-Length: 2\n\nok",            false, Ambiguous,          "LF alone, and no end to wait for"),
            ("HTTP/1.1 100 X\n\nHTTP/1.1 200 OK\r\n\r\n",          false, Ambiguous,          "LF in an interim answer"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\n",     false, Framed,             "LF in the body"),
        ];
        for (received, to_head, expected, why) in cases {
            assert_eq!(look_at(received.as_bytes(), to_head), expected, "{why}");
        }
    }

    #[test]
    fn an_answer_is_as_long_as_its_head_says() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",    false, Some(40), "head and body"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",    true,  Some(38), "HEAD has no body"),
            ("HTTP/1.1 204 X\r\ncontent-length: 2\r\n\r\nok",     false, Some(37), "nor has 204"),
            ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",    false, Some(40), "HTTP/1.0 kept alive"),
            ("HTTP/1.1 200 OK\r\n\r\n",                            false, None,     "ends with the connection"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", false, None, "chunks say"),
            ("HTTP/1.1 101 X\r\n\r\n",                             false, None,     "no answer in HTTP"),
            ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",      false, None,     "the codec refuses it"),
        ];
        for (received, to_head, expected, why) in cases {
            assert_eq!(whole_length(received.as_bytes(), to_head), expected, "{why}");
        }
    }
}
