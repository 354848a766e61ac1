//! What the status page shows and `/status` answers, as plain data.
//!
//! No secret can stand in it: names, numbers and codes, and of an account what an authorization server's
//! answer came to, in words of ours.

use serde::Serialize;

/// The gateway as it is now. All counts are since the start of the process; those of a credential since
/// its account was configured, or was called so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    pub version: &'static str,
    /// RFC 3339, in UTC.
    pub now: String,
    pub uptime_seconds: u64,
    pub is_draining: bool,
    pub open: Open,
    /// Model calls and relayed requests together.
    pub totals: Totals,
    /// Who pays: `local`, `mapped`, `own-login`, `amp`, and `relay` for Amp's own traffic.
    pub by_route: Vec<Spend>,
    pub by_client: Vec<Spend>,
    pub by_model: Vec<Spend>,
    pub by_provider: Vec<Spend>,
    /// From a model call to the first token of its answer, where that is a stream, and to its last byte.
    pub first_token: AnswerTimes,
    pub total: AnswerTimes,
    /// In the order of the configuration.
    pub credentials: Vec<CredentialStatus>,
    /// The newest first. Those of people without a key are few, and push nothing else out.
    pub failures: Vec<Failure>,
    /// Every replica that shares state with this one, itself among them; empty without shared state.
    pub replicas: Vec<Instance>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Open {
    /// Answers that are under way.
    pub streams: i64,
    pub tunnels: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    pub requests: u64,
    /// Of these, answered with 400 or more.
    pub failed: u64,
    /// Calls that Amp answered, and was paid for, because our own providers failed.
    pub amp_fallbacks: u64,
    pub tokens: Tokens,
    /// In US dollars; `None` without a price table.
    pub cost_usd: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// `cached_input` and `cache_write` are among them.
    pub input: u64,
    pub cached_input: u64,
    pub cache_write: u64,
    /// `reasoning` is among them.
    pub output: u64,
    pub reasoning: u64,
}

/// What one route, client, model or provider has used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spend {
    pub name: String,
    pub requests: u64,
    pub failed: u64,
    pub tokens: Tokens,
    pub cost_usd: Option<f64>,
}

/// A distribution, as its histogram has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AnswerTimes {
    pub count: u64,
    pub mean_seconds: Option<f64>,
    /// Estimated within the bucket that holds it.
    pub median_seconds: Option<f64>,
    pub p95_seconds: Option<f64>,
    /// Not cumulative, the shortest first; the last one has no upper bound.
    pub buckets: Vec<Bucket>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bucket {
    /// `None`: no upper bound.
    pub up_to_seconds: Option<f64>,
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CredentialStatus {
    /// As `claude-1`; never its key.
    pub id: String,
    pub provider: String,
    pub state: CredentialState,
    /// What rests: the credential as a whole, or some of its models.
    pub rests: Vec<Rest>,
    pub requests: u64,
    pub failed: u64,
    pub tokens: Tokens,
    /// What the provider last said of its limits in answers.
    pub limits: Vec<SeenLimit>,
    /// Whose login it is; `None` where a key opens the door.
    pub account: Option<AccountStatus>,
}

/// How the login of a credential is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountStatus {
    /// For people: an address, a name.
    pub label: Option<String>,
    pub plan: Option<String>,
    /// Of the token in use; 0 when it is over.
    pub expires_in_seconds: Option<u64>,
    /// `fresh`, `expiring`, `refreshing`, `login_needed` or `failing`.
    pub state: &'static str,
    /// Why it needs a login, or what the last try to refresh it came to.
    pub trouble: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialState {
    Ready,
    /// Some of its models rest.
    Limited,
    Resting,
    /// Its rest is over, and one request is to find out whether that helped.
    HalfOpen,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rest {
    /// `None`: the whole credential.
    pub model: Option<String>,
    /// As `limited`, `unauthorized`, `unavailable`.
    pub reason: &'static str,
    /// 0 once it is over.
    pub seconds_left: u64,
    /// The provider itself said for how long.
    pub was_told: bool,
}

/// One limit of a provider, as its headers told it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeenLimit {
    /// As `requests`, `input tokens`, `5h window`.
    pub name: String,
    pub limit: Option<f64>,
    pub remaining: Option<f64>,
    /// From 0 to 1, when the provider says it so.
    pub used_fraction: Option<f64>,
    /// Until it is full again, as seen from now; 0 when that is over.
    pub resets_in_seconds: Option<u64>,
    /// How long ago the provider said this.
    pub seen_seconds_ago: u64,
}

/// A request that was refused, failed or broke off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub seconds_ago: u64,
    pub request_id: String,
    pub door: &'static str,
    pub client: Option<String>,
    pub provider: Option<String>,
    pub credential: Option<String>,
    pub model: Option<String>,
    pub status: u16,
    /// A code of ours; `complete` where an error of the provider was passed on.
    pub outcome: &'static str,
}

/// One replica, as it last told the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Instance {
    pub name: String,
    pub is_this_one: bool,
    pub seen_seconds_ago: u64,
    pub open: Open,
    pub totals: Totals,
}
