//! The actors: who owns what, and the handles through which the rest of the gateway asks them.
//!
//! | actor                             | how many       | owns                                       |
//! | --------------------------------- | -------------- | ------------------------------------------ |
//! | [`secrets::SecretActor`]          | one            | where the Amp server's key comes from      |
//! | behind [`router::ProviderRouter`] | one            | what is known of each credential           |
//! | behind [`state::SharedState`]     | one            | connections to the server replicas share   |
//! | behind [`tokens::Tokens`]         | one per source | a token that expires, and its refresh      |
//! | [`upstream::UpstreamActor`]       | one per worker | connections to upstreams, and their limits |
//!
//! Actors decide and own; they do not pump bytes, and no body waits in a mailbox. Asking goes one
//! way, from the handler to the actor; what is read often is read from a snapshot without a hop.

pub mod clock;
pub mod limits;
pub mod local;
pub mod router;
pub mod secrets;
pub mod state;
pub mod tokens;
pub mod upstream;
mod worker;

pub use worker::{Handles, House, Worker};
