//! The actor: asks for one account's tokens, one question at a time, ahead of their expiry.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix::fut::{ActorFutureExt as _, WrapFuture as _};
use actix::{Actor, AsyncContext as _, Context, Handler, Message, ResponseFuture};
use tokio::sync::oneshot;

use super::fetch::{Fetch, FetchError, Fetched};
use super::health::{AccountState, Current, Known, Published, has_expired};
use super::spending::Spending;
use super::timing::{backoff, due_at, random_jitter};
use super::{LOOK_EVERY, Token, TokenError, TokenPolicy, fetch_of};
use crate::config::TokenSource;

/// Many requests may wait for one token.
const MAILBOX_CAPACITY: usize = 4096;

/// How soon after a refresh there may be another one ahead of expiry: a server whose tokens live for
/// seconds is asked when somebody needs one.
const LEAST_PAUSE: Duration = Duration::from_secs(10);

/// How soon after a token was renewed because its provider refused it the next one may be. A provider
/// that refuses every token would have one refreshed for each request.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

type Given = Result<Arc<Token>, TokenError>;

/// Asks for a token that is not `refused`.
#[derive(Message)]
#[rtype(result = "Given")]
pub(super) struct Get {
    pub refused: Option<Arc<Token>>,
}

/// Asks to look whether anything is to be done by now.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Look;

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Reconfigure(pub TokenPolicy, pub Spending);

/// Asks to begin no question any more that no request needs.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Drain;

/// Asks to begin no question any more, and to be told when none is under way that has spent something.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Settle;

/// Somebody who waits for a token.
struct Waiting {
    refused: Option<Arc<Token>>,
    tell: oneshot::Sender<Given>,
}

/// A token that its provider has turned down.
struct Refusal {
    token: Arc<Token>,
    at: SystemTime,
}

/// Why there is no new token, and until when nobody is asked for one.
struct Trouble {
    error: TokenError,
    /// In a row.
    failures: u32,
    until: SystemTime,
}

/// How near the process is to its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Life {
    Runs,
    /// Only who needs a token has one asked for.
    Drains,
    /// Nothing is asked any more.
    Stops,
}

/// Owns one account's token.
pub(super) struct TokenActor {
    source: TokenSource,
    fetch: Box<dyn Fetch>,
    policy: TokenPolicy,
    published: Arc<Published>,
    current: Option<Arc<Token>>,
    due_at: Option<SystemTime>,
    /// What its provider has turned down, until there is another.
    refused: Option<Refusal>,
    renewed_at: Option<SystemTime>,
    trouble: Option<Trouble>,
    is_asking: bool,
    /// A reload came while one was asked: what that finds may be of before.
    asks_again: bool,
    life: Life,
    waiting: Vec<Waiting>,
    settling: Vec<oneshot::Sender<()>>,
    jitter: f64,
}

impl TokenActor {
    pub fn new(
        source: TokenSource,
        fetch: Box<dyn Fetch>,
        policy: TokenPolicy,
        published: Arc<Published>,
    ) -> Self {
        policy.metrics.refreshes_tokens_of(source.name());
        Self {
            source,
            fetch,
            policy,
            published,
            current: None,
            due_at: None,
            refused: None,
            renewed_at: None,
            trouble: None,
            is_asking: false,
            asks_again: false,
            life: Life::Runs,
            waiting: Vec::new(),
            settling: Vec::new(),
            jitter: random_jitter(),
        }
    }

    fn now(&self) -> SystemTime {
        self.policy.clock.now()
    }

    /// The token that may be shown by somebody who has seen `refused` turned down.
    fn good_for(&self, refused: Option<&Token>, now: SystemTime) -> Option<&Arc<Token>> {
        let current = self.current.as_ref().filter(|token| !has_expired(token, now))?;
        let is_refused = |refused: &Token| refused.secret == current.secret;
        // Until there is another, nobody has to be turned down like whoever told us.
        let is_doubtful = self.is_asking || self.trouble.is_some();
        let is_hidden = is_doubtful && self.refused_token().is_some_and(is_refused);
        (!is_hidden && !refused.is_some_and(is_refused)).then_some(current)
    }

    fn refused_token(&self) -> Option<&Token> {
        self.refused.as_ref().map(|refusal| &*refusal.token)
    }

    /// Why nobody is asked for a token at this time.
    fn is_held_back(&self, refused: Option<&Token>, now: SystemTime) -> Option<TokenError> {
        if let Some(trouble) = self.trouble.as_ref().filter(|trouble| now < trouble.until) {
            return Some(trouble.error.clone());
        }
        let since = |then| now.duration_since(then).unwrap_or_default();
        let is_new = self.renewed_at.is_some_and(|then| since(then) < RENEWAL_PAUSE);
        (refused.is_some() && is_new).then(|| TokenError::Unavailable {
            cause: "a token that was renewed a moment ago is refused as well".to_owned(),
        })
    }

    fn answer(&mut self, waiting: Waiting, ctx: &mut Context<Self>) {
        let now = self.now();
        self.note_refused(waiting.refused.as_ref());
        let refused = waiting.refused.as_deref();
        if let Some(token) = self.good_for(refused, now) {
            let _ = waiting.tell.send(Ok(token.clone()));
        } else if self.life == Life::Stops {
            let _ = waiting.tell.send(Err(stopping()));
        } else if self.is_asking {
            // Whether it goes better this time is not waited for by those whom another may answer.
            match &self.trouble {
                Some(trouble) => drop(waiting.tell.send(Err(trouble.error.clone()))),
                None => self.waiting.push(waiting),
            }
        } else if let Some(error) = self.is_held_back(refused, now) {
            let _ = waiting.tell.send(Err(error));
        } else {
            self.waiting.push(waiting);
            self.ask(ctx);
        }
    }

    /// Remembers that the provider has turned the present token down.
    fn note_refused(&mut self, refused: Option<&Arc<Token>>) {
        let is_present = |refused: &&Arc<Token>| {
            self.current.as_ref().is_some_and(|current| current.secret == refused.secret)
        };
        if let Some(refused) = refused.filter(is_present) {
            let is_known = self.refused_token().is_some_and(|it| it.secret == refused.secret);
            if !is_known {
                self.refused = Some(Refusal { token: refused.clone(), at: self.now() });
            }
            self.publish();
        }
    }

    /// Where a source has no other token, the refused one has its chance again now and then: else one
    /// refusal would end an account for good.
    fn forget_old_refusal(&mut self) {
        let (now, after) = (self.now(), self.fetch.shows_refused_after());
        let is_old = |refusal: &mut Refusal| {
            let ago = now.duration_since(refusal.at).unwrap_or_default();
            after.is_some_and(|after| ago >= after)
        };
        drop(self.refused.take_if(is_old));
    }

    fn ask(&mut self, ctx: &mut Context<Self>) {
        self.is_asking = true;
        self.forget_old_refusal();
        self.publish();
        let refused = self.refused.as_ref().map(|refusal| refusal.token.clone());
        let fetched = self.fetch.fetch(refused.clone()).into_actor(self);
        ctx.spawn(
            fetched.map(move |fetched, actor, ctx| actor.learn(fetched, refused.as_ref(), ctx)),
        );
    }

    fn learn(&mut self, fetched: Fetched, refused: Option<&Arc<Token>>, ctx: &mut Context<Self>) {
        self.is_asking = false;
        let new = match fetched {
            Ok(token) => Some(self.take(token)),
            Err(FetchError::Final { reason }) => {
                self.give_up(reason);
                None
            }
            Err(FetchError::Later { cause, wait }) => {
                self.wait_after(cause, wait);
                None
            }
        };
        self.publish();
        if self.settling.is_empty() || !self.fetch.is_unfinished() {
            for settling in self.settling.drain(..) {
                let _ = settling.send(());
            }
        } else {
            ctx.run_later(LOOK_EVERY, Self::ask);
        }
        for waiting in std::mem::take(&mut self.waiting) {
            let is = |token: &Token, refused: Option<&Arc<Token>>| {
                refused.is_some_and(|refused| refused.secret == token.secret)
            };
            match &new {
                // What has just come is given even where it has no time left: there is no better.
                Some(token) if !is(token, waiting.refused.as_ref()) => {
                    let _ = waiting.tell.send(Ok(token.clone()));
                }
                Some(token) if is(token, refused) => {
                    let cause = "its source has no other token than the refused one".to_owned();
                    let _ = waiting.tell.send(Err(TokenError::Unavailable { cause }));
                }
                // It was refused while it was on its way here.
                _ => self.answer(waiting, ctx),
            }
        }
        if std::mem::take(&mut self.asks_again) && !self.is_asking {
            self.look_anew(ctx);
        }
    }

    /// Asks because somebody may have changed something.
    fn look_anew(&mut self, ctx: &mut Context<Self>) {
        if self.life != Life::Runs {
            return;
        }
        if self.fetch.shows_refused_after().is_some() {
            self.refused = None;
        }
        self.ask(ctx);
    }

    fn take(&mut self, token: Token) -> Arc<Token> {
        let now = self.now();
        let known = self.current.take();
        let is_new = known.as_ref().is_none_or(|known| known.secret != token.secret);
        if self.refused.take().is_some_and(|refusal| refusal.token.secret != token.secret) {
            self.renewed_at = Some(now);
        }
        let account = self.source.name();
        if self.trouble.take().is_some() {
            tracing::info!(account, "there is a token again");
        }
        if known.is_some() && is_new {
            self.policy.metrics.token_refreshed(account, "success");
            tracing::debug!(account, "token refreshed");
        }
        let at = |expires_at| due_at(now, expires_at, self.jitter).max(now + LEAST_PAUSE);
        if is_new || self.due_at.is_some_and(|due_at| due_at <= now) {
            self.due_at = token.expires_at.map(at);
        }
        let token = Arc::new(token);
        self.current = Some(token.clone());
        token
    }

    fn give_up(&mut self, reason: String) {
        let now = self.now();
        let account = self.source.name();
        let error = TokenError::LoginNeeded { reason };
        if self.trouble.as_ref().is_none_or(|trouble| trouble.error != error) {
            tracing::warn!(account, source = %self.source, reason = %error, "no token without help");
            self.policy.metrics.token_refreshed(account, "login_needed");
        }
        if self.refused_token().map(|token| &token.secret)
            == self.current.as_ref().map(|token| &token.secret)
        {
            self.current = None;
        }
        self.trouble = Some(Trouble { error, failures: 0, until: now + self.fetch.look_again() });
    }

    fn wait_after(&mut self, cause: String, told: Option<Duration>) {
        let now = self.now();
        let account = self.source.name();
        let before = self.trouble.as_ref().map_or(0, |trouble| trouble.failures);
        let failures = before.saturating_add(1);
        let wait = backoff(failures, told, random_jitter());
        self.policy.metrics.token_refreshed(account, "failure");
        let again_in = humantime::format_duration(Duration::from_secs(wait.as_secs()));
        if before == 0 {
            tracing::warn!(account, source = %self.source, cause, %again_in, "token not refreshed");
        } else {
            tracing::debug!(account, cause, failures, %again_in, "token not refreshed");
        }
        let error = TokenError::Unavailable { cause };
        self.trouble = Some(Trouble { error, failures, until: now + wait });
    }

    /// Lets others read what is so now.
    fn publish(&self) {
        let now = self.now();
        let good = self.good_for(None, now);
        let current = good.map(|token| {
            let token = token.clone();
            Arc::new(Current { token, due_at: self.due_at })
        });
        self.published.current.store(current);
        let state = match &self.trouble {
            Some(Trouble { error: TokenError::LoginNeeded { reason }, .. }) => {
                AccountState::LoginNeeded { reason: reason.clone() }
            }
            Some(Trouble { error: TokenError::Unavailable { cause }, .. }) => {
                AccountState::Failing { cause: cause.clone() }
            }
            None if self.is_asking => AccountState::Refreshing,
            None => AccountState::Fresh,
        };
        let token = self.current.as_ref();
        let account = token.map_or_else(|| self.fetch.account(), |token| token.account.clone());
        self.published.health.store(Arc::new(Known {
            label: account.label,
            plan: account.plan,
            expires_at: token.and_then(|token| token.expires_at),
            due_at: self.due_at,
            state,
        }));
    }

    /// Whether there is a reason to ask that is nobody's request.
    fn is_due(&self, now: SystemTime) -> bool {
        if self.life != Life::Runs {
            return self.fetch.is_unfinished();
        }
        match &self.trouble {
            Some(trouble) => trouble.until <= now,
            None if self.fetch.is_unfinished() => true,
            None => self.current.is_none() || self.due_at.is_some_and(|due_at| due_at <= now),
        }
    }
}

impl Actor for TokenActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
        self.ask(ctx);
    }
}

impl Handler<Get> for TokenActor {
    type Result = ResponseFuture<Given>;

    fn handle(&mut self, Get { refused }: Get, ctx: &mut Self::Context) -> Self::Result {
        let (tell, told) = oneshot::channel();
        self.answer(Waiting { refused, tell }, ctx);
        Box::pin(async { told.await.unwrap_or_else(|_gone| Err(stopping())) })
    }
}

/// An actor that is gone belongs to a configuration that is, or to a gateway that is going.
pub(super) fn stopping() -> TokenError {
    TokenError::Unavailable { cause: "its account is no longer configured".to_owned() }
}

impl Handler<Look> for TokenActor {
    type Result = ();

    fn handle(&mut self, _: Look, ctx: &mut Self::Context) {
        self.published.was_told();
        if !self.is_asking && self.life != Life::Stops && self.is_due(self.now()) {
            self.ask(ctx);
        }
    }
}

impl Handler<Reconfigure> for TokenActor {
    type Result = ();

    /// A reload is a reason to look again: somebody may have mended what was wrong.
    fn handle(&mut self, Reconfigure(policy, spending): Reconfigure, ctx: &mut Self::Context) {
        if !self.fetch.reconfigure(&policy) {
            self.fetch = fetch_of(&self.source, &policy, &spending);
        }
        self.policy = policy;
        let has_reason = self.trouble.is_some() || self.fetch.may_have_changed();
        if has_reason && self.is_asking {
            self.asks_again = true;
        } else if has_reason {
            self.look_anew(ctx);
        }
    }
}

impl Handler<Drain> for TokenActor {
    type Result = ();

    /// What begins now might keep the process from its end, for a token that it does not need any more.
    fn handle(&mut self, _: Drain, _: &mut Self::Context) {
        self.life = self.life.max(Life::Drains);
    }
}

impl Handler<Settle> for TokenActor {
    type Result = ResponseFuture<()>;

    /// A question that began now might be answered to nobody; tokens that are not on the disk can be
    /// written all the same.
    fn handle(&mut self, _: Settle, ctx: &mut Self::Context) -> Self::Result {
        self.life = Life::Stops;
        let (tell, told) = oneshot::channel();
        let is_unwritten = self.fetch.is_unfinished();
        let is_spending = self.fetch.stop();
        if is_unwritten && !self.is_asking {
            self.ask(ctx);
        }
        if self.is_asking && (is_spending || is_unwritten) {
            self.settling.push(tell);
        }
        Box::pin(async { told.await.unwrap_or_default() })
    }
}
