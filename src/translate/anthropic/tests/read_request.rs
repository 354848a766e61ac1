//! Requests, read: what each member means and what goes with a note.

use serde_json::{Value, json};

use super::super::super::request::{OutputFormat, ToolChoice};
use super::*;
use crate::types::{Thinking, ThinkingLevel};

/// A request with these members beside one message.
fn with(members: Value) -> Value {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "q" }] });
    let Value::Object(members) = members else { panic!("members") };
    body.as_object_mut().unwrap().extend(members);
    body
}

/// What is said in a message of these blocks.
fn said(role: &str, blocks: &Value) -> (String, Option<String>) {
    let request = read_json(&json!({ "messages": [{ "role": role, "content": blocks }] }));
    (sketch_turns(&request.turns), request.dropped.to_field())
}

#[test]
fn what_has_no_place_is_noted_and_the_rest_is_kept() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!({"metadata": {"user_id": "u", "team": 7}}),           Some("metadata.team"),      "of metadata, only the user"),
        (json!({"mcp_servers": [{"url": "https://a.b"}]}),           Some("mcp_servers"),        "the provider would have to call them"),
        (json!({"context_management": {"edits": []}}),               Some("context_management"), "the provider would have to edit"),
        (json!({"service_tier": "auto"}),                            None,                       "about Anthropic's own service"),
        (json!({"stop_sequences": null, "tools": null, "system": null, "thinking": null}), None, "null is nothing"),
        (json!({"tools": [{"type": "bash_20250124", "name": "bash"}]}), Some("tools.bash_20250124"), "a tool that only Claude knows"),
        (json!({"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]}), Some("tools.max_uses"), "searched, but without bounds"),
        (json!({"tools": [{"name": "t", "input_schema": {"odd": {"deep": 1}}, "cache_control": {"type": "ephemeral"}}]}), None, "a schema is carried whole"),
        (json!({"tool_choice": {"type": "tool", "name": "bash"}}),   Some("tool_choice"),        "a tool that is not there"),
        (json!({"output_config": {"effort": "huge"}}),               Some("output_config.effort"), "an effort nobody has"),
        (json!({"output_config": {"format": {"type": "xml"}}}),      Some("output_config.format.xml"), "a format nobody has"),
        (json!({"thinking": {"type": "sideways"}}),                  Some("thinking.sideways"),  "a way of thinking nobody has"),
        (json!({"system": [{"type": "image", "source": {"type": "url", "url": "https://a.b"}}]}), Some("system.image"), "no picture in a system prompt"),
    ];
    for (members, noted, why) in cases {
        let request = read_json(&with(members.clone()));
        assert_eq!(request.dropped.to_field().as_deref(), noted, "{members}: {why}");
        assert_eq!(sketch_turns(&request.turns), "User\n  text \"q\"\n", "{members}: {why}");
    }
}

#[test]
fn blocks_are_read_or_noted() {
    let found = json!([{"type": "web_search_result", "url": "u", "title": "t", "encrypted_content": "e", "page_age": null}]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("user", json!("hello"), "User\n  text \"hello\"\n", None, "a string is a text"),
        ("user", json!([{"type": "text", "text": "a", "citations": null}]), "User\n  text \"a\"\n", None, "no citations"),
        ("user", json!([{"type": "text", "text": "a", "citations": [{"type": "x"}]}]), "User\n  text \"a\"\n", Some("messages.content.citations"), "citations"),
        ("user", json!([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]), "User\n  text \"a\", cached Some(\"1h\")\n", None, "a hint"),
        ("user", json!([{"type": "image", "source": {"type": "file", "file_id": "f"}}]), "User\n", Some("messages.content.image.file"), "Anthropic's own store"),
        ("user", json!([{"type": "image", "source": {"type": "url", "url": "https://a.b"}, "cache_control": {"type": "ephemeral"}}]), "User\n  Image None https://a.b\n", Some("cache_control"), "no hint on an image"),
        ("user", json!([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "title": "n"}]), "User\n  Document Some(\"n\") \"d\"\n", None, "a plain text"),
        ("user", json!([{"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}}]), "User\n  text \"a\"\n", None, "a document of blocks"),
        ("user", json!([{"type": "search_result", "source": "https://a.b", "title": "n", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]), "User\n  Document Some(\"n\") \"a\\nb\"\n", None, "what the client itself found"),
        ("user", json!([{"type": "tool_result", "tool_use_id": "i", "content": null}]), "User\n  result i error false\n", None, "a result that says nothing"),
        ("user", json!([{"type": "tool_result", "tool_use_id": "i", "is_error": true, "content": [{"type": "novelty"}]}]), "User\n  result i error true\n", Some("messages.content.novelty"), "a block nobody knows in a result"),
        ("user", json!([{"type": "tool_result", "tool_use_id": "i", "content": [{"type": "tool_reference", "tool_name": "WebFetch"}]}]), "User\n  result i error false\n    text \"The tool `WebFetch` can be called.\"\n", None, "what Claude Code's search for tools has found"),
        ("assistant", json!([{"type": "tool_use", "id": "i", "name": "n", "input": {"a": 1.50}, "caller": {"type": "direct"}}]), "Assistant\n  call i n {\"a\":1.5}\n", None, "a call"),
        ("assistant", json!([{"type": "tool_use", "id": "i", "name": "n"}]), "Assistant\n  call i n {}\n", None, "without input"),
        ("assistant", json!([{"type": "tool_use", "id": "i", "name": "n", "input": "free"}]), "Assistant\n  call i n {\"input\":\"\\\"free\\\"\"}\n", None, "an input that is no object"),
        ("assistant", json!([{"type": "thinking", "thinking": "t", "signature": ""}]), "Assistant\n  thought \"t\" None\n", None, "what another provider thought"),
        ("assistant", json!([{"type": "thinking", "thinking": "", "signature": "s"}]), "Assistant\n  thought \"\" Some((Anthropic, \"s\"))\n", None, "what Claude did not show"),
        ("assistant", json!([{"type": "redacted_thinking", "data": "d"}, {"type": "text", "text": "a"}]), "Assistant\n  text \"a\"\n", None, "only Claude can read it"),
        ("assistant", json!([{"type": "server_tool_use", "id": "i", "name": "web_search", "input": {"query": "q"}}, {"type": "web_search_tool_result", "tool_use_id": "i", "content": found}]), "Assistant\n", Some("messages.content.server_tool_use, messages.content.web_search_tool_result"), "a search of Claude's"),
        ("assistant", json!([{"type": "web_search_tool_result", "tool_use_id": "i", "content": {"type": "web_search_tool_result_error", "error_code": "e"}}]), "Assistant\n", Some("messages.content.web_search_tool_result"), "a search that failed"),
        ("system", json!("now plan"), "System\n  text \"now plan\"\n", None, "a system turn in between"),
    ];
    for (role, blocks, expected, noted, why) in cases {
        let (said, dropped) = said(role, &blocks);
        assert_eq!((said.as_str(), dropped.as_deref()), (expected, noted), "{blocks}: {why}");
    }
}

#[test]
fn claude_code_attribution_block_is_dropped_without_a_word() {
    let request = read_json(&with(json!({ "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=abc"},
        {"type": "text", "text": "You are a coding agent."},
    ]})));
    let expected = "System\n  text \"You are a coding agent.\"\nUser\n  text \"q\"\n";
    assert_eq!(sketch_turns(&request.turns), expected);
    assert!(request.dropped.is_empty());
}

#[test]
fn server_tools_are_mapped_or_dropped_and_never_become_functions() {
    let request = read_json(&with(json!({ "tools": [
        {"type": "web_search_20260209", "name": "web_search"},
        {"type": "code_execution_20250825", "name": "code_execution"},
        {"type": "custom", "name": "mine", "input_schema": {"type": "object"}},
    ]})));
    assert!(
        matches!(request.tools.as_slice(), [Tool::WebSearch, Tool::Function(mine)] if mine.name == "mine")
    );
    assert_eq!(request.dropped.to_field().as_deref(), Some("tools.code_execution_20250825"));
}

#[test]
fn numbers_of_inputs_and_schemas_stay_as_written() {
    let number = "123456789012345678901234567890.10";
    let body = format!(
        r#"{{"messages":[{{"role":"assistant","content":[{{"type":"tool_use","id":"i","name":"n","input":{{"n":{number}}}}}]}}],"tools":[{{"name":"n","input_schema":{{"maximum":{number}}}}}]}}"#
    );
    let request = read(body.as_bytes()).unwrap();
    let Part::ToolCall(call) = &request.turns[0].parts[0] else { panic!("a call") };
    assert_eq!(call.input.to_json(), format!(r#"{{"n":{number}}}"#));
    let Tool::Function(function) = &request.tools[0] else { panic!("a function") };
    let schema = function.schema.as_ref().unwrap().get();
    assert_eq!(schema, format!(r#"{{"maximum":{number}}}"#));
}

#[test]
fn thinking_is_read_in_all_its_forms() {
    let (off, auto) = (Some(Thinking::Off), Some(Thinking::Auto));
    let high = Some(Thinking::Level(ThinkingLevel::High));
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!({}),                                                              None, None,        "nothing said"),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 4096}}),        Some(Thinking::Budget(4096)), Some(true), "the older form"),
        (json!({"thinking": {"type": "enabled", "budget_tokens": u64::MAX}}),    Some(Thinking::Budget(u32::MAX)), Some(true), "more than anybody has"),
        (json!({"thinking": {"type": "adaptive"}}),                              auto, Some(true),  "as the model sees fit"),
        (json!({"thinking": {"type": "adaptive", "display": "omitted"}}),        auto, Some(false), "not shown"),
        (json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}), high, Some(true), "an effort"),
        (json!({"thinking": {"type": "between_tools", "display": "summarized"}}), auto, Some(true), "nobody else can say when"),
        (json!({"output_config": {"effort": "high"}}),                           high, None,        "an effort alone"),
        (json!({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}), off, None, "off is off"),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 2048}, "output_config": {"effort": "high"}}), Some(Thinking::Budget(2048)), Some(true), "the budget is more exact"),
    ];
    for (members, thinking, shows, why) in cases {
        let request = read_json(&with(members.clone()));
        assert_eq!(
            (request.thinking, request.shows_thinking),
            (thinking, shows),
            "{members}: {why}"
        );
    }
}

#[test]
fn tool_choice_is_read_in_all_its_forms() {
    let tools = json!([{"name": "t", "input_schema": {"type": "object"}}]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!({"type": "auto"}),                                    Some(ToolChoice::Auto),     None,        "auto"),
        (json!({"type": "any", "disable_parallel_tool_use": true}),  Some(ToolChoice::Required), Some(false), "one call, but one"),
        (json!({"type": "none"}),                                    Some(ToolChoice::None),     None,        "none"),
        (json!({"type": "tool", "name": "t", "disable_parallel_tool_use": false}), Some(ToolChoice::Named("t".to_owned())), Some(true), "this one"),
        (json!({"type": "tool", "name": "gone", "disable_parallel_tool_use": true}), None,       Some(false), "no longer there"),
    ];
    for (choice, expected, parallel, why) in cases {
        let request = read_json(&with(json!({"tools": tools, "tool_choice": choice})));
        assert_eq!(
            (request.tool_choice, request.parallel_tool_calls),
            (expected, parallel),
            "{why}"
        );
    }
}

#[test]
fn a_hint_for_the_whole_request_is_a_hint_on_its_end() {
    let request = read_json(&with(json!({"cache_control": {"type": "ephemeral"}})));
    assert_eq!(sketch_turns(&request.turns), "User\n  text \"q\", cached None\n");
}

#[test]
fn a_schema_for_the_answer_is_read_in_both_places() {
    for (members, why) in [
        (json!({"output_config": {"format": {"type": "json_schema", "schema": {"a": 1}}}}), "now"),
        (json!({"output_format": {"type": "json_schema", "schema": {"a": 1}}}), "at first"),
    ] {
        let request = read_json(&with(members));
        let OutputFormat::Schema { schema, .. } = request.output else { panic!("{why}") };
        assert_eq!(schema.get(), r#"{"a":1}"#, "{why}");
        assert!(request.dropped.is_empty(), "{why}");
    }
}

#[test]
fn an_unreadable_body_says_where_and_what() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#"{"messages":"#,                                        "EOF",                           "cut off"),
        (r#"{"model":"m"}"#,                                       "missing field `messages`",      "no conversation"),
        (r#"{"messages":[{"role":"user","content":7}]}"#,          "messages[0].content: invalid type: integer `7`, expected a string or a list", "no content"),
        (r#"{"messages":[{"role":"bot","content":"a"}]}"#,         "messages[0].role: `bot`",       "an unknown role"),
        (r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","name":"n"}]}]}"#, "messages[0].content[0]: a tool_use without an id", "no id"),
        (r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"i","name":""}]}]}"#, "without a name", "no name"),
        (r#"{"messages":[{"role":"user","content":[{"type":"tool_result"}]}]}"#, "without a tool_use_id", "a result of nothing"),
        (r#"{"messages":[],"tools":[{"input_schema":{}}]}"#,       "tools[0]: it has no name",      "a tool without a name"),
        (r#"{"messages":[],"tool_choice":{"type":"tool"}}"#,       "tool_choice: it names no tool", "a choice without a name"),
        (r#"{"messages":[],"tool_choice":{"type":"some"}}"#,       "tool_choice.type: `some`",      "an unknown choice"),
        (r#"{"messages":[],"output_format":{"type":"json_schema"}}"#, "it has no schema",           "a format without a schema"),
    ];
    for (body, expected, why) in cases {
        let error = read(body.as_bytes()).unwrap_err();
        assert!(error.0.contains(expected), "{why}: {error}");
    }
}
