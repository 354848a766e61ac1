//! The actors: who owns what, and the handles through which the rest of the gateway asks them.
//!
//! | actor                       | how many       | owns                                             |
//! | --------------------------- | -------------- | ------------------------------------------------ |
//! | [`secrets::SecretActor`]    | one            | where the Amp server's key comes from            |
//! | [`router::ProviderRouterActor`] | one        | which credential serves which model              |
//! | [`upstream::UpstreamActor`] | one per worker | connections to upstreams, and their limits       |
//!
//! Actors decide and own; they do not pump bytes, and no body waits in a mailbox. Asking goes one
//! way, from the handler to the actor; what is read often is read from a snapshot without a hop.

pub mod clock;
pub mod local;
pub mod router;
pub mod secrets;
pub mod upstream;

use std::sync::Arc;

use crate::config::Settings;
use crate::drain::Drain;
use crate::types::Keyring;

/// What a handler needs of the house; one for each worker, since [`upstream::Upstream`] stays there.
#[derive(Clone, Debug)]
pub struct Handles {
    pub settings: Arc<Settings>,
    pub keyring: Arc<Keyring>,
    pub secrets: secrets::Secrets,
    pub router: router::ProviderRouter,
    pub upstream: upstream::Upstream,
    pub drain: Drain,
}
