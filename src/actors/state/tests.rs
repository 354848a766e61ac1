//! The actor through its handle, with a real server.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use actix::{Actor, Context, Handler};

use super::testing::{TestRedis, eventually};
use super::*;
use crate::actors::upstream::UpstreamTls;
use crate::dialect::{SessionKey, TroubleClass};
use crate::types::{ApiKey, ModelName};

/// Writes down what it hears.
struct Listener(Arc<Mutex<Vec<Heard>>>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<Heard> for Listener {
    type Result = ();

    fn handle(&mut self, heard: Heard, _: &mut Self::Context) {
        self.0.lock().unwrap().push(heard);
    }
}

struct Replica {
    state: SharedState,
    metrics: Metrics,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Replica {
    fn with(plan: Option<StatePlan>) -> Self {
        let metrics = Metrics::default();
        let state = SharedState::start(plan, metrics.clone(), Clock::system());
        let heard = Arc::new(Mutex::new(Vec::new()));
        state.attach(Listener(heard.clone()).start().recipient());
        Self { state, metrics, heard }
    }

    async fn at(redis: &TestRedis, name: &str) -> Self {
        let replica = Self::with(Some(redis.plan(name)));
        replica.until_up().await;
        replica
    }

    async fn until_up(&self) {
        eventually("it is up", async || self.state.is_up()).await;
    }

    async fn until_down(&self) {
        eventually("it is down", async || !self.state.is_up()).await;
    }

    fn rests(&self) -> Vec<u32> {
        let heard = self.heard.lock().unwrap();
        let news = heard.iter().filter_map(|heard| match heard {
            Heard::News(news) => Some(news),
            Heard::Connected => None,
        });
        let rests = news.flatten().filter_map(|news| match news {
            News::Rest(rest) => Some(rest.level),
            _ => None,
        });
        rests.collect()
    }

    fn connections(&self) -> usize {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|heard| matches!(heard, Heard::Connected)).count()
    }

    fn metric(&self, name: &str) -> Option<f64> {
        let families = self.metrics.gather();
        let family = families.iter().find(|family| family.name() == name)?;
        let metrics = family.get_metric().iter();
        Some(metrics.map(|m| m.get_gauge().get_value() + m.get_counter().get_value()).sum())
    }
}

fn account() -> AccountName {
    AccountName::try_from("0".repeat(32)).unwrap()
}

/// Told apart by its level.
fn rest(level: u32) -> News {
    let now = Instant::now();
    News::Rest(SharedRest {
        account: account(),
        model: ModelName::parse(&format!("m-{level}")),
        class: TroubleClass::Limited,
        began: now,
        until: now + Duration::from_secs(600),
        level,
        was_told: true,
    })
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn news_reach_the_others_in_their_order_and_not_oneself() {
    let redis = TestRedis::start().await;
    let (one, other) = (Replica::at(&redis, "a").await, Replica::at(&redis, "b").await);

    for level in 0..1000 {
        one.state.tell(rest(level));
    }

    eventually("all are heard", async || other.rests().len() == 1000).await;
    assert_eq!(other.rests(), (0..1000).collect::<Vec<_>>());
    assert_eq!(one.rests(), [0; 0]);
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_server_that_hangs_keeps_nobody_waiting_and_is_found_again() {
    let redis = TestRedis::start().await;
    let (one, other) = (Replica::at(&redis, "a").await, Replica::at(&redis, "b").await);
    assert_eq!(one.metric("ampgate_state_up"), Some(1.0));

    redis.freeze();
    one.state.tell(rest(1)); // returns, whatever the server does
    one.until_down().await;
    assert_eq!(one.metric("ampgate_state_up"), Some(0.0));
    assert!(one.metric("ampgate_state_errors_total") >= Some(1.0));
    one.state.tell(rest(2));
    redis.thaw();

    one.until_up().await;
    eventually("both are heard", async || {
        let heard = other.rests();
        heard.contains(&1) && heard.contains(&2)
    })
    .await;
    assert_eq!(one.metric("ampgate_state_up"), Some(1.0));
    assert!(one.connections() >= 2, "whoever owns the view is asked for it again");
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_server_that_is_not_there_yet_is_met_when_it_comes() {
    let gone = TestRedis::start().await;
    let (port, plan) = (gone.port(), gone.plan("a"));
    drop(gone);
    let early = Replica::with(Some(plan));
    early.state.tell(rest(1));
    eventually("it is noticed", async || early.metric("ampgate_state_up") == Some(0.0)).await;

    let redis = TestRedis::start_on(port).await;

    early.until_up().await;
    eventually("it is told", async || redis.run(&["hlen", "test:rests"]).trim() == "1").await;
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn replicas_see_each_other() {
    let redis = TestRedis::start().await;
    let (one, _other) = (Replica::at(&redis, "a").await, Replica::at(&redis, "b").await);

    eventually("both are seen", async || one.state.replicas().len() == 2).await;

    let replicas = one.state.replicas();
    let seen: Vec<_> = replicas.iter().map(|r| (r.name.as_str(), r.is_this_one)).collect();
    assert_eq!(seen, [("a", true), ("b", false)]);
    redis.freeze();
    one.until_down().await;
    assert!(one.state.replicas().is_empty(), "what is not known is not shown");
    redis.thaw();
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn what_is_kept_ends_by_itself_and_is_bounded() {
    let redis = TestRedis::start().await;
    let one = Replica::at(&redis, "a").await;
    for level in 0..4200 {
        one.state.tell(rest(level));
    }
    one.state.tell(News::Bound(binding("s")));
    eventually("all are told", async || redis.run(&["hlen", "test:bindings"]).trim() == "1").await;

    let count: usize = redis.run(&["hlen", "test:rests"]).trim().parse().unwrap();
    assert!(count <= 4096, "{count}");
    for key in redis.run(&["keys", "*"]).lines() {
        let left: i64 = redis.run(&["ttl", key]).trim().parse().unwrap();
        assert!((1..=3600).contains(&left), "{key} lives {left} s");
    }
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn of_two_rests_the_longer_is_kept_whoever_tells_last() {
    let redis = TestRedis::start().await;
    let (one, other) = (Replica::at(&redis, "a").await, Replica::at(&redis, "b").await);
    let rest_of = |level, secs| {
        let News::Rest(rest) = rest(level) else { unreachable!() };
        let until = rest.began + Duration::from_secs(secs);
        News::Rest(SharedRest { model: None, until, ..rest })
    };
    one.state.tell(rest_of(1, 600));
    eventually("it is heard", async || other.rests() == [1]).await;
    other.state.tell(rest_of(2, 60));
    eventually("it is heard all the same", async || one.rests() == [2]).await;

    let third = Replica::at(&redis, "c").await;
    eventually("it is read", async || third.rests() == [1]).await;

    one.state.tell(rest_of(3, 900));
    eventually("it is heard", async || third.rests() == [1, 3]).await;
    let fourth = Replica::at(&redis, "d").await;
    eventually("the longer takes its place", async || fourth.rests() == [3]).await;
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_replica_that_leaves_tells_what_waits_and_is_gone_at_once() {
    let redis = TestRedis::start().await;
    let (one, other) = (Replica::at(&redis, "a").await, Replica::at(&redis, "b").await);
    for level in 0..1000 {
        one.state.tell(rest(level));
    }

    one.state.leave().await;

    assert_eq!(redis.run(&["hlen", "test:rests"]).trim(), "1000");
    assert_eq!(redis.run(&["hlen", "test:replicas"]).trim(), "1");
    assert!(!one.state.is_up());
    eventually("it is missed", async || other.state.replicas().len() == 1).await;
    one.state.tell(rest(1000));
    Replica::at(&redis, "c").await;
    assert_eq!(redis.run(&["hlen", "test:rests"]).trim(), "1000", "its last word is its last");
}

fn binding(session: &str) -> SharedBinding {
    let name = |text| ModelName::parse(text).unwrap();
    SharedBinding {
        session: SessionKey::from_bytes(session.repeat(16).as_bytes().try_into().unwrap()),
        model: name("claude-x"),
        account: account(),
        upstream_model: name("claude-x"),
        used_at: Instant::now(),
        ttl: Duration::from_secs(600),
    }
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn another_version_and_nonsense_are_left_alone() {
    let redis = TestRedis::start().await;
    let (one, other) = (Replica::at(&redis, "a").await, Replica::at(&redis, "b").await);
    for text in ["{\"v\":2,\"party\":true}", "hello", "{\"v\":1,\"from\":\"1\",\"news\":{}}"] {
        redis.run(&["publish", "test:news", text]);
        redis.run(&["hset", "test:rests", text, text]);
        redis.run(&["zadd", "test:rests:until", "99999999999999", text]);
        redis.run(&["hset", "test:replicas", text, text]);
    }

    one.state.tell(rest(7));

    eventually("it is heard", async || other.rests() == [7]).await;
    let third = Replica::at(&redis, "c").await;
    eventually("it is read", async || third.rests() == [7]).await;
}

/// A key of another kind in our place: a mistake that no new connection mends.
#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn what_the_server_refuses_is_counted_and_costs_no_connection() {
    let redis = TestRedis::start().await;
    let (one, other) = (Replica::at(&redis, "a").await, Replica::at(&redis, "b").await);
    redis.run(&["set", "test:bindings", "text"]);

    one.state.tell(News::Bound(binding("s")));
    one.state.tell(rest(7));

    eventually("the next one is heard", async || other.rests() == [7]).await;
    assert_eq!(one.metric("ampgate_state_errors_total"), Some(1.0));
    assert!(one.state.is_up());
    assert_eq!(one.connections(), 1);
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_reload_takes_another_server_or_none() {
    let (old, new) = (TestRedis::start().await, TestRedis::start().await);
    let (one, there) = (Replica::at(&old, "a").await, Replica::at(&new, "b").await);

    one.state.reconfigure(Some(new.plan("a")));
    eventually("they meet", async || there.state.replicas().len() == 2).await;
    one.state.tell(rest(1));
    eventually("it is heard there", async || there.rests() == [1]).await;

    one.state.reconfigure(None);
    one.until_down().await;
    assert_eq!(one.metric("ampgate_state_up"), None, "who shares nothing is not down");
    one.state.tell(rest(2));
    there.state.tell(rest(3));
    one.state.reconfigure(Some(new.plan("a")));
    eventually("it reads what it missed", async || one.rests().contains(&3)).await;
    assert_eq!(there.rests(), [1], "nothing is told while nothing is shared");
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_server_with_a_password_is_logged_in_to() {
    let redis = TestRedis::start().await;
    redis.run(&["config", "set", "requirepass", "hush"]);
    let with = |password: &str| {
        let mut plan = redis.plan("a");
        plan.settings.server.password = ApiKey::parse(password).ok();
        plan
    };
    let wrong = Replica::with(Some(with("rush")));
    eventually("it is turned away", async || wrong.metric("ampgate_state_up") == Some(0.0)).await;

    let right = Replica::with(Some(with("hush")));

    right.until_up().await;
    assert!(!wrong.state.is_up());
}

/// Its certificate is checked by the authorities that the configuration names.
#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_server_behind_tls_has_to_be_one_we_trust() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let redis = TestRedis::start_with(&[
        "--tls-cert-file",
        &text(&cert),
        "--tls-key-file",
        &text(&key),
        "--tls-auth-clients",
        "no",
    ])
    .await;
    let with = |authority: Option<&std::path::Path>| {
        let mut plan = redis.plan("a");
        let address = format!("rediss://localhost:{}", redis.tls_port());
        plan.settings.server = crate::config::RedisServer::parse(&address).unwrap();
        plan.tls = UpstreamTls::load(authority).unwrap();
        plan
    };
    let stranger = Replica::with(Some(with(None)));
    eventually("it is not trusted", async || stranger.metric("ampgate_state_up") == Some(0.0))
        .await;

    Replica::with(Some(with(Some(&cert)))).until_up().await;
}

#[actix_web::test]
async fn where_nothing_is_shared_nothing_is_said() {
    let alone = Replica::with(None);

    alone.state.tell(rest(1));

    assert!(!alone.state.is_on() && !alone.state.is_up());
    assert!(alone.state.replicas().is_empty());
    assert_eq!(alone.metric("ampgate_state_up"), None);
}
