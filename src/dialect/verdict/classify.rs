//! From status and words to the class of a failure, and to what should rest.
//!
//! Statuses alone mislead: vendors and relays file quota, models and features under 400, 403 and
//! 429 alike. So words are asked first, but only words seen in real answers, as narrow as they
//! were, and under the statuses they came with.

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;

use super::words::ErrorWords;
use super::{Scope, TroubleClass};

/// Codes of quota that is bought, not waited for.
const UNPAID_CODES: &[&str] = &[
    "insufficient_quota",
    "credit_balance_exhausted",
    "billing_error",
    "billing_hard_limit_reached",
    "billing_not_active",
    "insufficient_user_quota",
    "usage_not_included",
];

/// Anthropic says these in a plain 400. OpenAI's "exceeded your current quota" is missing on
/// purpose: Google's 429 of one minute says it word for word.
const UNPAID_PHRASES: &[&str] = &[
    "credit balance is too low",
    "reached your specified api usage limits",
    "out of extra usage",
    "insufficient balance",
];

/// Amazon Bedrock says 403 to an API key that it does not know, and calls it by no code.
const BAD_KEY_PHRASES: &[&str] = &["make sure your api key is valid", "invalid api key format"];

const BAD_KEY_CODES: &[&str] = &["api_key_invalid", "invalid_api_key"];

/// Codes that blame the request whatever the status, which relays do not keep.
const REQUEST_CODES: &[&str] = &[
    "context_length_exceeded",
    "string_above_max_length",
    "message_too_big",
    "invalid_prompt",
    "invalid_value",
    "unsupported_value",
    "unsupported_parameter",
    "previous_response_not_found",
    "cyber_policy",
];

const MODEL_CODES: &[&str] =
    &["model_not_found", "model_not_supported", "model_not_available", "unsupported_model"];

const MODEL_PHRASES: &[&str] = &[
    "model is not supported",
    "model not supported",
    "model is unsupported",
    "unsupported model",
    "model is unavailable",
    "model unavailable",
    "model not exist",
    "model does not exist",
    "model identifier is invalid",
    "with on-demand throughput", // Bedrock, of a model that only an inference profile serves
    "access to model",
    "access to the model",
    "not available for your plan",
    "not available for your account",
    "not available on your plan",
    "not included in your plan",
];

/// What a 404 or 403 misses when it does not miss the model.
const OTHER_THINGS: &[&str] = &[
    "item with id",
    "response with id",
    "previous response",
    "file not found",
    "no such file",
    "container not found",
    "cachedcontent not found",
    "cached content not found",
];

/// Codex's words for a model that is full, under more than one status.
const AT_CAPACITY: &[&str] = &["selected model is at capacity"];

/// Marks of Cloudflare's page, apart from its header.
const CHALLENGE_MARKS: &[&str] =
    &["<title>just a moment", "challenge-platform", "_cf_chl_opt", "cf-challenge"];

/// `None`: the request is at fault.
pub(super) fn classify(
    status: StatusCode,
    fields: &HeaderMap,
    words: &ErrorWords,
) -> Option<(TroubleClass, Scope)> {
    use Scope::{Credential, Model};
    use TroubleClass::{
        Challenge, Forbidden, Limited, ModelUnknown, Unauthorized, Unavailable, Unpaid,
    };

    if is_challenge(fields, words) {
        return Some((Challenge, Credential));
    }
    if refuses_long_context(status, words) || refuses_fast_mode(status, words) {
        return None;
    }
    let status = status.as_u16();
    let speaks_of_money = words.has_code(UNPAID_CODES) || words.says(UNPAID_PHRASES);
    if matches!(status, 400 | 402 | 403 | 429) && speaks_of_money {
        return Some((Unpaid, Credential));
    }
    let is_bad_key = words.has_code(BAD_KEY_CODES) || words.says(BAD_KEY_PHRASES);
    if matches!(status, 400 | 403) && is_bad_key {
        return Some((Unauthorized, Credential));
    }
    if words.says(AT_CAPACITY) {
        return Some((Limited, Model));
    }
    if !matches!(status, 402 | 429) && words.has_code(REQUEST_CODES) {
        return None;
    }
    if matches!(status, 400 | 403 | 422) && misses_the_model(words) {
        return Some((ModelUnknown, Model));
    }
    match status {
        401 => Some((Unauthorized, Credential)),
        402 => Some((Unpaid, Credential)),
        403 | 404 if words.says(OTHER_THINGS) => None,
        403 => Some((Forbidden, Model)),
        404 => Some((ModelUnknown, Model)),
        429 if is_outside_the_tier(words) => Some((ModelUnknown, Model)),
        429 => Some((Limited, Model)),
        501 | 505 => None, // the server will never do what was asked
        408 | 500.. => Some((Unavailable, Model)),
        _ => None,
    }
}

pub(super) fn refuses_long_context(status: StatusCode, words: &ErrorWords) -> bool {
    if !may_refuse_a_feature(status) {
        return false;
    }
    // Accounts that have it are limited by the minute in the same terms, unless they have none.
    let is_a_limit = words.says(&["per minute"]) && !words.says(&["rate limit of 0 "]);
    words.says(&["context-1m"]) || (words.says(&["long context"]) && !is_a_limit)
}

fn refuses_fast_mode(status: StatusCode, words: &ErrorWords) -> bool {
    may_refuse_a_feature(status) && words.says(&["fast mode"])
}

/// A missing entitlement comes as 400, 403, or a 429 that no wait ends.
fn may_refuse_a_feature(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 403 | 429)
}

fn misses_the_model(words: &ErrorWords) -> bool {
    let says_so = words.has_code(MODEL_CODES) || words.says(MODEL_PHRASES);
    // "'effort' with this model is not supported" is about the effort.
    says_so && !words.blames_a_parameter()
}

/// Google's `limit: 0`: the account's tier does not have the model.
fn is_outside_the_tier(words: &ErrorWords) -> bool {
    const LIMIT: &str = "limit: 0";
    let message = words.message();
    message.match_indices(LIMIT).any(|(at, _)| {
        let mut behind = message[at + LIMIT.len()..].bytes();
        match behind.next() {
            Some(b'.') => !behind.next().is_some_and(|digit| digit.is_ascii_digit()),
            Some(digit) => !digit.is_ascii_digit(),
            None => true,
        }
    })
}

fn is_challenge(fields: &HeaderMap, words: &ErrorWords) -> bool {
    let is_marked = fields.get("cf-mitigated").is_some_and(|value| value == "challenge");
    is_marked || (words.is_html() && words.says(CHALLENGE_MARKS))
}
