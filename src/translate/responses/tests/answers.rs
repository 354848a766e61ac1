use super::super::super::event::{InputKind, StopReason, Usage, WholeBlock};
use super::super::super::whole::{NoAnswer, translate_answer};
use super::*;

fn read(body: &str) -> Result<Vec<String>, super::super::super::Unreadable> {
    let mut seen = Vec::new();
    read_answer(body.as_bytes(), &mut |event| seen.push(format!("{event:?}")))?;
    Ok(seen)
}

#[test]
fn whole_answers_tell_all_that_they_hold() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(&str, &[&str], &str)] = &[
        (r#"{"output":[]}"#, &["Stop(EndTurn)", "End"], "nothing said"),
        (r#"{"output":[{"type":"message","content":[{"type":"refusal","refusal":"no"}]}]}"#,
         &[r#"Text("no")"#, "Stop(Refusal)", "Stop(EndTurn)", "End"], "a refusal"),
        (r#"{"output":[{"type":"web_search_call","id":"ws"},{"type":"custom_tool_call","call_id":"c","name":"p","input":"x"}]}"#,
         &[r#"Call { slot: 1, id: Some("c"), name: Some("p"), input: Text }"#, r#"CallInput { slot: 1, piece: "x" }"#, "CallDone { slot: 1 }", "Stop(EndTurn)", "End"],
         "what the provider's tools did is not told"),
        (r#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}"#,
         &["Stop(MaxTokens)", "End"], "cut"),
        (r#"{"status":"failed","error":{"code":"server_error","message":"m"},"output":[]}"#,
         &[r#"Failed(Failure { status: 500, code: "server_error", message: "m" })"#], "failed"),
        (r#"{"error":{"type":"server_error","message":"m"}}"#,
         &[r#"Failed(Failure { status: 500, code: "server_error", message: "m" })"#], "an error in place of an answer"),
    ];
    for (body, expected, why) in cases {
        assert_eq!(read(body).unwrap(), *expected, "{why}");
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    for (body, expected) in [("{}", "output: missing"), ("7", "invalid type"), ("", "EOF")] {
        let error = read(body).unwrap_err().0;
        assert!(error.starts_with(expected), "{body}: {error}");
    }
}

#[test]
fn an_answer_that_is_written_is_read_back() {
    let call = |id: &str, name: &str, input: &str, kind| WholeBlock::Call {
        id: id.to_owned(),
        name: name.to_owned(),
        input: input.to_owned(),
        kind,
    };
    let answer = Answer {
        blocks: vec![
            WholeBlock::Thinking { text: "t".to_owned(), signature: None },
            WholeBlock::Text("🗼\n\"a\"".to_owned()),
            call("c1", "f", "{\"n\":1.10}", InputKind::Json),
            call("c2", "p", "*** Begin", InputKind::Text),
        ],
        stop: StopReason::ToolUse,
        usage: Usage {
            input: Some(5),
            cache_read: Some(3),
            cache_write: Some(1),
            output: Some(7),
            reasoning: Some(2),
        },
    };
    let written = write_answer(&answer, &envelope());
    assert_eq!(collected(|tell| read_answer(&written, tell).unwrap()), answer);
}

#[test]
fn a_failed_answer_is_no_answer() {
    let body = br#"{"status":"failed","error":{"code":"rate_limit_exceeded","message":"later"},"output":[]}"#;
    let dialect = Dialect::OpenAiResponses;
    let outcome = translate_answer(dialect, dialect, ClientNames::default(), &envelope(), body);
    let NoAnswer::Failed(failure) = outcome.unwrap_err() else { panic!("it is readable") };
    assert_eq!((failure.status.as_u16(), failure.message.as_str()), (429, "later"));
}
