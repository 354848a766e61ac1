use bytes::BytesMut;
use serde_json::{Value, json};

use super::super::event::{
    Answer, Block, Event, Failure, InputKind, Step, StopReason, Usage, WholeBlock,
};
use super::super::names::ClientNames;
use super::super::stream::WriteStream as _;
use super::super::{NoAnswer, translate_answer};
use super::tests_stream::envelope;
use super::{StreamWriter, read_answer, write_answer};
use crate::types::Dialect;
use actix_web::http::StatusCode;

const TEXT: &str = include_str!("../../../tests/fixtures/openai-chat/c01-text.exchange.json");

fn told(body: &Value) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |event: Event<'_>| told.push(format!("{event:?}"));
    read_answer(body.to_string().as_bytes(), &mut tell).unwrap();
    told
}

#[test]
fn a_whole_answer_is_read() {
    let exchange: Value = serde_json::from_str(TEXT).unwrap();
    insta::assert_snapshot!(told(&exchange["response"]["body"]).join("\n"));
}

#[test]
fn a_whole_answer_says_the_same_when_written_again() {
    let call = |id: &str| json!({ "index": 0, "id": id, "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let body = json!({
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant", "content": null, "reasoning_content": "because",
                // The same index and id for both: calls of a whole answer are whole all the same.
                "tool_calls": [call("same"), call("same")],
            },
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12 },
    });
    let chat = Dialect::OpenAiChat;
    let names = ClientNames::default();
    let bytes = body.to_string();
    let again = translate_answer(chat, chat, names, &envelope(true), bytes.as_bytes()).unwrap();
    let again: Value = serde_json::from_slice(&again).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&again).unwrap());
}

#[test]
fn what_is_no_answer_is_told_as_such() {
    let translate = |body: &str| {
        let chat = Dialect::OpenAiChat;
        let outcome =
            translate_answer(chat, chat, ClientNames::default(), &envelope(true), body.as_bytes());
        outcome.unwrap_err()
    };
    assert!(matches!(translate("<html>"), NoAnswer::Unreadable(_)));
    assert_eq!(
        translate(r#"{"choices":[]}"#).to_string(),
        "the upstream's answer cannot be read: choices: missing"
    );
    let failed = translate(r#"{"error":{"message":"busy","type":"server_error"}}"#);
    assert!(matches!(failed, NoAnswer::Failed(Failure { status, .. }) if status == 500));
}

/// Input, read from a cache, written to one, output, reasoning.
fn counts(usage: &Value) -> Option<[Option<u64>; 5]> {
    let body = json!({ "choices": [{ "message": { "content": "a" } }], "usage": usage });
    let mut found = None;
    let mut tell = |event: Event<'_>| {
        if let Event::Usage(usage) = event {
            let Usage { input, cache_read, cache_write, output, reasoning } = usage;
            found = Some([input, cache_read, cache_write, output, reasoning]);
        }
    };
    read_answer(body.to_string().as_bytes(), &mut tell).unwrap();
    found
}

#[test]
fn usage_is_neither_lost_nor_counted_twice() {
    let details = |cached: u64, written: u64, reasoning: u64| json!({ "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "prompt_tokens_details": { "cached_tokens": cached, "cache_write_tokens": written }, "completion_tokens_details": { "reasoning_tokens": reasoning } });
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (details(40, 10, 5),  Some([Some(50), Some(40), Some(10), Some(20), Some(5)]), "the prompt contains both"),
        (details(400, 10, 5), Some([Some(0), Some(100), Some(0), Some(20), Some(5)]),  "never below zero"),
        (json!({ "prompt_tokens": 9, "completion_tokens": 12, "prompt_cache_hit_tokens": 4 }), Some([Some(5), Some(4), None, Some(12), None]), "DeepSeek"),
        (json!({ "prompt_tokens": 9, "completion_tokens": 12, "cached_tokens": 4 }),           Some([Some(5), Some(4), None, Some(12), None]), "Kimi"),
        (json!({ "prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 51, "completion_tokens_details": { "reasoning_tokens": 30 } }), Some([Some(9), None, None, Some(42), Some(30)]), "xAI counts it beside"),
        (json!({ "prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 26, "completion_tokens_details": { "reasoning_tokens": 5 } }),  Some([Some(9), None, None, Some(17), Some(5)]),  "as the sum says"),
        (json!({ "prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21, "prompt_tokens_details": null, "completion_tokens_details": null }), Some([Some(9), None, None, Some(12), None]), "no details"),
        (json!(null),         None,                                                    "not told"),
    ];
    for (usage, expected, why) in cases {
        assert_eq!(counts(&usage), expected, "{why}");
    }
}

#[test]
fn usage_is_written_with_cached_tokens_in_the_prompt() {
    let usage = Usage {
        input: Some(12),
        cache_read: Some(18_200),
        cache_write: Some(1520),
        output: Some(30),
        reasoning: Some(10),
    };
    let answer = Answer { blocks: vec![], stop: StopReason::EndTurn, usage };
    let body: Value = serde_json::from_slice(&write_answer(&answer, &envelope(true))).unwrap();
    let expected = json!({
        "prompt_tokens": 19_732, "completion_tokens": 30, "total_tokens": 19_762,
        "prompt_tokens_details": { "cached_tokens": 18_200, "cache_write_tokens": 1520 },
        "completion_tokens_details": { "reasoning_tokens": 10 },
    });
    assert_eq!(body["usage"], expected);
    assert_eq!(body["choices"][0]["message"]["content"], "", "an answer of nothing is a text");
}

#[test]
fn every_stop_reason_has_its_word() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (StopReason::EndTurn,                             "stop"),
        (StopReason::StopSequence(Some("END".to_owned())), "stop"),
        (StopReason::MaxTokens,                           "length"),
        (StopReason::ContextWindow,                       "length"),
        (StopReason::ToolUse,                             "tool_calls"),
        (StopReason::Refusal,                             "content_filter"),
        (StopReason::Pause,                               "stop"),
    ];
    for (stop, expected) in cases {
        let answer = Answer { blocks: vec![], stop, usage: Usage::default() };
        let body: Value = serde_json::from_slice(&write_answer(&answer, &envelope(true))).unwrap();
        assert_eq!(body["choices"][0]["finish_reason"], expected, "{:?}", answer.stop);
    }
}

#[test]
fn a_custom_tool_is_called_with_text() {
    let kind = InputKind::Text;
    let call = WholeBlock::Call {
        id: "1".to_owned(),
        name: "p".to_owned(),
        input: "print(\"1\")".to_owned(),
        kind,
    };
    let answer = Answer { blocks: vec![call], stop: StopReason::ToolUse, usage: Usage::default() };
    let body: Value = serde_json::from_slice(&write_answer(&answer, &envelope(true))).unwrap();
    let expected = json!([{ "id": "1", "type": "custom", "custom": { "name": "p", "input": "print(\"1\")" } }]);
    assert_eq!(body["choices"][0]["message"]["tool_calls"], expected);
}

fn streamed(steps: &[Step<'_>], wants_usage: bool) -> Vec<Value> {
    let mut writer = StreamWriter::new(envelope(wants_usage));
    let mut out = BytesMut::new();
    for step in steps {
        writer.write(step, &mut out);
    }
    let text = String::from_utf8(out.to_vec()).unwrap();
    let events = text.strip_suffix("\n\n").unwrap().split("\n\n");
    let data = events.map(|event| event.strip_prefix("data: ").unwrap());
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data))).collect()
}

#[test]
fn a_custom_tool_and_signed_thinking_are_streamed() {
    let call = Block::Call { id: "1", name: "p", input: InputKind::Text };
    let steps = [
        Step::Start(Usage::default()),
        Step::Open(Block::Thinking),
        Step::Piece("hm"),
        Step::Signature("EqQB"),
        Step::Close,
        Step::Open(call),
        Step::Piece("print"),
        Step::Close,
        Step::Stop(StopReason::ToolUse, Usage::default()),
    ];
    let deltas: Vec<Value> =
        streamed(&steps, false).iter().map(|event| event["choices"][0]["delta"].clone()).collect();
    let piece = |call: Value| json!({ "tool_calls": [call] });
    let expected = [
        json!({ "role": "assistant", "content": "" }),
        json!({ "reasoning_content": "hm" }),
        piece(
            json!({ "index": 0, "id": "1", "type": "custom", "custom": { "name": "p", "input": "" } }),
        ),
        piece(json!({ "index": 0, "custom": { "input": "print" } })),
        json!({}),
        Value::Null, // [DONE]
    ];
    assert_eq!(deltas, expected);
}

#[test]
fn usage_is_streamed_only_to_who_asked() {
    let steps = [Step::Start(Usage::default()), Step::Stop(StopReason::EndTurn, Usage::default())];
    let usages = |wants_usage| -> Vec<Option<bool>> {
        let events = streamed(&steps, wants_usage);
        events.iter().map(|event| event.get("usage").map(Value::is_object)).collect()
    };
    assert_eq!(usages(true), [Some(false), Some(false), Some(true), None]);
    assert_eq!(usages(false), [None, None, None]);
}

#[test]
fn a_failed_stream_has_no_terminator() {
    let failure = Failure {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "overloaded_error".to_owned(),
        message: "Overloaded".to_owned(),
    };
    let events = streamed(&[Step::Start(Usage::default()), Step::Fail(failure)], true);
    let expected = json!({ "error": { "message": "Overloaded", "type": "server_error", "param": null, "code": "overloaded_error" } });
    assert_eq!(events.last(), Some(&expected));
}
