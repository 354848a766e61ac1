//! What is counted and timed over all requests, for `/metrics` and the status page.
//!
//! One registry for the life of the process; a reload goes on with it. Label values come from small
//! sets: configured names, codes of our own, and models as far as `names` lets them in. Names follow
//! OpenTelemetry's conventions for generative AI where those have one, in Prometheus' form.

mod accounts;
mod credentials;
mod families;
mod names;
mod open;
mod operations;
mod recent;
mod series;
mod shared_state;
mod tally;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, Registry};

pub use credentials::CredentialRest;
pub use open::OpenGuard;
pub use recent::{RecentFailure, RecentFailures};
pub use series::NO_ROUTE;
pub use tally::Tally;

use self::accounts::Accounts;
use self::credentials::CredentialRests;
use self::families::{Families, forget_credentials_but};
use self::names::BoundedNames;
use self::operations::Operations;
use self::series::{Bounds, SeriesOwner};
use self::shared_state::SharedStateFamilies;
use crate::types::{ClientId, CredentialId, Limit, ModelName, ProviderName, Route, TokenUsage};

/// What is known of a request that has ended, however it ended.
#[derive(Clone, Copy, Debug, Default)]
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
    /// Of what a model wrote, as it passed; 0 where nobody has to know.
    pub text_bytes: u64,
    /// From the request's head to the first byte of the answer's body.
    pub first_byte: Option<Duration>,
    /// From the request's head to the last byte of the answer's body.
    pub duration: Duration,
    /// Of the answer's body.
    pub bytes: u64,
    /// How many attempts there were with credentials of ours.
    pub attempts: u32,
    /// Whether the last attempt, with whosever credentials, was still waited for or was answered well;
    /// not between a failed one and the next.
    pub attempt_is_open: bool,
    /// What OpenTelemetry tells of a model call besides.
    pub gen_ai: GenAi<'a>,
}

/// A model call in the words of OpenTelemetry's conventions for generative AI.
#[derive(Clone, Copy, Debug, Default)]
pub struct GenAi<'a> {
    /// As `chat`; empty for what is no model call.
    pub operation: &'static str,
    /// Whose API answered, as `anthropic`, where the conventions have a name for it.
    pub provider: Option<&'a ProviderName>,
    /// The model that the provider was asked for.
    pub upstream_model: Option<&'a ModelName>,
    /// From the request's head to the first token of the answer; `None` when it is no stream.
    pub first_token: Option<Duration>,
}

/// All counters. A copy is one count.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    families: Families,
    operations: Operations,
    credentials: CredentialRests,
    accounts: Accounts,
    series: SeriesOwner,
    shared_state: SharedStateFamilies,
    models: BoundedNames,
    failures: RecentFailures,
}

/// Where a count of bytes goes; adds up, and is cheap to copy.
#[derive(Clone, Debug)]
pub struct ByteCount(IntCounter);

impl ByteCount {
    pub fn add(&self, bytes: u64) {
        self.0.inc_by(bytes);
    }
}

/// Counts the rests of credentials.
#[derive(Clone, Debug)]
pub struct CooldownCount(Metrics);

impl CooldownCount {
    pub fn rests(&self, credential: &CredentialId, class: &str) {
        let Inner { accounts, operations, .. } = &*self.0.0;
        if let Some(credential) = accounts.id_now(credential) {
            operations.cooldowns.with_label_values(&[credential.as_str(), class]).inc();
        }
    }
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
        let metrics = Self(Arc::new(Inner {
            families: Families::registered_in(&registry),
            operations: Operations::registered_in(&registry),
            credentials: CredentialRests::registered_in(&registry),
            shared_state: SharedStateFamilies::registered_in(&registry),
            accounts: Accounts::default(),
            registry,
            series: SeriesOwner::default(),
            models: BoundedNames::default(),
            failures: RecentFailures::default(),
        }));
        metrics.0.operations.last_reload_is_good.set(1);
        metrics.note_configured();
        metrics
    }

    /// Everything that has been counted, as it is now.
    #[must_use]
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.0.credentials.refreshed(|| self.0.registry.gather())
    }

    /// A few sums, without gathering the rest.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let Inner { families, operations, .. } = &*self.0;
        let mut all = families.requests.collect();
        all.extend(families.tokens.collect());
        all.extend(families.cost.collect());
        all.extend(operations.fallbacks.collect());
        all.extend(operations.open_streams.collect());
        all.extend(operations.open_tunnels.collect());
        Tally::of(&all)
    }

    /// The last failures, the newest first.
    #[must_use]
    pub fn recent_failures(&self) -> Vec<RecentFailure> {
        self.0.failures.newest_first()
    }

    /// Counts a request when its answer's body has ended.
    pub fn request_ended(&self, ended: &EndedRequest<'_>) {
        let Inner { series, families, operations, models, accounts, failures, .. } = &*self.0;
        series.count(ended, families, operations, &Bounds { models, accounts });
        failures.note(ended);
    }

    /// Gives the models of the configuration a place among the labels, whatever clients ask for.
    pub fn knows_models<'n>(&self, names: impl IntoIterator<Item = &'n str>) {
        self.0.models.let_in_all(names);
    }

    /// Says which credentials are configured now. What was counted under an id that means another account
    /// from now on, or none, goes: a counter that begins anew says less than one that says two things.
    pub fn knows_credentials(&self, ids: impl IntoIterator<Item = CredentialId>) {
        let Inner { accounts, families, operations, series, .. } = &*self.0;
        let same = accounts.become_those_of(ids);
        let is_same = |id: &str| same.contains(&CredentialId::new(id));
        forget_credentials_but(is_same, &families.credential_requests);
        forget_credentials_but(is_same, &families.credential_tokens);
        forget_credentials_but(is_same, &operations.cooldowns);
        // Behind all of that: what a thread finds from now on is what stays.
        series.are_looked_up_anew();
    }

    /// Says who knows which credentials rest. Asked each time that somebody looks.
    pub fn looks_up_rests_by(
        &self,
        look_up: impl Fn() -> Vec<CredentialRest> + Send + Sync + 'static,
    ) {
        self.0.credentials.look_up_by(Arc::new(look_up));
    }

    /// Counts an attempt or an answer that failed in a way that speaks against its provider.
    pub fn upstream_failed(&self, provider: &ProviderName, class: &str) {
        self.0.operations.upstream_errors.with_label_values(&[provider.as_str(), class]).inc();
    }

    /// Counts an attempt that is made because `provider` has failed at the one before.
    pub fn retried(&self, provider: &ProviderName, class: &str) {
        self.0.operations.retries.with_label_values(&[provider.as_str(), class]).inc();
    }

    /// Begins to count the refreshes of a provider's tokens. Born with the first one, a series would begin
    /// at 1, and no rate would see it.
    pub fn refreshes_tokens_of(&self, provider: &str) {
        for outcome in ["success", "failure", "login_needed"] {
            self.0.operations.token_refreshes.with_label_values(&[provider, outcome]);
        }
    }

    /// Counts what came of the refresh of a token: `success`, `failure` or `login_needed`.
    pub fn token_refreshed(&self, provider: &str, outcome: &'static str) {
        self.0.operations.token_refreshes.with_label_values(&[provider, outcome]).inc();
    }

    /// Where the rests of credentials are counted.
    #[must_use]
    pub fn cooldown_count(&self) -> CooldownCount {
        CooldownCount(self.clone())
    }

    /// Counts a call that Amp has answered well, and is paid for, because our own providers failed.
    pub fn fell_back_after_failure(&self) {
        self.0.operations.fallbacks.inc();
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
        self.0.operations.fallbacks.get()
    }

    /// An answer is under way for as long as the guard lives.
    #[must_use]
    pub fn stream_opens(&self) -> OpenGuard {
        OpenGuard::new(&self.0.operations.open_streams)
    }

    #[must_use]
    pub fn open_streams(&self) -> i64 {
        self.0.operations.open_streams.get()
    }

    /// A WebSocket is open for as long as the guard lives.
    #[must_use]
    pub fn tunnel_opens(&self) -> OpenGuard {
        OpenGuard::new(&self.0.operations.open_tunnels)
    }

    #[must_use]
    pub fn open_tunnels(&self) -> i64 {
        self.0.operations.open_tunnels.get()
    }

    /// Where relayed bytes on their way to an upstream are counted.
    #[must_use]
    pub fn relayed_to_upstream(&self) -> ByteCount {
        ByteCount(self.0.operations.relayed_up.clone())
    }

    /// Where relayed bytes on their way to a client are counted.
    #[must_use]
    pub fn relayed_to_client(&self) -> ByteCount {
        ByteCount(self.0.operations.relayed_down.clone())
    }

    /// Counts a reload, and notes the time of a good one.
    pub fn reloaded(&self, is_good: bool) {
        let outcome = if is_good { "success" } else { "failure" };
        self.0.operations.reloads.with_label_values(&[outcome]).inc();
        self.0.operations.last_reload_is_good.set(i64::from(is_good));
        if is_good {
            self.note_configured();
        }
    }

    fn note_configured(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.0.operations.configured_at.set(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    }

    /// Counts a request that a limit of its client left no room for.
    pub fn limited(&self, client: &ClientId, limit: Limit) {
        self.0.operations.limited.with_label_values(&[client.as_str(), limit.as_str()]).inc();
    }
}
