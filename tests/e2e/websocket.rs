//! WebSockets cross as bytes: the handshake as it is, then whatever the two ends say.

use crate::support::{Client, GatewayProcess, StubUpstream, TestGateway, expect};

const HANDSHAKE_FIELDS: &[(&str, &str)] = &[
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    (
        "sec-websocket-protocol",
        "rivet, rivet_encoding.bare, rivet_conn_params.%7B%22wsToken%22%3A%22secret-thread-token%22%7D",
    ),
    ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
];

const THREAD_SOCKET: &str =
    "/actors/gateway/threadActor/websocket/?rvt-namespace=default&rvt-method=get&rvt-key=T-1";

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
     connection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
     sec-websocket-protocol: rivet\r\n\r\n";

/// An upstream that switches protocols and then says every byte back.
async fn echoing() -> StubUpstream {
    StubUpstream::answering(|mut conversation| async move {
        conversation.say(SWITCHED).await;
        loop {
            let heard = std::mem::take(&mut conversation.reader.buffer);
            if heard.is_empty() {
                if !conversation.reader.fill().await.unwrap_or(false) {
                    return None;
                }
            } else {
                conversation.say(heard).await;
            }
        }
    })
    .await
}

async fn open(client: &mut Client, target: &str) {
    client.send("GET", target, HANDSHAKE_FIELDS, b"").await;
    assert_eq!(client.head().await.status, 101);
}

/// Bytes that no frame looks like, so that nothing but a tunnel passes them.
fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 7 + at / 251) % 256).unwrap()).collect()
}

#[actix_web::test]
async fn a_handshake_crosses_as_it_is_and_carries_no_key_of_ours() {
    let upstream = echoing().await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    let mut client = gateway.connect().await;

    let mut fields = HANDSHAKE_FIELDS.to_vec();
    fields.push(("authorization", "Bearer client-key-1"));
    client.send("GET", THREAD_SOCKET, &fields, b"").await;
    let switched = client.head().await;

    assert_eq!(switched.status, 101);
    assert_eq!(switched.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(switched.field("sec-websocket-protocol"), Some("rivet"));
    assert_eq!(switched.field("sec-websocket-extensions"), None, "what was not agreed on");
    let seen = upstream.only_request();
    assert_eq!(seen.target, THREAD_SOCKET);
    for (name, value) in &HANDSHAKE_FIELDS[2..] {
        assert_eq!(seen.field(name), Some(*value), "{name}");
    }
    assert!(seen.field("connection").unwrap().eq_ignore_ascii_case("upgrade"));
    assert_eq!(seen.field("upgrade"), Some("websocket"));
    assert_eq!(seen.field("authorization"), None, "an open route carries no key");
    assert!(!seen.mentions("team-key") && !seen.mentions("client-key-1"), "{seen:?}");
}

#[actix_web::test]
async fn bytes_cross_both_ways_whatever_they_are() {
    let upstream = echoing().await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    let mut client = gateway.connect().await;
    open(&mut client, THREAD_SOCKET).await;

    for length in [1, 125, 65_536, 1 << 20] {
        let said = noise(length);
        let Client { reader, writer } = &mut client;
        let say = tokio::io::AsyncWriteExt::write_all(writer, &said);
        let (said_it, heard) =
            expect(futures::future::join(say, reader.exactly(length)), "the echo").await;
        said_it.unwrap();
        assert!(heard.unwrap() == said, "{length} bytes came back changed");
    }
}

#[actix_web::test]
async fn what_comes_right_behind_the_101_is_not_lost() {
    let upstream = StubUpstream::answering(|mut conversation| async move {
        conversation.say([SWITCHED, "first words"].concat()).await;
        conversation.gateway_leaves().await;
        None
    })
    .await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    let mut client = gateway.connect().await;
    open(&mut client, THREAD_SOCKET).await;

    let heard = expect(client.reader.exactly(11), "the first words").await.unwrap();

    assert_eq!(heard, b"first words");
}

#[actix_web::test]
async fn when_the_client_leaves_the_upstream_is_closed() {
    let upstream = echoing().await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    let mut client = gateway.connect().await;
    open(&mut client, THREAD_SOCKET).await;

    drop(client);

    upstream.all_closed().await;
}

#[actix_web::test]
async fn when_the_upstream_leaves_the_client_is_closed() {
    for resets in [false, true] {
        let upstream = StubUpstream::answering(move |mut conversation| async move {
            conversation.say([SWITCHED, "bye"].concat()).await;
            // The client answers, so that its bytes are through before the end comes.
            let _ = conversation.reader.exactly(2).await;
            if resets {
                conversation.reset();
            }
            None
        })
        .await;
        let gateway = TestGateway::relaying_to(&upstream.origin).await;
        let mut client = gateway.connect().await;
        open(&mut client, THREAD_SOCKET).await;
        let heard = expect(client.reader.exactly(3), "the upstream's last word").await.unwrap();
        assert_eq!(heard, b"bye");

        client.say("ok").await;

        assert_eq!(client.to_end().await, b"", "resets: {resets}");
    }
}

#[actix_web::test]
async fn a_refused_handshake_is_passed_on_with_its_body() {
    for status in [401, 403, 426, 503] {
        let upstream = StubUpstream::answering(move |mut conversation| async move {
            conversation.reply(status, &[("x-why", "no")], "not for you").await;
            Some(conversation)
        })
        .await;
        let gateway = TestGateway::relaying_to(&upstream.origin).await;

        let response = gateway.bare_request("GET", THREAD_SOCKET, HANDSHAKE_FIELDS, b"").await;

        assert_eq!(response.status, status);
        assert_eq!(response.field("x-why"), Some("no"));
        assert_eq!(response.text(), "not for you");
    }
}

#[actix_web::test]
async fn a_socket_behind_a_guarded_door_needs_a_key_and_carries_the_teams() {
    let upstream = echoing().await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;

    let refused = gateway.bare_request("GET", "/api/live", HANDSHAKE_FIELDS, b"").await;
    assert_eq!(refused.status, 401);
    assert_eq!(upstream.connections(), 0);

    let mut fields = HANDSHAKE_FIELDS.to_vec();
    fields.push(("authorization", "Bearer client-key-1"));
    let mut client = gateway.connect().await;
    client.send("GET", "/api/live", &fields, b"").await;
    assert_eq!(client.head().await.status, 101);
    let seen = upstream.only_request();
    assert_eq!(seen.field("authorization"), Some("Bearer team-key"));
    assert!(!seen.mentions("client-key-1"));
}

#[actix_web::test]
async fn an_upgrade_to_another_protocol_ends_here() {
    let upstream = StubUpstream::replying(200, "text/plain", "plain").await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;

    let fields =
        [("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c"), ("http2-settings", "AAM")];
    let response = gateway.request("GET", "/api/x", &fields, b"").await;

    assert_eq!(response.status, 200);
    let seen = upstream.only_request();
    assert_eq!((seen.field("upgrade"), seen.field("http2-settings")), (None, None));
}

fn provider(family: &str, origin: &str) -> String {
    format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '' }}\n\
         {family}: [{{ name: other, api-key: provider-key, base-url: '{origin}/v1', \
         api-key-entries: [{{ api-key: provider-key }}], models: [{{ name: m }}] }}]\n"
    )
}

#[actix_web::test]
async fn the_responses_socket_reaches_an_openai_credential() {
    let upstream = echoing().await;
    let yaml = format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '' }}\n\
         openai-api-key: [{{ api-key: provider-key, base-url: '{}/v1' }}]\n",
        upstream.origin
    );
    let gateway = TestGateway::start(&yaml).await;
    let mut fields = HANDSHAKE_FIELDS.to_vec();
    fields.push(("authorization", "Bearer client-key-1"));
    let mut client = gateway.connect().await;

    client.send("GET", "/v1/responses", &fields, b"").await;
    assert_eq!(client.head().await.status, 101);
    client.say("response.create").await;

    assert_eq!(expect(client.reader.exactly(15), "the echo").await.unwrap(), b"response.create");
    let seen = upstream.only_request();
    assert_eq!(seen.target, "/v1/responses");
    assert_eq!(seen.field("authorization"), Some("Bearer provider-key"));
    assert!(!seen.mentions("client-key-1"));
}

#[actix_web::test]
async fn a_responses_socket_takes_another_credential_when_one_is_turned_down() {
    let limit = r#"{"error":{"code":"rate_limit_exceeded"}}"#;
    let limited = StubUpstream::replying(429, "application/json", limit).await;
    let upstream = echoing().await;
    let gateway = TestGateway::start(&format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '' }}\n\
         openai-api-key: [{{ api-key: first-key, base-url: '{}/v1', priority: 1 }}, \
         {{ api-key: second-key, base-url: '{}/v1' }}]\n",
        limited.origin, upstream.origin
    ))
    .await;
    let mut fields = HANDSHAKE_FIELDS.to_vec();
    fields.push(("authorization", "Bearer client-key-1"));
    for count in 1..=2 {
        let mut client = gateway.connect().await;
        client.send("GET", "/v1/responses", &fields, b"").await;
        assert_eq!(client.head().await.status, 101);
        assert_eq!(upstream.requests().len(), count);
    }
    assert_eq!(limited.requests().len(), 1, "what is turned down rests");
    assert!(!upstream.request(0).await.mentions("first-key"), "each key goes to its own provider");
}

#[actix_web::test]
async fn codex_falls_back_to_http_at_once_when_no_socket_can_be_opened() {
    let gone = "openai-api-key: [{ api-key: k, base-url: 'http://127.0.0.1:1/v1' }]\n";
    let yaml = format!("api-keys: [client-key-1]\nampcode: {{ upstream-url: '' }}\n{gone}");
    let gateway = TestGateway::start(&yaml).await;

    let response = gateway.request("GET", "/v1/responses", HANDSHAKE_FIELDS, b"").await;

    assert_eq!(response.status, 426, "{}", response.text());
}

#[actix_web::test]
async fn a_providers_own_refusal_of_a_socket_is_passed_on() {
    for status in [401, 404, 426, 429, 503] {
        let upstream = StubUpstream::replying(status, "text/plain", "no socket here").await;
        let yaml = format!(
            "api-keys: [client-key-1]\nampcode: {{ upstream-url: '' }}\n\
             openai-api-key: [{{ api-key: provider-key, base-url: '{}/v1' }}]\n",
            upstream.origin
        );
        let gateway = TestGateway::start(&yaml).await;

        let response = gateway.request("GET", "/v1/responses", HANDSHAKE_FIELDS, b"").await;

        assert_eq!((response.status, response.text().as_str()), (status, "no socket here"));
        assert_eq!(upstream.requests().len(), 1, "{status}");
    }
}

#[actix_web::test]
async fn without_any_provider_codex_is_told_426() {
    let none = "api-keys: [client-key-1]\nampcode: { upstream-url: '' }\n";
    let gateway = TestGateway::start(none).await;

    let response = gateway.request("GET", "/v1/responses", HANDSHAKE_FIELDS, b"").await;

    assert_eq!(response.status, 426, "{}", response.text());
    assert_eq!(response.json()["error"]["code"], "websocket_not_served");
    assert_eq!(gateway.get("/v1/responses").await.status, 405, "no handshake");
}

#[actix_web::test]
async fn beside_any_other_provider_the_gateway_answers_the_responses_socket_itself() {
    let compatible = provider("openai-compatibility", "http://127.0.0.1:1")
        .replace("api-key: provider-key, ", "");
    let openai = "openai-api-key: [{ api-key: k, base-url: 'http://127.0.0.1:1' }]\n";
    for yaml in [compatible.clone(), compatible + openai] {
        let gateway = TestGateway::start(&yaml).await;
        let mut client = gateway.connect().await;
        let mut fields = HANDSHAKE_FIELDS.to_vec();
        fields.push(("authorization", "Bearer client-key-1"));

        client.send("GET", "/v1/responses", &fields, b"").await;

        let switched = client.head().await;
        assert_eq!(switched.status, 101, "and no provider was asked: none is there");
        assert_eq!(switched.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(switched.field("sec-websocket-extensions"), None);
        assert_eq!(switched.field("sec-websocket-protocol"), None);
    }
}

/// A client that does not read must not make the gateway remember what it would have read.
#[actix_web::test]
async fn a_flood_to_a_slow_client_is_held_back() {
    const FLOOD_BYTES: usize = 50 << 20;
    const ROOM_KIB: u64 = 24 << 10;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let upstream = StubUpstream::answering(move |mut conversation| {
        let tell = tell.clone();
        async move {
            conversation.say(SWITCHED).await;
            let piece = vec![7; 1 << 16];
            for _ in 0..FLOOD_BYTES / piece.len() {
                conversation.say(&piece).await;
                let _ = tell.send(piece.len());
            }
            None
        }
    })
    .await;
    let gateway = GatewayProcess::start(&format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '{}' }}\n",
        upstream.origin
    ));
    let mut client = gateway.connect().await;
    open(&mut client, THREAD_SOCKET).await;
    let before = gateway.resident_kib();

    // Until the upstream is held back: what has left it fits into the sockets on the way.
    let mut sent = 0;
    while let Ok(Some(more)) =
        tokio::time::timeout(std::time::Duration::from_millis(500), told.recv()).await
    {
        sent += more;
    }

    assert!(sent < FLOOD_BYTES, "the upstream was never held back");
    let grown = gateway.resident_kib().saturating_sub(before);
    assert!(grown < ROOM_KIB, "{grown} KiB for {sent} bytes nobody reads");
    let heard = client.to_end().await;
    assert_eq!(heard.len(), FLOOD_BYTES, "and nothing of it was lost");
}

#[actix_web::test]
async fn closed_tunnels_leave_no_descriptors() {
    let upstream = echoing().await;
    let gateway = GatewayProcess::start(&format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '{}' }}\n",
        upstream.origin
    ));
    // The first one makes what a process makes once.
    open(&mut gateway.connect().await, THREAD_SOCKET).await;
    upstream.all_closed().await;
    let before = gateway.open_descriptors();
    for _ in 0..50 {
        open(&mut gateway.connect().await, THREAD_SOCKET).await;
    }
    upstream.all_closed().await;

    let let_go = async {
        // Both workers may have made it by now, and neither again.
        while gateway.open_descriptors() > before + 2 {
            tokio::task::yield_now().await;
        }
    };
    expect(let_go, "every descriptor to be given back").await;
}
