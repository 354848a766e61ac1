//! The status that an error would have had, had it not come after a 200.

use actix_web::http::StatusCode;
use serde_json::Value;

use super::super::words::error_within;

/// Reads the number where there is one, else the code, which says more than the type.
pub(super) fn status_of(data: &Value) -> StatusCode {
    let error = error_within(data);
    // The WebSocket form keeps the status beside the error.
    let numbers = [error.get("code"), error.get("status"), data.get("status"), data.get("code")];
    if let Some(status) = numbers.into_iter().flatten().find_map(number) {
        return status;
    }
    let words = [error.get("code"), error.get("type"), error.get("status")];
    let known = words.into_iter().find_map(|word| status_of_word(word?.as_str()?));
    let status = known.and_then(|status| StatusCode::from_u16(status).ok());
    status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn number(value: &Value) -> Option<StatusCode> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    let status = StatusCode::from_u16(u16::try_from(number).ok()?).ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

/// The words of Anthropic, OpenAI, its Codex backend, and `google.rpc.Code`.
fn status_of_word(word: &str) -> Option<u16> {
    let word = word.to_ascii_lowercase();
    let status = match word.as_str() {
        "invalid_request_error"
        | "context_length_exceeded"
        | "previous_response_not_found"
        | "invalid_argument"
        | "failed_precondition"
        | "out_of_range" => 400,
        "authentication_error" | "invalid_api_key" | "unauthenticated" | "token_expired" => 401,
        "billing_error" => 402,
        "permission_error" | "permission_denied" => 403,
        "not_found_error" | "not_found" | "model_not_found" => 404,
        "timeout_error" | "deadline_exceeded" | "vector_store_timeout" => 504,
        "conflict_error" | "aborted" => 409,
        "request_too_large" => 413,
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "insufficient_quota"
        | "credit_balance_exhausted"
        | "usage_limit_reached"
        | "usage_not_included"
        | "resource_exhausted"
        | "too_many_requests" => 429,
        "api_error" | "server_error" | "internal" | "internal_error" | "internal_server_error" => {
            500
        }
        "unavailable"
        | "service_unavailable"
        | "service_unavailable_error"
        | "server_is_overloaded"
        | "slow_down" => 503,
        "overloaded_error" => 529,
        // OpenAI names each fault of a prompt or an image in a word of its own.
        word if word.starts_with("invalid_")
            || word.contains("image")
            || word.contains("policy") =>
        {
            400
        }
        _ => return None,
    };
    Some(status)
}
