//! Errors as messages of a connection: with the status that HTTP would have had, and in one object.
//!
//! Over HTTP the status says that a call has failed and the end of the body that a stream has; here
//! nothing but the message can, so none of them may be missing or without its status.

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::create::BadMessage;
use crate::dialect::error_body;
use crate::error::GatewayError;
use crate::types::Dialect;

#[derive(Serialize)]
struct ErrorMessage<'a, Words> {
    r#type: &'static str,
    status: u16,
    error: Words,
    /// What a client reads from an answer's fields.
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "as_map")]
    headers: &'a [(&'a str, &'a str)],
}

#[derive(Serialize)]
struct Words<'a> {
    r#type: &'static str,
    code: Option<&'a str>,
    message: &'a str,
    /// Left out where nothing of the message is meant, as OpenAI has it here.
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
}

fn as_map<S: serde::Serializer>(fields: &[(&str, &str)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().copied())
}

fn message(status: StatusCode, error: impl Serialize, headers: &[(&str, &str)]) -> String {
    let message = ErrorMessage { r#type: "error", status: status.as_u16(), error, headers };
    serde_json::to_string(&message).expect("strings and numbers always serialise")
}

/// A request that is wrong; in OpenAI's words, for clients react to some of the codes.
fn invalid(code: Option<&str>, words: &str, param: Option<&str>) -> String {
    let words = Words { r#type: "invalid_request_error", code, message: words, param };
    message(StatusCode::BAD_REQUEST, words, &[])
}

pub(super) const NOT_FOUND: &str = "previous_response_not_found";

pub(super) fn of_unknown_response(id: &str) -> String {
    let words = format!("Previous response with id '{id}' not found.");
    invalid(Some(NOT_FOUND), &words, Some("previous_response_id"))
}

/// The connection has lived as long as it may.
pub(super) fn of_old_connection() -> String {
    let words = "Responses websocket connection limit reached (60 minutes). Create a new websocket \
                 connection to continue.";
    invalid(Some("websocket_connection_limit_reached"), words, None)
}

pub(super) fn of_bad_message(bad: &BadMessage) -> String {
    invalid(Some("bad_message"), &bad.message, bad.param)
}

/// More calls wait than are kept.
pub(super) fn of_full_queue() -> String {
    let words = Words {
        r#type: "rate_limit_error",
        code: Some("too_many_waiting"),
        message: "too many calls wait on this connection: one is answered after the other",
        param: None,
    };
    message(StatusCode::TOO_MANY_REQUESTS, words, &[])
}

/// A call that failed in the gateway.
pub(super) fn of_gateway(error: &GatewayError) -> String {
    let (code, status) = error.classify();
    let seconds = error.retry_after_seconds().map(|seconds| seconds.to_string());
    let retry_after = seconds.as_deref().map(|seconds| ("retry-after", seconds));
    of_words(status, code, &error.to_string(), retry_after.as_slice())
}

fn of_words(status: StatusCode, code: &str, words: &str, headers: &[(&str, &str)]) -> String {
    let body = error_body(Dialect::OpenAiResponses, status, code, words, "");
    let body: ErrorBody<'_> = serde_json::from_str(&body).expect("OpenAI's errors have this shape");
    message(status, body.error, headers)
}

#[derive(Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow)]
    error: &'a RawValue,
}

/// Of an answer's fields those that clients act on.
fn is_told(name: &str) -> bool {
    ["retry-after", "x-request-id", "x-ratelimit-", "x-codex-", "x-ampgate-"]
        .iter()
        .any(|told| name.starts_with(told))
}

/// An HTTP answer that is an error, in its own words if they have the shape of the API.
pub(super) fn of_answer(status: StatusCode, fields: &HeaderMap, body: &[u8]) -> String {
    let headers: Vec<(&str, &str)> = fields
        .iter()
        .filter(|(name, _)| is_told(name.as_str()))
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    match serde_json::from_slice::<ErrorBody<'_>>(body) {
        Ok(body) if body.error.get().starts_with('{') => message(status, body.error, &headers),
        _ => {
            let words = String::from_utf8_lossy(body);
            let reason = status.canonical_reason().unwrap_or("the call failed");
            let words = if words.trim().is_empty() { reason } else { words.trim() };
            of_words(status, "upstream_error", words, &headers)
        }
    }
}

/// An `error` event of a stream. There it is flat and has no status: the answer had begun well. What
/// has its words in an object already is one of these messages.
pub(super) fn of_event(event: &str) -> String {
    #[derive(Deserialize)]
    struct Flat {
        error: Option<serde_json::Value>,
        code: Option<String>,
        message: Option<String>,
        param: Option<String>,
    }
    let Ok(flat) = serde_json::from_str::<Flat>(event) else { return event.to_owned() };
    if flat.error.is_some() {
        return event.to_owned();
    }
    let words = Words {
        r#type: "server_error",
        code: flat.code.as_deref(),
        message: flat.message.as_deref().unwrap_or("the answer broke off"),
        param: flat.param.as_deref(),
    };
    message(StatusCode::INTERNAL_SERVER_ERROR, words, &[])
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{self, HeaderName, HeaderValue};
    use serde_json::{Value, json};

    use super::*;

    fn read(message: &str) -> Value {
        serde_json::from_str(message).unwrap()
    }

    #[test]
    fn an_answers_error_keeps_its_words_and_says_its_status() {
        let own = |code, words| json!({ "message": words, "type": "server_error", "param": null, "code": code });
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // body, error, why
            (r#"{"error":{"code":"x","more":[1]}}"#, json!({ "code": "x", "more": [1] }),              "an object as it is"),
            (r#"{"error":"down"}"#,                  own("upstream_error", r#"{"error":"down"}"#),     "no object: its text"),
            ("<html>",                               own("upstream_error", "<html>"),                  "no JSON: its text"),
            ("",                                     own("upstream_error", "Service Unavailable"),     "nothing: the status"),
        ];
        for (body, error, why) in cases {
            let mut fields = HeaderMap::new();
            fields.insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
            fields.insert(header::SERVER, HeaderValue::from_static("nginx"));
            let message = of_answer(StatusCode::SERVICE_UNAVAILABLE, &fields, body.as_bytes());
            let expected = json!({
                "type": "error", "status": 503, "error": error, "headers": { "retry-after": "7" }
            });
            assert_eq!(read(&message), expected, "{why}");
        }
    }

    #[test]
    fn only_fields_that_clients_act_on_are_told() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("retry-after",                    true),
            ("retry-after-ms",                 true),
            ("x-ratelimit-remaining-tokens",   true),
            ("x-codex-primary-used-percent",   true),
            ("x-ampgate-provider",             true),
            ("set-cookie",                     false),
            ("server",                         false),
        ];
        for (name, expected) in cases {
            assert_eq!(is_told(HeaderName::from_static(name).as_str()), expected, "{name}");
        }
    }

    #[test]
    fn openais_own_refusals_are_said_as_openai_says_them() {
        let sample = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/openai-responses/r08-websocket.jsonl"
        ));
        let errors: Vec<Value> = sample.lines().map(|line| read(line)["frame"].take()).collect();
        let [.., unknown, old] = errors.as_slice() else { panic!("two errors") };
        assert_eq!(read(&of_unknown_response("resp_gone")), *unknown);
        assert_eq!(read(&of_old_connection()), *old);
    }

    #[test]
    fn a_flat_error_event_becomes_a_message_with_a_status() {
        let flat = r#"{"type":"error","sequence_number":3,"code":"c","message":"m","param":null}"#;
        let expected = json!({
            "type": "error", "status": 500,
            "error": { "type": "server_error", "code": "c", "message": "m" },
        });
        assert_eq!(read(&of_event(flat)), expected);
        let nested = r#"{"type":"error","status":400,"error":{"code":"c"}}"#;
        assert_eq!(of_event(nested), nested, "as it is");
    }
}
