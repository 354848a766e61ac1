//! The tokens of an account that somebody has logged in with.
//!
//! A refresh token may be good for one use, and its second use may end the whole login (RFC 9700, section
//! 4.14.2). So nobody uses it but who holds the account's lock, and has read the file under it: the loser
//! of a race finds the winner's tokens there. What comes is on the disk before anybody is given it.
//!
//! What no rule can mend: an answer that got lost on its way, be it that we died or the connection did.
//! The server may have replaced the refresh token then. It is used again, at each later try until the server
//! answers and not within the same: many let the last token pass again for a moment; others ask for a new
//! login.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use bytes::Bytes;
use futures::future::LocalBoxFuture;
use sha2::{Digest as _, Sha256};

use super::fetch::{Fetch, FetchError, Fetched};
use super::http::{Question, Unanswered, ask};
use super::spending::{Spending, SpentToken};
use super::store::{self, AccountLock, StoreError};
use super::timing::due_at;
use super::{AccountFacts, Token, TokenPolicy, TokenSecret};
use crate::actors::state::Turn;
use crate::config::LoginAccount;
use crate::oauth::{
    Grant, Granted, StoredAccount, TokenEndpointError, UnreadableAccount, read_token_answer,
    token_request,
};
use crate::types::ApiKey;

/// For the account's file: longer than whoever has it may wait for the lock of all replicas
/// ([`SHARED_PATIENCE`]) and then for an answer (30 s).
const LOCK_PATIENCE: Duration = Duration::from_secs(45);

/// For the lock of all replicas. Who waits for it has the file's, and holds up this machine.
const SHARED_PATIENCE: Duration = Duration::from_secs(10);

/// When the server of the shared state forgets a lock: longer than what is done under it takes.
const LOCK_KEPT: Duration = Duration::from_secs(120);

/// How soon the file is looked at again that waits for a login. That costs a read of the file.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Gets the tokens of one account.
pub(super) struct Login(Rc<Inner>);

struct Inner {
    account: LoginAccount,
    policy: RefCell<TokenPolicy>,
    /// A refresh token that the server takes no more, and what is told of it, with what to do: nobody asks
    /// with it again.
    spent: RefCell<Option<(ApiKey, String)>>,
    /// Tokens that could not be written. The lock is kept with them: what is in the file is spent.
    unwritten: RefCell<Option<(AccountLock, StoredAccount)>>,
    /// Whether it has been told that they could not.
    told_unwritten: Cell<bool>,
    spending: Spending,
    /// A refresh token may be spent whose successor is on its way to the disk.
    spent_now: RefCell<Option<SpentToken>>,
    /// The process ends: no refresh token is spent any more.
    is_stopping: Cell<bool>,
    /// Whether the last answer got lost.
    lost_one: Cell<bool>,
    /// Whether anybody has had a token of this process.
    has_shown: Cell<bool>,
    /// As the file had it last.
    facts: RefCell<AccountFacts>,
}

impl Login {
    pub fn new(account: LoginAccount, policy: TokenPolicy, spending: Spending) -> Self {
        Self(Rc::new(Inner {
            account,
            policy: RefCell::new(policy),
            spent: RefCell::default(),
            unwritten: RefCell::default(),
            told_unwritten: Cell::default(),
            spending,
            spent_now: RefCell::default(),
            is_stopping: Cell::default(),
            lost_one: Cell::default(),
            has_shown: Cell::default(),
            facts: RefCell::default(),
        }))
    }
}

impl Fetch for Login {
    fn fetch(&self, refused: Option<Arc<Token>>) -> LocalBoxFuture<'static, Fetched> {
        let inner = self.0.clone();
        // A task of its own, since whoever waits may be gone before the answer is written down.
        let task = actix_rt::spawn(async move {
            let fetched = inner.fetch(refused.as_deref()).await;
            inner.spent_now.take();
            fetched
        });
        Box::pin(async {
            task.await.unwrap_or_else(|_gone| Err(later("the refresh was broken off".to_owned())))
        })
    }

    fn reconfigure(&self, policy: &TokenPolicy) -> bool {
        self.0.policy.replace(policy.clone());
        // Whoever reloads may have mended at the server what it took amiss.
        self.0.spent.take();
        true
    }

    fn account(&self) -> AccountFacts {
        self.0.facts.borrow().clone()
    }

    /// A login changes the list of accounts, and with it the configuration.
    fn may_have_changed(&self) -> bool {
        true
    }

    fn is_unfinished(&self) -> bool {
        self.0.unwritten.borrow().is_some()
    }

    /// Who still waits for a lock has spent nothing, and finds that it is over.
    fn stop(&self) -> bool {
        self.0.is_stopping.set(true);
        self.0.spent_now.borrow().is_some()
    }

    fn look_again(&self) -> Duration {
        LOOK_AGAIN
    }
}

/// What an account in a file is good for.
#[derive(Debug, PartialEq, Eq)]
enum Use {
    /// Its token may be shown.
    Show,
    /// Its token is to be replaced with this one's help.
    Refresh(ApiKey),
    /// Somebody has to log in, for this reason.
    LogIn(String),
}

/// What `client` does with an account: the one rule. `refused` is what its provider has turned down.
fn judge(account: &StoredAccount, client: &str, refused: Option<&Token>, now: SystemTime) -> Use {
    if let Some(reason) = account.login_needed_by(client) {
        return Use::LogIn(reason.to_owned());
    }
    let is_refused = refused.is_some_and(
        |refused| matches!(&refused.secret, TokenSecret::Bearer(it) if *it == account.access_token),
    );
    let is_due = |expires_at| due_at(account.obtained_at, expires_at, 1.0) <= now;
    if !is_refused && !account.expires_at.is_some_and(is_due) {
        return Use::Show;
    }
    let is_over = account.expires_at.is_some_and(|expires_at| expires_at <= now);
    match &account.refresh_token {
        Some(token) => Use::Refresh(token.clone()),
        None if is_refused => Use::LogIn("its provider refuses the token".to_owned()),
        None if is_over => Use::LogIn("the login has expired".to_owned()),
        None => Use::Show,
    }
}

impl Inner {
    async fn fetch(&self, refused: Option<&Token>) -> Fetched {
        if self.unwritten.borrow().is_some() {
            return self.fetch_unwritten(refused).await;
        }
        let file = self.account.file.clone();
        let account = blocking(&file, store::read).await;
        let account = account.map_err(|error| self.unusable(&error))?;
        self.facts.replace(facts_of(&account));
        let is_first = !self.has_shown.replace(true);
        if is_first && refused.is_none() && self.is_valid(&account) {
            // Due or not: a server that is away at our start must not keep a valid token from its use.
            return Ok(token_of(&account));
        }
        if let Some(fetched) = self.settled(&account, refused) {
            return fetched;
        }
        let lock = store::lock(&self.account.file, LOCK_PATIENCE).await;
        let lock = lock.map_err(|error| self.unusable(&error))?;
        let policy = self.policy.borrow().clone();
        let turn = policy.state.lock(&self.lock_name(), LOCK_KEPT, SHARED_PATIENCE).await;
        match turn {
            Turn::Others => return Err(later("another replica is refreshing it".to_owned())),
            Turn::Unknown => {
                let account = self.account.client.name.as_str();
                tracing::warn!(account, "refreshing without a word to the other replicas");
            }
            Turn::Alone | Turn::Mine(_) => {}
        }
        let fetched = self.fetch_under_lock(lock, refused).await;
        if let Turn::Mine(shared) = turn {
            shared.release().await;
        }
        fetched
    }

    /// Who has waited for the lock reads once more: another may have refreshed meanwhile.
    async fn fetch_under_lock(&self, lock: AccountLock, refused: Option<&Token>) -> Fetched {
        let (lock, account) = locked(lock, |lock| lock.read()).await?;
        let account = account.map_err(|error| self.unusable(&error))?;
        match self.settled(&account, refused) {
            Some(fetched) => fetched,
            None => self.refresh(lock, account, refused).await,
        }
    }

    fn is_valid(&self, account: &StoredAccount) -> bool {
        let now = self.policy.borrow().clock.now();
        let is_over = account.expires_at.is_some_and(|expires_at| expires_at <= now);
        !is_over && account.login_needed_by(&self.account.client.identity()).is_none()
    }

    fn judge(&self, account: &StoredAccount, refused: Option<&Token>) -> Use {
        let now = self.policy.borrow().clock.now();
        judge(account, &self.account.client.identity(), refused, now)
    }

    /// What is known without a question; `None`: the server has to be asked.
    fn settled(&self, account: &StoredAccount, refused: Option<&Token>) -> Option<Fetched> {
        match self.judge(account, refused) {
            Use::Show => Some(Ok(token_of(account))),
            Use::LogIn(reason) => Some(Err(self.login_needed(&reason))),
            Use::Refresh(token) => match &*self.spent.borrow() {
                Some((spent, told)) if *spent == token => {
                    Some(Err(FetchError::Final { reason: told.clone() }))
                }
                _ => None,
            },
        }
    }

    async fn refresh(
        &self,
        lock: AccountLock,
        account: StoredAccount,
        refused: Option<&Token>,
    ) -> Fetched {
        let Use::Refresh(refresh_token) = self.judge(&account, refused) else {
            return Ok(token_of(&account));
        };
        // A folder that takes no file, or a disk that is full, costs no login.
        let (lock, ready) = locked(lock, AccountLock::prepare).await?;
        ready.map_err(|error| self.unusable(&error))?;
        if self.is_stopping.get() {
            return Err(later("the gateway stops".to_owned()));
        }
        self.spent_now.replace(Some(self.spending.begin()));
        match self.ask(&refresh_token).await {
            Ok(granted) => {
                self.lost_one.set(false);
                let account = account.renewed(granted, self.policy.borrow().clock.now());
                Ok(self.keep(lock, account).await)
            }
            Err(TokenEndpointError::Final { code, meaning }) => {
                let after =
                    if self.lost_one.take() { ", after an answer of its got lost" } else { "" };
                let reason = format!("the authorization server says `{code}`{after}: {meaning}");
                let told = format!("{reason}; {}", remedy(code, self.account.client.name.as_str()));
                self.spent.replace(Some((refresh_token.clone(), told.clone())));
                if !is_of_client(code)
                    && let Some(other) = self.note(lock, refresh_token, reason).await?
                {
                    let other = self.settled(&other, refused);
                    return other.unwrap_or_else(|| {
                        Err(later("another process has refreshed it meanwhile".to_owned()))
                    });
                }
                Err(FetchError::Final { reason: told })
            }
            Err(TokenEndpointError::Later { cause, wait }) => {
                Err(FetchError::Later { cause, wait })
            }
            Err(error @ (TokenEndpointError::Pending | TokenEndpointError::SlowDown)) => {
                Err(later(error.to_string()))
            }
        }
    }

    /// Writes down why nobody is to ask with a refresh token any more. Returns the account that is in the
    /// file instead when that has other tokens: where a volume has no locks that all replicas see, another
    /// may have asked first, and its answer must not be written over.
    async fn note(
        &self,
        lock: AccountLock,
        refused: ApiKey,
        reason: String,
    ) -> Result<Option<StoredAccount>, FetchError> {
        let client = self.account.client.identity();
        let noting = move |lock: &mut AccountLock| {
            let there = lock.read()?;
            if there.refresh_token.as_ref() != Some(&refused) {
                return Ok(Some(there));
            }
            let (login_needed, refused_client) = (Some(reason), Some(client));
            lock.write(&StoredAccount { login_needed, refused_client, ..there })?;
            Ok(None)
        };
        let (_lock, noted) = locked(lock, noting).await?;
        Ok(noted.unwrap_or_else(|error: StoreError| {
            tracing::warn!(%error, "cannot note that a new login is needed");
            None
        }))
    }

    async fn ask(&self, refresh_token: &ApiKey) -> Result<Granted, TokenEndpointError> {
        let client = &self.account.client;
        let question = token_request(client, &Grant::RefreshToken(refresh_token));
        let policy = self.policy.borrow().clone();
        // Refreshes are rare: their connections are not kept, and follow every reload.
        let upstream = policy.connections();
        let question = Question {
            endpoint: &client.token,
            name: client.name.clone(),
            method: Method::POST,
            fields: HeaderMap::new(),
            body: Some((question.content_type, Bytes::from_owner(question.body))),
        };
        match ask(&upstream, question).await {
            Ok(answer) => {
                let wait = answer.retry_after(policy.clock.now());
                read_token_answer(answer.status, wait, &answer.body)
            }
            Err(unanswered) => {
                if matches!(unanswered, Unanswered::Lost(_)) {
                    self.lost_one.set(true);
                }
                let cause = format!("{}: {unanswered}", client.token);
                Err(TokenEndpointError::Later { cause, wait: None })
            }
        }
    }

    /// Writes new tokens down, and only then lets them be used. Where that fails they are used all the
    /// same, for there are no others, and the actor comes back each second until they are written.
    async fn keep(&self, lock: AccountLock, account: StoredAccount) -> Token {
        let token = token_of(&account);
        let copy = account.clone();
        match locked(lock, move |lock| lock.write(&copy)).await {
            Ok((_, Ok(()))) => self.tell_written(),
            Ok((lock, Err(error))) => {
                if !self.told_unwritten.replace(true) {
                    let what = "new tokens are in memory only; a restart would lose the login";
                    tracing::error!(%error, "{what}");
                }
                self.unwritten.replace(Some((lock, account)));
            }
            Err(_gone) => tracing::error!("new tokens may not be written"),
        }
        token
    }

    async fn fetch_unwritten(&self, refused: Option<&Token>) -> Fetched {
        let Some((lock, account)) = self.unwritten.take() else {
            return Err(later("nothing is left to be written".to_owned()));
        };
        self.spent_now.replace(Some(self.spending.begin()));
        match self.settled(&account, refused) {
            Some(Ok(_)) => Ok(self.keep(lock, account).await),
            Some(Err(error)) => {
                self.keep(lock, account).await;
                Err(error)
            }
            None => {
                let copy = account.clone();
                let (lock, written) = locked(lock, move |lock| lock.write(&copy)).await?;
                if let Err(error) = written {
                    self.unwritten.replace(Some((lock, account)));
                    return Err(self.unusable(&error));
                }
                self.tell_written();
                self.refresh(lock, account, refused).await
            }
        }
    }

    /// Where it has been told that tokens could not be written, that they are now.
    fn tell_written(&self) {
        if self.told_unwritten.take() {
            tracing::info!("new tokens are written now");
        }
    }

    fn login_needed(&self, reason: &str) -> FetchError {
        let name = &self.account.client.name;
        FetchError::Final { reason: format!("{reason}; {}", log_in_with(name.as_str())) }
    }

    fn unusable(&self, error: &StoreError) -> FetchError {
        match error {
            // No login of this version's should take the place of what it cannot read.
            StoreError::Unreadable { cause: UnreadableAccount::Newer(_), .. } => {
                FetchError::Final { reason: error.to_string() }
            }
            StoreError::Unreadable { .. } => self.login_needed(&error.to_string()),
            _ if error.is_missing() => self.login_needed("nobody is logged in with this account"),
            _ => later(error.to_string()),
        }
    }

    /// The same in all replicas, wherever they have the folder.
    fn lock_name(&self) -> String {
        let LoginAccount { client, file } = &self.account;
        let file = file.file_name().unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [client.token.to_string().as_bytes(), client.client_id.as_bytes()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(client.name.as_str());
        hash.update([0]);
        hash.update(file.as_encoded_bytes());
        hash.finalize()[..16].iter().fold(String::new(), |name, byte| format!("{name}{byte:02x}"))
    }
}

/// Whether a code (RFC 6749, section 5.2) is about who we are, and not about the account. That is mended in
/// the configuration, by no login, so no account's file says it.
fn is_of_client(code: &str) -> bool {
    matches!(code, "invalid_client" | "unauthorized_client")
}

/// What to do about a code after which the server is not asked again, at the provider called `name`.
fn remedy(code: &str, name: &str) -> String {
    if is_of_client(code) {
        format!("mend `client-id` or `client-secret` of {name} in the configuration")
    } else {
        log_in_with(name)
    }
}

fn log_in_with(name: &str) -> String {
    format!("run `ampgate login {name}`")
}

fn token_of(account: &StoredAccount) -> Token {
    Token {
        secret: TokenSecret::Bearer(account.access_token.clone()),
        expires_at: account.expires_at,
        account: facts_of(account),
    }
}

fn facts_of(account: &StoredAccount) -> AccountFacts {
    AccountFacts {
        id: account.account_id.clone(),
        label: account.label.clone(),
        plan: account.plan.clone(),
    }
}

fn later(cause: String) -> FetchError {
    FetchError::Later { cause, wait: None }
}

/// Files are read and written on threads of their own: a disk may let us wait.
async fn blocking<T: Send + 'static>(
    file: &Path,
    act: impl FnOnce(&Path) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let path = file.to_owned();
    let done = tokio::task::spawn_blocking(move || act(&path)).await;
    done.unwrap_or_else(|gone| {
        let cause = std::io::Error::other(gone.to_string());
        Err(StoreError::Io { act: "use", file: file.to_owned(), cause })
    })
}

/// Does something under a lock, which comes back with the result.
async fn locked<T: Send + 'static>(
    mut lock: AccountLock,
    act: impl FnOnce(&mut AccountLock) -> T + Send + 'static,
) -> Result<(AccountLock, T), FetchError> {
    let done = tokio::task::spawn_blocking(move || {
        let done = act(&mut lock);
        (lock, done)
    });
    done.await.map_err(|_gone| later("the work on its file was broken off".to_owned()))
}

#[cfg(test)]
mod tests;
