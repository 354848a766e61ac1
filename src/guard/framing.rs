//! Is it clear where the request ends, and is its head of a size we hold?

use actix_web::http::header::{self, HeaderMap};

use crate::error::GatewayError;

/// Refuses a request that two servers could read as two different requests.
///
/// SECURITY: a body whose end is told twice (`Content-Length` and `Transfer-Encoding`) is how
/// requests are smuggled past a gateway (RFC 9112, section 6.1). actix refuses the malformed kinds;
/// this one it would resolve in silence.
pub(super) fn require_unambiguous(fields: &HeaderMap) -> Result<(), GatewayError> {
    if fields.contains_key(header::TRANSFER_ENCODING) && fields.contains_key(header::CONTENT_LENGTH)
    {
        return Err(GatewayError::AmbiguousRequest(
            "it has both Content-Length and Transfer-Encoding",
        ));
    }
    Ok(())
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
    fn a_body_whose_end_is_told_twice_is_refused() {
        let length = ("content-length", "5");
        let chunked = ("transfer-encoding", "chunked");

        assert!(require_unambiguous(&map(&[length])).is_ok());
        assert!(require_unambiguous(&map(&[chunked])).is_ok());
        assert!(require_unambiguous(&map(&[chunked, length])).is_err());
    }

    #[test]
    fn the_head_is_measured_as_it_was_on_the_wire() {
        let fields = map(&[("a", "12345"), ("b", "")]); // "a: 12345\r\n" and "b: \r\n"

        assert!(require_small_head(&fields, 15).is_ok());
        assert!(require_small_head(&fields, 14).is_err());
    }
}
