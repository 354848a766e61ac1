use std::collections::HashSet;

use actix_web::http::StatusCode;
use proptest::prelude::*;

use super::super::super::event::{Block, Failure, InputKind, StopReason, Usage};
use super::*;

#[test]
fn events_are_the_same_at_any_cut() {
    for stream in [R02, R04, R05, R06, R07] {
        let whole = events_of(&[stream]);
        for cut in 0..=stream.len() {
            assert_eq!(events_of(&[&stream[..cut], &stream[cut..]]), whole, "cut at {cut}");
        }
    }
}

#[test]
fn frames_of_a_websocket_are_requests_and_events_too() {
    let frames = R08.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let (client, server): (Vec<_>, Vec<_>) = frames.partition(|frame| frame["dir"] == "client");
    let read: Vec<String> = client
        .iter()
        .map(|frame| match read_request(frame["frame"].to_string().as_bytes()) {
            Ok(request) => sketch(&request.turns),
            Err(why) => why.0.split(':').next().unwrap_or_default().to_owned(),
        })
        .collect();
    let first = "System: \"You are a coding agent.\"\nUser: \"Weather in Paris?\"";
    assert_eq!(read, [first, "previous_response_id", "previous_response_id"]);

    let frames: Vec<String> = server.iter().map(|frame| frame["frame"].to_string()).collect();
    let end = frames.iter().position(|frame| frame.contains("response.completed")).unwrap();
    let answer = stream_of(frames[..=end].iter().map(String::as_str));
    let answer = collected(|tell| read_stream(&[answer.as_bytes()], tell));
    assert_eq!((answer.blocks.len(), answer.stop), (1, StopReason::ToolUse));
    let failed = events_of_json(&[frames.last().unwrap()]).remove(0);
    assert!(failed.contains("400") && failed.contains("websocket_connection_limit"), "{failed}");
}

#[test]
fn servers_that_tell_less_or_more_are_understood() {
    let call = r#"Call { slot: 0, id: Some("c"), name: Some("f"), input: Json }"#;
    let input = r#"CallInput { slot: 0, piece: "{\"a\":1}" }"#;
    let done = "CallDone { slot: 0 }";
    let nameless = "Call { slot: 0, id: None, name: None, input: Json }";
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(&[&str], &[&str], &str)] = &[
        (&[r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":[{"type":"output_text","text":"a"}]}}"#],
         &[r#"Text("a")"#], "a message without pieces"),
        (&[r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}]}}"#],
         &[r#"Thinking("a")"#, r#"Thinking("\n\n")"#, r#"Thinking("b")"#], "reasoning without pieces"),
        (&[r#"{"type":"response.output_item.added","item":{"type":"function_call","call_id":"c","name":"f","arguments":""}}"#,
           r#"{"type":"response.function_call_arguments.done","arguments":"{\"a\":1}"}"#,
           r#"{"type":"response.output_item.done","item":{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}}"#],
         &[call, input, call, done], "arguments whole, without numbers or ids, once"),
        (&[r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}}"#],
         &[call, input, done], "a call at once"),
        (&[r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{\"a\":1}"}"#,
           r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}}"#],
         &[nameless, input, call, done], "a call whose name comes last"),
        (&[r#"{"type":"response.custom_tool_call_input.delta","output_index":0,"delta":"x"}"#],
         &["Call { slot: 0, id: None, name: None, input: Text }", r#"CallInput { slot: 0, piece: "x" }"#], "free text"),
        (&[r#"{"type":"response.reasoning_text.delta","output_index":0,"content_index":0,"delta":"t"}"#,
           r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"s"}"#],
         &[r#"Thinking("t")"#], "reasoning and its summary: one is enough"),
        (&[r#"{"type":"response.output_text.delta","output_index":0,"delta":"a"}"#, r#"{"type":"response.output_text.delta","output_index":1,"delta":"b"}"#],
         &[r#"Text("a")"#, r#"Text("\n\n")"#, r#"Text("b")"#], "two messages"),
        (&[r#"{"type":"response.refusal.delta","output_index":0,"delta":"no"}"#],
         &[r#"Text("no")"#, "Stop(Refusal)"], "a refusal is said and is the reason"),
        (&[r#"{"type":"response.done","response":{"output":[{"type":"message","content":[{"type":"output_text","text":"a"}]}]}}"#],
         &[r#"Text("a")"#, "Stop(EndTurn)", "End"], "nothing but the end, by its other name"),
        (&[r#"{"type":"response.completed","response":{"status":"incomplete","incomplete_details":{"reason":"content_filter"}}}"#],
         &["Stop(Refusal)", "End"], "the response's own status counts"),
        (&[r#"{"type":"response.completed"}"#, "[DONE]"],
         &["Stop(EndTurn)", "End", "End"], "a response without content"),
        (&["[DONE]"], &["End"], "the end of Chat"),
        (&["{", "7", r#"{"type":"response.new_thing"}"#, r#"{"type":"response.output_text.delta","delta":null}"#], &[], "unknown or broken"),
    ];
    for (objects, expected, why) in cases {
        assert_eq!(events_of_json(objects), *expected, "{why}");
    }
}

#[test]
fn an_event_without_a_type_goes_by_its_name() {
    let stream = b"event: response.output_text.delta\ndata: {\"delta\":\"a\"}\n\n";
    assert_eq!(events_of(&[stream]), [r#"Text("a")"#]);
}

#[test]
fn failures_have_the_status_of_their_code() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#"{"type":"error","code":"server_error","message":"m","param":null}"#,                                       500, "server_error", "flat"),
        (r#"{"type":"error","code":null,"message":"m"}"#,                                                              502, "", "no code"),
        (r#"{"type":"error","error":{"type":"invalid_request_error","code":"previous_response_not_found","message":"m"},"status":400}"#, 400, "previous_response_not_found", "with a status"),
        (r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"m"}}}"#, 429, "rate_limit_exceeded", "failed"),
        (r#"{"type":"response.failed","response":{"error":{"code":"slow_down","message":"m"}}}"#,                      503, "slow_down", "overload"),
        (r#"{"type":"response.completed","response":{"status":"cancelled","error":{"message":"m"}}}"#,                 502, "cancelled", "cancelled"),
    ];
    for (json, status, code, why) in cases {
        let expected = Failure {
            status: StatusCode::from_u16(status).unwrap(),
            code: code.to_owned(),
            message: "m".to_owned(),
        };
        assert_eq!(events_of_json(&[json]), [format!("Failed({expected:?})")], "{why}");
    }
}

#[test]
fn usage_counts_each_token_once_and_none_below_zero() {
    let usage = |json: &str| {
        let end = format!(r#"{{"type":"response.completed","response":{{"usage":{json}}}}}"#);
        events_of_json(&[&end]).remove(0)
    };
    let of = |input, cache_read, cache_write, output, reasoning| {
        format!("Usage({:?})", Usage { input, cache_read, cache_write, output, reasoning })
    };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#"{"input_tokens":100,"input_tokens_details":{"cached_tokens":40,"cache_write_tokens":10},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":5}}"#,
         of(Some(50), Some(40), Some(10), Some(9), Some(5)), "cached tokens are in the input"),
        (r#"{"input_tokens":10,"input_tokens_details":{"cached_tokens":40},"output_tokens":9}"#,
         of(Some(0), Some(40), None, Some(9), None), "a server that does not count them in"),
        (r#"{"output_tokens":9}"#, of(None, None, None, Some(9), None), "what is not told is not known"),
    ];
    for (json, expected, why) in cases {
        assert_eq!(usage(json), expected, "{why}");
    }
}

/// An answer with one of everything that has an item.
fn one_of_each() -> Vec<Step<'static>> {
    let call = |id, name, input| Step::Open(Block::Call { id, name, input });
    vec![
        Step::Start(Usage::default()),
        Step::Open(Block::Thinking),
        Step::Signature("EqQB"),
        Step::Close,
        call("c1", "mcp__crm\u{1f}\u{1f}find", InputKind::Json),
        Step::Piece("{}"),
        Step::Close,
        call("c2", "apply_patch", InputKind::Text),
        Step::Piece("*** Begin"),
        Step::Piece(" Patch"),
        Step::Close,
        call("c3", "local_shell\u{1f}", InputKind::Json),
        Step::Piece("{\"command\":[\"ls\"],"),
        Step::Piece("\"timeout_ms\":5}"),
        Step::Close,
        call("c4", "tool_search\u{1f}", InputKind::Json),
        Step::Piece("{\"query\":\"x\"}"),
        Step::Close,
        Step::Stop(StopReason::ToolUse, Usage::default()),
    ]
}

#[test]
fn every_kind_of_item_is_told_as_codex_knows_it() {
    let stream = written(&one_of_each());
    let done: Vec<String> = objects(&stream)
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|event| event["item"].to_string())
        .collect();
    assert_eq!(
        done,
        [
            r#"{"id":"rs_x1_0","type":"reasoning","summary":[],"encrypted_content":"ampgate.anthropic.EqQB"}"#,
            r#"{"id":"fc_x1_1","type":"function_call","status":"completed","call_id":"c1","namespace":"mcp__crm","name":"find","arguments":"{}"}"#,
            r#"{"id":"ctc_x1_2","type":"custom_tool_call","status":"completed","call_id":"c2","name":"apply_patch","input":"*** Begin Patch"}"#,
            r#"{"id":"lsh_x1_3","type":"local_shell_call","status":"completed","call_id":"c3","action":{"type":"exec","timeout_ms":5,"command":["ls"],"env":{}}}"#,
            r#"{"id":"tsc_x1_4","type":"tool_search_call","status":"completed","call_id":"c4","execution":"client","arguments":{"query":"x"}}"#,
        ]
    );
    assert!(!stream.contains("\"delta\":\"{\\\"command"), "a native call has no pieces: {stream}");
}

#[test]
fn a_shell_line_becomes_a_command() {
    let steps = [
        Step::Open(Block::Call { id: "c", name: "local_shell\u{1f}", input: InputKind::Json }),
        Step::Piece("{\"command\":\"ls | wc\"}"),
        Step::Close,
    ];
    let done = objects(&written(&steps)).pop().unwrap();
    assert_eq!(done["item"]["action"]["command"].to_string(), r#"["bash","-lc","ls | wc"]"#);
}

#[test]
fn the_last_event_tells_the_whole_output() {
    let events = objects(&written(&one_of_each()));
    let done = events.iter().filter(|event| event["type"] == "response.output_item.done");
    let items: Vec<serde_json::Value> = done.map(|event| event["item"].clone()).collect();
    assert_eq!(events.last().unwrap()["response"]["output"], serde_json::Value::Array(items));
}

#[test]
fn reasons_to_stop_become_statuses() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (StopReason::EndTurn,            "response.completed",  "null",                             "said all"),
        (StopReason::StopSequence(None), "response.completed",  "null",                             "no word for it"),
        (StopReason::ToolUse,            "response.completed",  "null",                             "the items say so"),
        (StopReason::Pause,              "response.completed",  "null",                             "no word for it"),
        (StopReason::MaxTokens,          "response.incomplete", r#"{"reason":"max_output_tokens"}"#, "cut"),
        (StopReason::ContextWindow,      "response.incomplete", r#"{"reason":"max_output_tokens"}"#, "cut"),
        (StopReason::Refusal,            "response.incomplete", r#"{"reason":"content_filter"}"#,    "refused"),
    ];
    for (reason, kind, details, why) in cases {
        let usage =
            Usage { input: Some(5), cache_read: Some(3), output: Some(2), ..Usage::default() };
        let end = objects(&written(&[Step::Stop(reason, usage)])).pop().unwrap();
        assert_eq!(end["type"], kind, "{why}");
        assert_eq!(end["response"]["incomplete_details"].to_string(), details, "{why}");
        assert_eq!(
            end["response"]["usage"].to_string(),
            r#"{"input_tokens":8,"input_tokens_details":{"cached_tokens":3,"cache_write_tokens":0},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":10}"#,
            "{why}"
        );
    }
}

#[test]
fn pieces_are_told_at_once_and_an_answer_without_bound_fails() {
    let mut writer = StreamWriter::new(envelope());
    let mut out = BytesMut::new();
    let piece = "x".repeat(1024 * 1024);
    let open = Step::Open(Block::Call { id: "c", name: "f", input: InputKind::Json });
    writer.write(&open, &mut out);
    for number in 0..64 {
        out.clear();
        writer.write(&Step::Piece(&piece), &mut out);
        assert!(out.len() > piece.len() && out.len() < piece.len() + 256, "piece {number}");
    }
    out.clear();
    writer.write(&Step::Piece("x"), &mut out);
    let told = objects(std::str::from_utf8(&out).unwrap());
    let kinds: Vec<&str> = told.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds, ["error", "response.failed"]);
    out.clear();
    writer.write(&Step::Close, &mut out);
    writer.write(&Step::Stop(StopReason::EndTurn, Usage::default()), &mut out);
    assert!(out.is_empty(), "nothing follows a failure");
}

/// Holds a stream to the rules that clients rely on.
pub fn check_rules(stream: &str) {
    let mut open: Option<(u64, String)> = None;
    let (mut next_index, mut ids) = (0, HashSet::new());
    for (number, event) in objects(stream).iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{event}");
        let index = event["output_index"].as_u64();
        match event["type"].as_str().unwrap() {
            "response.output_item.added" => {
                assert_eq!((index, &open), (Some(next_index), &None), "{event}");
                let id = event["item"]["id"].as_str().unwrap().to_owned();
                assert!(ids.insert(id.clone()), "{id} twice");
                assert_ne!(event["item"]["call_id"], id.as_str(), "an item's id is no call's");
                open = Some((next_index, id));
                next_index += 1;
            }
            "response.output_item.done" => {
                let (at, id) = open.take().unwrap();
                assert_eq!(
                    (index, event["item"]["id"].as_str()),
                    (Some(at), Some(&*id)),
                    "{event}"
                );
            }
            _ if index.is_some() => {
                let (at, id) = open.as_ref().unwrap();
                assert_eq!((index, event["item_id"].as_str()), (Some(*at), Some(&**id)), "{event}");
            }
            _ => {}
        }
    }
    assert_eq!(open, None, "an item is left open");
}

fn any_event() -> impl Strategy<Value = Event<'static>> {
    let slot = 0..4_u32;
    prop_oneof![
        ".{1,8}".prop_map(|said| Event::Text(said.into())),
        ".{1,8}".prop_map(|said| Event::Thinking(said.into())),
        (slot.clone(), any::<bool>()).prop_map(|(slot, is_text)| Event::Call {
            slot,
            id: Some(format!("call_{slot}").into()),
            name: Some(format!("tool_{slot}").into()),
            input: if is_text { InputKind::Text } else { InputKind::Json },
        }),
        (slot.clone(), ".{1,8}")
            .prop_map(|(slot, piece)| Event::CallInput { slot, piece: piece.into() }),
        slot.prop_map(|slot| Event::CallDone { slot }),
    ]
}

proptest! {
    #[test]
    fn a_stream_that_is_written_keeps_the_rules_and_is_read_back(
        events in proptest::collection::vec(any_event(), 1..24)
    ) {
        let tell_all = |tell: &mut dyn FnMut(Event<'_>)| events.iter().cloned().for_each(tell);
        let mut order = Order::new(ClientNames::default(), "x1".to_owned());
        let mut writer = StreamWriter::new(envelope());
        let mut out = BytesMut::new();
        let mut write = |step: Step<'_>| writer.write(&step, &mut out);
        tell_all(&mut |event| order.push(event, &mut write));
        order.finish(&mut write);
        check_rules(std::str::from_utf8(&out).unwrap());
        let read = collected(|tell| read_stream(&[&out], tell));
        let told = collected(tell_all);
        prop_assert_eq!((read.blocks, read.stop), (told.blocks, told.stop));
    }
}
