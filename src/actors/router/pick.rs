//! Which of several candidates answers: a pure function of what is known of them now.
//!
//! 1. Those that have failed this request already, or rest, are left out. One whose rest has just
//!    ended is tried by a single request first, its probe.
//! 2. Of the others only the highest `priority` counts.
//! 3. A conversation stays where it was: prompt caches live with one account.
//! 4. Otherwise each takes its turn, or the first is taken until it rests.
//!
//! When none is left and nobody else may answer, those are asked that rest on nothing but our guess: a
//! provider that was not well a moment ago is better than none (docs/decisions/0008).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cooldown::{Cooldowns, CoolingState, MemberId, Probe, ProbeLease};
use super::table::Candidate;
use crate::config::Strategy;
use crate::types::ModelName;

/// How soon it is worth looking again at a credential that another request is just probing.
const PROBE_PATIENCE: Duration = Duration::from_millis(250);

/// A credential and a model of it.
pub(super) type Seat = (MemberId, ModelName);

/// What a choice depends on besides the candidates.
pub(super) struct Situation<'a> {
    pub cooldowns: &'a Cooldowns,
    pub failed: &'a [Seat],
    /// Where the conversation was.
    pub bound: Option<&'a Seat>,
    pub strategy: Strategy,
    /// Amp may answer when none of ours can.
    pub has_substitute: bool,
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
    let mut field = Field::new(candidates, situation);
    let mut turn = Some(turn);
    let mut turned = 0;
    while let Some((index, probe)) = field.take_best(|| {
        if let Some(turn) = turn.take() {
            turned = turn();
        }
        turned
    }) {
        let Some(HalfOpen { probe, is_guess }) = probe else { return Picked::One(index, None) };
        match probe.claim(situation.now) {
            Some(lease) => return Picked::One(index, Some(lease)),
            None if is_guess && !situation.has_substitute => field.last_resort.push(index),
            None => field.note_rest(Resting {
                index,
                until: situation.now + PROBE_PATIENCE,
                reason: "probed",
                is_probed: true,
            }),
        }
    }
    Picked::None { rest: field.rest }
}

/// A candidate whose rest is over, until a probe has shown how it is.
struct HalfOpen {
    probe: Arc<Probe>,
    is_guess: bool,
}

/// Whether another round may ask one that has failed this request: it does not rest, or on nothing
/// but our guess.
pub(super) fn may_ask_again(candidates: &[Candidate], situation: &Situation<'_>) -> bool {
    candidates.iter().filter(|candidate| situation.has_failed(candidate)).any(|candidate| {
        let id = candidate.member.id;
        match situation.cooldowns.state(id, &candidate.upstream_model, situation.now) {
            CoolingState::Resting { is_guess, .. } => is_guess && !situation.has_substitute,
            CoolingState::HalfOpen { .. } | CoolingState::Ready => true,
        }
    })
}

/// The candidates that may be asked, and the one that may be soonest.
struct Field<'a> {
    candidates: &'a [Candidate],
    situation: &'a Situation<'a>,
    ready: Vec<(usize, Option<HalfOpen>)>,
    /// Those that nothing but our guess speaks against.
    last_resort: Vec<usize>,
    rest: Option<Resting>,
}

impl<'a> Field<'a> {
    fn new(candidates: &'a [Candidate], situation: &'a Situation<'a>) -> Self {
        let ready = Vec::with_capacity(candidates.len());
        let mut field = Self { candidates, situation, ready, last_resort: Vec::new(), rest: None };
        for (index, candidate) in candidates.iter().enumerate() {
            let id = candidate.member.id;
            match situation.cooldowns.state(id, &candidate.upstream_model, situation.now) {
                CoolingState::Resting { is_guess: true, .. } if !situation.has_substitute => {
                    if !situation.has_failed(candidate) {
                        field.last_resort.push(index);
                    }
                }
                CoolingState::Resting { until, class, .. } => {
                    let reason = class.as_str();
                    field.note_rest(Resting { index, until, reason, is_probed: false });
                }
                _ if situation.has_failed(candidate) => {}
                CoolingState::HalfOpen { probe, is_guess } => {
                    field.ready.push((index, Some(HalfOpen { probe, is_guess })));
                }
                CoolingState::Ready => field.ready.push((index, None)),
            }
        }
        field
    }

    fn note_rest(&mut self, resting: Resting) {
        if self.rest.as_ref().is_none_or(|known| resting.until < known.until) {
            self.rest = Some(resting);
        }
    }

    /// Takes the candidate to be asked out of the field.
    fn take_best(&mut self, turn: impl FnOnce() -> usize) -> Option<(usize, Option<HalfOpen>)> {
        if self.ready.is_empty() {
            self.ready.extend(self.last_resort.drain(..).map(|index| (index, None)));
        }
        let priority = |at: usize| self.candidates[self.ready[at].0].member.credential.priority;
        let top = (0..self.ready.len()).map(priority).max()?;
        let tier: Vec<usize> = (0..self.ready.len()).filter(|at| priority(*at) == top).collect();
        let is_bound = |at: &&usize| self.situation.is_bound(&self.candidates[self.ready[**at].0]);
        let at = match (tier.iter().find(is_bound), self.situation.strategy) {
            (Some(at), _) => *at,
            (None, Strategy::RoundRobin) if tier.len() > 1 => tier[turn() % tier.len()],
            (None, _) => tier[0],
        };
        Some(self.ready.remove(at))
    }
}

impl Situation<'_> {
    fn has_failed(&self, candidate: &Candidate) -> bool {
        self.failed.iter().any(|failed| is_seat(failed, candidate))
    }

    fn is_bound(&self, candidate: &Candidate) -> bool {
        self.bound.is_some_and(|bound| is_seat(bound, candidate))
    }
}

fn is_seat((id, model): &Seat, candidate: &Candidate) -> bool {
    *id == candidate.member.id && *model == candidate.upstream_model
}

#[cfg(test)]
mod tests;
