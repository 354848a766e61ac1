use serde_json::{Value, json};

use super::*;

const ANTHROPIC: &str = include_str!("../../../tests/fixtures/anthropic/a10-errors.exchanges.json");
const OPENAI: &str = include_str!("../../../tests/fixtures/openai-chat/c06-errors.exchanges.json");
const GEMINI: &str = include_str!("../../../tests/fixtures/gemini/g09-errors.exchanges.json");

const ANTHROPIC_STREAM: &str =
    include_str!("../../../tests/fixtures/anthropic/a11-error-midstream.stream.sse");
const CHAT_STREAM: &str =
    include_str!("../../../tests/fixtures/openai-chat/c07-error-midstream.stream.sse");
const RESPONSES_STREAM: &str =
    include_str!("../../../tests/fixtures/openai-responses/r07-error-event.stream.sse");

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn body(dialect: Dialect, status: u16) -> Value {
    let status = StatusCode::from_u16(status).unwrap();
    parse(&error_body(dialect, status, "the_code", "say \"what\"", "req_1"))
}

/// The status and the body of each error in a catalogue of real ones.
fn catalogue(text: &str) -> Vec<(u16, Value)> {
    let responses = parse(text)["responses"].as_array().unwrap().clone();
    let status = |response: &Value| u16::try_from(response["status"].as_u64().unwrap()).unwrap();
    responses.iter().map(|response| (status(response), response["body"].clone())).collect()
}

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}

#[test]
fn anthropic_errors_have_the_type_and_shape_of_real_ones() {
    for (status, real) in catalogue(ANTHROPIC) {
        let ours = body(Dialect::Anthropic, status);
        assert_eq!(ours["error"]["type"], real["error"]["type"], "{status}");
        assert_eq!(keys(&ours), keys(&real), "{status}");
        assert_eq!(keys(&ours["error"]), keys(&real["error"]), "{status}");
    }
    let expected = json!({
        "type": "error",
        "error": { "type": "not_found_error", "message": "say \"what\"" },
        "request_id": "req_1",
    });
    assert_eq!(body(Dialect::Anthropic, 404), expected);
}

#[test]
fn openai_errors_have_the_shape_of_real_ones() {
    for (status, real) in catalogue(OPENAI) {
        for dialect in [Dialect::OpenAiChat, Dialect::OpenAiResponses] {
            let ours = body(dialect, status);
            assert_eq!(keys(&ours), keys(&real), "{status}");
            assert_eq!(keys(&ours["error"]), keys(&real["error"]), "{status}");
        }
    }
    let expected = json!({ "error": {
        "message": "say \"what\"", "type": "rate_limit_error", "param": null, "code": "the_code",
    }});
    assert_eq!(body(Dialect::OpenAiChat, 429), expected);
}

#[test]
fn gemini_errors_have_the_status_of_real_ones() {
    for (status, real) in catalogue(GEMINI) {
        let ours = body(Dialect::Gemini, status);
        assert_eq!(ours["error"]["status"], real["error"]["status"], "{status}");
        assert_eq!(ours["error"]["code"], real["error"]["code"], "{status}");
    }
}

#[test]
fn every_status_the_gateway_answers_has_its_word() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // status, anthropic,            openai,                  gemini,              why
        (400, "invalid_request_error",   "invalid_request_error", "INVALID_ARGUMENT",  "no model in the body"),
        (401, "authentication_error",    "authentication_error",  "UNAUTHENTICATED",   "client key"),
        (403, "permission_error",        "permission_error",      "PERMISSION_DENIED", "loopback only"),
        (404, "not_found_error",         "invalid_request_error", "NOT_FOUND",         "unknown model"),
        (413, "request_too_large",       "invalid_request_error", "INVALID_ARGUMENT",  "body over the limit"),
        (415, "invalid_request_error",   "invalid_request_error", "INVALID_ARGUMENT",  "unknown content coding"),
        (426, "invalid_request_error",   "invalid_request_error", "INVALID_ARGUMENT",  "no WebSocket here"),
        (429, "rate_limit_error",        "rate_limit_error",      "RESOURCE_EXHAUSTED", "all credentials cooling"),
        (500, "api_error",               "server_error",          "INTERNAL",          "our bug"),
        (502, "api_error",               "server_error",          "UNAVAILABLE",       "upstream unreachable"),
        (503, "api_error",               "server_error",          "UNAVAILABLE",       "draining"),
        (504, "timeout_error",           "server_error",          "DEADLINE_EXCEEDED", "first byte late"),
    ];
    for (status, anthropic, openai, gemini, why) in cases {
        let word = |dialect, field: &str| body(dialect, status)["error"][field].clone();
        assert_eq!(word(Dialect::Anthropic, "type"), anthropic, "{why}");
        assert_eq!(word(Dialect::OpenAiChat, "type"), openai, "{why}");
        assert_eq!(word(Dialect::OpenAiResponses, "type"), openai, "{why}");
        assert_eq!(word(Dialect::Gemini, "status"), gemini, "{why}");
    }
}

fn event(dialect: Dialect, crlf: bool) -> String {
    stream_error_event(dialect, "broken", "say\nwhat", StatusCode::BAD_GATEWAY, 7, crlf)
}

/// Name and data of the last event of a stream.
fn last_event(stream: &str) -> (Option<&str>, Value) {
    let event = stream.trim_end().rsplit("\n\n").next().unwrap();
    let name = event.lines().find_map(|line| line.strip_prefix("event: "));
    let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    (name, parse(data))
}

#[test]
fn stream_errors_have_the_shape_of_real_ones() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (Dialect::Anthropic,       ANTHROPIC_STREAM, &["request_id"][..], "its request id is in the head"),
        (Dialect::OpenAiChat,      CHAT_STREAM,      &[],                 "no name, no [DONE]"),
        (Dialect::OpenAiResponses, RESPONSES_STREAM, &[],                 "flat"),
    ];
    for (dialect, stream, left_out, why) in cases {
        let (real_name, mut real) = last_event(stream);
        real.as_object_mut().unwrap().retain(|key, _| !left_out.contains(&key.as_str()));
        let ours = event(dialect, false);
        let (name, ours) = last_event(&ours);
        assert_eq!(name, real_name, "{why}");
        assert_eq!(keys(&ours), keys(&real), "{why}");
        assert_eq!(ours.get("type"), real.get("type"), "{why}");
        if real["error"].is_object() {
            assert_eq!(keys(&ours["error"]), keys(&real["error"]), "{why}");
        }
    }
}

#[test]
fn a_stream_error_is_one_whole_event() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (Dialect::Anthropic,       "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"say\\nwhat\"}}\n\n"),
        (Dialect::OpenAiChat,      "data: {\"error\":{\"message\":\"say\\nwhat\",\"type\":\"server_error\",\"param\":null,\"code\":\"broken\"}}\n\n"),
        (Dialect::OpenAiResponses, "event: error\ndata: {\"type\":\"error\",\"sequence_number\":7,\"code\":\"broken\",\"message\":\"say\\nwhat\",\"param\":null}\n\n"),
        (Dialect::Gemini,          "data: {\"error\":{\"code\":502,\"message\":\"say\\nwhat\",\"status\":\"UNAVAILABLE\"}}\n\n"),
    ];
    for (dialect, expected) in cases {
        assert_eq!(event(dialect, false), expected, "{dialect}");
        assert_eq!(event(dialect, true), expected.replace('\n', "\r\n"), "{dialect}, CRLF");
    }
}

#[test]
fn the_shape_of_an_error_tells_whose_it_is() {
    use Dialect::{Anthropic, Gemini, OpenAiChat};
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (Anthropic,  r#"{"type":"error","error":{"type":"rate_limit_error","message":"m"}}"#, true,  "Anthropic's"),
        (Anthropic,  r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#, false, "Google's"),
        (Anthropic,  r#"[{"error":{"code":429,"message":"m"}}]"#,                             false, "Google's, in a list"),
        (Anthropic,  r#"{"message":"m"}"#,                                                    false, "Amazon's"),
        (OpenAiChat, r#"{"error":{"code":"DeploymentNotFound","message":"m"}}"#,              true,  "Azure's"),
        (OpenAiChat, r#"{"statusCode":401,"message":"m"}"#,                                   false, "of what stands before Azure"),
        (Gemini,     r#"{"error":{"code":429,"message":"m"}}"#,                               true,  "Google's"),
        (OpenAiChat, "<html>",                                                                false, "a page"),
        (Anthropic,  "",                                                                      false, "nothing"),
    ];
    for (dialect, body, expected, why) in cases {
        assert_eq!(is_error_of(dialect, body.as_bytes()), expected, "{why}");
    }
}
