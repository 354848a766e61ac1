//! Times to wait, as providers write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// No limit of any provider is longer; a greater number is a mistake, such as milliseconds taken
/// for seconds, and would put a credential away for good.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// `None` for what cannot be meant. Zero is none either: servers send it when they do not know.
pub(super) fn sensible(wait: Duration) -> Option<Duration> {
    (!wait.is_zero() && wait <= LONGEST).then_some(wait)
}

pub(super) fn seconds(seconds: f64) -> Option<Duration> {
    sensible(Duration::try_from_secs_f64(seconds).ok()?)
}

pub(super) fn until(moment: SystemTime, now: SystemTime) -> Option<Duration> {
    sensible(moment.duration_since(now).ok()?)
}

pub(super) fn until_unix(seconds: f64, now: SystemTime) -> Option<Duration> {
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    until(UNIX_EPOCH.checked_add(since)?, now)
}

/// `6m0s`, `1.5s`, `6ms`, or a bare number of seconds.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return seconds(number);
    }
    let (wait, rest) = parse_leading(text)?;
    rest.is_empty().then_some(wait)
}

/// A time at the beginning of `text`, in Go's manner or in words, and what follows it.
pub(super) fn parse_leading(text: &str) -> Option<(Duration, &str)> {
    let mut total = 0.0;
    let mut rest = text;
    while let Some((seconds, behind)) = parse_part(rest) {
        total += seconds;
        rest = behind;
    }
    if rest.len() == text.len() {
        return None;
    }
    Some((seconds(total)?, rest))
}

fn parse_part(text: &str) -> Option<(f64, &str)> {
    let text = text.trim_start_matches(' ');
    let (number, rest) = split_where(text, |c| c.is_ascii_digit() || c == '.');
    let (unit, rest) = split_where(rest.trim_start_matches(' '), char::is_alphabetic);
    let unit_seconds = match unit {
        "ms" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86400.0,
        _ => return None,
    };
    Some((number.parse::<f64>().ok()? * unit_seconds, rest))
}

fn split_where(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}
