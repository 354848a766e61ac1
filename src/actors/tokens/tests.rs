mod refused;
mod reload;
mod stop;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::LocalBoxFuture;
use tokio::sync::oneshot;

use super::*;
use crate::actors::clock::Clock;
use crate::actors::upstream::{ConnectionLimits, Timeouts, UpstreamTls};

const HOUR: u64 = 3_600;

/// That of a gateway that waits for long and counts for nobody.
pub(super) fn policy(clock: WallClock, state: SharedState) -> TokenPolicy {
    let long = Duration::from_secs(60);
    TokenPolicy {
        upstream: Arc::new(UpstreamPolicy {
            tls: UpstreamTls::load(None).unwrap(),
            timeouts: Timeouts { connect: long, idle: long },
            limits: ConnectionLimits::new(0),
        }),
        clock,
        state,
        metrics: Metrics::default(),
    }
}

/// A clock that stands until the test moves it, and all that is asked with it.
#[derive(Clone)]
struct Time(Arc<AtomicU64>);

impl Time {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_000_000)))
    }

    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }

    fn policy(&self) -> TokenPolicy {
        let time = self.clone();
        let state = SharedState::start(None, Metrics::default(), Clock::system());
        policy(WallClock::telling(move || time.now()), state)
    }

    fn token(&self, secret: &str, lives: u64) -> Token {
        Token {
            secret: TokenSecret::Bearer(ApiKey::parse(secret).unwrap()),
            expires_at: Some(self.now() + Duration::from_secs(lives)),
            account: AccountFacts {
                label: Some("a@example.org".to_owned()),
                ..AccountFacts::default()
            },
        }
    }
}

/// A source that answers when the test says so.
#[derive(Clone, Default)]
struct Source {
    questions: Rc<RefCell<VecDeque<(Option<Arc<Token>>, oneshot::Sender<Fetched>)>>>,
    asked: Rc<RefCell<u32>>,
    shows_refused_after: Rc<Cell<Option<Duration>>>,
    may_have_changed: Rc<Cell<bool>>,
    is_unfinished: Rc<Cell<bool>>,
}

impl Fetch for Source {
    fn fetch(&self, refused: Option<Arc<Token>>) -> LocalBoxFuture<'static, Fetched> {
        let (tell, told) = oneshot::channel();
        *self.asked.borrow_mut() += 1;
        self.questions.borrow_mut().push_back((refused, tell));
        Box::pin(async { told.await.unwrap() })
    }

    fn reconfigure(&self, _: &TokenPolicy) -> bool {
        true
    }

    fn may_have_changed(&self) -> bool {
        self.may_have_changed.get()
    }

    fn is_unfinished(&self) -> bool {
        self.is_unfinished.get()
    }

    fn stop(&self) -> bool {
        true
    }

    fn shows_refused_after(&self) -> Option<Duration> {
        self.shows_refused_after.get()
    }
}

impl Source {
    fn asked(&self) -> u32 {
        *self.asked.borrow()
    }

    /// Waits for a question, and answers it. Returns what was said to be refused.
    async fn answer(&self, fetched: Fetched) -> Option<Arc<Token>> {
        eventually("a question", || !self.questions.borrow().is_empty()).await;
        let (refused, tell) = self.questions.borrow_mut().pop_front().unwrap();
        tell.send(fetched).unwrap();
        refused
    }
}

async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let until_it_is = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), until_it_is).await.expect(what);
}

/// One account of a source, and the handle.
struct Bench {
    time: Time,
    source: Source,
    name: TokenSource,
    tokens: Tokens,
}

impl Bench {
    fn new() -> Self {
        let (time, source) = (Time::new(), Source::default());
        let name = TokenSource::Codex(PathBuf::from("/a"));
        let policy = time.policy();
        let clock = policy.clock.clone();
        let account = Account::start(name.clone(), Box::new(source.clone()), policy);
        let accounts = HashMap::from([(name.clone(), account)]);
        let (order, spending) = (vec![name.clone()], Spending::default());
        let tokens = Tokens(Some(Arc::new(Known { clock, spending, order, accounts })));
        Self { time, source, name, tokens }
    }

    /// With a token that lives for an hour.
    async fn with_token(secret: &str) -> (Self, Arc<Token>) {
        let bench = Self::new();
        bench.source.answer(Ok(bench.time.token(secret, HOUR))).await;
        let token = bench.get().await.unwrap();
        (bench, token)
    }

    async fn get(&self) -> Result<Arc<Token>, TokenError> {
        self.tokens.token(&self.name).await
    }

    /// Asks without waiting here for what comes of it.
    fn begin(
        &self,
        refused: Option<&Arc<Token>>,
    ) -> actix_rt::task::JoinHandle<Result<Arc<Token>, TokenError>> {
        let (tokens, name, refused) = (self.tokens.clone(), self.name.clone(), refused.cloned());
        actix_rt::spawn(async move {
            match refused {
                None => tokens.token(&name).await,
                Some(refused) => tokens.renewed(&name, &refused).await,
            }
        })
    }

    async fn look(&self) {
        self.tokens.account(&self.name).unwrap().actor.send(Look).await.unwrap();
    }

    fn state(&self) -> AccountState {
        self.tokens.accounts().remove(0).state
    }
}

fn secret(token: &Token) -> &str {
    match &token.secret {
        TokenSecret::Bearer(secret) => secret.expose(),
        TokenSecret::Aws(_) => panic!("no bearer token"),
    }
}

fn failure(wait: Option<u64>) -> Fetched {
    let wait = wait.map(Duration::from_secs);
    Err(FetchError::Later { cause: "away".to_owned(), wait })
}

fn end() -> Fetched {
    Err(FetchError::Final { reason: "log in".to_owned() })
}

#[actix_web::test]
async fn all_who_find_no_token_wait_for_one_question() {
    let bench = Bench::new();
    let waiting: Vec<_> = (0..50).map(|_| bench.begin(None)).collect();

    bench.source.answer(Ok(bench.time.token("one", HOUR))).await;

    for waiting in waiting {
        assert_eq!(secret(&waiting.await.unwrap().unwrap()), "one");
    }
    assert_eq!(bench.source.asked(), 1);
}

#[actix_web::test]
async fn a_token_is_refreshed_ahead_of_its_expiry_and_shown_meanwhile() {
    let (bench, _) = Bench::with_token("one").await;
    assert_eq!(bench.state(), AccountState::Fresh);

    bench.time.pass(HOUR - 299);

    assert_eq!(bench.state(), AccountState::Expiring);
    assert_eq!(secret(&bench.get().await.unwrap()), "one", "it is still valid");
    eventually("a question", || bench.source.asked() == 2).await;
    assert_eq!(secret(&bench.get().await.unwrap()), "one", "nobody waits");
    bench.source.answer(Ok(bench.time.token("two", HOUR))).await;
    eventually("it is fresh", || bench.state() == AccountState::Fresh).await;
    assert_eq!(secret(&bench.get().await.unwrap()), "two");
    assert_eq!(bench.source.asked(), 2);
}

#[actix_web::test]
async fn a_token_that_nobody_asks_for_is_refreshed_as_well() {
    let (bench, _) = Bench::with_token("one").await;
    bench.look().await;
    assert_eq!(bench.source.asked(), 1, "there is time");

    bench.time.pass(HOUR - 299);
    bench.look().await;

    eventually("a question", || bench.source.asked() == 2).await;
}

#[actix_web::test]
async fn an_expired_token_is_shown_to_nobody() {
    let (bench, _) = Bench::with_token("one").await;
    bench.time.pass(HOUR);

    let waiting = bench.begin(None);
    bench.source.answer(Ok(bench.time.token("two", HOUR))).await;

    assert_eq!(secret(&waiting.await.unwrap().unwrap()), "two");
}

#[actix_web::test]
async fn a_token_that_has_no_time_left_when_it_comes_is_given_to_who_waited() {
    let bench = Bench::new();
    let waiting = bench.begin(None);

    bench.source.answer(Ok(bench.time.token("one", 0))).await;

    assert_eq!(secret(&waiting.await.unwrap().unwrap()), "one");
}

#[actix_web::test]
async fn one_renewal_serves_all_whose_token_was_refused() {
    let (bench, old) = Bench::with_token("one").await;
    let waiting: Vec<_> = (0..20).map(|_| bench.begin(Some(&old))).collect();
    eventually("a question", || bench.source.asked() == 2).await;
    let innocent = bench.begin(None);

    let refused = bench.source.answer(Ok(bench.time.token("two", HOUR))).await;

    assert_eq!(refused, Some(old.clone()), "the source has to know");
    for waiting in waiting {
        assert_eq!(secret(&waiting.await.unwrap().unwrap()), "two");
    }
    let innocent = innocent.await.unwrap().unwrap();
    assert_eq!(secret(&innocent), "two", "who did not know was not sent to be refused, too");
    let late = bench.begin(Some(&old)).await.unwrap().unwrap();
    assert_eq!(secret(&late), "two", "who comes late with the old one gets the new one at once");
    assert_eq!(bench.source.asked(), 2);
}

#[actix_web::test]
async fn who_is_refused_what_is_just_coming_waits_for_the_next() {
    let bench = Bench::new();
    let coming = Arc::new(bench.time.token("one", HOUR));
    let waiting = bench.begin(Some(&coming)); // as of another replica
    eventually("a question", || bench.source.asked() == 1).await;

    bench.source.answer(Ok(bench.time.token("one", HOUR))).await;
    let refused = bench.source.answer(Ok(bench.time.token("two", HOUR))).await;

    assert_eq!(refused, Some(coming));
    assert_eq!(secret(&waiting.await.unwrap().unwrap()), "two");
}

#[actix_web::test]
async fn a_source_that_has_no_other_token_is_not_asked_in_a_circle() {
    let (bench, old) = Bench::with_token("one").await;
    let waiting = bench.begin(Some(&old));

    bench.source.answer(Ok(bench.time.token("one", HOUR))).await;

    assert!(matches!(waiting.await.unwrap(), Err(TokenError::Unavailable { .. })));
    assert_eq!(secret(&bench.get().await.unwrap()), "one", "there is no better");
    assert_eq!(bench.source.asked(), 2);
}

#[actix_web::test]
async fn a_provider_that_refuses_every_token_does_not_have_one_made_for_each_request() {
    let (bench, old) = Bench::with_token("one").await;
    let waiting = bench.begin(Some(&old));
    bench.source.answer(Ok(bench.time.token("two", HOUR))).await;
    let new = waiting.await.unwrap().unwrap();

    let again = bench.begin(Some(&new)).await.unwrap();

    assert!(matches!(again, Err(TokenError::Unavailable { .. })), "{again:?}");
    assert_eq!(bench.source.asked(), 2);
    bench.time.pass(10);
    let waiting = bench.begin(Some(&new));
    bench.source.answer(Ok(bench.time.token("three", HOUR))).await;
    assert_eq!(secret(&waiting.await.unwrap().unwrap()), "three", "some time later it may be so");
}

#[actix_web::test]
async fn a_token_is_used_to_its_end_while_refreshing_fails_and_is_tried_again_later_and_later() {
    let (bench, _) = Bench::with_token("one").await;
    bench.time.pass(HOUR - 299);
    bench.look().await;
    bench.source.answer(failure(None)).await;
    eventually("it fails", || bench.state().as_str() == "failing").await;

    assert_eq!(secret(&bench.get().await.unwrap()), "one");
    bench.look().await;
    assert_eq!(bench.source.asked(), 2, "not at once again");
    bench.time.pass(1);
    bench.look().await;
    bench.source.answer(failure(Some(30))).await;
    bench.time.pass(29);
    bench.look().await;
    assert_eq!(bench.source.asked(), 3, "the server has said when");
    bench.time.pass(270);
    let without = bench.begin(None);
    bench.source.answer(failure(None)).await;
    let without = without.await.unwrap();
    assert_eq!(without, Err(TokenError::Unavailable { cause: "away".to_owned() }), "it is over");
    assert_eq!(bench.get().await, without, "and nobody waits for what has just failed");
    assert_eq!(bench.source.asked(), 4);
}

#[actix_web::test]
async fn an_account_that_needs_a_login_is_not_asked_for_until_it_may_have_one() {
    let (bench, old) = Bench::with_token("one").await;
    let waiting = bench.begin(Some(&old));
    bench.source.answer(end()).await;
    let needed = TokenError::LoginNeeded { reason: "log in".to_owned() };
    assert_eq!(waiting.await.unwrap(), Err(needed.clone()));

    assert_eq!(bench.get().await, Err(needed), "a refused token is not shown again");
    assert_eq!(bench.state().as_str(), "login_needed");
    bench.look().await;
    assert_eq!(bench.source.asked(), 2);
    bench.time.pass(60);
    bench.look().await;
    bench.source.answer(Ok(bench.time.token("two", HOUR))).await;
    eventually("it is fresh", || bench.state() == AccountState::Fresh).await;
    assert_eq!(secret(&bench.get().await.unwrap()), "two");
}

#[actix_web::test]
async fn a_valid_token_outlives_the_login_that_cannot_be_refreshed() {
    let (bench, _) = Bench::with_token("one").await;
    bench.time.pass(HOUR - 299);
    bench.look().await;
    bench.source.answer(end()).await;
    eventually("it is told", || bench.state().as_str() == "login_needed").await;

    assert_eq!(secret(&bench.get().await.unwrap()), "one");
    bench.time.pass(30);
    assert_eq!(secret(&bench.get().await.unwrap()), "one");
    bench.time.pass(268);
    assert_eq!(secret(&bench.get().await.unwrap()), "one", "to its last second");
}

#[actix_web::test]
async fn an_account_that_is_gone_from_the_configuration_stops() {
    let (bench, _) = Bench::with_token("one").await;
    let weak = bench.tokens.account(&bench.name).unwrap().actor.downgrade();

    let after = bench.tokens.reconfigured([], bench.time.policy());
    let Bench { tokens, name, .. } = bench;
    drop(tokens);

    eventually("it has stopped", || weak.upgrade().is_none_or(|actor| !actor.connected())).await;
    assert!(matches!(after.token(&name).await, Err(TokenError::Unavailable { .. })));
    assert!(after.accounts().is_empty());
}

#[actix_web::test]
async fn refreshes_are_counted_by_what_came_of_them() {
    let (bench, _) = Bench::with_token("one").await;
    let known = bench.tokens.0.as_ref().unwrap();
    let metrics = Metrics::default();
    let policy = TokenPolicy { metrics: metrics.clone(), ..bench.time.policy() };
    known.accounts[&bench.name].actor.send(Reconfigure(policy, Spending::default())).await.unwrap();
    let answers: [fn(&Time) -> Fetched; 4] =
        [|_| failure(None), |time| Ok(time.token("two", HOUR)), |_| end(), |_| end()];
    for answer in answers {
        bench.time.pass(HOUR);
        let waiting = bench.begin(None);
        bench.source.answer(answer(&bench.time)).await;
        let _ = waiting.await.unwrap();
    }

    let all = metrics.gather();
    let family = all.iter().find(|it| it.name() == "ampgate_token_refreshes_total").unwrap();
    let mut counted: Vec<_> = family
        .get_metric()
        .iter()
        .map(|it| (it.get_label()[0].value().to_owned(), it.get_counter().get_value()))
        .collect();
    counted.sort_by(|one, other| one.0.cmp(&other.0));
    let told = |outcome: &str, count: f64| (outcome.to_owned(), count);
    let expected = [told("failure", 1.0), told("login_needed", 1.0), told("success", 1.0)];
    assert_eq!(counted, expected, "that a login is needed is told once");
}

/// Fault of the first version: the token was shown again as soon as a first try had failed, each call was
/// turned down by the provider, and the credential rested past the refresh that mended it.
#[actix_web::test]
async fn a_refused_token_is_shown_to_nobody_until_it_is_replaced() {
    let (bench, one) = Bench::with_token("one").await;
    let renewing = bench.begin(Some(&one));
    bench.source.answer(failure(None)).await;
    assert!(renewing.await.unwrap().is_err());

    assert_eq!(bench.get().await, Err(TokenError::Unavailable { cause: "away".to_owned() }));
    bench.time.pass(HOUR / 60);
    bench.look().await;
    bench.source.answer(Ok(bench.time.token("two", HOUR))).await;

    eventually("it is fresh", || bench.state() == AccountState::Fresh).await;
    assert_eq!(secret(&bench.get().await.unwrap()), "two");
}

/// Fault of the first version: with a server that let everybody wait, each call did, beside credentials that
/// were well.
#[actix_web::test]
async fn nobody_waits_for_another_try_of_what_has_failed() {
    let bench = Bench::new();
    let first = bench.begin(None);
    bench.source.answer(failure(None)).await;
    assert!(first.await.unwrap().is_err());
    bench.time.pass(60);
    bench.look().await;
    eventually("another try", || bench.source.asked() == 2).await;

    assert_eq!(bench.get().await, Err(TokenError::Unavailable { cause: "away".to_owned() }));
}
