//! Errors that the gateway makes itself, in the words of the client's dialect.
//!
//! Errors of an upstream are not rewritten; they are in its own words already.

#[cfg(test)]
mod tests;

use actix_web::http::StatusCode;
use serde::Serialize;

use crate::types::Dialect;

/// The body of a failed HTTP exchange.
///
/// `code` is the gateway's own; the Anthropic and Gemini shapes have no place for it.
#[must_use]
pub fn error_body(
    dialect: Dialect,
    status: StatusCode,
    code: &str,
    message: &str,
    request_id: &str,
) -> String {
    match dialect {
        Dialect::Anthropic => to_json(&AnthropicError::new(status, message, Some(request_id))),
        // Over plain HTTP a Responses error is like any other of OpenAI's.
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            to_json(&OpenAiError::new(status, code, message))
        }
        Dialect::Gemini => to_json(&GeminiError::new(status, message)),
    }
}

/// Whether an error's body has the shape of `dialect`, so that its clients can read it.
#[must_use]
pub fn is_error_of(dialect: Dialect, body: &[u8]) -> bool {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return false };
    let error = &body["error"];
    match dialect {
        Dialect::Anthropic => body["type"] == "error" && error["type"].is_string(),
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini => {
            error["message"].is_string()
        }
    }
}

/// The event that ends a stream which broke after its 200.
///
/// It needs to stand at an event boundary. `sequence_number` matters to Responses only; `crlf`
/// says how the stream so far ends its lines.
#[must_use]
pub fn stream_error_event(
    dialect: Dialect,
    code: &str,
    message: &str,
    status: StatusCode,
    sequence_number: u64,
    crlf: bool,
) -> String {
    let end = if crlf { "\r\n" } else { "\n" };
    let (name, data) = match dialect {
        // Anthropic's SDKs react to the name and skip frames without one.
        Dialect::Anthropic => (Some("error"), to_json(&AnthropicError::new(status, message, None))),
        // No `[DONE]` may follow: it would say that the answer is whole.
        Dialect::OpenAiChat => (None, to_json(&OpenAiError::new(status, code, message))),
        // Flat: typed clients fail to parse an object inside `error` here.
        Dialect::OpenAiResponses => {
            let event = ResponsesErrorEvent {
                r#type: "error",
                sequence_number,
                code,
                message,
                param: None,
            };
            (Some("error"), to_json(&event))
        }
        Dialect::Gemini => (None, to_json(&GeminiError::new(status, message))),
    };
    match name {
        Some(name) => format!("event: {name}{end}data: {data}{end}{end}"),
        None => format!("data: {data}{end}{end}"),
    }
}

#[derive(Serialize)]
struct AnthropicError<'a> {
    r#type: &'static str,
    error: AnthropicDetail<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct AnthropicDetail<'a> {
    r#type: &'static str,
    message: &'a str,
}

impl<'a> AnthropicError<'a> {
    fn new(status: StatusCode, message: &'a str, request_id: Option<&'a str>) -> Self {
        let error = AnthropicDetail { r#type: anthropic_type(status), message };
        Self { r#type: "error", error, request_id }
    }
}

/// OpenAI's type and code of a budget that is spent.
const SPENT: &str = "insufficient_quota";

#[derive(Serialize)]
struct OpenAiError<'a> {
    error: OpenAiDetail<'a>,
}

#[derive(Serialize)]
struct OpenAiDetail<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'a str>,
    code: &'a str,
}

impl<'a> OpenAiError<'a> {
    fn new(status: StatusCode, code: &'a str, message: &'a str) -> Self {
        let r#type = if code == SPENT { SPENT } else { openai_type(status) };
        Self { error: OpenAiDetail { message, r#type, param: None, code } }
    }
}

#[derive(Serialize)]
struct ResponsesErrorEvent<'a> {
    r#type: &'static str,
    sequence_number: u64,
    code: &'a str,
    message: &'a str,
    param: Option<&'a str>,
}

#[derive(Serialize)]
struct GeminiError<'a> {
    error: GeminiDetail<'a>,
}

#[derive(Serialize)]
struct GeminiDetail<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
}

impl<'a> GeminiError<'a> {
    fn new(status: StatusCode, message: &'a str) -> Self {
        let error = GeminiDetail { code: status.as_u16(), message, status: rpc_status(status) };
        Self { error }
    }
}

fn to_json(error: &impl Serialize) -> String {
    serde_json::to_string(error).expect("strings and numbers always serialise")
}

/// Anthropic's own table; a status it does not name falls under its class.
fn anthropic_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// OpenAI calls an unknown model (404) an invalid request too.
fn openai_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

/// The names of `google.rpc.Code`, by Google's mapping of HTTP statuses.
fn rpc_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        405 | 501 => "UNIMPLEMENTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        412 => "FAILED_PRECONDITION",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        502 | 503 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}
