//! Which of several candidates answers: a pure function of what is known of them now.
//!
//! 1. Those that have failed this request already, or rest, are left out. One whose rest has just
//!    ended is tried by a single request first, its probe.
//! 2. Of the others only the highest `priority` counts.
//! 3. A conversation stays where it was: prompt caches live with one account.
//! 4. Otherwise each takes its turn, or the first is taken until it rests.

use std::time::{Duration, Instant};

use super::cooldown::{Cooldowns, CoolingState, MemberId, ProbeLease};
use super::table::Candidate;
use crate::config::Strategy;
use crate::types::ModelName;

/// How soon it is worth looking again at a credential that another request is just probing.
const PROBE_PATIENCE: Duration = Duration::from_millis(250);

/// A credential and a model of it that have failed a request.
pub(super) type Failed = (MemberId, ModelName);

/// What a choice depends on besides the candidates.
pub(super) struct Situation<'a> {
    pub cooldowns: &'a Cooldowns,
    pub failed: &'a [Failed],
    /// Where the conversation was.
    pub bound: Option<&'a Failed>,
    pub strategy: Strategy,
    pub now: Instant,
}

/// The choice.
#[derive(Debug)]
pub(super) enum Picked {
    /// The candidate at this place. A lease is to be kept until it is known how the probe went.
    One(usize, Option<ProbeLease>),
    /// None is left for this request now.
    None { rest: Option<Resting> },
}

/// The candidate that may be asked again soonest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resting {
    pub index: usize,
    pub until: Instant,
    pub reason: &'static str,
    /// Whether another request is finding out just now, so that `until` is a guess.
    pub is_probed: bool,
}

/// Chooses. `turn` gives the next number of a sequence; it is asked only when there is a choice.
pub(super) fn pick(
    candidates: &[Candidate],
    situation: &Situation<'_>,
    turn: impl FnOnce() -> usize,
) -> Picked {
    let mut ready: Vec<(usize, CoolingState)> = Vec::with_capacity(candidates.len());
    let mut rest: Option<Resting> = None;
    let mut note_rest = |resting: Resting| {
        if rest.as_ref().is_none_or(|known| resting.until < known.until) {
            rest = Some(resting);
        }
    };
    for (index, candidate) in candidates.iter().enumerate() {
        let id = candidate.member.id;
        let state = situation.cooldowns.state(id, &candidate.upstream_model, situation.now);
        match state {
            CoolingState::Resting { until, class } => {
                let reason = class.as_str();
                note_rest(Resting { index, until, reason, is_probed: false });
            }
            _ if has_failed(candidate, situation.failed) => {}
            state => ready.push((index, state)),
        }
    }
    let mut turn = Some(turn);
    let mut turned = 0;
    loop {
        let top = ready.iter().map(|(index, _)| priority(&candidates[*index])).max();
        let Some(top) = top else { return Picked::None { rest } };
        let tier: Vec<usize> =
            (0..ready.len()).filter(|at| priority(&candidates[ready[*at].0]) == top).collect();
        let bound = tier.iter().copied().find(|at| is_bound(&candidates[ready[*at].0], situation));
        let at = match (bound, situation.strategy) {
            (Some(at), _) => at,
            (None, Strategy::FillFirst) => tier[0],
            (None, Strategy::RoundRobin) if tier.len() == 1 => tier[0],
            (None, Strategy::RoundRobin) => {
                if let Some(turn) = turn.take() {
                    turned = turn();
                }
                tier[turned % tier.len()]
            }
        };
        let (index, state) = ready.remove(at);
        match state {
            CoolingState::HalfOpen(probe) => match probe.claim(situation.now) {
                Some(lease) => return Picked::One(index, Some(lease)),
                None => {
                    let until = situation.now + PROBE_PATIENCE;
                    let probed = Resting { index, until, reason: "probed", is_probed: true };
                    if rest.as_ref().is_none_or(|known| probed.until < known.until) {
                        rest = Some(probed);
                    }
                }
            },
            _ => return Picked::One(index, None),
        }
    }
}

fn priority(candidate: &Candidate) -> i64 {
    candidate.member.credential.priority
}

fn has_failed(candidate: &Candidate, failed: &[Failed]) -> bool {
    failed
        .iter()
        .any(|(id, model)| *id == candidate.member.id && *model == candidate.upstream_model)
}

fn is_bound(candidate: &Candidate, situation: &Situation<'_>) -> bool {
    situation
        .bound
        .is_some_and(|(id, model)| *id == candidate.member.id && *model == candidate.upstream_model)
}
