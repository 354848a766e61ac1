//! Vertex AI with accounts of Google Cloud: Gemini, and Claude, which it hosts in a way of its own.

mod google;

use futures::future::join_all;
use serde_json::{Value, json};

use self::google::{Google, form_of};
use crate::support::{GatewayProcess, Response, SeenRequest, TestGateway, fixture};

const GEMINI: &str = "/v1beta/models/gemini-3-pro:generateContent";
const GEMINI_ANSWER: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Paris"}]},"finishReason":"STOP"}],"modelVersion":"gemini-3-pro"}"#;
const GEMINI_QUESTION: &str = r#"{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}"#;
const JSON: &str = "application/json";

fn configuration(google: &Google, entry: &str) -> String {
    let origin = google.origin();
    format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         request-retry: 0\ndisable-cooling: true\n\
         vertex-ai: [{{ base-url: '{origin}', {entry} }}]\n"
    )
}

/// A gateway with the service account of the tests.
async fn gateway_before(google: &Google, models: &str) -> TestGateway {
    let key = google.service_account();
    let entry = format!("service-account-file: '{}', {models}", key.path().display());
    let gateway = TestGateway::start(&configuration(google, &entry)).await;
    // The file is read for each token: it has to stay for as long as the test runs.
    key.keep().unwrap();
    gateway
}

async fn ask_gemini(gateway: &TestGateway) -> Response {
    gateway.post_json(GEMINI, GEMINI_QUESTION).await
}

fn only_call(google: &Google) -> SeenRequest {
    let mut calls = google.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    calls.remove(0)
}

#[actix_web::test]
async fn gemini_is_asked_in_the_project_with_a_token_of_the_service_account() {
    let google = Google::answering(200, JSON, GEMINI_ANSWER).await;
    let gateway = gateway_before(&google, "location: europe-west1").await;

    let response = ask_gemini(&gateway).await;

    assert_eq!((response.status, response.text().as_str()), (200, GEMINI_ANSWER));
    let call = only_call(&google);
    let place = "projects/p-1/locations/europe-west1";
    let path = "publishers/google/models/gemini-3-pro:generateContent";
    assert_eq!(call.target, format!("/v1beta1/{place}/{path}"));
    assert_eq!(call.fields.all("authorization"), ["Bearer ya29.hush-1"]);
    assert_eq!(call.field("x-goog-api-key"), None);
    assert_eq!(call.body, GEMINI_QUESTION.as_bytes());
    assert!(!call.mentions("client-key-1"));
}

#[actix_web::test]
async fn no_name_of_a_model_leads_elsewhere_with_the_accounts_token() {
    let google = Google::answering(200, JSON, GEMINI_ANSWER).await;
    let gateway = gateway_before(&google, "").await;
    #[rustfmt::skip] // columns are easier to proofread
    let names = [
        "gemini-x/../../../../endpoints/1", "gemini-x/..", "gemini-x/./y", "gemini-x//y", "gemini-x/",
        "gemini-x%2F..%2F..%2F..%2F..%2Fendpoints%2F1", "gemini-x/%2e%2E/y", "gemini-x/%252e%252e/y",
        "gemini-x%5C..%5Cy", "gemini-x/..;/y",
    ];
    for name in names {
        let target = format!("/v1beta/models/{name}:predict");
        let answer = gateway.post_json(&target, GEMINI_QUESTION).await;

        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
        assert_eq!(answer.json()["error"]["status"], "INVALID_ARGUMENT", "{name}");
    }
    // In a body, for a call that would be translated: nobody serves such a name.
    let chat = json!({ "model": "gemini-x/../../../../endpoints/1", "messages": [] }).to_string();
    assert_eq!(gateway.post_json("/v1/chat/completions", chat).await.status, 404);

    assert!(google.calls().is_empty(), "{:?}", google.calls());
    assert_eq!(ask_gemini(&gateway).await.status, 200, "others are asked as before");
}

#[actix_web::test]
async fn many_requests_at_once_need_one_token() {
    let google = Google::answering(200, JSON, GEMINI_ANSWER).await;
    let gateway = gateway_before(&google, "").await;

    let answers = join_all((0..20).map(|_| ask_gemini(&gateway))).await;

    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!((google.calls().len(), google.given()), (20, 1));
}

#[actix_web::test]
async fn gemini_and_claude_of_one_entry_share_their_token() {
    let google = Google::answering(200, JSON, "{}").await;
    let gateway = gateway_before(&google, "").await;

    ask_gemini(&gateway).await;
    ask_claude(&gateway, "claude-opus-4-6", false).await;

    assert_eq!((google.calls().len(), google.given()), (2, 1));
}

#[actix_web::test]
async fn a_refused_token_is_renewed_once_and_the_call_made_again() {
    let google = Google::answering(200, JSON, GEMINI_ANSWER).await;
    let gateway = gateway_before(&google, "").await;
    assert_eq!(ask_gemini(&gateway).await.status, 200);

    google.end_tokens();
    let answer = ask_gemini(&gateway).await;

    assert_eq!((answer.status, google.given()), (200, 2));
    let tokens: Vec<String> =
        google.calls().iter().map(|call| call.field("authorization").unwrap().to_owned()).collect();
    assert_eq!(tokens, ["Bearer ya29.hush-1", "Bearer ya29.hush-1", "Bearer ya29.hush-2"]);
}

#[actix_web::test]
async fn when_every_token_is_refused_the_client_reads_so_after_one_renewal() {
    let google = Google::answering(200, JSON, GEMINI_ANSWER).await;
    let gateway = gateway_before(&google, "").await;
    google.refuse_all_tokens();

    let answer = ask_gemini(&gateway).await;

    assert_eq!((answer.status, google.calls().len(), google.given()), (401, 2, 2));
    assert!(!answer.text().contains("hush"), "{}", answer.text());
}

#[actix_web::test]
async fn a_login_of_gcloud_opens_the_door_and_its_quota_project_pays() {
    let google = Google::answering(200, JSON, GEMINI_ANSWER).await;
    let login = google.login();
    let variables = [("GOOGLE_APPLICATION_CREDENTIALS", login.path().to_str().unwrap())];
    let gateway =
        TestGateway::start_in(&configuration(&google, "project: p-models"), &variables).await;
    let fields = [("content-type", JSON), ("x-goog-user-project", "a-clients-choice")];

    let response = gateway.request("POST", GEMINI, &fields, GEMINI_QUESTION).await;

    assert_eq!(response.status, 200);
    let call = only_call(&google);
    assert_eq!(call.fields.all("x-goog-user-project"), ["p-quota"]);
    assert!(call.target.contains("/projects/p-models/locations/global/"), "{}", call.target);
    let asked = form_of(&google.questions()[0]);
    assert!(asked.contains(&("client_id".to_owned(), "client-of-gcloud".to_owned())), "{asked:?}");
}

#[actix_web::test]
async fn a_machine_in_google_cloud_needs_no_file() {
    let google = Google::answering(200, JSON, GEMINI_ANSWER).await;
    let host = google.origin().strip_prefix("http://").unwrap();
    let variables = [("GCE_METADATA_HOST", host), ("GOOGLE_CLOUD_PROJECT", "p-env")];
    let gateway = TestGateway::start_in(&configuration(&google, ""), &variables).await;

    let response = ask_gemini(&gateway).await;

    assert_eq!((response.status, google.given()), (200, 1));
    assert!(only_call(&google).target.contains("/projects/p-env/"));
}

/// Fault of the first version: the metadata server's one token was shown again by each call, asked for anew
/// by each, and nothing rested.
#[actix_web::test]
async fn a_refused_token_that_the_metadata_server_gives_again_was_shown_by_each_call() {
    let google = Google::answering(200, JSON, GEMINI_ANSWER).await;
    let host = google.origin().strip_prefix("http://").unwrap();
    let variables = [("GCE_METADATA_HOST", host), ("GOOGLE_CLOUD_PROJECT", "p-env")];
    let gateway = TestGateway::start_in(&configuration(&google, ""), &variables).await;
    assert_eq!(ask_gemini(&gateway).await.status, 200);
    google.repeat_the_token();
    google.end_tokens();

    let answer = ask_gemini(&gateway).await;

    assert_eq!((answer.status, google.calls().len()), (401, 2), "it has no other");
    for _ in 0..3 {
        let answer = ask_gemini(&gateway).await;
        assert_eq!((answer.status, google.calls().len()), (503, 2), "{}", answer.text());
    }
}

#[actix_web::test]
async fn a_key_that_google_refuses_is_told_without_a_secret_and_puts_nothing_to_rest() {
    let google = Google::answering(200, JSON, GEMINI_ANSWER).await;
    google
        .give_no_token(400, r#"{"error":"invalid_grant","error_description":"Invalid JWT hush"}"#);
    let gateway = gateway_before(&google, "").await;

    let answer = ask_gemini(&gateway).await;

    assert_eq!((answer.status, google.calls().len()), (503, 0));
    assert!(answer.text().contains("asks for a new login or key"), "{}", answer.text());
    assert!(!answer.text().contains("hush"), "{}", answer.text());
    assert!(!gateway.metrics().await.contains("hush"));
}

fn claude_question(model: &str, streams: bool) -> Value {
    json!({
        "model": model, "max_tokens": 64, "stream": streams,
        "messages": [{ "role": "user", "content": "Hi" }],
    })
}

async fn ask_claude(gateway: &TestGateway, model: &str, streams: bool) -> Response {
    let fields = [
        ("content-type", JSON),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "interleaved-thinking-2025-05-14"),
    ];
    let question = claude_question(model, streams).to_string();
    gateway.request("POST", "/v1/messages?beta=true", &fields, question).await
}

/// Where Claude's models are in the project of the tests.
fn claude_at(name_and_method: &str) -> String {
    let place = "/v1/projects/p-1/locations/global/publishers/anthropic/models";
    format!("{place}/{name_and_method}")
}

fn body(request: &SeenRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

const OPUS: &str = "models: [{ name: claude-opus-4-5@20251101, alias: opus }]";
const CLAUDE_ANSWER: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-5-20251101","content":[{"type":"text","text":"Paris"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}"#;

#[actix_web::test]
async fn claude_is_asked_as_vertex_ai_wants_it_and_answers_by_the_clients_name() {
    let google = Google::answering(200, JSON, CLAUDE_ANSWER).await;
    let gateway = gateway_before(&google, OPUS).await;

    let answer = ask_claude(&gateway, "opus", false).await;

    assert_eq!(answer.text(), CLAUDE_ANSWER.replace("claude-opus-4-5-20251101", "opus"));
    let call = only_call(&google);
    assert_eq!(call.target, claude_at("claude-opus-4-5@20251101:rawPredict"));
    let mut expected = claude_question("opus", false);
    expected.as_object_mut().unwrap().remove("model");
    expected["anthropic_version"] = "vertex-2023-10-16".into();
    assert_eq!(body(&call), expected);
    assert_eq!(call.field("anthropic-version"), None);
    assert_eq!(call.field("anthropic-beta"), Some("interleaved-thinking-2025-05-14"));
    assert_eq!(call.field("authorization"), Some("Bearer ya29.hush-1"));
}

#[actix_web::test]
async fn the_long_context_does_not_come_in_by_the_body() {
    let google = Google::answering(200, JSON, CLAUDE_ANSWER).await;
    let gateway = gateway_before(&google, OPUS).await;
    let mut question = claude_question("opus", false);
    question["anthropic_beta"] = json!(["context-1m-2025-08-07"]);

    gateway.post_json("/v1/messages", question.to_string()).await;

    assert_eq!(body(&only_call(&google)).get("anthropic_beta"), None);
}

#[actix_web::test]
async fn a_stream_of_claudes_crosses_event_by_event() {
    let events = String::from_utf8(fixture("anthropic/a02-text.stream.sse")).unwrap();
    let google = Google::answering(200, "text/event-stream", &events).await;
    let gateway = gateway_before(&google, "").await;

    let answer = ask_claude(&gateway, "claude-opus-4-5-20251101", true).await;

    assert_eq!(answer.text(), events);
    let call = only_call(&google);
    assert_eq!(call.target, claude_at("claude-opus-4-5@20251101:streamRawPredict"));
    assert_eq!(body(&call)["stream"], true);
}

#[actix_web::test]
async fn tokens_are_counted_by_the_model_that_the_body_names() {
    let google = Google::answering(200, JSON, r#"{"input_tokens":42}"#).await;
    let gateway = gateway_before(&google, OPUS).await;
    let question = r#"{"model":"opus","messages":[{"role":"user","content":"Hi"}]}"#;

    let answer = gateway.post_json("/v1/messages/count_tokens", question).await;
    let of_gemini = gateway.post_json("/v1beta/models/opus:countTokens", GEMINI_QUESTION).await;

    assert_eq!(answer.text(), r#"{"input_tokens":42}"#);
    assert_eq!(of_gemini.json()["totalTokens"], 42);
    assert_eq!(of_gemini.field("x-ampgate-estimated"), None, "it was counted");
    for call in google.calls() {
        assert_eq!(call.target, claude_at("count-tokens:rawPredict"));
        assert_eq!(body(&call)["model"], "claude-opus-4-5@20251101");
        assert_eq!(body(&call)["anthropic_version"], "vertex-2023-10-16");
    }
}

/// Fault of the first version: an estimate until some call had the token renewed.
#[actix_web::test]
async fn tokens_are_counted_with_the_token_that_follows_a_refused_one() {
    let google = Google::answering(200, JSON, r#"{"input_tokens":42}"#).await;
    let gateway = gateway_before(&google, OPUS).await;
    let question = r#"{"model":"opus","messages":[{"role":"user","content":"Hi"}]}"#;
    let count = async || gateway.post_json("/v1/messages/count_tokens", question).await;
    assert_eq!(count().await.text(), r#"{"input_tokens":42}"#);

    google.end_tokens();
    let answer = count().await;

    assert_eq!(answer.text(), r#"{"input_tokens":42}"#);
    assert_eq!(answer.field("x-ampgate-estimated"), None, "it was counted");
    assert_eq!((google.calls().len(), google.given()), (3, 2));

    google.refuse_all_tokens();
    assert_eq!(count().await.field("x-ampgate-estimated"), Some("true"));
    assert_eq!(google.calls().len(), 4, "no third token is asked for so soon");
}

#[actix_web::test]
async fn a_client_of_chat_completions_is_translated_to_claude() {
    let google = Google::answering(200, JSON, CLAUDE_ANSWER).await;
    let gateway = gateway_before(&google, OPUS).await;
    let question = r#"{"model":"opus","messages":[{"role":"user","content":"Hi"}]}"#;

    let answer = gateway.post_json("/v1/chat/completions", question).await;

    assert_eq!(answer.json()["choices"][0]["message"]["content"], "Paris");
    assert_eq!(answer.json()["model"], "opus");
    let call = only_call(&google);
    assert_eq!(call.target, claude_at("claude-opus-4-5@20251101:rawPredict"));
    assert_eq!(body(&call)["model"], Value::Null);
    assert_eq!(body(&call)["anthropic_version"], "vertex-2023-10-16");
    assert_eq!(call.field("anthropic-version"), None);
}

#[actix_web::test]
async fn an_error_is_told_in_anthropics_words_whoever_has_written_it() {
    let googles = r#"[{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}]"#;
    let own = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (429, googles, "rate_limit_error", "Quota exceeded", Some("7")),
        (529, own,     "overloaded_error", "Overloaded",     None),
    ];
    for (status, said, kind, message, wait) in cases {
        let google = Google::answering(status, JSON, said).await;
        let gateway = gateway_before(&google, OPUS).await;

        let answer = ask_claude(&gateway, "opus", false).await;

        assert_eq!((answer.status, answer.field("retry-after")), (status, wait), "{said}");
        let error = answer.json();
        assert_eq!(error["type"], "error", "{said}");
        assert_eq!(
            (&error["error"]["type"], &error["error"]["message"]),
            (&json!(kind), &json!(message))
        );
        if said == own {
            assert_eq!(answer.text(), own, "byte for byte");
        }
    }
}

#[actix_web::test]
async fn no_log_holds_a_token_or_a_key() {
    let google = Google::answering(200, JSON, GEMINI_ANSWER).await;
    let (service, login) = (google.service_account(), google.login());
    let origin = google.origin();
    let entry = |file: &tempfile::NamedTempFile, prefix: &str| {
        format!(
            "{{ base-url: '{origin}', project: p, prefix: {prefix}, service-account-file: '{}' }}",
            file.path().display()
        )
    };
    let mut gateway = GatewayProcess::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         log: {{ level: trace }}\nforce-model-prefix: true\nvertex-ai: [{}, {}]\n",
        entry(&service, "service"),
        entry(&login, "login"),
    ));
    for model in ["service/gemini-3-pro", "login/gemini-3-pro"] {
        let target = format!("/v1beta/models/{model}:generateContent");
        let fields = [("authorization", "Bearer client-key-1"), ("content-type", JSON)];
        let mut client = gateway.connect().await;
        let answer = client.ask("POST", &target, &fields, GEMINI_QUESTION.as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(google.given(), 2);

    gateway.signal("-TERM");
    gateway.wait();
    let log = gateway.log();

    let key: Value = serde_json::from_slice(&fixture("google/service_account.json")).unwrap();
    let key = key["private_key"].as_str().unwrap().lines().nth(1).unwrap();
    for secret in ["hush", key, "eyJ"] {
        assert!(!log.contains(secret), "{secret} in the log:\n{log}");
    }
}
