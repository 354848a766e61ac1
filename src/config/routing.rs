//! How a credential is chosen among several that serve a model, and how long a failed call goes on.

use std::time::Duration;

use super::raw::RawRouting;
use super::reader::Reader;
use super::shapes::Scalar;

/// Which credential answers, of those that serve the model, are not resting, and have the highest
/// priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// Default [`Strategy::RoundRobin`].
    pub strategy: Strategy,
    /// Whether a conversation stays with one credential while that can answer: a provider keeps its
    /// cache of prompts for each account. Default true.
    pub session_affinity: bool,
    /// How long it stays there after its last request. Default 1 h, from 1 s to 7 days.
    pub session_affinity_ttl: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// One after the other, model by model.
    RoundRobin,
    /// The first until it has to rest, then the next.
    FillFirst,
}

pub const STRATEGIES: [(&str, Strategy); 2] =
    [("round-robin", Strategy::RoundRobin), ("fill-first", Strategy::FillFirst)];

/// CLIProxyAPI's third strategy needs weights, which ampgate does not have.
const WEIGHTED: &str = "weighted-round-robin";

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
pub const MOST_RETRIES: i64 = 100;

impl Reader<'_> {
    pub fn routing(&mut self, raw: &RawRouting) -> Routing {
        Routing {
            strategy: self.strategy(&raw.strategy),
            session_affinity: self.flag("routing.session-affinity", &raw.session_affinity),
            session_affinity_ttl: self.duration_or_seconds(
                "routing.session-affinity-ttl",
                &raw.session_affinity_ttl,
                SECOND..=WEEK,
            ),
        }
    }

    fn strategy(&mut self, scalar: &Scalar) -> Strategy {
        let path = "routing.strategy";
        if matches!(scalar, Scalar::Text(text) if text.trim() == WEIGHTED) {
            self.warn(path, format!("is `{WEIGHTED}`; ampgate has no weights, and takes turns"));
            return Strategy::RoundRobin;
        }
        self.choice(path, scalar, &STRATEGIES)
    }

    /// How often a failed call is tried again.
    pub fn retries(&mut self, scalar: &Scalar) -> u32 {
        let number = self.integer("request-retry", scalar, 0..=MOST_RETRIES);
        number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
    }

    pub fn retry_interval(&mut self, scalar: &Scalar) -> Duration {
        self.duration_or_seconds("max-retry-interval", scalar, Duration::ZERO..=HOUR)
    }
}
