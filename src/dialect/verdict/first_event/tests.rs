use serde_json::json;

use super::*;

const A02: &str = include_str!("../../../../tests/fixtures/anthropic/a02-text.stream.sse");
const A05: &str = include_str!("../../../../tests/fixtures/anthropic/a05-thinking-tool.stream.sse");
const A11: &str =
    include_str!("../../../../tests/fixtures/anthropic/a11-error-midstream.stream.sse");
const C02: &str = include_str!("../../../../tests/fixtures/openai-chat/c02-text.stream.sse");
const C05: &str =
    include_str!("../../../../tests/fixtures/openai-chat/c05-reasoning-compat.stream.sse");
const C07: &str =
    include_str!("../../../../tests/fixtures/openai-chat/c07-error-midstream.stream.sse");
const P01: &str =
    include_str!("../../../../tests/fixtures/openai-completions/p01-completion.stream.sse");
const R02: &str = include_str!("../../../../tests/fixtures/openai-responses/r02-text.stream.sse");
const R05: &str = include_str!("../../../../tests/fixtures/openai-responses/r05-failed.stream.sse");
const R06: &str =
    include_str!("../../../../tests/fixtures/openai-responses/r06-incomplete.stream.sse");
const R07: &str =
    include_str!("../../../../tests/fixtures/openai-responses/r07-error-event.stream.sse");
const G02: &str = include_str!("../../../../tests/fixtures/gemini/g02-text.stream.sse");

use Dialect::{Anthropic, Gemini, OpenAiChat as Chat, OpenAiResponses as Responses};

fn status_after(decision: &FirstEvent) -> Option<u16> {
    match decision {
        FirstEvent::Failed { status, .. } => Some(status.as_u16()),
        FirstEvent::Fine => None,
        other => panic!("{other:?}"),
    }
}

/// From the first byte on, the decision is made once.
fn assert_every_prefix_agrees(dialect: Dialect, stream: &[u8]) {
    let decision = first_event(dialect, stream, true);
    let mut is_decided = false;
    for length in 0..=stream.len() {
        let early = first_event(dialect, &stream[..length], false);
        if early == FirstEvent::Incomplete {
            assert!(!is_decided, "{dialect}: undecided again at {length}");
        } else {
            assert_eq!(early, decision, "{dialect}: at {length}");
            is_decided = true;
        }
    }
}

#[test]
fn real_streams_are_decided_by_their_first_meaningful_event() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // dialect,   stream, failed,    why
        (Anthropic, A02, None,      "text"),
        (Anthropic, A05, None,      "thinking"),
        (Anthropic, A11, None,      "the error comes after the answer has begun"),
        (Chat,      C02, None,      "text"),
        (Chat,      C05, None,      "comments first"),
        (Chat,      C07, None,      "the error comes after the answer has begun"),
        (Chat,      P01, None,      "completion"),
        (Responses, R02, None,      "text"),
        (Responses, R05, Some(429), "failed behind created and in_progress"),
        (Responses, R06, None,      "incomplete is an answer"),
        (Responses, R07, Some(500), "error behind created"),
        (Gemini,    G02, None,      "text, CRLF"),
    ];
    for (dialect, stream, failed, why) in cases {
        assert_eq!(status_after(&first_event(dialect, stream.as_bytes(), false)), failed, "{why}");
        for stream in [
            stream.to_owned(),
            stream.replace("\r\n", "\n").replace('\n', "\r\n"),
            stream.replace("\r\n", "\n").replace('\n', "\r"),
            format!("\u{feff}{stream}"),
            format!(": ping\n\n\n{stream}"),
            stream.replace("data: ", "data:"),
        ] {
            assert_every_prefix_agrees(dialect, stream.as_bytes());
            let decision = first_event(dialect, stream.as_bytes(), true);
            assert_eq!(status_after(&decision), failed, "{why}");
        }
    }
}

#[test]
fn an_error_before_anything_else_has_the_status_it_would_have_had() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // dialect,  stream,                                                                                                status, why
        (Anthropic, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",                  529, "the usual one"),
        (Anthropic, "event: ping\ndata: {\"type\": \"ping\"}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\"}}\n\n", 429, "behind a ping"),
        (Anthropic, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}\n\n",                         500, "broken"),
        (Anthropic, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"authentication_error\"}}\n\n",              401, "key"),
        (Anthropic, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\"}}\n\n",             400, "request"),
        (Anthropic, "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",                               529, "no name"),
        (Anthropic, "event: error\ndata: upstream went away\n\n",                                                             500, "no JSON"),
        (Anthropic, "event: error\ndata: {\"type\":\"error\",\ndata: \"error\":{\"type\":\"overloaded_error\"}}\n\n",          529, "two lines of data"),
        (Chat,      ": OPENROUTER PROCESSING\n\ndata: {\"error\":{\"message\":\"m\",\"code\":502}}\n\n",                       502, "a number for a code"),
        (Chat,      "data: {\"error\":{\"type\":\"server_error\",\"code\":null}}\n\n",                                         500, "type only"),
        (Chat,      "data: {\"error\":{\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}}\n\n",                 429, "quota"),
        (Chat,      "data: {\"error\":{\"type\":\"invalid_request_error\",\"code\":\"model_not_found\"}}\n\n",                 404, "the code says more than the type"),
        (Chat,      "data: {\"error\":{\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}\n\n",                            429, "a type that is none"),
        (Chat,      "data: {\"error\":{\"message\":\"m\"}}\n\n",                                                               500, "no word at all"),
        (Chat,      "data: {\"error\":\"overloaded\"}\n\n",                                                                    500, "bare text"),
        (Chat,      "data: {\"id\":\"x\",\"error\":{\"code\":\"429\"},\"choices\":[]}\n\n",                                    429, "OpenRouter keeps the chunk's shape"),
        (Responses, "event: error\ndata: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}\n\n",         429, "flat"),
        (Responses, "data: {\"type\":\"error\",\"status\":400,\"error\":{\"code\":\"x\"}}\n\n",                                400, "the status beside it"),
        (Responses, "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"invalid_prompt\"}}}\n\n",         400, "request"),
        (Responses, "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"image_parse_error\"}}}\n\n",      400, "an image"),
        (Responses, "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\"}}}\n\n",           500, "broken"),
        (Responses, "data: {\"type\":\"response.failed\",\"response\":{\"error\":null}}\n\n",                                  500, "no error told"),
        (Gemini,    "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}\r\n\r\n",                                      503, "number"),
        (Gemini,    "data: {\"error\":{\"status\":\"RESOURCE_EXHAUSTED\"}}\r\n\r\n",                                           429, "word"),
        (Gemini,    "data: [{\"error\":{\"code\":429}}]\r\n\r\n",                                                              429, "in an array"),
    ];
    for (dialect, stream, status, why) in cases {
        let decision = first_event(dialect, stream.as_bytes(), false);
        assert_eq!(status_after(&decision), Some(status), "{why}");
        assert_every_prefix_agrees(dialect, stream.as_bytes());
    }
}

#[test]
fn the_body_of_a_failure_is_the_data_of_its_event() {
    let stream =
        ": hello\nevent: error\ndata: {\"type\":\"error\",\ndata:\"error\":{}}\n\ndata: x\n\n";
    let FirstEvent::Failed { body, .. } = first_event(Anthropic, stream.as_bytes(), false) else {
        panic!("not failed");
    };
    assert_eq!(body, "{\"type\":\"error\",\n\"error\":{}}");
}

#[test]
fn an_end_decides_what_is_left_open() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // dialect,  stream,                                            open,                   at the end,               why
        (Anthropic, "",                                                FirstEvent::Incomplete, Ok(FirstEvent::Empty),    "nothing"),
        (Chat,      ": ping\n\n",                                      FirstEvent::Incomplete, Ok(FirstEvent::Empty),    "comments only"),
        (Chat,      "data: [DONE]\n\n",                                FirstEvent::Incomplete, Ok(FirstEvent::Empty),    "done before it began"),
        (Chat,      "id: 4\nretry: 10\ndata\n\n",                      FirstEvent::Incomplete, Ok(FirstEvent::Empty),    "events without data"),
        (Responses, "data: {\"type\":\"response.created\"}\n\n",       FirstEvent::Incomplete, Ok(FirstEvent::Empty),    "created, then nothing"),
        (Chat,      "data: {\"type\":\"response.created\"}\n\n",       FirstEvent::Fine,       Ok(FirstEvent::Fine),     "means something elsewhere"),
        (Chat,      "data: {\"choices\":[]}",                          FirstEvent::Incomplete, Ok(FirstEvent::Fine),     "the last event without its end"),
        (Chat,      "data: {\"error\":{\"code\":503}}\n",              FirstEvent::Incomplete, Err(503),                 "the last event without its blank line"),
        (Chat,      "{\"error\":{\"code\":503}}",                      FirstEvent::Incomplete, Err(503),                 "JSON in place of a stream"),
        (Chat,      "{\n \"choices\": []\n}",                          FirstEvent::Incomplete, Ok(FirstEvent::Fine),     "an answer in place of a stream"),
        (Chat,      "<html>hello</html>",                              FirstEvent::Incomplete, Ok(FirstEvent::Fine),     "not for us to read"),
        (Chat,      "data: {\"choi\n\n",                               FirstEvent::Fine,       Ok(FirstEvent::Fine),     "no JSON"),
        (Chat,      "data: {\"error\":null,\"choices\":[]}\n\n",       FirstEvent::Fine,       Ok(FirstEvent::Fine),     "no error in it"),
    ];
    for (dialect, stream, open, end, why) in cases {
        assert_eq!(first_event(dialect, stream.as_bytes(), false), open, "{why}");
        let at_end = first_event(dialect, stream.as_bytes(), true);
        match end {
            Ok(expected) => assert_eq!(at_end, expected, "{why}"),
            Err(status) => assert_eq!(status_after(&at_end), Some(status), "{why}"),
        }
    }
}

#[test]
fn it_looks_so_far_and_no_further() {
    let error = "data: {\"error\":{}}\n\n";
    let padded = |padding: usize| format!(":{}\n{error}", "x".repeat(padding - 2));

    let within = padded(LOOKED_AT - error.len());
    assert_eq!(within.len(), LOOKED_AT);
    assert_eq!(status_after(&first_event(Chat, within.as_bytes(), false)), Some(500));

    let beyond = padded(LOOKED_AT - error.len() + 1);
    assert_eq!(
        first_event(Chat, &beyond.as_bytes()[..LOOKED_AT - 1], false),
        FirstEvent::Incomplete
    );
    assert_eq!(first_event(Chat, &beyond.as_bytes()[..LOOKED_AT], false), FirstEvent::Fine);
    assert_eq!(first_event(Chat, beyond.as_bytes(), true), FirstEvent::Fine);
}

#[test]
fn an_error_in_an_ok_body_is_found_and_an_answer_is_not() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // dialect,  body,                                                                     status,    why
        (Chat,      json!({"error":{"message":"m","code":"insufficient_quota"}}),             Some(429), "error alone"),
        (Chat,      json!({"error":{"message":"m"},"id":"x"}),                                Some(500), "with other keys"),
        (Chat,      json!({"error":"model is loading"}),                                      Some(500), "bare text"),
        (Chat,      json!({"error":null,"choices":[]}),                                       None,      "answer"),
        (Chat,      json!({"error":{"code":503},"choices":[]}),                               None,      "an answer after all"),
        (Chat,      json!({"error":""}),                                                      None,      "nothing said"),
        (Chat,      json!({"choices":[{"message":{"content":"\"error\": {}"}}]}),             None,      "in the text"),
        (Chat,      json!({"data":{"error":{"code":500}}}),                                   None,      "not at the top"),
        (Anthropic, json!({"type":"error","error":{"type":"overloaded_error"}}),              Some(529), "error"),
        (Anthropic, json!({"content":[{"input":{"error":{}}}],"error":{}}),                   None,      "answer"),
        (Anthropic, json!({"input_tokens":3,"error":{}}),                                     None,      "count"),
        (Responses, json!({"status":"failed","error":{"code":"server_error"},"output":[]}),   None,      "a failed response is an answer"),
        (Gemini,    json!([{"error":{"code":429}}]),                                          Some(429), "array"),
        (Gemini,    json!([{"candidates":[]},{"error":{"code":429}}]),                        None,      "the answer has begun"),
        (Gemini,    json!({"promptFeedback":{"blockReason":"OTHER"},"error":{}}),             None,      "blocked is an answer"),
        (Gemini,    json!([]),                                                                None,      "nothing"),
    ];
    for (dialect, body, status, why) in cases {
        let body = body.to_string();
        let found = error_in_ok_body(dialect, body.as_bytes()).map(|status| status.as_u16());
        assert_eq!(found, status, "{why}");
    }
    assert_eq!(error_in_ok_body(Chat, b"{\"error\":{\"code\":500}"), None, "cut off");
}
