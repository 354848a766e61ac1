//! Which limits a 429 says are spent, and when they come back.
//!
//! Providers tell the state of every limit with every answer, so only those at their end count:
//! the reset of a window that is not spent says nothing.

use std::time::{Duration, SystemTime};

use actix_web::http::header::HeaderMap;
use serde_json::Value;

use super::Scope;
use super::duration;
use super::hints::number;
use super::words::ErrorWords;

const UNIFIED: &str = "anthropic-ratelimit-unified";
const CODEX: &str = "x-codex";

/// What the spent limits add up to.
pub(super) struct Spent {
    /// `None` when no limit is named.
    pub scope: Option<Scope>,
    pub wait: Option<Duration>,
    /// Whether what the answer states otherwise is about a narrower limit than `scope`.
    pub tells_all: bool,
}

/// The windows of one scope.
#[derive(Default)]
struct Windows {
    are_spent: bool,
    wait: Option<Duration>,
}

impl Windows {
    fn add(&mut self, wait: Option<Duration>) {
        self.are_spent = true;
        self.wait = self.wait.max(wait);
    }
}

pub(super) fn spent(fields: &HeaderMap, words: &ErrorWords, now: SystemTime) -> Spent {
    let (mut account, mut model) = (Windows::default(), Windows::default());
    add_unified(fields, now, &mut account, &mut model);
    add_codex(fields, words, now, &mut account, &mut model);
    let counted = counted_by_model(fields, now);

    if account.are_spent {
        // A model's window may last days longer than the account's: its reset, which the answer
        // repeats as its own, must not put the other models away.
        let tells_all = model.are_spent && account.wait.is_some();
        Spent { scope: Some(Scope::Credential), wait: account.wait.max(counted), tells_all }
    } else {
        let scope = model.are_spent.then_some(Scope::Model);
        Spent { scope, wait: model.wait.max(counted), tells_all: false }
    }
}

/// A subscription's windows at Anthropic: `5h` and `7d` are the account's, others, such as
/// `7d_oi`, a model's. `overage` is not a window but what would be paid beyond them.
fn add_unified(fields: &HeaderMap, now: SystemTime, account: &mut Windows, model: &mut Windows) {
    let mut is_any_named = false;
    for name in fields.keys() {
        let window = name.as_str().strip_prefix(UNIFIED).and_then(|name| name.strip_prefix('-'));
        let Some(window) = window.and_then(|name| name.strip_suffix("-status")) else { continue };
        if window == "overage" || text(fields, name.as_str()) != Some("rejected") {
            continue;
        }
        is_any_named = true;
        let wait = unix_reset(fields, &format!("{UNIFIED}-{window}-reset"), now);
        if matches!(window, "5h" | "7d") { account.add(wait) } else { model.add(wait) }
    }
    let status = text(fields, &format!("{UNIFIED}-status"));
    // An account within its windows may still be too fast: then this reset is not what ends it.
    if status.is_some_and(|status| status != "rejected") {
        return;
    }
    let wait = unix_reset(fields, &format!("{UNIFIED}-reset"), now);
    match text(fields, &format!("{UNIFIED}-representative-claim")) {
        Some("five_hour" | "5h" | "seven_day" | "7d") => account.add(wait),
        Some(claim) if claim != "overage" => model.add(wait),
        // Nothing tells whose window it is: the account's, unless one was named above.
        claim if !is_any_named && (claim.is_some() || status.is_some() || wait.is_some()) => {
            account.add(wait);
        }
        _ => {}
    }
}

/// A `ChatGPT` plan's windows: `primary` and `secondary` are the account's, those with a name
/// before them a family of models'.
fn add_codex(
    fields: &HeaderMap,
    words: &ErrorWords,
    now: SystemTime,
    account: &mut Windows,
    model: &mut Windows,
) {
    for (name, value) in fields {
        let window = name.as_str().strip_prefix(CODEX).and_then(|name| name.strip_prefix('-'));
        let Some(window) = window.and_then(|name| name.strip_suffix("-used-percent")) else {
            continue;
        };
        if number(value).is_some_and(|percent| percent >= 100.0) {
            let wait = unix_reset(fields, &format!("{CODEX}-{window}-reset-at"), now);
            let is_account = matches!(window, "primary" | "secondary");
            if is_account { account.add(wait) } else { model.add(wait) }
        }
    }
    if words.has_code(&["usage_limit_reached"]) {
        let wait = words.error().and_then(|error| codex_reset(error, now));
        let is_family = model.are_spent && !account.are_spent;
        if is_family { model.add(wait) } else { account.add(wait) }
    }
}

fn codex_reset(error: &Value, now: SystemTime) -> Option<Duration> {
    let field = |name| error.get(name).and_then(Value::as_f64);
    let at = field("resets_at").and_then(|moment| duration::until_unix(moment, now));
    at.max(field("resets_in_seconds").and_then(duration::seconds))
}

/// The limits of API keys, which Anthropic and OpenAI count by model.
fn counted_by_model(fields: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let is_spent = |remaining: &str| {
        fields.get(remaining).and_then(number).is_some_and(|remaining| remaining <= 0.0)
    };
    let anthropic =
        ["requests", "tokens", "input-tokens", "output-tokens"].into_iter().map(|what| {
            let name = |part| format!("anthropic-ratelimit-{what}-{part}");
            let reset = text(fields, &name("reset")).filter(|_| is_spent(&name("remaining")))?;
            duration::until(humantime::parse_rfc3339(reset).ok()?, now)
        });
    let openai = ["requests", "tokens"].into_iter().map(|what| {
        let name = |part| format!("x-ratelimit-{part}-{what}");
        let reset = text(fields, &name("reset")).filter(|_| is_spent(&name("remaining")))?;
        duration::parse(reset)
    });
    anthropic.chain(openai).flatten().max()
}

fn unix_reset(fields: &HeaderMap, name: &str, now: SystemTime) -> Option<Duration> {
    duration::until_unix(fields.get(name).and_then(number)?, now)
}

fn text<'a>(fields: &'a HeaderMap, name: &str) -> Option<&'a str> {
    fields.get(name)?.to_str().ok().map(str::trim)
}
