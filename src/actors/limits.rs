//! How much of its limits each client has used: the counts that [`crate::limits`] does its sums on.
//!
//! No actor stands behind this handle. A request waits for the verdict before anything else is done, and
//! two hops to another thread cost more than the verdict; a claim is settled when a body is dropped,
//! where nothing can be awaited. So the counts stand behind one lock, for as long as a handful of sums
//! takes, and only clients with limits come to it: the others are found to have none, and that is all.

#[cfg(test)]
mod tests;
mod together;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::together::{Turn, Waiting};
use super::clock::WallClock;
use super::state::SharedState;
use crate::config::{Client, ClientRules};
use crate::limits::{Account, Claim, Counts, Moment, Reserve, Settle, Used};
use crate::metrics::Metrics;
use crate::types::{ClientId, LimitReached, Ways};

/// What the rest of the gateway asks. A copy is cheap; the counts live as long as the process, and a
/// reload only brings other limits.
#[derive(Clone)]
pub struct Limits {
    /// Of those clients that have any.
    rules: Arc<HashMap<ClientId, ClientRules>>,
    ledger: Ledger,
    metrics: Metrics,
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limits")
    }
}

impl Limits {
    #[must_use]
    pub fn new(clients: &[Client], clock: WallClock, metrics: Metrics) -> Self {
        let ledger = Ledger { book: Arc::default(), clock, state: None };
        Self { rules: rules_of(clients), ledger, metrics }
    }

    /// Other rules over the same counts.
    #[must_use]
    pub fn reconfigured(&self, clients: &[Client]) -> Self {
        Self { rules: rules_of(clients), ..self.clone() }
    }

    /// What a client is kept to; `None` when it is kept to nothing.
    #[must_use]
    pub fn rules_of(&self, client: Option<&ClientId>) -> Option<&ClientRules> {
        self.rules.get(client?)
    }

    /// The ways that a client's calls may take.
    #[must_use]
    pub fn ways_of(&self, client: Option<&ClientId>) -> Ways {
        self.rules_of(client).map_or(Ways::ALL, |rules| rules.routes)
    }

    /// Lets a claim of the client in, or says which limit is reached. What was let in is held for as
    /// long as the admission lives.
    pub async fn admit(&self, client: &ClientId, claim: Claim) -> Result<Admission, LimitReached> {
        let limits = match self.rules.get(client) {
            Some(rules) if !rules.limits.is_none() => rules.limits,
            _ => return Ok(Admission::default()),
        };
        let client = client.clone();
        let reserve = Reserve { client, limits, claim, now: self.ledger.now() };
        let verdict = match self.ledger.admit_with_others(&reserve).await {
            Some(verdict) => verdict,
            None => self.ledger.reserve(&reserve).map(|()| self.ledger.holding(&reserve)),
        };
        verdict.inspect_err(|reached| self.metrics.limited(&reserve.client, reached.limit))
    }

    /// Counts together with other replicas from now on.
    #[must_use]
    pub fn sharing_through(self, state: SharedState) -> Self {
        Self { ledger: Ledger { state: Some(state), ..self.ledger }, ..self }
    }
}

fn rules_of(clients: &[Client]) -> Arc<HashMap<ClientId, ClientRules>> {
    let bound = clients.iter().filter(|client| !client.rules.allow_everything());
    Arc::new(bound.map(|client| (client.id.clone(), client.rules.clone())).collect())
}

/// The counts of this process. There are as many accounts as configured names.
#[derive(Clone)]
struct Ledger {
    book: Arc<Mutex<Book>>,
    clock: WallClock,
    /// `None`: there are no other replicas, or nothing is shared with them.
    state: Option<SharedState>,
}

#[derive(Default)]
struct Book {
    accounts: HashMap<ClientId, Account>,
    /// Whose claims are being asked about.
    turns: HashMap<ClientId, Turn>,
    /// Claims that are to be asked about, in their order.
    waiting: HashMap<ClientId, Vec<Waiting>>,
    /// How often counts were told.
    seq: u64,
}

impl Book {
    fn account(&mut self, client: &ClientId) -> &mut Account {
        self.accounts.entry(client.clone()).or_default()
    }

    fn counts(&mut self, client: &ClientId) -> Counts {
        self.seq += 1;
        let seq = self.seq;
        self.account(client).counts(seq)
    }
}

impl Ledger {
    fn now(&self) -> Moment {
        Moment::of(self.clock.now())
    }

    fn holding(&self, reserve: &Reserve) -> Admission {
        let Reserve { client, claim, now, .. } = reserve.clone();
        Admission(Some(Held { ledger: self.clone(), client, claim, reserved_at: now }))
    }

    fn reserve(&self, reserve: &Reserve) -> Result<(), LimitReached> {
        self.book().account(&reserve.client).reserve(reserve)?;
        self.tell(&reserve.client);
        Ok(())
    }

    fn settle(&self, settle: &Settle) {
        self.book().account(&settle.client).settle(settle);
        self.tell(&settle.client);
    }

    /// Tells other replicas what is counted now, some time soon.
    fn tell(&self, client: &ClientId) {
        if let Some(state) = self.state.as_ref().filter(|state| state.is_on()) {
            let counts = self.book().counts(client);
            state.counted(client, counts);
        }
    }

    /// Sums cannot panic, so a poisoned lock holds what it should.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A claim that was let in. Dropped, it is settled with nothing used; of a client without limits it
/// holds nothing.
#[derive(Default)]
#[must_use = "dropped, it gives back what it holds"]
pub struct Admission(Option<Held>);

struct Held {
    ledger: Ledger,
    client: ClientId,
    claim: Claim,
    reserved_at: Moment,
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Admission").field(&self.0.as_ref().map(|held| held.claim)).finish()
    }
}

impl Admission {
    /// What was claimed, if anything is held.
    #[must_use]
    pub fn claim(&self) -> Option<Claim> {
        self.0.as_ref().map(|held| held.claim)
    }

    /// Counts what was used in the place of what was claimed.
    pub fn settle(mut self, used: Used) {
        self.give_back(used);
    }

    fn give_back(&mut self, used: Used) {
        let Some(Held { ledger, client, claim, reserved_at }) = self.0.take() else { return };
        ledger.settle(&Settle { client, claim, reserved_at, used });
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.give_back(Used::default());
    }
}
