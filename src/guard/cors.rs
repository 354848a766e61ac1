//! May a page of another origin read the answer of a direct route?

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};

/// How long a browser may remember a preflight. Chromium's own ceiling is two hours.
const MAX_AGE_SECONDS: &str = "7200";

/// Which origins may read answers; none unless configured.
#[derive(Clone, Copy, Debug)]
pub(super) struct CorsPolicy<'a>(pub &'a [String]);

impl CorsPolicy<'_> {
    /// The request's `Origin` when it may read the answer.
    pub(super) fn granted_origin(&self, fields: &HeaderMap) -> Option<HeaderValue> {
        let origin = fields.get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        let is_named = |known: &String| known == "*" || known.eq_ignore_ascii_case(text);
        let allowed = self.0.iter().any(is_named);
        allowed.then(|| origin.clone())
    }

    /// Whether this is a preflight from an allowed origin. A preflight shows no key, for browsers
    /// send none, so it is answered before the key guard.
    pub(super) fn is_preflight(&self, method: &Method, fields: &HeaderMap) -> bool {
        *method == Method::OPTIONS
            && fields.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            && self.granted_origin(fields).is_some()
    }

    /// Lets the page ask what it wants to ask: the key decides, not the kind of request.
    pub(super) fn preflight_answer(&self, fields: &HeaderMap) -> HttpResponse {
        let mut response = HttpResponse::build(StatusCode::NO_CONTENT);
        response.insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS));
        let echoes = [
            (header::ACCESS_CONTROL_REQUEST_METHOD, header::ACCESS_CONTROL_ALLOW_METHODS),
            (header::ACCESS_CONTROL_REQUEST_HEADERS, header::ACCESS_CONTROL_ALLOW_HEADERS),
        ];
        for (asked, allowed) in echoes {
            if let Some(value) = fields.get(asked) {
                response.insert_header((allowed, value.clone()));
            }
        }
        let mut response = response.finish();
        if let Some(origin) = self.granted_origin(fields) {
            grant(response.headers_mut(), origin);
        }
        response
    }
}

/// Lets `origin` read an answer. Credentials are not allowed: keys are sent by the page's own code,
/// never by its cookies.
pub(super) fn grant(fields: &mut HeaderMap, origin: HeaderValue) {
    fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    fields.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "x-request-id, x-ampgate-route, x-ampgate-provider, x-ampgate-fallback, retry-after",
        ),
    );
    fields.append(header::VARY, HeaderValue::from_static("origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(origin: &'static str) -> HeaderMap {
        let mut fields = HeaderMap::new();
        fields.insert(header::ORIGIN, HeaderValue::from_static(origin));
        fields.insert(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
        fields
    }

    #[test]
    fn only_listed_origins_may_read() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases: &[(&[&str], &str, bool, &str)] = &[
            (&[],                    "https://a.example", false, "nothing configured"),
            (&["https://a.example"], "https://a.example", true,  "listed"),
            (&["https://a.example"], "https://b.example", false, "not listed"),
            (&["https://a.example"], "https://a.example.evil", false, "a longer name is another"),
            (&["*"],                 "https://b.example", true,  "any"),
        ];
        for (listed, origin, allowed, why) in cases.iter().copied() {
            let listed: Vec<String> = listed.iter().map(ToString::to_string).collect();
            let policy = CorsPolicy(&listed);
            let fields = from(origin);
            assert_eq!(policy.granted_origin(&fields).is_some(), allowed, "{why}");
            assert_eq!(policy.is_preflight(&Method::OPTIONS, &fields), allowed, "{why}");
            assert!(!policy.is_preflight(&Method::POST, &fields), "not a preflight");
        }
    }
}
