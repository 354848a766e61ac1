//! An error that came instead of an answer, or in the middle of one.

use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::event::Failure;
use super::wire::{Str, TextOr};

#[derive(Debug, Deserialize)]
pub(super) struct ErrorIn<'a> {
    #[serde(borrow)]
    message: Option<Str<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Str<'a>>,
    /// A word, or a status.
    #[serde(borrow)]
    code: Option<&'a RawValue>,
}

/// What the error says, with the status that it would have had before the stream.
pub(super) fn failure(error: TextOr<Str<'_>, ErrorIn<'_>>) -> Failure {
    let error = match error {
        TextOr::Text(message) => ErrorIn { message: Some(message), kind: None, code: None },
        TextOr::Other(error) => error,
    };
    let code: Option<Str<'_>> = error.code.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let number: Option<u16> = error.code.and_then(|raw| raw.get().trim_matches('"').parse().ok());
    let word = |text: Option<Str<'_>>| {
        text.map(|text| text.0.into_owned()).filter(|text| !text.is_empty())
    };
    let (code, kind) = (word(code), word(error.kind));
    let by_number = number
        .and_then(|number| StatusCode::from_u16(number).ok())
        .filter(|status| status.is_client_error() || status.is_server_error());
    let by_word = || [&code, &kind].into_iter().flatten().find_map(|word| status_of(word));
    Failure {
        status: by_number.or_else(by_word).unwrap_or(StatusCode::BAD_GATEWAY),
        code: code.or(kind).unwrap_or_default(),
        message: word(error.message)
            .unwrap_or_else(|| "the provider reported an error without a message".to_owned()),
    }
}

/// The status that an error with this code or of this type has before a stream.
fn status_of(word: &str) -> Option<StatusCode> {
    Some(match word {
        "rate_limit_exceeded"
        | "rate_limit_error"
        | "insufficient_quota"
        | "tokens"
        | "requests"
        | "credit_balance_exhausted" => StatusCode::TOO_MANY_REQUESTS,
        "invalid_request_error" | "context_length_exceeded" | "content_policy_violation" => {
            StatusCode::BAD_REQUEST
        }
        "authentication_error" | "invalid_api_key" => StatusCode::UNAUTHORIZED,
        "permission_error" => StatusCode::FORBIDDEN,
        "not_found_error" | "model_not_found" => StatusCode::NOT_FOUND,
        "overloaded_error" | "overloaded" | "engine_overloaded_error" | "service_unavailable" => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        "timeout" | "timeout_error" => StatusCode::GATEWAY_TIMEOUT,
        "server_error" | "api_error" | "internal_error" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => return None,
    })
}
