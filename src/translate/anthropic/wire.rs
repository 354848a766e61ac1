//! The words that answers are written with, both ways: usage, reasons, types of errors.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};

use super::super::event::{StopReason, Usage};

/// Its input counts neither what was read from the cache nor what was written to it; its output
/// counts the thinking. So do ours.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct WireUsage {
    pub input_tokens: Option<u64>,
    pub cache_creation_input_tokens: Option<u64>,
    pub cache_read_input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct OutputDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking_tokens: Option<u64>,
}

impl From<Usage> for WireUsage {
    /// SDKs want numbers, so what is not known is 0.
    fn from(usage: Usage) -> Self {
        let thinking_tokens = usage.reasoning.map(|_| usage.reasoning());
        Self {
            input_tokens: Some(usage.input()),
            cache_creation_input_tokens: Some(usage.cache_write()),
            cache_read_input_tokens: Some(usage.cache_read()),
            output_tokens: Some(usage.output()),
            output_tokens_details: thinking_tokens.map(|_| OutputDetails { thinking_tokens }),
        }
    }
}

/// `sequence` is the stop sequence that was met. A reason that we do not know ends the turn.
pub fn read_stop(reason: &str, sequence: Option<String>) -> StopReason {
    match reason {
        "stop_sequence" => StopReason::StopSequence(sequence),
        "max_tokens" => StopReason::MaxTokens,
        "model_context_window_exceeded" => StopReason::ContextWindow,
        "tool_use" => StopReason::ToolUse,
        "refusal" => StopReason::Refusal,
        "pause_turn" => StopReason::Pause,
        _ => StopReason::EndTurn,
    }
}

/// The reason, and the stop sequence that was met.
pub fn write_stop(reason: &StopReason) -> (&'static str, Option<&str>) {
    match reason {
        StopReason::EndTurn => ("end_turn", None),
        StopReason::StopSequence(sequence) => ("stop_sequence", sequence.as_deref()),
        StopReason::MaxTokens => ("max_tokens", None),
        StopReason::ContextWindow => ("model_context_window_exceeded", None),
        StopReason::ToolUse => ("tool_use", None),
        StopReason::Refusal => ("refusal", None),
        StopReason::Pause => ("pause_turn", None),
    }
}

/// What an error of this type is as a status: inside a stream only its type is told.
pub fn status_of(error_type: &str) -> StatusCode {
    let code = match error_type {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "conflict_error" => 409,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    };
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Reads a string without copying it where it has no escapes; `null` is none.
pub fn text<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'a, str>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    let text = Option::<Text<'de>>::deserialize(deserializer)?;
    Ok(text.map(|text| text.0).unwrap_or_default())
}
