//! Tools, the choice between them, and where the prompt is cached.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::super::request::{CacheHint, ToolChoice};
use super::write_request::{MODEL, asking, call, result};
use super::*;

#[test]
fn tool_names_fit_stay_apart_and_keep_their_casing() {
    let long = "mcp__server__".to_owned() + &"x".repeat(140);
    let names = ["Bash", "bash", "a.b", "a:b", long.as_str()];
    let tools = names.map(|name| function(name, None)).to_vec();
    let request = Request { tools, tool_choice: Some(ToolChoice::Named(long.clone())), ..asking() };
    let written = write(&request, MODEL);
    let body: Value = serde_json::from_slice(&written.body).unwrap();
    let fitted: Vec<&str> =
        body["tools"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(fitted[..2], ["Bash", "bash"]);
    assert_eq!(fitted.iter().collect::<HashSet<_>>().len(), names.len(), "{fitted:?}");
    for (name, fitted) in names.iter().zip(&fitted) {
        assert!(fitted.len() <= 128, "{fitted}");
        assert_eq!(written.names.client_name(fitted), *name);
    }
    assert_eq!(body["tool_choice"], json!({"type": "tool", "name": fitted[4]}));
}

#[test]
fn schemas_are_of_objects() {
    let refused = Some("tools.input_schema.anyOf");
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (None,                                               r#"{"type":"object"}"#,                     None, "none"),
        (Some("true"),                                       r#"{"type":"object"}"#,                     None, "anything"),
        (Some("{}"),                                         r#"{"type":"object"}"#,                     None, "empty"),
        (Some(r#"{ "type":"object","maximum":1e400 }"#),     r#"{ "type":"object","maximum":1e400 }"#,   None, "byte for byte"),
        (Some(r#"{"properties":{"a":{}}}"#),                 r#"{"type":"object","properties":{"a":{}}}"#, None, "it must say so"),
        (Some(r#"{"type":["object","null"]}"#),              r#"{"type":"object"}"#,                     None, "and nothing else"),
        (Some(r#"{"type":"object","anyOf":[{}],"a":1}"#),    r#"{"type":"object","a":1}"#,               refused, "refused at the head"),
        (Some(r#"{"type":"object","properties":{"anyOf":{}}}"#), r#"{"type":"object","properties":{"anyOf":{}}}"#, None, "a property of that name"),
    ];
    for (schema, expected, noted, why) in cases {
        let request = Request { tools: vec![function("t", schema)], ..asking() };
        let written = write(&request, MODEL);
        let body = String::from_utf8(written.body.to_vec()).unwrap();
        assert!(body.contains(&format!(r#""input_schema":{expected},"cache"#)), "{why}: {body}");
        assert_eq!(written.dropped.to_field().as_deref(), noted, "{why}");
    }
}

#[test]
fn tool_choice_goes_with_tools_only() {
    let one = || vec![function("t", None)];
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (one(),  None,                            None,        Value::Null,                     "nothing said"),
        (one(),  Some(ToolChoice::Auto),          Some(true),  json!({"type": "auto"}),         "parallel is the default"),
        (one(),  None,                            Some(false), json!({"type": "auto", "disable_parallel_tool_use": true}), "it needs a choice to stand in"),
        (one(),  Some(ToolChoice::Required),      Some(false), json!({"type": "any", "disable_parallel_tool_use": true}),  "one call, but one"),
        (one(),  Some(ToolChoice::Named("t".to_owned())), None, json!({"type": "tool", "name": "t"}), "this one"),
        (one(),  Some(ToolChoice::None),          Some(false), json!({"type": "none"}),         "none has no more members"),
        (vec![], Some(ToolChoice::Required),      Some(false), Value::Null,                     "no tools"),
    ];
    for (tools, tool_choice, parallel_tool_calls, expected, why) in cases {
        let request = Request { tools, tool_choice, parallel_tool_calls, ..asking() };
        assert_eq!(written_json(&request, MODEL)["tool_choice"], expected, "{why}");
    }
}

#[test]
fn a_history_of_calls_without_tools_gets_tools_that_cannot_be_called() {
    let turns = [
        turn(Role::User, &[text("q")]),
        turn(Role::Assistant, &[call("1", "b"), call("2", "a"), call("3", "b")]),
    ];
    let body = written_json(&saying(&turns), MODEL);
    let names: Vec<&Value> =
        body["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(body["tool_choice"], json!({"type": "none"}));
}

/// Where the breakpoints of a body are, in the API's order, and how long they last.
fn breakpoints(body: &Value) -> Vec<String> {
    let blocks = |turns: &Value| -> Vec<Value> {
        turns
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|turn| turn["content"].as_array().cloned().unwrap_or_default())
            .collect()
    };
    let listed = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let places = [
        ("tool", listed(&body["tools"])),
        ("system", listed(&body["system"])),
        ("message", blocks(&body["messages"])),
    ];
    let mut found = Vec::new();
    for (place, blocks) in places {
        for (number, block) in blocks.iter().enumerate() {
            if let Some(control) = block.get("cache_control") {
                assert_eq!(control["type"], "ephemeral");
                found.push(format!("{place} {number} {}", control["ttl"].as_str().unwrap_or("5m")));
            }
        }
    }
    found
}

#[test]
fn cache_breakpoints_are_the_clients_or_ours() {
    let hinted = |text: &str, ttl: Option<&str>| {
        let cache = Some(CacheHint { ttl: ttl.map(str::to_owned) });
        Part::Text(Text { text: text.to_owned(), cache })
    };
    let (short, hour) = (None, Some("1h"));
    let system = |parts: &[Part]| turn(Role::System, parts);
    let user = |parts: &[Part]| turn(Role::User, parts);
    let agent = [
        system(&[text("a"), text("b")]),
        user(&[text("q")]),
        turn(Role::Assistant, &[text("l"), call("1", "t")]),
        user(&[result("1", &[text("r")], false)]),
    ];
    let tools = vec![function("s", None), function("t", None)];
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(Request, &[&str], &str); 6] = [
        (Request { tools, ..saying(&agent) }, &["tool 1 5m", "system 1 5m", "message 3 5m"], "no hint: ours"),
        (asking(), &["message 0 5m"], "no hint, no tools, no system prompt"),
        (saying(&[user(&[hinted("a", short), text("b")])]), &["message 0 5m"], "the client's, and none of ours"),
        (saying(&[user(&[hinted("a", hour), hinted("b", short), hinted("c", hour)])]), &["message 0 1h", "message 1 5m", "message 2 5m"], "an hour never stands behind five minutes"),
        (saying(&[system(&[hinted("s", hour)]), user(&[hinted("a", hour), hinted("b", hour), hinted("c", short), hinted("d", short)])]),
         &["message 0 1h", "message 1 1h", "message 2 5m", "message 3 5m"], "not over 4: the last ones"),
        (saying(&[user(&[text("q")]), turn(Role::Assistant, &[call("1", "t")]), user(&[result("1", &[hinted("r", hour)], false)])]),
         &["message 2 1h"], "inside a result: on the result"),
    ];
    for (request, expected, why) in cases {
        assert_eq!(breakpoints(&written_json(&request, MODEL)), expected, "{why}");
    }
}
