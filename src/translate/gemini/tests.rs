//! What a client of Gemini's asks, read.

use serde_json::{Value, json};

use super::read_request;
use crate::translate::request::{Media, MediaKind, Part, Request, ToolChoice};
use crate::types::{Thinking, ThinkingLevel};

const TEXT: &str = include_str!("../../../tests/fixtures/gemini/g01-text.exchange.json");
const TOOLS: &str = include_str!("../../../tests/fixtures/gemini/g03-tools.request.json");

fn read(body: &Value) -> Request {
    read_request(body.to_string().as_bytes(), false).unwrap()
}

/// A request with these members beside a question.
fn asked(members: Value) -> Value {
    let mut body = json!({ "contents": [{ "parts": [{ "text": "q" }] }] });
    let Value::Object(members) = members else { panic!("members") };
    body.as_object_mut().unwrap().extend(members);
    body
}

fn dropped(request: &Request) -> String {
    request.dropped.to_field().unwrap_or_default()
}

#[test]
fn fixtures_are_read() {
    let exchange: Value = serde_json::from_str(TEXT).unwrap();
    insta::assert_snapshot!("read_g01", format!("{:#?}", read(&exchange["request"]["body"])));
    let tools = read_request(TOOLS.as_bytes(), true).unwrap();
    insta::assert_snapshot!("read_g03", format!("{tools:#?}"));
}

#[test]
fn both_spellings_are_read() {
    let camel = json!({
        "contents": [{ "role": "user", "parts": [{ "inlineData": { "mimeType": "image/png", "data": "AA==" } }] }],
        "systemInstruction": { "parts": [{ "text": "s" }] },
        "tools": [{ "functionDeclarations": [{ "name": "f", "parametersJsonSchema": {} }] }],
        "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["f"] } },
        "generationConfig": {
            "maxOutputTokens": 7, "topP": 0.5, "topK": 40, "stopSequences": ["x"],
            "thinkingConfig": { "thinkingBudget": 9, "includeThoughts": true },
        },
    });
    let snake = json!({
        "contents": [{ "role": "user", "parts": [{ "inline_data": { "mime_type": "image/png", "data": "AA==" } }] }],
        "system_instruction": { "parts": [{ "text": "s" }] },
        "tools": [{ "function_declarations": [{ "name": "f", "parameters_json_schema": {} }] }],
        "tool_config": { "function_calling_config": { "mode": "ANY", "allowed_function_names": ["f"] } },
        "generation_config": {
            "max_output_tokens": 7, "top_p": 0.5, "top_k": 40.0, "stop_sequences": ["x"],
            "thinking_config": { "thinking_budget": 9, "include_thoughts": true },
        },
    });
    let (camel, snake) = (read(&camel), read(&snake));
    assert_eq!(format!("{camel:?}"), format!("{snake:?}"));
    assert!(camel.dropped.is_empty(), "{}", dropped(&camel));
    assert_eq!(camel.sampling.top_k, Some(40));
    assert_eq!(camel.tool_choice, Some(ToolChoice::Named("f".to_owned())));
    assert_eq!(camel.thinking, Some(Thinking::Budget(9)));
}

#[test]
fn what_has_no_place_is_noted() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (asked(json!({ "safetySettings": [{ "category": "c" }] })), "safetySettings", "Google's own"),
        (asked(json!({ "labels": { "a": "b" } })), "labels", "Google's bill"),
        (asked(json!({ "tools": [{ "codeExecution": {} }] })), "tools.codeExecution", "a server tool"),
        (asked(json!({ "generationConfig": { "responseLogprobs": true } })), "generationConfig.responseLogprobs", "nobody tells these"),
        (asked(json!({ "generationConfig": { "responseModalities": ["TEXT", "IMAGE"] } })), "generationConfig.responseModalities", "only text comes back"),
        (asked(json!({ "generationConfig": { "responseModalities": ["TEXT"] } })), "", "as everywhere"),
        (asked(json!({ "generationConfig": { "responseMimeType": "text/x.enum", "responseSchema": { "type": "STRING" } } })), "generationConfig.responseMimeType", "a word is no JSON"),
        (asked(json!({ "model": "models/m", "store": false, "serviceTier": "flex" })), "", "harmless"),
        (json!({ "contents": [{ "parts": [{ "executableCode": { "code": "1" } }, { "text": "q" }] }] }), "contents.parts.executableCode", "the rest is kept"),
        (json!({ "contents": [{ "parts": [{ "text": "q", "thoughtSignature": "AA==" }] }] }), "", "worth nothing elsewhere"),
        (json!({ "contents": [{ "parts": [{ "inlineData": { "mimeType": "video/mp4", "data": "AA==" } }, { "text": "q" }] }] }), "video", "nobody else watches"),
    ];
    for (body, expected, why) in cases {
        let request = read(&body);
        assert_eq!(dropped(&request), expected, "{why}");
        let Some(Part::Text(text)) = request.turns[0].parts.last() else { continue };
        assert_eq!(text.text, "q", "{why}");
    }
}

#[test]
fn what_cannot_be_translated_says_where() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!({ "contents": 7 }),                                        "contents: invalid type", "no list"),
        (json!({}),                                                       "missing field `contents`", "nothing asked"),
        (json!({ "contents": [{ "parts": [{ "functionCall": {} }] }] }),  "contents[0].parts[0].functionCall: missing field `name`", "a call of nothing"),
        (json!({ "contents": [{ "role": "narrator" }] }),                 "contents[0].role: `narrator`", "unknown role"),
        (asked(json!({ "cachedContent": "cachedContents/1" })),           "cachedContent:", "half a conversation"),
        (asked(json!({ "generationConfig": { "candidateCount": 2 } })),   "generationConfig.candidateCount:", "two answers"),
        (asked(json!({ "generationConfig": { "maxOutputTokens": -1 } })), "generationConfig.maxOutputTokens:", "less than nothing"),
        (asked(json!({ "generationConfig": { "topK": 1.5 } })),           "generationConfig.topK: the number is not whole", "half a token"),
    ];
    for (body, expected, why) in cases {
        let error = read_request(body.to_string().as_bytes(), false).unwrap_err();
        assert!(error.0.contains(expected), "{why}: {error}");
    }
}

#[test]
fn a_system_instruction_has_many_shapes() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!("s"),                                           "a text"),
        (json!({ "text": "s" }),                               "a part"),
        (json!([{ "text": "s" }]),                             "a list of parts"),
        (json!({ "role": "user", "parts": { "text": "s" } }),  "a content, one part"),
        (json!({ "parts": [{ "text": "s" }] }),                "a content"),
    ];
    for (instruction, why) in cases {
        let request = read(&asked(json!({ "systemInstruction": instruction })));
        assert_eq!(
            format!("{:?}", request.turns[0].parts),
            r#"[Text(Text { text: "s", cache: None })]"#,
            "{why}"
        );
        assert!(request.dropped.is_empty(), "{why}");
    }
}

#[test]
fn a_response_says_what_the_function_said() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!({ "output": "18 C" }),                   "18 C",                          false, "Google's word"),
        (json!({ "result": [1, 2] }),                   "[1,2]",                         false, "the SDK's word"),
        (json!({ "error": "gone" }),                    "gone",                          true,  "an error"),
        (json!({ "error": "gone", "code": 7 }),         r#"{"error":"gone","code":7}"#,  true,  "an error with more"),
        (json!({ "output": "18 C", "error": null }),    "18 C",                          false, "no error"),
        (json!({ "output": "18 C", "wind": 3 }),        r#"{"output":"18 C","wind":3}"#, false, "more than output"),
        (json!({ "temperature": 18 }),                  r#"{"temperature":18}"#,         false, "its own words"),
    ];
    for (response, expected, is_error, why) in cases {
        let body = json!({ "contents": [
            { "role": "model", "parts": [{ "functionCall": { "name": "f" } }] },
            { "role": "function", "parts": [{ "functionResponse": { "name": "f", "response": response } }] },
        ] });
        let request = read(&body);
        let [Part::ToolResult(result)] = request.turns[1].parts.as_slice() else { panic!("{why}") };
        let [Part::Text(text)] = result.parts.as_slice() else { panic!("{why}") };
        assert_eq!((text.text.as_str(), result.is_error), (expected, is_error), "{why}");
    }
}

/// 4.5, tool ids: Gemini may have none.
#[test]
fn trap_tool_ids() {
    let body = json!({ "contents": [
        { "parts": [{ "text": "q" }] },
        { "role": "model", "parts": [{ "functionCall": { "name": "f" } }, { "functionCall": { "name": "f" } }] },
        { "parts": [{ "functionResponse": { "name": "f", "response": { "output": "1" } } },
                    { "functionResponse": { "id": "made-by-the-client", "name": "f", "response": { "output": "2" } } }] },
    ] });
    let ids = |request: &Request| -> Vec<String> {
        let parts = request.turns.iter().flat_map(|turn| &turn.parts);
        parts
            .filter_map(|part| match part {
                Part::ToolCall(call) => Some(call.id.clone()),
                Part::ToolResult(result) => Some(result.id.clone()),
                _ => None,
            })
            .collect()
    };
    assert_eq!(ids(&read(&body)), ["call_1_0", "call_1_1", "call_1_0", "call_1_1"]);
}

/// 4.5, cross-provider reasoning: at most the plain text is kept.
#[test]
fn trap_cross_provider_reasoning() {
    let body = json!({ "contents": [
        { "parts": [{ "text": "q" }] },
        { "role": "model", "parts": [{ "text": "hm", "thought": true, "thoughtSignature": "c2ln" }] },
    ] });
    let request = read(&body);
    assert!(
        matches!(&request.turns[1].parts[..], [Part::Thinking(thought)] if thought.text == "hm")
    );
    assert!(!format!("{request:?}").contains("c2ln"), "the signature is kept");
}

#[test]
fn arguments_stay_byte_for_byte() {
    let args = r#"{ "n": 12345678901234567890123.10, "s": "\u00e9" }"#;
    let body = format!(
        r#"{{"contents":[{{"role":"model","parts":[{{"functionCall":{{"name":"f","args":{args}}}}}]}}]}}"#
    );
    let request = read_request(body.as_bytes(), false).unwrap();
    let Part::ToolCall(call) = &request.turns[0].parts[0] else { panic!("a call") };
    assert_eq!(call.input.to_json(), args);
}

#[test]
fn media_are_told_apart() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!({ "inlineData": { "mimeType": "image/webp", "data": "AA==" } }),              MediaKind::Image,    "image"),
        (json!({ "inlineData": { "mimeType": "audio/wav", "data": "AA==" } }),               MediaKind::Audio,    "audio"),
        (json!({ "inlineData": { "mimeType": "application/pdf", "data": "AA==" } }),         MediaKind::Document, "PDF"),
        (json!({ "fileData": { "mimeType": "image/png", "fileUri": "gs://b/o" } }),          MediaKind::Image,    "image elsewhere"),
        (json!({ "file_data": { "file_uri": "https://example.com/a" } }),                    MediaKind::Document, "no type"),
    ];
    for (part, expected, why) in cases {
        let request = read(&json!({ "contents": { "parts": part } }));
        let [Part::Media(Media { kind, .. })] = request.turns[0].parts.as_slice() else {
            panic!("{why}")
        };
        assert_eq!(*kind, expected, "{why}");
    }
}

#[test]
fn thinking_is_read_from_either_scale() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!({ "thinkingBudget": 0 }),       Some(Thinking::Off),                         "off"),
        (json!({ "thinkingBudget": -1 }),      Some(Thinking::Auto),                        "as it likes"),
        (json!({ "thinkingBudget": 512 }),     Some(Thinking::Budget(512)),                 "a budget"),
        (json!({ "thinkingLevel": "LOW" }),    Some(Thinking::Level(ThinkingLevel::Low)),   "a level"),
        (json!({ "thinkingLevel": "minimal" }), Some(Thinking::Level(ThinkingLevel::Minimal)), "in small letters"),
        (json!({ "includeThoughts": true }),   None,                                        "says nothing of how much"),
    ];
    for (config, expected, why) in cases {
        let request = read(&asked(json!({ "generationConfig": { "thinkingConfig": config } })));
        assert_eq!(request.thinking, expected, "{why}");
    }
}

#[test]
fn only_allowed_functions_are_offered() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!({ "mode": "AUTO" }),                                        Some(ToolChoice::Auto),     3, "automatic"),
        (json!({ "mode": "NONE" }),                                        Some(ToolChoice::None),     3, "none"),
        (json!({ "mode": "ANY" }),                                         Some(ToolChoice::Required), 3, "any"),
        (json!({ "mode": "any", "allowedFunctionNames": ["a", "c"] }),     Some(ToolChoice::Required), 2, "any of two"),
        (json!({ "mode": "ANY", "allowedFunctionNames": ["a"] }),          Some(ToolChoice::Named("a".to_owned())), 3, "this one"),
        (json!({ "mode": "VALIDATED", "allowedFunctionNames": ["a"] }),    Some(ToolChoice::Auto),     1, "this one or none"),
        (json!({}),                                                        None,                       3, "nothing said"),
    ];
    for (config, choice, offered, why) in cases {
        let functions = json!([{ "name": "a" }, { "name": "b" }, { "name": "c" }]);
        let request = read(&asked(json!({
            "tools": [{ "functionDeclarations": functions }],
            "toolConfig": { "functionCallingConfig": config },
        })));
        assert_eq!((request.tool_choice, request.tools.len()), (choice, offered), "{why}");
    }
}
