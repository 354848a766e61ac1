//! The few sums that replicas tell each other.

use prometheus::proto::MetricFamily;
use serde::{Deserialize, Serialize};

use super::NO_ROUTE;

/// What one process has done since its start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Without probes and what a guard has refused, as the status has them.
    pub requests: u64,
    /// Of these, answered with 400 or more.
    pub failed: u64,
    /// Calls that Amp answered because our own providers failed.
    pub amp_fallbacks: u64,
    /// `cached_input` and `cache_write` are among them.
    pub input: u64,
    pub cached_input: u64,
    pub cache_write: u64,
    /// `reasoning` is among them.
    pub output: u64,
    pub reasoning: u64,
    /// In US dollars; nothing where there are no prices.
    pub cost_usd: f64,
    pub open_streams: i64,
    pub open_tunnels: i64,
}

impl Tally {
    /// Sums up what has been gathered.
    #[must_use]
    pub fn of(families: &[MetricFamily]) -> Self {
        let mut tally = Self::default();
        for family in families {
            for metric in family.get_metric() {
                let label = |name: &str| {
                    let mut labels = metric.get_label().iter();
                    labels.find(|label| label.name() == name).map_or("", |label| label.value())
                };
                let counter = metric.get_counter().get_value();
                match family.name() {
                    "ampgate_requests_total" if label("route") != NO_ROUTE => {
                        tally.requests += whole(counter);
                        let has_failed = label("status").parse().is_ok_and(|code: u16| code >= 400);
                        tally.failed += if has_failed { whole(counter) } else { 0 };
                    }
                    "ampgate_amp_fallbacks_total" => tally.amp_fallbacks += whole(counter),
                    "ampgate_cost_usd_total" => tally.cost_usd += counter,
                    "ampgate_tokens_total" => match label("type") {
                        "input" => tally.input += whole(counter),
                        "cached_input" => tally.cached_input += whole(counter),
                        "cache_write" => tally.cache_write += whole(counter),
                        "output" => tally.output += whole(counter),
                        "reasoning" => tally.reasoning += whole(counter),
                        _ => {}
                    },
                    "ampgate_open_streams" => {
                        tally.open_streams += signed(metric.get_gauge().get_value());
                    }
                    "ampgate_open_tunnels" => {
                        tally.open_tunnels += signed(metric.get_gauge().get_value());
                    }
                    _ => {}
                }
            }
        }
        tally
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole, and not below 0"
)]
fn whole(counter: f64) -> u64 {
    counter as u64
}

#[expect(clippy::cast_possible_truncation, reason = "a gauge of whole numbers")]
fn signed(gauge: f64) -> i64 {
    gauge as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{EndedRequest, Metrics};
    use crate::types::{ProviderName, Route, TokenUsage};

    #[test]
    fn a_tally_sums_over_all_labels_but_what_is_no_clients() {
        let metrics = Metrics::new();
        let usage =
            TokenUsage { input: 10, cached_input: 4, cache_write: 1, output: 7, reasoning: 2 };
        for (status, route) in [(200, Route::Local), (200, Route::Amp), (429, Route::Local)] {
            metrics.request_ended(&EndedRequest {
                id: "1",
                door: "messages",
                route: Some(route),
                status,
                outcome: "complete",
                usage: (status == 200).then_some(usage),
                cost_usd: (status == 200).then_some(0.25),
                ..EndedRequest::default()
            });
        }
        metrics.fell_back_after_failure();
        let amp = ProviderName::new("amp");
        #[rustfmt::skip] // columns are easier to proofread
        let others = [
            // door,     provider,   status
            ("probe",    None,       200), // no client's
            ("messages", None,       401), // nor is this
            ("relay",    Some(&amp), 404), // but this is
        ];
        for (door, provider, status) in others {
            let outcome = "complete";
            let ended = EndedRequest { door, provider, status, outcome, ..EndedRequest::default() };
            metrics.request_ended(&ended);
        }

        let expected = Tally {
            requests: 4,
            failed: 2,
            amp_fallbacks: 1,
            input: 20,
            cached_input: 8,
            cache_write: 2,
            output: 14,
            reasoning: 4,
            cost_usd: 0.5,
            open_streams: 0,
            open_tunnels: 0,
        };
        assert_eq!(Tally::of(&metrics.gather()), expected);
        assert_eq!(metrics.tally(), expected, "what is not gathered is not in it");
    }
}
