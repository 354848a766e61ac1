//! Any client to any model: a provider that speaks another dialect answers as if it spoke the client's.

mod read;

use serde_json::{Value, json};

use self::read::{Said, read_stream, read_whole};
use crate::support::{
    Provider, Response, Scripted, SeenRequest, TestGateway, encoded, fixture, json_fixture,
};

/// The four dialects: by what their credentials are listed under, and where their clients call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Anthropic,
    Chat,
    Responses,
    Gemini,
}

use Dialect::{Anthropic, Chat, Gemini, Responses};

const ALL: [Dialect; 4] = [Anthropic, Chat, Responses, Gemini];

/// Every pair that is translated: not those of one dialect, nor Chat to OpenAI, which speaks it.
fn pairs() -> impl Iterator<Item = (Dialect, Dialect)> {
    let pairs = ALL.into_iter().flat_map(|client| ALL.into_iter().map(move |up| (client, up)));
    pairs.filter(|(client, upstream)| {
        client != upstream && (*client, *upstream) != (Chat, Responses)
    })
}

/// A provider with one answer for the client's question. A compatible one is asked for Responses
/// first, where the client speaks it.
async fn provider_saying(client: Dialect, upstream: Dialect, answer: Scripted) -> Provider {
    if (client, upstream) == (Responses, Chat) {
        let no_such_route = Scripted::json(404, r#"{"detail":"Not Found"}"#);
        return Provider::saying([no_such_route, answer]).await;
    }
    Provider::saying([answer]).await
}

fn last_request(provider: &Provider) -> SeenRequest {
    provider.requests().pop().expect("it was asked")
}

/// A gateway whose only provider speaks `upstream` and calls the clients' `any-model` `its-model`.
async fn gateway_before(provider: &Provider, client: Dialect, upstream: Dialect) -> TestGateway {
    let origin = provider.origin();
    let models = "models: [{ name: its-model, alias: any-model }]";
    let entry = format!("api-key: provider-key, {models}");
    let list = match upstream {
        Anthropic => format!("claude-api-key: [{{ {entry}, base-url: '{origin}' }}]"),
        Responses => format!("openai-api-key: [{{ {entry}, base-url: '{origin}/v1' }}]"),
        Gemini => format!("gemini-api-key: [{{ {entry}, base-url: '{origin}' }}]"),
        Chat => format!(
            "openai-compatibility: [{{ name: compatible, base-url: '{origin}/v1', \
             api-key-entries: [{{ api-key: provider-key }}], {models} }}]"
        ),
    };
    assert_ne!(client, upstream);
    TestGateway::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         request-retry: 0\ndisable-cooling: true\n{list}\n"
    ))
    .await
}

const QUESTION: &str = "What is the capital of France?";

/// A request with a tool, in the client's words.
fn question(client: Dialect, streams: bool) -> (String, Value) {
    let schema = json!({ "type": "object", "properties": { "location": { "type": "string" } } });
    match client {
        Anthropic => (
            "/v1/messages".to_owned(),
            json!({
                "model": "any-model", "max_tokens": 1000, "stream": streams, "system": "Be brief.",
                "messages": [{ "role": "user", "content": QUESTION }],
                "tools": [{ "name": "get_weather", "description": "Weather", "input_schema": schema }],
            }),
        ),
        Chat => (
            "/v1/chat/completions".to_owned(),
            json!({
                "model": "any-model", "max_completion_tokens": 1000, "stream": streams,
                "stream_options": { "include_usage": true },
                "messages": [
                    { "role": "developer", "content": "Be brief." },
                    { "role": "user", "content": QUESTION },
                ],
                "tools": [{ "type": "function", "function": {
                    "name": "get_weather", "description": "Weather", "parameters": schema } }],
            }),
        ),
        Responses => (
            "/v1/responses".to_owned(),
            json!({
                "model": "any-model", "max_output_tokens": 1000, "stream": streams,
                "instructions": "Be brief.", "input": QUESTION,
                "tools": [{ "type": "function", "name": "get_weather", "description": "Weather",
                            "parameters": schema, "strict": false }],
            }),
        ),
        Gemini => {
            let method = if streams { "streamGenerateContent?alt=sse" } else { "generateContent" };
            (
                format!("/v1beta/models/any-model:{method}"),
                json!({
                    "systemInstruction": { "parts": [{ "text": "Be brief." }] },
                    "contents": [{ "role": "user", "parts": [{ "text": QUESTION }] }],
                    "generationConfig": { "maxOutputTokens": 1000 },
                    "tools": [{ "functionDeclarations": [{ "name": "get_weather",
                        "description": "Weather", "parametersJsonSchema": schema }] }],
                }),
            )
        }
    }
}

async fn ask(gateway: &TestGateway, client: Dialect, streams: bool) -> Response {
    let (target, body) = question(client, streams);
    gateway.post_json(&target, body.to_string()).await
}

fn text_stream(upstream: Dialect) -> Vec<u8> {
    fixture(match upstream {
        Anthropic => "anthropic/a02-text.stream.sse",
        Chat => "openai-chat/c02-text.stream.sse",
        Responses => "openai-responses/r02-text.stream.sse",
        Gemini => "gemini/g02-text.stream.sse",
    })
}

fn tool_stream(upstream: Dialect) -> Vec<u8> {
    fixture(match upstream {
        Anthropic => "anthropic/a04-tools-parallel.stream.sse",
        Chat => "openai-chat/c04-tools-parallel.stream.sse",
        Responses => "openai-responses/r04-tools-reasoning.stream.sse",
        Gemini => "gemini/g05-thinking-tools.stream.sse",
    })
}

fn whole_text(upstream: Dialect) -> Vec<u8> {
    let path = match upstream {
        Anthropic => "anthropic/a01-text.exchange.json",
        Chat => "openai-chat/c01-text.exchange.json",
        Responses => "openai-responses/r01-text.exchange.json",
        Gemini => "gemini/g01-text.exchange.json",
    };
    json_fixture(path)["response"]["body"].to_string().into_bytes()
}

/// Where each dialect's question must arrive, and with which credential.
fn assert_asked_well(request: &SeenRequest, upstream: Dialect, streams: bool, case: &str) {
    let target = match (upstream, streams) {
        (Anthropic, _) => "/v1/messages",
        (Chat, _) => "/v1/chat/completions",
        (Responses, _) => "/v1/responses",
        (Gemini, true) => "/v1beta/models/its-model:streamGenerateContent?alt=sse",
        (Gemini, false) => "/v1beta/models/its-model:generateContent",
    };
    assert_eq!(request.target, target, "{case}");
    let (name, value) = match upstream {
        Anthropic => ("x-api-key", "provider-key"),
        Chat | Responses => ("authorization", "Bearer provider-key"),
        Gemini => ("x-goog-api-key", "provider-key"),
    };
    assert_eq!(request.field(name), Some(value), "{case}");
    assert!(!request.mentions("client-key-1"), "{case}: the client's key stays here");
    let body = String::from_utf8(request.body.clone()).unwrap();
    for word in [QUESTION, "Be brief.", "get_weather", "location"] {
        assert!(body.contains(word), "{case}: {word} in {body}");
    }
    if upstream != Gemini {
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["model"], "its-model", "{case}");
    }
}

#[actix_web::test]
async fn a_streamed_text_reaches_every_client_from_every_provider() {
    for (client, upstream) in pairs() {
        let case = format!("{client:?} from {upstream:?}");
        let answer = Scripted::stream(text_stream(upstream));
        let provider = provider_saying(client, upstream, answer).await;
        let gateway = gateway_before(&provider, client, upstream).await;

        let response = ask(&gateway, client, true).await;

        assert_eq!(response.status, 200, "{case}: {}", response.text());
        assert_eq!(response.field("x-ampgate-route"), Some("local"), "{case}");
        let said = read_stream(client, &response.body);
        assert_eq!(said.text, "The capital of France is Paris. 🗼", "{case}");
        assert_eq!(said.stop, "end", "{case}");
        assert_eq!(said.model.as_deref(), Some("any-model"), "{case}");
        assert!(said.calls.is_empty(), "{case}");
        assert_asked_well(&last_request(&provider), upstream, true, &case);
    }
}

#[actix_web::test]
async fn streamed_tool_calls_reach_every_client_from_every_provider() {
    for (client, upstream) in pairs() {
        let case = format!("{client:?} from {upstream:?}");
        let answer = Scripted::stream(tool_stream(upstream));
        let provider = provider_saying(client, upstream, answer).await;
        let gateway = gateway_before(&provider, client, upstream).await;

        let response = ask(&gateway, client, true).await;

        let said = read_stream(client, &response.body);
        let calls = &said.calls;
        assert!(calls.len() >= 2, "{case}: {calls:?}");
        let location = json!({ "location": "Paris \"FR\"" });
        assert_eq!((calls[0].name.as_str(), &calls[0].input), ("get_weather", &location), "{case}");
        let ids: std::collections::HashSet<_> = calls.iter().map(|call| &call.id).collect();
        assert_eq!(ids.len(), calls.len(), "{case}: one id for each call");
        assert_eq!(said.stop, "tools", "{case}");
    }
}

#[actix_web::test]
async fn a_whole_answer_reaches_every_client_from_every_provider() {
    for (client, upstream) in pairs() {
        let case = format!("{client:?} from {upstream:?}");
        let answer = Scripted::json(200, whole_text(upstream));
        let provider = provider_saying(client, upstream, answer).await;
        let gateway = gateway_before(&provider, client, upstream).await;

        let response = ask(&gateway, client, false).await;

        assert_eq!(response.status, 200, "{case}: {}", response.text());
        let Said { text, stop, model, input, output, .. } = read_whole(client, &response.json());
        assert!(text.contains("Paris"), "{case}: {text}");
        assert_eq!((stop.as_str(), model.as_deref()), ("end", Some("any-model")), "{case}");
        assert!(input > 0 && output > 0, "{case}: {input} and {output}");
        assert_asked_well(&last_request(&provider), upstream, false, &case);
    }
}

#[actix_web::test]
async fn an_error_keeps_its_status_and_its_words_and_says_when_to_come_back() {
    for (client, upstream) in pairs() {
        let case = format!("{client:?} from {upstream:?}");
        let body = match upstream {
            Anthropic => {
                json!({ "type": "error", "error": { "type": "rate_limit_error", "message": "too much" } })
            }
            Chat | Responses => {
                json!({ "error": { "message": "too much", "type": "requests", "param": null, "code": "rate_limit_exceeded" } })
            }
            Gemini => {
                json!({ "error": { "code": 429, "message": "too much", "status": "RESOURCE_EXHAUSTED", "details": [
                { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "16.2s" } ] } })
            }
        };
        let mut answer = Scripted::json(429, body.to_string());
        if upstream != Gemini {
            answer = answer.with("retry-after", "17");
        }
        let provider = provider_saying(client, upstream, answer).await;
        let gateway = gateway_before(&provider, client, upstream).await;

        let response = ask(&gateway, client, true).await;

        assert_eq!((response.status, response.field("retry-after")), (429, Some("17")), "{case}");
        let told = response.json();
        assert_eq!(told["error"]["message"], "too much", "{case}");
        let word = match client {
            Anthropic | Chat | Responses => &told["error"]["type"],
            Gemini => &told["error"]["status"],
        };
        let words = ["rate_limit_error", "RESOURCE_EXHAUSTED"];
        assert!(words.contains(&word.as_str().unwrap_or_default()), "{case}: {told}");
    }
}

#[actix_web::test]
async fn a_stream_that_breaks_ends_in_the_clients_own_error() {
    for (client, upstream) in pairs() {
        let case = format!("{client:?} from {upstream:?}");
        let whole = text_stream(upstream);
        // Behind the first half: in the middle of an event.
        let cut = Scripted::cut_stream(&whole[..whole.len() / 2]);
        let provider = provider_saying(client, upstream, cut).await;
        let gateway = gateway_before(&provider, client, upstream).await;

        let response = ask(&gateway, client, true).await;

        let said = read_stream(client, &response.body);
        assert_eq!(said.stop, "error", "{case}: {}", response.text());
        assert!("The capital of France is Paris. 🗼".starts_with(&said.text), "{case}");
    }
}

#[actix_web::test]
async fn tokens_are_counted_by_the_provider_or_estimated_with_a_word() {
    let cases = [
        (Anthropic, Responses, Some(r#"{"object":"response.input_tokens","input_tokens":42}"#)),
        (Anthropic, Gemini, Some(r#"{"totalTokens":42}"#)),
        (Anthropic, Chat, None),
        (Gemini, Anthropic, Some(r#"{"input_tokens":42}"#)),
        (Gemini, Chat, None),
    ];
    for (client, upstream, answer) in cases {
        let case = format!("{client:?} from {upstream:?}");
        let answer =
            answer.map_or_else(|| Scripted::failure(404), |json| Scripted::json(200, json));
        let provider = Provider::saying([answer]).await;
        let gateway = gateway_before(&provider, client, upstream).await;
        let (_, mut body) = question(client, false);
        let target = match client {
            Anthropic => "/v1/messages/count_tokens",
            _ => "/v1beta/models/any-model:countTokens",
        };
        if let Some(body) = body.as_object_mut() {
            body.remove("max_tokens");
            body.remove("stream");
            body.remove("generationConfig");
        }

        let response = gateway.post_json(target, body.to_string()).await;

        let told = response.json();
        let member = if client == Anthropic { "input_tokens" } else { "totalTokens" };
        if upstream == Chat {
            assert_eq!(response.field("x-ampgate-estimated"), Some("true"), "{case}");
            assert!(told[member].as_u64().unwrap() > 10, "{case}: {told}");
            assert_eq!(provider.asked(), 0, "{case}: there is nothing to ask");
        } else {
            assert_eq!(response.field("x-ampgate-estimated"), None, "{case}");
            assert_eq!(told[member], 42, "{case}: {told}");
        }
    }
}

#[actix_web::test]
async fn a_compatible_server_without_responses_is_asked_through_chat() {
    let answers = [
        Scripted::json(404, r#"{"detail":"Not Found"}"#),
        Scripted::stream(text_stream(Chat)),
        Scripted::stream(text_stream(Chat)),
    ];
    let provider = Provider::saying(answers).await;
    let gateway = gateway_before(&provider, Responses, Chat).await;
    for _ in 0..2 {
        let response = ask(&gateway, Responses, true).await;
        let said = read_stream(Responses, &response.body);
        assert_eq!(said.text, "The capital of France is Paris. 🗼");
    }
    let targets: Vec<String> = provider.requests().into_iter().map(|seen| seen.target).collect();
    assert_eq!(
        targets,
        ["/v1/responses", "/v1/chat/completions", "/v1/chat/completions"],
        "it is asked once whether it has Responses"
    );
}

#[actix_web::test]
async fn what_a_provider_cannot_be_told_is_named_once() {
    let provider = Provider::saying([Scripted::stream(text_stream(Responses))]).await;
    let gateway = gateway_before(&provider, Anthropic, Responses).await;
    let (target, mut body) = question(Anthropic, true);
    body["top_k"] = json!(40);
    let response = gateway.post_json(&target, body.to_string()).await;
    let dropped = response.field("x-ampgate-dropped").unwrap_or_default();
    assert!(dropped.contains("top_k"), "{dropped}");
}

#[actix_web::test]
async fn a_body_that_cannot_be_read_is_refused_with_a_word() {
    let provider = Provider::well("unused").await;
    let gateway = gateway_before(&provider, Anthropic, Responses).await;
    let body = json!({ "model": "any-model", "max_tokens": 10, "messages": [{ "role": 7 }] });
    let response = gateway.post_json("/v1/messages", body.to_string()).await;
    assert_eq!(response.status, 400, "{}", response.text());
    assert!(response.text().contains("messages"), "{}", response.text());
    assert_eq!(provider.asked(), 0);
}

/// Fault of the first version: such an answer could not be read, streamed or whole.
#[actix_web::test]
async fn gzip_that_is_not_declared_is_taken_off_before_it_is_translated() {
    for streams in [true, false] {
        let answer = if streams {
            Scripted::stream(encoded("gzip", &String::from_utf8(text_stream(Chat)).unwrap()))
        } else {
            Scripted::json(200, encoded("gzip", &String::from_utf8(whole_text(Chat)).unwrap()))
        };
        let provider = provider_saying(Anthropic, Chat, answer).await;
        let gateway = gateway_before(&provider, Anthropic, Chat).await;

        let response = ask(&gateway, Anthropic, streams).await;

        let said = if streams {
            read_stream(Anthropic, &response.body)
        } else {
            read_whole(Anthropic, &response.json())
        };
        assert!(said.text.contains("Paris"), "streams: {streams}: {}", response.text());
    }
}
