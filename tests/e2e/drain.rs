//! On SIGTERM nothing new begins, what runs may finish, and what is left ends as well as it can.

use std::rc::Rc;

use tokio::sync::Notify;

use crate::support::{GatewayProcess, StubUpstream};

const EVENT: &str = "event: ping\ndata: {\"type\":\"ping\"}\n\n";

/// An upstream whose stream goes on when the test says so.
async fn streaming(gate: Rc<Notify>) -> StubUpstream {
    StubUpstream::answering(move |mut conversation| {
        let gate = gate.clone();
        async move {
            conversation.begin(200, &[("content-type", "text/event-stream")]).await;
            conversation.chunk(EVENT).await;
            gate.notified().await;
            conversation.chunk(EVENT).await;
            conversation.end().await;
            Some(conversation)
        }
    })
    .await
}

fn settings(origin: &str, drain: &str) -> String {
    format!(
        "api-keys: [client-key-1]\ntimeouts: {{ drain: {drain} }}\n\
         ampcode: {{ upstream-url: '{origin}', upstream-api-key: team-key }}\n\
         claude-api-key: [{{ api-key: provider-key, base-url: '{origin}' }}]\n"
    )
}

const KEY: (&str, &str) = ("x-api-key", "client-key-1");
const CALL: &[u8] = br#"{"model":"claude-x","stream":true}"#;

#[actix_web::test]
async fn an_idle_gateway_stops_with_zero() {
    let mut gateway = GatewayProcess::start("api-keys: [client-key-1]\n");

    gateway.signal("-TERM");

    assert_eq!(gateway.wait().code(), Some(0));
}

#[actix_web::test]
async fn a_running_stream_finishes_and_nothing_new_begins() {
    let gate = Rc::new(Notify::new());
    let upstream = streaming(gate.clone()).await;
    let mut gateway = GatewayProcess::start(&settings(&upstream.origin, "60s"));
    let mut client = gateway.connect().await;
    client.send("POST", "/v1/messages", &[KEY], CALL).await;
    let head = client.head().await;
    assert_eq!(head.status, 200);
    assert_eq!(client.chunk().await.unwrap().unwrap(), EVENT.as_bytes());

    gateway.begin_drain().await;
    gate.notify_one();

    assert_eq!(client.chunk().await.unwrap().unwrap(), EVENT.as_bytes(), "the stream goes on");
    assert_eq!(client.chunk().await.unwrap(), None, "and ends well");
    assert_eq!(gateway.wait().code(), Some(0));
}

#[actix_web::test]
async fn a_stream_that_is_left_over_ends_with_an_error_event() {
    let upstream = streaming(Rc::new(Notify::new())).await;
    let mut gateway = GatewayProcess::start(&settings(&upstream.origin, "100ms"));
    let mut client = gateway.connect().await;
    client.send("POST", "/v1/messages", &[KEY], CALL).await;
    client.head().await;
    assert_eq!(client.chunk().await.unwrap().unwrap(), EVENT.as_bytes());

    gateway.signal("-TERM");

    let last = String::from_utf8(client.chunk().await.unwrap().unwrap()).unwrap();
    assert!(last.starts_with("event: error\n") && last.contains("shutting down"), "{last}");
    assert_eq!(client.chunk().await.unwrap(), None, "an orderly end behind it");
    assert_eq!(gateway.wait().code(), Some(0));
}

#[actix_web::test]
async fn a_relayed_stream_that_is_left_over_is_cut() {
    let upstream = streaming(Rc::new(Notify::new())).await;
    let mut gateway = GatewayProcess::start(&settings(&upstream.origin, "100ms"));
    let mut client = gateway.connect().await;
    client.send("GET", "/api/events", &[KEY], b"").await;
    client.head().await;
    assert_eq!(client.chunk().await.unwrap().unwrap(), EVENT.as_bytes());

    gateway.signal("-TERM");

    assert!(client.chunk().await.is_err(), "it must not look whole");
    assert_eq!(gateway.wait().code(), Some(0));
}

#[actix_web::test]
async fn a_second_signal_ends_the_drain_at_once() {
    let upstream = streaming(Rc::new(Notify::new())).await;
    let mut gateway = GatewayProcess::start(&settings(&upstream.origin, "1h"));
    let mut client = gateway.connect().await;
    client.send("POST", "/v1/messages", &[KEY], CALL).await;
    client.head().await;
    assert_eq!(client.chunk().await.unwrap().unwrap(), EVENT.as_bytes());

    gateway.signal("-TERM");
    gateway.log_line_with("draining");
    gateway.signal("-TERM");

    let last = String::from_utf8(client.chunk().await.unwrap().unwrap()).unwrap();
    assert!(last.starts_with("event: error\n"), "{last}");
    assert_eq!(gateway.wait().code(), Some(0));
}
