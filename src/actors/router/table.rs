//! Which credentials serve a model: a pure function of the configuration.
//!
//! What a client asks for is looked up as it is written, then without its thinking suffix. A
//! credential serves it directly, or a mapping leads to another model that one serves. Which of the
//! credentials answers is decided in `pick`, by what is known of them at that moment.

mod names;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::cooldown::MemberId;
use super::health::SeenLimits;
use super::plan::{Found, Reach, SocketService};
use crate::config::{Auth, Credential, Family, Model, ModelMapping};
use crate::error::GatewayError;
use crate::types::{Dialect, ModelName, Route, Thinking, Ways};

use self::names::{is_family_name, without_prefix};

pub(super) use self::names::{maker_of, same_name};

/// Whether the Amp server may answer, and so be paid for, a model call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallbacks {
    /// Calls that no credential of ours is configured for.
    ToAmp,
    /// Also calls for which all of ours have failed.
    ToAmpOnFailure,
    /// `ampcode.fallback: never`.
    Forbidden,
    /// There is no Amp server.
    Impossible,
}

/// What the table is made from.
#[derive(Clone, Debug)]
pub struct Rules {
    pub fallback: Fallbacks,
    pub mappings: Vec<ModelMapping>,
    /// Mappings are asked before our own credentials.
    pub force_mappings: bool,
    /// A name without a prefix misses credentials that have one.
    pub force_prefix: bool,
}

/// A credential in the table.
#[derive(Debug)]
pub(super) struct Member {
    pub id: MemberId,
    pub credential: Arc<Credential>,
    /// The account's, so it goes on in the table that follows.
    pub seen_limits: Arc<SeenLimits>,
}

/// One way to serve a model: a credential, and what its provider calls the model.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub member: Arc<Member>,
    /// The provider's name, without prefix and suffix.
    pub upstream_model: ModelName,
    /// What clients call it, without prefix and suffix.
    pub known_as: ModelName,
    /// What the provider is spoken to in.
    pub dialect: Dialect,
}

/// Every way to serve what a client asked for.
#[derive(Clone, Debug)]
pub(super) struct Candidates {
    /// In the order of the configuration. Never empty.
    pub all: Vec<Candidate>,
    /// How hard the model should think, if a suffix says so.
    pub thinking: Option<Thinking>,
    pub found: Found,
}

impl Candidates {
    /// Less those that have nothing to go on from, because they keep no response; all of them where no other
    /// is left, so that the client reads why it gets no answer.
    pub fn that_keep_responses(mut self) -> Self {
        let keeps = |candidate: &Candidate| candidate.member.credential.family != Family::Codex;
        if self.all.iter().any(keeps) {
            self.all.retain(keeps);
        }
        self
    }
}

/// Every credential, and the rules that lead to one.
#[derive(Debug)]
pub struct RouteTable {
    members: Vec<Arc<Member>>,
    rules: Rules,
}

impl RouteTable {
    /// Builds the table. A credential that `before` had under the same account keeps its identity,
    /// and so what is known of it.
    pub(super) fn new(
        credentials: Vec<Credential>,
        rules: Rules,
        before: Option<&Self>,
        mut next_id: impl FnMut() -> MemberId,
    ) -> Self {
        let mut known: Vec<&Arc<Member>> =
            before.map_or(Vec::new(), |b| b.members.iter().collect());
        let members = credentials
            .into_iter()
            .map(|mut credential| {
                let same = known.iter().position(|old| same_account(&old.credential, &credential));
                let same = same.map(|at| known.swap_remove(at));
                let id = same.map_or_else(&mut next_id, |old| old.id);
                credential.id = credential.id.of_account(id.0);
                let seen_limits = same.map(|old| old.seen_limits.clone()).unwrap_or_default();
                Arc::new(Member { id, credential: Arc::new(credential), seen_limits })
            })
            .collect();
        Self { members, rules }
    }

    pub(super) fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn fallback(&self) -> Fallbacks {
        self.rules.fallback
    }

    /// Every way to serve `model` to a client of `dialect` by credentials of the team's that is open to the
    /// client; `None` when there is none.
    pub(super) fn candidates(
        &self,
        dialect: Dialect,
        model: &ModelName,
        reach: Reach,
        ways: Ways,
    ) -> Option<Candidates> {
        let is_open = |route| ways.have_route(route).then_some(());
        let whose = Whose::Teams(reach);
        let direct = || is_open(Route::Local).and_then(|()| self.direct(dialect, model, whose));
        let mapped = || is_open(Route::Mapped).and_then(|()| self.mapped(dialect, model, whose));
        if self.rules.force_mappings { mapped().or_else(direct) } else { direct().or_else(mapped) }
    }

    /// Every way to serve `model` to a client that brings a login of its own: at providers that speak its
    /// dialect only, for a login is its own client's.
    pub(super) fn own_login_candidates(
        &self,
        dialect: Dialect,
        model: &ModelName,
        ways: Ways,
    ) -> Option<Candidates> {
        if !ways.have_route(Route::OwnLogin) {
            return None;
        }
        let direct = || self.direct(dialect, model, Whose::Clients);
        let mapped = || self.mapped(dialect, model, Whose::Clients);
        if self.rules.force_mappings { mapped().or_else(direct) } else { direct().or_else(mapped) }
    }

    /// Those that speak the client's dialect, before those that a call has to be translated for: what
    /// passes as it is loses nothing.
    fn direct(&self, dialect: Dialect, model: &ModelName, whose: Whose) -> Option<Candidates> {
        let native = || self.direct_among(model, || self.speaking(dialect).map(|m| (m, dialect)));
        match whose {
            Whose::Clients => {
                let members = || self.opened_by_clients(dialect).map(|member| (member, dialect));
                self.direct_among(model, members)
            }
            Whose::Teams(Reach::SameDialect) => native(),
            Whose::Teams(Reach::AnyDialect) => {
                native().or_else(|| self.direct_among(model, || self.speaking_otherwise(dialect)))
            }
        }
    }

    fn direct_among<'a, Members>(
        &'a self,
        model: &ModelName,
        members: impl Fn() -> Members,
    ) -> Option<Candidates>
    where
        Members: Iterator<Item = (&'a Arc<Member>, Dialect)>,
    {
        let found = Found::Directly;
        // A model may really be called `x(high)`: such a name has to be listed as it is.
        let listed = self.serving(members(), model, Naming::Listed);
        if !listed.is_empty() {
            return Some(Candidates { all: listed, thinking: None, found });
        }
        let (bare, thinking) = model.split_thinking();
        let all = self.serving(members(), &bare, Naming::ListedOrFamily);
        (!all.is_empty()).then_some(Candidates { all, thinking, found })
    }

    /// The first mapping that fits and whose target is served: exact names, then patterns in order.
    fn mapped(&self, dialect: Dialect, model: &ModelName, whose: Whose) -> Option<Candidates> {
        let (bare, asked) = model.split_thinking();
        let fits = |mapping: &&ModelMapping| {
            mapping.from.matches(model.as_str()) || mapping.from.matches(bare.as_str())
        };
        let mappings = || self.rules.mappings.iter().filter(fits);
        let exact = mappings().filter(|mapping| !mapping.from.is_pattern());
        let patterns = mappings().filter(|mapping| mapping.from.is_pattern());
        for mapping in exact.chain(patterns) {
            let Some(mut candidates) = self.direct(dialect, &mapping.to, whose) else { continue };
            candidates.thinking = candidates.thinking.or(asked);
            let target = &candidates.all[0].upstream_model;
            let crosses_makers = maker_of(bare.as_str()) != maker_of(target.as_str());
            candidates.found = Found::ByMapping { crosses_makers };
            return Some(candidates);
        }
        None
    }

    fn serving<'a>(
        &self,
        members: impl Iterator<Item = (&'a Arc<Member>, Dialect)>,
        model: &ModelName,
        naming: Naming,
    ) -> Vec<Candidate> {
        let force_prefix = self.rules.force_prefix;
        let mut all = Vec::new();
        for (member, dialect) in members {
            for Model { name, alias } in serve(&member.credential, model, force_prefix, naming) {
                let (member, upstream_model, known_as) = (member.clone(), name, alias);
                all.push(Candidate { member, upstream_model, known_as, dialect });
            }
        }
        all
    }

    /// The team's credentials that speak `dialect`.
    pub(super) fn speaking(&self, dialect: Dialect) -> impl Iterator<Item = &Arc<Member>> {
        self.of_team().filter(move |member| speaks(member.credential.family, dialect))
    }

    /// The team's credentials that do not speak `dialect`, and what each of them is spoken to in.
    pub(super) fn speaking_otherwise(
        &self,
        dialect: Dialect,
    ) -> impl Iterator<Item = (&Arc<Member>, Dialect)> {
        let others = self.of_team().filter(move |m| !speaks(m.credential.family, dialect));
        others.map(|member| (member, dialect_of(member.credential.family)))
    }

    fn of_team(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.members.iter().filter(|member| !is_opened_by_clients(member))
    }

    fn opened_by_clients(&self, dialect: Dialect) -> impl Iterator<Item = &Arc<Member>> {
        let members = self.members.iter().filter(|member| is_opened_by_clients(member));
        members.filter(move |member| speaks(member.credential.family, dialect))
    }

    /// A handshake names no model, and any credential may be asked for by a later message. So a
    /// provider's own WebSocket can serve a client only where no other provider could be meant, and where
    /// the team's keys pay whoever connects. That of `ChatGPT` plans takes what Codex says and nothing else,
    /// and nobody puts right what is said in a tunnel: so only for Codex (`by_codex`). That a plan is used up
    /// is said in the tunnel as well, where nobody reads it: so only where no other plan could take its place.
    pub(super) fn socket_service(&self, by_codex: bool) -> SocketService {
        if self.members.is_empty() {
            return SocketService::Nobody;
        }
        let all_are = |family| {
            let is_one = |member: &Arc<Member>| member.credential.family == family;
            self.members.iter().all(|member| is_one(member) && !is_opened_by_clients(member))
        };
        let is_only_plan = || self.members.len() == 1 && all_are(Family::Codex);
        if all_are(Family::OpenAi) || (by_codex && is_only_plan()) {
            SocketService::Provider
        } else {
            SocketService::Gateway
        }
    }

    /// The credentials that may open a WebSocket. Only OpenAI itself is known to speak it, with keys and
    /// with plans; compatible servers are not asked. A handshake names no model, so it cannot name a prefix either.
    pub(super) fn socket_members(&self, dialect: Dialect) -> impl Iterator<Item = &Arc<Member>> {
        let is_open = |credential: &Credential| {
            credential.family != Family::OpenAiCompatible
                && (credential.prefix.is_none() || !self.rules.force_prefix)
        };
        self.speaking(dialect).filter(move |member| is_open(&member.credential))
    }

    /// The error for a model that nobody serves, with a word on what would.
    pub(super) fn not_served(
        &self,
        dialect: Dialect,
        model: &ModelName,
        came_through_amp_door: bool,
        reach: Reach,
    ) -> GatewayError {
        let hint = if self.own_login_candidates(dialect, model, Ways::ALL).is_some() {
            "only clients with a login of their own at the provider are served it here \
             (`passthrough`); send the key for this gateway as `X-Ampgate-Key`, and the login as usual"
        } else if came_through_amp_door && self.rules.fallback == Fallbacks::Forbidden {
            "`ampcode.fallback` is `never`, so the Amp server was not asked; list the model under a \
             credential"
        } else {
            match (dialect, reach) {
                (Dialect::Anthropic, Reach::SameDialect) => "list it under a `claude-api-key`",
                (Dialect::Anthropic, Reach::AnyDialect) => {
                    "list it under a `claude-api-key`, or under any other credential that serves it"
                }
                (Dialect::OpenAiChat | Dialect::OpenAiResponses, Reach::SameDialect) => {
                    "list it under an `openai-api-key` or an `openai-compatibility` provider"
                }
                (Dialect::OpenAiChat | Dialect::OpenAiResponses, Reach::AnyDialect) => {
                    "list it under an `openai-api-key` or an `openai-compatibility` provider, or \
                     under any other credential that serves it"
                }
                (Dialect::Gemini, Reach::SameDialect) => {
                    "list it under a `gemini-api-key` or a `vertex-api-key`"
                }
                (Dialect::Gemini, Reach::AnyDialect) => {
                    "list it under a `gemini-api-key` or a `vertex-api-key`, or under any other \
                     credential that serves it"
                }
            }
        };
        GatewayError::ModelNotServed { model: model.clone(), hint }
    }
}

/// Whose credentials count.
#[derive(Clone, Copy)]
enum Whose {
    Teams(Reach),
    /// Those that a client's own login opens.
    Clients,
}

/// Which names of a credential count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    Listed,
    ListedOrFamily,
}

/// What provider and clients call the model, if the credential serves it: more than one pair when
/// several entries share one alias.
fn serve(
    credential: &Credential,
    model: &ModelName,
    force_prefix: bool,
    naming: Naming,
) -> Vec<Model> {
    let Some(model) = without_prefix(model, credential.prefix.as_deref(), force_prefix) else {
        return Vec::new();
    };
    let is_excluded =
        |name: &ModelName| credential.excluded_models.iter().any(|p| p.matches(name.as_str()));
    if is_excluded(&model) {
        return Vec::new();
    }
    if credential.models.is_empty() {
        let serves =
            naming == Naming::ListedOrFamily && is_family_name(credential.family, model.as_str());
        let alias = model.clone();
        return if serves { vec![Model { name: model, alias }] } else { Vec::new() };
    }
    let entries = credential.models.iter().filter(|entry| same_name(&entry.alias, &model));
    entries.filter(|entry| !is_excluded(&entry.name)).cloned().collect()
}

fn is_opened_by_clients(member: &Arc<Member>) -> bool {
    member.credential.auth == Auth::ClientLogin
}

/// Whether two entries are one account at one provider, whatever else the configuration says of it.
fn same_account(one: &Credential, other: &Credential) -> bool {
    (one.family, &one.origin, &one.base_path, &one.hosting, &one.auth)
        == (other.family, &other.origin, &other.base_path, &other.hosting, &other.auth)
}

pub(super) const fn speaks(family: Family, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Anthropic => {
            matches!(family, Family::Claude | Family::Bedrock | Family::VertexClaude)
        }
        Dialect::OpenAiChat => {
            matches!(family, Family::OpenAi | Family::OpenAiCompatible | Family::Azure)
        }
        Dialect::OpenAiResponses => matches!(
            family,
            Family::OpenAi | Family::OpenAiCompatible | Family::Azure | Family::Codex
        ),
        Dialect::Gemini => matches!(family, Family::Gemini | Family::Vertex),
    }
}

/// What a family is spoken to in when the client's dialect is not its own. OpenAI's own models are
/// asked through Responses, which all of them have; what is compatible, through Chat Completions.
const fn dialect_of(family: Family) -> Dialect {
    match family {
        Family::Claude | Family::Bedrock | Family::VertexClaude => Dialect::Anthropic,
        Family::OpenAi | Family::Azure | Family::Codex => Dialect::OpenAiResponses,
        Family::OpenAiCompatible => Dialect::OpenAiChat,
        Family::Gemini | Family::Vertex => Dialect::Gemini,
    }
}
