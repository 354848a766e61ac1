//! What replicas of the gateway share, through a server that speaks Redis' protocol.
//!
//! | shared         | how                                                                  |
//! | -------------- | -------------------------------------------------------------------- |
//! | rests          | told at once, kept until they are over, read by whoever connects     |
//! | conversations  | the same: every replica knows where each of them is                  |
//! | limits         | asked, in one step over all replicas, by who has limits and no longer than a deadline |
//! | sums           | told each second, for the status page                                |
//! | locks          | asked for by who refreshes a token, while no request waits or a token is missing |
//!
//! No request waits for anything else. A replica goes by its own view, which news of the others change
//! as if they were its own; while the server is gone it remembers what it has to tell. What is told
//! names no key and no word of a conversation: accounts and sessions are hashes
//! (docs/decisions/0012-shared-state.md).

mod actor;
mod again;
mod claims;
mod connection;
mod keys;
mod lock;
mod names;
mod news;
mod outbox;
mod replicas;
mod scripts;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Actor as _, Addr, Message, Recipient};
use arc_swap::{ArcSwap, ArcSwapOption};

pub use claims::Claimed;
pub use connection::StatePlan;
pub use lock::{SharedLock, Turn};
pub use names::{AccountName, ReplicaId};
pub use news::{News, SharedBinding, SharedRest, SharedSuccess};
pub use replicas::Replica;

use self::actor::{Attach, Leave, Reconfigure, SharedStateActor, Tell};
use self::again::TellAgain;
use self::claims::Counter;
use super::clock::Clock;
use crate::metrics::Metrics;

/// How long the end of the process waits for the last word: an actor that is busy, and its server.
const LEAVING: Duration = Duration::from_secs(2);

/// What the actor tells whoever owns the replica's own view.
#[derive(Message, Clone, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub enum Heard {
    /// What others have found out.
    News(Vec<News>),
    /// The server is there, perhaps again, and may have forgotten: it is to be told what rests.
    Connected,
}

/// What the rest of the gateway holds instead of the actor's address. Lives over reloads.
#[derive(Clone)]
pub struct SharedState(Arc<Parts>);

struct Parts {
    published: Arc<Published>,
    actor: Addr<SharedStateActor>,
}

/// What others read without a hop.
#[derive(Default)]
struct Published {
    /// Whether anything is shared at all.
    is_on: AtomicBool,
    /// Present while the server answers in time.
    counter: ArcSwapOption<Counter>,
    replicas: ArcSwap<Vec<Replica>>,
}

impl fmt::Debug for SharedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedState")
    }
}

impl SharedState {
    /// Starts the actor on the current arbiter. It connects by itself, now and whenever it has to.
    #[must_use]
    pub fn start(plan: Option<StatePlan>, metrics: Metrics, clock: Clock) -> Self {
        let published = Arc::new(Published::default());
        published.is_on.store(plan.is_some(), Ordering::Relaxed);
        let actor = SharedStateActor::new(plan, published.clone(), metrics, clock).start();
        Self(Arc::new(Parts { published, actor }))
    }

    /// Takes another server, or none; what is known stays.
    pub fn reconfigure(&self, plan: Option<StatePlan>) {
        self.0.published.is_on.store(plan.is_some(), Ordering::Relaxed);
        self.0.actor.do_send(Reconfigure(plan));
    }

    /// Names who is to hear what others tell.
    pub fn attach(&self, listener: Recipient<Heard>) {
        self.0.actor.do_send(Attach(listener));
    }

    /// Asks to be told once more what is known: the listener knows accounts that it did not know.
    pub fn tell_again(&self) {
        if self.is_on() {
            self.0.actor.do_send(TellAgain);
        }
    }

    /// Tells the others, some time soon. Costs nothing where nothing is shared.
    pub fn tell(&self, news: News) {
        if self.is_on() {
            self.0.actor.do_send(Tell(news));
        }
    }

    /// Tells what waits, and takes leave of the others: this replica holds no place any more. For the end
    /// of the process, after its last request. Takes no longer than some two seconds.
    pub async fn leave(&self) {
        self.0.published.is_on.store(false, Ordering::Relaxed);
        let left = self.0.actor.send(Leave);
        if tokio::time::timeout(LEAVING, left).await.is_err() {
            tracing::warn!("left without a word to the other replicas");
        }
    }

    /// Whether anything is shared, be the server there or not.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.published.is_on.load(Ordering::Relaxed)
    }

    /// Whether the server answers in time.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.0.published.counter.load().is_some()
    }

    /// Every replica that shares with this one, itself among them, as they told last; empty where
    /// nothing is shared.
    #[must_use]
    pub fn replicas(&self) -> Arc<Vec<Replica>> {
        self.0.published.replicas.load_full()
    }
}
