//! What handlers read without a hop: the table, and what is known of its credentials.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use arc_swap::ArcSwap;

use super::affinity::Affinity;
use super::cooldown::{Cooldowns, MemberId};
use super::table::{Fallbacks, Member, RouteTable};
use crate::config::{LongContext, Routing};

/// How many turn counters models share. Two models on one counter only skew whose turn it is.
pub(super) const TURNS: usize = 64;

/// What handlers read.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub table: Arc<RouteTable>,
    pub routing: Routing,
    pub disable_cooling: bool,
    pub cooldowns: Cooldowns,
    /// Those that turned down the flag for the long context.
    pub refused_long_context: HashSet<MemberId>,
}

/// The part that handlers and the actor share.
pub(super) struct Shared {
    pub snapshot: ArcSwap<Snapshot>,
    pub affinity: Affinity,
    pub turns: [AtomicUsize; TURNS],
}

impl Snapshot {
    /// Whether Amp may answer what all of our own credentials have failed at.
    pub fn amp_may_step_in(&self, came_through_amp_door: bool) -> bool {
        came_through_amp_door && self.table.fallback() == Fallbacks::ToAmpOnFailure
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
