//! The Responses API's WebSocket, answered by the gateway because not every provider speaks it.

mod families;

use std::rc::Rc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{
    GatewayProcess, Provider, Scripted, SocketClient, StubUpstream, TestGateway, fixture,
};

const TARGET: &str = "/v1/responses";

/// OpenAI at `origin`, and a provider of another family, so that the gateway answers.
fn settings(origin: &str) -> String {
    format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         request-retry: 0\ndisable-cooling: true\n\
         openai-api-key: [{{ api-key: provider-key, base-url: '{origin}/v1' }}]\n\
         claude-api-key: [{{ api-key: other-key, base-url: 'http://127.0.0.1:1' }}]\n"
    )
}

async fn gateway(provider: &Provider) -> TestGateway {
    TestGateway::start(&settings(provider.origin())).await
}

async fn open(gateway: &TestGateway) -> SocketClient {
    SocketClient::open(gateway.connect().await, TARGET, &[]).await
}

fn create(more: &Value) -> Value {
    let mut message = json!({ "type": "response.create", "model": "gpt-5-mini", "input": "hi" });
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    message
}

fn completed(id: &str) -> Value {
    let item = json!({ "id": "msg_1", "type": "message", "role": "assistant",
                       "content": [{ "type": "output_text", "text": "hello" }] });
    json!({ "type": "response.completed", "response": { "id": id, "output": [item] } })
}

fn events(events: &[Value]) -> String {
    let event =
        |data: &Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    events.iter().map(event).collect()
}

fn begun() -> String {
    events(&[json!({ "type": "response.created", "response": { "id": "r" } })])
}

fn answer(id: &str) -> Scripted {
    Scripted::stream(events(&[completed(id)]))
}

fn body(provider: &Provider, call: usize) -> Value {
    serde_json::from_slice(&provider.requests()[call].body).unwrap()
}

/// The frames of the sample, client's and server's, in order.
fn sample() -> Vec<(bool, Value)> {
    let text = String::from_utf8(fixture("openai-responses/r08-websocket.jsonl")).unwrap();
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        (line["dir"] == "client", line["frame"].take())
    };
    text.lines().map(line).collect()
}

#[actix_web::test]
async fn a_conversation_goes_as_it_does_at_openai() {
    let sample = sample();
    let mut turns: Vec<(Value, Vec<Value>)> = Vec::new();
    for (is_clients, frame) in sample {
        if is_clients {
            turns.push((frame, Vec::new()));
        } else {
            turns.last_mut().unwrap().1.push(frame);
        }
    }
    turns[2].1.truncate(1); // what comes after an hour
    let answers = turns[..2].iter().map(|(_, frames)| Scripted::stream(events(frames)));
    let provider = Provider::saying(answers).await;
    let gateway = gateway(&provider).await;
    let mut client = open(&gateway).await;

    for (asked, expected) in &turns {
        client.say(asked).await;
        assert_eq!(client.answer().await, *expected, "{asked}");
    }

    assert_eq!(provider.asked(), 2, "what is unknown is asked of nobody");
    let seen = &provider.requests()[1];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v1/responses"));
    assert_eq!(seen.field("authorization"), Some("Bearer provider-key"));
    assert_eq!(seen.field("content-type"), Some("application/json"));
    for name in ["upgrade", "sec-websocket-key", "sec-websocket-extensions"] {
        assert_eq!(seen.field(name), None, "{name}");
    }
    let first = &turns[0].0;
    let mut expected = turns[1].0.clone();
    let call = json!({ "type": "function_call", "status": "completed",
        "arguments": "{\"location\":\"Paris\"}", "call_id": "call_fixtureW1", "name": "get_weather" });
    expected["input"] = json!([first["input"][0], call, expected["input"][0]]);
    expected["stream"] = json!(true);
    expected
        .as_object_mut()
        .unwrap()
        .retain(|key, _| key != "type" && key != "previous_response_id");
    assert_eq!(body(&provider, 1), expected, "the whole conversation, and no id");
}

#[actix_web::test]
async fn a_warm_up_asks_nobody_and_is_remembered() {
    let provider = Provider::saying([answer("r1")]).await;
    let gateway = gateway(&provider).await;
    let mut client = open(&gateway).await;

    client.say(&create(&json!({ "generate": false, "input": [{ "a": 1 }] }))).await;
    let warm = client.answer().await;
    let kinds: Vec<&Value> = warm.iter().map(|message| &message["type"]).collect();
    assert_eq!(kinds, ["response.created", "response.completed"]);
    assert_eq!(warm[1]["response"]["output"], json!([]));
    assert_eq!(provider.asked(), 0);

    let id = &warm[1]["response"]["id"];
    let next = create(&json!({ "previous_response_id": id, "input": [{ "b": 2 }] }));
    assert_eq!(client.ask(&next).await["response"]["id"], "r1");
    assert_eq!(body(&provider, 0)["input"], json!([{ "a": 1 }, { "b": 2 }]));
    assert_eq!(body(&provider, 0).get("generate"), None);
}

#[actix_web::test]
async fn what_is_no_call_is_answered_with_what_is_wrong_and_the_next_one_is_served() {
    let provider = Provider::saying([answer("r1")]).await;
    let gateway = gateway(&provider).await;
    let mut client = open(&gateway).await;

    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // opcode, message,                                              status, word
        (1,        "{",                                                  400,    "JSON"),
        (1,        r#"{"type":"response.cancel"}"#,                      400,    "response.cancel"),
        (1,        r#"{"type":"response.create","input":"hi"}"#,         400,    "model"),
        (1,        r#"{"type":"response.create","model":"m","input":7}"#, 400,   "input"),
        (1,        r#"{"type":"response.create","model":"nobodys"}"#,    404,    "nobodys"),
        (2,        "binary",                                             400,    "binary"),
    ];
    for (opcode, message, status, word) in cases {
        client.frame(opcode, message.as_bytes()).await;
        let error = client.message().await;
        assert_eq!(
            (&error["type"], &error["status"]),
            (&json!("error"), &json!(status)),
            "{error}"
        );
        assert!(error["error"]["message"].as_str().unwrap().contains(word), "{error}");
        assert!(
            error["error"]["code"].is_string() && error["error"]["type"].is_string(),
            "{error}"
        );
    }
    assert_eq!(client.ask(&create(&json!({}))).await["response"]["id"], "r1");
}

#[actix_web::test]
async fn calls_are_answered_one_after_the_other() {
    let gate = Rc::new(Notify::new());
    let slow = Scripted::stream(begun()).then(&gate, &events(&[completed("r1")]));
    let provider = Provider::saying([slow, answer("r2")]).await;
    let gateway = gateway(&provider).await;
    let mut client = open(&gateway).await;

    client.say(&create(&json!({ "stream_id": "a" }))).await;
    let first = client.message().await;
    assert_eq!((&first["type"], &first["stream_id"]), (&json!("response.created"), &json!("a")));
    for _ in 0..8 {
        client.say(&create(&json!({ "stream_id": "b" }))).await;
    }
    client.frame(9, b"still there?").await;
    assert_eq!(
        client.heard().await,
        (10, b"still there?".to_vec()),
        "a ping is answered meanwhile"
    );
    client.say(&create(&json!({}))).await;
    let refused = client.message().await;
    assert_eq!((&refused["type"], &refused["status"]), (&json!("error"), &json!(429)), "a ninth");
    assert_eq!(provider.asked(), 1);

    gate.notify_one();
    let last = client.message().await;
    assert_eq!((&last["response"]["id"], &last["stream_id"]), (&json!("r1"), &json!("a")));
    for _ in 0..8 {
        let last = client.message().await;
        assert_eq!((&last["response"]["id"], &last["stream_id"]), (&json!("r2"), &json!("b")));
    }
    assert_eq!(provider.asked(), 9);
}

#[actix_web::test]
async fn a_providers_error_keeps_its_status_and_words_and_the_memory() {
    let limited = Scripted::json(
        429,
        r#"{"error":{"type":"t","code":"rate_limit_exceeded","message":"slow"}}"#,
    )
    .with("retry-after", "7");
    let provider = Provider::saying([answer("r1"), limited, answer("r2")]).await;
    let gateway = gateway(&provider).await;
    let mut client = open(&gateway).await;
    client.ask(&create(&json!({}))).await;
    let next = create(&json!({ "previous_response_id": "r1", "input": [{ "b": 2 }] }));

    let error = client.ask(&next).await;

    assert_eq!((&error["type"], &error["status"]), (&json!("error"), &json!(429)));
    let words = json!({ "type": "t", "code": "rate_limit_exceeded", "message": "slow" });
    assert_eq!(error["error"], words);
    assert_eq!(error["headers"]["retry-after"], "7");
    assert_eq!(client.ask(&next).await["response"]["id"], "r2", "the same may be tried again");
    assert_eq!(body(&provider, 1), body(&provider, 2));
    assert_eq!(body(&provider, 2)["input"].as_array().unwrap().len(), 3);
}

#[actix_web::test]
async fn an_answer_without_an_end_ends_with_an_error() {
    let delta = json!({ "type": "response.output_text.delta", "delta": "he" });
    let spoke = begun() + &events(&[delta]);
    let flat = events(&[json!({ "type": "error", "code": "server_error", "message": "oh" })]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // answer, status, why
        (Scripted::stream(begun()),          502, "a clean end, and no word of it"),
        (Scripted::cut_stream(spoke),        500, "cut: the error event of a broken stream"),
        (Scripted::stream(begun() + &flat),  500, "the provider's own error event"),
        (Scripted::json(200, "{}").with("content-type", "text/html"), 502, "no answer at all"),
        (Scripted::hang_up(),                502, "no answer"),
    ];
    for (script, status, why) in cases {
        let provider = Provider::saying([script, answer("r2")]).await;
        let gateway = gateway(&provider).await;
        let mut client = open(&gateway).await;

        let error = client.ask(&create(&json!({}))).await;

        assert_eq!(
            (&error["type"], &error["status"]),
            (&json!("error"), &json!(status)),
            "{why}: {error}"
        );
        assert!(error["error"]["message"].is_string(), "{why}: {error}");
        assert_eq!(client.ask(&create(&json!({}))).await["response"]["id"], "r2", "{why}");
    }
}

#[actix_web::test]
async fn an_answer_that_is_no_stream_is_told_as_one() {
    let whole = completed("r1")["response"].to_string();
    let provider = Provider::saying([Scripted::json(200, whole)]).await;
    let gateway = gateway(&provider).await;
    let mut client = open(&gateway).await;

    client.say(&create(&json!({}))).await;
    let kinds: Vec<Value> = client.answer().await.iter().map(|m| m["type"].clone()).collect();

    assert_eq!(kinds, ["response.created", "response.output_item.done", "response.completed"]);
}

#[actix_web::test]
async fn when_the_client_leaves_the_call_ends() {
    for says_so in [true, false] {
        let upstream = StubUpstream::answering(|mut conversation| async move {
            conversation.begin(200, &[("content-type", "text/event-stream")]).await;
            conversation.chunk(begun()).await;
            conversation.gateway_leaves().await;
            None
        })
        .await;
        let gateway = TestGateway::start(&settings(&upstream.origin)).await;
        let mut client = open(&gateway).await;
        client.say(&create(&json!({}))).await;
        client.message().await;

        if says_so {
            client.frame(8, &1001_u16.to_be_bytes()).await;
            assert_eq!(client.closed().await, 1001, "its code comes back");
        }
        drop(client);

        upstream.all_closed().await;
    }
}

#[actix_web::test]
async fn a_large_message_passes_and_one_over_the_limit_ends_the_connection() {
    let provider = Provider::saying([answer("r1")]).await;
    let yaml = settings(provider.origin()) + "limits: { request-body: 6MB }\n";
    let gateway = TestGateway::start(&yaml).await;
    let mut client = open(&gateway).await;

    let large = "x".repeat(5_000_000);
    let last = client.ask(&create(&json!({ "input": large }))).await;
    assert_eq!(last["response"]["id"], "r1");
    assert_eq!(body(&provider, 0)["input"].as_str().unwrap().len(), 5_000_000);

    let more = create(&json!({ "previous_response_id": "r1", "input": "x".repeat(2_000_000) }));
    let error = client.ask(&more).await;
    assert_eq!(
        (&error["type"], &error["status"]),
        (&json!("error"), &json!(413)),
        "together too long"
    );

    // Its head alone says that it is too long.
    let mut head = vec![0x81, 0x80 + 127];
    head.extend(6_000_001_u64.to_be_bytes());
    client.0.say(head).await;
    assert_eq!(client.closed().await, 1009);
}

#[actix_web::test]
async fn on_sigterm_what_runs_finishes_and_nothing_new_begins() {
    let gate = Rc::new(Notify::new());
    let slow = Scripted::stream(begun()).then(&gate, &events(&[completed("r1")]));
    let provider = Provider::saying([slow]).await;
    let mut gateway = GatewayProcess::start(&settings(provider.origin()));
    let mut idle = SocketClient::open(gateway.connect().await, TARGET, &[]).await;
    let mut busy = SocketClient::open(gateway.connect().await, TARGET, &[]).await;
    busy.say(&create(&json!({}))).await;
    busy.message().await;

    gateway.signal("-TERM");

    assert_eq!(idle.closed().await, 1001);
    busy.say(&create(&json!({}))).await;
    gate.notify_one();
    assert_eq!(busy.message().await["response"]["id"], "r1", "it may finish");
    assert_eq!(busy.closed().await, 1001, "and the next one does not begin");
    drop((idle, busy));
    assert_eq!(gateway.wait().code(), Some(0));
    assert_eq!(provider.asked(), 1);
}

#[actix_web::test]
async fn what_is_left_over_when_the_drain_ends_says_so() {
    let slow = Scripted::stream(begun()).then(&Rc::new(Notify::new()), "");
    let provider = Provider::saying([slow]).await;
    let yaml = settings(provider.origin()) + "timeouts: { drain: 100ms }\n";
    let mut gateway = GatewayProcess::start(&yaml);
    let mut client = SocketClient::open(gateway.connect().await, TARGET, &[]).await;
    client.say(&create(&json!({}))).await;
    client.message().await;

    gateway.signal("-TERM");

    let error = client.message().await;
    assert_eq!(error["type"], "error", "{error}");
    assert!(error["error"]["message"].as_str().unwrap().contains("shutting down"), "{error}");
    assert_eq!(gateway.wait().code(), Some(0));
}

#[actix_web::test]
async fn a_reload_ends_the_connection_at_its_next_call() {
    let provider = Provider::saying([answer("r1")]).await;
    let yaml = settings(provider.origin());
    let mut gateway = GatewayProcess::start(&yaml);
    let mut client = SocketClient::open(gateway.connect().await, TARGET, &[]).await;
    client.say(&create(&json!({}))).await;
    provider.answered_times(1).await;
    client.answer().await;

    gateway.reload(&yaml.replace("client-key-1", "client-key-2"));
    client.say(&create(&json!({}))).await;

    assert_eq!(client.closed().await, 1012, "the key is gone: who connects anew is asked for it");
    assert_eq!(provider.asked(), 1);
}

#[actix_web::test]
async fn every_call_has_its_own_line_in_the_log() {
    let provider = Provider::saying([answer("r1")]).await;
    let mut gateway = GatewayProcess::start(&settings(provider.origin()));
    let mut client = SocketClient::open(gateway.connect().await, TARGET, &[]).await;
    let mut ids = Vec::new();
    for (message, status, outcome) in [
        (create(&json!({})), 200, "complete"),
        (create(&json!({ "model": "nobodys" })), 404, "model_not_served"),
        (create(&json!({ "previous_response_id": "x" })), 400, "previous_response_not_found"),
        (create(&json!({ "generate": false })), 200, "complete"),
    ] {
        client.ask(&message).await;
        let line: Value =
            serde_json::from_str(&gateway.log_line_with("\"route\":\"responses\"")).unwrap();
        assert_eq!(line["status"], status, "{line}");
        assert_eq!(line["outcome"], outcome, "{line}");
        assert_eq!(line["client.name"], "alice", "{line}");
        ids.push(line["request.id"].as_str().unwrap().to_owned());
    }
    drop(client);
    let line: Value =
        serde_json::from_str(&gateway.log_line_with("\"route\":\"responses_socket\"")).unwrap();
    assert_eq!(line["status"], 101, "{line}");
    ids.push(line["request.id"].as_str().unwrap().to_owned());
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "each has an id of its own");
}

#[actix_web::test]
async fn behind_amps_door_a_model_of_nobodys_is_asked_of_amp() {
    let amp = Provider::saying([answer("r1")]).await;
    let gateway = TestGateway::start(&format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '{}', upstream-api-key: team-key }}\n\
         claude-api-key: [{{ api-key: k, base-url: 'http://127.0.0.1:1' }}]\n",
        amp.origin()
    ))
    .await;
    let target = "/api/provider/openai/v1/responses";
    let beta = ("openai-beta", "responses_websockets=2026-02-06");
    let mut client = SocketClient::open(gateway.connect().await, target, &[beta]).await;

    assert_eq!(client.ask(&create(&json!({}))).await["response"]["id"], "r1");

    let seen = amp.requests().remove(0);
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", target));
    assert_eq!(seen.field("authorization"), Some("Bearer team-key"));
    assert!(!seen.mentions("client-key-1") && !seen.mentions("websocket"), "{seen:?}");
}

/// A client that does not read must not make the gateway remember what it would have read.
#[actix_web::test]
async fn a_flood_to_a_slow_client_is_held_back() {
    const EVENTS: usize = 800;
    let delta = json!({ "type": "response.output_text.delta", "delta": "x".repeat(1 << 16) });
    let event = events(&[delta]);
    let end = events(&[completed("r1")]);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let upstream = StubUpstream::answering(move |mut conversation| {
        let (tell, event, end) = (tell.clone(), event.clone(), end.clone());
        async move {
            conversation.begin(200, &[("content-type", "text/event-stream")]).await;
            for _ in 0..EVENTS {
                conversation.chunk(&event).await;
                let _ = tell.send(());
            }
            conversation.chunk(end).await;
            conversation.end().await;
            Some(conversation)
        }
    })
    .await;
    let gateway = TestGateway::start(&settings(&upstream.origin)).await;
    let mut client = open(&gateway).await;

    client.say(&create(&json!({}))).await;

    // Until the upstream is held back: what has left it fits into the sockets on the way.
    let mut sent = 0;
    while let Ok(Some(())) =
        tokio::time::timeout(std::time::Duration::from_millis(500), told.recv()).await
    {
        sent += 1;
    }
    assert!(sent < EVENTS, "the upstream was never held back");
    assert_eq!(client.answer().await.len(), EVENTS + 1, "and nothing of it was lost");
}
