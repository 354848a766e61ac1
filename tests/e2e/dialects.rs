//! What providers answer in each dialect reaches the client byte for byte, however it is cut on the
//! way; with an alias, the model's name changes and nothing else does.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::Value;

use crate::support::{Client, Response, StubUpstream, TestGateway, fixture};

/// One answer for the stub to give: its body goes out in pieces when `cuts` says where to cut.
#[derive(Clone, Default)]
struct Script {
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    /// `None`: whole, with its length. `Some`: chunked, cut after these many bytes each.
    pieces: Option<Vec<usize>>,
}

type Stage = Rc<RefCell<Script>>;

/// A provider that plays whatever script is on the stage.
async fn player() -> (StubUpstream, Stage) {
    let stage = Stage::default();
    let scripts = stage.clone();
    let stub = StubUpstream::answering(move |mut conversation| {
        let script = scripts.borrow().clone();
        async move {
            let fields: Vec<(&str, &str)> =
                script.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
            let Some(pieces) = script.pieces else {
                conversation.reply(script.status, &fields, &script.body).await;
                return Some(conversation);
            };
            conversation.begin(script.status, &fields).await;
            let mut rest = &script.body[..];
            for length in pieces {
                let (piece, behind) = rest.split_at(length.min(rest.len()));
                rest = behind;
                if !piece.is_empty() {
                    conversation.chunk(piece).await;
                    // Lets the gateway read this piece on its own.
                    tokio::task::yield_now().await;
                }
            }
            if !rest.is_empty() {
                conversation.chunk(rest).await;
            }
            conversation.end().await;
            Some(conversation)
        }
    })
    .await;
    (stub, stage)
}

/// A gateway with a credential for each dialect; `models` is added to each of them.
/// Answers are passed on as they are, errors included: one attempt each, and no credential rests.
async fn gateway_before(stub: &StubUpstream, models: &str) -> TestGateway {
    let origin = &stub.origin;
    let credential = |list: &str| {
        format!("{list}: [{{ api-key: provider-key, base-url: '{origin}'{models} }}]\n")
    };
    TestGateway::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         request-retry: 0\ndisable-cooling: true\n{}{}{}",
        credential("claude-api-key"),
        credential("openai-api-key"),
        credential("gemini-api-key"),
    ))
    .await
}

async fn ask(client: &mut Client, method: &str, target: &str, body: &[u8]) -> Response {
    let fields = [("authorization", "Bearer client-key-1"), ("content-type", "application/json")];
    client.send(method, target, &fields, body).await;
    client.response().await
}

fn json_fixture(path: &str) -> Value {
    serde_json::from_slice(&fixture(path)).unwrap()
}

/// An exchange's answer. Bodies are printed with white space, to be told from a re-serialised one.
fn script_of(response: &Value) -> Script {
    let fields = response["headers"].as_object().into_iter().flatten();
    Script {
        status: response["status"].as_u64().unwrap().try_into().unwrap(),
        fields: fields.map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect(),
        body: match &response["body"] {
            Value::String(text) => text.clone().into_bytes(),
            json => serde_json::to_vec_pretty(json).unwrap(),
        },
        pieces: None,
    }
}

/// The client got the answer as the provider gave it, plus what says who answered.
fn assert_unchanged(response: &Response, script: &Script, case: &str) {
    assert_eq!(response.status, script.status, "{case}");
    for (name, value) in &script.fields {
        assert_eq!(response.fields.all(name), [value.as_str()], "{case}: {name}");
    }
    let ours = [
        "content-length",
        "transfer-encoding",
        "date",
        "x-ampgate-route",
        "x-ampgate-provider",
        "x-request-id",
    ];
    for (name, _) in &response.fields.0 {
        let known = script.fields.iter().any(|(theirs, _)| theirs.eq_ignore_ascii_case(name));
        assert!(known || ours.contains(&&*name.to_ascii_lowercase()), "{case}: {name} was added");
    }
    assert_same(&response.body, &script.body, case);
}

fn assert_same(got: &[u8], expected: &[u8], case: &str) {
    // Texts, since bytes are hard to read when they differ.
    assert_eq!(String::from_utf8_lossy(got), String::from_utf8_lossy(expected), "{case}");
    assert_eq!(got, expected, "{case}");
}

const EXCHANGES: [&str; 9] = [
    "anthropic/a01-text.exchange.json",
    "anthropic/a06-thinking-omitted-cache.exchange.json",
    "anthropic/a08-count-tokens.exchange.json",
    "openai-chat/c01-text.exchange.json",
    "openai-responses/r01-text.exchange.json",
    "gemini/g01-text.exchange.json",
    "gemini/g04-tools-parallel.exchange.json",
    "gemini/g07-count-tokens.exchange.json",
    "gemini/g10-blocked.exchange.json",
];

/// Where a Vertex path leads at a gateway: Amp's door.
fn at_the_gateway(path: &str) -> String {
    if path.starts_with("/v1beta1/") {
        format!("/api/provider/google{path}")
    } else {
        path.to_owned()
    }
}

#[rustfmt::skip] // columns are easier to proofread
const STREAMS: [(&str, &str, &str); 15] = [
    // fixture,                                            target,                  model
    ("anthropic/a02-text.stream.sse",                      "/v1/messages",          "claude-sonnet-4-5-20250929"),
    ("anthropic/a04-tools-parallel.stream.sse",            "/v1/messages",          "claude-sonnet-4-5-20250929"),
    ("anthropic/a05-thinking-tool.stream.sse",             "/v1/messages",          "claude-sonnet-4-5-20250929"),
    ("anthropic/a11-error-midstream.stream.sse",           "/v1/messages",          "claude-sonnet-4-5-20250929"),
    ("openai-chat/c02-text.stream.sse",                    "/v1/chat/completions",  "gpt-5-mini"),
    ("openai-chat/c04-tools-parallel.stream.sse",          "/v1/chat/completions",  "gpt-5-mini"),
    ("openai-chat/c05-reasoning-compat.stream.sse",        "/v1/chat/completions",  "gpt-5-mini"),
    ("openai-chat/c07-error-midstream.stream.sse",         "/v1/chat/completions",  "gpt-5-mini"),
    ("openai-completions/p01-completion.stream.sse",       "/v1/completions",       "gpt-3.5-turbo-instruct"),
    ("openai-responses/r02-text.stream.sse",               "/v1/responses",         "gpt-5-mini"),
    ("openai-responses/r04-tools-reasoning.stream.sse",    "/v1/responses",         "gpt-5-mini"),
    ("openai-responses/r05-failed.stream.sse",             "/v1/responses",         "gpt-5-mini"),
    ("openai-responses/r06-incomplete.stream.sse",         "/v1/responses",         "gpt-5-mini"),
    ("openai-responses/r07-error-event.stream.sse",        "/v1/responses",         "gpt-5-mini"),
    ("gemini/g02-text.stream.sse", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", ""),
];

const GEMINI_THINKING: (&str, &str, &str) = (
    "gemini/g05-thinking-tools.stream.sse",
    "/v1beta/models/gemini-3-pro-preview:streamGenerateContent?alt=sse",
    "",
);

fn streams() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    STREAMS.into_iter().chain([GEMINI_THINKING])
}

fn stream_script(path: &str) -> Script {
    // As the manifest has it: not all say a charset.
    let plain = path.starts_with("gemini/") || path.contains("c05");
    let content_type = if plain { "text/event-stream" } else { "text/event-stream; charset=utf-8" };
    Script {
        status: 200,
        fields: vec![
            ("content-type".to_owned(), content_type.to_owned()),
            ("cache-control".to_owned(), "no-cache".to_owned()),
        ],
        body: fixture(path),
        pieces: Some(Vec::new()),
    }
}

fn request_for(model: &str) -> String {
    if model.is_empty() {
        return r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#.to_owned();
    }
    format!(r#"{{"stream":true, "model":"{model}","messages":[]}}"#)
}

#[actix_web::test]
async fn every_exchange_crosses_byte_for_byte_both_ways() {
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, "").await;
    let mut client = gateway.connect().await;
    for (number, path) in EXCHANGES.into_iter().enumerate() {
        let exchange = json_fixture(path);
        let script = script_of(&exchange["response"]);
        stage.replace(script.clone());
        let body = serde_json::to_vec_pretty(&exchange["request"]["body"]).unwrap();
        let target = at_the_gateway(exchange["request"]["path"].as_str().unwrap());

        let response = ask(&mut client, "POST", &target, &body).await;

        assert_unchanged(&response, &script, path);
        assert_same(&stub.request(number).await.body, &body, path);
    }
}

#[actix_web::test]
async fn every_request_body_crosses_byte_for_byte() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("anthropic/a03-tools.request.json",                "/v1/messages"),
        ("anthropic/a07-image.request.json",                "/v1/messages"),
        ("openai-chat/c03-tools-image.request.json",        "/v1/chat/completions"),
        ("openai-responses/r03-tools-reasoning.request.json", "/v1/responses"),
        ("gemini/g03-tools.request.json",                   "/v1beta/models/gemini-3-pro-preview:streamGenerateContent?alt=sse"),
    ];
    let (stub, stage) = player().await;
    stage.replace(Script { status: 200, ..Script::default() });
    let gateway = gateway_before(&stub, "").await;
    let mut client = gateway.connect().await;
    for (number, (path, target)) in cases.into_iter().enumerate() {
        let body = fixture(path);
        let response = ask(&mut client, "POST", target, &body).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        assert_same(&stub.request(number).await.body, &body, path);
    }
}

#[actix_web::test]
async fn every_error_of_a_provider_crosses_byte_for_byte() {
    #[rustfmt::skip] // columns are easier to proofread
    let catalogues = [
        ("anthropic/a10-errors.exchanges.json",   &["/v1/messages", "/v1/messages/count_tokens"][..], "claude-x"),
        ("openai-chat/c06-errors.exchanges.json", &["/v1/chat/completions", "/v1/completions", "/v1/responses"][..], "gpt-x"),
        ("gemini/g09-errors.exchanges.json",      &["/v1beta/models/gemini-x:generateContent", "/v1beta/models/gemini-x:streamGenerateContent"][..], ""),
        ("openai-responses/r09-codex-backend.exchanges.json", &["/v1/responses"][..], "gpt-x"),
    ];
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, "").await;
    let mut client = gateway.connect().await;
    for (path, targets, model) in catalogues {
        let catalogue = json_fixture(path);
        for target in targets {
            for response in catalogue["responses"].as_array().unwrap() {
                let script = script_of(response);
                stage.replace(script.clone());
                let answer = ask(&mut client, "POST", target, request_for(model).as_bytes()).await;
                assert_unchanged(&answer, &script, &format!("{path} {target} {response}"));
            }
        }
    }
}

#[actix_web::test]
async fn every_stream_crosses_byte_for_byte_in_single_bytes() {
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, "").await;
    let mut client = gateway.connect().await;
    for (path, target, model) in streams() {
        let mut script = stream_script(path);
        for size in [1, 7, usize::MAX] {
            let pieces = vec![size; script.body.len() / size.min(script.body.len())];
            script.pieces = Some(pieces);
            stage.replace(script.clone());
            let answer = ask(&mut client, "POST", target, request_for(model).as_bytes()).await;
            assert_unchanged(&answer, &script, &format!("{path} in pieces of {size}"));
        }
    }
}

#[actix_web::test]
async fn a_short_stream_crosses_byte_for_byte_cut_anywhere() {
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, "").await;
    let mut client = gateway.connect().await;
    for (path, target, model) in streams() {
        let mut script = stream_script(path);
        if script.body.len() > 1300 {
            continue;
        }
        for cut in 1..script.body.len() {
            script.pieces = Some(vec![cut]);
            stage.replace(script.clone());
            let answer = ask(&mut client, "POST", target, request_for(model).as_bytes()).await;
            assert_unchanged(&answer, &script, &format!("{path} cut at {cut}"));
        }
    }
    assert_eq!(stub.connections(), 1, "the connection is kept from stream to stream");
}

#[actix_web::test]
async fn a_stream_written_as_an_array_crosses_byte_for_byte_cut_anywhere() {
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, "").await;
    let mut client = gateway.connect().await;
    let content_type = ("content-type".to_owned(), "application/json; charset=UTF-8".to_owned());
    let body = fixture("gemini/g06-stream-array.json");
    let mut script = Script { status: 200, fields: vec![content_type], body, pieces: None };
    let target = "/v1beta/models/gemini-2.5-flash:streamGenerateContent";
    for cut in 0..script.body.len() {
        script.pieces = Some(vec![cut]);
        stage.replace(script.clone());
        let answer = ask(&mut client, "POST", target, b"{}").await;
        assert_unchanged(&answer, &script, &format!("cut at {cut}"));
    }
}

/// What the client calls every model here: longer than their names, and with a slash.
const ALIAS: &str = "team/fast-and-cheap-model-of-the-month";

/// The fixture's text with the model's names replaced, and nothing else.
fn renamed(body: &[u8], key: &str, names: &[&str]) -> Vec<u8> {
    let mut text = String::from_utf8(body.to_vec()).unwrap();
    let mut count = 0;
    for name in names {
        for (before, after) in [("\"", "\":\""), ("\"", "\": \"")] {
            let old = format!("{before}{key}{after}{name}\"");
            count += text.matches(&old).count();
            text = text.replace(&old, &format!("{before}{key}{after}{ALIAS}\""));
        }
    }
    assert!(count > 0, "the fixture names no model: {text}");
    text.into_bytes()
}

const NAMES: &[&str] = &[
    "claude-sonnet-4-5-20250929",
    "claude-opus-4-8",
    "gpt-5-mini-2025-08-07",
    "gpt-5-mini",
    "gpt-3.5-turbo-instruct",
    "deepseek-reasoner",
    "gemini-2.5-flash",
    "gemini-3-pro-preview",
];

fn model_key(path: &str) -> &'static str {
    if path.starts_with("gemini/") { "modelVersion" } else { "model" }
}

async fn aliased(stub: &StubUpstream) -> TestGateway {
    let models = format!(", models: [{{ name: upstream-model, alias: '{ALIAS}' }}]");
    gateway_before(stub, &models).await
}

#[actix_web::test]
async fn an_alias_is_replaced_in_the_request_and_nothing_else_is() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,               body before the name,                   behind it,                    why
        ("/v1/messages",         "{\"model\":\"",                        "\"}",                        "plain"),
        ("/v1/messages",         " {\"n\":1.0e5 ,\t\"model\" :\n \"",    "\" , \"x\":1,\"x\":2}\r\n",  "white space, numbers, doubles"),
        ("/v1/chat/completions", "{\"messages\":[{\"model\":\"team/fast-and-cheap-model-of-the-month\"}],\"model\":\"", "\"}", "a nested one stays"),
        ("/v1/completions",      "{\"\\u0070rompt\":\"\\u00e9\",\"model\":\"", "\",\"big\":12345678901234567890}", "escapes and big numbers"),
        ("/v1/responses",        "{\"input\":\"\u{1f5fc}\",\"model\":\"", "\"}",                       "an emoji"),
    ];
    let (stub, stage) = player().await;
    stage.replace(Script { status: 200, ..Script::default() });
    let gateway = aliased(&stub).await;
    let mut client = gateway.connect().await;
    for (number, (target, before, behind, why)) in cases.into_iter().enumerate() {
        let sent = format!("{before}{ALIAS}{behind}");
        let response = ask(&mut client, "POST", target, sent.as_bytes()).await;
        assert_eq!(response.status, 200, "{why}: {}", response.text());
        let expected = format!("{before}upstream-model{behind}");
        assert_same(&stub.request(number).await.body, expected.as_bytes(), why);
    }
}

#[actix_web::test]
async fn an_alias_is_replaced_in_a_gemini_path_and_nothing_else_is() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,                                                        at the provider,                                         why
        ("/v1beta/models/team/fast-and-cheap-model-of-the-month:generateContent?x=%2F", "/v1beta/models/upstream-model:generateContent?x=%2F", "a slash in the name"),
        ("/v1beta/models/team%2Ffast-and-cheap-model-of-the-month:streamGenerateContent?alt=sse", "/v1beta/models/upstream-model:streamGenerateContent?alt=sse", "an encoded slash"),
        ("/v1/models/team/fast-and-cheap-model-of-the-month%3AcountTokens", "/v1/models/upstream-model%3AcountTokens",             "an encoded colon"),
        ("/api/provider/google/v1beta1/publishers/google/models/team/fast-and-cheap-model-of-the-month:generateContent", "/v1beta/models/upstream-model:generateContent", "Amp"),
        ("/v1beta/models/Team/Fast-and-Cheap-Model-of-the-Month:generateContent", "/v1beta/models/upstream-model:generateContent", "case-insensitive"),
    ];
    let (stub, stage) = player().await;
    stage.replace(Script { status: 200, ..Script::default() });
    let gateway = aliased(&stub).await;
    let mut client = gateway.connect().await;
    for (number, (target, expected, why)) in cases.into_iter().enumerate() {
        let body = br#"{"model":"team/fast-and-cheap-model-of-the-month"}"#;
        let response = ask(&mut client, "POST", target, body).await;
        assert_eq!(response.status, 200, "{why}: {}", response.text());
        let seen = stub.request(number).await;
        assert_eq!(seen.target, expected, "{why}");
        assert_same(&seen.body, body, why);
    }
}

/// Where a call in the dialect of a fixture goes when it asks for the alias.
fn aliased_target(path: &str, target: &str) -> String {
    if !path.starts_with("gemini/") {
        return target.to_owned();
    }
    let method = target.rsplit_once(':').unwrap().1;
    format!("/v1beta/models/{ALIAS}:{method}")
}

#[actix_web::test]
async fn the_alias_is_put_back_into_every_json_answer() {
    let (stub, stage) = player().await;
    let gateway = aliased(&stub).await;
    let mut client = gateway.connect().await;
    for path in EXCHANGES.into_iter().filter(|path| !path.contains("count-tokens")) {
        let exchange = json_fixture(path);
        let mut script = script_of(&exchange["response"]);
        let target = aliased_target(path, exchange["request"]["path"].as_str().unwrap());
        for pieces in [None, Some(vec![1; script.body.len()])] {
            script.pieces = pieces;
            stage.replace(script.clone());
            let answer = ask(&mut client, "POST", &target, request_for(ALIAS).as_bytes()).await;
            let body = renamed(&script.body, model_key(path), NAMES);
            assert_unchanged(&answer, &Script { body, ..script.clone() }, path);
        }
    }
}

#[actix_web::test]
async fn the_alias_is_put_back_into_every_stream() {
    let (stub, stage) = player().await;
    let gateway = aliased(&stub).await;
    let mut client = gateway.connect().await;
    // It fails before it names a model.
    let names_a_model = |path: &str| !path.contains("r07");
    for (path, target, _) in streams().filter(|(path, ..)| names_a_model(path)) {
        let mut script = stream_script(path);
        let body = renamed(&script.body, model_key(path), NAMES);
        let target = aliased_target(path, target);
        for size in [1, 7, script.body.len()] {
            script.pieces = Some(vec![size; script.body.len() / size]);
            stage.replace(script.clone());
            let answer = ask(&mut client, "POST", &target, request_for(ALIAS).as_bytes()).await;
            let expected = Script { body: body.clone(), ..script.clone() };
            assert_unchanged(&answer, &expected, &format!("{path} in pieces of {size}"));
        }
    }
}

#[actix_web::test]
async fn the_alias_is_put_back_wherever_a_stream_is_cut() {
    let (stub, stage) = player().await;
    let gateway = aliased(&stub).await;
    let mut client = gateway.connect().await;
    let json = "application/json; charset=UTF-8";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // fixture,                                      target,                       content type
        ("anthropic/a11-error-midstream.stream.sse",     "/v1/messages",               "text/event-stream"),
        ("openai-chat/c05-reasoning-compat.stream.sse",  "/v1/chat/completions",       "text/event-stream"),
        ("openai-completions/p01-completion.stream.sse", "/v1/completions",            "text/event-stream"),
        ("openai-responses/r05-failed.stream.sse",       "/v1/responses",              "text/event-stream"),
        ("gemini/g02-text.stream.sse",                   ":streamGenerateContent?alt=sse", "text/event-stream"),
        ("gemini/g06-stream-array.json",                 ":streamGenerateContent",     json),
    ];
    for (path, target, content_type) in cases {
        let mut script = stream_script(path);
        script.fields = vec![("content-type".to_owned(), content_type.to_owned())];
        let body = renamed(&script.body, model_key(path), NAMES);
        let target = aliased_target(path, target);
        for cut in 1..script.body.len() {
            script.pieces = Some(vec![cut]);
            stage.replace(script.clone());
            let answer = ask(&mut client, "POST", &target, request_for(ALIAS).as_bytes()).await;
            let expected = Script { body: body.clone(), ..script.clone() };
            assert_unchanged(&answer, &expected, &format!("{path} cut at {cut}"));
        }
    }
}

#[actix_web::test]
async fn an_encoded_answer_crosses_untouched_even_with_an_alias() {
    let (stub, stage) = player().await;
    let gateway = aliased(&stub).await;
    let mut client = gateway.connect().await;
    let fields = [("content-type", "application/json"), ("content-encoding", "br")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let body = br#"{"model":"upstream-model"} as if it were br"#.to_vec();
    let script = Script { status: 200, fields, body, pieces: None };
    stage.replace(script.clone());

    let answer = ask(&mut client, "POST", "/v1/messages", request_for(ALIAS).as_bytes()).await;

    assert_unchanged(&answer, &script, "declared as br");
}
