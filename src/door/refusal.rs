//! A [`GatewayError`] as a response, in the dialect of the door it came through.

use actix_web::HttpResponse;
use actix_web::http::header;

use super::Door;
use crate::dialect;
use crate::error::GatewayError;

/// Builds the response. It carries the request's id, so that a user can quote it and an operator
/// can find the cause in the log.
#[must_use]
pub fn error_response(door: &Door, error: &GatewayError, request_id: &str) -> HttpResponse {
    let (code, status) = error.classify();
    let message = error.to_string();
    let body = match door.dialect() {
        Some(dialect) => dialect::error_body(dialect, status, code, &message, request_id),
        None => serde_json::json!({ "error": { "code": code, "message": message } }).to_string(),
    };
    let mut response = HttpResponse::build(status);
    response.insert_header((header::CONTENT_TYPE, "application/json"));
    response.insert_header(("x-request-id", request_id));
    if let Some(seconds) = error.retry_after_seconds() {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    if error.forbids_retry() {
        // Read by the SDKs of Anthropic and OpenAI, which would else try a 429 twice more.
        response.insert_header(("x-should-retry", "false"));
    }
    match error {
        GatewayError::Unauthenticated | GatewayError::LoginIsNoKey { .. } => {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        GatewayError::MethodNotAllowed { allow } => {
            response.insert_header((header::ALLOW, *allow));
        }
        // RFC 9110, section 15.5.22: a 426 names the protocol.
        GatewayError::WebSocketNotServed => {
            response.insert_header((header::UPGRADE, "HTTP/1.1"));
        }
        // What is left of the body would be taken for the next request; and whoever drains takes none.
        GatewayError::Draining
        | GatewayError::BodyTooLarge { .. }
        | GatewayError::BodyStalled
        | GatewayError::BodyCutShort
        | GatewayError::AmbiguousRequest(_)
        | GatewayError::HeadTooLarge { .. } => {
            response.force_close();
        }
        _ => {}
    }
    response.body(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Filling, Limit, LimitReached};
    use actix_web::body::MessageBody as _;
    use actix_web::http::Method;

    fn refused(method: &Method, path: &str, error: &GatewayError) -> (HttpResponse, String) {
        let response = error_response(&Door::of(method, path), error, "req-1");
        let (response, body) = response.into_parts();
        let bytes = body.try_into_bytes().unwrap();
        (response.map_into_boxed_body(), String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn a_refusal_speaks_the_dialect_of_its_door() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (Method::POST, "/v1/messages",                        "/type",         "error"),
            (Method::POST, "/api/provider/anthropic/v1/messages", "/error/type",   "authentication_error"),
            (Method::POST, "/v1/chat/completions",                "/error/code",   "unauthenticated"),
            (Method::POST, "/v1/responses",                       "/error/code",   "unauthenticated"),
            (Method::POST, "/v1beta/models/g:generateContent",    "/error/status", "UNAUTHENTICATED"),
            (Method::GET,  "/api/user",                           "/error/code",   "unauthenticated"),
        ];
        for (method, path, pointer, expected) in cases {
            let (response, body) = refused(&method, path, &GatewayError::Unauthenticated);

            let json: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(json.pointer(pointer).unwrap(), expected, "{path}: {body}");
            assert_eq!(response.status(), 401, "{path}");
            assert_eq!(response.headers().get("x-request-id").unwrap(), "req-1", "{path}");
        }
    }

    #[test]
    fn a_limit_says_in_every_dialect_when_it_is_over_and_whether_to_wait() {
        let reached = |limit, filling| {
            GatewayError::LimitReached(LimitReached { limit, filling, seconds: 77 })
        };
        let rate = reached(Limit::RequestsPerMinute(5), Filling::Used);
        let spent = reached(Limit::TokensPerDay(5), Filling::Used);
        let held = reached(Limit::TokensPerDay(5), Filling::UnderWay);
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("/v1/messages",                     &rate,  "/error/type",   "rate_limit_error",    None),
            ("/v1/messages",                     &spent, "/error/type",   "rate_limit_error",    Some("false")),
            ("/v1/chat/completions",             &rate,  "/error/code",   "rate_limit_exceeded", None),
            ("/v1/chat/completions",             &held,  "/error/code",   "rate_limit_exceeded", None),
            ("/v1/chat/completions",             &spent, "/error/code",   "insufficient_quota",  Some("false")),
            ("/v1/responses",                    &spent, "/error/type",   "insufficient_quota",  Some("false")),
            ("/v1beta/models/g:generateContent", &spent, "/error/status", "RESOURCE_EXHAUSTED",  Some("false")),
            ("/api/user",                        &rate,  "/error/code",   "rate_limit_exceeded", None),
        ];
        for (path, error, pointer, expected, should_retry) in cases {
            let method = if path == "/api/user" { Method::GET } else { Method::POST };
            let (response, body) = refused(&method, path, error);

            let json: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(json.pointer(pointer).unwrap(), expected, "{path}: {body}");
            assert_eq!(response.status(), 429, "{path}");
            let field = |name| response.headers().get(name).map(|value| value.to_str().unwrap());
            assert_eq!(field("retry-after"), Some("77"), "{path}");
            assert_eq!(field("x-should-retry"), should_retry, "{path}: {expected}");
        }
    }
}
