//! Every family behind the gateway's own WebSocket.

use serde_json::{Value, json};

use super::{TARGET, body};
use crate::support::{Provider, Scripted, SocketClient, TestGateway, fixture};

/// A tool turn, and what comes of its results: the second call holds the whole conversation, in the
/// provider's dialect.
async fn talk(list: impl Fn(&str) -> String, no_responses: bool, streams: [&str; 2]) -> Value {
    let answers = streams.into_iter().map(|path| Scripted::stream(fixture(path)));
    let no_such_route = Scripted::json(404, r#"{"detail":"Not Found"}"#);
    let script: Vec<Scripted> =
        no_responses.then_some(no_such_route).into_iter().chain(answers).collect();
    let calls = script.len();
    let provider = Provider::saying(script).await;
    let gateway = TestGateway::start(&format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '' }}\nrequest-retry: 0\n{}\n",
        list(provider.origin())
    ))
    .await;
    let mut client = SocketClient::open(gateway.connect().await, TARGET, &[]).await;
    let schema = json!({ "type": "object", "properties": { "location": { "type": "string" } } });
    let create = |more: Value| {
        let mut message = json!({
            "type": "response.create", "model": "any-model", "store": false,
            "instructions": "Be brief.",
            "tools": [{ "type": "function", "name": "get_weather", "parameters": schema }],
        });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        message
    };

    client.say(&create(json!({ "input": "The first question." }))).await;
    let first = client.answer().await;

    assert_eq!(first[0]["type"], "response.created", "{first:?}");
    for (number, message) in first.iter().enumerate() {
        assert_eq!(message["sequence_number"], number, "the events of a stream, in order");
    }
    let end = first.last().unwrap();
    assert_eq!(end["type"], "response.completed", "{end}");
    let items = end["response"]["output"].as_array().unwrap();
    let calls_of = items.iter().filter(|item| item["type"] == "function_call");
    let results: Vec<Value> = calls_of
        .map(|item| {
            json!({ "type": "function_call_output", "call_id": item["call_id"],
                    "output": "The tool's result." })
        })
        .collect();
    assert!(!results.is_empty(), "{end}");
    let next = json!({ "previous_response_id": end["response"]["id"], "input": results });
    let end = client.ask(&create(next)).await;
    assert_eq!(end["type"], "response.completed", "{end}");
    assert!(end["response"]["usage"]["total_tokens"].as_u64().unwrap() > 0, "{end}");

    assert_eq!(provider.asked(), calls);
    body(&provider, calls - 1)
}

/// Each of these stands in the conversation, in this order.
fn assert_told(body: &Value, words: &[&str]) {
    let text = body.to_string();
    let mut from = 0;
    for word in words {
        let at = text[from..].find(word);
        from += at.unwrap_or_else(|| panic!("no {word} in {text}"));
    }
}

const MODELS: &str = "models: [{ name: its-model, alias: any-model }]";

#[actix_web::test]
async fn claude_is_asked_with_the_whole_conversation() {
    let list = |origin: &str| {
        format!("claude-api-key: [{{ api-key: k, base-url: '{origin}', {MODELS} }}]")
    };
    let streams = ["anthropic/a04-tools-parallel.stream.sse", "anthropic/a02-text.stream.sse"];

    let body = talk(list, false, streams).await;

    let words = ["The first question.", "tool_use", "tool_result", "The tool's result."];
    assert_told(&body["messages"], &words);
    assert_eq!(body["model"], "its-model");
}

#[actix_web::test]
async fn a_compatible_server_without_responses_is_asked_with_the_whole_conversation() {
    let list = |origin: &str| {
        format!(
            "openai-compatibility: [{{ name: compatible, base-url: '{origin}/v1', \
             api-key-entries: [{{ api-key: k }}], {MODELS} }}]"
        )
    };
    let streams = ["openai-chat/c04-tools-parallel.stream.sse", "openai-chat/c02-text.stream.sse"];

    let body = talk(list, true, streams).await;

    let words = ["The first question.", "tool_calls", "\"tool\"", "The tool's result."];
    assert_told(&body["messages"], &words);
    assert_eq!(body["model"], "its-model");
}

#[actix_web::test]
async fn openai_beside_another_family_is_asked_with_the_whole_conversation() {
    let list = |origin: &str| {
        format!(
            "openai-api-key: [{{ api-key: k, base-url: '{origin}/v1', {MODELS} }}]\n\
             gemini-api-key: [{{ api-key: k, base-url: 'http://127.0.0.1:1' }}]"
        )
    };
    let streams =
        ["openai-responses/r04-tools-reasoning.stream.sse", "openai-responses/r02-text.stream.sse"];

    let body = talk(list, false, streams).await;

    let words =
        ["The first question.", "function_call", "function_call_output", "The tool's result."];
    assert_told(&body["input"], &words);
    assert_eq!(body["model"], "its-model");
}

#[actix_web::test]
async fn azure_is_asked_with_the_whole_conversation() {
    let list =
        |origin: &str| format!("azure-openai: [{{ api-key: k, base-url: '{origin}', {MODELS} }}]");
    let streams =
        ["openai-responses/r04-tools-reasoning.stream.sse", "openai-responses/r02-text.stream.sse"];

    let body = talk(list, false, streams).await;

    let words =
        ["The first question.", "function_call", "function_call_output", "The tool's result."];
    assert_told(&body["input"], &words);
    assert_eq!(body["model"], "its-model");
}

#[actix_web::test]
async fn gemini_is_asked_with_the_whole_conversation() {
    let list = |origin: &str| {
        format!("gemini-api-key: [{{ api-key: k, base-url: '{origin}', {MODELS} }}]")
    };
    let streams = ["gemini/g05-thinking-tools.stream.sse", "gemini/g02-text.stream.sse"];

    let body = talk(list, false, streams).await;

    let words = ["The first question.", "functionCall", "functionResponse", "The tool's result."];
    assert_told(&body["contents"], &words);
}
