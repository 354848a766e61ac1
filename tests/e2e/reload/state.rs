//! What is known of accounts, and of conversations, goes on over a reload.

use crate::support::{Client, GatewayProcess, StubUpstream};

/// A provider that has no more for us.
async fn exhausted() -> StubUpstream {
    StubUpstream::answering(|mut conversation| async move {
        let fields = [("content-type", "application/json"), ("retry-after", "3600")];
        conversation
            .reply(
                429,
                &fields,
                r#"{"type":"error","error":{"type":"rate_limit_error","message":"m"}}"#,
            )
            .await;
        Some(conversation)
    })
    .await
}

async fn willing() -> StubUpstream {
    StubUpstream::replying(200, "application/json", "{}").await
}

/// Credentials for Claude models in this order, taken in this order.
fn fill_first(credentials: &[(&str, &StubUpstream)]) -> String {
    let entry = |(key, upstream): &(&str, &StubUpstream)| {
        format!("  - {{ api-key: {key}, base-url: '{}' }}\n", upstream.origin)
    };
    let entries: String = credentials.iter().map(entry).collect();
    format!("api-keys: [k]\nrouting: {{ strategy: fill-first }}\nclaude-api-key:\n{entries}")
}

async fn call(gateway: &GatewayProcess, session: &str) -> u16 {
    let mut client = Client::connect(gateway.address).await;
    let fields = [("x-api-key", "k"), ("x-session-id", session)];
    client.send("POST", "/v1/messages", &fields, br#"{"model":"claude-x"}"#).await;
    client.response().await.status
}

#[actix_web::test]
async fn an_account_that_stays_keeps_its_rest_and_one_that_went_begins_anew() {
    let (tired, fresh) = (exhausted().await, willing().await);
    let asked = || (tired.requests().len(), fresh.requests().len());
    let (one, two) = (("one", &tired), ("two", &fresh));
    let mut gateway = GatewayProcess::start(&fill_first(&[one, two]));
    assert_eq!((call(&gateway, "a").await, asked()), (200, (1, 1)), "the first has to rest");

    gateway.reload(&(fill_first(&[one, two]) + "request-retry: 2\n"));
    assert_eq!((call(&gateway, "b").await, asked()), (200, (1, 2)), "it rests on");

    gateway.reload(&fill_first(&[("new", &fresh), two, one]));
    gateway.reload(&fill_first(&[one, two]));
    assert_eq!((call(&gateway, "c").await, asked()), (200, (1, 3)), "wherever in the file it is");

    gateway.reload(&fill_first(&[two]));
    gateway.reload(&fill_first(&[one, two]));
    assert_eq!((call(&gateway, "d").await, asked()), (200, (2, 4)), "nobody knows it any more");

    gateway.reload(&fill_first(&[("other", &tired), two]));
    assert_eq!((call(&gateway, "e").await, asked()), (200, (3, 5)), "another key, another account");
}

#[actix_web::test]
async fn a_conversation_stays_with_its_account() {
    let (left, right) = (willing().await, willing().await);
    let (one, two) = (("one", &left), ("two", &right));
    let turns =
        |order: &[(&str, &StubUpstream)]| fill_first(order).replace("fill-first", "round-robin");
    let mut gateway = GatewayProcess::start(&turns(&[one, two]));
    for session in ["a", "b", "c", "d"] {
        call(&gateway, session).await;
    }
    let sessions_at = |upstream: &StubUpstream| {
        let mut seen: Vec<_> = upstream
            .requests()
            .iter()
            .map(|request| request.field("x-session-id").unwrap().to_owned())
            .collect();
        seen.sort();
        seen.dedup();
        seen
    };
    let before = (sessions_at(&left), sessions_at(&right));
    assert_eq!((before.0.len(), before.1.len()), (2, 2), "they take turns: {before:?}");

    for order in [[two, one], [one, two]] {
        gateway.reload(&turns(&order));
        for session in ["a", "b", "c", "d", "d", "c", "a"] {
            call(&gateway, session).await;
        }
    }

    assert_eq!((sessions_at(&left), sessions_at(&right)), before);
}
