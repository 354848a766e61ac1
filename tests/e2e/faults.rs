//! An upstream that fails, in every way it can: what the client is told, and what it never is.

use std::cell::Cell;
use std::rc::Rc;

use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::support::{Client, Conversation, StubUpstream, TestGateway, expect};

const KEY: (&str, &str) = ("x-api-key", "client-key-1");
const MODEL_CALL: &[u8] = br#"{"model":"claude-x","max_tokens":1,"stream":true,"messages":[]}"#;
const EVENT_STREAM: (&str, &str) = ("content-type", "text/event-stream");

/// Amp and a Claude provider at one origin, with more configuration behind.
fn both_at(origin: &str, more: &str) -> String {
    format!(
        "api-keys: [client-key-1]\n\
         ampcode: {{ upstream-url: '{origin}', upstream-api-key: team-key }}\n\
         request-retry: 0\ndisable-cooling: true\n\
         claude-api-key: [{{ api-key: claude-key, base-url: '{origin}' }}]\n{more}\n"
    )
}

/// What an upstream does instead of answering.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Close,
    Reset,
    Say(&'static str),
    HugeHead,
    Stall,
}

impl Fault {
    async fn happens_to(self, mut conversation: Conversation) {
        match self {
            Self::Close => {}
            Self::Reset => conversation.reset(),
            Self::Say(words) => conversation.say(words).await,
            Self::HugeHead => {
                let field = "x".repeat(200 * 1024);
                let head =
                    format!("HTTP/1.1 200 OK\r\nx-huge: {field}\r\ncontent-length: 0\r\n\r\n");
                conversation.say(head).await;
            }
            Self::Stall => conversation.gateway_leaves().await,
        }
    }
}

/// An upstream whose first request meets a fault; later ones are answered.
async fn failing_once(fault: Fault) -> StubUpstream {
    let failed = Rc::new(Cell::new(false));
    StubUpstream::answering(move |mut conversation| {
        let failed = failed.clone();
        async move {
            if !failed.replace(true) {
                fault.happens_to(conversation).await;
                return None;
            }
            conversation.reply(200, &[], "well again").await;
            Some(conversation)
        }
    })
    .await
}

#[rustfmt::skip] // columns are easier to proofread
const BEFORE_THE_HEAD: [(Fault, u16, &str, &str); 9] = [
    (Fault::Close,                                    502, "upstream_reset",     "closed without a byte"),
    (Fault::Reset,                                    502, "upstream_reset",     "reset"),
    (Fault::Say("HTTP/1.1 200 OK\r\ncontent-"),       502, "upstream_reset",     "closed inside the head"),
    (Fault::Say("SSH-2.0-OpenSSH\r\n\r\n"),           502, "upstream_garbled",   "another protocol"),
    (Fault::Say("HTTP/1.1 2x0 OK\r\n\r\n"),           502, "upstream_garbled",   "no status"),
    (Fault::Say("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), 502, "upstream_garbled", "no field"),
    (Fault::Say("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"), 502, "upstream_garbled", "no length"),
    (Fault::HugeHead,                                 502, "upstream_garbled",   "a head of 200 KiB"),
    (Fault::Stall,                                    504, "first_byte_timeout", "no byte in time"),
];

const IMPATIENT: &str = "timeouts: { relay-first-byte: 200ms, first-byte: 200ms }";

#[actix_web::test]
async fn a_relay_tells_how_its_upstream_failed_before_the_head() {
    for (fault, status, code, why) in BEFORE_THE_HEAD {
        let upstream = failing_once(fault).await;
        let gateway = TestGateway::start(&both_at(&upstream.origin, IMPATIENT)).await;

        let response = gateway.get("/api/user").await;

        assert_eq!(response.status, status, "{why}: {}", response.text());
        assert_eq!(response.json()["error"]["code"], code, "{why}");
        let host = upstream.origin.trim_start_matches("http://");
        assert!(!response.text().contains(host), "{why}: an address of ours leaks");
        assert_eq!(upstream.requests().len(), 1, "{why}: a fresh connection is not retried");
        assert_eq!(gateway.get("/api/user").await.text(), "well again", "{why}");
    }
}

#[actix_web::test]
async fn a_model_call_tells_in_its_dialect_how_its_upstream_failed() {
    for (fault, status, code, why) in BEFORE_THE_HEAD {
        let upstream = failing_once(fault).await;
        let gateway = TestGateway::start(&both_at(&upstream.origin, IMPATIENT)).await;

        let response = gateway.post_json("/v1/messages", MODEL_CALL).await;

        assert_eq!(response.status, status, "{why}: {code}: {}", response.text());
        assert_eq!(response.json()["type"], "error", "{why}: not in the dialect");
        assert_eq!(upstream.requests().len(), 1, "{why}: a fresh connection is not retried");
        let next = gateway.post_json("/v1/messages", MODEL_CALL).await;
        assert_eq!(next.text(), "well again", "{why}");
    }
}

#[actix_web::test]
async fn an_upstream_that_cannot_be_reached_is_a_502() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for origin in [refused.as_str(), "http://does-not-exist.invalid"] {
        let gateway = TestGateway::start(&both_at(origin, "")).await;

        let relay = gateway.get("/api/user").await;
        let model = gateway.post_json("/v1/messages", MODEL_CALL).await;

        assert_eq!(relay.status, 502, "{origin}");
        assert_eq!(relay.json()["error"]["code"], "upstream_unreachable", "{origin}");
        assert_eq!(model.status, 502, "{origin}");
        assert_eq!(model.json()["type"], "error", "{origin}: not in the dialect");
    }
}

#[actix_web::test]
async fn an_upstreams_own_error_is_passed_on() {
    for status in [400, 401, 403, 404, 408, 413, 418, 429, 500, 502, 503, 504, 529] {
        let own = r#"{"type":"error","error":{"type":"its_own"}}"#;
        let upstream = StubUpstream::answering(move |mut conversation| async move {
            conversation.reply(status, &[("retry-after", "7")], own).await;
            Some(conversation)
        })
        .await;
        let gateway = TestGateway::start(&both_at(&upstream.origin, "")).await;

        let relay = gateway.get("/api/user").await;
        let model = gateway.post_json("/v1/messages", MODEL_CALL).await;

        for (door, response) in [("relay", relay), ("model", model)] {
            assert_eq!((response.status, response.text().as_str()), (status, own), "{door}");
            assert_eq!(response.field("retry-after"), Some("7"), "{door} {status}");
        }
        assert_eq!(upstream.requests().len(), 2, "{status}");
    }
}

/// An upstream that says these bytes to the first request, waits for the gate, and then ends as told;
/// later requests are answered.
async fn breaking_off(bytes: &'static str, gate: Rc<Notify>, fault: Fault) -> StubUpstream {
    let failed = Rc::new(Cell::new(false));
    StubUpstream::answering(move |mut conversation| {
        let (gate, failed) = (gate.clone(), failed.clone());
        async move {
            if failed.replace(true) {
                conversation.reply(200, &[], "well again").await;
                return Some(conversation);
            }
            conversation.say(bytes).await;
            gate.notified().await;
            fault.happens_to(conversation).await;
            None
        }
    })
    .await
}

const SIZED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfirst half";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nfirst half\r\n";
const INSIDE_A_CHUNK: &str =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n20\r\nfirst half";
const INSIDE_A_MARK: &str =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nfirst half\r\n0";
const UNTIL_CLOSED: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nfirst half";

#[actix_web::test]
async fn an_answer_that_breaks_off_is_never_ended_as_if_it_were_whole() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (SIZED,          Fault::Close, "short of its length"),
        (SIZED,          Fault::Reset, "short of its length, by reset"),
        (SIZED,          Fault::Stall, "short of its length, by silence"),
        (CHUNKED,        Fault::Close, "at the border of a chunk"),
        (CHUNKED,        Fault::Reset, "at the border of a chunk, by reset"),
        (CHUNKED,        Fault::Stall, "at the border of a chunk, by silence"),
        (CHUNKED,        Fault::Say("zz\r\n"), "by a chunk that is none"),
        (INSIDE_A_CHUNK, Fault::Close, "inside a chunk"),
        (INSIDE_A_MARK,  Fault::Close, "inside the mark of the end"),
        (UNTIL_CLOSED,   Fault::Reset, "by reset, where only an orderly end is one"),
        (UNTIL_CLOSED,   Fault::Stall, "by silence, where only an orderly end is one"),
    ];
    for (bytes, fault, why) in cases {
        let gate = Rc::new(Notify::new());
        let upstream = breaking_off(bytes, gate.clone(), fault).await;
        let yaml = both_at(&upstream.origin, "timeouts: { idle: 200ms }");
        let gateway = TestGateway::start(&yaml).await;
        let mut client = gateway.connect().await;

        client.send("GET", "/api/x", &[KEY], b"").await;
        let head = client.head().await;
        gate.notify_one();
        let rest = client.to_end().await;

        assert_eq!(head.status, 200, "{why}");
        let text = String::from_utf8_lossy(&rest);
        assert!(text.contains("first half"), "{why}: what came before is lost: {text}");
        assert!(!text.contains("\r\n0\r\n"), "{why}: ended as if whole: {text}");
        let declared = bytes.contains("content-length").then_some("100");
        assert_eq!(head.field("content-length"), declared, "{why}");
        assert_eq!(upstream.requests().len(), 1, "{why}: retried after the first byte");
        assert_eq!(gateway.get("/api/x").await.text(), "well again", "{why}");
    }
}

#[actix_web::test]
async fn every_byte_before_a_cut_reaches_the_client() {
    const LENGTH: usize = 1_000_000;
    let upstream = StubUpstream::answering(|mut conversation| async move {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", LENGTH + 1);
        conversation.say([head.as_bytes(), &vec![b'x'; LENGTH]].concat()).await;
        None
    })
    .await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    let mut client = gateway.connect().await;

    client.send("GET", "/api/x", &[KEY], b"").await;
    client.head().await;

    assert_eq!(client.to_end().await.len(), LENGTH);
}

#[actix_web::test]
async fn a_relayed_event_stream_that_breaks_off_is_cut() {
    let upstream = StubUpstream::answering(|mut conversation| async move {
        conversation.begin(200, &[EVENT_STREAM]).await;
        conversation.chunk("data: 1\n\n").await;
        None
    })
    .await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    let mut client = gateway.connect().await;

    client.send("GET", "/api/events", &[KEY], b"").await;
    client.head().await;

    assert_eq!(client.chunk().await.unwrap().unwrap(), b"data: 1\n\n");
    assert!(client.chunk().await.is_err(), "an event stream we do not understand got an ending");
}

/// Calls a model whose stream breaks off, and returns what came before the orderly end.
async fn broken_model_stream(gateway: &TestGateway, gate: &Notify) -> String {
    let mut client = gateway.connect().await;
    client.send("POST", "/v1/messages", &[KEY], MODEL_CALL).await;
    let head = client.head().await;
    assert_eq!(head.status, 200);
    gate.notify_one();
    let body = expect(client.rest(&head.fields), "the end of the stream").await;
    String::from_utf8(body.expect("an orderly end")).unwrap()
}

const FIRST_EVENT: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
     transfer-encoding: chunked\r\n\r\n\
     38\r\nevent: message_start\ndata: {\"type\":\"message_start\"}   \n\n\r\n";

#[actix_web::test]
async fn a_models_event_stream_that_breaks_off_ends_with_an_error_event() {
    for (fault, why) in [
        (Fault::Close, "closed"),
        (Fault::Reset, "reset"),
        (Fault::Stall, "silent for too long"),
        (Fault::Say("zz\r\n"), "garbage"),
    ] {
        let gate = Rc::new(Notify::new());
        let upstream = breaking_off(FIRST_EVENT, gate.clone(), fault).await;
        let yaml = both_at(&upstream.origin, "timeouts: { idle: 200ms }");
        let gateway = TestGateway::start(&yaml).await;

        let body = broken_model_stream(&gateway, &gate).await;

        assert!(
            body.starts_with("event: message_start\n"),
            "{why}: what came before is lost: {body}"
        );
        let last = body.trim_end().rsplit("\n\n").next().unwrap();
        assert!(last.starts_with("event: error\ndata: {"), "{why}: {body}");
        assert!(body.ends_with("\n\n"), "{why}: the last event is not complete: {body}");
        assert_eq!(upstream.requests().len(), 1, "{why}: retried after the first byte");
        let next = gateway.post_json("/v1/messages", MODEL_CALL).await;
        assert_eq!(next.text(), "well again", "{why}");
    }
}

#[actix_web::test]
async fn a_models_plain_answer_that_breaks_off_is_cut() {
    let gate = Rc::new(Notify::new());
    let upstream = breaking_off(SIZED, gate.clone(), Fault::Close).await;
    let gateway = TestGateway::start(&both_at(&upstream.origin, "")).await;
    let mut client = gateway.connect().await;

    client.send("POST", "/v1/messages", &[KEY], MODEL_CALL).await;
    client.head().await;
    gate.notify_one();

    assert_eq!(client.to_end().await, b"first half");
}

/// An upstream that answers the first request of a connection and closes at its second.
async fn closing_at_the_second_request() -> StubUpstream {
    let answered = Rc::new(Cell::new([false; 16]));
    StubUpstream::answering(move |mut conversation| {
        let connection = conversation.request.connection;
        let mut seen = answered.get();
        let is_second = std::mem::replace(&mut seen[connection], true);
        answered.set(seen);
        async move {
            if is_second {
                return None;
            }
            conversation.reply(200, &[], format!("connection {connection}")).await;
            Some(conversation)
        }
    })
    .await
}

#[actix_web::test]
async fn a_request_that_met_a_stale_connection_is_sent_again() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, &str, &[u8], &str); 3] = [
        ("GET",  "/api/user",    b"",        "no body"),
        ("POST", "/v1/messages", MODEL_CALL, "a body we hold"),
        ("POST", "/api/provider/anthropic/v1/messages", MODEL_CALL, "a body we hold, by Amp's door"),
    ];
    for (method, path, body, why) in cases {
        let upstream = closing_at_the_second_request().await;
        let gateway = TestGateway::start(&both_at(&upstream.origin, "")).await;

        let first = gateway.request(method, path, &[], body).await;
        let second = gateway.request(method, path, &[], body).await;

        assert_eq!(first.text(), "connection 0", "{why}");
        assert_eq!(second.text(), "connection 1", "{why}");
        let seen = upstream.requests();
        assert_eq!(seen.len(), 3, "{why}");
        assert!(seen.iter().all(|request| request.body == seen[0].body), "{why}");
    }
}

#[actix_web::test]
async fn an_uploaded_body_is_never_sent_twice() {
    let upstream = closing_at_the_second_request().await;
    let gateway = TestGateway::start(&both_at(&upstream.origin, "")).await;

    let first = gateway.post_json("/api/upload", "body").await;
    let second = gateway.post_json("/api/upload", "body").await;

    assert_eq!((first.status, second.status), (200, 502), "{}", second.text());
    assert_eq!(upstream.requests().len(), 2);
}

#[actix_web::test]
async fn a_connection_that_closed_while_idle_is_not_used() {
    let upstream = StubUpstream::answering(|mut conversation| async move {
        conversation.reply(200, &[], "done").await;
        None
    })
    .await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    for round in 0..5 {
        assert_eq!(gateway.post_json("/api/upload", "body").await.status, 200, "{round}");
        upstream.all_closed().await;
    }
}

#[actix_web::test]
async fn a_full_upstream_is_told_at_once_and_free_again_when_an_answer_ends() {
    let gate = Rc::new(Notify::new());
    let opens = gate.clone();
    let upstream = StubUpstream::answering(move |mut conversation| {
        let gate = gate.clone();
        async move {
            if conversation.request.target != "/api/slow" {
                conversation.reply(200, &[], "quick").await;
                return Some(conversation);
            }
            conversation.begin(200, &[]).await;
            conversation.chunk("begun").await;
            gate.notified().await;
            conversation.end().await;
            Some(conversation)
        }
    })
    .await;
    let yaml = both_at(&upstream.origin, "limits: { connections-per-upstream: 1 }");
    let gateway = TestGateway::start(&yaml).await;
    let mut slow: Client = gateway.connect().await;
    slow.send("GET", "/api/slow", &[KEY], b"").await;
    slow.head().await;
    assert_eq!(slow.chunk().await.unwrap().unwrap(), b"begun");

    let refused = gateway.get("/api/quick").await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.json()["error"]["code"], "upstream_busy");
    assert!(refused.field("retry-after").is_some());

    opens.notify_one();
    assert_eq!(slow.chunk().await.unwrap(), None);
    assert_eq!(gateway.get("/api/quick").await.text(), "quick");
    assert_eq!(upstream.requests().len(), 2, "the refused request never left");
}
