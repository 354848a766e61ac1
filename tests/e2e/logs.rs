//! The log tells what happened, once for each request, and never a secret.

use crate::support::{Client, GatewayProcess, StubUpstream};

/// Everything in this run that no log may hold.
const SECRETS: &[&str] = &[
    "client-secret-1",
    "wrong-secret-2",
    "team-secret-3",
    "provider-secret-4",
    "cookie-secret-5",
    "query-secret-6",
    "thread-secret-7",
    "rivet-secret-8",
    "prompt-secret-9",
    "answer-secret-10",
    "path-query-secret-11",
];

async fn ask(gateway: &GatewayProcess, method: &str, target: &str, key: &str, body: &str) -> u16 {
    let mut client = gateway.connect().await;
    let fields = [("x-api-key", key), ("cookie", "session=cookie-secret-5")];
    client.send(method, target, &fields, body.as_bytes()).await;
    client.response().await.status
}

#[actix_web::test]
async fn a_run_of_every_kind_of_request_logs_no_secret() {
    let upstream = StubUpstream::answering(|mut conversation| async move {
        let fields = [("content-type", "application/json"), ("set-cookie", "a=cookie-secret-5")];
        conversation.reply(200, &fields, r#"{"text":"answer-secret-10"}"#).await;
        Some(conversation)
    })
    .await;
    let origin = &upstream.origin;
    let mut gateway = GatewayProcess::start(&format!(
        "api-keys: [ {{ name: alice, key: client-secret-1 }} ]\n\
         log: {{ level: trace }}\n\
         ampcode: {{ upstream-url: '{origin}', upstream-api-key: team-secret-3 }}\n\
         claude-api-key: [ {{ api-key: provider-secret-4, base-url: '{origin}' }} ]\n\
         gemini-api-key: [ {{ api-key: provider-secret-4, base-url: 'http://127.0.0.1:1' }} ]\n"
    ));
    let key = "client-secret-1";
    let prompt = |model: &str| format!(r#"{{"model":"{model}","text":"prompt-secret-9"}}"#);
    let claude = "/api/provider/anthropic/v1/messages";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // method, target,                                   key,              body,              status
        ("GET",  "/api/user?token=path-query-secret-11",     key,              String::new(),     200),
        ("GET",  "/api/user?key=query-secret-6",             "wrong-secret-2", String::new(),     401),
        ("POST", claude,                                     key,              prompt("claude-x"), 200),
        ("POST", claude,                                     key,              prompt("other"),   200),
        ("POST", "/v1/messages",                             "wrong-secret-2", prompt("claude-x"), 401),
        ("POST", "/v1/messages",                             key,              "{prompt-secret-9".to_owned(), 400),
        ("POST", "/v1beta/models/gemini-x:generateContent?key=query-secret-6", key, prompt("x"),  502),
        ("GET",  "/nowhere?x=path-query-secret-11",          key,              String::new(),     404),
    ];
    for (method, target, key, body, status) in &cases {
        assert_eq!(ask(&gateway, method, target, key, body).await, *status, "{method} {target}");
    }
    let mut client = gateway.connect().await;
    let handshake = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-protocol", "rivet, rivet_token.thread-secret-7"),
    ];
    let socket = "/actors/gateway/x/websocket/?rvt-token=rivet-secret-8";
    client.send("GET", socket, &handshake, b"").await;
    client.response().await;

    gateway.signal("-TERM");
    assert!(gateway.wait().success());
    let log = gateway.log();

    for secret in SECRETS {
        assert!(!log.contains(secret), "{secret} stands in the log:\n{log}");
    }
    let errors: Vec<&str> =
        log.lines().filter(|line| line.contains(r#""level":"ERROR""#)).collect();
    assert!(errors.is_empty(), "nothing here needs an operator: {errors:?}");
    let lines = log.lines().filter(|line| line.contains(r#""message":"request""#)).count();
    assert_eq!(lines, cases.len() + 1, "one line for each request:\n{log}");
}

/// The line of the one request that a run has made.
fn line_of(gateway: &mut GatewayProcess) -> serde_json::Value {
    let line = gateway.log_line_with(r#""message":"request""#);
    serde_json::from_str(&line).unwrap()
}

#[actix_web::test]
async fn the_line_of_a_model_call_says_who_asked_whom_for_what() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let mut gateway = GatewayProcess::start(&format!(
        "api-keys: [ {{ name: alice, key: k }} ]\n\
         claude-api-key: [ {{ api-key: p, base-url: '{}' }} ]\n",
        upstream.origin
    ));

    ask(&gateway, "POST", "/v1/messages", "k", r#"{"model":"claude-x"}"#).await;

    let line = line_of(&mut gateway);
    #[rustfmt::skip] // columns are easier to proofread
    let fields = [
        ("route", "messages"), ("client.name", "alice"), ("upstream.name", "claude"),
        ("model", "claude-x"), ("paid_by", "local"), ("outcome", "complete"),
    ];
    for (name, value) in fields {
        assert_eq!(line[name], value, "{name}: {line}");
    }
    assert_eq!((&line["status"], &line["bytes"]), (&200.into(), &2.into()), "{line}");
    for name in ["first_byte_ms", "duration_ms"] {
        assert!(line[name].is_u64(), "{name}: {line}");
    }
    assert!(!line["request.id"].as_str().unwrap().is_empty(), "{line}");
}

#[actix_web::test]
async fn the_line_says_how_a_request_ended() {
    let upstream = StubUpstream::answering(|mut conversation| async move {
        if conversation.request.target == "/api/cut" {
            conversation.say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
            return None;
        }
        conversation.gateway_leaves().await;
        None
    })
    .await;
    let mut gateway = GatewayProcess::start(&format!(
        "api-keys: [k]\nampcode: {{ upstream-url: '{}' }}\n",
        upstream.origin
    ));

    let mut client: Client = gateway.connect().await;
    client.send("GET", "/api/cut", &[("x-api-key", "k")], b"").await;
    client.to_end().await;
    let line = line_of(&mut gateway);
    assert_eq!((&line["outcome"], &line["bytes"]), (&"upstream_broke".into(), &4.into()), "{line}");

    let mut client = gateway.connect().await;
    client.send("GET", "/api/slow", &[("x-api-key", "k")], b"").await;
    upstream.request(1).await;
    drop(client);
    assert_eq!(line_of(&mut gateway)["outcome"], "client_left");
}
