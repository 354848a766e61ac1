//! Whole answers, read and written.

use serde_json::{Value, json};

use super::super::super::event::{Answer, Event, StopReason, Usage};
use super::super::{read_answer, write_answer};
use super::*;

fn told_of(body: &Value) -> Vec<String> {
    told(body.to_string().as_bytes())
}

fn written(answer: &Answer) -> Value {
    serde_json::from_slice(&write_answer(answer, &envelope())).unwrap()
}

#[test]
fn blocks_that_others_do_not_know_are_passed_over() {
    let body = json!({ "content": [
        {"type": "text", "text": "a", "citations": [{"type": "web_search_result_location", "url": "u"}]},
        {"type": "server_tool_use", "id": "i", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "i", "content": [{"url": "u"}]},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "thinking", "thinking": "t", "signature": null},
        {"type": "text", "text": "b"},
    ], "stop_reason": "pause_turn" });
    let expected = [r#"Text("a")"#, r#"Thinking("t")"#, r#"Text("b")"#, "Stop(Pause)", "End"];
    assert_eq!(told_of(&body), expected);
}

#[test]
fn an_error_in_an_ok_answer_is_a_failure() {
    let body =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let expected =
        r#"Failed(Failure { status: 529, code: "overloaded_error", message: "Overloaded" })"#;
    assert_eq!(told_of(&body), [expected]);
    assert!(read_answer(b"<html>", &mut |_| {}).is_err());
}

#[test]
fn reasons_have_the_same_words_both_ways() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("end_turn",                      StopReason::EndTurn,       "done"),
        ("max_tokens",                    StopReason::MaxTokens,     "the client's limit"),
        ("stop_sequence",                 StopReason::StopSequence(Some("###".to_owned())), "the client's word"),
        ("tool_use",                      StopReason::ToolUse,       "calls"),
        ("pause_turn",                    StopReason::Pause,         "to be continued"),
        ("refusal",                       StopReason::Refusal,       "refused"),
        ("model_context_window_exceeded", StopReason::ContextWindow, "the model's limit"),
    ];
    for (word, reason, why) in cases {
        let sequence = matches!(reason, StopReason::StopSequence(_)).then_some("###");
        let told = told_of(&json!({"content": [], "stop_reason": word, "stop_sequence": sequence}));
        assert_eq!(told[0], format!("{:?}", Event::Stop(reason.clone())), "{why}");
        let answer = Answer { blocks: vec![], stop: reason, usage: Usage::default() };
        let body = written(&answer);
        assert_eq!(body["stop_reason"], word, "{why}");
        assert_eq!(body["stop_sequence"], json!(sequence), "{why}");
    }
    assert_eq!(told_of(&json!({"content": [], "stop_reason": "compaction"}))[0], "Stop(EndTurn)");
}

#[test]
fn usage_counts_what_was_written_to_the_cache_apart_from_what_was_read() {
    let body: Value = serde_json::from_slice(&body_of(A06, "response")).unwrap();
    let mut usage = Usage::default();
    let mut take = |event: Event<'_>| {
        if let Event::Usage(told) = event {
            usage.update(told);
        }
    };
    read_answer(body.to_string().as_bytes(), &mut take).unwrap();
    assert_eq!(usage.total_input(), 19_732);
    assert_eq!((usage.cache_read(), usage.cache_write(), usage.reasoning()), (18_200, 1520, 48));
    let answer = Answer { blocks: vec![], stop: StopReason::EndTurn, usage };
    let expected = json!({
        "input_tokens": 12, "cache_creation_input_tokens": 1520, "cache_read_input_tokens": 18_200,
        "output_tokens": 64, "output_tokens_details": {"thinking_tokens": 48},
    });
    assert_eq!(written(&answer)["usage"], expected);
}
