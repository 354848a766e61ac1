//! A [`GatewayError`] as a response, in the dialect of the door it came through.

use actix_web::HttpResponse;
use actix_web::http::header;

use super::Door;
use crate::dialect;
use crate::error::GatewayError;

/// Seconds after which a refusal for want of room or of a process may be tried again.
const TRY_AGAIN_SECONDS: &str = "1";

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
    match error {
        GatewayError::Unauthenticated => {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        GatewayError::MethodNotAllowed { allow } => {
            response.insert_header((header::ALLOW, *allow));
        }
        GatewayError::Draining => {
            response.insert_header((header::RETRY_AFTER, TRY_AGAIN_SECONDS));
            response.force_close();
        }
        GatewayError::UpstreamBusy { .. } => {
            response.insert_header((header::RETRY_AFTER, TRY_AGAIN_SECONDS));
        }
        GatewayError::AllResting { seconds, .. } => {
            response.insert_header((header::RETRY_AFTER, *seconds));
        }
        // RFC 9110, section 15.5.22: a 426 names the protocol.
        GatewayError::WebSocketNotServed => {
            response.insert_header((header::UPGRADE, "HTTP/1.1"));
        }
        // What is left of the body would be taken for the next request.
        GatewayError::BodyTooLarge { .. }
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
}
