//! For how long to leave a provider alone, in its own words.
//!
//! Every provider says it elsewhere: `Retry-After` and `retry-after-ms`, Google in the details of
//! the body, OpenAI's streams in the text alone. What cannot be read or meant is passed over. The
//! longest of several holds, since a hint is never shortened.

use std::time::{Duration, SystemTime};

use actix_web::http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::Value;

use super::duration;
use super::words::ErrorWords;

/// What a time to wait follows in a text. A bare "after" is not enough: a request, too, has timed
/// out "after 600s".
const BEFORE_A_WAIT: &[&str] =
    &["try again in ", "retry in ", "again after ", "retry after ", "reset after "];

/// The wait that the answer states for itself.
pub(super) fn told(fields: &HeaderMap, words: &ErrorWords, now: SystemTime) -> Option<Duration> {
    let in_milliseconds = fields
        .get_all("retry-after-ms")
        .filter_map(|value| duration::seconds(number(value)? / 1000.0))
        .max();
    let in_seconds =
        fields.get_all(RETRY_AFTER).filter_map(|value| parse_retry_after(value, now)).max();
    let in_details = words.details().filter_map(google_delay).max();
    let in_text = in_text(words.message());
    in_milliseconds.max(in_seconds).max(in_details).max(in_text)
}

/// A number of seconds, which some servers give with a fraction, or a date (RFC 9110, 10.2.3).
fn parse_retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    if let Some(seconds) = number(value) {
        return duration::seconds(seconds);
    }
    duration::until(httpdate::parse_http_date(value.to_str().ok()?).ok()?, now)
}

/// `RetryInfo.retryDelay`, or `quotaResetDelay` in the metadata of `ErrorInfo`.
fn google_delay(detail: &Value) -> Option<Duration> {
    let places = [detail.get("retryDelay"), detail.pointer("/metadata/quotaResetDelay")];
    places.into_iter().filter_map(|delay| duration::parse(delay?.as_str()?)).max()
}

fn in_text(message: &str) -> Option<Duration> {
    let behind = |phrase: &'static str| {
        message.match_indices(phrase).map(|(at, phrase)| &message[at + phrase.len()..])
    };
    let waits = BEFORE_A_WAIT.iter().flat_map(|phrase| behind(phrase));
    waits.filter_map(duration::parse_leading).map(|(wait, _)| wait).max()
}

pub(super) fn number(value: &HeaderValue) -> Option<f64> {
    value.to_str().ok()?.trim().parse().ok()
}
