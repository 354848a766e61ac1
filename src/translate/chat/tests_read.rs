use serde_json::{Value, json};

use super::super::history::settle;
use super::super::request::{OutputFormat, Part, Request, Role, Tool, ToolChoice, ToolInput};
use super::read_request;
use crate::types::{Thinking, ThinkingLevel};

const TOOLS: &[u8] =
    include_bytes!("../../../tests/fixtures/openai-chat/c03-tools-image.request.json");
const TEXT: &str = include_str!("../../../tests/fixtures/openai-chat/c01-text.exchange.json");

fn read(body: &Value) -> Request {
    read_request(body.to_string().as_bytes()).unwrap()
}

/// A request that says `members` and hello.
fn hello_with(members: Value) -> Value {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hello" }] });
    let Value::Object(members) = members else { panic!("members are an object") };
    body.as_object_mut().unwrap().extend(members);
    body
}

fn said(messages: Value) -> Value {
    let mut body = json!({ "model": "m" });
    body["messages"] = messages;
    body
}

fn dropped(body: &Value) -> String {
    read(body).dropped.to_field().unwrap_or_default()
}

#[test]
fn a_request_with_tools_and_an_image_is_read() {
    insta::assert_snapshot!(format!("{:#?}", read_request(TOOLS).unwrap()));
}

#[test]
fn a_request_with_text_is_read() {
    let exchange: Value = serde_json::from_str(TEXT).unwrap();
    insta::assert_snapshot!(format!("{:#?}", read(&exchange["request"]["body"])));
}

/// Trap: translators forget role developer, `max_completion_tokens`, choice none, parallel calls off
/// and formats.
#[test]
fn developer_role_dropped() {
    let body = json!({
        "model": "m",
        "messages": [
            { "role": "developer", "content": "be brief" },
            { "role": "user", "content": "hello" },
            { "role": "system", "content": [{ "type": "text", "text": "from now on in French" }] },
        ],
        "tools": [{ "type": "function", "function": { "name": "f" } }],
        "max_tokens": 1,
        "max_completion_tokens": 2,
        "tool_choice": "none",
        "parallel_tool_calls": false,
        "response_format": { "type": "json_schema", "json_schema": { "name": "s", "schema": {} } },
    });
    let request = read(&body);
    let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::System]);
    assert_eq!(request.max_output_tokens, Some(2), "the newer name wins");
    assert_eq!(request.tool_choice, Some(ToolChoice::None));
    assert_eq!(request.parallel_tool_calls, Some(false));
    assert!(matches!(request.output, OutputFormat::Schema { name, .. } if name == "s"));
    assert!(request.dropped.is_empty(), "{:?}", request.dropped);
}

#[test]
fn what_is_dropped_is_named_and_what_says_nothing_is_not() {
    let user = |part: Value| said(json!([{ "role": "user", "content": [part] }]));
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (hello_with(json!({ "store": true, "service_tier": "auto", "stream_options": { "include_obfuscation": false } })), "", "nobody misses it"),
        (hello_with(json!({ "logprobs": false, "logit_bias": {}, "modalities": ["text"], "metadata": null, "n": 1 })), "", "defaults, written out"),
        (hello_with(json!({ "logprobs": true, "top_logprobs": 3 })),             "logprobs, top_logprobs",     "no other provider has them"),
        (hello_with(json!({ "metadata": { "team": "x" }, "logit_bias": { "50256": -100 } })), "logit_bias, metadata", "say something"),
        (hello_with(json!({ "modalities": ["text", "audio"], "audio": { "voice": "x" } })), "audio, modalities", "a spoken answer"),
        (hello_with(json!({ "prediction": { "type": "content", "content": "x" } })), "prediction",             "a guess of the answer"),
        (hello_with(json!({ "reasoning_effort": "ultra" })),                      "reasoning_effort",           "a level nobody knows"),
        (hello_with(json!({ "web_search_options": { "user_location": { "type": "approximate" } } })), "web_search_options.user_location", "the search stays"),
        (hello_with(json!({ "tools": [{ "type": "code_interpreter" }] })),        "tools.code_interpreter",     "a tool of the provider"),
        (hello_with(json!({ "tools": [{ "type": "custom", "custom": { "name": "c", "format": { "type": "grammar", "grammar": {} } } }] })), "tools.custom.format", "a grammar"),
        (hello_with(json!({ "tools": [{ "type": "custom", "custom": { "name": "c", "format": { "type": "text" } } }] })), "", "the default"),
        (hello_with(json!({ "response_format": { "type": "grammar", "grammar": "x" } })), "response_format.grammar", "named once by kind and member"),
        (user(json!({ "type": "video_url", "video_url": { "url": "x" } })),       "messages.content.video_url", "a block nobody knows"),
        (user(json!({ "type": "file", "file": { "file_id": "file-1" } })),        "messages.content.file.file_id", "lies at OpenAI"),
        (said(json!([{ "role": "user", "name": "ann", "content": "x" }])),        "messages.name",              "who speaks"),
        (said(json!([{ "role": "assistant", "content": "x", "refusal": null, "annotations": [], "audio": null, "function_call": null, "tool_calls": null }])), "", "sent back as it came"),
        (said(json!([{ "role": "assistant", "content": "x", "annotations": [{ "type": "url_citation" }] }])), "messages.annotations", "citations"),
        (said(json!([{ "role": "system", "content": [{ "type": "image_url", "image_url": { "url": "https://x" } }] }])), "messages.content.image_url", "a system prompt is text"),
    ];
    for (body, expected, why) in cases {
        assert_eq!(dropped(&body), expected, "{body}: {why}");
    }
}

#[test]
fn what_cannot_be_translated_says_where_and_why() {
    let image = |url: &str| {
        let part = json!({ "type": "image_url", "image_url": { "url": url } });
        said(json!([{ "role": "user", "content": "x" }, { "role": "user", "content": [part] }]))
    };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!({ "model": "m", "prompt": "once" }),        "legacy Completions API (`prompt`)",       "the other API of the same age"),
        (json!({ "model": "m" }),                          "messages: missing",                       "nothing to say"),
        (hello_with(json!({ "n": 2 })),                    "n: the model's provider gives one answer", "no other dialect has choices"),
        (said(json!([{ "role": "wizard", "content": "" }])), "messages[0].role: `wizard`",             "no such role"),
        (said(json!([{ "role": "user", "content": 7 }])),  "messages[0].content: invalid type",       "no content"),
        (said(json!([{ "role": "user", "content": [{ "type": "text" }] }])), "messages[0].content[0].text: missing", "a block without its member"),
        (said(json!([{ "role": "user", "content": [{ "type": "file", "file": {} }] }])), "messages[0].content[0].file.file_data: missing", "an empty file"),
        (image("data:image/png;base64,***"),               "messages[1].content[0].image_url.url: is a data URL whose", "the place of the second message"),
        (said(json!([{ "role": "assistant", "tool_calls": [{ "id": "1", "type": "function" }] }])), "messages[0].tool_calls[0].function: missing", "a call of nothing"),
        (hello_with(json!({ "tools": [{ "type": "function" }] })), "tools[0].function: missing",      "a tool without itself"),
        (hello_with(json!({ "tool_choice": "perhaps" })),  "tool_choice: `perhaps` is no choice",     "no such choice"),
        (hello_with(json!({ "response_format": { "type": "json_schema" } })), "response_format.json_schema: missing", "a schema without itself"),
        (hello_with(json!({ "max_tokens": -1 })),          "max_tokens: invalid value",               "OpenAI refuses it too"),
    ];
    for (body, expected, why) in cases {
        let error = read_request(body.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{body}: {error}: {why}");
    }
}

#[test]
fn thinking_is_read_in_all_its_forms() {
    use Thinking::{Auto, Budget, Level, Off};
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!({}),                                              None,                                 "unset"),
        (json!({ "reasoning_effort": "none" }),                  Some(Off),                            "off"),
        (json!({ "reasoning_effort": "xhigh" }),                 Some(Level(ThinkingLevel::ExtraHigh)), "a level"),
        (json!({ "reasoning": { "effort": "low" } }),            Some(Level(ThinkingLevel::Low)),      "OpenRouter's"),
        (json!({ "reasoning": { "max_tokens": 2000 } }),         Some(Budget(2000)),                   "its budget"),
        (json!({ "reasoning": { "max_tokens": 0 } }),            Some(Off),                            "no budget"),
        (json!({ "reasoning": { "enabled": false } }),           Some(Off),                            "its switch"),
        (json!({ "reasoning": { "enabled": true } }),            Some(Auto),                           "its switch"),
        (json!({ "reasoning_effort": "high", "reasoning": { "effort": "low" } }), Some(Level(ThinkingLevel::High)), "the official one wins"),
    ];
    for (members, expected, why) in cases {
        assert_eq!(read(&hello_with(members)).thinking, expected, "{why}");
    }
}

#[test]
fn tools_are_chosen_in_all_its_forms() {
    let named = |name: &str| Some(ToolChoice::Named(name.to_owned()));
    let allowed = |mode: &str| {
        let tools = json!([{ "type": "function", "function": { "name": "b" } }]);
        json!({ "tool_choice": { "type": "allowed_tools", "allowed_tools": { "mode": mode, "tools": tools } } })
    };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!({}),                                                                        None,                       "a b", "the default"),
        (json!({ "tool_choice": "required" }),                                             Some(ToolChoice::Required), "a b", "a word"),
        (json!({ "tool_choice": { "type": "function", "function": { "name": "a" } } }),    named("a"),                 "a b", "one of them"),
        (json!({ "tool_choice": { "type": "custom", "custom": { "name": "c" } } }),        named("c"),                 "a b", "a custom one"),
        (json!({ "function_call": "none" }),                                               Some(ToolChoice::None),     "a b", "in 2023"),
        (json!({ "function_call": { "name": "b" } }),                                      named("b"),                 "a b", "in 2023"),
        (allowed("auto"),                                                                  Some(ToolChoice::Auto),     "b",   "the others are not listed"),
        (allowed("required"),                                                              Some(ToolChoice::Required), "b",   "the others are not listed"),
    ];
    for (members, expected, expected_tools, why) in cases {
        let mut body = hello_with(members);
        body["tools"] = json!([{ "type": "function", "function": { "name": "a" } }]);
        body["functions"] = json!([{ "name": "b" }]);
        let request = read(&body);
        let listed = request.tools.iter().map(|tool| match tool {
            Tool::Function(function) => function.name.as_str(),
            Tool::Custom { name, .. } => name,
            Tool::WebSearch => "search",
        });
        assert_eq!(listed.collect::<Vec<_>>().join(" "), expected_tools, "{why}");
        assert_eq!(request.tool_choice, expected, "{why}");
    }
}

/// Calls with their inputs, and results, of the settled conversation.
fn calls(messages: Value) -> Vec<String> {
    let request = read(&said(messages));
    let turns = settle(&request.turns);
    let parts = turns.iter().flat_map(|turn| &turn.parts);
    let sketch = parts.filter_map(|part| match part {
        Part::ToolCall(call) => Some(match &call.input {
            ToolInput::Json(json) => format!("{} {} {}", call.id, call.name, json.get()),
            ToolInput::Text(text) => format!("{} {} text {text}", call.id, call.name),
        }),
        Part::ToolResult(result) => {
            let texts = result.parts.iter().map(|part| match part {
                Part::Text(text) => text.text.as_str(),
                _ => "media",
            });
            Some(format!("{} = {}", result.id, texts.collect::<Vec<_>>().join("|")))
        }
        _ => None,
    });
    sketch.collect()
}

#[test]
fn a_result_finds_its_call_with_or_without_an_id() {
    let call = |id: &str, name: &str, arguments: Value| json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } });
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!([{ "role": "assistant", "tool_calls": [call("1", "f", json!("{\"n\":1e400}"))] },
                { "role": "tool", "tool_call_id": "1", "content": "a" }]),
         &[r#"1 f {"n":1e400}"#, "1 = a"][..], "numbers stay as written"),
        (json!([{ "role": "assistant", "tool_calls": [call("1", "f", json!("")), call("2", "f", json!({ "a": 1 }))] },
                { "role": "tool", "tool_call_id": "2", "content": [{ "type": "text", "text": "b" }, { "type": "text", "text": "c" }] },
                { "role": "tool", "tool_call_id": "1", "content": "a" }]),
         &["1 f {}", r#"2 f {"a":1}"#, "1 = a", "2 = b|c"], "nothing is {}; JSON itself is taken"),
        (json!([{ "role": "assistant", "function_call": { "name": "f", "arguments": "{}" } },
                { "role": "function", "name": "f", "content": "a" },
                { "role": "assistant", "function_call": { "name": "f", "arguments": "{}" } },
                { "role": "function", "name": "f", "content": "b" }]),
         &["call_unnamed_1 f {}", "call_unnamed_1 = a", "call_unnamed_2 f {}", "call_unnamed_2 = b"], "the functions of 2023"),
        (json!([{ "role": "assistant", "tool_calls": [call("", "f", json!("{}")), call("", "g", json!("{}"))] },
                { "role": "tool", "name": "g", "content": "of g" },
                { "role": "tool", "name": "f", "content": "of f" }]),
         &["call_unnamed_1 f {}", "call_unnamed_2 g {}", "call_unnamed_1 = of f", "call_unnamed_2 = of g"], "by name where ids are empty"),
        (json!([{ "role": "assistant", "tool_calls": [{ "id": "1", "type": "custom", "custom": { "name": "c", "input": "print(1)" } }] },
                { "role": "tool", "tool_call_id": "1", "content": "1" }]),
         &["1 c text print(1)", "1 = 1"], "a custom tool takes text"),
        (json!([{ "role": "assistant", "tool_calls": [call("1", "f", json!("not json"))] },
                { "role": "tool", "tool_call_id": "1", "content": null }]),
         &[r#"1 f {"input":"not json"}"#, "1 = "], "models write anything"),
    ];
    for (messages, expected, why) in cases {
        assert_eq!(calls(messages), expected, "{why}");
    }
}

#[test]
fn thinking_of_earlier_turns_is_read_under_both_names() {
    for name in ["reasoning_content", "reasoning"] {
        let request = read(&said(json!([{ "role": "assistant", "content": "42", name: "6 * 7" }])));
        let parts = &request.turns[0].parts;
        assert!(matches!(&parts[0], Part::Thinking(thought) if thought.text == "6 * 7"), "{name}");
        assert!(matches!(&parts[1], Part::Text(text) if text.text == "42"), "{name}");
    }
}

#[test]
fn a_refusal_is_what_the_model_said() {
    let message = json!({ "role": "assistant", "content": null, "refusal": "no" });
    let request = read(&said(json!([message])));
    assert!(matches!(&request.turns[0].parts[..], [Part::Text(text)] if text.text == "no"));
}

#[test]
fn breakpoints_of_a_cache_are_read_where_clients_write_them() {
    let hint = json!({ "type": "ephemeral", "ttl": "1h" });
    let messages = json!([
        { "role": "system", "content": [{ "type": "text", "text": "a", "cache_control": hint }] },
        { "role": "user", "content": "b", "cache_control": hint },
    ]);
    for turn in read(&said(messages)).turns {
        let Part::Text(text) = &turn.parts[0] else { panic!("a text") };
        assert_eq!(text.cache.as_ref().unwrap().ttl.as_deref(), Some("1h"), "{:?}", turn.role);
    }
}
