use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::history::settle;
use super::super::request::{
    CacheHint, Function, Media, MediaKind, MediaSource, OutputFormat, Part, Request, Role,
    Sampling, Signature, Text, Thought, Tool, ToolCall, ToolChoice, ToolInput, ToolResult, Turn,
};
use super::super::{Written, write_request};
use super::read_request;
use crate::types::Dialect;

const TOOLS: &[u8] =
    include_bytes!("../../../tests/fixtures/openai-chat/c03-tools-image.request.json");

fn written(request: &Request, model: &str) -> (Value, String) {
    let Written { body, dropped, .. } = write_request(request, Dialect::OpenAiChat, model);
    (serde_json::from_slice(&body).unwrap(), dropped.to_field().unwrap_or_default())
}

/// The body, and under it what was dropped.
fn golden(request: &Request, model: &str) -> String {
    let (body, dropped) = written(request, model);
    format!("{}\ndropped: {dropped}\n", serde_json::to_string_pretty(&body).unwrap())
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned().into())
}

fn media(kind: MediaKind, source: MediaSource) -> Part {
    Part::Media(Media { kind, source, name: None, detail: None })
}

fn inline(kind: MediaKind, media_type: &str) -> Part {
    let source = MediaSource::Inline { media_type: media_type.to_owned(), data: "AAAA".to_owned() };
    media(kind, source)
}

fn call(id: &str, name: &str, input: &str) -> Part {
    let input = ToolInput::from_json_text(input);
    Part::ToolCall(ToolCall { id: id.to_owned(), name: name.to_owned(), input })
}

fn result(id: &str, parts: Vec<Part>, is_error: bool) -> Part {
    Part::ToolResult(ToolResult { id: id.to_owned(), name: None, parts, is_error, cache: None })
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

fn function(name: &str, schema: &str) -> Tool {
    Tool::Function(Function {
        name: name.to_owned(),
        description: None,
        schema: Some(raw(schema)),
        strict: None,
        cache: None,
    })
}

fn said(parts: Vec<Part>) -> Request {
    Request { turns: vec![turn(Role::User, parts)], ..Request::default() }
}

#[test]
fn a_request_is_written_for_an_openai_reasoning_model() {
    insta::assert_snapshot!(golden(&read_request(TOOLS).unwrap(), "gpt-5-mini"));
}

#[test]
fn a_request_is_written_for_a_compatible_server() {
    insta::assert_snapshot!(golden(&read_request(TOOLS).unwrap(), "deepseek-chat"));
}

/// What Claude Code says: thinking, a round of calls with an image and an error, a hint.
fn of_claude_code() -> Request {
    let signature = Signature { made_by: Dialect::Anthropic, value: "EqQB".to_owned() };
    let thought = Thought { text: "I look.".to_owned(), signature: Some(signature) };
    let cache = Some(CacheHint { ttl: None });
    Request {
        turns: vec![
            turn(
                Role::System,
                vec![
                    text("You are a coding agent."),
                    Part::Text(Text { text: "Be brief.".to_owned(), cache }),
                ],
            ),
            turn(Role::User, vec![text("What is on the screen?")]),
            turn(
                Role::Assistant,
                vec![
                    Part::Thinking(thought),
                    text("Let me see."),
                    call("toolu_1", "mcp__screen__shot", ""),
                    call("toolu_2", "Bash", r#"{"command":"ls"}"#),
                ],
            ),
            turn(
                Role::User,
                vec![
                    result("toolu_1", vec![inline(MediaKind::Image, "image/png")], false),
                    result("toolu_2", vec![text("no such file"), text("exit 2")], true),
                    text("Go on."),
                ],
            ),
            turn(Role::System, vec![text("The user is in a hurry.")]),
        ],
        tools: vec![
            function("Bash", r#"{"type":"object","properties":{"command":{"type":"string"}}}"#),
            function("mcp__screen__shot", r#"{"type":"object"}"#),
            Tool::Custom {
                name: "apply_patch".to_owned(),
                description: Some("Patches.".to_owned()),
            },
            Tool::WebSearch,
        ],
        tool_choice: Some(ToolChoice::Required),
        parallel_tool_calls: Some(false),
        max_output_tokens: Some(32_000),
        sampling: Sampling { temperature: Some(0.5), top_k: Some(40), ..Sampling::default() },
        stop_sequences: ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec(),
        output: OutputFormat::Schema {
            name: String::new(),
            schema: raw(r#"{"type":"object"}"#),
            strict: None,
        },
        user: Some("u".repeat(65)),
        streams: true,
        ..Request::default()
    }
}

#[test]
fn a_claude_code_request_is_written_for_a_compatible_server() {
    insta::assert_snapshot!(golden(&of_claude_code(), "kimi-k2"));
}

#[test]
fn a_claude_code_request_is_written_for_an_openai_reasoning_model() {
    insta::assert_snapshot!(golden(&of_claude_code(), "gpt-5"));
}

/// Trap: reasoning models refuse `max_tokens`, and both names at once, and any other temperature.
#[test]
fn max_tokens() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // model,               member,                  temperature, dropped,       why
        ("gpt-5-mini",          "max_completion_tokens", None,        "temperature", "a reasoning model"),
        ("openai/gpt-5.2",      "max_completion_tokens", None,        "temperature", "behind a router"),
        ("o4-mini",             "max_completion_tokens", None,        "temperature", "its older family"),
        ("gpt-4o",              "max_tokens",            Some(0.5),   "",            "no o and a digit"),
        ("olmo-2",              "max_tokens",            Some(0.5),   "",            "no o and a digit"),
        ("qwen3-coder",         "max_tokens",            Some(0.5),   "",            "a compatible server"),
    ];
    let mut request = said(vec![text("hello")]);
    request.max_output_tokens = Some(9);
    request.sampling.temperature = Some(0.5);
    for (model, member, temperature, expected, why) in cases {
        let (body, dropped) = written(&request, model);
        let names = ["max_tokens", "max_completion_tokens"];
        let there: Vec<&str> = names.into_iter().filter(|name| body.get(name).is_some()).collect();
        assert_eq!(there, [member], "{model}: {why}");
        assert_eq!(body.get("temperature").and_then(Value::as_f64), temperature, "{model}: {why}");
        assert_eq!(dropped, expected, "{model}: {why}");
    }
    request.sampling.temperature = Some(1.0);
    assert_eq!(written(&request, "gpt-5").1, "", "the default is not missed");
}

/// Trap: without `include_usage` a stream says nothing of its usage.
#[test]
fn usage_missing() {
    let mut request = said(vec![text("hello")]);
    assert_eq!(written(&request, "m").0.get("stream_options"), None);
    request.streams = true;
    let (body, _) = written(&request, "m");
    assert_eq!(body["stream"], true);
    assert_eq!(body["stream_options"], json!({ "include_usage": true }));
}

/// Trap: a tool of the provider has no schema, and is no function without one.
#[test]
fn server_tools() {
    let mut request = said(vec![text("hello")]);
    request.tools = vec![Tool::WebSearch];
    request.tool_choice = Some(ToolChoice::Auto);
    request.parallel_tool_calls = Some(true);
    let (body, dropped) = written(&request, "m");
    let members: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["model", "messages"], "no tools, so nothing about them");
    assert_eq!(dropped, "web_search");
}

/// Trap: an object schema needs `properties`; `strict` is not made up.
#[test]
fn strict_tools() {
    let mut request = said(vec![text("hello")]);
    request.tools = vec![function("f", r#"{"type":"object","$schema":"x"}"#)];
    let (body, _) = written(&request, "m");
    let expected = json!({ "name": "f", "parameters": { "type": "object", "properties": {}, "$schema": "x" } });
    assert_eq!(body["tools"][0]["function"], expected);
}

/// Trap: names of at most 64 letters, digits, `_` and `-`; the way back is kept, the casing too.
#[test]
fn tool_names() {
    let long = format!("mcp__{}__tool", "server".repeat(12));
    let mut request = said(vec![text("hello")]);
    request.tools = ["Bash", "bash", "a.b", &long].map(|name| function(name, "{}")).to_vec();
    request.tool_choice = Some(ToolChoice::Named("a.b".to_owned()));
    let Written { body, names, .. } = write_request(&request, Dialect::OpenAiChat, "m");
    let body: Value = serde_json::from_slice(&body).unwrap();
    let name = |at: usize| body["tools"][at]["function"]["name"].as_str().unwrap();
    assert_eq!([name(0), name(1), name(2)], ["Bash", "bash", "a_b"]);
    assert!(name(3).len() <= 64, "{}", name(3));
    assert_eq!(names.client_name(name(3)), long);
    assert_eq!(body["tool_choice"]["function"]["name"], "a_b");
}

/// Trap: ids of at most 64 characters, the same for a call and its result.
#[test]
fn tool_ids() {
    let id = "i".repeat(80);
    let request = Request {
        turns: vec![
            turn(Role::Assistant, vec![call(&id, "f", "{}")]),
            turn(Role::User, vec![result(&id, vec![text("a")], false)]),
        ],
        ..Request::default()
    };
    let (body, _) = written(&request, "m");
    let written = body["messages"][0]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(written.len() <= 64, "{written}");
    assert_eq!(body["messages"][1]["tool_call_id"], written);
}

/// Trap: each result directly behind its call's message, and one for every call.
#[test]
fn tool_use_without_results() {
    let shot = || vec![inline(MediaKind::Image, "image/png")];
    let request = Request {
        turns: vec![
            turn(Role::Assistant, vec![call("1", "f", ""), call("2", "g", ""), call("3", "h", "")]),
            turn(Role::System, vec![text("a note")]),
            turn(
                Role::User,
                vec![text("and?"), result("3", shot(), true), result("1", shot(), false)],
            ),
        ],
        ..Request::default()
    };
    let (body, _) = written(&request, "m");
    let messages = body["messages"].as_array().unwrap();
    let sketch: Vec<String> = messages
        .iter()
        .map(|message| format!("{} {}", message["role"].as_str().unwrap(), message["content"]))
        .collect();
    let shown = json!([
        { "type": "text", "text": "From the result of f (call 1):" },
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } },
        { "type": "text", "text": "From the result of h (call 3):" },
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } },
    ]);
    let expected = [
        "assistant null".to_owned(),
        r#"tool "The result is in the next user message.""#.to_owned(),
        r#"tool "Error: The tool gave no result.""#.to_owned(),
        r#"tool "Error: The result is in the next user message.""#.to_owned(),
        format!("user {shown}"),
        r#"system "a note""#.to_owned(),
        r#"user "and?""#.to_owned(),
    ];
    assert_eq!(sketch, expected);
}

/// Trap: a proof binds to its maker; the text of a thought may go on.
#[test]
fn cross_provider_reasoning() {
    let signature = Some(Signature { made_by: Dialect::Anthropic, value: "EqQB".to_owned() });
    let thought = |text: &str| {
        Part::Thinking(Thought { text: text.to_owned(), signature: signature.clone() })
    };
    let request = |parts: Vec<Part>| Request {
        turns: vec![turn(Role::User, vec![text("q")]), turn(Role::Assistant, parts)],
        ..Request::default()
    };
    let message = |request: &Request, model: &str| {
        let (body, dropped) = written(request, model);
        assert!(!body.to_string().contains("EqQB"), "{body}");
        (body["messages"][1].clone(), dropped)
    };
    let both = request(vec![thought("because"), text("a")]);
    assert_eq!(
        message(&both, "deepseek-chat"),
        (
            json!({ "role": "assistant", "content": "a", "reasoning_content": "because" }),
            String::new()
        )
    );
    assert_eq!(
        message(&both, "gpt-5"),
        (json!({ "role": "assistant", "content": "a" }), "thinking_history".to_owned())
    );
    let sealed = request(vec![thought(""), text("a")]);
    assert_eq!(message(&sealed, "deepseek-chat").1, "thinking_history", "nothing to read in it");
}

/// Trap: no message without a content, but beside calls.
#[test]
fn empty_content() {
    let thought = || Part::Thinking(Thought { text: "hm".to_owned(), signature: None });
    let request = Request {
        turns: vec![
            turn(Role::User, vec![text("")]),
            turn(Role::Assistant, vec![inline(MediaKind::Image, "image/png")]),
            turn(Role::User, vec![text("q")]),
            turn(Role::Assistant, vec![thought()]),
            turn(Role::User, vec![text("go on")]),
            turn(Role::Assistant, vec![thought(), call("1", "f", "")]),
            turn(Role::User, vec![result("1", vec![], false)]),
        ],
        ..Request::default()
    };
    let (body, dropped) = written(&request, "m");
    let messages = body["messages"].as_array().unwrap();
    let contents: Vec<&Value> = messages.iter().map(|message| &message["content"]).collect();
    let expected = [json!("q"), json!(""), json!("go on"), Value::Null, json!("")];
    assert_eq!(contents, expected.iter().collect::<Vec<_>>());
    assert_eq!(dropped, "assistant_media");
}

#[test]
fn media_are_written_in_the_forms_of_chat() {
    let url = |kind| {
        media(kind, MediaSource::Url { url: "https://x.test/a".to_owned(), media_type: None })
    };
    let shown = MediaSource::Text("a,b".to_owned());
    let listed = Media {
        kind: MediaKind::Document,
        source: shown,
        name: Some("t.csv".to_owned()),
        detail: None,
    };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (inline(MediaKind::Document, "application/pdf"),
         json!({ "type": "file", "file": { "filename": "document.pdf", "file_data": "data:application/pdf;base64,AAAA" } }), "", "a name is needed"),
        (inline(MediaKind::Audio, "audio/mpeg"),
         json!({ "type": "input_audio", "input_audio": { "data": "AAAA", "format": "mp3" } }), "", "a sound"),
        (url(MediaKind::Image),
         json!({ "type": "image_url", "image_url": { "url": "https://x.test/a" } }), "", "fetched by the provider"),
        (Part::Media(listed),
         json!({ "type": "text", "text": "t.csv:\n\na,b" }), "", "a document of text is text"),
        (url(MediaKind::Document), Value::Null, "document_url", "OpenAI fetches images only"),
        (url(MediaKind::Audio), Value::Null, "audio_url", "OpenAI fetches images only"),
    ];
    for (part, expected, expected_dropped, why) in cases {
        let (body, dropped) = written(&said(vec![text("look"), text("here"), part]), "m");
        assert_eq!(
            body["messages"][0]["content"].get(2).unwrap_or(&Value::Null),
            &expected,
            "{why}"
        );
        assert_eq!(dropped, expected_dropped, "{why}");
    }
}

/// A conversation of as much as Chat can carry.
fn conversations() -> impl Strategy<Value = Request> {
    let word =
        || "[a-zé🦀\"\\\\ \n]{1,12}".prop_filter("not blank", |word| !word.trim().is_empty());
    let input = prop::collection::btree_map("[a-z]{1,6}", word(), 0..3);
    let calls = prop::collection::vec(("[a-zA-Z_]{1,10}", input, word()), 0..3);
    let round = (word(), prop::option::of(word()), word(), calls);
    let settings = (
        prop::option::of(1..9999_u64),
        prop::option::of(0..20_u32),
        prop::option::of(any::<i64>()),
    );
    let stop = prop::collection::vec(word(), 0..=4);
    (word(), prop::collection::vec(round, 1..4), settings, stop, any::<bool>()).prop_map(
        |(system, rounds, (max, temperature, seed), stop_sequences, streams)| {
            let mut turns = vec![turn(Role::System, vec![text(&system)])];
            let mut count = 0;
            for (question, thought, answer, called) in rounds {
                turns.push(turn(Role::User, vec![text(&question), text(&answer)]));
                let thought = thought.map(|text| Part::Thinking(Thought { text, signature: None }));
                let mut parts: Vec<Part> = thought.into_iter().chain([text(&answer)]).collect();
                let mut results = Vec::new();
                for (name, input, output) in called {
                    count += 1;
                    let id = format!("call_{count}");
                    parts.push(call(&id, &name, &json!(input).to_string()));
                    results.push(result(&id, vec![text(&output)], false));
                }
                turns.push(turn(Role::Assistant, parts));
                turns.push(turn(Role::User, results));
            }
            Request {
                turns,
                max_output_tokens: max,
                sampling: Sampling {
                    temperature: temperature.map(|t| f64::from(t) / 10.0),
                    seed,
                    ..Sampling::default()
                },
                stop_sequences,
                streams,
                wants_usage: streams,
                ..Request::default()
            }
        },
    )
}

proptest! {
    #[test]
    fn what_chat_can_carry_comes_back(request in conversations()) {
        let written = write_request(&request, Dialect::OpenAiChat, "local-model");
        let mut back = read_request(&written.body).unwrap();
        prop_assert!(written.dropped.is_empty(), "{:?}", written.dropped);
        back.turns = settle(&back.turns);
        let expected = Request { turns: settle(&request.turns), ..request };
        prop_assert_eq!(format!("{back:#?}"), format!("{expected:#?}"));
    }
}
