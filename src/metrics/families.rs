//! The families about requests: their names, labels and buckets.

use std::collections::HashMap;

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// Seconds. OpenTelemetry's boundaries for an operation, and three more: models think for minutes.
const DURATIONS: &[f64] = &[
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84,
    327.68, 655.36,
];

/// Seconds. OpenTelemetry's boundaries for a first token, and four more for those that think first.
const FIRST_TOKENS: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    25.0, 50.0, 100.0, 250.0,
];

/// OpenTelemetry's boundaries for tokens: powers of four.
const TOKENS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// Who asked whom for what.
const WHO: &[&str] = &["route", "client", "provider", "model"];

/// What OpenTelemetry calls the same.
const GEN_AI: &[&str] = &[
    "gen_ai_operation_name",
    "gen_ai_provider_name",
    "gen_ai_request_model",
    "gen_ai_response_model",
];

pub(super) struct Families {
    pub requests: IntCounterVec,
    pub credential_requests: IntCounterVec,
    pub credential_tokens: IntCounterVec,
    pub tokens: IntCounterVec,
    pub cost: CounterVec,
    pub token_usage: HistogramVec,
    pub first_token: HistogramVec,
    pub duration: HistogramVec,
}

impl Families {
    pub fn registered_in(registry: &Registry) -> Self {
        let counters = |name, help, labels: &[&str]| {
            register(registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let histograms = |name, help, buckets: &[f64], more: &[&'static str]| {
            let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            register(registry, HistogramVec::new(opts, &[GEN_AI, more].concat()))
        };
        let cost = Opts::new(
            "ampgate_cost_usd_total",
            "Price of the tokens in US dollars, by the price table.",
        );
        Self {
            requests: counters(
                "ampgate_requests_total",
                "Requests whose answer has ended.",
                &[WHO, &["status"]].concat(),
            ),
            credential_requests: counters(
                "ampgate_credential_requests_total",
                "Model calls by the credential that was asked last.",
                &["provider", "credential", "status"],
            ),
            credential_tokens: counters(
                "ampgate_credential_tokens_total",
                "Tokens, as providers counted them, by the credential that they were used with.",
                &["provider", "credential", "type"],
            ),
            tokens: counters(
                "ampgate_tokens_total",
                "Tokens, as providers counted them.",
                &[WHO, &["type"]].concat(),
            ),
            cost: register(registry, CounterVec::new(cost, WHO)),
            token_usage: histograms(
                "gen_ai_client_token_usage",
                "Tokens read for and written in one answer.",
                TOKENS,
                &["gen_ai_token_type"],
            ),
            first_token: histograms(
                "gen_ai_server_time_to_first_token_seconds",
                "From a model call to the first token of its answer, where that is a stream.",
                FIRST_TOKENS,
                &[],
            ),
            duration: histograms(
                "gen_ai_client_operation_duration_seconds",
                "From a model call to the end of its answer.",
                DURATIONS,
                &["error_type"],
            ),
        }
    }
}

/// The family, known to the registry.
pub(super) fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    made: prometheus::Result<C>,
) -> C {
    let family = made.expect("names, labels and buckets are constants that a test registers");
    registry.register(Box::new(family.clone())).expect("each name is registered once");
    family
}

/// Takes the series of all credentials out of a family but those that are kept.
pub(super) fn forget_credentials_but(is_kept: impl Fn(&str) -> bool, family: &IntCounterVec) {
    for metric in family.collect().iter().flat_map(MetricFamily::get_metric) {
        let labels = metric.get_label().iter().map(|label| (label.name(), label.value()));
        let labels: HashMap<&str, &str> = labels.collect();
        if labels.get("credential").is_none_or(|id| !is_kept(id)) {
            // It may be gone already: then there is nothing to do.
            let _ = family.remove(&labels);
        }
    }
}
