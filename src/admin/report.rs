//! The status, filled from what is counted and from what is known: pure, and read from the same families
//! as `/metrics`, so that the two never say different things.

mod counted;
mod times;

use std::time::{Duration, Instant, SystemTime};

use prometheus::proto::MetricFamily;

use self::counted::{Counted, Samples};
use super::status::{
    AccountStatus, CredentialState, CredentialStatus, Failure, Instance, Open, Rest, SeenLimit,
    Status, Totals,
};
use crate::actors::router::{CredentialHealth, ListedRest};
use crate::actors::tokens::AccountHealth;
use crate::metrics::RecentFailure;
use crate::types::CredentialId;

/// What a status is made of.
pub(super) struct Sources {
    pub families: Vec<MetricFamily>,
    /// In the order of the configuration.
    pub credentials: Vec<CredentialHealth>,
    /// Of those credentials that have one.
    pub accounts: Vec<(CredentialId, AccountHealth)>,
    /// The newest first.
    pub failures: Vec<RecentFailure>,
    pub replicas: Vec<Instance>,
    pub uptime: Duration,
    pub is_draining: bool,
    /// The same moment, by the clock on the wall and by the one that rests go by.
    pub now: SystemTime,
    pub now_for_rests: Instant,
}

pub(super) fn status(sources: &Sources) -> Status {
    let samples = Samples::of(&sources.families);
    let counted = Counted::of(&samples);
    Status {
        version: env!("CARGO_PKG_VERSION"),
        now: humantime::format_rfc3339_seconds(sources.now).to_string(),
        uptime_seconds: sources.uptime.as_secs(),
        is_draining: sources.is_draining,
        open: Open {
            streams: samples.gauge("ampgate_open_streams"),
            tunnels: samples.gauge("ampgate_open_tunnels"),
        },
        totals: Totals {
            amp_fallbacks: samples.count("ampgate_amp_fallbacks_total"),
            ..counted.totals
        },
        by_route: counted.by_route(),
        by_client: counted.by("client"),
        by_model: counted.by("model"),
        by_provider: counted.by("provider"),
        first_token: times::of(&samples, "gen_ai_server_time_to_first_token_seconds"),
        total: times::of(&samples, "gen_ai_client_operation_duration_seconds"),
        credentials: credentials(sources, &samples),
        failures: sources.failures.iter().map(|failure| told(failure, sources.now)).collect(),
        replicas: sources.replicas.clone(),
    }
}

fn credentials(sources: &Sources, samples: &Samples<'_>) -> Vec<CredentialStatus> {
    let of = |health: &CredentialHealth| {
        let (requests, failed, tokens) = counted::of_credential(samples, health.id.as_str());
        let account = sources.accounts.iter().find(|(id, _)| *id == health.id);
        CredentialStatus {
            id: health.id.to_string(),
            provider: health.provider.to_string(),
            state: state_of(&health.rests, sources.now_for_rests),
            rests: health.rests.iter().map(|rest| listed(rest, sources.now_for_rests)).collect(),
            requests,
            failed,
            tokens,
            limits: health.limits.iter().map(|limit| seen(limit, sources.now)).collect(),
            account: account.map(|(_, account)| of_account(account, sources.now)),
        }
    };
    sources.credentials.iter().map(of).collect()
}

fn of_account(health: &AccountHealth, now: SystemTime) -> AccountStatus {
    let left = |at: SystemTime| at.duration_since(now).unwrap_or_default().as_secs();
    AccountStatus {
        label: health.label.clone(),
        plan: health.plan.clone(),
        expires_in_seconds: health.expires_at.map(left),
        state: health.state.as_str(),
        trouble: health.state.trouble().map(str::to_owned),
    }
}

/// The whole credential counts before its models, and what rests before what is to be found out.
fn state_of(rests: &[ListedRest], now: Instant) -> CredentialState {
    let lasts = |rest: &ListedRest| now < rest.until;
    let whole = rests.iter().find(|rest| rest.model.is_none());
    if rests.is_empty() {
        CredentialState::Ready
    } else if whole.is_some_and(lasts) {
        CredentialState::Resting
    } else if whole.is_none() && rests.iter().any(lasts) {
        CredentialState::Limited
    } else {
        CredentialState::HalfOpen
    }
}

fn listed(rest: &ListedRest, now: Instant) -> Rest {
    Rest {
        model: rest.model.clone(),
        reason: rest.reason,
        seconds_left: rounded_up(rest.until.saturating_duration_since(now)),
        was_told: rest.was_told,
    }
}

fn seen(limit: &crate::actors::router::SeenLimit, now: SystemTime) -> SeenLimit {
    let told = &limit.told;
    let left = |at: SystemTime| rounded_up(at.duration_since(now).unwrap_or_default());
    SeenLimit {
        name: told.name.clone(),
        limit: told.limit,
        remaining: told.remaining,
        used_fraction: told.used_fraction,
        resets_in_seconds: told.resets_at.map(left),
        seen_seconds_ago: ago(limit.at, now),
    }
}

fn told(failure: &RecentFailure, now: SystemTime) -> Failure {
    Failure {
        seconds_ago: ago(failure.at, now),
        request_id: failure.request_id.clone(),
        door: failure.door,
        client: failure.client.clone(),
        provider: failure.provider.clone(),
        credential: failure.credential.clone(),
        model: failure.model.clone(),
        status: failure.status,
        outcome: failure.outcome,
    }
}

/// The clock on the wall may go back; then it was just now.
fn ago(at: SystemTime, now: SystemTime) -> u64 {
    now.duration_since(at).unwrap_or_default().as_secs()
}

/// So that nothing is said to be over a moment before it is.
fn rounded_up(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
