//! Which credential a conversation is with.
//!
//! Prompt caches live with one account, so a conversation that changes accounts pays its whole
//! history again. Readers look a conversation up without a hop; only the actor binds one. Bounded by
//! count, and by time: a conversation that has been silent for longer than the configured time may go
//! anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use super::pick::Seat;
use crate::dialect::SessionKey;
use crate::types::ModelName;

/// A conversation costs some 200 bytes here; beyond this many the least used are forgotten.
const MAX_CONVERSATIONS: u64 = 50_000;

/// The longest time that the configuration allows: after it a binding is no use to anybody.
const LONGEST_IDLE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A session as far as one model is concerned: titles and turns of a thread use different models.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Conversation {
    pub session: SessionKey,
    pub model: ModelName,
}

/// Where a conversation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub seat: Seat,
    /// It was bound so long ago that other replicas would soon forget it: to be bound again.
    pub is_due: bool,
}

#[derive(Debug)]
struct Binding {
    seat: Seat,
    /// Milliseconds since `Affinity::began`.
    bound_at: u64,
    /// The same.
    used_at: AtomicU64,
}

/// How often in its time a conversation that goes on is bound again. Replicas hear of that, and not of
/// each use.
const BOUND_AGAIN: u32 = 4;

/// Every conversation that is bound.
#[derive(Debug)]
pub(super) struct Affinity {
    began: Instant,
    bindings: Cache<Conversation, Arc<Binding>>,
}

impl Affinity {
    pub fn new(began: Instant) -> Self {
        let bindings =
            Cache::builder().max_capacity(MAX_CONVERSATIONS).time_to_idle(LONGEST_IDLE).build();
        Self { began, bindings }
    }

    /// Where a conversation is. Asking counts as using it: the time begins anew.
    pub fn find(&self, of: &Conversation, ttl: Duration, now: Instant) -> Option<Bound> {
        let binding = self.bindings.get(of)?;
        let now = self.millis(now);
        let used_at = binding.used_at.swap(now, Ordering::Relaxed);
        let since = |then: u64| Duration::from_millis(now.saturating_sub(then));
        let is_due = since(binding.bound_at) >= ttl / BOUND_AGAIN;
        (since(used_at) < ttl).then(|| Bound { seat: binding.seat.clone(), is_due })
    }

    pub fn bind(&self, conversation: Conversation, seat: Seat, now: Instant) {
        let bound_at = self.millis(now);
        let used_at = AtomicU64::new(bound_at);
        self.bindings.insert(conversation, Arc::new(Binding { seat, bound_at, used_at }));
    }

    /// Takes over where another replica has last used a conversation, unless it was here since.
    pub fn learn(&self, conversation: Conversation, seat: Seat, used_at: Instant) {
        let told = self.millis(used_at);
        let known = self.bindings.get(&conversation);
        if known.is_none_or(|known| known.used_at.load(Ordering::Relaxed) <= told) {
            self.bind(conversation, seat, used_at);
        }
    }

    fn millis(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.began).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }

    #[cfg(test)]
    fn count(&self) -> u64 {
        self.bindings.run_pending_tasks();
        self.bindings.entry_count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::router::cooldown::MemberId;
    use crate::types::Dialect;

    const TTL: Duration = Duration::from_secs(60);

    fn conversation(session: &str, model: &str) -> Conversation {
        let mut fields = actix_web::http::header::HeaderMap::new();
        let name = actix_web::http::header::HeaderName::from_static("x-session-id");
        fields.insert(name, session.parse().unwrap());
        let session = crate::dialect::session_key(&fields, Dialect::Anthropic, b"{}").unwrap();
        Conversation { session, model: ModelName::parse(model).unwrap() }
    }

    fn seat_of(bound: Option<Bound>) -> Option<Seat> {
        bound.map(|bound| bound.seat)
    }

    fn seat(id: u32) -> Seat {
        (MemberId(id), ModelName::parse("m").unwrap())
    }

    #[test]
    fn a_conversation_stays_until_it_has_been_silent_for_too_long() {
        let start = Instant::now();
        let affinity = Affinity::new(start);
        let here = conversation("s", "m");
        affinity.bind(here.clone(), seat(1), start);
        let at = |seconds| seat_of(affinity.find(&here, TTL, start + Duration::from_secs(seconds)));

        assert_eq!(at(59), Some(seat(1)), "within its time");
        assert_eq!(at(110), Some(seat(1)), "each use begins the time anew");
        assert_eq!(at(171), None, "silent for more than a minute");
        assert_eq!(affinity.find(&conversation("t", "m"), TTL, start), None, "another session");
        assert_eq!(affinity.find(&conversation("s", "n"), TTL, start), None, "another model");
    }

    #[test]
    fn a_conversation_that_goes_on_is_bound_again_before_others_forget_it() {
        let start = Instant::now();
        let affinity = Affinity::new(start);
        let here = conversation("s", "m");
        affinity.bind(here.clone(), seat(1), start);
        let is_due = |seconds| {
            let now = start + Duration::from_secs(seconds);
            affinity.find(&here, TTL, now).unwrap().is_due
        };

        assert!(!is_due(14));
        assert!(is_due(15), "a quarter of its time");
        affinity.bind(here.clone(), seat(1), start + Duration::from_secs(15));
        assert!(!is_due(29));
    }

    #[test]
    fn what_others_tell_of_a_conversation_counts_unless_it_was_here_since() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let affinity = Affinity::new(start);
        let here = conversation("s", "m");
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // told, used there, where it is then, why
            (seat(1), 10, seat(1), "nobody knew of it"),
            (seat(2), 20, seat(2), "it was used there later"),
            (seat(3), 15, seat(2), "it was used here since"),
        ];
        for (told, used_at, expected, why) in cases {
            affinity.learn(here.clone(), told, at(used_at));
            let bound = affinity.bindings.get(&here).map(|binding| binding.seat.clone());
            assert_eq!(bound, Some(expected), "{why}");
        }
    }

    #[test]
    fn memory_is_bounded_however_many_conversations_there_are() {
        let start = Instant::now();
        let affinity = Affinity::new(start);
        let one = conversation("s", "m");
        for number in 0..MAX_CONVERSATIONS + 10_000 {
            let model = ModelName::parse(&format!("m-{number}")).unwrap();
            affinity.bind(Conversation { model, ..one.clone() }, seat(1), start);
        }
        assert!(affinity.count() <= MAX_CONVERSATIONS, "{}", affinity.count());
    }
}
