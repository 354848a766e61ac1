use actix_web::http::StatusCode;
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn frame(headers: &[(&'static str, &str)], payload: impl Into<Bytes>) -> Vec<u8> {
    let mut message = Message::new(payload);
    for (name, value) in headers {
        let value = HeaderValue::String((*value).to_owned().into());
        message = message.add_header(Header::new(*name, value));
    }
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).unwrap();
    bytes
}

fn chunk(event: &str) -> Vec<u8> {
    let payload = format!(r#"{{"bytes":"{}","p":"abcdefgh"}}"#, STANDARD.encode(event));
    let headers = [
        (":message-type", "event"),
        (":event-type", "chunk"),
        (":content-type", "application/json"),
    ];
    frame(&headers, payload)
}

fn exception(kind: &str, payload: &'static str) -> Vec<u8> {
    frame(&[(":message-type", "exception"), (":exception-type", kind)], payload)
}

/// What a stream becomes, and how it ends.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (String, Result<(), FrameError>) {
    let (mut frames, mut out) = (EventFrames::default(), BytesMut::new());
    for piece in pieces {
        if let Err(error) = frames.push(piece, &mut out) {
            return (String::from_utf8(out.to_vec()).unwrap(), Err(error));
        }
    }
    let end = frames.finish();
    (String::from_utf8(out.to_vec()).unwrap(), end)
}

const START: &str =
    r#"{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":3}}}"#;
const DELTA: &str =
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\nb"}}"#;
const STOP: &str =
    r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":3}}"#;

#[test]
fn each_frame_becomes_one_event_of_anthropics_stream() {
    let stream = [chunk(START), chunk(DELTA), chunk(STOP)].concat();

    let (events, end) = read([&*stream]);

    let expected = format!(
        "event: message_start\ndata: {START}\n\nevent: content_block_delta\ndata: {DELTA}\n\n\
         event: message_stop\ndata: {STOP}\n\n"
    );
    assert_eq!((events, end), (expected, Ok(())));
}

#[test]
fn an_event_goes_on_as_soon_as_its_frame_is_whole() {
    let (mut frames, mut out) = (EventFrames::default(), BytesMut::new());
    let stream = chunk(START);
    let (most, last) = stream.split_at(stream.len() - 1);

    frames.push(most, &mut out).unwrap();
    assert!(out.is_empty());
    frames.push(last, &mut out).unwrap();

    assert!(out.starts_with(b"event: message_start\n"));
}

#[test]
fn line_ends_between_the_values_of_an_event_do_not_end_its_line() {
    let (events, _) = read([&*chunk("{\n\"type\": \"ping\"\r\n}")]);

    assert_eq!(events, "event: ping\ndata: { \"type\": \"ping\"  }\n\n");
}

#[test]
fn an_exception_is_anthropics_error_event_and_the_end() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("throttlingException",         r#"{"message":"Too many tokens"}"#, "rate_limit_error",      "Too many tokens"),
        ("modelStreamErrorException",   r#"{"originalStatusCode":424,"message":"m"}"#, "api_error",  "m"),
        ("modelStreamErrorException",   r#"{"originalMessage":"o"}"#,       "api_error",             "o"),
        ("validationException",         r#"{"message":"too long"}"#,        "invalid_request_error", "too long"),
        ("internalServerException",     r#"{"message":"m"}"#,               "api_error",             "m"),
        ("serviceUnavailableException", r#"{"message":"m"}"#,               "api_error",             "m"),
        ("modelTimeoutException",       r#"{"message":"m"}"#,               "timeout_error",         "m"),
        ("somethingNewException",       "{}",                               "api_error",             "{}"),
        ("throttlingException",         "",                                 "rate_limit_error",      "Amazon Bedrock gave no reason"),
    ];
    for (kind, payload, expected, message) in cases {
        let stream = [exception(kind, payload), chunk(DELTA)].concat();

        let (events, end) = read([&*stream]);

        let data = events.strip_prefix("event: error\ndata: ").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["error"]["type"], expected, "{kind}");
        assert_eq!(data["error"]["message"], message, "{kind}");
        assert_eq!(end, Ok(()), "{kind}");
    }
    let error = frame(
        &[(":message-type", "error"), (":error-code", "InternalError"), (":error-message", "oh")],
        "",
    );
    assert!(read([&*error]).0.contains(r#""message":"oh""#), "errors without a model of their own");
}

#[test]
fn a_broken_stream_is_told_from_a_whole_one() {
    let good = chunk(START);
    let mut flipped = good.clone();
    let at = flipped.len() - 10;
    flipped[at] ^= 1;
    let mut huge = good.clone();
    huge[0] = 0xff;
    let huge = [huge, vec![0; 24 * 1024 * 1024]].concat();
    let unknown = frame(&[(":message-type", "event"), (":event-type", "somethingNew")], "?");
    let no_json = frame(&[(":message-type", "event"), (":event-type", "chunk")], "{}");
    let injected = chunk(r#"{"type":"a\ndata: b"}"#);
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&[u8], Option<&str>, &str); 8] = [
        (&[],                None,                  "an empty one"),
        (&good,              None,                  "a whole one"),
        (&unknown,           None,                  "events that AWS adds are passed over"),
        (&good[..5],         Some("middle"),        "cut in the length"),
        (&good[..20],        Some("middle"),        "cut behind it"),
        (&flipped,           Some("broken"),        "a wrong checksum"),
        (&huge,              Some("longer than"),   "a length that nobody means"),
        (&no_json,           Some("no event"),      "no event in it"),
    ];
    for (stream, expected, why) in cases {
        let end = read([stream]).1.map_err(|error| error.to_string());
        match expected {
            None => assert_eq!(end, Ok(()), "{why}"),
            Some(words) => assert!(end.clone().unwrap_err().contains(words), "{why}: {end:?}"),
        }
    }
    assert_eq!(read([&*injected]), (String::new(), Err(FrameError::NoEvent)), "no line of its own");
}

proptest! {
    #[test]
    fn no_cut_of_the_bytes_changes_the_events(
        texts in prop::collection::vec(".{0,40}", 0..6),
        fails in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ends_early in 0..3_usize,
    ) {
        let mut stream = Vec::new();
        for text in &texts {
            stream.extend(chunk(&serde_json::json!({ "type": "ping", "text": text }).to_string()));
        }
        if fails {
            stream.extend(exception("throttlingException", r#"{"message":"m"}"#));
        }
        stream.truncate(stream.len() - ends_early.min(stream.len()));
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        let pieces = at.windows(2).map(|pair| &stream[pair[0]..pair[1]]);

        prop_assert_eq!(read(pieces), read([&*stream]));
        prop_assert_eq!(read(stream.chunks(1)), read([&*stream]));
    }
}

#[test]
fn a_model_is_one_segment_of_the_path() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", false, "/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/invoke", "a colon"),
        ("us.anthropic.claude-a", true, "/model/us.anthropic.claude-a/invoke-with-response-stream", "a stream"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/p", false, "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fp/invoke", "a profile by its ARN"),
        ("../../secret?x=%2f#", false, "/model/..%2F..%2Fsecret%3Fx%3D%252f%23/invoke", "nothing leaves its segment"),
    ];
    for (model, streams, expected, why) in cases {
        assert_eq!(path("", model, streams), expected, "{why}");
    }
}

#[test]
fn a_body_keeps_every_byte_but_the_members_that_differ() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(&str, &[&str], &str, &str)] = &[
        (r#"{"model":"m","max_tokens": 1.0 ,"stream":true}"#, &[],
         r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens": 1.0}"#, "what the path says goes out"),
        (r#"{"messages":[{"model":1}]}"#, &["a-1"],
         r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a-1"],"messages":[{"model":1}]}"#, "flags come in, nested members stay"),
        (r#"{"anthropic_version":"2023-06-01","anthropic_beta":["b"],"x":1}"#, &["a", "b"],
         r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["b","a"],"x":1}"#, "what is there is kept, and nothing comes twice"),
        ("{}", &[], r#"{"anthropic_version":"bedrock-2023-05-31"}"#, "an empty body, as a probe has it"),
    ];
    for (body, flags, expected, why) in cases {
        let seen = request_body(&Bytes::copy_from_slice(body.as_bytes()), flags).unwrap();
        assert_eq!(String::from_utf8_lossy(&seen), *expected, "{why}");
    }
    for body in ["[]", "{", r#"{"\ud83d":1,"model":"m"}"#] {
        assert!(request_body(&Bytes::from_static(body.as_bytes()), &[]).is_err(), "{body}");
    }
}

#[test]
fn only_flags_that_bedrock_documents_go_along() {
    let sent = "claude-code-20250219, interleaved-thinking-2025-05-14,,fine-grained-tool-streaming-2025-05-14,\
                context-1m-2025-08-07,effort-2025-11-24,effortless-2025-01-01,tool-search-tool-2025-10-19";

    let known: Vec<&str> = known_flags(sent).collect();

    let expected = [
        "interleaved-thinking-2025-05-14",
        "context-1m-2025-08-07",
        "effort-2025-11-24",
        "tool-search-tool-2025-10-19",
    ];
    assert_eq!(known, expected);
}

#[test]
fn an_error_of_aws_has_the_status_that_says_the_same_at_anthropic() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("ThrottlingException",            429, 429, "a limit"),
        ("ModelNotReadyException",         429, 429, "a model that is loading"),
        ("ServiceQuotaExceededException",  400, 429, "another account may have room"),
        ("AccessDeniedException:http://internal.amazon.com/coral/com.amazon.bedrock/", 403, 403, "with an address behind it"),
        ("com.amazon.coral.service#UnrecognizedClientException", 403, 401, "about the key, with a name before it"),
        ("ExpiredTokenException",          403, 401, "about the token"),
        ("InvalidSignatureException",      403, 401, "a wrong secret"),
        ("ResourceNotFoundException",      404, 404, "no such model"),
        ("ValidationException",            400, 400, "the request"),
        ("ModelTimeoutException",          408, 504, "too slow"),
        ("ModelErrorException",            424, 500, "the model broke"),
        ("ServiceUnavailableException",    503, 503, "away"),
        ("",                               502, 502, "something before AWS"),
    ];
    for (kind, told, expected, why) in cases {
        let told = StatusCode::from_u16(told).unwrap();
        assert_eq!(status_of_error(kind, told).as_u16(), expected, "{why}");
    }
}

#[test]
fn an_error_keeps_awss_words_in_anthropics_form() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(&[u8], &str)] = &[
        (br#"{"message":"m"}"#,  "m"),
        (br#"{"Message":"M"}"#,  "M"),
        (b"<html>",              "<html>"),
        (b"",                    "Amazon Bedrock gave no reason"),
    ];
    for (told, message) in cases {
        let body = error_body(StatusCode::FORBIDDEN, told, "id-1");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["error"]["type"], "permission_error");
        assert_eq!(body["error"]["message"], *message);
        assert_eq!(body["request_id"], "id-1");
    }
    let long = "ä".repeat(10_000);
    assert!(error_body(StatusCode::FORBIDDEN, long.as_bytes(), "").len() < 8 * 1024 + 200);
}
