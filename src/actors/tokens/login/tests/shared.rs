//! Two replicas, one account, and a volume whose files cannot be locked for both of them.

use super::*;
use crate::actors::clock::{Clock, WallClock};
use crate::actors::state::SharedState;
use crate::actors::state::testing::{TestRedis, eventually};
use crate::actors::tokens;
use crate::config::{Endpoint, OAuthClient, TokenRequestForm};
use crate::metrics::Metrics;
use crate::types::{Origin, ProviderName};

/// At whose server nobody answers: who asks there all the same gets an error.
pub(super) fn login_account(file: &Path) -> LoginAccount {
    let client = OAuthClient {
        name: ProviderName::new("company"),
        authorize_url: None,
        token: Endpoint {
            origin: Origin::split("http://127.0.0.1:1").unwrap().0,
            path: "/token".to_owned(),
            proxy: None,
        },
        device: None,
        client_id: "gate".to_owned(),
        client_secret: None,
        scopes: Vec::new(),
        token_request: TokenRequestForm::Form,
    };
    LoginAccount { client: Arc::new(client), file: file.to_owned() }
}

pub(super) fn policy(seconds: u64, state: SharedState) -> TokenPolicy {
    tokens::tests::policy(WallClock::telling(move || at(seconds)), state)
}

async fn replica(redis: &TestRedis, name: &str) -> SharedState {
    let state = SharedState::start(Some(redis.plan(name)), Metrics::default(), Clock::system());
    eventually("state is shared", async || state.is_up()).await;
    state
}

#[actix_web::test]
#[ignore = "needs redis-server; CI runs it: cargo test --lib -- --ignored"]
async fn a_refresh_waits_for_the_other_replicas_and_takes_their_tokens() {
    const EXPIRED: u64 = 4_000;
    let redis = TestRedis::start().await;
    let (mine, others) = (replica(&redis, "mine").await, replica(&redis, "others").await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account-1.json");
    std::fs::write(&file, account(Some("spent"), None).to_text()).unwrap();
    let long = Duration::from_secs(60);
    let login = Login::new(login_account(&file), policy(EXPIRED, mine), Spending::default());
    let name = login.0.lock_name();
    let Turn::Mine(lock) = others.lock(&name, long, Duration::ZERO).await else {
        panic!("it is free")
    };

    let fetched = actix_rt::spawn(login.fetch(None));
    eventually("it asks for the lock in vain", async || {
        let all = redis.run(&["INFO", "commandstats"]);
        all.lines().any(|line| line.contains("cmdstat_set:") && !line.contains("calls=1,"))
    })
    .await;
    let renewed = account(Some("refresh"), None);
    let renewed =
        StoredAccount { obtained_at: at(EXPIRED), expires_at: Some(at(9_000)), ..renewed };
    let renewed = StoredAccount { access_token: key("theirs"), ..renewed };
    std::fs::write(&file, renewed.to_text()).unwrap();
    lock.release().await;

    assert_eq!(fetched.await.unwrap(), Ok(token_of(&renewed)));
}
