//! Getting one token: what each kind of source does in its own way.

use std::sync::Arc;
use std::time::Duration;

use futures::future::LocalBoxFuture;

use super::{AccountFacts, Token, TokenPolicy};

/// How often a source is looked at again that needs a person's help, unless it says otherwise.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// One source of tokens, as its actor asks it.
pub trait Fetch: 'static {
    /// Gets a token. `refused` is the one that its provider has turned down, if that is why it is asked.
    /// Called again only when the future before has ended; dropping that loses nothing.
    fn fetch(&self, refused: Option<Arc<Token>>) -> LocalBoxFuture<'static, Fetched>;

    /// Takes what a reload has changed. `false`: it cannot, and another one is made in its place.
    fn reconfigure(&self, _policy: &TokenPolicy) -> bool {
        false
    }

    /// What is known of the account while it has no token: whose login it is that has to be renewed.
    fn account(&self) -> AccountFacts {
        AccountFacts::default()
    }

    /// How soon it may be asked again after a final error, to see whether somebody has helped.
    fn look_again(&self) -> Duration {
        LOOK_AGAIN
    }
}

/// What came of it.
pub type Fetched = Result<Token, FetchError>;

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// It will not go better until a person has done something. Told in the log and in the status, so
    /// without a secret.
    Final { reason: String },
    /// It may go better later: after `wait`, where somebody has said so.
    Later { cause: String, wait: Option<Duration> },
}
