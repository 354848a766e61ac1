use proptest::prelude::*;

use super::*;

#[test]
fn a_stream_is_asked_for_its_usage_and_nothing_else_changes() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // request,                                                      becomes,                                                                             why
        (r#"{"stream":true, "n": 1.0}"#,                                 Some(r#"{"stream_options":{"include_usage":true},"stream":true, "n": 1.0}"#),        "not said"),
        (r#"{"stream":true,"stream_options":null}"#,                     Some(r#"{"stream":true,"stream_options":{"include_usage":true}}"#),                  "said to be nothing"),
        (r#"{"stream":true,"stream_options":{"include_obfuscation":false}}"#, Some(r#"{"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}"#), "another option"),
        (r#"{"stream":true,"stream_options":{"include_usage":false}}"#,  Some(r#"{"stream":true,"stream_options":{"include_usage":true}}"#),                  "not wanted"),
        (r#"{"stream":true,"stream_options":{"include_usage":true}}"#,   None,                                                                                "asked already"),
        (r#"{"stream":false}"#,                                          None,                                                                                "no stream"),
        (r#"{"n":1}"#,                                                   None,                                                                                "no stream, either"),
        (r#"{"stream":true,"stream_options":7}"#,                        None,                                                                                "its server says what is wrong"),
        ("[]",                                                           None,                                                                                "no request"),
        ("{",                                                            None,                                                                                "no JSON"),
    ];
    for (request, expected, why) in cases {
        let asked = ask_for_usage(&Bytes::from_static(request.as_bytes()));
        let asked = asked.map(|body| String::from_utf8(body.to_vec()).unwrap());
        assert_eq!(asked.as_deref(), expected, "{why}");
    }
}

fn hidden(stream: &[u8], size: usize) -> String {
    let mut hider = UsageHider::new();
    let mut out = BytesMut::new();
    for chunk in stream.chunks(size) {
        hider.push(chunk, &mut out);
    }
    hider.finish(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn what_the_question_added_is_taken_out_at_any_cut() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // stream,                                                      becomes,                                  why
        ("data: {\"choices\":[],\"usage\":{\"a\":1}}\n\ndata: [DONE]\n\n", "data: [DONE]\n\n",                   "the chunk of its own"),
        ("data: {\"choices\":[],\"usage\":{}}\r\n\r\ndata: x\r\n\r\n", "data: x\r\n\r\n",               "CRLF"),
        ("data: {\"choices\":[{}],\"usage\":null}\n\n",                 "data: {\"choices\":[{}]}\n\n",           "null in the others"),
        ("data: {\"usage\": null , \"a\":1.0}\r\n\r\n",                 "data: { \"a\":1.0}\r\n\r\n",             "null in front"),
        ("data: {\"choices\":[{}],\"usage\":{\"a\":1}}\n\n",            "data: {\"choices\":[{}],\"usage\":{\"a\":1}}\n\n", "beside a choice its server says it unasked"),
        ("data: {\"choices\":[]}\n\n",                                  "data: {\"choices\":[]}\n\n",             "no usage: a filter's verdict"),
        (": ping\n\ndata: {\"x\":\"\\\"usage\\\":null\"}\n\n",          ": ping\n\ndata: {\"x\":\"\\\"usage\\\":null\"}\n\n", "said by the model"),
        ("data: {\"choices\":[{\"usage\":null}]}\n\n",                  "data: {\"choices\":[{\"usage\":null}]}\n\n", "not the chunk's own"),
        ("data: {\"usage\":nu\n\n",                                     "data: {\"usage\":nu\n\n",                "no JSON"),
        ("data: {\"choices\":[],\"usage\":{}}",                         "data: {\"choices\":[],\"usage\":{}}",    "an event that never ends"),
        ("data: {\"choices\":[],\ndata: \"usage\":{}}\r\rdata: x\r\r",  "data: x\r\r",                            "two lines, CR"),
    ];
    for (stream, expected, why) in cases {
        for size in 1..=stream.len() {
            assert_eq!(hidden(stream.as_bytes(), size), expected, "{why}, by {size}");
        }
    }
}

#[test]
fn an_event_too_long_to_hold_crosses_as_it_is() {
    let long = "x".repeat(MAX_EVENT_BYTES);
    let stream =
        format!("data: {{\"x\":\"{long}\",\"usage\":null}}\n\ndata: {{\"usage\":null}}\n\n");
    let expected = stream.replacen("data: {\"usage\":null}", "data: {}", 1);
    assert_eq!(hidden(stream.as_bytes(), 1000), expected);
}

proptest! {
    #[test]
    fn a_stream_without_usage_crosses_as_it_is(
        soup in r#"(data: |"use|:|,|\{|\}|\[|\]|"a"|\\|\r|\n|\n\n| |1|[DONE]){0,40}"#,
        size in 1..20usize,
    ) {
        prop_assert_eq!(hidden(soup.as_bytes(), size), soup);
    }
}
