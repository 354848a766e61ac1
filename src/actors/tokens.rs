//! Tokens that expire: asked for ahead of time, by one at a time, and never lost.

#[cfg_attr(not(test), expect(dead_code, reason = "until sources are asked"))]
mod codex_file;
mod fetch;
mod google;
pub mod http;
pub mod store;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

pub use fetch::{Fetch, FetchError, Fetched};
pub use google::GoogleFetch;

use super::clock::WallClock;
use super::state::SharedState;
use super::upstream::UpstreamPolicy;
use crate::config::{AwsKeys, TokenSource};
use crate::types::ApiKey;

/// What a request shows its provider for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub secret: TokenSecret,
    /// `None`: nobody has said.
    pub expires_at: Option<SystemTime>,
    pub account: AccountFacts,
}

/// The secret part of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSecret {
    /// `Authorization: Bearer`.
    Bearer(ApiKey),
    /// Signs requests to AWS.
    Aws(AwsKeys),
}

/// What is known of the account besides its token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFacts {
    /// What its provider calls it, where requests have to say so.
    pub id: Option<String>,
    /// For people: an address, a name.
    pub label: Option<String>,
    pub plan: Option<String>,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Nothing helps but a person: who says why.
    #[error("{reason}")]
    LoginNeeded { reason: String },
    /// It may go better later.
    #[error("{cause}")]
    Unavailable { cause: String },
}

/// What tokens are asked for with.
#[derive(Clone)]
pub struct TokenPolicy {
    pub upstream: Arc<UpstreamPolicy>,
    pub clock: WallClock,
    /// Where replicas agree on who refreshes.
    pub state: SharedState,
}

impl fmt::Debug for TokenPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenPolicy")
    }
}

/// What the rest of the gateway holds instead of the actors' addresses.
#[derive(Clone, Debug, Default)]
pub struct Tokens;

impl Tokens {
    /// Starts an actor for each source on the current arbiter.
    #[must_use]
    pub fn start(_sources: impl IntoIterator<Item = TokenSource>, _policy: TokenPolicy) -> Self {
        Self
    }

    /// The handle under another configuration: sources that it still has keep their actors, and what
    /// those know.
    #[must_use]
    pub fn reconfigured(
        &self,
        _sources: impl IntoIterator<Item = TokenSource>,
        _policy: TokenPolicy,
    ) -> Self {
        Self
    }

    /// A token that is valid now. Read without a hop unless it has to be asked for.
    #[expect(clippy::unused_async, reason = "until sources are asked")]
    pub async fn token(&self, _source: &TokenSource) -> Result<Arc<Token>, TokenError> {
        Err(TokenError::Unavailable { cause: "no source of tokens".to_owned() })
    }

    /// A token in the place of `refused`, which its provider has answered with 401.
    #[expect(clippy::unused_async, reason = "until sources are asked")]
    pub async fn renewed(
        &self,
        _source: &TokenSource,
        _refused: &Arc<Token>,
    ) -> Result<Arc<Token>, TokenError> {
        Err(TokenError::Unavailable { cause: "no source of tokens".to_owned() })
    }
}
