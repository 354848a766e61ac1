//! WebSockets of the Responses API where all that is configured is plans.

use serde_json::{Value, json};

use super::{CODEX, Login, answer, body, gateway, plan_limits, settings, token};
use crate::support::{Client, Provider, Scripted, SocketClient, StubUpstream, TestGateway};

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
     connection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Lists models to anybody, and joins nobody with the old token; says back what it hears from whoever has
/// another one.
async fn backend() -> StubUpstream {
    StubUpstream::answering(|mut conversation| async move {
        if conversation.request.target.contains("/models") {
            conversation.reply(200, &[("content-type", "application/json")], "{}").await;
            return Some(conversation);
        }
        if conversation.request.mentions(&token("old")) {
            conversation.reply(401, &[("content-type", "application/json")], "{}").await;
            return Some(conversation);
        }
        conversation.say(SWITCHED).await;
        loop {
            let heard = std::mem::take(&mut conversation.reader.buffer);
            if !heard.is_empty() {
                conversation.say(heard).await;
            } else if !conversation.reader.fill().await.unwrap_or(false) {
                return None;
            }
        }
    })
    .await
}

#[actix_web::test]
async fn a_codex_client_is_joined_to_the_backend_with_a_token_that_is_good() {
    let login = Login::named("old");
    let backend = backend().await;
    let gateway = TestGateway::start(&settings(&login, &[&backend.origin], "")).await;
    // Once the gateway knows the old one, Codex renews it.
    assert_eq!(gateway.get("/v1/models?client_version=1").await.status, 200);
    login.becomes("new");
    let mut fields = CODEX[1..].to_vec();
    fields.push(("openai-beta", "responses_websockets=2026-02-06"));

    let mut client = SocketClient::open(gateway.connect().await, "/v1/responses", &fields).await;
    client.0.say("any bytes").await;

    assert_eq!(client.0.reader.exactly(9).await.unwrap(), b"any bytes");
    let seen = backend.requests().pop().unwrap();
    assert_eq!(seen.target, "/backend-api/codex/responses");
    assert_eq!(seen.field("authorization"), Some(&*format!("Bearer {}", token("new"))));
    assert_eq!(seen.field("chatgpt-account-id"), Some("acct-1"));
    for (name, value) in &fields {
        assert!(seen.fields.all(name).contains(value), "{name}");
    }
    assert!(!seen.mentions("client-key-1"));
}

#[actix_web::test]
async fn every_other_client_is_served_by_the_gateway_as_over_http() {
    let login = Login::named("one");
    let backend = Provider::saying([answer()]).await;
    let gateway = gateway(&login, &backend).await;
    let mut client = SocketClient::open(gateway.connect().await, "/v1/responses", &[]).await;

    let asked = json!({ "type": "response.create", "model": "gpt-5", "input": "hi" });
    let last = client.ask(&asked).await;

    assert_eq!(
        (&last["type"], &last["response"]["id"]),
        (&json!("response.completed"), &json!("resp_1"))
    );
    let seen = backend.asked_times(1).await;
    assert_eq!((&*seen.method, &*seen.target), ("POST", "/backend-api/codex/responses"));
    assert_eq!(seen.field("originator"), Some("ampgate"));
    assert_eq!(body(&seen)["store"], json!(false));
}

#[actix_web::test]
async fn a_codex_client_is_served_by_the_gateway_where_others_are_configured_and_keeps_its_names() {
    let login = Login::named("one");
    let backend = Provider::saying([answer()]).await;
    let other = "claude-api-key: [{ api-key: other-key, base-url: 'http://127.0.0.1:1' }]";
    let gateway = TestGateway::start(&settings(&login, &[backend.origin()], other)).await;
    let mut client =
        SocketClient::open(gateway.connect().await, "/v1/responses", &CODEX[1..]).await;

    let asked = json!({ "type": "response.create", "model": "gpt-5", "input": "hi" });
    assert_eq!(client.ask(&asked).await["type"], "response.completed");

    let seen = backend.asked_times(1).await;
    assert_eq!(seen.field("originator"), Some("codex_cli_rs"));
    assert_eq!(seen.field("user-agent"), Some(CODEX[1].1));
}

/// The windows of the only plan, by name, as the status page has them.
async fn windows(gateway: &TestGateway) -> Vec<(String, Value)> {
    let status = gateway.status().await;
    let limits = status["credentials"][0]["limits"].as_array().unwrap();
    let window = |limit: &Value| {
        (limit["name"].as_str().unwrap().to_owned(), limit["used_fraction"].clone())
    };
    limits.iter().map(window).collect()
}

fn expected_windows() -> Vec<(String, Value)> {
    vec![("5h window".to_owned(), json!(0.375)), ("7d window".to_owned(), json!(0.12))]
}

#[actix_web::test]
async fn the_windows_of_a_plan_are_read_from_the_head_that_joins_a_websocket() {
    let login = Login::named("one");
    let backend = StubUpstream::answering(|mut conversation| async move {
        let fields = plan_limits().into_iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let head = SWITCHED.trim_end().to_owned() + "\r\n" + &fields.collect::<String>() + "\r\n";
        conversation.say(head).await;
        conversation.gateway_leaves().await;
        None
    })
    .await;
    let gateway = TestGateway::start(&settings(&login, &[&backend.origin], "")).await;

    SocketClient::open(gateway.connect().await, "/v1/responses", &CODEX[1..]).await;

    assert_eq!(windows(&gateway).await, expected_windows());
}

#[actix_web::test]
async fn a_plan_whose_websocket_is_refused_shows_its_windows_and_rests() {
    let login = Login::named("one");
    let backend = Provider::saying([used_up()]).await;
    let gateway =
        TestGateway::start(&settings(&login, &[backend.origin()], "request-retry: 0")).await;
    let handshake = async |mut client: Client| {
        let mut fields = vec![
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("authorization", "Bearer client-key-1"),
        ];
        fields.extend_from_slice(&CODEX[1..]);
        client.ask("GET", "/v1/responses", &fields, b"").await.status
    };

    assert_eq!(handshake(gateway.connect().await).await, 429);

    assert_eq!(windows(&gateway).await, expected_windows());
    let status = gateway.status().await;
    assert_eq!(status["credentials"][0]["rests"][0]["reason"], "limited", "{status}");
    assert_eq!(handshake(gateway.connect().await).await, 426, "over HTTP it is told how long");
    assert_eq!(backend.asked(), 1, "the plan rests");
}

fn used_up() -> Scripted {
    let limit = json!({ "error": { "type": "usage_limit_reached", "plan_type": "plus",
        "message": "The usage limit has been reached", "resets_in_seconds": 600 } });
    let refusal = Scripted::json(429, limit.to_string());
    plan_limits().iter().fold(refusal, |refusal, (name, value)| refusal.with(name, value))
}

/// Fault of the first version: Codex was joined to one of the plans, and stayed there when it was used up.
#[actix_web::test]
async fn a_plan_that_is_used_up_in_a_websocket_rests_and_the_next_plan_answers() {
    let login = Login::named("one");
    let spent = Provider::saying([used_up()]).await;
    let well = Provider::saying([answer()]).await;
    let more = "request-retry: 0\nrouting: { strategy: fill-first }";
    let origins = [spent.origin(), well.origin()];
    let gateway = TestGateway::start(&settings(&login, &origins, more)).await;
    let mut client =
        SocketClient::open(gateway.connect().await, "/v1/responses", &CODEX[1..]).await;

    let asked = json!({ "type": "response.create", "model": "gpt-5", "input": "hi" });
    for _ in 0..2 {
        assert_eq!(client.ask(&asked).await["type"], "response.completed");
    }

    assert_eq!((spent.asked(), well.asked()), (1, 2));
    assert_eq!(windows(&gateway).await, expected_windows());
}
