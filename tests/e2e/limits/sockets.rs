//! WebSockets: a tunnel is one request for as long as it is open; a call in a socket that the gateway
//! serves is one each.

use serde_json::{Value, json};

use super::{Date, clients};
use crate::support::{
    GatewayProcess, Provider, Scripted, SocketClient, StubUpstream, TestGateway, expect,
};

/// OpenAI's own credential and no other: without rules its own WebSocket would be joined.
async fn openai_alone(rules: &str, provider: &Provider) -> TestGateway {
    let origin = provider.origin();
    let yaml =
        clients(rules) + &format!("openai-api-key: [{{ api-key: p, base-url: '{origin}/v1' }}]\n");
    TestGateway::start_at(&yaml, Date::evening().clock()).await
}

fn create(model: &str) -> Value {
    json!({ "type": "response.create", "model": model, "input": "hi", "max_output_tokens": 100 })
}

fn completed() -> Scripted {
    let event = json!({ "type": "response.completed", "response": { "id": "r", "output": [] } });
    Scripted::stream(format!("event: response.completed\ndata: {event}\n\n"))
}

#[actix_web::test]
async fn each_call_in_a_socket_counts_for_its_minute() {
    let provider = Provider::saying([completed()]).await;
    let gateway = openai_alone("limits: { requests-per-minute: 3 }", &provider).await;
    let mut socket = SocketClient::open(gateway.connect().await, "/v1/responses", &[]).await;
    for _ in 0..2 {
        assert_eq!(socket.ask(&create("gpt-5")).await["type"], "response.completed");
    }

    let refused = socket.ask(&create("gpt-5")).await;

    assert_eq!((&refused["type"], &refused["status"]), (&json!("error"), &json!(429)));
    assert_eq!(refused["error"]["code"], "rate_limit_exceeded");
    assert!(refused["headers"]["retry-after"].is_string(), "{refused}");
    assert_eq!(provider.asked(), 2, "the handshake was the third");
}

#[actix_web::test]
async fn a_socket_in_which_nothing_runs_holds_no_place() {
    let provider = Provider::saying([completed()]).await;
    let gateway = openai_alone("limits: { concurrent-requests: 1 }", &provider).await;
    let mut one = SocketClient::open(gateway.connect().await, "/v1/responses", &[]).await;
    let mut other = SocketClient::open(gateway.connect().await, "/v1/responses", &[]).await;

    for socket in [&mut one, &mut other] {
        // The end of a call is known to its client a moment before it is to the limits.
        let answered =
            async { while socket.ask(&create("gpt-5")).await["type"] != "response.completed" {} };
        expect(answered, "a place").await;
    }
}

#[actix_web::test]
async fn calls_in_a_socket_are_kept_to_models_and_budgets() {
    let provider = Provider::saying([completed()]).await;
    let rules = "models: ['gpt-*'], limits: { tokens-per-day: 100 }";
    let gateway = openai_alone(rules, &provider).await;
    let mut socket = SocketClient::open(gateway.connect().await, "/v1/responses", &[]).await;

    let not_allowed = socket.ask(&create("o3")).await;
    assert_eq!(not_allowed["status"], 403);
    assert_eq!(not_allowed["error"]["code"], "model_not_allowed");
    assert_eq!(socket.ask(&create("gpt-5")).await["type"], "response.completed");
    let used = async {
        loop {
            let refused = socket.ask(&create("gpt-5")).await;
            if refused["error"]["code"] == "insufficient_quota" {
                return refused;
            }
        }
    };
    let used = expect(used, "the end of the call before").await;
    assert_eq!((&used["status"], &used["headers"]["retry-after"]), (&json!(429), &json!("7200")));
    assert_eq!(provider.asked(), 1);
}

#[actix_web::test]
async fn a_tunnel_holds_one_place_for_as_long_as_it_is_open() {
    let amp = StubUpstream::answering(|mut conversation| async move {
        if conversation.request.fields.get("upgrade").is_none() {
            conversation.reply(200, &[], "{}").await;
            return Some(conversation);
        }
        let head = "HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
        conversation.say(head).await;
        conversation.gateway_leaves().await;
        None
    })
    .await;
    let yaml = clients("limits: { concurrent-requests: 1 }").replacen(
        "upstream-url: ''",
        &format!("upstream-url: '{}'", amp.origin),
        1,
    );
    let gateway = TestGateway::start_at(&yaml, Date::evening().clock()).await;
    let mut tunnel = gateway.connect().await;
    let fields =
        [("connection", "upgrade"), ("upgrade", "websocket"), ("x-api-key", "client-key-1")];
    tunnel.send("GET", "/api/socket", &fields, b"").await;
    assert_eq!(tunnel.head().await.status, 101);
    assert_eq!(gateway.get("/api/user").await.status, 429);

    drop(tunnel);

    let freed = async { while gateway.get("/api/user").await.status == 429 {} };
    expect(freed, "the tunnel's place").await;
    assert_eq!(amp.connections(), 2);
}

/// An upstream that switches protocols, and then says every two bytes back.
async fn echoing() -> StubUpstream {
    StubUpstream::answering(|mut conversation| async move {
        let head = "HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
        conversation.say(head).await;
        while let Ok(piece) = conversation.reader.exactly(2).await {
            conversation.say(piece).await;
        }
        None
    })
    .await
}

#[actix_web::test]
async fn a_tunnel_of_a_key_without_limits_does_not_outlive_a_reload_that_gives_it_some() {
    let openai = echoing().await;
    let settings = |rules: &str| {
        clients(rules)
            + &format!("openai-api-key: [{{ api-key: p, base-url: '{}/v1' }}]\n", openai.origin)
    };
    let mut gateway =
        GatewayProcess::start(&settings("routes: [local, mapped, own-login, amp, relay]"));
    let fields = |key| [("connection", "upgrade"), ("upgrade", "websocket"), ("x-api-key", key)];
    let (mut alices, mut bobs) = (gateway.connect().await, gateway.connect().await);
    for (tunnel, key) in [(&mut alices, "client-key-1"), (&mut bobs, "client-key-2")] {
        tunnel.send("GET", "/v1/responses", &fields(key), b"").await;
        assert_eq!(tunnel.head().await.status, 101);
    }

    gateway.reload(&settings("limits: { requests-per-minute: 3 }"));

    assert_eq!(alices.to_end().await, b"", "it ends, and says nothing before");
    bobs.say(b"hi").await;
    let echo = expect(bobs.reader.exactly(2), "an echo").await;
    assert_eq!(echo.unwrap(), b"hi", "a key that is still kept to nothing keeps its tunnel");
}

#[actix_web::test]
async fn no_tunnel_outlives_a_reload_that_takes_its_key_away() {
    let upstream = echoing().await;
    // Without names, which would tell one key from another in the same place.
    let settings = |first: &str| {
        format!(
            "api-keys: [{first}, client-key-2]\nampcode: {{ upstream-url: '{0}' }}\n\
             openai-api-key: [{{ api-key: p, base-url: '{0}/v1' }}]\n",
            upstream.origin
        )
    };
    let mut gateway = GatewayProcess::start(&settings("client-key-1"));
    let fields = |key| [("connection", "upgrade"), ("upgrade", "websocket"), ("x-api-key", key)];
    let mut tunnels = Vec::new();
    for target in ["/v1/responses", "/api/socket"] {
        for key in ["client-key-1", "client-key-2"] {
            let mut tunnel = gateway.connect().await;
            tunnel.send("GET", target, &fields(key), b"").await;
            assert_eq!(tunnel.head().await.status, 101, "{target}");
            tunnels.push((tunnel, target, key));
        }
    }

    gateway.reload(&settings("client-key-3"));

    for (mut tunnel, target, key) in tunnels {
        if key == "client-key-1" {
            assert_eq!(tunnel.to_end().await, b"", "{target}");
        } else {
            tunnel.say(b"hi").await;
            let echo = expect(tunnel.reader.exactly(2), "an echo").await;
            assert_eq!(echo.unwrap(), b"hi", "{target}: a key that is still there");
        }
    }
}
