//! What Google is asked.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::read_request;
use crate::translate::history::settle;
use crate::translate::request::{
    CacheHint, Function, Media, MediaKind, MediaSource, OutputFormat, Part, Request, Role,
    Signature, Text, Thought, Tool, ToolCall, ToolChoice, ToolInput, ToolResult, Turn,
};
use crate::translate::write_request;
use crate::types::{Dialect, Thinking};

const NEW: &str = "gemini-3-pro-preview";
const OLD: &str = "gemini-2.0-flash";

fn raw(value: &Value) -> Box<serde_json::value::RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned().into())
}

fn call(id: &str, name: &str) -> Part {
    let input = ToolInput::from_json_text(r#"{"a":1.0}"#);
    Part::ToolCall(ToolCall { id: id.to_owned(), name: name.to_owned(), input })
}

fn result(id: &str, parts: Vec<Part>, is_error: bool) -> Part {
    Part::ToolResult(ToolResult { id: id.to_owned(), name: None, parts, is_error, cache: None })
}

fn image(source: MediaSource) -> Part {
    Part::Media(Media { kind: MediaKind::Image, source, name: None, detail: None })
}

fn png() -> Part {
    image(MediaSource::Inline { media_type: "image/png".to_owned(), data: "AA==".to_owned() })
}

fn at(url: &str) -> Part {
    image(MediaSource::Url { url: url.to_owned(), media_type: Some("image/png".to_owned()) })
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

fn saying(turns: Vec<Turn>) -> Request {
    Request { turns, ..Request::default() }
}

fn function(name: &str, schema: &Value) -> Tool {
    let schema = Some(raw(schema));
    let description = Some("does it".to_owned());
    Tool::Function(Function {
        name: name.to_owned(),
        description,
        schema,
        strict: None,
        cache: None,
    })
}

fn written(request: &Request, model: &str) -> (Value, String) {
    let written = write_request(request, Dialect::Gemini, model);
    let body = serde_json::from_slice(&written.body).unwrap();
    (body, written.dropped.to_field().unwrap_or_default())
}

/// Everything that a request can say.
fn rich() -> Request {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": { "location": { "type": "string", "minLength": 1 } },
        "required": ["location"],
        "additionalProperties": false,
    });
    let thought = Thought {
        text: "hm".to_owned(),
        signature: Some(Signature { made_by: Dialect::Anthropic, value: "c2ln".to_owned() }),
    };
    let cached = Text { text: "be brief".to_owned(), cache: Some(CacheHint { ttl: None }) };
    Request {
        turns: vec![
            turn(Role::System, vec![Part::Text(cached)]),
            turn(Role::User, vec![text("weather?"), png(), at("https://example.com/a.png")]),
            turn(
                Role::Assistant,
                vec![
                    Part::Thinking(thought),
                    text("I look"),
                    call("1", "get weather"),
                    call("2", "get_time"),
                ],
            ),
            turn(
                Role::User,
                vec![
                    result("2", vec![text("no clock")], true),
                    result("1", vec![text("18 C"), png()], false),
                ],
            ),
            turn(Role::System, vec![text("hurry")]),
        ],
        tools: vec![
            function("get weather", &schema),
            Tool::Custom { name: "patch".to_owned(), description: None },
            Tool::WebSearch,
        ],
        tool_choice: Some(ToolChoice::Named("get weather".to_owned())),
        parallel_tool_calls: Some(false),
        shows_thinking: Some(true),
        max_output_tokens: Some(100),
        stop_sequences: ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec(),
        user: Some("u".to_owned()),
        prompt_cache_key: Some("k".to_owned()),
        verbosity: Some("low".to_owned()),
        ..Request::default()
    }
}

#[test]
fn everything_is_written_or_noted() {
    for (name, model) in [("write_gemini_3", NEW), ("write_gemini_2_0", OLD)] {
        let (body, dropped) = written(&rich(), model);
        insta::assert_snapshot!(name, format!("{body:#}\n\ndropped: {dropped}"));
    }
}

#[test]
fn a_fixture_comes_back() {
    let fixture = include_bytes!("../../../tests/fixtures/gemini/g03-tools.request.json");
    let request = read_request(fixture, false).unwrap();
    let (body, dropped) = written(&request, NEW);
    insta::assert_snapshot!("write_g03", format!("{body:#}\n\ndropped: {dropped}"));
}

#[test]
fn one_conversation_of_three_dialects_is_written() {
    let fixtures: [(&str, Dialect, &[u8]); 3] = [
        (
            "write_a03",
            Dialect::Anthropic,
            include_bytes!("../../../tests/fixtures/anthropic/a03-tools.request.json"),
        ),
        (
            "write_c03",
            Dialect::OpenAiChat,
            include_bytes!("../../../tests/fixtures/openai-chat/c03-tools-image.request.json"),
        ),
        (
            "write_r03",
            Dialect::OpenAiResponses,
            include_bytes!(
                "../../../tests/fixtures/openai-responses/r03-tools-reasoning.request.json"
            ),
        ),
    ];
    for (name, dialect, fixture) in fixtures {
        let request = crate::translate::read_request(dialect, fixture, false).unwrap();
        let (body, dropped) = written(&request, NEW);
        insta::assert_snapshot!(name, format!("{body:#}\n\ndropped: {dropped}"));
    }
}

/// 4.5, first and last turn.
#[test]
fn trap_first_last_turn() {
    use Role::{Assistant as A, System as S, User as U};
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (vec![turn(A, vec![text("hello")]), turn(U, vec![text("q")])], vec!["user", "model", "user"], "the user is first"),
        (vec![turn(S, vec![text("s")]), turn(A, vec![text("hello")])], vec!["user", "model"],         "also behind a system prompt"),
        (vec![turn(S, vec![text("s")])],                               vec!["user"],                  "a prompt alone is asked"),
        (vec![turn(U, vec![text("q")]), turn(A, vec![call("1", "f")])], vec!["user", "model", "user"], "no call at the end"),
        (vec![turn(U, vec![text("q")]), turn(S, vec![text("s")]), turn(U, vec![text("q")])], vec!["user"], "a prompt in between is the user's"),
        (vec![turn(U, vec![at("https://example.com/a")]), turn(A, vec![text("a")])], vec!["user", "model"], "the user had nothing that Google takes"),
        (vec![],                                                       vec!["user"],                  "nothing at all"),
    ];
    for (turns, expected, why) in cases {
        let (body, _) = written(&saying(turns), NEW);
        let contents = body["contents"].as_array().unwrap();
        let roles: Vec<_> =
            contents.iter().map(|content| content["role"].as_str().unwrap()).collect();
        assert_eq!(roles, expected, "{why}");
        for content in contents {
            assert_ne!(content["parts"], json!([]), "{why}");
        }
    }
}

/// 4.5, empty content.
#[test]
fn trap_empty_content() {
    let thought = Part::Thinking(Thought { text: "hm".to_owned(), signature: None });
    let turns = vec![
        turn(Role::User, vec![text(""), text("q")]),
        turn(Role::Assistant, vec![thought]),
        turn(Role::User, vec![text("and?")]),
    ];
    let (body, dropped) = written(&saying(turns), NEW);
    assert_eq!(
        body["contents"],
        json!([{ "role": "user", "parts": [{ "text": "q" }, { "text": "and?" }] }])
    );
    assert_eq!(dropped, "thinking_history");
    assert_eq!(body.as_object().unwrap().len(), 1, "nothing else is said: {body}");
}

/// 4.5, `thought_signature`: the first call of each turn, for models that demand one.
#[test]
fn trap_thought_signature() {
    let turns = vec![
        turn(Role::User, vec![text("q")]),
        turn(Role::Assistant, vec![call("1", "f"), call("2", "f")]),
        turn(
            Role::User,
            vec![result("1", vec![text("a")], false), result("2", vec![text("b")], false)],
        ),
        turn(Role::Assistant, vec![text("once more"), call("3", "f")]),
        turn(Role::User, vec![result("3", vec![text("c")], false)]),
    ];
    let request = saying(turns);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (NEW,                   vec![true, false, true],   "the first of each turn"),
        ("gemini-flash-latest", vec![true, false, true],   "the newest demand it"),
        ("gemini-2.5-pro",      vec![false, false, false], "not before 3"),
        ("claude-sonnet-4-5",   vec![false, false, false], "Claude refuses it"),
    ];
    for (model, expected, why) in cases {
        let (body, _) = written(&request, model);
        let parts = body["contents"].as_array().unwrap().iter();
        let calls = parts
            .flat_map(|content| content["parts"].as_array().unwrap())
            .filter(|part| part.get("functionCall").is_some());
        let signed: Vec<bool> = calls
            .map(|call| {
                call.get("thoughtSignature") == Some(&json!("skip_thought_signature_validator"))
            })
            .collect();
        assert_eq!(signed, expected, "{model}: {why}");
    }
}

/// 4.5, Claude to Gemini lost `max_tokens`, stop and images in results.
#[test]
fn trap_claude_to_gemini_lost_max_tokens_stop_images_in_results() {
    let turns = vec![
        turn(Role::Assistant, vec![call("1", "f")]),
        turn(Role::User, vec![result("1", vec![text("see"), png()], false), text("well?")]),
    ];
    let request = Request {
        max_output_tokens: Some(9),
        stop_sequences: vec!["x".to_owned()],
        ..saying(turns)
    };
    let blob = json!({ "inlineData": { "mimeType": "image/png", "data": "AA==" } });
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (NEW, json!([{ "functionResponse": { "id": "1", "name": "f", "response": { "output": "see" }, "parts": [blob] } }, { "text": "well?" }]), "inside"),
        (OLD, json!([{ "functionResponse": { "id": "1", "name": "f", "response": { "output": "see" } } }, blob, { "text": "well?" }]),            "behind"),
    ];
    for (model, expected, why) in cases {
        let (body, _) = written(&request, model);
        assert_eq!(body["contents"][2]["parts"], expected, "{why}");
        assert_eq!(
            body["generationConfig"],
            json!({ "maxOutputTokens": 9, "stopSequences": ["x"] })
        );
    }
}

/// 4.5, Gemini schema: which of the two a model gets.
#[test]
fn trap_gemini_schema_prefers_json_schema() {
    let schema = json!({ "$schema": "s", "type": "object", "properties": { "a": { "type": "integer", "exclusiveMinimum": 0 } } });
    let request = Request { tools: vec![function("f", &schema)], ..Request::default() };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("gemini-2.5-flash", "parametersJsonSchema", json!({ "type": "object", "properties": { "a": { "type": "integer", "exclusiveMinimum": 0 } } }), "nearly as it came"),
        ("gemini-1.5-flash", "parameters",           json!({ "properties": { "a": { "type": "INTEGER" } }, "type": "OBJECT" }), "the subset"),
    ];
    for (model, member, expected, why) in cases {
        let (body, _) = written(&request, model);
        let declaration = &body["tools"][0]["functionDeclarations"][0];
        assert_eq!(declaration[member], expected, "{why}");
        assert_eq!(declaration.as_object().unwrap().len(), 3, "{why}: {declaration}");
    }
}

/// 4.5, server tools: never an empty function, never a mix that Google refuses.
#[test]
fn trap_server_tools() {
    let f = || function("f", &json!({ "type": "object" }));
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (vec![Tool::WebSearch],      vec!["googleSearch"],         "",           "alone"),
        (vec![Tool::WebSearch, f()], vec!["functionDeclarations"], "web_search", "functions win"),
    ];
    for (tools, expected, noted, why) in cases {
        let request = Request { tools, ..Request::default() };
        let (body, dropped) = written(&request, NEW);
        let sets = body["tools"].as_array().unwrap().iter();
        let keys = sets.flat_map(|set| set.as_object().unwrap().keys());
        let kinds: Vec<&str> = keys.map(String::as_str).collect();
        assert_eq!((kinds, dropped.as_str()), (expected, noted), "{why}");
    }
}

/// 4.5, tool names: spelled as Gemini wants them, everywhere alike.
#[test]
fn trap_tool_names() {
    let name = "9 lives/ünique";
    let turns = vec![turn(Role::Assistant, vec![call("id with spaces", name)])];
    let request = Request {
        tools: vec![function(name, &json!({ "type": "object" }))],
        tool_choice: Some(ToolChoice::Named(name.to_owned())),
        ..saying(turns)
    };
    let (body, _) = written(&request, NEW);
    let fitted = body["tools"][0]["functionDeclarations"][0]["name"].as_str().unwrap();
    assert!(
        fitted.starts_with('_') && fitted.is_ascii() && !fitted.contains([' ', '/']),
        "{fitted}"
    );
    let call = &body["contents"][1]["parts"][0]["functionCall"];
    let response = &body["contents"][2]["parts"][0]["functionResponse"];
    assert_eq!((&call["name"], &response["name"]), (&json!(fitted), &json!(fitted)));
    assert_eq!(call["id"], response["id"]);
    let allowed = &body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"];
    assert_eq!(allowed, &json!([fitted]));
}

#[test]
fn only_files_that_google_has_are_pointed_at() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("gs://bucket/o.png",                                            true,  "Cloud Storage"),
        ("https://generativelanguage.googleapis.com/v1beta/files/abc",   true,  "the Files API"),
        ("https://example.com/a.png",                                    false, "Google fetches nothing"),
        ("https://generativelanguage.googleapis.com.example.com/files",  false, "another host"),
    ];
    for (url, is_kept, why) in cases {
        let turns = vec![turn(Role::User, vec![text("q"), at(url)])];
        let (body, dropped) = written(&saying(turns), NEW);
        let file = &body["contents"][0]["parts"][1]["fileData"]["fileUri"];
        assert_eq!(file == &json!(url), is_kept, "{why}");
        assert_eq!(dropped.is_empty(), is_kept, "{why}: {dropped}");
    }
}

#[test]
fn settings_fit_what_google_takes() {
    let request = |change: &dyn Fn(&mut Request)| {
        let mut request = Request::default();
        change(&mut request);
        request
    };
    let schema = || OutputFormat::Schema {
        name: "n".to_owned(),
        schema: raw(
            &json!({ "type": "object", "properties": { "a": { "type": "string", "pattern": "b" } } }),
        ),
        strict: None,
    };
    let f = || vec![function("f", &json!({ "type": "object" }))];
    let json_type = "application/json";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (request(&|r| r.sampling.temperature = Some(2.5)), NEW, json!({ "temperature": 2.0 }), "", "hottest"),
        (request(&|r| r.sampling.seed = Some(1 << 40)),    NEW, json!(null), "seed", "32 bits"),
        (request(&|r| r.sampling.seed = Some(-7)),         NEW, json!({ "seed": -7 }), "", "they have a sign"),
        (request(&|r| r.output = OutputFormat::Json),      NEW, json!({ "responseMimeType": json_type }), "", "any JSON"),
        (request(&|r| r.output = schema()),                NEW, json!({ "responseMimeType": json_type, "responseJsonSchema": { "type": "object", "properties": { "a": { "type": "string", "pattern": "b" } } } }), "", "as it came"),
        (request(&|r| r.output = schema()),                OLD, json!({ "responseMimeType": json_type, "responseSchema": { "properties": { "a": { "type": "STRING" } }, "type": "OBJECT" } }), "", "the subset"),
        (request(&|r| { r.output = schema(); r.tools = f(); }), "gemini-2.5-pro", json!(null), "response_format", "not beside functions"),
        (request(&|r| r.shows_thinking = Some(true)),      NEW, json!({ "thinkingConfig": { "includeThoughts": true } }), "", "shown"),
        (request(&|r| r.shows_thinking = Some(true)),      OLD, json!(null), "", "a model that does not think"),
        (request(&|r| { r.shows_thinking = Some(true); r.thinking = Some(Thinking::Off); }), NEW, json!(null), "", "nothing to show"),
        (request(&|r| r.parallel_tool_calls = Some(false)), NEW, json!(null), "", "no tools, no loss"),
        (request(&|r| r.prompt_cache_key = Some("k".to_owned())), NEW, json!(null), "", "no loss"),
    ];
    for (request, model, expected, noted, why) in cases {
        let (body, dropped) = written(&request, model);
        assert_eq!(body["generationConfig"], expected, "{why}");
        assert_eq!(dropped, noted, "{why}");
    }
}

#[test]
fn a_choice_needs_functions() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (ToolChoice::Auto,     json!({ "mode": "AUTO" }), "automatic"),
        (ToolChoice::None,     json!({ "mode": "NONE" }), "none"),
        (ToolChoice::Required, json!({ "mode": "ANY" }),  "any"),
    ];
    for (choice, expected, why) in cases {
        let mut request = Request { tool_choice: Some(choice), ..Request::default() };
        assert_eq!(written(&request, NEW).0.get("toolConfig"), None, "{why}: without functions");
        request.tools = vec![function("f", &json!({ "type": "object" }))];
        assert_eq!(
            written(&request, NEW).0["toolConfig"]["functionCallingConfig"],
            expected,
            "{why}"
        );
    }
}

fn exchanges() -> impl Strategy<Value = Vec<Turn>> {
    let word = || "[a-zA-Z0-9 \"\\\\é🦀]{0,8}[a-z]";
    let step = (
        word(),
        proptest::option::of(word()),
        proptest::collection::vec((word(), word(), any::<bool>()), 0..4),
    );
    proptest::collection::vec(step, 1..5).prop_map(|steps| {
        let mut turns = Vec::new();
        let mut number = 0;
        for (question, answer, calls) in steps {
            turns.push(turn(Role::User, vec![text(&question)]));
            let mut said: Vec<Part> = answer.as_deref().map(text).into_iter().collect();
            let mut results = Vec::new();
            for (input, output, is_error) in calls {
                number += 1;
                let id = format!("call-{number}");
                let input = ToolInput::from_json_text(&json!({ "x": input }).to_string());
                said.push(Part::ToolCall(ToolCall { id: id.clone(), name: "f".to_owned(), input }));
                results.push(result(&id, vec![text(&output)], is_error));
            }
            turns.push(turn(Role::Assistant, said));
            turns.push(turn(Role::User, results));
        }
        turns
    })
}

proptest! {
    #[test]
    fn a_conversation_comes_back(turns in exchanges(), max in proptest::option::of(1_u64..1 << 40)) {
        let request = Request { max_output_tokens: max, ..saying(turns) };
        let written = write_request(&request, Dialect::Gemini, NEW);
        let back = read_request(&written.body, false).unwrap();
        prop_assert_eq!(format!("{:?}", back.turns), format!("{:?}", settle(&request.turns)));
        prop_assert_eq!(back.max_output_tokens, max);
        prop_assert!(written.dropped.is_empty() && back.dropped.is_empty());
    }
}
