//! `ChatGPT` plans: the backend that Codex uses, by the login that Codex keeps.

mod logins;
mod sockets;

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{
    Client, GatewayProcess, Provider, Response, Scripted, SeenRequest, StubUpstream, TestGateway,
    fixture,
};

/// What a Codex client says of itself.
const CODEX: &[(&str, &str)] = &[
    ("content-type", "application/json"),
    ("user-agent", "codex_cli_rs/0.169.0 (Linux; x86_64) xterm"),
    ("originator", "codex_cli_rs"),
    ("session_id", "s-1"),
    ("conversation_id", "c-1"),
    ("version", "0.169.0"),
    ("openai-beta", "responses=experimental"),
    ("x-codex-window-id", "w-1"),
];

/// The file that Codex keeps.
struct Login {
    folder: tempfile::TempDir,
}

impl Login {
    /// A login whose token ends in `name`.
    fn named(name: &str) -> Self {
        let login = Self { folder: tempfile::tempdir().unwrap() };
        login.becomes(name);
        login
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("auth.json")
    }

    /// Codex has renewed it.
    fn becomes(&self, name: &str) {
        let tokens = json!({ "access_token": token(name), "id_token": jwt(&json!({
            "email": "dev@example.invalid",
            "https://api.openai.com/auth": { "chatgpt_plan_type": "plus" } }), "hush-id"),
            "refresh_token": "hush-refresh", "account_id": "acct-1" });
        let login = json!({ "auth_mode": "chatgpt", "OPENAI_API_KEY": null, "tokens": tokens });
        let draft = self.folder.path().join("draft");
        std::fs::write(&draft, login.to_string()).unwrap();
        std::fs::rename(draft, self.file()).unwrap();
    }
}

fn jwt(claims: &Value, signature: &str) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(&json!({ "alg": "none" })), part(claims))
}

/// Good until 2096.
fn token(name: &str) -> String {
    jwt(&json!({ "exp": 4_000_000_000_u64 }), &format!("hush-{name}"))
}

/// One plan for each backend; failures put nothing to rest and are not tried again, unless `more` says so.
fn settings(login: &Login, backends: &[&str], more: &str) -> String {
    let file = login.file().display().to_string();
    let plan = |backend: &&str| {
        format!("  - {{ codex-auth-file: '{file}', base-url: '{backend}/backend-api/codex' }}\n")
    };
    let plans: String = backends.iter().map(plan).collect();
    format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         {more}\nchatgpt:\n{plans}"
    )
}

const ONCE: &str = "request-retry: 0\ndisable-cooling: true";

async fn gateway(login: &Login, backend: &Provider) -> TestGateway {
    TestGateway::start(&settings(login, &[backend.origin()], ONCE)).await
}

fn events(events: &[Value]) -> String {
    let event =
        |data: &Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    events.iter().map(event).collect()
}

fn created() -> Value {
    json!({ "type": "response.created", "response": { "id": "resp_1", "status": "in_progress" } })
}

fn item() -> Value {
    json!({ "id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
            "content": [{ "type": "output_text", "text": "hello", "annotations": [] }] })
}

/// As the backend does it: the items one by one, and none of them in the end.
fn answer() -> Scripted {
    let delta = json!({ "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0,
                        "content_index": 0, "delta": "hello" });
    let added = json!({ "type": "response.output_item.added", "output_index": 0, "item":
        { "id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": [] } });
    let done = json!({ "type": "response.output_item.done", "output_index": 0, "item": item() });
    let usage = json!({ "input_tokens": 30, "input_tokens_details": { "cached_tokens": 10 },
                        "output_tokens": 7, "output_tokens_details": { "reasoning_tokens": 2 },
                        "total_tokens": 37 });
    let response = json!({ "id": "resp_1", "object": "response", "status": "completed",
                           "model": "gpt-5-2026", "output": [], "usage": usage });
    let completed = json!({ "type": "response.completed", "response": response });
    let stream = Scripted::stream(events(&[created(), added, delta, done, completed]));
    plan_limits().iter().fold(stream, |stream, (name, value)| stream.with(name, value))
}

/// The limits of the sample, with the windows in the order that surprises.
fn plan_limits() -> Vec<(String, String)> {
    let sample: Value =
        serde_json::from_slice(&fixture("openai-responses/r09-codex-backend.exchanges.json"))
            .unwrap();
    let fields = sample["responses"][0]["headers"].as_object().unwrap();
    let limits = fields.iter().filter(|(name, _)| name.starts_with("x-codex-"));
    limits.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn body(request: &SeenRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

async fn ask(gateway: &TestGateway, target: &str, body: &Value) -> Response {
    gateway.post_json(target, body.to_string()).await
}

#[actix_web::test]
async fn a_codex_clients_call_passes_as_it_is_with_the_plans_login() {
    let login = Login::named("one");
    let backend = Provider::saying([answer()]).await;
    let gateway = gateway(&login, &backend).await;
    let asked = r#"{"model":"gpt-5","instructions":"i" ,"input":[{"role":"user","content":"hi"}],"store":false,"stream":true}"#;

    let response = gateway.request("POST", "/v1/responses", CODEX, asked).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.field("x-ampgate-provider"), Some("chatgpt"));
    assert_eq!(response.field("x-ampgate-dropped"), None);
    let text = response.text();
    assert!(text.starts_with("event: response.created\n") && text.contains("\"delta\":\"hello\""));
    let seen = backend.asked_times(1).await;
    assert_eq!((&*seen.method, &*seen.target), ("POST", "/backend-api/codex/responses"));
    assert_eq!(seen.body, asked.as_bytes(), "byte for byte");
    assert_eq!(seen.field("authorization"), Some(&*format!("Bearer {}", token("one"))));
    assert_eq!(seen.field("chatgpt-account-id"), Some("acct-1"));
    for (name, value) in CODEX {
        assert_eq!(seen.fields.all(name), [*value], "{name}");
    }
    assert!(!seen.mentions("client-key-1") && !seen.mentions("hush-refresh"));
}

#[actix_web::test]
async fn anybody_else_goes_by_our_name_and_is_put_right() {
    let login = Login::named("one");
    let backend = Provider::saying([answer()]).await;
    let gateway = gateway(&login, &backend).await;
    let asked = json!({ "model": "gpt-5", "input": "hi", "max_output_tokens": 9, "stream": true });
    let fields = [
        ("content-type", "application/json"),
        ("originator", "codex_cli_rs"),
        ("user-agent", "curl/8.0"),
        ("chatgpt-account-id", "acct-of-the-client"),
    ];

    let response = gateway.request("POST", "/v1/responses", &fields, asked.to_string()).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.field("x-ampgate-dropped"), Some("max_output_tokens"));
    let seen = backend.asked_times(1).await;
    let ours = concat!("ampgate/", env!("CARGO_PKG_VERSION"));
    assert_eq!(seen.fields.all("originator"), ["ampgate"]);
    assert_eq!(seen.fields.all("user-agent"), [ours]);
    assert_eq!(seen.fields.all("chatgpt-account-id"), ["acct-1"]);
    assert_eq!(seen.fields.all("accept"), ["text/event-stream"]);
    assert!(!seen.mentions("codex_cli_rs"));
    let message = json!({ "type": "message", "role": "user",
                          "content": [{ "type": "input_text", "text": "hi" }] });
    assert_eq!(
        body(&seen),
        json!({ "store": false, "instructions": "", "model": "gpt-5",
                                    "input": [message], "stream": true })
    );
}

#[actix_web::test]
async fn a_client_that_wants_no_stream_gets_one_answer_and_it_is_counted() {
    let login = Login::named("one");
    let backend = Provider::saying([answer()]).await;
    let gateway = gateway(&login, &backend).await;

    let response =
        ask(&gateway, "/v1/responses", &json!({ "model": "gpt-5", "input": "hi" })).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.field("content-type"), Some("application/json"));
    let told = response.json();
    assert_eq!(told["output"], json!([item()]), "filled with what was told before");
    assert_eq!((&told["id"], &told["usage"]["total_tokens"]), (&json!("resp_1"), &json!(37)));
    assert_eq!(body(&backend.asked_times(1).await)["stream"], json!(true));
    let metrics = gateway.metrics().await;
    for (kind, tokens) in [("input", 30), ("cached_input", 10), ("output", 7), ("reasoning", 2)] {
        let is_of = |line: &&str| {
            line.starts_with("ampgate_tokens_total{") && line.contains(&format!("\"{kind}\""))
        };
        let line = metrics.lines().find(is_of).unwrap_or_else(|| panic!("{kind}: {metrics}"));
        assert!(line.ends_with(&format!(" {tokens}")), "{line}");
        assert!(line.contains("\"chatgpt\""), "{line}");
    }
}

#[actix_web::test]
async fn clients_of_every_dialect_are_answered_streamed_or_not() {
    let login = Login::named("one");
    let backend = Provider::saying([answer()]).await;
    let gateway = gateway(&login, &backend).await;
    let said = json!([{ "role": "user", "content": "hi" }]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target, body, where the text is
        ("/v1/chat/completions", json!({ "model": "gpt-5", "messages": said, "temperature": 0.5 }), "/choices/0/message/content"),
        ("/v1/messages",         json!({ "model": "gpt-5", "max_tokens": 9, "messages": said }),    "/content/0/text"),
        ("/v1beta/models/gpt-5:generateContent",
                                 json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] }), "/candidates/0/content/parts/0/text"),
    ];
    for (target, asked, text_at) in cases {
        let whole = ask(&gateway, target, &asked).await;
        assert_eq!(whole.status, 200, "{target}: {}", whole.text());
        assert_eq!(whole.json().pointer(text_at), Some(&json!("hello")), "{target}");

        let (target, mut asked) = (target.replace(":generate", ":streamGenerate"), asked);
        if !target.contains(":stream") {
            asked["stream"] = json!(true);
        }
        let streamed = ask(&gateway, &format!("{target}?alt=sse"), &asked).await;
        assert_eq!(streamed.status, 200, "{target}: {}", streamed.text());
        assert_eq!(streamed.field("content-type"), Some("text/event-stream"), "{target}");
        assert!(streamed.text().contains("hello"), "{target}: {}", streamed.text());
    }
    for seen in backend.requests() {
        let asked = body(&seen);
        assert_eq!((&asked["stream"], &asked["store"]), (&json!(true), &json!(false)));
        assert!(asked["instructions"].is_string() && asked.get("max_output_tokens").is_none());
        assert_eq!(seen.field("originator"), Some("ampgate"));
    }
}

#[actix_web::test]
async fn what_a_translated_call_had_to_leave_out_is_named() {
    let login = Login::named("one");
    let backend = Provider::saying([answer()]).await;
    let gateway = gateway(&login, &backend).await;
    let asked = json!({ "model": "gpt-5", "temperature": 0.5,
                        "messages": [{ "role": "user", "content": "hi" }] });

    let response = ask(&gateway, "/v1/chat/completions", &asked).await;

    let dropped = response.field("x-ampgate-dropped").unwrap_or_default();
    assert!(dropped.split(", ").any(|name| name == "temperature"), "{dropped}");
}

#[actix_web::test]
async fn a_failure_in_the_stream_has_the_status_it_would_have_had() {
    let failed = |error: Value| {
        let failed =
            json!({ "type": "response.failed", "response": { "id": "r", "error": error } });
        Scripted::stream(events(&[created(), failed]))
    };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (failed(json!({ "code": "context_length_exceeded", "message": "too long" })), 400, "too long"),
        (failed(json!({ "code": "rate_limit_exceeded", "message": "slow down" })),    429, "slow down"),
        (failed(json!({ "code": "server_error", "message": "broken" })),              500, "broken"),
        (Scripted::stream(events(&[json!({ "type": "error", "code": "server_is_overloaded", "message": "full" })])), 503, "full"),
    ];
    for (scripted, status, message) in cases {
        let login = Login::named("one");
        let backend = Provider::saying([scripted]).await;
        let gateway = gateway(&login, &backend).await;
        let response =
            ask(&gateway, "/v1/responses", &json!({ "model": "gpt-5", "input": "hi" })).await;
        assert_eq!(response.status, status, "{}", response.text());
        assert_eq!(response.json()["error"]["message"], message);
    }
}

#[actix_web::test]
async fn a_stream_that_ends_early_is_no_answer_and_another_plan_gives_one() {
    let begun =
        events(&[created(), json!({ "type": "response.output_item.done", "item": item() })]);
    for broken in [Scripted::cut_stream(begun.clone()), Scripted::stream(begun.clone())] {
        let login = Login::named("one");
        let breaks = Provider::saying([broken]).await;
        let lone = gateway(&login, &breaks).await;
        let asked = json!({ "model": "gpt-5", "input": "hi" });
        let response = ask(&lone, "/v1/responses", &asked).await;
        assert_eq!(response.status, 502, "{}", response.text());
        assert_eq!(response.json()["error"]["code"], "upstream_broke");

        let well = Provider::saying([answer()]).await;
        let more = "request-retry: 1\nrouting: { strategy: fill-first }";
        let both =
            TestGateway::start(&settings(&login, &[breaks.origin(), well.origin()], more)).await;
        let response = ask(&both, "/v1/responses", &asked).await;
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.json()["output"], json!([item()]));
        assert_eq!((breaks.asked(), well.asked()), (2, 1));
    }
}

/// Fault of the first version: behind a head that was well nobody counted it, and its span had not failed.
#[actix_web::test]
async fn a_gathered_answer_that_breaks_is_an_error_of_the_upstream() {
    let login = Login::named("one");
    let collector = StubUpstream::replying(200, "application/x-protobuf", "").await;
    let breaks = Provider::saying([Scripted::stream(events(&[created()]))]).await;
    let well = Provider::saying([answer()]).await;
    let telemetry = format!("telemetry: {{ otlp: {{ endpoint: '{}' }} }}", collector.origin);
    let more = format!("{ONCE}\nrouting: {{ strategy: fill-first }}\n{telemetry}");
    let backends = [breaks.origin(), well.origin()];
    let mut gateway = GatewayProcess::start(&settings(&login, &backends, &more));
    let mut operator = Client::connect(gateway.admin()).await;
    let fields = [("authorization", "Bearer client-key-1"), ("content-type", "application/json")];
    let asked = br#"{"model":"gpt-5","input":"hi"}"#;

    let response = gateway.connect().await.ask("POST", "/v1/responses", &fields, asked).await;

    assert_eq!(response.status, 200, "{}", response.text());
    let metrics = operator.ask("GET", "/metrics", &[], b"").await.text();
    let counted = r#"ampgate_upstream_errors_total{class="upstream_broke",provider="chatgpt"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    gateway.signal("-TERM");
    drop(operator);
    tokio::task::spawn_blocking(move || gateway.wait()).await.unwrap(); // the collector is served here
    let exports = collector.requests();
    let failed = exports.iter().any(|spans| spans.mentions("error.type"));
    assert!(failed, "nothing else than the attempt has failed: {exports:?}");
}

#[actix_web::test]
async fn what_leans_on_a_kept_response_is_asked_of_a_key_that_serves_the_model() {
    let login = Login::named("one");
    let backend = Provider::saying([answer()]).await;
    let openai = Provider::well("openai").await;
    let key = format!("openai-api-key: [{{ api-key: k, base-url: '{}/v1' }}]", openai.origin());
    let more = format!("{ONCE}\nrouting: {{ session-affinity: false }}\n{key}");
    let gateway = TestGateway::start(&settings(&login, &[backend.origin()], &more)).await;
    let asked = json!({ "model": "gpt-5", "input": "hi", "previous_response_id": "resp_0" });

    for _ in 0..3 {
        let response = ask(&gateway, "/v1/responses", &asked).await;
        assert_eq!((response.status, &response.json()["by"]), (200, &json!("openai")));
    }

    assert_eq!(backend.asked(), 0);
    let free = json!({ "model": "gpt-5", "input": "hi" });
    for _ in 0..2 {
        assert_eq!(ask(&gateway, "/v1/responses", &free).await.status, 200);
    }
    assert_eq!((backend.asked(), openai.asked()), (1, 4), "in turn, as ever");
}

#[actix_web::test]
async fn a_client_that_leaves_while_its_answer_is_gathered_closes_the_upstream() {
    let login = Login::named("one");
    let backend = StubUpstream::answering(|mut conversation| async move {
        conversation.begin(200, &[("content-type", "text/event-stream")]).await;
        conversation.chunk(events(&[created()])).await;
        conversation.gateway_leaves().await;
        None
    })
    .await;
    let gateway = TestGateway::start(&settings(&login, &[&backend.origin], ONCE)).await;
    let mut client = gateway.connect().await;
    let fields = [("authorization", "Bearer client-key-1"), ("content-type", "application/json")];
    client.send("POST", "/v1/responses", &fields, br#"{"model":"gpt-5","input":"hi"}"#).await;
    backend.request(0).await;

    drop(client);

    backend.all_closed().await;
}

#[actix_web::test]
async fn what_leans_on_a_kept_response_is_refused_before_anybody_is_asked() {
    let login = Login::named("one");
    let backend = Provider::saying([answer()]).await;
    let gateway = gateway(&login, &backend).await;
    let asked = json!({ "model": "gpt-5", "input": "hi", "previous_response_id": "resp_0" });

    let response = ask(&gateway, "/v1/responses", &asked).await;

    assert_eq!(response.status, 400, "{}", response.text());
    let message = response.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("previous_response_id"), "{message}");
    assert_eq!(backend.asked(), 0);
}

#[actix_web::test]
async fn the_windows_of_a_plan_are_shown_by_their_length_and_put_it_to_rest_when_they_are_spent() {
    let login = Login::named("one");
    let limit = json!({ "error": { "type": "usage_limit_reached", "plan_type": "plus",
        "message": "The usage limit has been reached", "resets_in_seconds": 600 } });
    let backend = Provider::saying([answer(), Scripted::json(429, limit.to_string())]).await;
    let more = "request-retry: 0";
    let gateway = TestGateway::start(&settings(&login, &[backend.origin()], more)).await;
    let asked = json!({ "model": "gpt-5", "input": "hi" });

    assert_eq!(ask(&gateway, "/v1/responses", &asked).await.status, 200);
    let status = gateway.status().await;
    let limits = status["credentials"][0]["limits"].as_array().unwrap();
    let told = |name: &str| limits.iter().find(|limit| limit["name"] == name).cloned();
    assert_eq!(told("5h window").unwrap()["used_fraction"], json!(0.375), "{status}");
    assert_eq!(told("7d window").unwrap()["used_fraction"], json!(0.12), "{status}");

    let limited = ask(&gateway, "/v1/responses", &asked).await;
    assert_eq!(limited.status, 429, "{}", limited.text());
    let status = gateway.status().await;
    let rest = &status["credentials"][0]["rests"][0];
    assert_eq!((&rest["reason"], &rest["model"]), (&json!("limited"), &Value::Null), "{status}");
    assert!(rest["seconds_left"].as_u64().unwrap() > 500, "{status}");
    assert_eq!(ask(&gateway, "/v1/responses", &asked).await.status, 429);
    assert_eq!(backend.asked(), 2, "the plan rests");
}

#[actix_web::test]
async fn only_codex_asks_for_the_catalogue_and_gets_it() {
    let login = Login::named("one");
    let catalogue = json!({ "models": [{ "slug": "gpt-5-codex", "visibility": "list" }] });
    let backend = Provider::saying([Scripted::json(200, catalogue.to_string())]).await;
    let gateway = gateway(&login, &backend).await;

    let plain = gateway.get("/v1/models").await;
    assert_eq!((plain.status, &plain.json()["data"]), (200, &json!([])));
    assert_eq!(backend.asked(), 0, "nobody makes up a version of Codex");

    let codex = gateway.get("/v1/models?client_version=0.169.0").await;
    assert_eq!(codex.json()["models"][0]["slug"], "gpt-5-codex", "{}", codex.text());
    let seen = backend.asked_times(1).await;
    assert_eq!(seen.target, "/backend-api/codex/models?client_version=0.169.0");
    assert_eq!(seen.field("chatgpt-account-id"), Some("acct-1"));
}
