//! Limits that hold over several replicas, which share their state through a real server.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::actors::clock::Clock;
use crate::actors::state::StatePlan;
use crate::actors::state::testing::{TestRedis, eventually};
use crate::config::RedisServer;
use crate::limits::Moment;
use crate::types::Filling;

/// A replica that keeps alice to her limits.
struct Replica {
    limits: Limits,
    state: SharedState,
    metrics: Metrics,
}

impl Replica {
    async fn at(redis: &TestRedis, of_alice: ClientLimits, clock: &WallClock) -> Self {
        Self::sharing(redis.plan("r"), of_alice, clock).await
    }

    async fn sharing(plan: StatePlan, of_alice: ClientLimits, clock: &WallClock) -> Self {
        let metrics = Metrics::default();
        let state = SharedState::start(Some(plan), metrics.clone(), Clock::system());
        let clients = [client("alice", of_alice)];
        let limits = Limits::new(&clients, clock.clone(), metrics.clone());
        let limits = limits.sharing_through(state.clone());
        eventually("state is shared", async || state.is_up()).await;
        Self { limits, state, metrics }
    }

    async fn admit(&self, claim: Claim) -> Result<Admission, LimitReached> {
        self.limits.admit(&alice(), claim).await
    }

    /// How often a request has waited in vain.
    fn missed_deadlines(&self) -> f64 {
        let families = self.metrics.gather();
        let errors = families.iter().filter(|f| f.name() == "ampgate_state_errors_total");
        let claims = errors
            .flat_map(prometheus::proto::MetricFamily::get_metric)
            .filter(|metric| metric.get_label().iter().any(|label| label.value() == "claim"));
        claims.map(|metric| metric.get_counter().get_value()).sum()
    }
}

fn alice() -> ClientId {
    ClientId::new("alice")
}

/// In the middle of a minute of a day of a month.
fn noon() -> (WallClock, Arc<AtomicU64>) {
    let ms = Arc::new(AtomicU64::new(1_700_000_010_000));
    let told = ms.clone();
    let clock = move || UNIX_EPOCH + Duration::from_millis(told.load(Ordering::Relaxed));
    (WallClock::telling(clock), ms)
}

fn per_minute(most: u32) -> ClientLimits {
    ClientLimits { requests_per_minute: Some(most), ..ClientLimits::default() }
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_rate_holds_over_all_replicas_however_many_ask_at_once() {
    let (redis, (clock, _)) = (TestRedis::start().await, noon());
    let (one, other) = (
        Replica::at(&redis, per_minute(50), &clock).await,
        Replica::at(&redis, per_minute(50), &clock).await,
    );

    let asked = (0..200).map(|n| if n % 3 == 0 { &one } else { &other });
    let verdicts = futures::future::join_all(asked.map(|r| r.admit(Claim::Request))).await;

    assert_eq!(verdicts.iter().filter(|verdict| verdict.is_ok()).count(), 50);
    let refusal = one.admit(Claim::Request).await.unwrap_err();
    assert_eq!(refusal.limit, Limit::RequestsPerMinute(50));
    assert!(refusal.seconds > 30, "the others are in the sum: {refusal:?}");
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_place_that_one_replica_gives_back_is_the_others() {
    let (redis, (clock, _)) = (TestRedis::start().await, noon());
    let one = Replica::at(&redis, places(3), &clock).await;
    let other = Replica::at(&redis, places(3), &clock).await;
    let held = [one.admit(Claim::Request).await.unwrap(), one.admit(Claim::Request).await.unwrap()];
    let _third = other.admit(Claim::Request).await.unwrap();
    other.admit(Claim::Request).await.unwrap_err();
    one.admit(Claim::Request).await.unwrap_err();

    drop(held);

    eventually("there is room", async || other.admit(Claim::Request).await.is_ok()).await;
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn what_one_replica_has_used_counts_for_all() {
    let (redis, (clock, _)) = (TestRedis::start().await, noon());
    let one = Replica::at(&redis, per_day(100), &clock).await;
    let other = Replica::at(&redis, per_day(100), &clock).await;

    one.admit(CALL).await.unwrap().settle(used(100));

    eventually("it is used", async || other.admit(CALL).await.is_err()).await;
    let refusal = other.admit(CALL).await.unwrap_err();
    assert_eq!((refusal.limit, refusal.filling), (Limit::TokensPerDay(100), Filling::Used));
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_server_that_hangs_costs_one_deadline_and_what_is_used_meanwhile_counts() {
    let (redis, (clock, _)) = (TestRedis::start().await, noon());
    let one = Replica::at(&redis, per_day(100), &clock).await;
    let other = Replica::at(&redis, per_day(100), &clock).await;

    redis.freeze();
    for _ in 0..50 {
        one.admit(CALL).await.unwrap().settle(used(1));
    }
    assert!(one.missed_deadlines() <= 1.0, "{}", one.missed_deadlines());
    one.admit(CALL).await.unwrap().settle(used(50));
    one.admit(CALL).await.unwrap_err();
    redis.thaw();

    eventually("it is back", async || other.state.is_up() && one.state.is_up()).await;
    eventually("it is used", async || other.admit(CALL).await.is_err()).await;
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_replica_that_has_died_holds_no_place_and_what_it_has_used_stays_used() {
    let (redis, (clock, _)) = (TestRedis::start().await, noon());
    let both = ClientLimits { concurrent_requests: Some(2), ..per_day(100) };
    let one = Replica::at(&redis, both, &clock).await;
    let now = Moment::of(clock.now());
    let died = format!(
        r#"{{"v":1,"seq":9,"minute":{},"this":7,"last":0,"under_way":2,"day":{},"day_used":100,"day_reserved":5,"month":{},"month_used":0,"month_reserved":0}}"#,
        now.minute(),
        now.day(),
        now.month()
    );
    redis.run(&["hset", "test:client:alice", "00000000000000ff", &died]);

    let _place = one.admit(Claim::Request).await.unwrap();
    one.admit(CALL).await.unwrap_err();

    let alive = "99999999999999 {}";
    redis.run(&["hset", "test:replicas", "00000000000000ff", alive]);
    one.admit(Claim::Request).await.unwrap_err();
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_client_that_leaves_while_the_server_is_asked_leaves_nothing_behind() {
    let (redis, (clock, _)) = (TestRedis::start().await, noon());
    let one = Replica::at(&redis, places(1), &clock).await;
    redis.freeze();
    {
        let mut asking = std::pin::pin!(one.admit(Claim::Request));
        assert!(futures::poll!(asking.as_mut()).is_pending());
    }
    redis.thaw();

    eventually("there is room", async || one.admit(Claim::Request).await.is_ok()).await;
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_client_that_leaves_while_the_server_is_asked_has_made_no_request_of_its_minute() {
    let (redis, (clock, _)) = (TestRedis::start().await, noon());
    let one = Replica::at(&redis, per_minute(1), &clock).await;
    {
        let mut asking = std::pin::pin!(one.admit(Claim::Request));
        assert!(futures::poll!(asking.as_mut()).is_pending());
    }

    eventually("there is room", async || one.admit(Claim::Request).await.is_ok()).await;
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn claims_that_are_still_asked_about_do_not_keep_each_other_out() {
    let (redis, (clock, _)) = (TestRedis::start().await, noon());
    let one = Replica::at(&redis, places(1), &clock).await;
    let held = one.admit(Claim::Request).await.unwrap();
    let mut early = std::pin::pin!(one.admit(Claim::Request));
    assert!(futures::poll!(early.as_mut()).is_pending());

    drop(held);

    let (early, late) = futures::join!(early, one.admit(Claim::Request));
    early.unwrap_err();
    drop(late.expect("the place was given back before this one came"));
}

/// A way to the server that takes its time with each answer; counts the claims that go there.
async fn slow_way_to(redis: &TestRedis, delay: Duration) -> (StatePlan, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (claims, port) = (Arc::new(AtomicUsize::new(0)), redis.port());
    let mut plan = redis.plan("r");
    let address = format!("redis://{}", listener.local_addr().unwrap());
    plan.settings.server = RedisServer::parse(&address).unwrap();
    let counted = claims.clone();
    actix_rt::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let ((mut asks, mut hears), (mut answers, mut told)) =
                (client.into_split(), server.into_split());
            let counted = counted.clone();
            actix_rt::spawn(async move {
                let mut piece = vec![0; 64 * 1024];
                while let Ok(length @ 1..) = asks.read(&mut piece).await {
                    let found = memmem::find_iter(&piece[..length], "\"ms_of_minute\"").count();
                    counted.fetch_add(found, Ordering::Relaxed);
                    told.write_all(&piece[..length]).await.unwrap();
                }
            });
            actix_rt::spawn(async move {
                let mut piece = vec![0; 64 * 1024];
                while let Ok(length @ 1..) = answers.read(&mut piece).await {
                    tokio::time::sleep(delay).await;
                    if hears.write_all(&piece[..length]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (plan, claims)
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_server_that_is_slow_and_in_time_makes_no_queue_of_claims() {
    let (redis, (clock, _)) = (TestRedis::start().await, noon());
    let (plan, claims) = slow_way_to(&redis, Duration::from_millis(200)).await;
    let one = Replica::sharing(plan, per_minute(100), &clock).await;

    let verdicts = futures::future::join_all((0..50).map(|_| one.admit(Claim::Request))).await;

    assert!(verdicts.iter().all(Result::is_ok));
    // One for the first, one for all that came meanwhile.
    let asked = claims.load(Ordering::Relaxed);
    assert!((1..=2).contains(&asked), "{asked} questions, one after the other");
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn of_claims_that_are_asked_about_together_as_many_are_let_in_as_have_room() {
    let (redis, (clock, _)) = (TestRedis::start().await, noon());
    let both = ClientLimits { concurrent_requests: Some(20), ..per_day(100) };
    let one = Replica::at(&redis, both, &clock).await;
    let other = Replica::at(&redis, both, &clock).await;
    let _elsewhere = other.admit(CALL).await.unwrap();

    let calls = futures::future::join_all((0..30).map(|_| one.admit(CALL)));
    let requests = futures::future::join_all((0..30).map(|_| one.admit(Claim::Request)));
    let (calls, requests) = futures::join!(calls, requests);

    let let_in = |verdicts: &[Result<Admission, LimitReached>]| {
        verdicts.iter().filter(|verdict| verdict.is_ok()).count()
    };
    assert_eq!((let_in(&calls), let_in(&requests)), (9, 20));
    let last = calls.last().unwrap().as_ref().unwrap_err();
    assert_eq!((last.limit, last.filling), (Limit::TokensPerDay(100), Filling::UnderWay));
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn who_asks_for_all_and_leaves_leaves_the_others_their_claims() {
    let (redis, (clock, _)) = (TestRedis::start().await, noon());
    let one = Replica::at(&redis, places(2), &clock).await;
    let mut behind = Vec::new();
    {
        let mut asking = std::pin::pin!(one.admit(Claim::Request));
        assert!(futures::poll!(asking.as_mut()).is_pending());
        let mut second = Box::pin(one.admit(Claim::Request));
        assert!(futures::poll!(second.as_mut()).is_pending());
        let mut left = Box::pin(one.admit(Claim::Request));
        assert!(futures::poll!(left.as_mut()).is_pending());
        behind.push(second);
    }

    let _second = behind.remove(0).await.unwrap();
    let _third = one.admit(Claim::Request).await.unwrap();
    one.admit(Claim::Request).await.unwrap_err();
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_refused_claim_holds_no_place_in_the_eyes_of_others() {
    let (redis, (clock, _)) = (TestRedis::start().await, noon());
    let one = Replica::at(&redis, places(2), &clock).await;
    let other = Replica::at(&redis, places(2), &clock).await;
    let held = one.admit(Claim::Request).await.unwrap();
    let _first = other.admit(Claim::Request).await.unwrap();
    let mut asking = std::pin::pin!(one.admit(Claim::Request));
    assert!(futures::poll!(asking.as_mut()).is_pending());

    drop(held); // told with the claim in it
    asking.await.unwrap_err();

    eventually("there is room", async || other.admit(Claim::Request).await.is_ok()).await;
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn what_still_runs_holds_its_place_when_a_month_begins() {
    let (redis, (clock, ms)) = (TestRedis::start().await, noon());
    let one = Replica::at(&redis, places(1), &clock).await;
    let other = Replica::at(&redis, places(1), &clock).await;
    let held = one.admit(Claim::Request).await.unwrap();

    ms.fetch_add(31 * 24 * 60 * 60 * 1000, Ordering::Relaxed);
    other.admit(Claim::Request).await.unwrap_err();
    other.admit(Claim::Request).await.unwrap_err();

    drop(held);
    eventually("there is room", async || other.admit(Claim::Request).await.is_ok()).await;
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn what_replicas_that_left_have_used_stays_used_and_is_kept_in_one_place() {
    let (redis, (clock, _)) = (TestRedis::start().await, noon());
    let both = ClientLimits { requests_per_minute: Some(4), ..per_day(100) };
    let dollar = Usd::from_dollars(123_456.789_012_345);
    for _ in 0..3 {
        let one = Replica::at(&redis, both, &clock).await;
        drop(one.admit(Claim::Request).await.unwrap());
        one.admit(CALL).await.unwrap().settle(Used { tokens: 33, money: dollar });
        one.state.leave().await;
    }

    assert_eq!(redis.run(&["hkeys", "test:client:alice"]).trim(), "gone");
    let gone = redis.run(&["hget", "test:client:alice", "gone"]);
    let gone: crate::limits::Counts = serde_json::from_str(&gone).unwrap();
    assert_eq!((gone.this, gone.under_way, gone.day_used), (3, 0, 99));
    assert_eq!(gone.month_used, 3 * dollar.nanos());
    let last = Replica::at(&redis, both, &clock).await;
    last.admit(CALL).await.unwrap().settle(used(1));
    last.admit(CALL).await.unwrap_err();
    drop(last.admit(Claim::Request).await.unwrap());
    last.admit(Claim::Request).await.unwrap_err();
}

/// The script does the sums of `Account`: three replicas, one after the other, are told what one
/// process would be told.
#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn all_replicas_together_say_what_one_would() {
    let redis = TestRedis::start().await;
    let (clock, ms) = noon();
    let mut chance = 7_u64;
    let mut roll = |sides: u64| {
        chance =
            chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % sides
    };
    let of_alice = ClientLimits {
        requests_per_minute: Some(12),
        concurrent_requests: Some(150),
        tokens_per_day: Some(4_000),
        money_per_month: Some(Usd::from_dollars(9.0)),
    };
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(Replica::at(&redis, of_alice, &clock).await);
    }
    let mut alone = crate::limits::Account::default();
    let mut held = Vec::new();
    let mut counts = [0, 0];
    for step in 0..600 {
        ms.fetch_add(roll(4_000), Ordering::Relaxed);
        let claim = match roll(3) {
            0 => Claim::Usage { tokens: roll(60), money: Usd::from_nanos(roll(100_000_000)) },
            _ => Claim::Request,
        };
        let now = Moment::of(clock.now());
        let expected = alone.reserve(&Reserve { client: alice(), limits: of_alice, claim, now });

        let verdict = replicas[usize::try_from(roll(3)).unwrap()].admit(claim).await;

        assert_eq!(verdict.as_ref().err(), expected.as_ref().err(), "step {step}: {claim:?}");
        counts[usize::from(verdict.is_ok())] += 1;
        held.extend(verdict.ok());
    }
    assert!(counts.iter().all(|count| *count > 100), "both happen: {counts:?}");
}
