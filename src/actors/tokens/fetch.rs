//! Getting one token: what each kind of source does in its own way.

use std::sync::Arc;
use std::time::Duration;

use futures::future::LocalBoxFuture;

use super::{AccountFacts, Token, TokenPolicy};

/// How often a source is looked at again that needs a person's help, unless it says otherwise.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// How often one is looked for in the place of a token that its provider refuses.
const LOOK_FOR_ANOTHER: Duration = Duration::from_secs(10);

/// How soon a token may be shown again that its provider has refused, where nobody has another: a provider
/// learns of a new key late, and somebody may give an account its rights back.
pub const SHOW_AGAIN: Duration = Duration::from_secs(60);

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

    /// Whether a reload is a reason to ask again although all is well: what it reads may be another's now.
    fn may_have_changed(&self) -> bool {
        false
    }

    /// Whether it should be asked soon although its token is good: something is still to be written.
    fn is_unfinished(&self) -> bool {
        false
    }

    /// Spends nothing from now on, whatever it has been asked. Returns whether it is about to learn or to
    /// write what takes the place of something spent: the end of the process waits for that.
    fn stop(&self) -> bool {
        false
    }

    /// How soon it may be asked again after a final error, to see whether somebody has helped.
    fn look_again(&self) -> Duration {
        LOOK_AGAIN
    }

    /// How soon a refused token may be shown once more although it is the same; `None`: never.
    fn shows_refused_after(&self) -> Option<Duration> {
        None
    }
}

/// What came of it.
pub type Fetched = Result<Token, FetchError>;

/// `token`, unless it is the `refused` one: its source may have another later. `cause` is for people.
pub fn unless_refused(
    token: Token,
    refused: Option<&Token>,
    cause: impl FnOnce(&Token) -> String,
) -> Fetched {
    if refused.is_some_and(|refused| refused.secret == token.secret) {
        return Err(FetchError::Later { cause: cause(&token), wait: Some(LOOK_FOR_ANOTHER) });
    }
    Ok(token)
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// It will not go better until a person has done something. Told in the log and in the status, so
    /// without a secret.
    Final { reason: String },
    /// It may go better later: after `wait`, where somebody has said so.
    Later { cause: String, wait: Option<Duration> },
}
