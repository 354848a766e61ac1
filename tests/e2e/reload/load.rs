//! Twenty reloads in a row while clients are at work: nobody loses anything, and nothing is left over.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::support::{Client, GatewayProcess, StubUpstream, expect};

const RELOADS: usize = 20;
const CLIENTS: usize = 6;

const EVENTS: [&str; 3] = [
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-x\"}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];

async fn provider() -> StubUpstream {
    StubUpstream::answering(|mut conversation| async move {
        if !conversation.request.mentions("stream") {
            conversation.reply(200, &[("content-type", "application/json")], r#"{"id":"m"}"#).await;
            return Some(conversation);
        }
        conversation.begin(200, &[("content-type", "text/event-stream")]).await;
        for event in EVENTS {
            conversation.chunk(event).await;
            tokio::task::yield_now().await;
        }
        conversation.end().await;
        Some(conversation)
    })
    .await
}

/// Two states that have nothing in common but what the clients need, and the listener.
fn state(number: usize, upstreams: &[StubUpstream; 2]) -> String {
    let upstream = &upstreams[number % 2].origin;
    let (name, ttl) = [("alice", "1m"), ("bob", "2m")][number % 2];
    format!(
        "# {number}\napi-keys: [{{ name: {name}, key: k }}]\n\
         ampcode: {{ upstream-url: '{upstream}', upstream-api-key: team-{number}, secret-ttl: {ttl} }}\n\
         claude-api-key: [{{ api-key: p-{number}, base-url: '{upstream}' }}]\n"
    )
}

/// Asks until `done`, on one connection for as long as the gateway keeps it; returns how many whole
/// answers came, and on how many connections.
async fn keep_asking(address: SocketAddr, done: Rc<Cell<bool>>, number: usize) -> (usize, usize) {
    let mut client = Client::connect(address).await;
    let key = ("x-api-key", "k");
    let (mut answers, mut connections) = (0, 1);
    while !done.get() {
        match (answers + number) % 3 {
            0 => client.send("GET", "/api/x", &[key], b"").await,
            1 => client.send("POST", "/v1/messages", &[key], br#"{"model":"claude-x"}"#).await,
            _ => {
                let body = br#"{"model":"claude-x","stream":true}"#;
                client.send("POST", "/v1/messages", &[key], body).await;
            }
        }
        let answer = client.response().await;
        let expected =
            if (answers + number) % 3 == 2 { EVENTS.concat() } else { r#"{"id":"m"}"#.to_owned() };
        assert_eq!((answer.status, answer.text()), (200, expected), "answer {answers}");
        answers += 1;
        if answer.field("connection") == Some("close") {
            client = Client::connect(address).await;
            connections += 1;
        }
    }
    (answers, connections)
}

/// Reloads state after state under clients at work; returns on how many connections each of them was.
async fn reload_under_load(state: impl Fn(usize, &[StubUpstream; 2]) -> String) -> Vec<usize> {
    let upstreams = [provider().await, provider().await];
    let mut gateway = GatewayProcess::start(&state(0, &upstreams));
    gateway.reload(&state(1, &upstreams));
    let before = (gateway.open_descriptors(), gateway.threads());
    let done = Rc::new(Cell::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| actix_rt::spawn(keep_asking(gateway.address, done.clone(), number)))
        .collect();

    let states: Vec<_> = (0..RELOADS).map(|number| state(number, &upstreams)).collect();
    // On a thread of its own: waiting for the log must not hold up clients and upstreams.
    let reloading = tokio::task::spawn_blocking(move || {
        for state in states {
            gateway.save(&state);
            gateway.signal("-HUP");
            gateway.log_line_with("asked by signal");
        }
        gateway
    });
    let mut gateway = reloading.await.unwrap();
    done.set(true);

    let mut all_connections = Vec::new();
    for client in clients {
        let (answers, connections) =
            expect(client, "a client to end").await.expect("a request was lost");
        assert!(answers > RELOADS, "only {answers} answers");
        all_connections.push(connections);
    }
    gateway.reload(&state(RELOADS, &upstreams));
    for upstream in &upstreams {
        upstream.all_closed().await;
    }
    let now = async {
        while (gateway.open_descriptors(), gateway.threads()) != before {
            tokio::task::yield_now().await;
        }
    };
    expect(now, "descriptors and threads to be as many as before").await;
    assert!(!gateway.log().contains(r#""level":"ERROR""#), "{}", gateway.log());
    all_connections
}

#[actix_web::test]
async fn twenty_reloads_under_load_lose_no_request_and_leave_nothing_behind() {
    let connections = reload_under_load(state).await;

    assert_eq!(connections, [1; CLIENTS], "nobody had to connect anew");
}

#[actix_web::test]
async fn twenty_changes_of_the_listener_under_load_lose_no_request_and_leave_nothing_behind() {
    let connections = reload_under_load(|number, upstreams| {
        let head = ["10s", "11s"][number % 2];
        format!("{}timeouts: {{ client-head: {head} }}\n", state(number, upstreams))
    })
    .await;

    assert!(connections.iter().all(|count| *count > 1), "{connections:?}");
}
