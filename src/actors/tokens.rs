//! Tokens that expire: asked for ahead of time, by one at a time, and never lost.
//!
//! | part     | does                                                                            |
//! | -------- | ------------------------------------------------------------------------------- |
//! | `aws`    | the kind that signs requests to AWS                                             |
//! | `actor`  | one for each source: one question at a time, ahead of expiry, later after errors |
//! | `fetch`  | what each kind of source does to get one token                                  |
//! | `codex_file` | the kind that another program keeps in a file                               |
//! | `google` | service accounts and logins of Google's                                         |
//! | `login`  | the kind that has a refresh token, which may be good for one use                |
//! | `store`  | the files of such accounts, and their locks                                     |
//! | `http`   | one question to an authorization server                                         |
//! | `timing` | when to refresh, and when to try again                                          |
//!
//! A request reads the token without a hop while there is one to be shown. `docs/tokens.md` says what
//! is promised.

mod actor;
mod aws;
mod codex_file;
mod fetch;
mod google;
mod health;
pub mod http;
mod login;
mod spending;
pub mod store;
mod timing;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix::{Actor as _, Addr};
use futures::future::join_all;

pub use codex_file::read_login as read_codex_login;
pub use fetch::{Fetch, FetchError, Fetched};
pub use health::{AccountHealth, AccountState};

use self::actor::{Drain, Get, Look, Reconfigure, Settle, TokenActor, stopping};
use self::aws::Aws;
use self::codex_file::CodexFile;
use self::google::GoogleFetch;
use self::health::{Published, has_expired};
use self::login::Login;
use self::spending::Spending;
use super::clock::WallClock;
use super::state::SharedState;
use super::upstream::{Upstream, UpstreamActor, UpstreamPolicy};
use crate::config::{AwsKeys, TokenSource};
use crate::metrics::Metrics;
use crate::types::ApiKey;

/// How often an actor looks whether anything is to be done: a token that nobody asks for must not die
/// meanwhile. Short enough for any lifetime, and by no clock but the one on the wall: a machine that was
/// asleep is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a request waits for a token before it goes on without; the question goes on.
const PATIENCE: Duration = Duration::from_secs(15);

/// For new tokens to be on the disk, and the other replicas to be told that they are.
const WRITING: Duration = Duration::from_secs(5);

/// How long the end of the process waits for refresh tokens that are spent, and whose successors nobody has
/// written down: for as long as their server may take to answer.
const SETTLING: Duration = http::PATIENCE.saturating_add(WRITING);

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
    /// Where refreshes are counted.
    pub metrics: Metrics,
}

impl TokenPolicy {
    /// Connections for whoever asks for tokens, apart from the workers'.
    fn connections(&self) -> Upstream {
        Upstream::start(UpstreamActor::new(self.upstream.clone()))
    }
}

impl fmt::Debug for TokenPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenPolicy")
    }
}

/// What the rest of the gateway holds instead of the actors' addresses.
#[derive(Clone, Default)]
pub struct Tokens(Option<Arc<Known>>);

struct Known {
    clock: WallClock,
    /// Also by accounts that a reload has taken away.
    spending: Spending,
    /// In the order of the configuration.
    order: Vec<TokenSource>,
    accounts: HashMap<TokenSource, Account>,
}

#[derive(Clone)]
struct Account {
    published: Arc<Published>,
    actor: Addr<TokenActor>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// Starts an actor for each source on the current arbiter.
    #[must_use]
    pub fn start(sources: impl IntoIterator<Item = TokenSource>, policy: TokenPolicy) -> Self {
        Self::default().reconfigured(sources, policy)
    }

    /// The handle under another configuration: sources that it still has keep their actors, and what
    /// those know. An actor of a source that is gone stops with the last request that holds this handle.
    #[must_use]
    pub fn reconfigured(
        &self,
        sources: impl IntoIterator<Item = TokenSource>,
        policy: TokenPolicy,
    ) -> Self {
        let spending = self.0.as_ref().map(|known| known.spending.clone()).unwrap_or_default();
        let mut accounts = HashMap::new();
        let mut order = Vec::new();
        for source in sources {
            if accounts.contains_key(&source) {
                continue;
            }
            let account = if let Some(account) = self.account(&source) {
                account.actor.do_send(Reconfigure(policy.clone(), spending.clone()));
                account.clone()
            } else {
                let fetch = fetch_of(&source, &policy, &spending);
                Account::start(source.clone(), fetch, policy.clone())
            };
            order.push(source.clone());
            accounts.insert(source, account);
        }
        Self(Some(Arc::new(Known { clock: policy.clock, spending, order, accounts })))
    }

    fn account(&self, source: &TokenSource) -> Option<&Account> {
        self.0.as_ref()?.accounts.get(source)
    }

    /// A token that is valid now. Read without a hop unless it has to be asked for.
    pub async fn token(&self, source: &TokenSource) -> Result<Arc<Token>, TokenError> {
        let (Some(known), Some(account)) = (&self.0, self.account(source)) else {
            return Err(stopping());
        };
        account.token(known.clock.now()).await
    }

    /// A token in the place of `refused`, which its provider has answered with 401.
    pub async fn renewed(
        &self,
        source: &TokenSource,
        refused: &Arc<Token>,
    ) -> Result<Arc<Token>, TokenError> {
        let account = self.account(source).ok_or_else(stopping)?;
        account.get(Some(refused.clone())).await
    }

    /// How each account is doing, in the order of the configuration.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountHealth> {
        let Some(known) = &self.0 else { return Vec::new() };
        let now = known.clock.now();
        let health = |source| Some(known.accounts.get(source)?.published.health_of(source, now));
        known.order.iter().filter_map(health).collect()
    }

    /// Begins no refresh any more that no request needs. For the beginning of a drain, beside which those
    /// that are under way may end.
    pub fn drain(&self) {
        for account in self.0.iter().flat_map(|known| known.accounts.values()) {
            account.actor.do_send(Drain);
        }
    }

    /// Begins nothing any more, and waits for refresh tokens that are spent until their successors are
    /// written down, for 35 seconds at most. For the end of the process.
    pub async fn settled(&self) {
        let Some(known) = &self.0 else { return };
        let all = join_all(known.accounts.values().map(|account| account.actor.send(Settle)));
        let settled = async {
            all.await;
            known.spending.is_over().await;
        };
        if tokio::time::timeout(SETTLING, settled).await.is_err() {
            tracing::warn!(
                "stopped while a token was being refreshed; it may have to be logged in again"
            );
        }
    }
}

impl Account {
    fn start(source: TokenSource, fetch: Box<dyn Fetch>, policy: TokenPolicy) -> Self {
        let published = Arc::new(Published::default());
        let actor = TokenActor::new(source, fetch, policy, published.clone()).start();
        // From outside: an interval of the actor's own would keep it alive for ever.
        let weak = actor.downgrade();
        actix_rt::spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let Some(actor) = weak.upgrade() else { return };
                actor.do_send(Look);
            }
        });
        Self { published, actor }
    }

    async fn token(&self, now: SystemTime) -> Result<Arc<Token>, TokenError> {
        if let Some(current) = &*self.published.current.load()
            && !has_expired(&current.token, now)
        {
            if current.due_at.is_some_and(|due_at| due_at <= now)
                && self.published.is_first_to_tell()
            {
                self.actor.do_send(Look);
            }
            return Ok(current.token.clone());
        }
        self.get(None).await
    }

    async fn get(&self, refused: Option<Arc<Token>>) -> Result<Arc<Token>, TokenError> {
        match tokio::time::timeout(PATIENCE, self.actor.send(Get { refused })).await {
            Ok(told) => told.unwrap_or_else(|_closed| Err(stopping())),
            Err(_elapsed) => Err(TokenError::Unavailable {
                cause: format!("no token within {}", humantime::format_duration(PATIENCE)),
            }),
        }
    }
}

/// What gets the tokens of a source.
fn fetch_of(source: &TokenSource, policy: &TokenPolicy, spending: &Spending) -> Box<dyn Fetch> {
    match source {
        TokenSource::Login(account) => {
            Box::new(Login::new(account.clone(), policy.clone(), spending.clone()))
        }
        TokenSource::Codex(file) => Box::new(CodexFile::new(file.clone(), policy.clock.clone())),
        TokenSource::Google(google) => Box::new(GoogleFetch::new(google.clone(), policy.clone())),
        TokenSource::Aws(source) => Box::new(Aws::new(source.clone(), policy.upstream.clone())),
    }
}

#[cfg(test)]
mod tests;
