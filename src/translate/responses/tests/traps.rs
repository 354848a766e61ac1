//! The traps that other gateways fell into, each named after what went wrong.

use actix_web::http::StatusCode;

use super::super::super::event::{Block, Failure, InputKind, StopReason, Usage};
use super::super::super::request::{Function, Role, Signature, Thought, Tool, ToolInput};
use super::streams::check_rules;
use super::writing::{call, function, result, text, turn, write};
use super::*;

fn asked(parts: Vec<Part>) -> Request {
    let turns = vec![turn(Role::User, vec![text("q")]), turn(Role::Assistant, parts)];
    Request { turns, ..Request::default() }
}

#[test]
fn developer_role_is_not_dropped() {
    let body = br#"{"instructions":"i","input":[{"role":"user","content":"q"},{"role":"developer","content":"d"}]}"#;
    let (written, _) = write(&read_back(body), "gpt-5");
    assert_eq!(written["instructions"], "i");
    assert_eq!(written["input"][1]["role"], "developer");
    assert_eq!(written["input"][1]["content"][0]["text"], "d");
}

#[test]
fn tool_use_without_results_gets_one() {
    let (written, _) = write(&asked(vec![call("c", "f", ToolInput::from_json_text(""))]), "gpt-5");
    assert_eq!(written["input"][2]["call_id"], "c");
    assert_eq!(written["input"][2]["output"], "Error: The tool gave no result.");
}

#[test]
fn tool_ids_beyond_64_characters_are_shortened_alike_in_call_and_result() {
    let id = "toolu_".repeat(20);
    let mut request = asked(vec![call(&id, "f", ToolInput::from_json_text(""))]);
    request.turns.push(turn(Role::User, vec![result(&id, vec![text("r")], false)]));
    let (written, _) = write(&request, "gpt-5");
    let ids = [&written["input"][1]["call_id"], &written["input"][2]["call_id"]];
    assert_eq!(ids[0], ids[1]);
    assert!(ids[0].as_str().unwrap().len() <= 64, "{written}");
}

#[test]
fn tool_names_of_namespaces_come_back() {
    let request = read_back(
        br#"{"input":"q","tools":[{"type":"namespace","name":"mcp__crm","tools":[{"type":"function","name":"find"}]},{"type":"local_shell"}]}"#,
    );
    let written = super::super::super::write_request(&request, Dialect::OpenAiChat, "m");
    let name = written.names.client_name("mcp__crm__find");
    assert_eq!(name, "mcp__crm\u{1f}\u{1f}find", "models see two underscores");
    let steps = [
        Step::Open(Block::Call { id: "c", name, input: InputKind::Json }),
        Step::Piece("{}"),
        Step::Close,
    ];
    let item = objects(&super::written(&steps)).pop().unwrap()["item"].clone();
    assert_eq!((&item["namespace"], &item["name"]), (&"mcp__crm".into(), &"find".into()));
    assert_eq!(written.names.client_name("local_shell_"), "local_shell\u{1f}");
}

#[test]
fn max_tokens_and_temperature_do_not_break_reasoning_models() {
    let mut request =
        Request { turns: vec![turn(Role::User, vec![text("q")])], ..Request::default() };
    request.sampling.temperature = Some(0.0);
    request.max_output_tokens = Some(100);
    let (written, dropped) = write(&request, "o4-mini");
    assert_eq!(written["max_output_tokens"], 100);
    assert_eq!((written.get("max_tokens"), written.get("temperature")), (None, None));
    assert_eq!(dropped.as_deref(), Some("temperature"));
}

#[test]
fn rs_ids_are_never_sent() {
    let (written, _) = write(&read_back(CODEX), "gpt-5");
    assert!(!written.to_string().contains("rs_1"), "{written}");
    let items = written["input"].as_array().unwrap();
    assert!(items.iter().all(|item| item.get("id").is_none()), "{written}");
}

#[test]
fn cross_provider_reasoning_is_never_forwarded() {
    for made_by in [Dialect::Anthropic, Dialect::OpenAiResponses, Dialect::Gemini] {
        let signature = Some(Signature { made_by, value: "secret-proof".to_owned() });
        let thought = Part::Thinking(Thought { text: "secret thought".to_owned(), signature });
        let (written, dropped) = write(&asked(vec![thought, text("a")]), "gpt-5");
        assert!(!written.to_string().contains("secret"), "{written}");
        assert_eq!(dropped.as_deref(), Some("thinking_history"));
    }
}

#[test]
fn strict_tools_are_only_strict_if_the_client_said_so() {
    for (strict, expected) in [(None, false), (Some(false), false), (Some(true), true)] {
        let Tool::Function(plain) = function("f") else { panic!("a function") };
        let tools = vec![Tool::Function(Function { strict, ..plain })];
        let mut request = asked(Vec::new());
        request.tools = tools;
        let (written, _) = write(&request, "gpt-5");
        assert_eq!(written["tools"][0]["strict"], expected, "{strict:?}");
        assert_eq!(written["tools"][0]["parameters"]["properties"], serde_json::json!({}));
    }
}

#[test]
fn server_tools_do_not_become_empty_functions() {
    let request = read_back(
        br#"{"input":"q","tools":[{"type":"web_search"},{"type":"code_interpreter","container":{"type":"auto"}}]}"#,
    );
    assert!(matches!(request.tools.as_slice(), [Tool::WebSearch]), "{:?}", request.tools);
    let (written, _) = write(&request, "gpt-5");
    assert_eq!(written["tools"], serde_json::json!([{"type": "web_search"}]));
    let noted = request.dropped.to_field().unwrap();
    assert!(noted.contains("tools.code_interpreter"), "{noted}");
}

#[test]
fn done_marker_after_the_end_changes_nothing() {
    let with_marker = [R04, b"data: [DONE]\n\n"].concat();
    assert_eq!(rewritten(&with_marker), rewritten(R04));
    assert!(!rewritten(R04).contains("[DONE]"), "OpenAI sends none");
}

#[test]
fn block_indexes_are_contiguous_and_opened_before_use() {
    for stream in [R02, R04, R06] {
        check_rules(&rewritten(stream));
    }
}

#[test]
fn interleaved_parallel_calls_are_told_one_after_the_other() {
    let added = |index: u32| {
        format!(
            r#"{{"type":"response.output_item.added","output_index":{index},"item":{{"type":"function_call","id":"fc_{index}","call_id":"c{index}","name":"f{index}","arguments":""}}}}"#
        )
    };
    let delta = |index: u32, piece: &str| {
        let piece = serde_json::to_string(piece).unwrap();
        format!(
            r#"{{"type":"response.function_call_arguments.delta","item_id":"fc_{index}","delta":{piece}}}"#
        )
    };
    let objects_in = [
        added(0),
        added(1),
        delta(1, "{\"b\""),
        delta(0, "{\"a\":"),
        delta(1, ":2}"),
        delta(0, "1}"),
        r#"{"type":"response.completed","response":{}}"#.to_owned(),
    ];
    let told = rewritten(stream_of(objects_in.iter().map(String::as_str)).as_bytes());
    check_rules(&told);
    let calls: Vec<String> = objects(&told)
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|event| format!("{} {}", event["item"]["call_id"], event["item"]["arguments"]))
        .collect();
    assert_eq!(calls, [r#""c0" "{\"a\":1}""#, r#""c1" "{\"b\":2}""#]);
}

#[test]
fn mid_stream_error_is_told_flat_and_as_response_failed() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (429, "rate_limit_error",        "rate_limit_error",        "rate_limit_exceeded",     "in OpenAI's word"),
        (529, "overloaded_error",        "overloaded_error",        "server_error",            "to be tried again"),
        (400, "context_length_exceeded", "context_length_exceeded", "context_length_exceeded", "Codex compacts then"),
        (400, "invalid_request_error",   "invalid_request_error",   "invalid_prompt",          "not to be tried again"),
        (502, "",                        "server_error",            "server_error",            "no word at all"),
    ];
    for (status, code, flat, failed, why) in cases {
        let failure = Failure {
            status: StatusCode::from_u16(status).unwrap(),
            code: code.to_owned(),
            message: "busy".to_owned(),
        };
        let steps = [
            Step::Start(Usage::default()),
            Step::Open(Block::Text),
            Step::Piece("a"),
            Step::Fail(failure),
        ];
        let events = objects(&written(&steps));
        let [.., error, last] = events.as_slice() else { panic!("two events at the end") };
        assert_eq!((&error["type"], &error["code"]), (&"error".into(), &flat.into()), "{why}");
        assert_eq!(error["message"], "busy", "{why}");
        assert_eq!(last["type"], "response.failed", "{why}");
        assert_eq!(last["response"]["error"]["code"], failed, "{why}");
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], number, "{why}");
        }
    }
}

#[test]
fn a_failure_before_all_else_comes_after_the_response_is_created() {
    let failure = Failure {
        status: StatusCode::BAD_GATEWAY,
        code: "upstream_garbled".to_owned(),
        message: "m".to_owned(),
    };
    let events = objects(&written(&[Step::Fail(failure)]));
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds, ["response.created", "response.in_progress", "error", "response.failed"]);
}

#[test]
fn finish_stop_with_tools_is_tool_use() {
    let answer = collected(|tell| read_stream(&[R04], tell));
    assert_eq!(answer.stop, StopReason::ToolUse);
}
