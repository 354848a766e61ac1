//! Does a page of another site ask?

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap};

use crate::error::GatewayError;

/// Refuses what a browser sends on behalf of another site.
///
/// A page anywhere on the web can make its visitor's browser send requests to `localhost` or to a
/// gateway inside the company. It cannot forge `Sec-Fetch-Site` (a forbidden field), and before
/// anything but a simple request the browser asks with a preflight, which is refused here too.
pub(super) fn require_same_site(method: &Method, fields: &HeaderMap) -> Result<(), GatewayError> {
    let is_cross_site = fields
        .get("sec-fetch-site")
        .is_some_and(|site| site.as_bytes().eq_ignore_ascii_case(b"cross-site"));
    let is_preflight =
        *method == Method::OPTIONS && fields.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_cross_site || is_preflight { Err(GatewayError::CrossOrigin) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    #[test]
    fn a_page_of_another_site_is_refused() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("GET",     "sec-fetch-site", "cross-site",  false, "another site's page"),
            ("POST",    "sec-fetch-site", "Cross-Site",  false, "in any case of letters"),
            ("GET",     "sec-fetch-site", "same-origin", true,  "a page of ours"),
            ("GET",     "sec-fetch-site", "none",        true,  "typed into the address bar"),
            ("POST",    "sec-fetch-mode", "cors",        true,  "node's fetch sends this from a terminal"),
            ("OPTIONS", "access-control-request-method", "POST", false, "preflight"),
            ("OPTIONS", "accept",         "*/*",         true,  "no preflight"),
        ];
        for (method, name, value, passes, why) in cases {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let mut fields = HeaderMap::new();
            fields.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            assert_eq!(require_same_site(&method, &fields).is_ok(), passes, "{why}");
        }
    }
}
