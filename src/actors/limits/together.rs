//! Claims that other replicas are asked about: all of a client's that wait, at once.
//!
//! One question at a time, for claims that are still asked about would keep each other out. Whoever has
//! the turn asks for everybody who waits by then, so that a server that is slow and in time makes nobody
//! wait for more than a few of its answers, however many come. Where not all of them have room together,
//! those that have it by what the answer told of the others are asked about once more.

use std::sync::Arc;

use tokio::sync::oneshot::{self, Receiver, Sender};

use super::{Admission, Book, Ledger};
use crate::actors::state::{Claimed, SharedState};
use crate::limits::{Claim, Counts, Reserve, SharedClaim};
use crate::types::{ClientId, Filling, Limit, LimitReached};

/// How often those are asked about again that should have had room: others may have taken it meanwhile.
const MOST_QUESTIONS: usize = 4;

/// Held across an await, and given up by a caller that leaves.
pub(super) type Turn = Arc<tokio::sync::Mutex<()>>;

/// What becomes of a claim; `None` when nobody can be asked in time.
type Answer = Option<Result<Claiming, LimitReached>>;

/// A claim that is to be asked about, and who waits for the answer.
pub(super) struct Waiting {
    reserve: Reserve,
    answer: Sender<Answer>,
}

impl Book {
    fn turn(&mut self, client: &ClientId) -> Turn {
        self.turns.entry(client.clone()).or_default().clone()
    }

    fn wait(&mut self, reserve: &Reserve) -> Receiver<Answer> {
        let (answer, told) = oneshot::channel();
        let waiting = self.waiting.entry(reserve.client.clone()).or_default();
        waiting.push(Waiting { reserve: reserve.clone(), answer });
        told
    }

    /// Everybody who waits, but for those who have left.
    fn take_waiting(&mut self, client: &ClientId) -> Vec<Waiting> {
        let mut waiting = self.waiting.remove(client).unwrap_or_default();
        waiting.retain(|waiting| !waiting.answer.is_closed());
        waiting
    }
}

impl Ledger {
    /// The verdict by the counts of all replicas; `None` when nobody can be asked in time.
    pub(super) async fn admit_with_others(
        &self,
        reserve: &Reserve,
    ) -> Option<Result<Admission, LimitReached>> {
        let state = self.state.as_ref()?;
        let client = &reserve.client;
        if !state.is_up() {
            self.book().account(client).lose_others();
            return None;
        }
        let turn = self.book().turn(client);
        let mut answer = self.book().wait(reserve);
        loop {
            tokio::select! {
                biased;
                told = &mut answer => match told {
                    Ok(told) => return told.map(|verdict| verdict.map(Claiming::let_in)),
                    // Who has asked for all has left, and it is as if nobody had.
                    Err(_left) => answer = self.book().wait(reserve),
                },
                _turn = turn.lock() => self.ask_for_all(state, client).await,
            }
        }
    }

    /// Asks about all claims that wait. Dropped meanwhile, none of them was made.
    async fn ask_for_all(&self, state: &SharedState, client: &ClientId) {
        let mut waiting = self.book().take_waiting(client);
        // They may have waited beyond the end of a minute.
        let now = self.now();
        for one in &mut waiting {
            one.reserve.now = now;
        }
        for question in 1.. {
            let Some(claim) = SharedClaim::of_all(waiting.iter().map(|one| &one.reserve)) else {
                return;
            };
            let (claiming, counts) = Claiming::begin(self, client, &waiting);
            let Some(Claimed { is_let_in, others }) = state.claim(client, &counts, &claim).await
            else {
                drop(claiming);
                self.book().account(client).lose_others();
                for one in waiting {
                    drop(one.answer.send(None));
                }
                return;
            };
            self.book().account(client).hear_of(&others, now);
            if is_let_in {
                for (one, claiming) in waiting.into_iter().zip(claiming) {
                    // Dropped where nobody waits any more: then it was never made.
                    drop(one.answer.send(Some(Ok(claiming))));
                }
                return;
            }
            drop(claiming);
            let is_last = waiting.len() == 1 || question == MOST_QUESTIONS;
            waiting = self.refuse_some(client, waiting, is_last);
        }
    }

    /// Refuses the claims that have no room behind those before them, by what is known now; all of them
    /// when they are not to be asked about again, and returns the others.
    fn refuse_some(&self, client: &ClientId, waiting: Vec<Waiting>, all: bool) -> Vec<Waiting> {
        let mut account = self.book().account(client).clone();
        let mut left = Vec::new();
        for one in waiting {
            let reached = match account.room(&one.reserve) {
                Ok(()) if !all => {
                    account.take(&one.reserve);
                    left.push(one);
                    continue;
                }
                // What left no room has ended since: nothing more is known than that it was so.
                Ok(()) => LimitReached {
                    limit: first_limit(&one.reserve),
                    filling: Filling::UnderWay,
                    seconds: 1,
                },
                Err(reached) => reached,
            };
            drop(one.answer.send(Some(Err(reached))));
        }
        left
    }
}

/// A claim that others are asked about. Dropped, it was never made, be it refused or its client gone.
struct Claiming {
    ledger: Ledger,
    reserve: Reserve,
    is_open: bool,
}

impl Claiming {
    /// Takes what all of a client's claims claim, and says what is counted with it.
    fn begin(ledger: &Ledger, client: &ClientId, waiting: &[Waiting]) -> (Vec<Self>, Counts) {
        let mut book = ledger.book();
        let account = book.account(client);
        for one in waiting {
            account.take(&one.reserve);
        }
        let counts = book.counts(client);
        let claiming = waiting.iter().map(|one| {
            let (ledger, reserve) = (ledger.clone(), one.reserve.clone());
            Self { ledger, reserve, is_open: true }
        });
        (claiming.collect(), counts)
    }

    fn let_in(mut self) -> Admission {
        self.is_open = false;
        self.ledger.holding(&self.reserve)
    }
}

impl Drop for Claiming {
    fn drop(&mut self) {
        if self.is_open {
            self.ledger.book().account(&self.reserve.client).untake(&self.reserve);
            // Whatever was told meanwhile had the claim in it, and a late answer may have let it in.
            self.ledger.tell(&self.reserve.client);
        }
    }
}

/// One of the limits that a claim has to keep to.
fn first_limit(reserve: &Reserve) -> Limit {
    let limits = &reserve.limits;
    let of_request = || {
        let places = limits.concurrent_requests.map(Limit::ConcurrentRequests);
        places.or(limits.requests_per_minute.map(Limit::RequestsPerMinute))
    };
    let of_usage = || {
        let tokens = limits.tokens_per_day.map(Limit::TokensPerDay);
        tokens.or(limits.money_per_month.map(Limit::MoneyPerMonth))
    };
    let limit = if reserve.claim == Claim::Request { of_request() } else { of_usage() };
    limit.unwrap_or(Limit::ConcurrentRequests(0))
}
