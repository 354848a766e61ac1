//! How a provider will be chosen among several: checked now, active in a later version.

use std::time::Duration;

use crate::types::ModelName;

use super::raw::{RawMapping, RawRouting};
use super::reader::Reader;
use super::shapes::{List, Scalar, Section};

/// Which of several credentials answers. Not active yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// Default [`Strategy::RoundRobin`].
    pub strategy: Strategy,
    /// Whether a conversation stays with one credential. Default true.
    pub session_affinity: bool,
    /// How long it stays there after its last request. Default 1 h, from 1 s to 7 days.
    pub session_affinity_ttl: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// One after the other.
    RoundRobin,
    /// The first until it is exhausted, then the next.
    FillFirst,
}

/// A model clients ask for, answered by another. Not active yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelMapping {
    /// A name, or a regular expression, not compiled here. Never empty.
    pub from: String,
    pub to: ModelName,
    /// Default false.
    pub regex: bool,
}

/// How often and how long a failed call is tried again. Not active yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Further attempts. Default 3, at most 100.
    pub attempts: u32,
    /// The longest pause before one. Default 30 s, at most 1 h.
    pub max_interval: Duration,
}

pub const STRATEGIES: [(&str, Strategy); 2] =
    [("round-robin", Strategy::RoundRobin), ("fill-first", Strategy::FillFirst)];

/// CLIProxyAPI's third strategy needs weights, which ampgate does not have.
const WEIGHTED: &str = "weighted-round-robin";

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const MOST_RETRIES: i64 = 100;

impl Default for Routing {
    fn default() -> Self {
        Self { strategy: Strategy::RoundRobin, session_affinity: true, session_affinity_ttl: HOUR }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, max_interval: Duration::from_secs(30) }
    }
}

impl Reader<'_> {
    pub fn routing(&mut self, raw: &RawRouting) -> Routing {
        let routing = Routing {
            strategy: self.strategy(&raw.strategy),
            session_affinity: self.flag("routing.session-affinity", &raw.session_affinity),
            session_affinity_ttl: self.duration_or_seconds(
                "routing.session-affinity-ttl",
                &raw.session_affinity_ttl,
                SECOND..=WEEK,
            ),
        };
        let usual = Routing::default();
        for (key, is_usual) in [
            ("strategy", routing.strategy == usual.strategy),
            ("session-affinity", routing.session_affinity == usual.session_affinity),
            ("session-affinity-ttl", routing.session_affinity_ttl == usual.session_affinity_ttl),
        ] {
            if !is_usual {
                self.warn_not_active(&format!("routing.{key}"));
            }
        }
        routing
    }

    fn strategy(&mut self, scalar: &Scalar) -> Strategy {
        let path = "routing.strategy";
        if matches!(scalar, Scalar::Text(text) if text.trim() == WEIGHTED) {
            self.warn(path, format!("is `{WEIGHTED}`; ampgate has no weights, and takes turns"));
            return Strategy::RoundRobin;
        }
        self.choice(path, scalar, &STRATEGIES)
    }

    pub fn retry(&mut self, attempts: &Scalar, max_interval: &Scalar) -> Retry {
        let number = self.integer("request-retry", attempts, 0..=MOST_RETRIES);
        let retry = Retry {
            attempts: number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default(),
            max_interval: self.duration_or_seconds(
                "max-retry-interval",
                max_interval,
                Duration::ZERO..=HOUR,
            ),
        };
        let usual = Retry::default();
        if retry.attempts != usual.attempts {
            self.warn_not_active("request-retry");
        }
        if retry.max_interval != usual.max_interval {
            self.warn_not_active("max-retry-interval");
        }
        retry
    }

    /// A flag of a later version: false is what happens anyway.
    pub fn later_flag(&mut self, path: &str, scalar: &Scalar) -> bool {
        let flag = self.flag(path, scalar);
        if flag {
            self.warn_not_active(path);
        }
        flag
    }

    /// The mappings that can work; one with an empty side is skipped with a word on it.
    pub fn mappings(&mut self, list: List<Section<RawMapping>>) -> Vec<ModelMapping> {
        let path = "ampcode.model-mappings";
        let mut mappings = Vec::new();
        for (index, entry) in self.items(path, list).into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Section::Map(raw) = entry else {
                self.problem(&path, "must be a map with `from` and `to`");
                continue;
            };
            if raw.from.is_blank() || raw.to.is_blank() {
                self.warn(&path, "is skipped: it needs both `from` and `to`");
                continue;
            }
            let from = self.text(&format!("{path}.from"), &raw.from);
            let to = self.text(&format!("{path}.to"), &raw.to);
            let regex = self.flag(&format!("{path}.regex"), &raw.regex);
            let to = to.and_then(|to| ModelName::parse(&to));
            if let (Some(from), Some(to)) = (from, to) {
                mappings.push(ModelMapping { from, to, regex });
            }
        }
        if !mappings.is_empty() {
            self.warn_not_active(path);
        }
        mappings
    }
}
