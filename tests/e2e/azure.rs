//! Azure OpenAI: the same API at other paths, with deployments in the place of models.

use serde_json::{Value, json};

use crate::support::{Provider, Response, Scripted, SeenRequest, TestGateway};

const DATED: &str = "api-version: 2025-04-01-preview,";

async fn gateway_before(azure: &Provider, more: &str) -> TestGateway {
    let origin = azure.origin();
    TestGateway::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         request-retry: 0\ndisable-cooling: true\n\
         azure-openai: [{{ api-key: azure-hush, base-url: '{origin}/openai', {more} \
         models: [{{ name: our-gpt, alias: gpt-5 }}] }}]\n"
    ))
    .await
}

fn body(request: &SeenRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn last(azure: &Provider) -> SeenRequest {
    azure.requests().pop().unwrap()
}

const CHAT: &str =
    r#"{ "model" : "gpt-5", "messages":[{"role":"user","content":"Hi"}],"temperature":1.0 }"#;
const CHAT_ANSWER: &str = r#"{"id":"c1","object":"chat.completion","created":1,"model":"our-gpt","choices":[{"index":0,"message":{"role":"assistant","content":"Paris"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#;
const RESPONSES: &str = r#"{"model":"gpt-5","input":"Hi"}"#;
const RESPONSES_ANSWER: &str = r#"{"id":"r1","object":"response","created_at":1,"status":"completed","model":"our-gpt","output":[{"type":"message","id":"m1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Paris","annotations":[]}]}],"usage":{"input_tokens":3,"output_tokens":1,"total_tokens":4}}"#;

#[actix_web::test]
async fn each_api_is_asked_at_its_paths_and_by_its_deployment() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("",    "/v1/chat/completions", CHAT,      CHAT_ANSWER,      "/openai/v1/chat/completions"),
        ("",    "/v1/responses",        RESPONSES, RESPONSES_ANSWER, "/openai/v1/responses"),
        (DATED, "/v1/chat/completions", CHAT,      CHAT_ANSWER,      "/openai/deployments/our-gpt/chat/completions?api-version=2025-04-01-preview"),
        (DATED, "/v1/responses",        RESPONSES, RESPONSES_ANSWER, "/openai/responses?api-version=2025-04-01-preview"),
        ("",    "/v1/completions",      r#"{"model":"gpt-5","prompt":"Hi"}"#, r#"{"model":"our-gpt"}"#, "/openai/v1/completions"),
    ];
    for (api, path, question, answer, target) in cases {
        let azure = Provider::saying([Scripted::json(200, answer)]).await;
        let gateway = gateway_before(&azure, api).await;
        let fields = [("content-type", "application/json"), ("api-key", "client-hush")];

        let response = gateway.request("POST", &format!("{path}?key=k"), &fields, question).await;

        assert_eq!(
            (response.status, response.json()["model"].as_str()),
            (200, Some("gpt-5")),
            "{target}"
        );
        assert_eq!(response.field("x-ampgate-provider"), Some("azure"));
        let asked = last(&azure);
        assert_eq!(asked.target, target);
        assert_eq!(asked.fields.all("api-key"), ["azure-hush"], "{target}");
        assert_eq!(asked.field("authorization"), None);
        assert!(!asked.mentions("client-"), "{target}: a client's key left");
        let named = question.replace("gpt-5", "our-gpt");
        assert_eq!(asked.body, named.as_bytes(), "{target}: the rest byte for byte");
    }
}

#[actix_web::test]
async fn a_stream_crosses_with_the_clients_name_for_the_model() {
    let events = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"our-gpt\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Paris\"}}]}\n\ndata: [DONE]\n\n";
    let azure = Provider::saying([Scripted::stream(events)]).await;
    let gateway = gateway_before(&azure, DATED).await;
    let question = CHAT.replace("\"temperature\":1.0", "\"stream\":true");

    let response = gateway.post_json("/v1/chat/completions", question).await;

    assert_eq!(response.text(), events.replace("our-gpt", "gpt-5"));
}

async fn asked_by_claude_code(gateway: &TestGateway) -> Response {
    let question = json!({
        "model": "gpt-5", "max_tokens": 10, "messages": [{ "role": "user", "content": "Hi" }],
    });
    gateway.post_json("/v1/messages", question.to_string()).await
}

#[actix_web::test]
async fn a_client_of_another_dialect_is_translated_to_responses() {
    let azure = Provider::saying([Scripted::json(200, RESPONSES_ANSWER)]).await;
    let gateway = gateway_before(&azure, "").await;

    let response = asked_by_claude_code(&gateway).await;

    assert_eq!(response.json()["content"][0]["text"], "Paris");
    assert_eq!(response.json()["model"], "gpt-5");
    let asked = last(&azure);
    assert_eq!(asked.target, "/openai/v1/responses");
    assert_eq!(body(&asked)["model"], "our-gpt");
}

#[actix_web::test]
async fn a_deployment_is_told_what_the_model_behind_it_takes() {
    let question = json!({
        "model": "gpt-5", "max_tokens": 5000, "temperature": 0.3, "top_p": 0.5,
        "thinking": { "type": "enabled", "budget_tokens": 4000 },
        "messages": [{ "role": "user", "content": "Hi" }],
    });
    let missing = r#"{"error":{"code":"404","message":"Resource not found"}}"#;
    let chat = Scripted::json(200, CHAT_ANSWER);
    let azure = Provider::saying([Scripted::json(404, missing), chat]).await;
    let gateway = gateway_before(&azure, DATED).await;

    let response = gateway.post_json("/v1/messages", question.to_string()).await;

    assert_eq!(response.status, 200, "{}", response.text());
    let [responses, chat] = &azure.requests()[..] else { panic!("{:?}", azure.requests()) };
    for (asked, limit) in [(responses, "max_output_tokens"), (chat, "max_completion_tokens")] {
        let body = body(asked);
        for refused in ["temperature", "top_p", "max_tokens"] {
            assert!(body.get(refused).is_none(), "a reasoning model refuses {refused}: {body}");
        }
        assert_eq!(body[limit], 5000, "{body}");
    }
    assert_eq!(body(responses)["reasoning"]["effort"], "medium");
    assert_eq!(body(chat)["reasoning_effort"], "medium");
}

#[actix_web::test]
async fn an_older_version_without_responses_is_asked_in_chat_completions() {
    let missing = r#"{"error":{"code":"404","message":"Resource not found"}}"#;
    let chat = Scripted::json(200, CHAT_ANSWER);
    let azure = Provider::saying([Scripted::json(404, missing), chat]).await;
    let gateway = gateway_before(&azure, "api-version: 2024-10-21,").await;

    let first = asked_by_claude_code(&gateway).await;
    let second = asked_by_claude_code(&gateway).await;

    assert_eq!(first.json()["content"][0]["text"], "Paris");
    assert_eq!(second.status, 200);
    let targets: Vec<String> = azure.requests().into_iter().map(|request| request.target).collect();
    let chat = "/openai/deployments/our-gpt/chat/completions?api-version=2024-10-21";
    assert_eq!(targets, ["/openai/responses?api-version=2024-10-21", chat, chat]);
}

#[actix_web::test]
async fn an_error_is_told_in_openais_words_whoever_has_written_it() {
    let gone = r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#;
    let refused =
        r#"{"statusCode":401,"message":"Access denied due to missing subscription key."}"#;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (404, gone,    "DeploymentNotFound", "The API deployment for this resource does not exist.", "Azure OpenAI itself: as it is"),
        (401, refused, "upstream_error",     "Access denied due to missing subscription key.",       "what stands before it"),
    ];
    for (status, answer, code, message, why) in cases {
        let azure = Provider::saying([Scripted::json(status, answer)]).await;
        let gateway = gateway_before(&azure, "").await;

        let response = gateway.post_json("/v1/chat/completions", CHAT).await;

        assert_eq!(response.status, status, "{why}");
        let error = &response.json()["error"];
        assert_eq!(
            (error["code"].as_str(), error["message"].as_str()),
            (Some(code), Some(message)),
            "{why}"
        );
    }
}

#[actix_web::test]
async fn a_limit_leads_to_another_deployment_and_lasts_as_long_as_azure_says() {
    let limited = Scripted::failure(429).with("retry-after", "3600");
    let azure = Provider::saying([limited, Scripted::json(200, CHAT_ANSWER)]).await;
    let origin = azure.origin();
    let entry = |name: &str| {
        format!(
            "{{ api-key: k, base-url: '{origin}', models: [{{ name: {name}, alias: gpt-5 }}] }}"
        )
    };
    let gateway = TestGateway::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         routing: {{ strategy: fill-first }}\nazure-openai: [{}, {}]\n",
        entry("first"),
        entry("second")
    ))
    .await;

    for _ in 0..2 {
        assert_eq!(gateway.post_json("/v1/chat/completions", CHAT).await.status, 200);
    }

    let asked: Vec<Value> =
        azure.requests().iter().map(|asked| body(asked)["model"].clone()).collect();
    assert_eq!(asked, ["first", "second", "second"]);
}
