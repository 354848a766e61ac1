use serde_json::{Value, json};

use super::*;

fn put_right(body: &str) -> CodexBody {
    for_codex_backend(&Bytes::copy_from_slice(body.as_bytes()), "gpt-5").unwrap()
}

#[test]
fn only_what_the_backend_refuses_is_changed() {
    let rest = r#""model":"gpt-5","stream":true,"store":false,"instructions":"i""#;
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(&str, &str, &[&str], &str)] = &[
        // in place of the rest,                       becomes,                                             dropped,               why
        (r#""input":[] , "x": 1.0"#,                   r#""input":[] , "x": 1.0"#,                          &[],                   "nothing to change, nothing changed"),
        (r#""input":"a\u0022b""#,                      r#""input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"a\u0022b"}]}]"#, &[], "Input must be a list"),
        (r#""input":[{"role":"system","content":"s"},{"role":"user","content":"system"}]"#, r#""input":[{"role":"developer","content":"s"},{"role":"user","content":"system"}]"#, &[], "its word for it"),
        (r#""input":[{"type":"message","role": "syst\u0065m"}]"#, r#""input":[{"type":"message","role": "developer"}]"#, &[],      "however it is spelt"),
        (r#""input":[{"type":"function_call","arguments":"{\"role\":\"system\"}"},7,null]"#, r#""input":[{"type":"function_call","arguments":"{\"role\":\"system\"}"},7,null]"#, &[], "not a role"),
        (r#""input":7"#,                               r#""input":7"#,                                      &[],                   "the backend says what is wrong"),
        (r#""a":1,"max_output_tokens":9"#,             r#""a":1"#,                                          &["max_output_tokens"], "unsupported"),
        (r#""a":1,"temperature":0.5,"top_p":1"#,       r#""a":1"#,                                          &["temperature", "top_p"], "unsupported"),
        (r#""a":1,"temperature":null"#,                r#""a":1"#,                                          &[],                   "nobody asked for anything"),
        (r#""a":1,"metadata":{"k":"v"},"client_metadata":{}"#, r#""a":1,"client_metadata":{}"#,             &["metadata"],         "Codex's own stays"),
        (r#""a":1,"safety_identifier":"s","stream_options":{},"user":"u""#, r#""a":1"#,                      &["safety_identifier", "stream_options", "user"], "unsupported"),
        (r#""a":1,"prompt_cache_retention":"24h","prompt_cache_key":"k""#, r#""a":1,"prompt_cache_key":"k""#, &["prompt_cache_retention"], "the key routes to the cache"),
        (r#""a":1,"previous_response_id":null"#,       r#""a":1"#,                                          &[],                   "leans on nothing"),
    ];
    for (written, becomes, dropped, why) in cases {
        let CodexBody { body, dropped: seen } = put_right(&format!("{{{rest},{written}}}"));
        assert_eq!(body, format!("{{{rest},{becomes}}}"), "{why}");
        assert_eq!(seen, *dropped, "{why}");
    }
}

#[test]
fn what_has_to_be_there_is_put_there() {
    let wanted = json!({ "model": "gpt-5", "stream": true, "store": false, "instructions": "" });
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("{}",                                                      "nothing is there"),
        (r#"{"model":"alias","stream":false,"store":true}"#,        "otherwise"),
        (r#"{"model":null,"stream":null,"store":null,"instructions":null}"#, "not said"),
        (r#"{"stream":false,"stream":true,"store":false,"store":true}"#, "said twice"),
        (r#"{"temperature":1,"top_p":1}"#,                          "in the place of all that was there"),
    ];
    for (written, why) in cases {
        let CodexBody { body, .. } = put_right(written);
        let seen: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(seen, wanted, "{why}");
    }
}

#[test]
fn a_body_leans_on_a_response_that_it_names_itself() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#"{"input":[],"previous_response_id":"resp_1"}"#,                         true,  "named"),
        (r#"{"previous_response_id":null}"#,                                        false, "leans on nothing"),
        (r#"{"previous_response_id":"resp_1","previous_response_id":null}"#,        false, "the last one counts"),
        (r#"{"input":[{"previous_response_id":"resp_1"}]}"#,                        false, "what a client says elsewhere"),
        (r#"{"input":"previous_response_id"}"#,                                     false, "a text"),
        (r#"["previous_response_id"]"#,                                             false, "no object"),
        (r#"{"previous_response_id":"#,                                             false, "no JSON"),
    ];
    for (body, expected, why) in cases {
        assert_eq!(leans_on_a_response(body.as_bytes()), expected, "{why}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_reason() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#"{"previous_response_id":"resp_1","input":[]}"#, NotForCodex::LeansOnAResponse),
        ("[]",                                              NotForCodex::NoObject),
        ("{\"input\":",                                     NotForCodex::NoObject),
    ];
    for (body, expected) in cases {
        let refused = for_codex_backend(&Bytes::from_static(body.as_bytes()), "gpt-5");
        assert_eq!(refused, Err(expected), "{body}");
    }
}
