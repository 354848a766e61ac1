//! Requests in a minute, and requests under way.

use std::rc::Rc;

use tokio::sync::Notify;

use super::{CALLS, Date, call, clients, kind_of, message_of, providers, until, with_key};
use crate::support::{Client, Provider, Scripted, StubUpstream, TestGateway};

#[actix_web::test]
async fn more_requests_than_a_minute_may_have_are_refused_in_the_dialect_of_their_door() {
    let provider = Provider::well("p").await;
    let yaml = clients("limits: { requests-per-minute: 1 }") + &providers(provider.origin());
    let kinds =
        ["rate_limit_error", "rate_limit_exceeded", "rate_limit_exceeded", "RESOURCE_EXHAUSTED"];
    for ((target, bound), kind) in CALLS.into_iter().zip(kinds) {
        let date = Date::evening();
        let gateway = TestGateway::start_at(&yaml, date.clock()).await;
        assert_eq!(gateway.post_json(target, call(bound, 9)).await.status, 200, "{target}");

        let refused = gateway.post_json(target, call(bound, 9)).await;

        assert_eq!(refused.status, 429, "{target}");
        assert_eq!(kind_of(&refused), kind, "{target}");
        assert!(message_of(&refused).contains("1 requests per minute"), "{}", refused.text());
        // The one of this minute counts in the next one as well, until it has faded.
        assert_eq!(refused.field("retry-after"), Some("120"), "{target}");
        assert_eq!(refused.field("x-should-retry"), None, "waiting helps: {target}");
        date.advance(119);
        assert_eq!(gateway.post_json(target, call(bound, 9)).await.status, 429, "{target}");
        date.advance(1);
        assert_eq!(gateway.post_json(target, call(bound, 9)).await.status, 200, "{target}");
    }
    assert_eq!(provider.asked(), 2 * CALLS.len(), "what is refused goes nowhere");
}

#[actix_web::test]
async fn every_kind_of_request_counts_for_its_minute() {
    let provider = Provider::well("p").await;
    let amp = StubUpstream::replying(200, "application/json", "{}").await;
    let yaml = clients("limits: { requests-per-minute: 1 }")
        .replace("upstream-url: ''", &format!("upstream-url: '{}'", amp.origin))
        + &providers(provider.origin());
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("GET",  "/api/user",                 "relay"),
        ("GET",  "/threads/T-1",              "page"),
        ("GET",  "/v1/models",                "list"),
        ("POST", "/v1/messages/count_tokens", "count"),
        ("POST", "/v1/messages",              "call that nobody serves"),
    ];
    for (method, target, why) in cases {
        let gateway = TestGateway::start_at(&yaml, Date::evening().clock()).await;
        let body = if method == "POST" { r#"{"model":"nobody"}"# } else { "" };
        let first = gateway.request(method, target, &[], body).await;
        assert_ne!(first.status, 429, "{why}");

        let second = gateway.post_json("/v1/messages", call("max_tokens", 9)).await;

        assert_eq!(second.status, 429, "{why}");
    }
}

#[actix_web::test]
async fn a_client_without_limits_is_not_touched_by_anothers() {
    let provider = Provider::well("p").await;
    let yaml =
        clients("limits: { requests-per-minute: 1, concurrent-requests: 1, tokens-per-day: 1 }")
            + &providers(provider.origin());
    let gateway = TestGateway::start_at(&yaml, Date::evening().clock()).await;
    for _ in 0..2 {
        gateway.post_json("/v1/messages", call("max_tokens", 9)).await;
    }
    assert_eq!(gateway.post_json("/v1/messages", call("max_tokens", 9)).await.status, 429);

    for _ in 0..20 {
        let body = call("max_tokens", 9);
        let fields = with_key("client-key-2");
        let response = gateway.bare_request("POST", "/v1/messages", &fields, body).await;
        assert_eq!(response.status, 200);
    }
}

/// A request on a connection of its own, whose answer is not waited for.
async fn begin(gateway: &TestGateway) -> Client {
    let mut client = gateway.connect().await;
    let fields = with_key("client-key-1");
    client.send("POST", "/v1/messages", &fields, call("max_tokens", 9).as_bytes()).await;
    client
}

const ASK: (&str, &str) = ("/v1/messages", r#"{"model":"m"}"#);

#[actix_web::test]
async fn requests_at_once_are_never_more_than_may_be() {
    let gate = Rc::new(Notify::new());
    let provider = Provider::saying([Scripted::by("p").behind(&gate)]).await;
    let yaml = clients("limits: { concurrent-requests: 3 }") + &providers(provider.origin());
    let gateway = TestGateway::start_at(&yaml, Date::evening().clock()).await;
    let mut waiting = Vec::new();
    for number in 1..=3 {
        waiting.push(begin(&gateway).await);
        provider.asked_times(number).await;
    }

    for _ in 0..5 {
        let refused = gateway.post_json(ASK.0, ASK.1).await;
        assert_eq!(refused.status, 429);
        assert_eq!(refused.field("retry-after"), Some("1"));
        assert!(message_of(&refused).contains("3 requests under way"), "{}", refused.text());
    }
    assert_eq!(provider.asked(), 3);

    gate.notify_one();
    let done = waiting.remove(0).response().await;
    assert_eq!(done.status, 200);
    let fourth = async { until(&gateway, ASK, |answer| answer.status != 429).await };
    let open = async {
        provider.asked_times(4).await;
        gate.notify_waiters();
    };
    let (answer, ()) = futures::join!(fourth, open);
    assert_eq!(answer.status, 200);
}

#[actix_web::test]
async fn a_stream_holds_its_place_until_its_last_byte() {
    let gate = Rc::new(Notify::new());
    let stream =
        Scripted::stream("event: ping\ndata: {}\n\n").then(&gate, "event: ping\ndata: {}\n\n");
    let provider = Provider::saying([stream, Scripted::by("p")]).await;
    let yaml = clients("limits: { concurrent-requests: 1 }") + &providers(provider.origin());
    let gateway = TestGateway::start_at(&yaml, Date::evening().clock()).await;
    let mut streaming = begin(&gateway).await;
    assert_eq!(streaming.head().await.status, 200);
    streaming.chunk().await.unwrap();

    assert_eq!(gateway.post_json(ASK.0, ASK.1).await.status, 429);
    gate.notify_one();
    while streaming.chunk().await.unwrap().is_some() {}

    let answer = until(&gateway, ASK, |answer| answer.status != 429).await;
    assert_eq!(answer.status, 200);
}

#[actix_web::test]
async fn a_client_that_leaves_gives_its_place_back() {
    let gate = Rc::new(Notify::new());
    let stream = Scripted::stream("event: ping\ndata: {}\n\n").then(&gate, "");
    let provider = Provider::saying([Scripted::silence(), stream, Scripted::by("p")]).await;
    let yaml = clients("limits: { concurrent-requests: 1 }") + &providers(provider.origin());
    let gateway = TestGateway::start_at(&yaml, Date::evening().clock()).await;
    let before_the_head = begin(&gateway).await;
    provider.asked_times(1).await;
    assert_eq!(gateway.post_json(ASK.0, ASK.1).await.status, 429);
    drop(before_the_head);
    provider.all_closed().await;

    // The next one is let in as soon as the first is known to be gone, and leaves in mid-stream.
    let mut in_mid_stream = loop {
        let mut client = begin(&gateway).await;
        if client.head().await.status == 200 {
            break client;
        }
    };
    in_mid_stream.chunk().await.unwrap();
    assert_eq!(gateway.post_json(ASK.0, ASK.1).await.status, 429);
    drop(in_mid_stream);

    let answer = until(&gateway, ASK, |answer| answer.status != 429).await;
    assert_eq!(answer.status, 200);
}
