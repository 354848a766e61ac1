//! What providers say of their limits in the head of every answer.
//!
//! | fields                                                     | by               | reset        |
//! | ---------------------------------------------------------- | ---------------- | ------------ |
//! | `anthropic-ratelimit-{what}-{limit,remaining,reset}`       | Anthropic        | RFC 3339     |
//! | `anthropic-priority-{what}-{limit,remaining,reset}`        | Anthropic        | RFC 3339     |
//! | `anthropic-ratelimit-unified-{window}-{utilization,reset}` | Claude plans     | Unix seconds |
//! | `x-ratelimit-{limit,remaining,reset}-{what}`               | OpenAI and kin   | Go duration  |
//! | the same                                                   | Azure            | seconds      |
//! | `x-codex-{window}-{used-percent,window-minutes,reset-at}`  | `ChatGPT` plans  | Unix seconds |
//!
//! To be shown, not acted on: whether a limit is spent is judged in `crate::dialect::verdict`. What cannot
//! be meant (Azure's -1, a limit of 0) is left out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::header::HeaderMap;

use super::duration;

/// More limits than any provider has for one account, so that none can fill a page.
const MOST_LIMITS: usize = 16;

/// Longer than any real name of one.
const LONGEST_NAME: usize = 48;

/// One limit, as a provider told it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToldLimit {
    /// As `requests`, `input tokens`, `5h window`.
    pub name: String,
    pub limit: Option<f64>,
    pub remaining: Option<f64>,
    /// From 0 to 1.
    pub used_fraction: Option<f64>,
    /// When it is full again; may have passed.
    pub resets_at: Option<SystemTime>,
}

/// The limits that an answer's head tells of, in any order. Costs a look at each name where there are none.
#[must_use]
pub fn told_limits(fields: &HeaderMap, now: SystemTime) -> Vec<ToldLimit> {
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    for (name, value) in fields {
        let Some((kind, what, part)) = about(name.as_str()) else { continue };
        let Ok(text) = value.to_str() else { continue };
        let known = drafts.iter().position(|draft| (draft.kind, draft.what) == (kind, what));
        let at = match known {
            Some(at) => at,
            None if drafts.len() < MOST_LIMITS && what.len() <= LONGEST_NAME => {
                drafts.push(Draft::new(kind, what));
                drafts.len() - 1
            }
            None => continue,
        };
        drafts[at].note(part, text.trim(), now);
    }
    drafts.into_iter().filter_map(Draft::finish).collect()
}

/// Whose manner of telling it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counted,
    Priority,
    Window,
    Codex,
}

/// What one field says of its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Limit,
    Remaining,
    UsedFraction,
    UsedPercent,
    ResetDate,
    ResetUnix,
    ResetIn,
    WindowMinutes,
    OwnName,
}

const COUNTED_ENDS: &[(&str, Part)] =
    &[("-limit", Part::Limit), ("-remaining", Part::Remaining), ("-reset", Part::ResetDate)];

const COUNTED_BEGINNINGS: &[(&str, Part)] =
    &[("limit-", Part::Limit), ("remaining-", Part::Remaining), ("reset-", Part::ResetIn)];

const WINDOW_ENDS: &[(&str, Part)] =
    &[("-utilization", Part::UsedFraction), ("-reset", Part::ResetUnix)];

const CODEX_ENDS: &[(&str, Part)] = &[
    ("-used-percent", Part::UsedPercent),
    ("-window-minutes", Part::WindowMinutes),
    ("-reset-at", Part::ResetUnix),
    ("-limit-name", Part::OwnName),
];

/// Which limit a field is about, by what its provider calls it, and what it says.
fn about(name: &str) -> Option<(Kind, &str, Part)> {
    let ends = |rest: &'_ str, parts: &[(&str, Part)]| -> Option<(usize, Part)> {
        parts.iter().find_map(|(end, part)| Some((rest.strip_suffix(end)?.len(), *part)))
    };
    if let Some(rest) = name.strip_prefix("anthropic-ratelimit-unified-") {
        let (length, part) = ends(rest, WINDOW_ENDS)?;
        // What would be paid beyond the windows, and no window itself.
        return (&rest[..length] != "overage").then_some((Kind::Window, &rest[..length], part));
    }
    if let Some(rest) = name.strip_prefix("anthropic-ratelimit-") {
        let (length, part) = ends(rest, COUNTED_ENDS)?;
        return (rest != "unified-reset").then_some((Kind::Counted, &rest[..length], part));
    }
    if let Some(rest) = name.strip_prefix("anthropic-priority-") {
        let (length, part) = ends(rest, COUNTED_ENDS)?;
        return Some((Kind::Priority, &rest[..length], part));
    }
    if let Some(rest) = name.strip_prefix("x-ratelimit-") {
        let mut parts = COUNTED_BEGINNINGS.iter();
        return parts
            .find_map(|(begin, part)| Some((Kind::Counted, rest.strip_prefix(begin)?, *part)));
    }
    let rest = name.strip_prefix("x-codex-")?;
    let (length, part) = ends(rest, CODEX_ENDS)?;
    Some((Kind::Codex, &rest[..length], part))
}

/// A limit while its fields are read.
struct Draft<'a> {
    kind: Kind,
    what: &'a str,
    own_name: Option<&'a str>,
    minutes: Option<f64>,
    limit: Option<f64>,
    remaining: Option<f64>,
    used_fraction: Option<f64>,
    resets_at: Option<SystemTime>,
}

impl<'a> Draft<'a> {
    fn new(kind: Kind, what: &'a str) -> Self {
        Self {
            kind,
            what,
            own_name: None,
            minutes: None,
            limit: None,
            remaining: None,
            used_fraction: None,
            resets_at: None,
        }
    }

    fn note(&mut self, part: Part, text: &'a str, now: SystemTime) {
        let number = || text.parse::<f64>().ok().filter(|number| number.is_finite());
        let fraction = |number: f64| (number >= 0.0).then_some(number.min(1.0));
        match part {
            Part::Limit => self.limit = number(),
            Part::Remaining => self.remaining = number(),
            Part::UsedFraction => self.used_fraction = number().and_then(fraction),
            Part::UsedPercent => {
                self.used_fraction = number().map(|percent| percent / 100.0).and_then(fraction);
            }
            Part::ResetDate => self.resets_at = humantime::parse_rfc3339(text).ok(),
            Part::ResetUnix => self.resets_at = number().and_then(at_unix),
            Part::ResetIn => {
                self.resets_at = duration::parse(text).and_then(|left| now.checked_add(left));
            }
            Part::WindowMinutes => self.minutes = number().filter(|minutes| *minutes > 0.0),
            Part::OwnName => self.own_name = Some(text).filter(|name| is_shown(name)),
        }
    }

    /// `None` when nothing of use was said.
    fn finish(mut self) -> Option<ToldLimit> {
        if self.limit.is_some_and(|limit| limit <= 0.0) {
            (self.limit, self.remaining) = (None, None);
        }
        self.remaining = self.remaining.filter(|remaining| *remaining >= 0.0);
        if self.remaining.is_none() && self.limit.is_none() && self.used_fraction.is_none() {
            return None;
        }
        let name = self.name();
        let Self { limit, remaining, used_fraction, resets_at, .. } = self;
        Some(ToldLimit { name, limit, remaining, used_fraction, resets_at })
    }

    fn name(&self) -> String {
        let words = || self.what.replace('-', " ");
        match self.kind {
            Kind::Counted => words(),
            Kind::Priority => format!("priority {}", words()),
            Kind::Window => format!("{} window", self.what),
            Kind::Codex => self.codex_name(),
        }
    }

    /// `primary` and `secondary` are places and no lengths, so a window is called by its minutes.
    fn codex_name(&self) -> String {
        let (family, place) = match self.what.rsplit_once('-') {
            Some((family, place)) => (Some(family), place),
            None => (None, self.what),
        };
        let family = self.own_name.or(family).map(|family| format!("{family} "));
        let length = self.minutes.map_or_else(|| place.to_owned(), length_of);
        format!("{}{length} window", family.unwrap_or_default())
    }
}

/// `5h`, `7d`, `90m`.
fn length_of(minutes: f64) -> String {
    for (unit, name) in [(24.0 * 60.0, "d"), (60.0, "h")] {
        if minutes >= unit && minutes % unit == 0.0 {
            return format!("{}{name}", minutes / unit);
        }
    }
    format!("{minutes}m")
}

fn is_shown(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST_NAME && !name.chars().any(char::is_control)
}

fn at_unix(seconds: f64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

#[cfg(test)]
mod tests;
