//! Whether a client key has room for one more request: arithmetic without clock, lock or store.
//!
//! | limit               | counts                                | over when                            |
//! | ------------------- | ------------------------------------- | ------------------------------------ |
//! | requests per minute | requests that were let in             | enough of the last minute has passed |
//! | concurrent requests | requests under way                    | one of them has ended                |
//! | tokens per day      | tokens of model calls, and reserved   | a call ends with less, or the day    |
//! | money per month     | price of model calls, and reserved    | a call ends with less, or the month  |
//!
//! A claim is reserved before the work begins and settled when it has ended: [`Reserve`] and [`Settle`]
//! are all that passes, so that a store which several replicas share can do the same sums. Who holds
//! the counts, and for how long, is decided in [`crate::actors`].

mod account;
mod counts;
mod estimate;
mod moment;

pub use account::Account;
pub use counts::{Counts, Others, SharedClaim};
pub use estimate::{Estimate, estimate, tokens_in};
pub use moment::Moment;

use crate::config::ClientLimits;
use crate::types::{ClientId, LimitReached, Usd};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// One request of whatever kind: it counts for its minute, and is under way until it is settled.
    Request,
    /// What a model call is thought to use, besides its request.
    Usage { tokens: u64, money: Usd },
}

/// Whether a client has room for a claim; if so, it has that much less room from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserve {
    pub client: ClientId,
    /// As configured at the moment; what is counted does not depend on them.
    pub limits: ClientLimits,
    pub claim: Claim,
    pub now: Moment,
}

/// What becomes of a claim.
pub type Verdict = Result<(), LimitReached>;

/// The end of what was claimed. Each claim that was let in is settled once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settle {
    pub client: ClientId,
    pub claim: Claim,
    /// When the claim was let in. What is used counts for the day and the month of that moment.
    pub reserved_at: Moment,
    /// What was used in the place of what was claimed; nothing for a [`Claim::Request`].
    pub used: Used,
}

/// Tokens and their price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    pub tokens: u64,
    pub money: Usd,
}
