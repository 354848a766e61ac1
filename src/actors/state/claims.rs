//! Limits over all replicas: the one thing that a request asks.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;

use super::actor::{Count, Suspect};
use super::connection::{StateError, within};
use super::keys::Keys;
use super::replicas::FORGOTTEN_AFTER;
use super::{SharedState, scripts};
use crate::limits::{Counts, Others, SharedClaim};
use crate::types::ClientId;

/// What is asked through, while the server answers in time.
pub struct Counter {
    pub commands: MultiplexedConnection,
    pub keys: Keys,
    pub me: String,
    pub deadline: Duration,
    /// The number of the link it asks through.
    pub link: u64,
}

/// The verdict over all replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    pub is_let_in: bool,
    /// What the others have counted.
    pub others: Others,
}

impl Counter {
    async fn ask(
        &self,
        client: &ClientId,
        counts: &Counts,
        claim: &SharedClaim,
    ) -> Result<Claimed, StateError> {
        let silent = u64::try_from(FORGOTTEN_AFTER.as_millis()).unwrap_or(u64::MAX);
        let mut call = scripts::CLAIM.prepare_invoke();
        call.key(self.keys.client(client)).key(self.keys.replicas());
        call.arg(&self.me).arg(scripts::written(counts)).arg(scripts::written(claim));
        call.arg(silent).arg(scripts::COUNTS_KEPT_MS);
        let mut commands = self.commands.clone();
        let answer: Vec<u64> = within(self.deadline, call.invoke_async(&mut commands)).await?;
        let [is_let_in, this, last, under_way, day_used, day_reserved, month_used, month_reserved] =
            answer[..]
        else {
            return Err(StateError::Strange);
        };
        let others =
            Others { this, last, under_way, day_used, day_reserved, month_used, month_reserved };
        Ok(Claimed { is_let_in: is_let_in == 1, others })
    }
}

impl SharedState {
    /// Asks whether what all replicas have counted leaves room for a claim, which `counts` have in
    /// them. `None` when there is no answer in time; from then on nobody waits until the server has
    /// answered the actor in time.
    pub async fn claim(
        &self,
        client: &ClientId,
        counts: &Counts,
        claim: &SharedClaim,
    ) -> Option<Claimed> {
        let counter: Arc<Counter> = self.0.published.counter.load_full()?;
        match counter.ask(client, counts, claim).await {
            Ok(claimed) => Some(claimed),
            Err(error) => {
                if !error.is_about_the_command() {
                    // Unless another link is there already: this one's failure says nothing of it.
                    self.0.published.counter.compare_and_swap(&Some(counter.clone()), None);
                }
                self.0.actor.do_send(Suspect(counter.link, error));
                None
            }
        }
    }

    /// Tells the others what is counted for a client now, some time soon.
    pub fn counted(&self, client: &ClientId, counts: Counts) {
        if self.is_on() {
            self.0.actor.do_send(Count(client.clone(), counts));
        }
    }
}
