//! Logins that clients bring: they reach their own provider, byte for byte, and nobody else.

use serde_json::json;

use crate::support::{
    GatewayProcess, Provider, Response, Scripted, SocketClient, StubUpstream, TestGateway,
};

const MESSAGES: &str = "/v1/messages";
const AMP_DOOR: &str = "/api/provider/anthropic/v1/messages";
/// What stands in every login here, and may stand nowhere but at its provider.
const MARK: &str = "hush";
const LOGIN: (&str, &str) = ("authorization", "Bearer sk-ant-oat01-hush");
const KEY: (&str, &str) = ("x-ampgate-key", "client-key-1");

async fn stub() -> StubUpstream {
    StubUpstream::replying(200, "application/json", "{}").await
}

/// Clients with a login of their own at `clients`; `more` are further lists and sections.
fn settings(clients: &str, more: &str) -> String {
    format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}, {{ name: bob, key: client-key-2 }}]\n\
         claude-api-key:\n  - {{ passthrough: true, base-url: '{clients}' }}\n{more}"
    )
}

fn asking(model: &str) -> String {
    json!({ "model": model, "max_tokens": 9, "messages": [{ "role": "user", "content": "hi" }] })
        .to_string()
}

/// A model call with these fields and no others that could be a key.
async fn call(gateway: &TestGateway, model: &str, fields: &[(&str, &str)]) -> Response {
    gateway.bare_request("POST", MESSAGES, fields, asking(model)).await
}

#[actix_web::test]
async fn a_login_reaches_its_provider_as_it_is_and_nobody_else() {
    let (clients, team, openai, amp) = (stub().await, stub().await, stub().await, stub().await);
    let more = format!(
        "  - {{ api-key: team-claude-key, base-url: '{}' }}\n\
         openai-api-key: [{{ api-key: team-openai-key, base-url: '{}' }}]\n\
         ampcode: {{ upstream-url: '{}', upstream-api-key: team-key }}\n",
        team.origin, openai.origin, amp.origin
    );
    let gateway = TestGateway::start(&settings(&clients.origin, &more)).await;
    let fields = [KEY, LOGIN, ("x-api-key", "own-hush"), ("x-goog-api-key", "google-hush")];

    let own = call(&gateway, "claude-x", &fields).await;
    let through_amps_door =
        gateway.bare_request("POST", AMP_DOOR, &fields, asking("claude-x")).await;
    for answer in [own, through_amps_door] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.field("x-ampgate-route"), Some("own-login"), "who pays");
        assert_eq!(answer.field("x-ampgate-provider"), Some("claude"), "who answered");
    }
    for seen in clients.requests() {
        assert_eq!(seen.fields.all("authorization"), [LOGIN.1]);
        assert_eq!(seen.fields.all("x-api-key"), ["own-hush"]);
        assert_eq!(seen.fields.all("x-goog-api-key"), [""; 0], "no place of Anthropic's");
        assert!(!seen.mentions("client-key") && !seen.mentions("x-ampgate-key"), "{seen:?}");
        assert!(!seen.mentions("team-"), "no key of the team's: {seen:?}");
    }
    assert_eq!(clients.requests().len(), 2);

    // Whatever else the client asks for, it is a client like any other.
    let relayed = "/api/user?key=query-hush&auth_token=token-hush&x=1";
    assert_eq!(
        call(&gateway, "gpt-9", &fields).await.status,
        502,
        "translated, and badly answered"
    );
    for (method, target, body) in [
        ("POST", AMP_DOOR, asking("other")),
        ("GET", relayed, String::new()),
        ("GET", "/threads/T-1", String::new()),
        ("GET", "/v1/models", String::new()),
        ("GET", "/auth/x", String::new()),
    ] {
        let answer = gateway.bare_request(method, target, &fields, body).await;
        assert_eq!(answer.status, 200, "{method} {target}: {}", answer.text());
    }
    let handshake = [KEY, LOGIN, ("connection", "upgrade"), ("upgrade", "websocket")];
    gateway.bare_request("GET", "/api/x", &handshake, b"").await;
    gateway.bare_request("GET", "/actors/x", &handshake, b"").await;
    assert_eq!(clients.requests().len(), 2);
    for (other, least) in [(&openai, 1), (&amp, 6), (&team, 1)] {
        assert!(other.requests().len() >= least, "it was asked: {:?}", other.requests());
        for seen in other.requests() {
            assert!(!seen.mentions(MARK), "a login went astray: {seen:?}");
            assert!(!seen.mentions("client-key"), "a key of ours went out: {seen:?}");
        }
    }
}

#[actix_web::test]
async fn each_dialects_login_crosses_in_its_own_fields() {
    let provider = stub().await;
    let origin = &provider.origin;
    let gateway = TestGateway::start(&format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '' }}\n\
         openai-api-key: [{{ passthrough: true, base-url: '{origin}' }}]\n\
         gemini-api-key: [{{ passthrough: true, base-url: '{origin}' }}]\n"
    ))
    .await;
    let gemini = "/v1beta/models/gemini-9:generateContent";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,                field,            login
        ("/v1/chat/completions", "authorization",  "Bearer own-hush"),
        ("/v1/responses",        "authorization",  "Bearer own-hush"),
        (gemini,                 "x-goog-api-key", "own-hush"),
        (gemini,                 "authorization",  "Bearer ya29.hush"),
    ];
    for (number, (target, field, login)) in cases.into_iter().enumerate() {
        let body = r#"{"model":"gpt-9","input":"hi","messages":[],"contents":[]}"#;
        let answer = gateway.bare_request("POST", target, &[KEY, (field, login)], body).await;

        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        assert_eq!(answer.field("x-ampgate-route"), Some("own-login"), "{target}");
        let seen = provider.request(number).await;
        assert_eq!(seen.fields.all(field), [login], "{target}");
        assert_eq!(seen.body, body.as_bytes(), "{target}");
    }
}

#[actix_web::test]
async fn what_a_provider_says_to_one_login_is_its_clients_affair() {
    let limited = Scripted::json(429, r#"{ "error" : {"type":"rate_limit_error"} }"#)
        .with("retry-after", "7200")
        .with("anthropic-ratelimit-requests-remaining", "0")
        .with("anthropic-ratelimit-requests-limit", "50");
    let refused = Scripted::json(401, r#"{ "error" : {"type":"authentication_error"} }"#);
    let down = Scripted::failure(529);
    let clients = Provider::saying([
        refused,
        limited,
        down,
        Scripted::hang_up(), // on a connection that was open before, and so once more on a new one
        Scripted::hang_up(),
        Scripted::cut_stream("event: message_start\ndata: {\"type\":\"message_start\"}\n\n"),
        Scripted::by("clients"),
    ])
    .await;
    let team = Provider::well("team").await;
    let amp = stub().await;
    let more = format!(
        "  - {{ api-key: team-key, base-url: '{}' }}\n\
         ampcode: {{ upstream-url: '{}', fallback: on-failure }}\nrequest-retry: 3\n",
        team.origin(),
        amp.origin
    );
    let gateway = TestGateway::start(&settings(clients.origin(), &more)).await;
    let ask = async || {
        let mut client = gateway.connect().await;
        client.send("POST", AMP_DOOR, &[KEY, LOGIN], asking("claude-x").as_bytes()).await;
        let head = client.head().await;
        let body = client.rest(&head.fields).await;
        (head, body)
    };

    let (head, body) = ask().await;
    assert_eq!(head.status, 401);
    assert_eq!(body.unwrap(), br#"{ "error" : {"type":"authentication_error"} }"#);
    let (head, body) = ask().await;
    assert_eq!((head.status, head.field("retry-after")), (429, Some("7200")));
    assert_eq!(head.field("anthropic-ratelimit-requests-remaining"), Some("0"));
    assert_eq!(body.unwrap(), br#"{ "error" : {"type":"rate_limit_error"} }"#);
    assert_eq!(ask().await.0.status, 529, "as it is");
    assert_eq!(ask().await.0.status, 502, "no answer at all");
    let (head, body) = ask().await;
    assert_eq!(head.status, 200);
    drop(body); // it breaks off, and that is all
    let (head, body) = ask().await;
    assert_eq!(head.status, 200, "nothing rests");
    assert_eq!(body.unwrap(), br#"{"by":"clients"}"#);

    assert!(team.requests().is_empty(), "nobody else was asked");
    assert!(amp.requests().is_empty(), "nor paid");
    let status = gateway.status().await;
    let entry =
        status["credentials"].as_array().unwrap().iter().find(|one| one["id"] == "claude-1");
    let entry = entry.unwrap_or_else(|| panic!("{status:#}"));
    assert_eq!(entry["limits"], json!([]), "the limits of one person are nobody's else: {entry:#}");
    assert_eq!(entry["rests"], json!([]), "{entry:#}");
}

#[actix_web::test]
async fn a_client_without_a_login_is_told_what_is_missing() {
    let clients = stub().await;
    let more = "ampcode: { upstream-url: '' }\n";
    let gateway = TestGateway::start(&settings(&clients.origin, more)).await;
    let bearer = ("authorization", "Bearer client-key-1");
    let of_bob = ("authorization", "Bearer client-key-2");
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[bearer],                       "its key in the usual place"),
        (&[KEY],                          "nothing beside its key"),
        (&[KEY, bearer],                  "its key twice is no login"),
        (&[KEY, of_bob],                  "nor is another's"),
        (&[bearer, ("x-api-key", "own")], "a login is one only beside our own field"),
    ];
    for (fields, why) in cases {
        let answer = call(&gateway, "claude-x", fields).await;
        assert_eq!(answer.status, 404, "{why}: {}", answer.text());
        assert!(answer.text().contains("X-Ampgate-Key"), "{why}: {}", answer.text());
    }
    let chat = ("content-type", "application/json");
    let translated = gateway
        .bare_request("POST", "/v1/chat/completions", &[KEY, LOGIN, chat], asking("claude-x"))
        .await;
    assert_eq!(translated.status, 404, "another dialect's client has no login there");
    assert_eq!(translated.json()["error"]["code"], "model_not_served");
    assert_eq!(clients.connections(), 0);
}

#[actix_web::test]
async fn a_wrong_key_beside_a_login_opens_nothing_whatever_else_is_shown() {
    let upstream = stub().await;
    let origin = &upstream.origin;
    let more = format!("ampcode: {{ upstream-url: '{origin}', upstream-api-key: team-key }}\n");
    let gateway = TestGateway::start(&settings(origin, &more)).await;
    let right = [("authorization", "Bearer client-key-1"), ("x-api-key", "client-key-2")];
    for (method, target) in [
        ("POST", MESSAGES),
        ("POST", AMP_DOOR),
        ("GET", "/api/user?key=client-key-1"),
        ("GET", "/threads/T-1"),
        ("GET", "/v1/models"),
    ] {
        for wrong in ["wrong", "client-key-", ""] {
            let fields = [&[("x-ampgate-key", wrong)][..], &right].concat();
            let answer = gateway.bare_request(method, target, &fields, b"").await;
            assert_eq!(answer.status, 401, "{method} {target} {wrong:?}");
        }
    }
    assert_eq!(upstream.connections(), 0);
}

#[actix_web::test]
async fn a_plan_shown_as_a_key_is_told_that_it_is_none_in_the_words_of_the_door() {
    let upstream = stub().await;
    let gateway = TestGateway::start(&settings(&upstream.origin, "")).await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,                                   pointer,         value
        (MESSAGES,                                   "/error/type",   "authentication_error"),
        ("/v1/chat/completions",                     "/error/code",   "login_is_no_key"),
        ("/v1/responses",                            "/error/code",   "login_is_no_key"),
        ("/v1beta/models/gemini-9:generateContent",  "/error/status", "UNAUTHENTICATED"),
    ];
    for (target, pointer, value) in cases {
        for fields in
            [LOGIN, ("x-api-key", "sk-ant-oat01-hush"), ("x-ampgate-key", "sk-ant-ort01-hush")]
        {
            let answer = gateway.bare_request("POST", target, &[fields], asking("claude-x")).await;
            let (status, text) = (answer.status, answer.text());
            assert_eq!((status, answer.field("www-authenticate")), (401, Some("Bearer")), "{text}");
            assert_eq!(answer.json().pointer(pointer).unwrap(), value, "{target}: {text}");
            assert!(text.contains("Claude Pro or Max") && text.contains("X-Ampgate-Key"), "{text}");
            assert!(!text.contains(MARK), "{text}");
        }
    }
    assert_eq!(upstream.connections(), 0);
}

#[actix_web::test]
async fn calls_with_a_login_are_metered_and_kept_to_the_limits_of_their_client() {
    let answer = json!({ "usage": { "input_tokens": 10, "output_tokens": 5 } }).to_string();
    let clients = StubUpstream::replying(200, "application/json", answer).await;
    let gateway = TestGateway::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1, limits: {{ requests-per-minute: 1 }} }}]\n\
         claude-api-key: [{{ passthrough: true, base-url: '{}' }}]\n",
        clients.origin
    ))
    .await;

    assert_eq!(call(&gateway, "claude-x", &[KEY, LOGIN]).await.status, 200);
    assert_eq!(call(&gateway, "claude-x", &[KEY, LOGIN]).await.status, 429, "one in a minute");

    assert_eq!(clients.requests().len(), 1);
    let status = gateway.status().await;
    let routes = status["by_route"].as_array().unwrap();
    let own = routes.iter().find(|row| row["name"] == "own-login").unwrap();
    assert_eq!((&own["requests"], &own["tokens"]["output"]), (&json!(1), &json!(5)), "{own:#}");
    let metrics = gateway.metrics().await;
    assert!(metrics.contains(r#"route="own-login""#), "{metrics}");
    assert!(!metrics.contains(MARK), "{metrics}");
}

#[actix_web::test]
async fn the_long_context_of_who_pays_for_it_is_kept() {
    let clients = stub().await;
    let gateway = TestGateway::start(&settings(&clients.origin, "")).await;
    let beta = ("anthropic-beta", "oauth-2025-04-20,context-1m-2025-08-07");

    assert_eq!(call(&gateway, "claude-x", &[KEY, LOGIN, beta]).await.status, 200);

    assert_eq!(clients.only_request().field("anthropic-beta"), Some(beta.1));
}

#[actix_web::test]
async fn a_websocket_is_answered_with_the_login_of_its_handshake() {
    let done = json!({ "type": "response.completed", "response": { "id": "r", "output": [] } });
    let events = format!("event: response.completed\ndata: {done}\n\n");
    let clients = Provider::saying([Scripted::stream(events)]).await;
    let team = Provider::well("team").await;
    let gateway = TestGateway::start(&format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '' }}\nopenai-api-key:\n  \
         - {{ api-key: team-key, base-url: '{}' }}\n  \
         - {{ passthrough: true, base-url: '{}' }}\n",
        team.origin(),
        clients.origin()
    ))
    .await;
    let fields = [KEY, ("authorization", "Bearer own-hush")];
    let mut client = SocketClient::open(gateway.connect().await, "/v1/responses", &fields).await;

    let message = json!({ "type": "response.create", "model": "gpt-9", "input": "hi" });
    assert_eq!(client.ask(&message).await["type"], "response.completed");

    let seen = clients.requests().remove(0);
    assert_eq!(seen.field("authorization"), Some("Bearer own-hush"));
    assert!(!seen.mentions("client-key"), "{seen:?}");
    assert!(team.requests().is_empty(), "the team's key is not spent");
}

#[actix_web::test]
async fn no_login_stands_in_a_log_an_error_or_a_trace() {
    let collector = StubUpstream::replying(200, "application/x-protobuf", "").await;
    let clients = Provider::saying([
        Scripted::by("clients"),
        Scripted::failure(401),
        Scripted::limited(60),
        Scripted::hang_up(),
    ])
    .await;
    let mut gateway = GatewayProcess::start(&format!(
        "api-keys: [{{ name: alice, key: client-hush-1 }}]\nlog: {{ level: trace }}\n\
         ampcode: {{ upstream-url: '' }}\n\
         claude-api-key: [{{ passthrough: true, base-url: '{}' }}]\n\
         openai-api-key: [{{ passthrough: true, base-url: 'http://127.0.0.1:1' }}]\n\
         telemetry: {{ otlp: {{ endpoint: '{}' }} }}\n",
        clients.origin(),
        collector.origin
    ));
    let key = ("x-ampgate-key", "client-hush-1");
    let of_chat = ("authorization", "Bearer sk-hush");
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(&str, &str, &[(&str, &str)], u16)] = &[
        (MESSAGES,               "claude-x", &[key, LOGIN],                            200),
        (MESSAGES,               "claude-x", &[key, LOGIN],                            401),
        (MESSAGES,               "claude-x", &[key, LOGIN, ("x-api-key", "own-hush")], 429),
        (MESSAGES,               "claude-x", &[key, LOGIN],                            502),
        ("/v1/chat/completions", "gpt-9",    &[key, of_chat],                          502),
        (MESSAGES,               "unserved", &[key, LOGIN],                            404),
        (MESSAGES,               "claude-x", &[("x-ampgate-key", "wrong-hush"), LOGIN], 401),
        (MESSAGES,               "claude-x", &[LOGIN],                                 401),
    ];
    for (target, model, fields, status) in cases {
        let mut client = gateway.connect().await;
        client.send("POST", target, fields, asking(model).as_bytes()).await;
        let answer = client.response().await;
        assert_eq!(answer.status, *status, "{fields:?}: {}", answer.text());
        assert!(!answer.text().contains(MARK), "{}", answer.text());
    }
    gateway.signal("-TERM");
    let log = tokio::task::spawn_blocking(move || {
        assert!(gateway.wait().success());
        gateway.log()
    });
    let log = log.await.unwrap();

    assert!(!log.contains(MARK), "a login or a key stands in the log:\n{log}");
    assert!(log.contains(r#""paid_by":"own-login""#), "who pays is told:\n{log}");
    assert!(!collector.requests().is_empty());
    for export in collector.requests() {
        assert!(!export.mentions(MARK), "a login or a key stands in a trace");
        assert!(export.mentions("alice"), "the client is named");
    }
}
