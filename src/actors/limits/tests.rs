mod replicas;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::proto::LabelPair;

use super::*;
use crate::config::ClientLimits;
use crate::types::{ClientKey, Limit, Usd};

fn client(name: &str, limits: ClientLimits) -> Client {
    let rules = ClientRules { limits, ..ClientRules::default() };
    Client { id: ClientId::new(name), key: ClientKey::parse(name).unwrap(), rules }
}

fn places(most: u32) -> ClientLimits {
    ClientLimits { concurrent_requests: Some(most), ..ClientLimits::default() }
}

fn per_day(most: u64) -> ClientLimits {
    ClientLimits { tokens_per_day: Some(most), ..ClientLimits::default() }
}

fn limits(clients: &[Client]) -> Limits {
    Limits::new(clients, WallClock::telling(|| UNIX_EPOCH), Metrics::default())
}

const CALL: Claim = Claim::Usage { tokens: 10, money: Usd::from_nanos(0) };

fn used(tokens: u64) -> Used {
    Used { tokens, money: Usd::default() }
}

#[actix_web::test]
async fn an_admission_that_is_dropped_gives_its_place_back() {
    let limits = limits(&[client("alice", places(1))]);
    let alice = ClientId::new("alice");
    let admission = limits.admit(&alice, Claim::Request).await.unwrap();
    limits.admit(&alice, Claim::Request).await.unwrap_err();

    drop(admission);

    let _admission = limits.admit(&alice, Claim::Request).await.unwrap();
    limits.admit(&alice, Claim::Request).await.unwrap_err();
}

#[actix_web::test]
async fn one_clients_limits_are_no_other_clients() {
    let limits = limits(&[client("alice", places(1)), client("bob", places(1))]);
    let _admission = limits.admit(&ClientId::new("alice"), Claim::Request).await.unwrap();

    let _other = limits.admit(&ClientId::new("bob"), Claim::Request).await.unwrap();
}

#[actix_web::test]
async fn a_client_without_limits_holds_nothing_and_leaves_no_account() {
    let limits = limits(&[client("alice", ClientLimits::default())]);
    let alice = ClientId::new("alice");

    let admission = limits.admit(&alice, Claim::Request).await.unwrap();

    assert_eq!(admission.claim(), None);
    assert!(limits.ledger.book().accounts.is_empty());
    assert_eq!(limits.rules_of(Some(&alice)), None);
}

#[actix_web::test]
async fn what_was_used_still_counts_under_another_configuration() {
    let before = limits(&[client("alice", per_day(1000))]);
    let alice = ClientId::new("alice");
    let running = before.admit(&alice, CALL).await.unwrap();
    before.admit(&alice, CALL).await.unwrap().settle(used(500));

    let after = before.reconfigured(&[client("alice", per_day(510))]);

    after.admit(&alice, CALL).await.unwrap_err();
    running.settle(used(5));
    let admission = after.admit(&alice, CALL).await.unwrap();
    admission.settle(used(5));
    assert_eq!(
        after.admit(&alice, CALL).await.unwrap_err().limit,
        Limit::TokensPerDay(510),
        "what began under the old configuration was settled in the same account"
    );
}

#[actix_web::test]
async fn a_refusal_is_counted_by_client_and_limit() {
    let metrics = Metrics::default();
    let clients = [client("alice", places(1))];
    let limits = Limits::new(&clients, WallClock::telling(|| UNIX_EPOCH), metrics.clone());
    let alice = ClientId::new("alice");
    let _admission = limits.admit(&alice, Claim::Request).await.unwrap();

    limits.admit(&alice, Claim::Request).await.unwrap_err();

    let families = metrics.gather();
    let limited = families.iter().find(|family| family.name() == "ampgate_limited_total").unwrap();
    let counted = &limited.get_metric()[0];
    let labels: Vec<&str> = counted.get_label().iter().map(LabelPair::value).collect();
    assert_eq!(labels, ["alice", "concurrent-requests"]);
    assert!((counted.get_counter().get_value() - 1.0).abs() < f64::EPSILON);
}

#[actix_web::test]
async fn a_new_day_opens_a_budget_again() {
    let today = Arc::new(Mutex::new(UNIX_EPOCH));
    let told = today.clone();
    let clock = WallClock::telling(move || -> SystemTime { *told.lock().unwrap() });
    let limits = Limits::new(&[client("alice", per_day(100))], clock, Metrics::default());
    let alice = ClientId::new("alice");
    limits.admit(&alice, CALL).await.unwrap().settle(used(100));
    limits.admit(&alice, CALL).await.unwrap_err();

    *today.lock().unwrap() += Duration::from_secs(24 * 60 * 60);

    limits.admit(&alice, CALL).await.unwrap().settle(used(1));
}
