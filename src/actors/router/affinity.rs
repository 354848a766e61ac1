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

#[derive(Debug)]
struct Binding {
    seat: Seat,
    /// Milliseconds since `Affinity::began`.
    used_at: AtomicU64,
}

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
    pub fn seat(&self, of: &Conversation, ttl: Duration, now: Instant) -> Option<Seat> {
        let binding = self.bindings.get(of)?;
        let now = self.millis(now);
        let used_at = binding.used_at.swap(now, Ordering::Relaxed);
        let idle = Duration::from_millis(now.saturating_sub(used_at));
        (idle < ttl).then(|| binding.seat.clone())
    }

    pub fn bind(&self, conversation: Conversation, seat: Seat, now: Instant) {
        let used_at = AtomicU64::new(self.millis(now));
        self.bindings.insert(conversation, Arc::new(Binding { seat, used_at }));
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

    fn seat(id: u32) -> Seat {
        (MemberId(id), ModelName::parse("m").unwrap())
    }

    #[test]
    fn a_conversation_stays_until_it_has_been_silent_for_too_long() {
        let start = Instant::now();
        let affinity = Affinity::new(start);
        let here = conversation("s", "m");
        affinity.bind(here.clone(), seat(1), start);
        let at = |seconds| affinity.seat(&here, TTL, start + Duration::from_secs(seconds));

        assert_eq!(at(59), Some(seat(1)), "within its time");
        assert_eq!(at(110), Some(seat(1)), "each use begins the time anew");
        assert_eq!(at(171), None, "silent for more than a minute");
        assert_eq!(affinity.seat(&conversation("t", "m"), TTL, start), None, "another session");
        assert_eq!(affinity.seat(&conversation("s", "n"), TTL, start), None, "another model");
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
