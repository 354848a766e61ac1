//! What the router decides for one model call.

use std::sync::Arc;
use std::time::Instant;

use super::affinity::Conversation;
use super::cooldown::ProbeLease;
use super::pick::Seat;
use super::table::{Member, maker_of};
use crate::config::{Auth, Credential, Family};
use crate::types::{Dialect, ModelName, ProviderName, Route, Thinking, UpstreamModel, Ways};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct ModelRequest<'a> {
    pub dialect: Dialect,
    /// As the client wrote it.
    pub model: &'a ModelName,
    /// Whether the door leads to the Amp server when nobody else answers.
    pub came_through_amp_door: bool,
    pub reach: Reach,
    /// Those that are open to the client.
    pub ways: Ways,
    /// Whether a login of the client's own comes along. Credentials that clients open are for such a
    /// request only, and where one serves the model nothing else is.
    pub brings_login: bool,
    /// It goes on from a response that its provider has kept. The backend of `ChatGPT` plans keeps none.
    pub leans_on_a_response: bool,
}

impl ModelRequest<'_> {
    /// Whether the Amp server may answer this client when nobody else does.
    #[must_use]
    pub const fn may_go_to_amp(&self) -> bool {
        self.came_through_amp_door && self.ways.have_route(Route::Amp)
    }
}

/// Whose credentials can answer a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those that speak the client's dialect.
    SameDialect,
    /// Where none of those serves the model, also those whose dialect the call can be translated to.
    AnyDialect,
}

/// Who answers a WebSocket of the Responses API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketService {
    /// OpenAI, or its backend for Codex: the connection is joined to one of its own.
    Provider,
    /// The gateway itself: it makes an HTTP call of each message.
    Gateway,
    Nobody,
}

/// Who answers now.
#[derive(Debug)]
pub enum Choice {
    /// One of our own providers.
    Local(LocalPlan),
    /// The Amp server, with the team's key for it: nobody here is configured for the model.
    Amp,
    /// Each credential that serves the model has failed this request, or rests.
    Exhausted(Exhausted),
}

/// One of our own credentials, and what it calls the model.
#[derive(Debug)]
pub struct LocalPlan {
    pub(super) member: Arc<Member>,
    /// The provider's name for the model, without a suffix.
    pub upstream_model: ModelName,
    /// What clients call it, by the configuration of its credential.
    pub(super) known_as: ModelName,
    /// Whether the client calls the model otherwise, so that request and answer must be rewritten.
    pub renames: bool,
    /// What a suffix of the name asks for.
    pub thinking: Option<Thinking>,
    pub found: Found,
    /// What the provider is spoken to in. When it is not the client's, the call is translated.
    pub dialect: Dialect,
    /// Whether the flag for the long context ends here; see [`crate::config::LongContext`].
    pub strip_long_context: bool,
    pub again: AskedAgain,
    /// To be bound to this credential if it answers well.
    pub(super) conversation: Option<Conversation>,
    pub(super) probe: Option<ProbeLease>,
}

/// What the same credential has answered to this call, so that it is asked otherwise now.
#[derive(Clone, Copy, Debug, Default)]
pub struct AskedAgain {
    /// It has no Responses: it is asked for Chat Completions.
    pub instead_of_responses: bool,
    /// It has turned a token down: another one was asked for.
    pub with_new_token: bool,
}

impl LocalPlan {
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.member.credential
    }

    /// Whether the client's own login opens the provider. Whatever comes of it is that person's affair.
    #[must_use]
    pub fn is_own_login(&self) -> bool {
        self.credential().auth == Auth::ClientLogin
    }

    /// The model by its name, and by the name that its nature is known by. Deployments of Azure and
    /// inference profiles of Bedrock are called whatever the team likes, so what clients call them tells
    /// more. Elsewhere an alias may be a pretence that makes another maker's model fit a client.
    #[must_use]
    pub fn model(&self) -> UpstreamModel<'_> {
        let name = self.upstream_model.as_str();
        let is_named_by_the_team =
            matches!(self.credential().family, Family::Azure | Family::Bedrock);
        let tells_more = maker_of(name).is_none() && maker_of(self.known_as.as_str()).is_some();
        let nature = if is_named_by_the_team && tells_more { self.known_as.as_str() } else { name };
        UpstreamModel { name, nature }
    }

    pub(super) fn seat(&self) -> Seat {
        (self.member.id, self.upstream_model.clone())
    }
}

/// How a model came to its credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// They serve it by the name that was asked for.
    Directly,
    /// They serve what a mapping leads to; `crosses_makers` when that is another maker's model.
    ByMapping { crosses_makers: bool },
}

impl Found {
    #[must_use]
    pub const fn crosses_makers(self) -> bool {
        matches!(self, Self::ByMapping { crosses_makers: true })
    }
}

/// What has failed a request so far; such a credential is not asked again in the same round.
#[derive(Debug, Default)]
pub struct Attempts {
    pub(super) failed: Vec<Seat>,
}

impl Attempts {
    pub fn note_failure_of(&mut self, plan: &LocalPlan) {
        self.failed.push(plan.seat());
    }

    /// Another round over all of them begins.
    pub fn begin_round(&mut self) {
        self.failed.clear();
    }
}

/// Nobody is left to ask now.
#[derive(Clone, Debug)]
pub struct Exhausted {
    /// The credential that may be asked again soonest; `None` when none rests.
    pub rest: Option<RestingProvider>,
    /// Whether one that has failed this call may be asked again, although another may rest for long.
    pub may_ask_again: bool,
    /// Whether Amp may answer what ours could not.
    pub amp_may_answer: bool,
}

/// A provider that may be asked again.
#[derive(Clone, Debug)]
pub struct RestingProvider {
    pub provider: ProviderName,
    pub until: Instant,
    /// What it failed with, in one word.
    pub reason: &'static str,
    /// Another request is finding out just now whether it serves again; `until` is a guess.
    pub is_probed: bool,
}
