//! Who answers a model call.
//!
//! A configuration's routes never change; a reload makes others beside them. What is known of
//! credentials is the actor's, which alone writes it and publishes a snapshot. Handlers decide from
//! both, without a hop; they report what came of a call only when it changes what is known, for a
//! message to another thread costs more than a whole decision.
//!
//! - `table`: which credentials serve a model; mappings.
//! - `pick`: which of them answers now.
//! - `cooldown`: which of them rest, and for how long.
//! - `affinity`: which of them a conversation is with.
//! - `offers`: what can be asked for.
//! - `health`: how each credential is doing, for whoever operates the gateway.
//! - `sharing`: what other replicas are told, and tell.

mod accounts;
mod actor;
mod affinity;
mod cooldown;
#[cfg(test)]
mod fixtures;
mod health;
mod offers;
mod pick;
mod plan;
mod sharing;
mod snapshot;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use actix::{Actor as _, Addr};
use actix_web::http::header::HeaderMap;
use arc_swap::ArcSwap;

pub use cooldown::ListedRest;
pub use health::{CredentialHealth, SeenLimit};
pub use offers::{Account, DiscoveredLists, ListSource, NoList, Offer, Offers};
pub use plan::{
    AskedAgain, Attempts, Choice, Exhausted, Found, LocalPlan, ModelRequest, Reach,
    RestingProvider, SocketService,
};
pub use table::{Fallbacks, Rules};

use self::accounts::Accounts;
use self::actor::{
    Bind, Forget, ForgetAllBut, ProviderRouterActor, ReportFailure, ReportNoLongContext,
    ReportNoResponses, ReportSuccess, Settle,
};
use self::affinity::{Affinity, Bound, Conversation};
use self::cooldown::CoolingState;
use self::pick::{Picked, Seat, Situation, may_ask_again, pick};
use self::sharing::ShareThrough;
use self::snapshot::{Routes, Shared, Snapshot, TURNS};
use self::table::{Candidate, Member};
use super::clock::Clock;
use super::state::SharedState;
use crate::config::{Credential, Routing};
use crate::dialect::{SessionKey, Trouble, told_limits};
use crate::error::GatewayError;
use crate::metrics::{CooldownCount, Metrics};
use crate::types::{Dialect, ModelName, Ways};

/// A WebSocket handshake names no model; this stands for all of them.
const SOCKET: &str = "websocket";

/// What routing is configured with.
#[derive(Clone, Debug)]
pub struct RouterSettings {
    pub credentials: Vec<Credential>,
    pub rules: Rules,
    pub routing: Routing,
    /// Failures put no credential aside, unless a credential says otherwise.
    pub disable_cooling: bool,
}

/// What the rest of the gateway holds instead of the actor's address. A copy, which every answer under
/// way holds, is one count.
#[derive(Clone)]
pub struct ProviderRouter(Arc<Parts>);

struct Parts {
    routes: Routes,
    shared: Arc<Shared>,
    discovered: DiscoveredLists,
    actor: Addr<ProviderRouterActor>,
    clock: Clock,
}

impl fmt::Debug for ProviderRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderRouter")
    }
}

/// An answer on its way to the client. Nobody else can answer any more when it breaks, but the next
/// call should know.
#[derive(Debug)]
pub struct AnswerWatch {
    router: ProviderRouter,
    plan: LocalPlan,
    sent_at: Instant,
}

impl AnswerWatch {
    /// The provider stopped in the middle.
    pub fn broke(mut self) {
        self.router.report_failure(&mut self.plan, Trouble::silent(), self.sent_at);
    }
}

impl ProviderRouter {
    /// Starts the actor on the current arbiter.
    #[must_use]
    pub fn start(settings: RouterSettings, clock: Clock) -> Self {
        Self::start_counted(settings, clock, Metrics::default().cooldown_count())
    }

    /// As [`Self::start`], with a count of the rests that begin.
    #[must_use]
    pub fn start_counted(settings: RouterSettings, clock: Clock, count: CooldownCount) -> Self {
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::default(),
            affinity: Affinity::new(clock.now()),
            turns: [const { AtomicUsize::new(0) }; TURNS],
            last_id: AtomicU32::new(0),
        });
        let routes = Routes::new(settings, None, &shared);
        let actor = ProviderRouterActor::new(shared.clone(), clock.clone(), count).start();
        let discovered = DiscoveredLists::new(clock.clone());
        Self(Arc::new(Parts { routes, shared, discovered, actor, clock }))
    }

    /// Tells other replicas what is found out here, and learns from them. For the life of the actor.
    #[must_use]
    pub fn sharing_through(self, state: SharedState) -> Self {
        state.attach(self.0.actor.clone().recipient());
        let accounts = Accounts::of(&self.0.routes);
        self.0.actor.do_send(ShareThrough { state, accounts });
        self
    }

    /// The router for another configuration. What is known of accounts that stay is shared with it, so
    /// that requests which began under the old one go on as they began.
    pub async fn reconfigured(&self, settings: RouterSettings) -> Self {
        let routes = Routes::new(settings, Some(&self.0.routes), &self.0.shared);
        self.0.actor.do_send(ForgetAllBut(Accounts::of(&routes)));
        self.settle().await;
        let Parts { shared, discovered, actor, clock, .. } = &*self.0;
        Self(Arc::new(Parts {
            routes,
            shared: shared.clone(),
            discovered: discovered.clone(),
            actor: actor.clone(),
            clock: clock.clone(),
        }))
    }

    /// Decides who answers a model call now. `session` is asked for only when it matters.
    pub fn choose(
        &self,
        request: &ModelRequest<'_>,
        attempts: &Attempts,
        session: impl FnOnce() -> Option<SessionKey>,
    ) -> Result<Choice, GatewayError> {
        let snapshot = self.0.shared.snapshot.load();
        let table = &self.0.routes.table;
        let candidates =
            |ways| table.candidates(request.dialect, request.model, request.reach, ways);
        let own_login = |ways| {
            let is_brought = request.brings_login.then_some(());
            is_brought
                .and_then(|()| table.own_login_candidates(request.dialect, request.model, ways))
        };
        let with_login = own_login(request.ways);
        // Who has brought a login is answered by nothing else: no key of the team's, and not by Amp.
        let request = &ModelRequest {
            came_through_amp_door: request.came_through_amp_door && with_login.is_none(),
            ..*request
        };
        let Some(candidates) = with_login.or_else(|| candidates(request.ways)) else {
            let may_ask_amp = request.came_through_amp_door
                && matches!(table.fallback(), Fallbacks::ToAmp | Fallbacks::ToAmpOnFailure);
            if may_ask_amp && request.may_go_to_amp() {
                return Ok(Choice::Amp);
            }
            let is_closed =
                || may_ask_amp || candidates(Ways::ALL).is_some() || own_login(Ways::ALL).is_some();
            if request.ways != Ways::ALL && is_closed() {
                return Err(GatewayError::RouteNotAllowed {
                    closed: "every route that serves this model is closed to this client key",
                    open: request.ways,
                });
            }
            let (dialect, amp_door) = (request.dialect, request.came_through_amp_door);
            return Err(table.not_served(dialect, request.model, amp_door, request.reach));
        };
        let candidates =
            if request.leans_on_a_response { candidates.that_keep_responses() } else { candidates };
        let picked = self.pick(&snapshot, &candidates.all, attempts, request, session);
        let (index, probe, conversation) = match picked {
            (Picked::One(index, probe), conversation) => (index, probe, conversation),
            (Picked::None { rest }, _) => {
                let rest = rest.map(|rest| RestingProvider {
                    provider: candidates.all[rest.index].member.credential.provider.clone(),
                    until: rest.until,
                    reason: rest.reason,
                    is_probed: rest.is_probed,
                });
                let situation = self.situation(&snapshot, attempts, request, None);
                return Ok(Choice::Exhausted(Exhausted {
                    rest,
                    may_ask_again: may_ask_again(&candidates.all, &situation),
                    amp_may_answer: situation.has_substitute,
                }));
            }
        };
        let Candidate { member, upstream_model, known_as, dialect } = candidates.all[index].clone();
        Ok(Choice::Local(LocalPlan {
            dialect: snapshot.spoken_dialect(&(member.id, upstream_model.clone()), dialect),
            again: AskedAgain::default(),
            renames: upstream_model != *request.model,
            strip_long_context: snapshot.strips_long_context(&member),
            member,
            upstream_model,
            known_as,
            thinking: candidates.thinking,
            found: candidates.found,
            conversation,
            probe,
        }))
    }

    /// Who answers a WebSocket of the Responses API. `by_codex`: the client is the Codex command line.
    #[must_use]
    pub fn socket_service(&self, by_codex: bool) -> SocketService {
        self.0.routes.table.socket_service(by_codex)
    }

    /// The credential for a WebSocket of the Responses API, which names no model at its opening.
    #[must_use]
    pub fn choose_for_socket(
        &self,
        dialect: Dialect,
        attempts: &Attempts,
        session: impl FnOnce() -> Option<SessionKey>,
    ) -> Option<LocalPlan> {
        let snapshot = self.0.shared.snapshot.load();
        let model = ModelName::parse(SOCKET).expect("the constant is not empty");
        let candidates: Vec<Candidate> = self
            .0
            .routes
            .table
            .socket_members(dialect)
            .map(|member| Candidate {
                member: member.clone(),
                upstream_model: model.clone(),
                known_as: model.clone(),
                dialect,
            })
            .collect();
        let asked = ModelRequest {
            dialect,
            model: &model,
            came_through_amp_door: false,
            reach: Reach::SameDialect,
            ways: Ways::ALL,
            brings_login: false,
            leans_on_a_response: false,
        };
        let picked = self.pick(&snapshot, &candidates, attempts, &asked, session);
        let (Picked::One(index, probe), conversation) = picked else { return None };
        let member = candidates[index].member.clone();
        Some(LocalPlan {
            dialect,
            again: AskedAgain::default(),
            strip_long_context: snapshot.strips_long_context(&member),
            member,
            upstream_model: model.clone(),
            known_as: model,
            renames: false,
            thinking: None,
            found: Found::Directly,
            conversation,
            probe,
        })
    }

    fn pick(
        &self,
        snapshot: &Snapshot,
        candidates: &[Candidate],
        attempts: &Attempts,
        asked: &ModelRequest<'_>,
        session: impl FnOnce() -> Option<SessionKey>,
    ) -> (Picked, Option<Conversation>) {
        let now = self.0.clock.now();
        let routing = &self.0.routes.routing;
        let (bare, _) = asked.model.split_thinking();
        // With one candidate there is nothing to stay with.
        let conversation = (routing.session_affinity && candidates.len() > 1)
            .then(session)
            .flatten()
            .map(|session| Conversation { session, model: bare.clone() });
        let bound = conversation.as_ref().and_then(|conversation| {
            self.0.shared.affinity.find(conversation, routing.session_affinity_ttl, now)
        });
        let situation =
            self.situation(snapshot, attempts, asked, bound.as_ref().map(|bound| &bound.seat));
        let picked = pick(candidates, &situation, || self.take_turn(&bare));
        let is_bound_already = match (&picked, &bound) {
            (Picked::One(index, _), Some(Bound { seat: (id, model), is_due: false })) => {
                let chosen = &candidates[*index];
                chosen.member.id == *id && chosen.upstream_model == *model
            }
            _ => false,
        };
        (picked, conversation.filter(|_| !is_bound_already))
    }

    fn situation<'a>(
        &self,
        snapshot: &'a Snapshot,
        attempts: &'a Attempts,
        asked: &ModelRequest<'_>,
        bound: Option<&'a Seat>,
    ) -> Situation<'a> {
        Situation {
            cooldowns: &snapshot.cooldowns,
            failed: &attempts.failed,
            bound,
            strategy: self.0.routes.routing.strategy,
            has_substitute: self.0.routes.amp_may_step_in(asked.may_go_to_amp()),
            now: self.0.clock.now(),
        }
    }

    fn take_turn(&self, of: &ModelName) -> usize {
        let mut hasher = DefaultHasher::new();
        of.hash(&mut hasher);
        let counter = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0);
        self.0.shared.turns[counter].fetch_add(1, Ordering::Relaxed)
    }

    /// What a client to which `ways` are open can ask for in a dialect.
    #[must_use]
    pub fn offers(&self, dialect: Dialect, ways: Ways) -> Offers {
        Offers::new(self.0.routes.table.clone(), dialect, ways)
    }

    /// The lists of models that providers have given.
    #[must_use]
    pub fn discovered(&self) -> &DiscoveredLists {
        &self.0.discovered
    }

    /// Notes that a provider answered an attempt of `sent_at` well. Costs a message only when that is
    /// news.
    pub fn succeeded(&self, plan: &mut LocalPlan, sent_at: Instant) {
        let probe = plan.probe.take();
        let snapshot = self.0.shared.snapshot.load();
        let state =
            snapshot.cooldowns.state(plan.member.id, &plan.upstream_model, self.0.clock.now());
        if !matches!(state, CoolingState::Ready) {
            self.0.actor.do_send(ReportSuccess {
                member: plan.member.clone(),
                model: plan.upstream_model.clone(),
                sent_at,
                probe,
            });
        }
        if let Some(conversation) = plan.conversation.take() {
            let ttl = self.0.routes.routing.session_affinity_ttl;
            self.0.actor.do_send(Bind { conversation, seat: plan.seat(), ttl });
        }
    }

    /// Notes that an attempt sent at `sent_at` failed, and returns when the next choice knows it.
    pub async fn failed(&self, mut plan: LocalPlan, trouble: Trouble, sent_at: Instant) {
        // Sent first and waited for apart: a client that leaves now must not take the report along.
        if self.report_failure(&mut plan, trouble, sent_at) {
            self.settle().await;
        }
    }

    /// Whether there was anything to report.
    fn report_failure(&self, plan: &mut LocalPlan, trouble: Trouble, sent_at: Instant) -> bool {
        if !self.0.routes.may_rest(&plan.member) {
            return false;
        }
        self.0.actor.do_send(ReportFailure {
            member: plan.member.clone(),
            model: plan.upstream_model.clone(),
            trouble,
            sent_at,
            probe: plan.probe.take(),
        });
        true
    }

    /// Keeps an eye on an answer that has begun; to be told if it breaks.
    #[must_use]
    pub fn watch(&self, plan: LocalPlan, sent_at: Instant) -> AnswerWatch {
        AnswerWatch { router: self.clone(), plan, sent_at }
    }

    /// Notes that a provider turned down the flag for the long context.
    pub async fn turned_long_context_down(&self, plan: &LocalPlan) {
        self.0.actor.do_send(ReportNoLongContext(plan.member.clone()));
        self.settle().await;
    }

    /// Notes that a provider has a model in Chat Completions and not in Responses.
    pub fn found_without_responses(&self, plan: &LocalPlan) {
        let (member, model) = (plan.member.clone(), plan.upstream_model.clone());
        self.0.actor.do_send(ReportNoResponses(member, model));
    }

    /// How each credential is doing, in the order of the configuration.
    #[must_use]
    pub fn health(&self) -> Vec<CredentialHealth> {
        let snapshot = self.0.shared.snapshot.load();
        let of = |member: &Arc<Member>| CredentialHealth {
            id: member.credential.id.clone(),
            provider: member.credential.provider.clone(),
            rests: snapshot.cooldowns.rests(member.id),
            limits: member.seen_limits.read(),
        };
        self.0.routes.table.members().iter().map(of).collect()
    }

    /// Forgets every rest of a credential, and returns when the next choice knows it; `false` when there
    /// is no such credential.
    pub async fn reset(&self, credential: &str) -> bool {
        let mut members = self.0.routes.table.members().iter();
        let Some(member) = members.find(|m| m.credential.id.as_str() == credential) else {
            return false;
        };
        self.0.actor.do_send(Forget(member.clone()));
        self.settle().await;
        true
    }

    /// Notes what the head of an answer tells of the limits of its credential.
    pub fn note_limits(&self, plan: &LocalPlan, fields: &HeaderMap) {
        let now = SystemTime::now();
        let told = told_limits(fields, now);
        if !told.is_empty() {
            plan.member.seen_limits.note(told, now);
        }
    }

    async fn settle(&self) {
        // A closed mailbox means that the process is going, and nothing is decided any more.
        let _ = self.0.actor.send(Settle).await;
    }

    /// The time by which [`RestingProvider::until`] is meant.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.clock.now()
    }

    /// How long until a resting provider may be asked.
    #[must_use]
    pub fn time_left(&self, rest: &RestingProvider) -> Duration {
        rest.until.saturating_duration_since(self.0.clock.now())
    }
}
