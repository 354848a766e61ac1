//! Header fields a credential adds to each of its requests: which may be added, and which not.

use actix_web::http::header::{HeaderName, HeaderValue};

use super::raw::RawHeaders;
use super::reader::Reader;
use super::shapes::Scalar;

/// Fields about the connection and the framing of a body (RFC 9110, 7.6.1; RFC 9112, 6): written
/// by hand, they contradict what is really sent.
const FRAMING: [&str; 12] = [
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Where a credential's key goes, in one family or another.
const AUTHENTICATION: [&str; 5] =
    ["api-key", "authorization", "proxy-authorization", "x-api-key", "x-goog-api-key"];

impl Reader<'_> {
    /// The fields, sorted by name. Values are marked sensitive: some are tokens.
    pub fn headers(
        &mut self,
        path: &str,
        raw: RawHeaders,
        has_key: bool,
    ) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::new();
        for (name, value) in self.section(path, raw) {
            headers.extend(self.header(&format!("{path}.{name}"), &name, &value, has_key));
        }
        headers.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        headers
    }

    fn header(
        &mut self,
        path: &str,
        name: &str,
        value: &Scalar,
        has_key: bool,
    ) -> Option<(HeaderName, HeaderValue)> {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            self.problem(path, "is no name of a header field");
            return None;
        };
        if FRAMING.contains(&name.as_str()) {
            self.problem(path, "cannot be set: it would break the request; take it out");
            return None;
        }
        if has_key && AUTHENTICATION.contains(&name.as_str()) {
            self.problem(path, "cannot be set: the key of the credential goes there");
            return None;
        }
        let text = self.text(path, value)?;
        if text.starts_with('$') {
            self.warn(
                path,
                "is left out: values taken from the request (`$...`) are not supported",
            );
            return None;
        }
        let Ok(mut value) = HeaderValue::from_str(&text) else {
            self.problem(path, "has characters no header field can have");
            return None;
        };
        value.set_sensitive(true);
        if AUTHENTICATION.contains(&name.as_str()) {
            self.has_secret_in_place(path);
        }
        Some((name, value))
    }
}
