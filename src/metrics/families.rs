//! The metric families: their names, labels and buckets.

use actix_web::http::StatusCode;
use prometheus::core::Collector;
use prometheus::{
    CounterVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
};

use super::EndedRequest;
use crate::types::{ClientId, CredentialId, ProviderName, TokenUsage};

/// Seconds; a first token takes from tens of milliseconds to minutes of thinking.
const SECONDS: &[f64] =
    &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0];

/// The buckets that OpenTelemetry's conventions give for tokens: powers of four.
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

/// The status of a request whose client left before there was a head.
const NO_HEAD: &str = "0";

/// Who asked whom for what.
const WHO: &[&str] = &["route", "client", "provider", "model"];

pub(super) struct Families {
    pub requests: IntCounterVec,
    pub credential_requests: IntCounterVec,
    pub tokens: IntCounterVec,
    pub cost: CounterVec,
    pub token_usage: HistogramVec,
    pub first_token: HistogramVec,
    pub duration: HistogramVec,
    pub upstream_errors: IntCounterVec,
    pub fallbacks: IntCounter,
    pub limited: IntCounterVec,
}

impl Families {
    pub fn registered_in(registry: &Registry) -> Self {
        let with = |more: &[&'static str]| [WHO, more].concat();
        Self {
            requests: register(
                registry,
                IntCounterVec::new(
                    Opts::new("ampgate_requests_total", "Requests whose answer has ended."),
                    &with(&["status"]),
                ),
            ),
            credential_requests: register(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "ampgate_credential_requests_total",
                        "Model calls by the credential that was asked last.",
                    ),
                    &["provider", "credential", "status"],
                ),
            ),
            tokens: register(
                registry,
                IntCounterVec::new(
                    Opts::new("ampgate_tokens_total", "Tokens, as providers counted them."),
                    &with(&["type"]),
                ),
            ),
            cost: register(
                registry,
                CounterVec::new(
                    Opts::new(
                        "ampgate_cost_usd_total",
                        "Price of the tokens in US dollars, by the price table.",
                    ),
                    &with(&[]),
                ),
            ),
            token_usage: register(
                registry,
                HistogramVec::new(
                    HistogramOpts::new("gen_ai_client_token_usage", "Tokens of an answer.")
                        .buckets(TOKENS.to_vec()),
                    &["gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type"],
                ),
            ),
            first_token: register(
                registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "gen_ai_server_time_to_first_token_seconds",
                        "From a model call to the first byte of its answer.",
                    )
                    .buckets(SECONDS.to_vec()),
                    &["gen_ai_provider_name", "gen_ai_request_model"],
                ),
            ),
            duration: register(
                registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "gen_ai_client_operation_duration_seconds",
                        "From a model call to the end of its answer.",
                    )
                    .buckets(SECONDS.to_vec()),
                    &["gen_ai_provider_name", "gen_ai_request_model"],
                ),
            ),
            upstream_errors: register(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "ampgate_upstream_errors_total",
                        "Attempts that failed by their provider's fault.",
                    ),
                    &["provider", "class"],
                ),
            ),
            fallbacks: register(
                registry,
                IntCounter::new(
                    "ampgate_amp_fallbacks_total",
                    "Calls that Amp answered, and was paid for, because our own providers failed.",
                ),
            ),
            limited: register(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "ampgate_limited_total",
                        "Requests refused because a limit of their client key was reached.",
                    ),
                    &["client", "limit"],
                ),
            ),
        }
    }

    pub fn count(&self, ended: &EndedRequest<'_>, model: &str) {
        let provider = ended.provider.map_or("", ProviderName::as_str);
        let client = ended.client.map_or("", ClientId::as_str);
        let route = match (ended.route, ended.provider) {
            (Some(route), _) => route.as_str(),
            (None, Some(_)) => "relay",
            (None, None) => "none",
        };
        let status = StatusCode::from_u16(ended.status);
        let status = status.as_ref().map_or(NO_HEAD, StatusCode::as_str);
        self.requests.with_label_values(&[route, client, provider, model, status]).inc();
        if ended.route.is_some() {
            self.count_model_call(ended, [route, client, provider, model], status);
        }
    }

    fn count_model_call(&self, ended: &EndedRequest<'_>, who: [&str; 4], status: &str) {
        let [_, _, provider, model] = who;
        if let Some(credential) = ended.credential.map(CredentialId::as_str) {
            self.credential_requests.with_label_values(&[provider, credential, status]).inc();
        }
        let of = [provider, model];
        self.duration.with_label_values(&of).observe(ended.duration.as_secs_f64());
        if let Some(first_byte) = ended.first_byte {
            self.first_token.with_label_values(&of).observe(first_byte.as_secs_f64());
        }
        if let Some(usage) = &ended.usage {
            self.count_tokens(usage, who);
        }
        if let Some(cost) = ended.cost_usd {
            self.cost.with_label_values(&who).inc_by(cost);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a histogram is no ledger")]
    fn count_tokens(&self, usage: &TokenUsage, who: [&str; 4]) {
        let [route, client, provider, model] = who;
        let parts = [
            ("input", usage.input),
            ("cached_input", usage.cached_input),
            ("cache_write", usage.cache_write),
            ("output", usage.output),
            ("reasoning", usage.reasoning),
        ];
        for (kind, count) in parts.into_iter().filter(|(_, count)| *count > 0) {
            self.tokens.with_label_values(&[route, client, provider, model, kind]).inc_by(count);
        }
        for (kind, count) in [("input", usage.input), ("output", usage.output)] {
            self.token_usage.with_label_values(&[provider, model, kind]).observe(count as f64);
        }
    }
}

pub(super) fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    made: prometheus::Result<C>,
) -> C {
    let family = made.expect("names, labels and buckets are constants that a test registers");
    registry.register(Box::new(family.clone())).expect("each name is registered once");
    family
}
