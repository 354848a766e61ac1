//! Streamed answers, read and written.

use serde_json::Value;

use super::super::super::event::{Block, Failure, InputKind, Step, StopReason, Usage};
use super::super::super::stream::WriteStream as _;
use super::super::StreamWriter;
use super::super::wire::status_of;
use super::*;

/// A stream of these data objects, named by their types.
fn stream(data: &[&str]) -> String {
    let event = |data: &&str| {
        let value: Value = serde_json::from_str(data).unwrap();
        let name = value["type"].as_str().unwrap_or_default().to_owned();
        format!("event: {name}\ndata: {data}\n\n")
    };
    data.iter().map(event).collect()
}

/// What the events of a written stream say, by `jq`-like picks.
fn data_of(stream: &str) -> Vec<Value> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(|json| serde_json::from_str(json).unwrap()).collect()
}

fn write_steps(steps: &[Step<'_>]) -> String {
    let mut writer = StreamWriter::new(envelope());
    let mut out = BytesMut::new();
    for step in steps {
        writer.write(step, &mut out);
    }
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn a_stream_says_the_same_at_any_cut() {
    for (name, stream) in [("a02", A02), ("a04", A04), ("a05", A05), ("a11", A11)] {
        let whole = events(&[stream]);
        assert!(whole.len() > 3, "{name}");
        for cut in 0..=stream.len() {
            assert_eq!(events(&[&stream[..cut], &stream[cut..]]), whole, "{name} cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(events(&bytes), whole, "{name} byte by byte");
    }
}

#[test]
fn interleaved_parallel_deltas_are_written_one_block_after_the_other() {
    let crossed = stream(&[
        r#"{"type":"message_start","message":{"usage":{"input_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"A","input":{}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"x\":"}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"b","name":"B","input":{}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"y\":"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"2}"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    let mut inputs = [String::new(), String::new()];
    let mut open = None;
    for data in data_of(&rewritten(crossed.as_bytes())) {
        let index = data["index"].as_u64().map(|index| usize::try_from(index).unwrap());
        match data["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!(open, None, "opened while another is open: {data}");
                open = index;
            }
            "content_block_delta" => {
                assert_eq!(open, index, "{data}");
                inputs[index.unwrap()] += data["delta"]["partial_json"].as_str().unwrap();
            }
            "content_block_stop" => {
                assert_eq!(open.take(), index, "{data}");
            }
            _ => assert_eq!(index, None, "{data}"),
        }
    }
    assert_eq!(inputs, [r#"{"x":1}"#, r#"{"y":2}"#]);
}

#[test]
fn block_indexes_are_contiguous_and_opened_before_use() {
    for (name, stream, blocks) in [("a02", A02, 1), ("a04", A04, 4), ("a05", A05, 3)] {
        let mut opened = 0;
        let mut is_open = false;
        for data in data_of(&rewritten(stream)) {
            match data["type"].as_str().unwrap() {
                "content_block_start" => {
                    assert!(!is_open && data["index"] == opened, "{name}: {data}");
                    is_open = true;
                }
                "content_block_delta" => {
                    assert!(is_open && data["index"] == opened, "{name}: {data}");
                }
                "content_block_stop" => {
                    assert!(is_open && data["index"] == opened, "{name}: {data}");
                    (is_open, opened) = (false, opened + 1);
                }
                _ => {}
            }
        }
        assert_eq!((opened, is_open), (blocks, false), "{name}");
    }
}

#[test]
fn odd_events_do_not_disturb() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, &[&str], &str); 12] = [
        ("event: ping\ndata: {\"type\": \"ping\"}\n\n", &[], "a ping"),
        ("event: future\ndata: {\"type\":\"future\",\"index\":0,\"delta\":{\"type\":\"x\"}}\n\n", &[], "an event of next year"),
        ("data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"citations_delta\",\"citation\":{}}}\n\n", &[], "a delta that nobody else knows"),
        ("data: not json\n\n", &[], "not JSON"),
        ("data: [DONE]\n\n", &[], "another dialect's end"),
        ("data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\\n🗼\"}     }\n\n", &["Text(\"a\\n🗼\")"], "padding, escapes, no name"),
        ("data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"i\",\"name\":\"web_search\",\"input\":{}}}\n\n", &[], "a search of Claude's"),
        ("data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":null,\"text\":null}}\n\n", &[], "null is nothing"),
        ("event: error\ndata: upstream went away\n\n", &["Failed(Failure { status: 500, code: \"\", message: \"upstream went away\" })"], "an error in plain words"),
        ("data: {\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}}\n\n", &["Failed(Failure { status: 429, code: \"rate_limit_error\", message: \"slow\" })"], "an error without a type of event"),
        ("event: error\ndata: {\"type\":\"error\"}\n\n", &["Failed(Failure { status: 500, code: \"\", message: \"\" })"], "an error that says nothing"),
        ("data: {\"type\":\"message_stop\"}\n\n", &["End"], "the end"),
    ];
    for (stream, expected, why) in cases {
        assert_eq!(events(&[stream.as_bytes()]), expected, "{why}");
    }
}

#[test]
fn an_input_that_comes_whole_with_the_start_counts_unless_deltas_follow() {
    let start = r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"a","name":"A","input":{"x":1}}}"#;
    let delta = r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"x\":2}"}}"#;
    let stop = r#"{"type":"content_block_stop","index":3}"#;
    let inputs = |data: &[&str]| -> Vec<String> {
        let told = events(&[stream(data).as_bytes()]);
        told.into_iter().filter(|event| event.starts_with("CallInput")).collect()
    };
    assert_eq!(inputs(&[start, stop]), [r#"CallInput { slot: 3, piece: "{\"x\":1}" }"#]);
    assert_eq!(inputs(&[start, delta, stop]), [r#"CallInput { slot: 3, piece: "{\"x\":2}" }"#]);
}

#[test]
fn mid_stream_errors_are_error_events_and_nothing_follows() {
    let written = rewritten(A11);
    let (_, last) = written.trim_end().rsplit_once("\n\n").unwrap();
    let expected = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}";
    assert_eq!(last, expected);
    let failure = Failure {
        status: actix_web::http::StatusCode::TOO_MANY_REQUESTS,
        code: "slow_down".to_owned(),
        message: "slow".to_owned(),
    };
    let written = write_steps(&[Step::Start(Usage::default()), Step::Fail(failure)]);
    assert!(written.ends_with("data: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}}\n\n"), "{written}");
}

#[test]
fn types_of_errors_are_those_we_write() {
    for status in [400, 401, 402, 403, 404, 409, 413, 429, 500, 504, 529] {
        let code = actix_web::http::StatusCode::from_u16(status).unwrap();
        let body = crate::dialect::error_body(Dialect::Anthropic, code, "", "", "");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status_of(body["error"]["type"].as_str().unwrap()), code);
    }
}

#[test]
fn usage_at_the_end_replaces_what_the_start_did_not_know() {
    let usage = Usage { input: Some(5), cache_read: Some(7), output: Some(9), ..Usage::default() };
    let steps = [Step::Start(Usage::default()), Step::Stop(StopReason::EndTurn, usage)];
    let data = data_of(&write_steps(&steps));
    assert_eq!(data[0]["message"]["usage"]["input_tokens"], 0);
    assert_eq!(data[1]["usage"]["input_tokens"], 5);
    assert_eq!(data[1]["usage"]["cache_read_input_tokens"], 7);
    assert_eq!(data[1]["usage"]["output_tokens"], 9);
}

#[test]
fn free_text_is_written_as_a_member_piece_by_piece() {
    let call = Block::Call { id: "a", name: "A", input: InputKind::Text };
    let written =
        write_steps(&[Step::Open(call), Step::Piece("a \"q\"\n"), Step::Piece("🗼"), Step::Close]);
    let pieces: Vec<Value> = data_of(&written)
        .into_iter()
        .map(|mut data| data["delta"]["partial_json"].take())
        .collect();
    let input: String = pieces.iter().filter_map(Value::as_str).collect();
    assert_eq!(input, "{\"input\":\"a \\\"q\\\"\\n🗼\"}");
    assert_eq!(pieces.iter().filter(|piece| piece.is_string()).count(), 4, "nothing waits");
}

#[test]
fn foreign_thinking_is_written_unsigned() {
    let steps = [Step::Open(Block::Thinking), Step::Piece("t"), Step::Close];
    let data = data_of(&write_steps(&steps));
    assert_eq!(
        data[0]["content_block"],
        serde_json::json!({"type": "thinking", "thinking": "", "signature": ""})
    );
    assert_eq!(data.len(), 3, "no signature_delta: {data:?}");
}
