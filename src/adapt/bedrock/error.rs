//! Errors of AWS in Anthropic's words.

use actix_web::http::StatusCode;
use serde_json::Value;

use crate::dialect::{error_body as body_in, stream_error_event};
use crate::types::Dialect;

/// The longest message that is passed on.
const MAX_MESSAGE_BYTES: usize = 8 * 1024;

/// The status that says in Anthropic's API what an error of AWS means. `kind` is the value of
/// `x-amzn-errortype`, or the name of an exception inside a stream; `told` what AWS itself has answered.
#[must_use]
pub fn status_of_error(kind: &str, told: StatusCode) -> StatusCode {
    if is_about_the_signature(kind) {
        return StatusCode::UNAUTHORIZED;
    }
    match name_of(kind).as_str() {
        "throttlingexception"
        | "modelnotreadyexception"
        | "servicequotaexceededexception"
        | "toomanyrequestsexception" => StatusCode::TOO_MANY_REQUESTS,
        // 403 as well, but about the keys and not about what they may do: with new ones it may go well.
        "unrecognizedclientexception"
        | "expiredtokenexception"
        | "expiredtoken"
        | "invalidclienttokenid"
        | "missingauthenticationtokenexception" => StatusCode::UNAUTHORIZED,
        "accessdeniedexception" => StatusCode::FORBIDDEN,
        "resourcenotfoundexception" => StatusCode::NOT_FOUND,
        "validationexception" => StatusCode::BAD_REQUEST,
        "modeltimeoutexception" => StatusCode::GATEWAY_TIMEOUT,
        "modelerrorexception" | "modelstreamerrorexception" | "internalserverexception" => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        "serviceunavailableexception" => StatusCode::SERVICE_UNAVAILABLE,
        _ => told,
    }
}

/// Whether AWS could not make sense of a signature. Keys that are wrong look like a clock that is.
#[must_use]
pub fn is_about_the_signature(kind: &str) -> bool {
    matches!(
        name_of(kind).as_str(),
        "invalidsignatureexception"
            | "signaturedoesnotmatch"
            | "incompletesignatureexception"
            | "requestexpired"
            | "requesttimetooskewed"
    )
}

/// `AccessDeniedException:http://internal.amazon.com/...` and `com.amazon#AccessDeniedException` are
/// the same.
fn name_of(kind: &str) -> String {
    let name = kind.split(':').next().unwrap_or_default();
    name.rsplit('#').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The body of a failed call.
#[must_use]
pub fn error_body(status: StatusCode, told: &[u8], request_id: &str) -> String {
    body_in(Dialect::Anthropic, status, "", &message_of(told), request_id)
}

/// The event that a stream ends with which has failed.
pub(super) fn error_event(kind: &str, told: &[u8]) -> String {
    let status = status_of_error(kind, StatusCode::INTERNAL_SERVER_ERROR);
    stream_error_event(Dialect::Anthropic, "", &message_of(told), status, 0, false)
}

/// The message inside an error of AWS; a body of another kind is its own.
fn message_of(told: &[u8]) -> String {
    let json: Option<Value> = serde_json::from_slice(told).ok();
    let member = |name: &str| json.as_ref()?.get(name)?.as_str();
    let said = ["message", "Message", "originalMessage"].into_iter().find_map(member);
    let mut message =
        said.map_or_else(|| String::from_utf8_lossy(told).into_owned(), str::to_owned);
    if message.trim().is_empty() {
        "Amazon Bedrock gave no reason".clone_into(&mut message);
    }
    let mut end = message.len().min(MAX_MESSAGE_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.truncate(end);
    message
}
