//! The actor: alone writes what is known of credentials, from what handlers report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Context, Handler, Message};

use super::accounts::Accounts;
use super::affinity::Conversation;
use super::cooldown::{Cooldowns, ProbeLease};
use super::pick::Seat;
use super::sharing::Sharing;
use super::snapshot::{Shared, Snapshot};
use super::table::Member;
use crate::actors::clock::Clock;
use crate::actors::state::SharedBinding;
use crate::dialect::Trouble;
use crate::metrics::CooldownCount;
use crate::types::ModelName;

/// Reports of many calls that fail at once: they are small, and none may be lost.
const MAILBOX_CAPACITY: usize = 4096;

/// Forgets what is known of accounts that the configuration no longer has, and the rests of those that
/// it no longer lets rest.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ForgetAllBut(pub Accounts);

/// An attempt failed in a way that speaks against its credential.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ReportFailure {
    pub member: Arc<Member>,
    pub model: ModelName,
    pub trouble: Trouble,
    pub sent_at: Instant,
    /// Held until the failure is known, so that no second probe begins before.
    pub probe: Option<ProbeLease>,
}

/// An attempt went well, and something was known against its credential.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ReportSuccess {
    pub member: Arc<Member>,
    pub model: ModelName,
    pub sent_at: Instant,
    pub probe: Option<ProbeLease>,
}

/// A conversation is with this credential now.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Bind {
    pub conversation: Conversation,
    pub seat: Seat,
    /// How long it holds after its last use.
    pub ttl: Duration,
}

/// A provider turned down the flag for the long context.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ReportNoLongContext(pub Arc<Member>);

/// A provider has Chat Completions and no Responses.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ReportNoResponses(pub Arc<Member>, pub ModelName);

/// What is known against a credential is to be forgotten: somebody knows better.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Forget(pub Arc<Member>);

/// Answered when everything sent before is known.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Settle;

/// Owns what is known of credentials.
pub(super) struct ProviderRouterActor {
    pub(super) shared: Arc<Shared>,
    pub(super) clock: Clock,
    /// What the snapshot has, and what is not worth publishing.
    pub(super) cooldowns: Cooldowns,
    pub(super) sharing: Sharing,
    count: CooldownCount,
}

impl ProviderRouterActor {
    pub fn new(shared: Arc<Shared>, clock: Clock, count: CooldownCount) -> Self {
        let (cooldowns, sharing) = (Cooldowns::default(), Sharing::default());
        Self { shared, clock, cooldowns, sharing, count }
    }

    /// Publishes the snapshot that `change` makes of the present one.
    pub(super) fn publish(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut next = Snapshot::clone(&self.shared.snapshot.load());
        change(&mut next);
        self.shared.snapshot.store(Arc::new(next));
    }
}

/// Spreads the ends of rests that began together. Without a source of randomness they stay together.
fn jitter() -> f64 {
    let mut random = [0; 4];
    match getrandom::fill(&mut random) {
        Ok(()) => f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX),
        Err(_) => 0.0,
    }
}

impl Actor for ProviderRouterActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
    }
}

impl Handler<ForgetAllBut> for ProviderRouterActor {
    type Result = ();

    fn handle(&mut self, ForgetAllBut(accounts): ForgetAllBut, _: &mut Self::Context) {
        self.cooldowns.retain(|id| accounts.may_rest(id));
        self.publish(|next| {
            next.cooldowns = self.cooldowns.clone();
            next.refused_long_context.retain(|id| accounts.is_here(*id));
            next.without_responses.retain(|(id, _)| accounts.is_here(*id));
        });
        self.sharing.take_accounts(accounts);
    }
}

impl Handler<ReportFailure> for ProviderRouterActor {
    type Result = ();

    /// Logs a rest when it begins, once: a key that fails for every request is one line, not
    /// thousands.
    fn handle(&mut self, report: ReportFailure, _: &mut Self::Context) {
        let ReportFailure { member, model, trouble, sent_at, probe } = report;
        // Whoever claims the next probe must find this failure.
        let _until_it_is_known = probe;
        let now = self.clock.now();
        // Most of many failures at once change nothing, and then nothing is published.
        self.cooldowns.forget_expired(now);
        let rest = self.cooldowns.fail(member.id, &model, &trouble, sent_at, now, jitter());
        if let Some(rest) = rest {
            self.publish(|next| next.cooldowns = self.cooldowns.clone());
            self.count.rests(&member.credential.id, trouble.class.as_str());
            self.tell_rest(member.id, &model, rest);
            tracing::warn!(
                credential = member.credential.id.as_str(),
                model = model.as_str(),
                class = trouble.class.as_str(),
                rest_ms = u64::try_from((rest.until - now).as_millis()).unwrap_or(u64::MAX),
                "credential rests"
            );
        }
    }
}

impl Handler<ReportSuccess> for ProviderRouterActor {
    type Result = ();

    fn handle(&mut self, report: ReportSuccess, _: &mut Self::Context) {
        let ReportSuccess { member, model, sent_at, probe } = report;
        let _until_it_is_known = probe;
        let was_known = self.cooldowns.succeed(member.id, &model, sent_at);
        // The snapshot may still have what was forgotten here.
        self.publish(|next| next.cooldowns = self.cooldowns.clone());
        if was_known {
            let credential = member.credential.id.as_str();
            tracing::info!(credential, model = model.as_str(), "credential serves again");
            self.sharing.tell_success(member.id, model, sent_at);
        }
    }
}

impl Handler<Bind> for ProviderRouterActor {
    type Result = ();

    fn handle(&mut self, Bind { conversation, seat, ttl }: Bind, _: &mut Self::Context) {
        let used_at = self.clock.now();
        self.sharing.tell_binding(seat.0, |account| {
            let Conversation { session, model } = conversation.clone();
            let upstream_model = seat.1.clone();
            SharedBinding { session, model, account, upstream_model, used_at, ttl }
        });
        self.shared.affinity.bind(conversation, seat, used_at);
    }
}

impl Handler<ReportNoLongContext> for ProviderRouterActor {
    type Result = ();

    fn handle(&mut self, ReportNoLongContext(member): ReportNoLongContext, _: &mut Self::Context) {
        let mut is_new = false;
        self.publish(|next| is_new = next.refused_long_context.insert(member.id));
        if is_new {
            let credential = member.credential.id.as_str();
            tracing::info!(credential, "provider turns the long context down; it is left out now");
        }
    }
}

impl Handler<ReportNoResponses> for ProviderRouterActor {
    type Result = ();

    fn handle(&mut self, report: ReportNoResponses, _: &mut Self::Context) {
        let ReportNoResponses(member, model) = report;
        let credential = member.credential.id.as_str();
        let mut is_new = false;
        self.publish(|next| is_new = next.without_responses.insert((member.id, model.clone())));
        if is_new {
            let model = model.as_str();
            tracing::info!(credential, model, "no Responses there; Chat Completions is used now");
        }
    }
}

impl Handler<Forget> for ProviderRouterActor {
    type Result = ();

    fn handle(&mut self, Forget(member): Forget, _: &mut Self::Context) {
        let had_rests = self.cooldowns.forget(member.id);
        self.sharing.tell_reset(member.id);
        // The snapshot may still have what was forgotten here.
        self.publish(|next| next.cooldowns = self.cooldowns.clone());
        let credential = member.credential.id.as_str();
        tracing::info!(credential, had_rests, "rests of a credential are forgotten, as asked");
    }
}

impl Handler<Settle> for ProviderRouterActor {
    type Result = ();

    fn handle(&mut self, _: Settle, _: &mut Self::Context) {}
}
