//! Is it clear where the request ends, and is its head of a size we hold?

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap};

use crate::error::GatewayError;
use crate::headers::{asks_for_websocket, is_handshake};

/// Refuses a request that two servers could read as two different requests.
///
/// SECURITY: a body whose end is told twice (`Content-Length` and `Transfer-Encoding`) is how
/// requests are smuggled past a gateway (RFC 9112, section 6.1). actix refuses the malformed kinds
/// and this one too. Two it reads in a way of its own: behind `CONNECT`, and behind any request
/// with `Upgrade: websocket`, all that follows is its body to it, whatever its method and its
/// `Content-Length` say. A tunnel to anywhere is not ours to open, and the second is allowed to a
/// handshake only, which has no body (RFC 6455, section 4.1).
pub(super) fn require_unambiguous(method: &Method, fields: &HeaderMap) -> Result<(), GatewayError> {
    let is_chunked = fields.contains_key(header::TRANSFER_ENCODING);
    let length = fields.get(header::CONTENT_LENGTH);
    let why = if is_chunked && length.is_some() {
        "it has both Content-Length and Transfer-Encoding"
    } else if *method == Method::CONNECT {
        "CONNECT opens no tunnel here"
    } else if asks_for_websocket(fields) && !is_handshake(method, fields) {
        "it asks for a WebSocket and is not a handshake"
    } else if asks_for_websocket(fields)
        && (is_chunked || length.is_some_and(|length| length.as_bytes() != b"0"))
    {
        "a WebSocket handshake has no body"
    } else {
        return Ok(());
    };
    Err(GatewayError::AmbiguousRequest(why))
}

/// Refuses a head over the limit. actix itself holds heads up to 128 KiB.
pub(super) fn require_small_head(
    fields: &HeaderMap,
    limit_bytes: usize,
) -> Result<(), GatewayError> {
    /// `: ` and the line end.
    const SEPARATORS: usize = 4;
    let size: usize =
        fields.iter().map(|(name, value)| name.as_str().len() + value.len() + SEPARATORS).sum();
    if size > limit_bytes { Err(GatewayError::HeadTooLarge { limit_bytes }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn a_request_that_could_end_in_two_places_is_refused() {
        const LENGTH: (&str, &str) = ("content-length", "5");
        const EMPTY: (&str, &str) = ("content-length", "0");
        const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");
        const UPGRADE: (&str, &str) = ("upgrade", "WebSocket");
        const OPTION: (&str, &str) = ("connection", "keep-alive, Upgrade");
        #[rustfmt::skip] // columns are easier to proofread
        let cases: &[(Method, &[(&'static str, &'static str)], bool, &str)] = &[
            (Method::POST,    &[LENGTH],                   true,  "told once"),
            (Method::POST,    &[CHUNKED],                  true,  "told once"),
            (Method::POST,    &[CHUNKED, LENGTH],          false, "told twice"),
            (Method::GET,     &[],                         true,  "no body"),
            (Method::CONNECT, &[],                         false, "what follows is a tunnel"),
            (Method::GET,     &[UPGRADE, OPTION],          true,  "a handshake"),
            (Method::GET,     &[UPGRADE, OPTION, EMPTY],   true,  "no body, said aloud"),
            (Method::GET,     &[UPGRADE, OPTION, LENGTH],  false, "body or frames?"),
            (Method::GET,     &[UPGRADE, OPTION, CHUNKED], false, "body or frames?"),
            (Method::GET,     &[UPGRADE],                  false, "half a handshake"),
            (Method::POST,    &[UPGRADE, OPTION],          false, "half a handshake"),
            (Method::POST,    &[("upgrade", "h2c"), OPTION, LENGTH], true, "not spoken here"),
        ];
        for (method, fields, passes, why) in cases {
            let outcome = require_unambiguous(method, &map(fields));
            assert_eq!(outcome.is_ok(), *passes, "{method} {fields:?}: {why}");
        }
    }

    #[test]
    fn the_head_is_measured_as_it_was_on_the_wire() {
        let fields = map(&[("a", "12345"), ("b", "")]); // "a: 12345\r\n" and "b: \r\n"

        assert!(require_small_head(&fields, 15).is_ok());
        assert!(require_small_head(&fields, 14).is_err());
    }
}
