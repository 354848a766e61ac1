//! What awc's HTTP/1.1 codec gets wrong about the head of an answer, put right before it reads it.
//!
//! - An answer without `Content-Length` and `Transfer-Encoding` ends with the connection (RFC 9112,
//!   section 6.3). The codec believes that of HTTP/1.0 only and takes an HTTP/1.1 answer for empty,
//!   so such a head is passed on as HTTP/1.0.
//! - Interim answers (100, 103) come before the answer; the codec takes the first for the answer, so
//!   they are left out. A gateway need not pass them on (RFC 9110, section 15.2).

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
}

/// Looks at the beginning of an answer. `to_head` says that the request's method was HEAD, whose
/// answer has no body whatever its fields say.
pub(super) fn look_at(received: &[u8], to_head: bool) -> Beginning {
    let Some(end) = end_of_head(received) else { return Beginning::Incomplete };
    let head = &received[..end];
    let Some(status) = status_of(head) else { return Beginning::Framed };
    match status {
        100 | 102..=199 => Beginning::Interim(end),
        101 | 204 | 304 => Beginning::Framed,
        _ if to_head || declares_its_length(head) => Beginning::Framed,
        _ => Beginning::EndsWithConnection,
    }
}

/// Makes an HTTP/1.1 status line one of HTTP/1.0.
pub(super) fn lower_version(received: &mut [u8]) {
    if let Some(line) = received.get_mut(..b"HTTP/1.1".len()) {
        line.copy_from_slice(b"HTTP/1.0");
    }
}

/// Where the first blank line ends. A bare LF ends a line, too (RFC 9112, section 2.2), as the codec
/// has it: to wait for a CR that never comes would be to wait until the first-byte timeout.
fn end_of_head(received: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', received).map(|at| at + 1).find_map(|next| match &received[next..] {
        [b'\n', ..] => Some(next + 1),
        [b'\r', b'\n', ..] => Some(next + 2),
        _ => None,
    })
}

fn status_of(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.1 ")?;
    std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok()
}

fn declares_its_length(head: &[u8]) -> bool {
    let starts_with = |line: &[u8], name: &[u8]| {
        line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let mut lines = memchr::memchr_iter(b'\n', head).map(|at| &head[at + 1..]);
    lines.any(|line| {
        starts_with(line, b"content-length:") || starts_with(line, b"transfer-encoding:")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_answer_is_known_from_its_head() {
        use Beginning::{EndsWithConnection, Framed, Incomplete, Interim};
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
        ];
        for (received, to_head, expected, why) in cases {
            assert_eq!(look_at(received.as_bytes(), to_head), expected, "{why}");
        }
    }

    #[test]
    fn a_head_whose_lines_end_in_bare_line_feeds_is_not_waited_for_any_longer() {
        use Beginning::{EndsWithConnection, Framed, Incomplete, Interim};
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("HTTP/1.1 200 OK\nContent-Length: 2\n\nok", Framed,             "length"),
            ("HTTP/1.1 200 OK\nServer: x\n\nok",         EndsWithConnection, "no length"),
            ("HTTP/1.1 101 x\r\n\nframes\r\n\r\n",      Framed,             "the first blank line counts"),
            ("HTTP/1.1 103 x\na: b\r\n\nHTTP",          Interim(22),        "mixed"),
            ("HTTP/1.1 200 OK\n\r",                      Incomplete,         "half of a CRLF"),
        ];
        for (received, expected, why) in cases {
            assert_eq!(look_at(received.as_bytes(), false), expected, "{why}");
        }
    }
}
