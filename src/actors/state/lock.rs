//! A lock over all replicas: one at a time, and never for ever.
//!
//! The server forgets a lock after a while, so that a replica that dies holds up nobody. Whoever holds
//! one may so have lost it without being told: it keeps others from doing the same work at once, and
//! what must not happen twice has to be looked at again under it.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::claims::Counter;
use super::connection::{PATIENCE, StateError, within};
use super::{SharedState, scripts};

/// Between two tries.
const POLL: Duration = Duration::from_millis(100);

/// How long a replica that has just started waits for its connection.
const CONNECTING: Duration = Duration::from_secs(2);

/// What came of asking for a lock.
#[derive(Debug)]
pub enum Turn {
    /// Nothing is shared, so there is nobody else.
    Alone,
    Mine(SharedLock),
    /// Another replica had it all the time.
    Others,
    /// The server does not answer; whether anybody has it is not known.
    Unknown,
}

/// A lock that this replica has.
pub struct SharedLock {
    counter: std::sync::Arc<Counter>,
    key: String,
    /// By chance, so that nobody lets go of another's lock.
    value: String,
}

impl std::fmt::Debug for SharedLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedLock").field("key", &self.key).finish_non_exhaustive()
    }
}

impl SharedState {
    /// Asks for the lock called `name`, for `patience` at most. The server forgets it after `kept`.
    pub async fn lock(&self, name: &str, kept: Duration, patience: Duration) -> Turn {
        if !self.is_on() {
            return Turn::Alone;
        }
        let begun = Instant::now();
        while !self.is_up() && begun.elapsed() < CONNECTING {
            tokio::time::sleep(POLL).await;
        }
        let Some(counter) = self.0.published.counter.load_full() else { return Turn::Unknown };
        let lock =
            SharedLock { key: counter.keys.lock(name), value: Uuid::new_v4().to_string(), counter };
        loop {
            match lock.take(kept).await {
                Ok(true) => return Turn::Mine(lock),
                Ok(false) if begun.elapsed() >= patience => return Turn::Others,
                Ok(false) => tokio::time::sleep(POLL).await,
                // It may have been taken all the same; then nobody has it until it is forgotten.
                Err(_) => return Turn::Unknown,
            }
        }
    }
}

impl SharedLock {
    async fn take(&self, kept: Duration) -> Result<bool, StateError> {
        let kept = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
        let mut command = redis::cmd("SET");
        command.arg(&self.key).arg(&self.value).arg("NX").arg("PX").arg(kept);
        let mut commands = self.counter.commands.clone();
        let set: Option<String> = within(PATIENCE, command.query_async(&mut commands)).await?;
        Ok(set.is_some())
    }

    /// Lets go. In vain where the server is away; then it forgets the lock by itself.
    pub async fn release(self) {
        let mut call = scripts::UNLOCK.prepare_invoke();
        call.key(&self.key).arg(&self.value);
        let mut commands = self.counter.commands.clone();
        let released: Result<u64, StateError> =
            within(PATIENCE, call.invoke_async(&mut commands)).await;
        if let Err(error) = released {
            tracing::debug!(%error, "a shared lock is left to its time");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::clock::Clock;
    use crate::actors::state::testing::{TestRedis, eventually};
    use crate::metrics::Metrics;

    const KEPT: Duration = Duration::from_secs(60);
    const AT_ONCE: Duration = Duration::ZERO;

    async fn replica(redis: &TestRedis, name: &str) -> SharedState {
        let plan = Some(redis.plan(name));
        let state = SharedState::start(plan, Metrics::default(), Clock::system());
        eventually("it is connected", async || state.is_up()).await;
        state
    }

    #[actix_web::test]
    async fn who_shares_nothing_is_alone() {
        let state = SharedState::start(None, Metrics::default(), Clock::system());

        assert!(matches!(state.lock("a", KEPT, AT_ONCE).await, Turn::Alone));
    }

    #[actix_web::test]
    #[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
    async fn one_replica_at_a_time_has_a_lock() {
        let redis = TestRedis::start().await;
        let (one, other) = (replica(&redis, "one").await, replica(&redis, "other").await);
        let Turn::Mine(lock) = one.lock("a", KEPT, AT_ONCE).await else { panic!("it is free") };

        assert!(matches!(other.lock("a", KEPT, AT_ONCE).await, Turn::Others));
        assert!(matches!(other.lock("b", KEPT, AT_ONCE).await, Turn::Mine(_)), "another lock");
        lock.release().await;

        assert!(matches!(other.lock("a", KEPT, AT_ONCE).await, Turn::Mine(_)));
    }

    #[actix_web::test]
    #[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
    async fn who_is_late_lets_go_of_no_lock_of_anothers() {
        let redis = TestRedis::start().await;
        let (one, other) = (replica(&redis, "one").await, replica(&redis, "other").await);
        let Turn::Mine(late) = one.lock("a", KEPT, AT_ONCE).await else { panic!("it is free") };
        redis.run(&["DEL", &late.key]); // as when its time is up
        let Turn::Mine(_lock) = other.lock("a", KEPT, AT_ONCE).await else { panic!("it is free") };

        late.release().await;

        assert!(matches!(one.lock("a", KEPT, AT_ONCE).await, Turn::Others));
    }

    #[actix_web::test]
    #[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
    async fn a_lock_is_forgotten_with_its_time_and_asked_for_in_vain_while_the_server_is_away() {
        let redis = TestRedis::start().await;
        let state = replica(&redis, "one").await;
        let Turn::Mine(lock) = state.lock("a", KEPT, AT_ONCE).await else { panic!("it is free") };
        let left: i64 = redis.run(&["PTTL", &lock.key]).trim().parse().unwrap();
        assert!(left > 0 && left <= 60_000, "{left}");

        redis.freeze();

        assert!(matches!(state.lock("b", KEPT, AT_ONCE).await, Turn::Unknown));
        redis.thaw();
    }
}
