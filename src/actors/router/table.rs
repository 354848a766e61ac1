//! The decision itself: a pure function of the credentials and the request.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::config::{Credential, Family};
use crate::error::GatewayError;
use crate::types::{Dialect, ModelName};

/// How many turn counters models share. Two models on one counter only skew whose turn it is.
const TURNS: usize = 64;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct ModelRequest<'a> {
    pub dialect: Dialect,
    pub model: &'a ModelName,
    /// Whether the door leads to the Amp server when nobody else answers.
    pub came_through_amp_door: bool,
}

/// Whether the Amp server may answer, and so be paid for, a call that no provider of ours serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallbacks {
    ToAmp,
    /// `ampcode.fallback: never`.
    Forbidden,
    /// There is no Amp server.
    Impossible,
}

/// Who answers.
#[derive(Clone, Debug)]
pub enum RoutePlan {
    /// One of our own providers.
    Local(LocalPlan),
    /// The Amp server, with the team's key for it.
    Amp,
}

/// One of our own credentials, and what it calls the model.
#[derive(Clone, Debug)]
pub struct LocalPlan {
    pub(super) member: Arc<Member>,
    /// The provider's name for the model when the client calls it otherwise.
    pub upstream_model: Option<ModelName>,
}

impl LocalPlan {
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.member.credential
    }
}

/// A credential in the table, with what is known of it.
#[derive(Debug)]
pub(super) struct Member {
    pub credential: Arc<Credential>,
    /// The provider turned it down, the last we heard.
    pub troubled: AtomicBool,
}

/// Every credential, and whose turn it is.
#[derive(Debug)]
pub struct RouteTable {
    members: Vec<Arc<Member>>,
    fallback: Fallbacks,
    turns: [AtomicUsize; TURNS],
}

impl RouteTable {
    #[must_use]
    pub fn new(credentials: Vec<Credential>, fallback: Fallbacks) -> Self {
        let member = |credential| {
            let credential = Arc::new(credential);
            Arc::new(Member { credential, troubled: AtomicBool::new(false) })
        };
        let members = credentials.into_iter().map(member).collect();
        Self { members, fallback, turns: [const { AtomicUsize::new(0) }; TURNS] }
    }

    /// A credential of ours that serves the model, each in its turn; else Amp; else an error that
    /// says what would serve it.
    pub(super) fn plan(&self, request: &ModelRequest<'_>) -> Result<RoutePlan, GatewayError> {
        let able: Vec<LocalPlan> = self
            .speaking(request.dialect)
            .filter_map(|member| serve(member, request.model))
            .collect();
        if let Some(plan) = self.take_turn(able, request.model) {
            return Ok(RoutePlan::Local(plan));
        }
        if request.came_through_amp_door && self.fallback == Fallbacks::ToAmp {
            return Ok(RoutePlan::Amp);
        }
        let hint = self.hint(request);
        Err(GatewayError::ModelNotServed { model: request.model.clone(), hint })
    }

    pub(super) fn any_speaking(&self, dialect: Dialect) -> Option<LocalPlan> {
        // Only OpenAI itself is known to speak WebSocket; compatible servers are not asked.
        let able = self
            .speaking(dialect)
            .filter(|member| member.credential.family != Family::OpenAiCompatible)
            .map(|member| LocalPlan { member: member.clone(), upstream_model: None })
            .collect();
        self.take_turn(able, dialect)
    }

    pub(super) fn listed(&self, dialect: Dialect) -> Vec<(ModelName, Arc<Credential>)> {
        let mut listed: Vec<(ModelName, Arc<Credential>)> = Vec::new();
        for member in self.speaking(dialect) {
            for model in &member.credential.models {
                if !listed.iter().any(|(name, _)| same_name(name, &model.alias)) {
                    listed.push((model.alias.clone(), member.credential.clone()));
                }
            }
        }
        listed
    }

    pub(super) fn unlisted(&self, dialect: Dialect) -> Vec<LocalPlan> {
        let mut plans: Vec<LocalPlan> = Vec::new();
        for member in self.speaking(dialect) {
            let credential = &member.credential;
            let is_new = |plan: &LocalPlan| plan.credential().provider != credential.provider;
            if credential.models.is_empty() && plans.iter().all(is_new) {
                plans.push(LocalPlan { member: member.clone(), upstream_model: None });
            }
        }
        plans
    }

    fn speaking(&self, dialect: Dialect) -> impl Iterator<Item = &Arc<Member>> {
        self.members.iter().filter(move |member| speaks(member.credential.family, dialect))
    }

    /// Round-robin: `able` is in the order of the configuration, and each gets its turn.
    fn take_turn(&self, mut able: Vec<LocalPlan>, of: impl Hash) -> Option<LocalPlan> {
        if able.len() < 2 {
            return able.pop();
        }
        let mut hasher = DefaultHasher::new();
        of.hash(&mut hasher);
        let counter = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0);
        let turn = self.turns[counter].fetch_add(1, Ordering::Relaxed) % able.len();
        Some(able.swap_remove(turn))
    }

    fn hint(&self, request: &ModelRequest<'_>) -> &'static str {
        if request.came_through_amp_door && self.fallback == Fallbacks::Forbidden {
            return "`ampcode.fallback` is `never`, so the Amp server was not asked; list the model \
                    under a credential";
        }
        match request.dialect {
            Dialect::Anthropic => "list it under a `claude-api-key`",
            Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                "list it under an `openai-api-key` or an `openai-compatibility` provider"
            }
            Dialect::Gemini => "list it under a `gemini-api-key` or a `vertex-api-key`",
        }
    }
}

const fn speaks(family: Family, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Anthropic => matches!(family, Family::Claude),
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            matches!(family, Family::OpenAi | Family::OpenAiCompatible)
        }
        Dialect::Gemini => matches!(family, Family::Gemini | Family::Vertex),
    }
}

/// How a credential serves a model, if it does: by its list, or without one by its family's names.
fn serve(member: &Arc<Member>, model: &ModelName) -> Option<LocalPlan> {
    let credential = &member.credential;
    if credential.models.is_empty() {
        return is_family_name(credential.family, model.as_str())
            .then(|| LocalPlan { member: member.clone(), upstream_model: None });
    }
    let entry = credential.models.iter().find(|entry| same_name(&entry.alias, model))?;
    // The client's own spelling crosses as it is when it names the same model.
    let upstream_model = (entry.name != *model).then(|| entry.name.clone());
    Some(LocalPlan { member: member.clone(), upstream_model })
}

fn same_name(one: &ModelName, other: &ModelName) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

/// The names that a provider's models have had so far. No list of models is compiled in: a new
/// model is served on the day it appears.
fn is_family_name(family: Family, model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    let model = model.as_str();
    match family {
        Family::Claude => model.starts_with("claude-"),
        Family::OpenAi => {
            let is_o_series = || {
                let mut letters = model.bytes();
                letters.next() == Some(b'o') && matches!(letters.next(), Some(b'1'..=b'9'))
            };
            ["gpt-", "codex-", "chatgpt-"].iter().any(|prefix| model.starts_with(prefix))
                || is_o_series()
        }
        Family::Gemini | Family::Vertex => model.starts_with("gemini-"),
        // A compatible server may serve anything, so what it serves must be listed.
        Family::OpenAiCompatible => false,
    }
}

#[cfg(test)]
mod tests;
