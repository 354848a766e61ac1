//! What is counted and timed over all requests, for `/metrics` and the status page.
//!
//! One registry for the life of the process; a reload goes on with it. Label values come from small
//! sets: configured names, codes of our own, and models as far as `names` lets them in. Names follow
//! OpenTelemetry's conventions for generative AI where those have one, in Prometheus' form.

mod families;
mod names;
mod recent;
mod shared_state;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use prometheus::proto::MetricFamily;

pub use recent::{RecentFailure, RecentFailures};
pub use tally::Tally;

use self::families::Families;
use self::names::BoundedNames;
use self::shared_state::SharedStateFamilies;
use crate::types::{ClientId, CredentialId, Limit, ModelName, ProviderName, Route, TokenUsage};

/// What is known of a request that has ended, however it ended.
#[derive(Clone, Copy, Debug)]
pub struct EndedRequest<'a> {
    pub id: &'a str,
    /// The door it came through.
    pub door: &'static str,
    pub client: Option<&'a ClientId>,
    pub provider: Option<&'a ProviderName>,
    pub credential: Option<&'a CredentialId>,
    /// As the client called it.
    pub model: Option<&'a ModelName>,
    /// Who answered; `None` for what is no model call, and for calls that nobody answered.
    pub route: Option<Route>,
    /// 0: the client left before there was a head.
    pub status: u16,
    /// `complete`, `client_left`, or the code of what went wrong.
    pub outcome: &'static str,
    pub usage: Option<TokenUsage>,
    /// Price of the tokens, in US dollars, where the price table has the model.
    pub cost_usd: Option<f64>,
    /// From the request's head to the first byte of the answer's body.
    pub first_byte: Option<Duration>,
    /// From the request's head to the last byte of the answer's body.
    pub duration: Duration,
    /// Of the answer's body.
    pub bytes: u64,
}

/// All counters. A copy is one count.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    families: Families,
    shared_state: SharedStateFamilies,
    models: BoundedNames,
    failures: RecentFailures,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let families = Families::registered_in(&registry);
        let shared_state = SharedStateFamilies::registered_in(&registry);
        let (models, failures) = (BoundedNames::default(), RecentFailures::default());
        Self(Arc::new(Inner { registry, families, shared_state, models, failures }))
    }

    /// Everything that has been counted, as it is now.
    #[must_use]
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.0.registry.gather()
    }

    /// The last failures, the newest first.
    #[must_use]
    pub fn recent_failures(&self) -> Vec<RecentFailure> {
        self.0.failures.newest_first()
    }

    /// Counts a request when its answer's body has ended.
    pub fn request_ended(&self, ended: &EndedRequest<'_>) {
        let Inner { families, models, failures, .. } = &*self.0;
        let served = (200..400).contains(&ended.status);
        let model = ended.model.map_or("", |model| models.label(model.as_str(), served));
        families.count(ended, model);
        failures.note(ended);
    }

    /// Counts an attempt that failed in a way that speaks against its provider.
    pub fn upstream_failed(&self, provider: &ProviderName, class: &str) {
        self.0.families.upstream_errors.with_label_values(&[provider.as_str(), class]).inc();
    }

    /// Counts a call that Amp answers, and is paid for, because our own providers failed.
    pub fn fell_back_after_failure(&self) {
        self.0.families.fallbacks.inc();
    }

    /// Says whether this replica shares its state with others now.
    pub fn state_is_up(&self, is_up: bool) {
        self.0.shared_state.up.with_label_values::<&str>(&[]).set(i64::from(is_up));
    }

    /// Says that no state is to be shared.
    pub fn state_is_off(&self) {
        self.0.shared_state.up.reset();
    }

    /// Counts what could not be done at the server of the shared state.
    pub fn state_failed(&self, operation: &'static str) {
        self.0.shared_state.errors.with_label_values(&[operation]).inc();
    }

    /// How many such calls there were.
    #[must_use]
    pub fn fallbacks_after_failure(&self) -> u64 {
        self.0.families.fallbacks.get()
    }

    /// Counts a request that a limit of its client left no room for.
    pub fn limited(&self, client: &ClientId, limit: Limit) {
        self.0.families.limited.with_label_values(&[client.as_str(), limit.as_str()]).inc();
    }
}
