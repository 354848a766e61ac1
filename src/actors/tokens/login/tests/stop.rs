//! A stop while a refresh waits for its turn.

use super::shared::{login_account, policy};
use super::*;
use crate::actors::clock::Clock;
use crate::actors::state::SharedState;
use crate::metrics::Metrics;

/// Fault of the first version: it asked when it had the lock, and the process ended before the answer came.
#[actix_web::test]
async fn a_refresh_that_got_its_lock_after_the_stop_spent_a_token_for_nobody() {
    const EXPIRED: u64 = 4_000;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account-1.json");
    std::fs::write(&file, account(Some("refresh"), None).to_text()).unwrap();
    let lock = store::try_lock(&file).unwrap().unwrap();
    let alone = SharedState::start(None, Metrics::default(), Clock::system());
    let login = Login::new(login_account(&file), policy(EXPIRED, alone), Spending::default());
    let fetched = actix_rt::spawn(login.fetch(None));

    assert!(!login.stop(), "nothing is spent, so nobody has to wait");
    drop(lock);

    assert_eq!(fetched.await.unwrap(), Err(later("the gateway stops".to_owned())));
}
