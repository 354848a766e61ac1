//! What every answer of a model cost is counted, whoever answers it and however it is said.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::{
    Client, Provider, Response, Scripted, SocketClient, TestGateway, encoded, expect, fixture,
    json_fixture, pool,
};

/// `anthropic/a05`: input with what was cached, cached, output, thinking.
const A05: &[(&str, f64)] =
    &[("cached_input", 2048.0), ("input", 2136.0), ("output", 143.0), ("reasoning", 61.0)];
const A02: &[(&str, f64)] = &[("input", 25.0), ("output", 12.0)];
const C02: &[(&str, f64)] = &[("cached_input", 1536.0), ("input", 1830.0), ("output", 22.0)];
const R02: &[(&str, f64)] =
    &[("cached_input", 1536.0), ("input", 1830.0), ("output", 90.0), ("reasoning", 64.0)];
const G05: &[(&str, f64)] =
    &[("cached_input", 40.0), ("input", 60.0), ("output", 72.0), ("reasoning", 48.0)];

const MESSAGES: &str = "/v1/messages";
const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const GEMINI: &str = "/v1beta/models/m:streamGenerateContent?alt=sse";
const ASKED: &str =
    r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;

/// Sums the samples of a family whose labels hold all of `labels`.
fn sum(metrics: &str, family: &str, labels: &[&str]) -> f64 {
    let samples = metrics.lines().filter(|line| {
        let is_of_family = line.strip_prefix(family).is_some_and(|rest| rest.starts_with('{'));
        is_of_family && labels.iter().all(|label| line.contains(label))
    });
    samples.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

/// The counts of tokens by type, of series that hold all of `labels`.
fn tokens(metrics: &str, labels: &[&str]) -> BTreeMap<&'static str, f64> {
    let types = ["cache_write", "cached_input", "input", "output", "reasoning"];
    let of = |kind: &'static str| {
        let kind_label = format!("type=\"{kind}\"");
        let labels = [labels, &[kind_label.as_str()]].concat();
        (kind, sum(metrics, "ampgate_tokens_total", &labels))
    };
    types.into_iter().map(of).filter(|(_, count)| *count > 0.0).collect()
}

/// The metrics once so many requests have ended: a client has its answer a moment before.
async fn metrics_after(gateway: &TestGateway, requests: u32) -> String {
    let ended = async {
        loop {
            let metrics = gateway.metrics().await;
            if sum(&metrics, "ampgate_requests_total", &[]) >= f64::from(requests) {
                return gateway.metrics().await; // families are gathered one after the other
            }
            tokio::task::yield_now().await;
        }
    };
    expect(ended, "the end of a request").await
}

/// One provider of each kind, all at one origin, with the model `its-own` that clients call `m`.
fn settings(origin: &str, list: &str, more: &str) -> String {
    let models = "models: [{ name: its-own, alias: m }]";
    let entry = match list {
        "openai-compatibility" => format!(
            "name: compatible, base-url: '{origin}/v1', api-key-entries: [{{ api-key: key }}], {models}"
        ),
        _ => format!("api-key: key, base-url: '{origin}', {models}"),
    };
    format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         request-retry: 0\n{list}: [{{ {entry} }}]\n{more}"
    )
}

async fn gateway_before(provider: &Provider, list: &str) -> TestGateway {
    TestGateway::start(&settings(provider.origin(), list, "")).await
}

fn stream(path: &str) -> Scripted {
    Scripted::stream(fixture(path))
}

fn whole(path: &str) -> Scripted {
    Scripted::json(200, json_fixture(path)["response"]["body"].to_string())
}

async fn ask(gateway: &TestGateway, target: &str) -> Response {
    let body = if target.starts_with("/v1beta") {
        r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#.to_owned()
    } else if target == RESPONSES {
        r#"{"model":"m","stream":true,"input":"hi"}"#.to_owned()
    } else {
        ASKED.to_owned()
    };
    gateway.post_json(target, body).await
}

fn expected(counts: &[(&'static str, f64)]) -> BTreeMap<&'static str, f64> {
    counts.iter().copied().collect()
}

#[actix_web::test]
async fn the_tokens_of_every_dialect_are_counted_streaming_and_not() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // provider,             target,    answer,                                             tokens
        ("claude-api-key",       MESSAGES,  stream("anthropic/a05-thinking-tool.stream.sse"),   A05),
        ("claude-api-key",       MESSAGES,  whole("anthropic/a01-text.exchange.json"),          &[("input", 25.0), ("output", 10.0)][..]),
        ("openai-compatibility", CHAT,      stream("openai-chat/c02-text.stream.sse"),          C02),
        ("openai-compatibility", CHAT,      whole("openai-chat/c01-text.exchange.json"),        C02),
        ("openai-compatibility", "/v1/completions", stream("openai-completions/p01-completion.stream.sse"), &[("input", 14.0), ("output", 5.0)]),
        ("openai-api-key",       RESPONSES, stream("openai-responses/r02-text.stream.sse"),     R02),
        ("openai-api-key",       RESPONSES, whole("openai-responses/r01-text.exchange.json"),   R02),
        ("gemini-api-key",       GEMINI,    stream("gemini/g05-thinking-tools.stream.sse"),     G05),
        ("gemini-api-key",       "/v1beta/models/m:streamGenerateContent", Scripted::json(200, fixture("gemini/g06-stream-array.json")), &[("input", 9.0), ("output", 9.0)]),
        ("gemini-api-key",       "/v1beta/models/m:generateContent", whole("gemini/g01-text.exchange.json"), &[("input", 9.0), ("output", 8.0)]),
    ];
    for (number, (list, target, answer, counts)) in cases.into_iter().enumerate() {
        let provider = Provider::saying([answer]).await;
        let gateway = gateway_before(&provider, list).await;

        let response = ask(&gateway, target).await;

        assert_eq!(response.status, 200, "case {number}: {}", response.text());
        let metrics = metrics_after(&gateway, 1).await;
        // Under the client's name for the model, though the provider has another.
        let labels = ["client=\"alice\"", "model=\"m\"", "route=\"local\""];
        assert_eq!(tokens(&metrics, &labels), expected(counts), "case {number}");
    }
}

#[actix_web::test]
async fn tokens_are_the_credentials_that_answered_and_no_others() {
    let answers = [Scripted::failure(429), whole("anthropic/a01-text.exchange.json")];
    let provider = Provider::saying(answers).await;
    let origin = provider.origin();
    let gateway = TestGateway::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n{}",
        pool("claude-api-key", &[(origin, ", priority: 1"), (origin, "")])
    ))
    .await;

    assert_eq!(ask(&gateway, MESSAGES).await.status, 200);

    let metrics = metrics_after(&gateway, 1).await;
    let of = |labels: &[&str]| sum(&metrics, "ampgate_credential_tokens_total", labels);
    let second = "credential=\"claude-2\"";
    let used = (of(&[second, "type=\"input\""]), of(&[second, "type=\"output\""]));
    assert_eq!((used, of(&["credential=\"claude-1\""])), ((25.0, 10.0), 0.0));
    let status = gateway.status().await;
    let used = |number: usize| {
        let tokens = &status["credentials"][number]["tokens"];
        (tokens["input"].as_u64(), tokens["output"].as_u64())
    };
    assert_eq!((used(0), used(1)), ((Some(0), Some(0)), (Some(25), Some(10))));
    let page = gateway.ask_admin("GET", "/", &[]).await.text();
    assert!(page.contains("35 tokens"), "{page}");
}

/// A provider without a list of models serves by the look of a name, and a count that it refuses becomes
/// an estimate, which is a 200.
#[actix_web::test]
async fn an_estimate_for_a_made_up_name_makes_no_label() {
    let provider = Provider::saying([Scripted::failure(404)]).await;
    let gateway = TestGateway::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         openai-api-key: [{{ api-key: key, base-url: '{}' }}]\n",
        provider.origin()
    ))
    .await;
    let call = ASKED.replace("\"m\"", "\"gpt-made-up\"");

    let answer = gateway.post_json("/v1/messages/count_tokens", call).await;

    assert_eq!((answer.status, answer.field("x-ampgate-estimated")), (200, Some("true")));
    assert_eq!(provider.asked(), 1);
    let metrics = metrics_after(&gateway, 1).await;
    assert!(!metrics.contains("gpt-made-up"), "{metrics}");
    let labels = ["model=\"other\"", "status=\"200\""];
    assert!(sum(&metrics, "ampgate_requests_total", &labels) > 0.0, "{metrics}");
}

#[actix_web::test]
async fn an_error_in_a_200_is_no_answer_that_makes_a_label() {
    let team: (_, &[_]) = ("api-key: key", &[("x-api-key", "client-key-1")]);
    let login = ("authorization", "Bearer sk-ant-oat01-hush");
    let own: (_, &[_]) = ("passthrough: true", &[("x-ampgate-key", "client-key-1"), login]);
    for (kind, (credential, fields)) in [
        ("invalid_request_error", team),
        ("not_found_error", team),
        ("invalid_request_error", own),
        ("overloaded_error", own),
    ] {
        let error = json!({ "type": "error", "error": { "type": kind, "message": "no" } });
        let stream = Scripted::stream(format!("event: error\ndata: {error}\n\n"));
        let provider = Provider::saying([stream]).await;
        let gateway = TestGateway::start(&format!(
            "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
             request-retry: 0\nclaude-api-key: [{{ {credential}, base-url: '{}' }}]\n",
            provider.origin()
        ))
        .await;
        let call = ASKED.replace("\"m\"", "\"claude-made-up\"");

        let answer = gateway.bare_request("POST", MESSAGES, fields, call).await;

        assert_eq!(answer.status, 200, "as its provider has it: {kind}, {credential}");
        let metrics = metrics_after(&gateway, 1).await;
        assert!(!metrics.contains("claude-made-up"), "{kind}, {credential}: {metrics}");
    }
}

#[actix_web::test]
async fn an_encoded_answer_is_counted_and_crosses_as_it_is() {
    let plain = String::from_utf8(fixture("anthropic/a05-thinking-tool.stream.sse")).unwrap();
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let body = encoded(coding, &plain);
        let answer = Scripted::stream(body.clone()).with("content-encoding", coding);
        let provider = Provider::saying([answer]).await;
        // Without another name for the model: what is renamed is not asked for encoded.
        let gateway = TestGateway::start(&format!(
            "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
             claude-api-key: [{{ api-key: key, base-url: '{}', models: [{{ name: m }}] }}]\n",
            provider.origin()
        ))
        .await;

        let response = ask(&gateway, MESSAGES).await;

        assert_eq!(response.field("content-encoding"), Some(coding));
        assert_eq!(response.body, body, "{coding}");
        assert_eq!(tokens(&metrics_after(&gateway, 1).await, &[]), expected(A05), "{coding}");
    }
}

#[actix_web::test]
async fn a_gzip_answer_that_does_not_say_so_is_counted() {
    let plain = String::from_utf8(fixture("anthropic/a02-text.stream.sse")).unwrap();
    let provider = Provider::saying([Scripted::stream(encoded("gzip", &plain))]).await;
    let gateway = gateway_before(&provider, "claude-api-key").await;

    ask(&gateway, MESSAGES).await;

    assert_eq!(tokens(&metrics_after(&gateway, 1).await, &[]), expected(A02));
}

#[actix_web::test]
async fn a_translated_answer_is_counted_as_its_provider_says() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // provider,             target,    answer,                                             tokens
        ("openai-compatibility", MESSAGES,  stream("openai-chat/c02-text.stream.sse"),          C02),
        ("gemini-api-key",       MESSAGES,  stream("gemini/g05-thinking-tools.stream.sse"),     G05),
        ("openai-api-key",       MESSAGES,  stream("openai-responses/r02-text.stream.sse"),     R02),
        ("claude-api-key",       CHAT,      stream("anthropic/a05-thinking-tool.stream.sse"),   A05),
        ("claude-api-key",       RESPONSES, stream("anthropic/a05-thinking-tool.stream.sse"),   A05),
        ("claude-api-key",       "/v1beta/models/m:generateContent", whole("anthropic/a01-text.exchange.json"), &[("input", 25.0), ("output", 10.0)][..]),
        ("claude-api-key",       CHAT,      whole("anthropic/a01-text.exchange.json"),          &[("input", 25.0), ("output", 10.0)]),
    ];
    for (number, (list, target, answer, counts)) in cases.into_iter().enumerate() {
        let provider = Provider::saying([answer]).await;
        let gateway = gateway_before(&provider, list).await;

        let response = ask(&gateway, target).await;

        assert_eq!(response.status, 200, "case {number}: {}", response.text());
        assert_eq!(tokens(&metrics_after(&gateway, 1).await, &[]), expected(counts), "{number}");
    }
}

#[actix_web::test]
async fn what_amp_answers_is_counted_as_paid_by_amp() {
    let amp = Provider::saying([stream("anthropic/a02-text.stream.sse")]).await;
    let gateway = TestGateway::relaying_to(amp.origin()).await;

    ask(&gateway, "/api/provider/anthropic/v1/messages").await;

    let metrics = metrics_after(&gateway, 1).await;
    let labels = ["client=\"alice\"", "provider=\"amp\"", "route=\"amp\""];
    assert_eq!(tokens(&metrics, &labels), expected(A02));
}

#[actix_web::test]
async fn a_model_cannot_make_up_what_it_cost() {
    let lie = r#"{\"usage\":{\"input_tokens\":1,\"output_tokens\":999999}}"#;
    let body = format!(
        r#"{{"usage":{{"input_tokens":5,"output_tokens":6}},"content":[{{"type":"text","text":"{lie}"}},{{"type":"tool_use","input":{{"usage":{{"output_tokens":999999}}}}}}]}}"#
    );
    let events = format!(
        "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"usage\":{{\"input_tokens\":5,\"output_tokens\":1}}}}}}\n\n\
         event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{{\"type\":\"tool_use\",\"input\":{{\"usage\":{{\"output_tokens\":999999}}}}}}}}\n\n\
         event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"partial_json\":\"{lie}\"}}}}\n\n\
         event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{}},\"usage\":{{\"output_tokens\":6}}}}\n\n"
    );
    for answer in [Scripted::json(200, body), Scripted::stream(events)] {
        let provider = Provider::saying([answer]).await;
        let gateway = gateway_before(&provider, "claude-api-key").await;

        ask(&gateway, MESSAGES).await;

        let counts = [("input", 5.0), ("output", 6.0)];
        assert_eq!(tokens(&metrics_after(&gateway, 1).await, &[]), expected(&counts));
    }
}

#[actix_web::test]
async fn an_answer_that_breaks_off_has_cost_what_was_said_so_far() {
    let whole = String::from_utf8(fixture("anthropic/a02-text.stream.sse")).unwrap();
    let (begun, _) = whole.split_at(whole.find("event: content_block_delta").unwrap());
    let provider = Provider::saying([Scripted::cut_stream(begun)]).await;
    let gateway = gateway_before(&provider, "claude-api-key").await;

    ask(&gateway, MESSAGES).await;

    let counts = [("input", 25.0), ("output", 1.0)];
    assert_eq!(tokens(&metrics_after(&gateway, 1).await, &[]), expected(&counts));
}

#[actix_web::test]
async fn a_client_that_leaves_is_charged_with_what_was_said_so_far() {
    let whole = String::from_utf8(fixture("anthropic/a02-text.stream.sse")).unwrap();
    let (begun, _) = whole.split_at(whole.find("event: content_block_delta").unwrap());
    let never = std::rc::Rc::new(tokio::sync::Notify::new());
    let provider = Provider::saying([Scripted::stream(begun).then(&never, "data: x\n\n")]).await;
    let gateway = gateway_before(&provider, "claude-api-key").await;

    let mut client: Client = gateway.connect().await;
    let fields = [("authorization", "Bearer client-key-1"), ("content-type", "application/json")];
    client.send("POST", MESSAGES, &fields, ASKED.as_bytes()).await;
    client.head().await;
    client.chunk().await.unwrap();
    drop(client);

    let counts = [("input", 25.0), ("output", 1.0)];
    assert_eq!(tokens(&metrics_after(&gateway, 1).await, &[]), expected(&counts));
}

#[actix_web::test]
async fn counts_and_errors_use_nothing() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("claude-api-key", "/v1/messages/count_tokens", r#"{"input_tokens":25,"usage":{"input_tokens":25}}"#, 200),
        ("gemini-api-key", "/v1beta/models/m:countTokens", r#"{"totalTokens":9,"usageMetadata":{"promptTokenCount":9}}"#, 200),
        ("claude-api-key", MESSAGES, r#"{"type":"error","usage":{"input_tokens":25}}"#, 400),
    ];
    for (list, target, answer, status) in cases {
        let provider = Provider::saying([Scripted::json(status, answer)]).await;
        let gateway = gateway_before(&provider, list).await;

        let response = ask(&gateway, target).await;

        assert_eq!(response.status, status, "{target}");
        assert_eq!(tokens(&metrics_after(&gateway, 1).await, &[]), expected(&[]), "{target}");
    }
}

#[actix_web::test]
async fn a_call_in_a_websocket_is_counted() {
    let answer = stream("openai-responses/r02-text.stream.sse");
    let provider = Provider::saying([answer]).await;
    let origin = provider.origin();
    // A provider of another family as well, so that the gateway answers the socket itself.
    let gateway = TestGateway::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         openai-api-key: [{{ api-key: key, base-url: '{origin}/v1', models: [{{ name: m }}] }}]\n\
         claude-api-key: [{{ api-key: other-key, base-url: 'http://127.0.0.1:1' }}]\n"
    ))
    .await;
    let mut socket = SocketClient::open(gateway.connect().await, RESPONSES, &[]).await;

    socket.say(&json!({ "type": "response.create", "model": "m", "input": "hi" })).await;

    let metrics = metrics_after(&gateway, 1).await;
    assert_eq!(tokens(&metrics, &["client=\"alice\""]), expected(R02));
}

#[actix_web::test]
async fn tokens_cost_what_the_price_table_says() {
    let million =
        |input: u64| format!(r#"{{"usage":{{"input_tokens":{input},"output_tokens":1000000}}}}"#);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // prices,                                                                           asked,     dollars,    why
        ("{ model: 'its-*', input: 3, output: 15 }",                                         "m",       Some(18.0), "by the provider's name"),
        ("{ model: m, input: 1, output: 2 }",                                                "m",       Some(3.0),  "by the client's"),
        ("{ model: m, input: 1, output: 2 }",                                                "m(high)", Some(3.0),  "a thinking suffix makes no call free"),
        ("{ model: m, input: 1, output: 2 }, { model: its-own, input: 3, output: 15 }",      "m",       Some(18.0), "the provider's name goes first"),
        ("{ model: '*', input: 1, output: 1 }, { model: its-own, input: 3, output: 15 }",    "m",       Some(2.0),  "the first that fits"),
        ("{ model: other, input: 1, output: 1 }",                                            "m",       None,       "no price"),
    ];
    for (prices, asked, expected, why) in cases {
        let provider = Provider::saying([Scripted::json(200, million(1_000_000))]).await;
        let more = format!("prices: [ {prices} ]\n");
        let settings = settings(provider.origin(), "claude-api-key", &more);
        let gateway = TestGateway::start(&settings).await;

        let body = ASKED.replace("\"m\"", &format!("\"{asked}\""));
        gateway.post_json(MESSAGES, body.clone()).await;
        gateway.post_json(MESSAGES, body).await;

        let metrics = metrics_after(&gateway, 2).await;
        let labels = ["client=\"alice\"", "route=\"local\"", "model=\"m\""];
        let dollars = sum(&metrics, "ampgate_cost_usd_total", &labels);
        assert!((dollars - 2.0 * expected.unwrap_or(0.0)).abs() < 1e-9, "{why}: {dollars}");
        let is_told = metrics.contains("ampgate_cost_usd_total{");
        assert_eq!(is_told, expected.is_some(), "{why}");
    }
}

/// Alice has a limit on tokens, Bob has none.
async fn gateway_with_a_limit(provider: &Provider, models: &str) -> TestGateway {
    TestGateway::start(&format!(
        "api-keys:\n  - {{ name: alice, key: client-key-1, limits: {{ tokens-per-day: 1000000 }} }}\n  - {{ name: bob, key: client-key-2 }}\n\
         ampcode: {{ upstream-url: '' }}\n\
         openai-compatibility: [{{ name: compatible, base-url: '{}/v1', api-key-entries: [{{ api-key: key }}], {models} }}]\n",
        provider.origin()
    ))
    .await
}

#[actix_web::test]
async fn a_chat_stream_is_asked_what_it_costs_where_a_limit_counts_and_its_client_does_not_notice()
{
    let asked = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}],\"usage\":null}\n\n\
                 data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\n\
                 data: [DONE]\n\n";
    let unasked = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\ndata: [DONE]\n\n";
    for models in ["models: [{ name: m }]", "models: [{ name: its-own, alias: m }]"] {
        let provider = Provider::saying([Scripted::stream(asked)]).await;
        let gateway = gateway_with_a_limit(&provider, models).await;

        let response = ask(&gateway, CHAT).await;

        assert_eq!(response.text(), unasked, "{models}");
        let sent: serde_json::Value = serde_json::from_slice(&provider.requests()[0].body).unwrap();
        assert_eq!(sent["stream_options"], json!({ "include_usage": true }), "{models}");
        assert_eq!(sent["messages"], json!([{ "role": "user", "content": "hi" }]), "{models}");
        let counts = [("input", 7.0), ("output", 2.0)];
        assert_eq!(tokens(&metrics_after(&gateway, 1).await, &[]), expected(&counts), "{models}");
    }
}

#[actix_web::test]
async fn a_stream_of_completions_and_one_by_amp_are_asked_what_they_cost_too() {
    let chat = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
    let text = "data: {\"choices\":[{\"text\":\"hi\"}]}\n\n";
    let usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\n";
    let done = "data: [DONE]\n\n";
    let at_amp = |path: &str| format!("/api/provider/openai{path}");
    let (own, own_completions) = (CHAT.to_owned(), "/v1/completions".to_owned());
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,           list of models,             event, why
        (own_completions.clone(), "models: [{ name: m }]",     text, "own, older call"),
        (at_amp(&own),            "models: [{ name: other }]", chat, "Amp"),
        (at_amp(&own_completions), "models: [{ name: other }]", text, "Amp, older call"),
    ];
    for (target, models, event, why) in cases {
        let answer = Scripted::stream([event, usage, done].concat());
        let provider = Provider::saying([answer]).await;
        let origin = provider.origin();
        let gateway = TestGateway::start(&format!(
            "api-keys: [{{ name: alice, key: client-key-1, limits: {{ tokens-per-day: 1000000 }} }}]\n\
             ampcode: {{ upstream-url: '{origin}', upstream-api-key: team-key }}\n\
             openai-compatibility: [{{ name: compatible, base-url: '{origin}/v1', api-key-entries: [{{ api-key: key }}], {models} }}]\n",
        ))
        .await;
        let fields = [
            ("x-api-key", "client-key-1"),
            ("accept-encoding", "gzip"),
            ("content-type", "application/json"),
        ];

        let response = gateway.bare_request("POST", &target, &fields, ASKED).await;

        assert_eq!(response.text(), [event, done].concat(), "{why}");
        let sent = provider.requests().remove(0);
        let body: serde_json::Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!(body["stream_options"], json!({ "include_usage": true }), "{why}");
        assert_eq!(sent.field("accept-encoding"), Some("identity"), "{why}");
        let counts = [("input", 7.0), ("output", 2.0)];
        assert_eq!(tokens(&metrics_after(&gateway, 1).await, &[]), expected(&counts), "{why}");
    }
}

#[actix_web::test]
async fn a_chat_stream_that_asks_itself_or_whose_client_has_no_limit_is_not_touched() {
    let asks = ASKED.replace(
        "\"stream\":true",
        "\"stream\" : true,\"stream_options\":{\"include_usage\":true}",
    );
    let not_streamed = ASKED.replace("\"stream\":true,", "");
    let answer = fixture("openai-chat/c02-text.stream.sse");
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("client-key-1", asks.as_str(),         "it asks itself"),
        ("client-key-1", not_streamed.as_str(), "whole answers say it"),
        ("client-key-2", ASKED,                 "no limit"),
    ];
    for (key, body, why) in cases {
        let provider = Provider::saying([Scripted::stream(answer.clone())]).await;
        let gateway = gateway_with_a_limit(&provider, "models: [{ name: m }]").await;
        let bearer = format!("Bearer {key}");
        let fields = [("authorization", bearer.as_str()), ("content-type", "application/json")];

        let response = gateway.bare_request("POST", CHAT, &fields, body).await;

        assert_eq!(response.body, answer, "{why}");
        assert_eq!(provider.requests()[0].body, body.as_bytes(), "{why}");
        assert_eq!(tokens(&metrics_after(&gateway, 1).await, &[]), expected(C02), "{why}");
    }
}
