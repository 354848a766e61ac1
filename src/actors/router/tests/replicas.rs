//! Routers of several replicas that share their state through a real server.

use super::*;
use crate::actors::state::SharedState;
use crate::actors::state::testing::{TestRedis, eventually};
use crate::metrics::Metrics;

/// A replica: its router, and what it shares.
struct Replica {
    story: Story,
    state: SharedState,
}

impl Replica {
    /// One that has met its server.
    async fn at(redis: &TestRedis, credentials: Vec<Credential>) -> Self {
        let replica = Self::that_knows(redis, credentials);
        replica.until_shared().await;
        replica
    }

    fn that_knows(redis: &TestRedis, credentials: Vec<Credential>) -> Self {
        let seconds = Arc::new(AtomicU64::new(0));
        let passed = seconds.clone();
        // Real time goes on, too: letters are on their way for a while.
        let clock = Clock::telling(move || {
            Instant::now() + Duration::from_secs(passed.load(Ordering::Relaxed))
        });
        let state = SharedState::start(Some(redis.plan("r")), Metrics::default(), clock.clone());
        let router = ProviderRouter::start(settings(credentials), clock);
        let router = router.sharing_through(state.clone());
        Self { story: Story { router, seconds }, state }
    }

    async fn until_shared(&self) {
        eventually("state is shared", async || self.state.is_up()).await;
    }

    /// Fails a call at the one credential that serves the model.
    async fn fail(&self, model: &str, trouble: Trouble) {
        let plan = self.story.plan(model, None);
        self.story.router.failed(plan, trouble, self.story.router.now()).await;
    }

    async fn until_resting(&self, model: &str) {
        eventually("it rests", async || self.story.rests(model).is_some()).await;
    }

    async fn until_serving(&self, model: &str) {
        eventually("it serves", async || self.story.rests(model).is_none()).await;
    }

    fn credential_for(&self, session: &str) -> String {
        self.story.plan("claude-x", Some(session)).credential().id.to_string()
    }
}

/// Two accounts, in the order of each replica's own configuration.
fn two_accounts() -> [Vec<Credential>; 2] {
    [vec![claude("a"), claude("b")], vec![claude("b"), claude("a")]]
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_rest_that_one_replica_has_found_is_obeyed_by_the_other() {
    let redis = TestRedis::start().await;
    let one = Replica::at(&redis, vec![claude("a")]).await;
    let other = Replica::at(&redis, vec![claude("a")]).await;

    one.fail("claude-x", limited(Some(3600))).await;

    other.until_resting("claude-x").await;
    let left = other.story.rests("claude-x").unwrap();
    assert!(left > Duration::from_secs(3500), "{left:?}");
    assert_eq!(other.story.rests("claude-y"), None, "a limit of one model is no other's");
    let third = Replica::at(&redis, vec![claude("b")]).await;
    assert_eq!(third.story.rests("claude-x"), None, "another account");
}

/// Fault of the first version: an account that a reload brought was asked although it rested, until this
/// replica connected anew.
#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn an_account_that_a_reload_brings_rests_as_the_others_know() {
    let redis = TestRedis::start().await;
    let one = Replica::at(&redis, vec![claude("a")]).await;
    one.fail("claude-x", limited(Some(3600))).await;
    let Replica { story, state } = Replica::at(&redis, vec![claude("b")]).await;

    let both = settings(vec![claude("a"), Credential { priority: -1, ..claude("b") }]);
    let other = Replica { story: story.reconfigured(both).await, state };

    eventually("the new account rests", async || {
        other.story.plan("claude-x", None).credential().id.as_str() == "b"
    })
    .await;
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_rest_ends_for_all_when_one_replica_is_answered() {
    let redis = TestRedis::start().await;
    let one = Replica::at(&redis, vec![claude("a")]).await;
    let other = Replica::at(&redis, vec![claude("a")]).await;
    one.fail("claude-x", limited(Some(60))).await;
    other.until_resting("claude-x").await;

    one.story.pass(75);
    one.story.call("claude-x", None).await;

    other.until_serving("claude-x").await;
    let third = Replica::at(&redis, vec![claude("a")]).await;
    assert_eq!(third.story.rests("claude-x"), None, "nor is it kept");
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_rest_that_is_ended_by_hand_ends_for_all() {
    let redis = TestRedis::start().await;
    let one = Replica::at(&redis, vec![claude("a")]).await;
    let other = Replica::at(&redis, vec![claude("a")]).await;
    one.fail("claude-x", limited(Some(60))).await;
    other.until_resting("claude-x").await;

    assert!(one.story.router.reset("a").await);

    other.until_serving("claude-x").await;
    let third = Replica::at(&redis, vec![claude("a")]).await;
    assert_eq!(third.story.rests("claude-x"), None, "nor is it kept");
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_new_replica_learns_what_the_others_know() {
    let redis = TestRedis::start().await;
    let [first, second] = two_accounts();
    let one = Replica::at(&redis, first).await;
    let told = one.story.call("claude-x", Some("s")).await;
    one.fail("claude-y", limited(Some(3600))).await;
    let counted = async |key: &str| redis.run(&["hlen", key]).trim() == "1";
    eventually("the rest is kept", async || counted("test:rests").await).await;
    eventually("the conversation is kept", async || counted("test:bindings").await).await;

    let other = Replica::at(&redis, second).await;

    eventually("the conversation is known", async || {
        // Turns alternate: a conversation that nobody knows of would be here and there.
        (0..4).all(|_| other.credential_for("s") == told)
    })
    .await;
    let resting =
        if one.story.plan("claude-y", None).credential().id.as_str() == "a" { "b" } else { "a" };
    for _ in 0..4 {
        let chosen = other.story.plan("claude-y", None).credential().id.to_string();
        assert_ne!(chosen, resting);
    }
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn what_replicas_share_names_no_key_and_no_session() {
    let redis = TestRedis::start().await;
    let one = Replica::at(&redis, vec![claude("a"), claude("b")]).await;
    one.story.call("claude-x", Some("hush-session")).await;
    one.fail("claude-y", limited(Some(3600))).await;
    let counted = async |key: &str| redis.run(&["hlen", key]).trim() == "1";
    eventually("the rest is kept", async || counted("test:rests").await).await;
    eventually("the conversation is kept", async || counted("test:bindings").await).await;

    let names = redis.run(&["keys", "*"]);
    let kept: Vec<String> = names
        .lines()
        .map(|name| redis.run(&[if name.ends_with("until") { "zcard" } else { "hgetall" }, name]))
        .collect();
    let kept = format!("{names}{}", kept.concat());

    assert!(kept.contains("claude-y"), "names of models are there: {kept}");
    for secret in ["key-of-a", "key-of-b", "hush"] {
        assert!(!kept.contains(secret), "{secret} in {kept}");
    }
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_conversation_is_with_one_account_whichever_replica_it_comes_through() {
    let redis = TestRedis::start().await;
    let [first, second] = two_accounts();
    let one = Replica::at(&redis, first).await;
    let other = Replica::at(&redis, second).await;
    for session in ["s", "t", "u", "v"] {
        let told = one.story.call("claude-x", Some(session)).await;
        eventually("the conversation is known", async || {
            (0..4).all(|_| other.credential_for(session) == told)
        })
        .await;
    }
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_replica_goes_on_alone_and_tells_when_its_server_is_back() {
    let redis = TestRedis::start().await;
    let port = redis.port();
    let one = Replica::at(&redis, two_accounts()[0].clone()).await;
    let other = Replica::at(&redis, two_accounts()[1].clone()).await;
    one.fail("claude-w", limited(Some(3600))).await;
    drop(redis);
    eventually("it is noticed", async || !one.state.is_up() && !other.state.is_up()).await;

    one.fail("claude-x", limited(Some(3600))).await;
    one.fail("claude-x", limited(Some(3600))).await;
    let told = one.story.call("claude-y", Some("s")).await;
    assert!(one.story.rests("claude-x").is_some(), "its own view");
    assert!(other.story.rests("claude-x").is_none(), "nobody has told it");

    let _back = TestRedis::start_on(port).await;
    one.until_shared().await;
    other.until_resting("claude-x").await;
    eventually("the conversation is known", async || {
        let plan = |_| other.story.plan("claude-y", Some("s")).credential().id.to_string();
        (0..4).map(plan).all(|id| id == told)
    })
    .await;
}
