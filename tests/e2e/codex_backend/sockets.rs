//! WebSockets of the Responses API where all that is configured is plans.

use serde_json::json;

use super::{CODEX, Login, answer, body, gateway, settings, token};
use crate::support::{Provider, SocketClient, StubUpstream, TestGateway};

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
     connection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Turns the old token down; says back what it hears from whoever has another one.
async fn backend() -> StubUpstream {
    StubUpstream::answering(|mut conversation| async move {
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
    let yaml = format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         chatgpt: [{{ codex-auth-file: '{}', base-url: '{}/backend-api/codex' }}]\n",
        login.file().display(),
        backend.origin
    );
    let gateway = TestGateway::start(&yaml).await;
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
    let gateway = TestGateway::start(&settings(&login, &[&backend], other)).await;
    let mut client =
        SocketClient::open(gateway.connect().await, "/v1/responses", &CODEX[1..]).await;

    let asked = json!({ "type": "response.create", "model": "gpt-5", "input": "hi" });
    assert_eq!(client.ask(&asked).await["type"], "response.completed");

    let seen = backend.asked_times(1).await;
    assert_eq!(seen.field("originator"), Some("codex_cli_rs"));
    assert_eq!(seen.field("user-agent"), Some(CODEX[1].1));
}
