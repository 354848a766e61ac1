//! Which credentials rest, for which models, and until when.
//!
//! | class          | rest                                             |
//! | -------------- | ------------------------------------------------ |
//! | `Unauthorized` | 30 minutes                                       |
//! | `Forbidden`    | 30 minutes                                       |
//! | `Unpaid`       | 3 hours                                          |
//! | `ModelUnknown` | 12 hours                                         |
//! | `Unavailable`  | 1 minute                                         |
//! | `Limited`      | the provider's hint, else the backoff            |
//! | `Challenge`    | the backoff, 10 seconds or more                  |
//!
//! The backoff is a second, doubled with every rest in a row up to 30 minutes, and up to a quarter
//! more by chance, so that many gateways do not come back in one moment. A hint is the least a
//! credential rests, whatever the class; no failure brings the end of a rest nearer.
//!
//! After its rest a credential is *half-open*: one request probes it, the others go elsewhere
//! until its outcome is known. A failed probe rests again, a good answer forgets everything.
//!
//! Pure state: what an answer means is judged in `crate::dialect`, time and chance come from the
//! caller, and who is asked instead is the table's business. Callers name models as the provider
//! does, without a thinking suffix, so that `m(high)` and `m` are one.

mod listed;
mod probe;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use listed::ListedRest;
pub use probe::{Probe, ProbeLease};

use crate::dialect::{Scope, Trouble, TroubleClass};
use crate::types::ModelName;

/// Models at rest in the whole process. Clients choose the names of models, so something must
/// bound them; the credentials themselves are bounded by the configuration.
const MAX_MODELS: usize = 4096;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30 * 60);
/// Challenges look at the pace of requests; a second later the next one comes for sure.
const SHORTEST_CHALLENGE: Duration = Duration::from_secs(10);

/// No hint is longer (`crate::dialect` sees to it), and no clock runs over by adding it.
const LONGEST_REST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The most that chance adds.
const JITTER: f64 = 0.25;
/// Chance adds no more than this to a hint: a quarter of a week would be a day and a half.
const MOST_ON_A_HINT: Duration = Duration::from_secs(10);

/// What is past its rest is remembered ten times as long as it rested, so that a limit which comes
/// back soon finds its level, and this long at least.
const REMEMBERED_TIMES: u32 = 10;
const REMEMBERED_AT_LEAST: Duration = Duration::from_secs(10 * 60);

/// A credential in the pool, over reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(pub u32);

/// The rest of every credential. Empty while nothing fails, and cheap to clone then.
#[derive(Clone, Debug, Default)]
pub struct Cooldowns {
    members: HashMap<MemberId, Member>,
}

#[derive(Clone, Debug, Default)]
struct Member {
    whole: Option<Entry>,
    /// By name in lower case.
    models: HashMap<String, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    class: TroubleClass,
    began: Instant,
    until: Instant,
    /// The provider itself said for how long.
    was_told: bool,
    /// How many backoffs there were in a row.
    level: u32,
    probe: Arc<Probe>,
}

/// A rest that has begun or become longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    pub scope: Scope,
    pub class: TroubleClass,
    pub until: Instant,
    /// How many backoffs there were in a row.
    pub level: u32,
}

/// Whether a credential may be asked for a model.
#[derive(Clone, Debug)]
pub enum CoolingState {
    Ready,
    Resting {
        until: Instant,
        class: TroubleClass,
        /// Nobody said that it may not be asked: the provider was not well, and how long that lasts
        /// is our own guess. Better asked than nobody.
        is_guess: bool,
    },
    /// Its rest is over, and nobody knows yet whether that helped: whoever claims the probe asks.
    HalfOpen {
        probe: Arc<Probe>,
        is_guess: bool,
    },
}

impl Cooldowns {
    /// Notes that an attempt sent at `sent_at` failed; `None` when that changes nothing. `jitter`
    /// is a number from 0 to 1, by chance.
    ///
    /// A window escalates once: whoever was sent before the rest was over met the same limit as the
    /// one who began it, and can only make it longer by a longer hint.
    pub fn fail(
        &mut self,
        member: MemberId,
        model: &ModelName,
        trouble: &Trouble,
        sent_at: Instant,
        now: Instant,
        jitter: f64,
    ) -> Option<Rest> {
        let name = folded(model);
        if let Some(entry) = self.entry_mut(member, &name, trouble.scope) {
            // Whoever is asked while it rests on a guess meets something new.
            let is_news = entry.is_guess() && trouble.class != TroubleClass::Unavailable;
            let changed = if sent_at < entry.until && !is_news {
                entry.lengthen(trouble, now)
            } else {
                entry.rest_again(trouble, now, jitter)
            };
            return changed.then(|| entry.as_rest(trouble.scope));
        }
        if trouble.scope == Scope::Model && !self.has_room(now) {
            return None;
        }
        let entry = Entry::new(trouble, now, jitter);
        let rest = entry.as_rest(trouble.scope);
        let member = self.members.entry(member).or_default();
        match trouble.scope {
            Scope::Credential => member.whole = Some(entry),
            Scope::Model => {
                member.models.insert(name, entry);
            }
        }
        Some(rest)
    }

    /// Notes a good answer to an attempt sent at `sent_at`; says whether anything was forgotten.
    ///
    /// An attempt older than a rest knows nothing of its cause, so it ends none: with many
    /// requests at once, the last good answers arrive behind the first 429.
    pub fn succeed(&mut self, member: MemberId, model: &ModelName, sent_at: Instant) -> bool {
        let Some(state) = self.members.get_mut(&member) else { return false };
        let is_over = |entry: &mut Entry| sent_at >= entry.began;
        let whole = state.whole.take_if(is_over).is_some();
        let name = folded(model);
        let of_model = state.models.get_mut(&name).is_some_and(is_over);
        if of_model {
            state.models.remove(&name);
        }
        if state.is_empty() {
            self.members.remove(&member);
        }
        whole || of_model
    }

    #[must_use]
    pub fn state(&self, member: MemberId, model: &ModelName, now: Instant) -> CoolingState {
        let Some(state) = self.members.get(&member) else { return CoolingState::Ready };
        let of_model = match state.models.len() {
            0 => None,
            _ => state.models.get(&folded(model)),
        };
        let entries = || [state.whole.as_ref(), of_model].into_iter().flatten();
        let resting = entries().filter(|entry| now < entry.until).max_by_key(|entry| entry.until);
        if let Some(&Entry { until, class, .. }) = resting {
            let is_guess = entries().filter(|entry| now < entry.until).all(Entry::is_guess);
            return CoolingState::Resting { until, class, is_guess };
        }
        // The probe of the whole credential is the model's as well: one answer tells of both.
        match entries().next() {
            Some(entry) => CoolingState::HalfOpen {
                probe: entry.probe.clone(),
                is_guess: entries().all(Entry::is_guess),
            },
            None => CoolingState::Ready,
        }
    }

    /// Forgets what has been over for so long that its level means nothing any more.
    pub fn forget_expired(&mut self, now: Instant) {
        self.members.retain(|_, member| {
            member.whole.take_if(|entry| entry.is_forgotten(now));
            member.models.retain(|_, entry| !entry.is_forgotten(now));
            !member.is_empty()
        });
    }

    /// Keeps the members that are still configured.
    pub fn retain(&mut self, is_kept: impl Fn(MemberId) -> bool) {
        self.members.retain(|&member, _| is_kept(member));
    }

    fn entry_mut(&mut self, member: MemberId, name: &str, scope: Scope) -> Option<&mut Entry> {
        let member = self.members.get_mut(&member)?;
        match scope {
            Scope::Credential => member.whole.as_mut(),
            Scope::Model => member.models.get_mut(name),
        }
    }

    /// Whether one more model may rest, if need be in the place of another.
    ///
    /// What is over goes first, the oldest before others. Then a model that a credential does not
    /// have: a client that makes up names fills the table with those, and to have forgotten one
    /// costs a single 404. A limit never makes room, for each of those is real.
    fn has_room(&mut self, now: Instant) -> bool {
        let count: usize = self.members.values().map(|member| member.models.len()).sum();
        if count < MAX_MODELS {
            return true;
        }
        let all = self.members.iter().flat_map(|(&member, state)| {
            state.models.iter().map(move |(name, entry)| (member, name, entry))
        });
        let may_go =
            |entry: &Entry| entry.until <= now || entry.class == TroubleClass::ModelUnknown;
        let goes = all.filter(|(.., entry)| may_go(entry)).min_by_key(|(.., entry)| entry.until);
        let Some((member, name)) = goes.map(|(member, name, _)| (member, name.clone())) else {
            return false;
        };
        if let Some(state) = self.members.get_mut(&member) {
            state.models.remove(&name);
            if state.is_empty() {
                self.members.remove(&member);
            }
        }
        true
    }
}

impl Member {
    fn is_empty(&self) -> bool {
        self.whole.is_none() && self.models.is_empty()
    }
}

impl Entry {
    fn new(trouble: &Trouble, now: Instant, jitter: f64) -> Self {
        let probe = Arc::new(Probe::new(now));
        let (class, was_told) = (trouble.class, false);
        let mut entry = Self { class, began: now, until: now, was_told, level: 0, probe };
        entry.rest_again(trouble, now, jitter);
        entry
    }

    fn rest_again(&mut self, trouble: &Trouble, now: Instant, jitter: f64) -> bool {
        let rest = rest_of(trouble, self.level, jitter);
        self.class = trouble.class;
        self.was_told = trouble.wait.is_some();
        self.began = now;
        self.until = self.until.max(later(now, rest));
        self.level = self.level.saturating_add(u32::from(backs_off(trouble.class)));
        self.probe = Arc::new(Probe::new(now)); // a lease of the old one has no say in the new
        true
    }

    fn lengthen(&mut self, trouble: &Trouble, now: Instant) -> bool {
        let Some(hint) = trouble.wait else { return false };
        let until = later(now, hint);
        let is_longer = until > self.until;
        if is_longer {
            self.until = until;
            self.was_told = true;
            self.class = trouble.class;
        }
        is_longer
    }

    fn as_rest(&self, scope: Scope) -> Rest {
        Rest { scope, class: self.class, until: self.until, level: self.level }
    }

    fn is_guess(&self) -> bool {
        self.class == TroubleClass::Unavailable && !self.was_told
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        let rested = self.until.saturating_duration_since(self.began);
        let remembered = rested.saturating_mul(REMEMBERED_TIMES).max(REMEMBERED_AT_LEAST);
        now.saturating_duration_since(self.until) >= remembered
    }
}

const fn backs_off(class: TroubleClass) -> bool {
    matches!(class, TroubleClass::Limited | TroubleClass::Challenge)
}

fn rest_of(trouble: &Trouble, level: u32, jitter: f64) -> Duration {
    let hint = trouble.wait.unwrap_or_default();
    // A number that is none must not stop the gateway.
    let chance = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
    let more = |rest: Duration| rest.mul_f64(chance * JITTER);
    let backoff = || {
        let doubled = 1_u32.checked_shl(level).unwrap_or(u32::MAX);
        let backoff = FIRST_BACKOFF.saturating_mul(doubled).min(LONGEST_BACKOFF);
        backoff + more(backoff)
    };
    let own = match trouble.class {
        TroubleClass::Unauthorized | TroubleClass::Forbidden => 30 * MINUTE,
        TroubleClass::Unpaid => 3 * HOUR,
        TroubleClass::ModelUnknown => 12 * HOUR,
        // A provider that says for how long is taken at its word.
        TroubleClass::Limited | TroubleClass::Unavailable if trouble.wait.is_some() => {
            Duration::ZERO
        }
        TroubleClass::Unavailable => MINUTE,
        TroubleClass::Challenge => backoff().max(SHORTEST_CHALLENGE),
        TroubleClass::Limited => backoff(),
    };
    own.max(hint.saturating_add(more(hint).min(MOST_ON_A_HINT)))
}

fn later(now: Instant, rest: Duration) -> Instant {
    now + rest.min(LONGEST_REST)
}

/// Providers do not tell upper from lower case in a model's name.
fn folded(model: &ModelName) -> String {
    model.as_str().to_ascii_lowercase()
}
