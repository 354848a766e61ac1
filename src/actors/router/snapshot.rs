//! What handlers read without a hop: the routes of their configuration, and what is known of its
//! credentials.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use arc_swap::ArcSwap;

use super::RouterSettings;
use super::affinity::Affinity;
use super::cooldown::{Cooldowns, MemberId};
use super::pick::Seat;
use super::table::{Fallbacks, Member, RouteTable};
use crate::config::{LongContext, Routing};
use crate::types::Dialect;

/// How many turn counters models share. Two models on one counter only skew whose turn it is.
pub(super) const TURNS: usize = 64;

/// What one configuration says. A request keeps the routes that it began with.
#[derive(Debug)]
pub(super) struct Routes {
    pub table: Arc<RouteTable>,
    pub routing: Routing,
    pub disable_cooling: bool,
}

/// What is known, whatever the configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    pub cooldowns: Cooldowns,
    /// Those that turned down the flag for the long context.
    pub refused_long_context: HashSet<MemberId>,
    /// What compatible providers have in Chat Completions and not in Responses.
    pub without_responses: HashSet<Seat>,
}

/// The part that all handles and the actor share, over reloads.
pub(super) struct Shared {
    pub snapshot: ArcSwap<Snapshot>,
    pub affinity: Affinity,
    pub turns: [AtomicUsize; TURNS],
    pub last_id: AtomicU32,
}

impl Routes {
    /// The routes that `settings` ask for; accounts that `before` had keep their identity.
    pub fn new(settings: RouterSettings, before: Option<&Self>, shared: &Shared) -> Self {
        let RouterSettings { credentials, rules, routing, disable_cooling } = settings;
        let before = before.map(|routes| &*routes.table);
        let table = RouteTable::new(credentials, rules, before, || {
            MemberId(shared.last_id.fetch_add(1, Ordering::Relaxed) + 1)
        });
        Self { table: Arc::new(table), routing, disable_cooling }
    }

    /// Whether a failure puts this credential aside.
    pub fn may_rest(&self, member: &Member) -> bool {
        !member.credential.disable_cooling.unwrap_or(self.disable_cooling)
    }

    /// Whether Amp may answer what all of our own credentials have failed at.
    pub fn amp_may_step_in(&self, may_go_to_amp: bool) -> bool {
        may_go_to_amp && self.table.fallback() == Fallbacks::ToAmpOnFailure
    }
}

impl Snapshot {
    /// What a credential's provider is asked in for a model, when `dialect` is what it should speak.
    pub fn spoken_dialect(&self, seat: &Seat, dialect: Dialect) -> Dialect {
        if dialect == Dialect::OpenAiResponses && self.without_responses.contains(seat) {
            return Dialect::OpenAiChat;
        }
        dialect
    }

    /// Whether the flag for the long context ends here for this credential.
    pub fn strips_long_context(&self, member: &Member) -> bool {
        match member.credential.long_context {
            LongContext::Strip => true,
            LongContext::Keep => false,
            LongContext::Auto => self.refused_long_context.contains(&member.id),
        }
    }
}
