//! What runs goes on as it began, and what idles is let go of.

use std::rc::Rc;

use tokio::sync::Notify;

use crate::reload::{ask, relaying, status};
use crate::support::{Client, GatewayProcess, StubUpstream, expect};

/// A configuration in which nothing is left of the one before but the client's key.
const EMPTY: &str = "api-keys: [k]\nampcode: { upstream-url: '' }\n";

fn whole(origin: &str) -> String {
    let relayed = relaying("k", origin);
    format!("{relayed}claude-api-key: [{{ api-key: p, base-url: '{origin}' }}]\n")
}

#[actix_web::test]
async fn a_stream_goes_on_without_its_credential() {
    let go_on = Rc::new(Notify::new());
    let gate = go_on.clone();
    let upstream = StubUpstream::answering(move |mut conversation| {
        let gate = gate.clone();
        async move {
            conversation.begin(200, &[("content-type", "text/event-stream")]).await;
            conversation.chunk("event: ping\ndata: {\"n\": 1}\n\n").await;
            for n in 2..=3 {
                gate.notified().await;
                conversation.chunk(format!("event: ping\ndata: {{\"n\":  {n}}}\n\n")).await;
            }
            conversation.end().await;
            Some(conversation)
        }
    })
    .await;
    let mut gateway = GatewayProcess::start(&whole(&upstream.origin));
    let mut client = gateway.connect().await;
    let body = br#"{"model":"claude-x","stream":true}"#;
    client.send("POST", "/v1/messages", &[("x-api-key", "k")], body).await;
    assert_eq!(client.head().await.status, 200);
    let mut read = client.chunk().await.unwrap().unwrap();

    gateway.reload(EMPTY);
    go_on.notify_one();
    read.extend(client.chunk().await.unwrap().unwrap());
    gateway.reload("api-keys: [another]\n");
    go_on.notify_one();
    while let Some(chunk) = client.chunk().await.unwrap() {
        read.extend(chunk);
    }

    let sent = "event: ping\ndata: {\"n\": 1}\n\nevent: ping\ndata: {\"n\":  2}\n\n\
                event: ping\ndata: {\"n\":  3}\n\n";
    assert_eq!(String::from_utf8(read).unwrap(), sent);
}

#[actix_web::test]
async fn a_websocket_goes_on_without_its_upstream() {
    let upstream = StubUpstream::answering(|mut conversation| async move {
        let head = "HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
        conversation.say(head).await;
        loop {
            let Ok(piece) = conversation.reader.exactly(4).await else { return None };
            conversation.say(piece).await;
        }
    })
    .await;
    let mut gateway = GatewayProcess::start(&relaying("k", &upstream.origin));
    let mut client = gateway.connect().await;
    let fields = [("connection", "upgrade"), ("upgrade", "websocket"), ("x-api-key", "k")];
    client.send("GET", "/actors/x", &fields, b"").await;
    assert_eq!(client.head().await.status, 101);
    let echo = async |client: &mut Client, bytes: &[u8; 4]| {
        client.say(bytes).await;
        expect(client.reader.exactly(4), "an echo").await.unwrap()
    };
    assert_eq!(echo(&mut client, b"\x81\x02hi").await, b"\x81\x02hi");

    gateway.reload(EMPTY);

    assert_eq!(echo(&mut client, b"\x00\xff\r\n").await, b"\x00\xff\r\n");
}

#[actix_web::test]
async fn an_upload_goes_on_to_where_it_was_going() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let mut gateway = GatewayProcess::start(&whole(&upstream.origin));
    let address = gateway.address;
    let mut relayed = gateway.connect().await;
    let head =
        "POST /api/upload HTTP/1.1\r\nhost: g\r\nx-api-key: k\r\ncontent-length: 300000\r\n\r\n";
    relayed.say(head).await;
    relayed.say(vec![b'a'; 150_000]).await;
    expect(upstream.connected(), "the upload to be under way").await;

    gateway.reload(EMPTY);
    relayed.say(vec![b'b'; 150_000]).await;

    assert_eq!(relayed.response().await.status, 200);
    let body = upstream.only_request().body;
    assert_eq!((body.len(), body[149_999], body[150_000]), (300_000, b'a', b'b'));
    assert_eq!(ask(address, "k", "GET", "/api/x", "").await.status, 503, "the new state");
}

#[actix_web::test]
async fn idle_connections_to_an_upstream_that_is_gone_are_closed() {
    let (old, new) = (
        StubUpstream::replying(200, "application/json", "{}").await,
        StubUpstream::replying(200, "application/json", "{}").await,
    );
    let mut gateway = GatewayProcess::start(&relaying("k", &old.origin));
    let many = (0..8).map(|_| status(&gateway, "k"));
    let answers = futures::future::join_all(many).await;
    assert_eq!(answers, [200; 8]);
    assert!(old.connections() > 0);

    gateway.reload(&relaying("k", &new.origin));

    old.all_closed().await; // without another request
    assert_eq!(status(&gateway, "k").await, 200);
    assert_eq!(new.requests().len(), 1);
}

#[actix_web::test]
async fn a_signal_to_stop_in_the_middle_of_reloads_drains_well() {
    let go_on = Rc::new(Notify::new());
    let gate = go_on.clone();
    let upstream = StubUpstream::answering(move |mut conversation| {
        let gate = gate.clone();
        async move {
            conversation.begin(200, &[("content-type", "text/event-stream")]).await;
            conversation.chunk("data: 1\n\n").await;
            gate.notified().await;
            conversation.chunk("data: 2\n\n").await;
            conversation.end().await;
            Some(conversation)
        }
    })
    .await;
    let mut gateway = GatewayProcess::start(&whole(&upstream.origin));
    let mut client = gateway.connect().await;
    client.send("GET", "/api/events", &[("x-api-key", "k")], b"").await;
    client.head().await;
    client.chunk().await.unwrap();

    for _ in 0..3 {
        gateway.save(EMPTY);
        gateway.signal("-HUP");
    }
    gateway.signal("-TERM");
    gateway.log_line_with("draining");
    gateway.signal("-HUP"); // too late to mean anything, and no reason to die
    go_on.notify_one();

    assert_eq!(client.chunk().await.unwrap().unwrap(), b"data: 2\n\n");
    assert_eq!(client.chunk().await.unwrap(), None);
    assert_eq!(gateway.wait().code(), Some(0));
}
