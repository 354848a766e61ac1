//! The demo upstream must be a good upstream: what it says is what the real ones would say, in
//! their order, and no key but its own opens it.

mod support;

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use support::{AMP_KEY, Demo, Keys, PROVIDER_KEY, events_of, type_of};

const ANSWER: &str = "Hello from the demo upstream. You said: say hi";
const AMP_ANSWER: &str = "Hello from the Amp server. You said: say hi";

fn user_message(said: &str) -> Value {
    json!([{ "role": "user", "content": said }])
}

#[actix_web::test]
async fn every_dialect_answers_in_its_own_shape() {
    let demo = Demo::start().await;
    let messages = user_message("say hi");
    let contents = json!([{ "role": "user", "parts": [{ "text": "say hi" }] }]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // path,                                     body,                                       where the text is
        ("/v1/messages",                             json!({ "model": "m", "messages": messages }), "/content/0/text"),
        ("/v1/chat/completions",                     json!({ "model": "m", "messages": messages }), "/choices/0/message/content"),
        ("/v1/completions",                          json!({ "model": "m", "prompt": "say hi" }),   "/choices/0/text"),
        ("/v1/responses",                            json!({ "model": "m", "input": "say hi" }),    "/output/0/content/0/text"),
        ("/v1/responses",                            json!({ "model": "m", "input": messages }),    "/output/0/content/0/text"),
        ("/v1/models/m:generateContent",             json!({ "contents": contents }),               "/candidates/0/content/parts/0/text"),
        ("/v1beta/models/m%3AgenerateContent",       json!({ "contents": contents }),               "/candidates/0/content/parts/0/text"),
        ("/v1beta1/publishers/google/models/m:generateContent", json!({ "contents": contents }),    "/candidates/0/content/parts/0/text"),
    ];
    for (path, body, place) in cases {
        let (status, answer) = demo.post(path, &body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        assert_eq!(answer.pointer(place), Some(&json!(ANSWER)), "{path}: {answer}");
        let model = answer.get("model").or(answer.get("modelVersion"));
        assert_eq!(model, Some(&json!("m")), "{path}: the model asked for is named");
    }
}

#[actix_web::test]
async fn on_amps_routes_amp_answers_with_and_without_v1() {
    let demo = Demo::start().await;
    let body = json!({ "model": "m", "messages": user_message("say hi") });
    for path in ["/api/provider/anthropic/v1/messages", "/api/provider/anthropic/messages"] {
        let (status, answer) = demo.post(path, &body).await;
        assert_eq!((status, &answer["content"][0]["text"]), (200, &json!(AMP_ANSWER)), "{path}");
    }
    let path = "/api/provider/google/v1beta1/publishers/google/models/m:generateContent";
    let contents = json!({ "contents": [{ "parts": [{ "text": "say hi" }] }] });
    let (_, answer) = demo.post(path, &contents).await;
    assert_eq!(answer["candidates"][0]["content"]["parts"][0]["text"], AMP_ANSWER);
}

#[actix_web::test]
async fn anthropic_streams_its_events_in_order() {
    let demo = Demo::start().await;
    let body = json!({ "model": "m", "stream": true, "messages": user_message("say hi") });

    let events = events_of(&demo.post_for_text("/v1/messages", &body).await);

    let mut kinds: Vec<&str> = events.iter().map(type_of).collect();
    kinds.dedup();
    #[rustfmt::skip]
    let expected = [
        "message_start", "content_block_start", "ping", "content_block_delta",
        "content_block_stop", "message_delta", "message_stop",
    ];
    assert_eq!(kinds, expected);
    let text: String = events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    assert_eq!(text, ANSWER);
}

#[actix_web::test]
async fn responses_number_their_events_and_end_completed() {
    let demo = Demo::start().await;
    let body = json!({ "model": "m", "stream": true, "input": "say hi" });

    let stream = demo.post_for_text("/v1/responses", &body).await;

    let events = events_of(&stream);
    let mut kinds: Vec<&str> = events.iter().map(type_of).collect();
    kinds.dedup();
    #[rustfmt::skip]
    let expected = [
        "response.created", "response.in_progress", "response.output_item.added",
        "response.content_part.added", "response.output_text.delta", "response.output_text.done",
        "response.content_part.done", "response.output_item.done", "response.completed",
    ];
    assert_eq!(kinds, expected);
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    assert!(!stream.contains("[DONE]"), "only the older dialects end with it");
}

#[actix_web::test]
async fn chat_ends_with_usage_when_asked_and_done() {
    let demo = Demo::start().await;
    let body = json!({
        "model": "m", "stream": true, "messages": user_message("say hi"),
        "stream_options": { "include_usage": true },
    });

    let stream = demo.post_for_text("/v1/chat/completions", &body).await;

    assert!(stream.ends_with("data: [DONE]\n\n"));
    let events = events_of(&stream);
    let content =
        |event: &Value| event["choices"][0]["delta"]["content"].as_str().map(ToOwned::to_owned);
    assert_eq!(events.iter().filter_map(content).collect::<String>(), ANSWER);
    let last = events.last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"]["total_tokens"].as_u64() > Some(0));
}

#[actix_web::test]
async fn gemini_streams_events_or_one_array() {
    let demo = Demo::start().await;
    let body = json!({ "contents": [{ "parts": [{ "text": "say hi" }] }] });
    let path = "/v1beta/models/m:streamGenerateContent";

    let stream = demo.post_for_text(&format!("{path}?alt=sse"), &body).await;
    let array = demo.post_for_text(path, &body).await;

    assert!(stream.ends_with("}\r\n\r\n"), "Google's line ends");
    let events = events_of(&stream);
    let chunks: Vec<Value> = serde_json::from_str(&array).unwrap();
    for chunks in [events, chunks] {
        let text = |chunk: &Value| {
            chunk["candidates"][0]["content"]["parts"][0]["text"].as_str().map(ToOwned::to_owned)
        };
        assert_eq!(chunks.iter().filter_map(text).collect::<String>(), ANSWER);
        assert_eq!(chunks.last().unwrap()["candidates"][0]["finishReason"], "STOP");
    }
}

#[actix_web::test]
async fn a_tool_is_called_once_and_then_talked_about() {
    let demo = Demo::start().await;
    let ask = |stream: bool, messages: &Value| {
        json!({
            "model": "m", "stream": stream, "messages": messages,
            "tools": [{ "name": "list_files", "input_schema": { "type": "object" } }],
        })
    };
    let mut messages = user_message("use a tool");

    let (_, whole) = demo.post("/v1/messages", &ask(false, &messages)).await;
    let streamed = events_of(&demo.post_for_text("/v1/messages", &ask(true, &messages)).await);
    let call = &whole["content"][0];
    let result = json!({ "type": "tool_result", "tool_use_id": call["id"], "content": "a.txt" });
    let turns = messages.as_array_mut().unwrap();
    turns.push(json!({ "role": "assistant", "content": [call] }));
    turns.push(json!({ "role": "user", "content": [result] }));
    let (_, after) = demo.post("/v1/messages", &ask(false, &messages)).await;

    assert_eq!(whole["stop_reason"], "tool_use");
    assert_eq!((&call["name"], &call["input"]), (&json!("list_files"), &json!({})));
    let json: String =
        streamed.iter().filter_map(|event| event["delta"]["partial_json"].as_str()).collect();
    assert_eq!(json, "{}");
    assert_eq!(after["content"][0]["type"], "text", "the result is there: {after}");
}

#[actix_web::test]
async fn a_tool_is_told_in_every_dialect_what_the_user_said() {
    let demo = Demo::start().await;
    let said = r#"use the tool run with {"command":"echo hi > made"}"#;
    let (schema, text) = (json!({ "type": "object" }), json!([{ "text": said }]));
    let function = json!({ "name": "run", "parameters": schema });
    let responses_tool = json!({ "type": "function", "name": "run", "parameters": schema });
    let chat_tool = json!({ "type": "function", "function": function });
    let anthropic_tool = json!({ "name": "run", "input_schema": schema });
    let gemini_tool = json!({ "functionDeclarations": [function] });
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // path,                        body,                                                             where a piece of the arguments is
        ("/v1/messages",                json!({ "messages": user_message(said), "tools": [anthropic_tool] }), "/delta/partial_json"),
        ("/v1/chat/completions",        json!({ "messages": user_message(said), "tools": [chat_tool] }),  "/choices/0/delta/tool_calls/0/function/arguments"),
        ("/v1/responses",               json!({ "input": said, "tools": [responses_tool] }),              "/delta"),
        ("/v1beta/models/m:streamGenerateContent?alt=sse", json!({ "contents": [{ "parts": text }], "tools": [gemini_tool] }), "/candidates/0/content/parts/0/functionCall/args"),
    ];
    for (path, mut body, place) in cases {
        body["model"] = json!("m");
        body["stream"] = json!(true);
        let events = events_of(&demo.post_for_text(path, &body).await);
        let piece = |event: &Value| {
            let piece = event.pointer(place)?;
            Some(piece.as_str().map_or_else(|| piece.to_string(), ToOwned::to_owned))
        };
        let arguments: String = events.iter().filter_map(piece).collect();
        assert_eq!(arguments, r#"{"command":"echo hi > made"}"#, "{path}");
    }
}

#[actix_web::test]
async fn a_compatible_server_has_chat_and_no_responses() {
    let demo = Demo::start().await;
    let body = json!({ "model": "m", "messages": user_message("say hi"), "input": "say hi" });

    let (chat, answer) = demo.post("/compatible/v1/chat/completions", &body).await;
    let (responses, refusal) = demo.post("/compatible/v1/responses", &body).await;

    assert_eq!((chat, &answer["choices"][0]["message"]["content"]), (200, &json!(ANSWER)));
    assert_eq!((responses, &refusal["detail"]), (404, &json!("Not Found")));
}

#[actix_web::test]
async fn only_its_own_key_in_the_right_place_opens_a_door() {
    let demo = Demo::start().await;
    let bearer = format!("Bearer {PROVIDER_KEY}");
    let amp_bearer = format!("Bearer {AMP_KEY}");
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, Keys<'_>, u16, &str); 12] = [
        // path,                       keys,                                             status, why
        ("/v1/messages",               &[("x-api-key", PROVIDER_KEY)],                      400, "let in; the body is empty"),
        ("/v1/messages",               &[("authorization", &bearer)],                       400, "a token is a key here"),
        ("/v1/messages",               &[("x-goog-api-key", PROVIDER_KEY)],                 401, "Google's place"),
        ("/v1/messages",               &[],                                                 401, "no key"),
        ("/v1/messages",               &[("x-api-key", "client")],                          401, "a foreign key"),
        ("/v1/messages",               &[("x-api-key", PROVIDER_KEY), ("authorization", "Bearer client")], 401, "a foreign key beside ours"),
        ("/v1/chat/completions",       &[("x-api-key", PROVIDER_KEY)],                      401, "Anthropic's place"),
        ("/v1/messages?key=client",    &[("x-api-key", PROVIDER_KEY)],                      401, "a foreign key in the query"),
        ("/api/provider/x/v1/messages", &[("x-api-key", PROVIDER_KEY)],                     401, "the provider's key is not Amp's"),
        ("/api/internal?getUserInfo",  &[("authorization", &amp_bearer), ("x-api-key", AMP_KEY)], 400, "let in; the body is empty"),
        ("/api/internal?getUserInfo",  &[("authorization", "Bearer client")],               401, "a foreign key"),
        ("/actors/gateway/threadActor/request/import", &[("authorization", &amp_bearer)],   401, "no key belongs here"),
    ];
    for (path, keys, status, why) in cases {
        let answer = demo.post_with_keys(path, keys).await;
        assert_eq!(answer.0, status, "{path}: {why}: {}", answer.1);
    }
    let seen = demo.seen().await;
    assert_eq!(seen["foreign_keys"]["POST /v1/messages in authorization"], 1, "{seen}");
    assert!(!seen.to_string().contains("client\""), "what is seen names places, not keys: {seen}");
}

#[actix_web::test]
async fn a_refusal_speaks_the_dialect_of_the_door() {
    let demo = Demo::start().await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("/v1/messages",                 "/error/type",   "authentication_error"),
        ("/v1/chat/completions",         "/error/code",   "invalid_api_key"),
        ("/v1/responses",                "/error/code",   "invalid_api_key"),
        ("/v1beta/models/m:countTokens", "/error/status", "UNAUTHENTICATED"),
        ("/api/internal?getUserInfo",    "/error/code",   "auth-required"),
    ];
    for (path, place, expected) in cases {
        let (status, answer) = demo.post_with_keys(path, &[]).await;
        assert_eq!((status, answer.pointer(place)), (401, Some(&json!(expected))), "{path}");
    }
}

#[actix_web::test]
async fn a_missing_model_is_not_found() {
    let demo = Demo::start().await;
    let body = json!({ "model": "no-such-model", "messages": [] });

    let (status, answer) = demo.post("/v1/messages", &body).await;

    assert_eq!((status, &answer["error"]["type"]), (404, &json!("not_found_error")));
}

#[actix_web::test]
async fn an_internal_call_may_be_compressed() {
    let demo = Demo::start().await;
    let call = json!({ "method": "getUserInfo", "params": {} }).to_string();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(call.as_bytes()).unwrap();

    let (status, answer) =
        demo.post_gzip("/api/internal?getUserInfo", gzip.finish().unwrap()).await;

    assert_eq!((status, &answer["ok"]), (200, &json!(true)));
    assert_eq!(answer["result"]["features"], json!([]), "or a client leaves models to the cloud");
}

#[actix_web::test]
async fn internal_results_have_the_shapes_clients_need() {
    let demo = Demo::start().await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("loadPlugins",   "/result",             json!([])),
        ("loadSkills",    "/result",             json!([])),
        ("uploadThread",  "/result",             json!({})),
        ("getThread",     "/error/code",         json!("thread-not-found")),
        ("getThreadTail", "/result/thread/data/id", json!("T-1")),
        ("somethingNew",  "/result",             json!({})),
    ];
    for (method, place, expected) in cases {
        let call = json!({ "method": method, "params": { "thread": "T-1" } });
        let (_, answer) = demo.post(&format!("/api/internal?{method}"), &call).await;
        assert_eq!(answer.pointer(place), Some(&expected), "{method}: {answer}");
    }
}

#[actix_web::test]
async fn a_threads_socket_answers_pings_and_takes_tools() {
    let demo = Demo::start().await;
    let (_, thread) = demo.post("/api/thread-actors", &json!({})).await;
    let token = thread["wsToken"].as_str().unwrap();
    let offer = format!("rivet, rivet_conn_params.%7B%22wsToken%22%3A%22{token}%22%7D");
    let path = "/actors/gateway/threadActor/websocket/?rvt-namespace=default";

    let refused = demo.open_socket(path, "rivet").await.unwrap_err();
    let mut socket = demo.open_socket(path, &offer).await.unwrap();
    socket.send("ping").await;
    let pong = socket.receive().await;
    socket
        .send(r#"{"jsonrpc":"2.0","id":"a","method":"executor_connect","params":{"clientId":"c"}}"#)
        .await;
    let (result, welcome) = (socket.receive_json().await, socket.receive_json().await);
    socket.send(r#"{"jsonrpc":"2.0","id":"b","method":"executor_tools_register","params":{"tools":[{"name":"Read"}]}}"#).await;
    let registered = socket.receive_json().await;

    assert_eq!(refused, 401, "the thread token is the credential");
    assert_eq!(socket.subprotocol(), Some("rivet"));
    assert_eq!(pong, "pong");
    assert_eq!((&result["id"], &result["result"]), (&json!("a"), &json!({})));
    assert_eq!(welcome["method"], "executor_connected");
    assert_eq!(welcome["params"]["executorId"], "c");
    assert_eq!(registered["id"], "b");
    assert_eq!(demo.seen().await["tools_registered"], json!(["Read"]));
}

#[actix_web::test]
async fn responses_are_answered_on_a_socket_too() {
    let demo = Demo::start().await;
    let mut socket = demo.open_socket("/v1/responses", "").await.unwrap();

    socket.send(r#"{"type":"response.create","model":"m","generate":false,"input":[]}"#).await;
    let mut warm_up = Vec::new();
    while warm_up.last().is_none_or(|kind| kind != "response.completed") {
        warm_up.push(type_of(&socket.receive_json().await).to_owned());
    }
    socket.send(r#"{"type":"response.create","model":"m","input":"say hi"}"#).await;
    let answer = loop {
        let event = socket.receive_json().await;
        if type_of(&event) == "response.completed" {
            break event;
        }
    };

    assert_eq!(warm_up, ["response.created", "response.in_progress", "response.completed"]);
    assert_eq!(answer["response"]["output"][0]["content"][0]["text"], ANSWER);
}
