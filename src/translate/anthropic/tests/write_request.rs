//! Requests, written: what the API demands, whatever another dialect's client sends.

use serde_json::{Value, json};

use super::super::super::request::{
    Media, MediaKind, OutputFormat, Sampling, Signature, Thought, ToolCall, ToolInput, ToolResult,
};
use super::*;
use crate::types::Thinking;

pub const MODEL: &str = "claude-sonnet-4-5";

pub fn call(id: &str, name: &str) -> Part {
    let input = ToolInput::from_json_text("");
    Part::ToolCall(ToolCall { id: id.to_owned(), name: name.to_owned(), input })
}

pub fn result(id: &str, parts: &[Part], is_error: bool) -> Part {
    let (id, parts) = (id.to_owned(), parts.to_vec());
    Part::ToolResult(ToolResult { id, name: None, parts, is_error, cache: None })
}

fn thought(text: &str, signature: Option<(Dialect, &str)>) -> Part {
    let signature =
        signature.map(|(made_by, value)| Signature { made_by, value: value.to_owned() });
    Part::Thinking(Thought { text: text.to_owned(), signature })
}

fn media(kind: MediaKind, source: MediaSource) -> Part {
    Part::Media(Media { kind, source, name: None, detail: None })
}

fn inline(media_type: &str, data: &str) -> MediaSource {
    MediaSource::Inline { media_type: media_type.to_owned(), data: data.to_owned() }
}

fn url(url: &str) -> MediaSource {
    MediaSource::Url { url: url.to_owned(), media_type: None }
}

pub fn asking() -> Request {
    saying(&[turn(Role::User, &[text("q")])])
}

/// The messages, without the breakpoints that are ours.
fn messages(turns: &[Turn]) -> Value {
    let mut messages = written_json(&saying(turns), MODEL)["messages"].take();
    for message in messages.as_array_mut().unwrap() {
        for block in message["content"].as_array_mut().unwrap() {
            block.as_object_mut().unwrap().remove("cache_control");
        }
    }
    messages
}

fn said(role: &str, blocks: &Value) -> Value {
    json!({ "role": role, "content": blocks })
}

fn a_text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

#[test]
fn turns_alternate_and_begin_and_end_with_the_user() {
    use Role::{Assistant as A, System as S, User as U};
    let filler = said("user", &json!([a_text("...")]));
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (vec![turn(U, &[text("a")]), turn(S, &[text("b")]), turn(U, &[text("c")])],
         json!([said("user", &json!([a_text("a"), a_text("b"), a_text("c")]))]), "a system turn in between is the user's"),
        (vec![turn(S, &[text("s")])], json!([filler]), "a system prompt alone"),
        (vec![turn(A, &[text("a")]), turn(U, &[text("b")])],
         json!([filler, said("assistant", &json!([a_text("a")])), said("user", &json!([a_text("b")]))]), "the model cannot begin"),
        (vec![turn(U, &[text("a")]), turn(A, &[text("b ")])],
         json!([said("user", &json!([a_text("a")])), said("assistant", &json!([a_text("b ")])), filler]), "nor speak last: newer models refuse that"),
        (vec![turn(U, &[text("a")]), turn(A, &[thought("t", None)]), turn(U, &[text("b")])],
         json!([said("user", &json!([a_text("a"), a_text("b")]))]), "a turn of which nothing is left"),
    ];
    for (turns, expected, why) in cases {
        assert_eq!(messages(&turns), expected, "{why}");
    }
}

#[test]
fn tool_use_without_results_gets_one_and_results_stand_before_text() {
    use Role::{Assistant as A, User as U};
    let turns = [
        turn(U, &[text("q")]),
        turn(A, &[call("1", "t"), call("2", "t")]),
        turn(U, &[text("and"), result("2", &[text("r")], false)]),
    ];
    let messages = messages(&turns);
    let expected = json!([
        {"type": "tool_result", "tool_use_id": "1", "content": [a_text("The tool gave no result.")], "is_error": true},
        {"type": "tool_result", "tool_use_id": "2", "content": [a_text("r")]},
        a_text("and"),
    ]);
    assert_eq!(messages[2], said("user", &expected));
}

#[test]
fn tool_ids_match_the_pattern_and_their_results() {
    let is_fit = |id: &str| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    for id in ["functions.run:0", "call 1", "é", "call_ok"] {
        let turns = [
            turn(Role::User, &[text("q")]),
            turn(Role::Assistant, &[call(id, "t")]),
            turn(Role::User, &[result(id, &[text("r")], false)]),
        ];
        let messages = messages(&turns);
        let written = messages[1]["content"][0]["id"].as_str().unwrap();
        assert!(is_fit(written) && !written.is_empty(), "{id}: {written}");
        assert_eq!(messages[2]["content"][0]["tool_use_id"], written, "{id}");
    }
}

#[test]
fn empty_content_is_never_written() {
    use Role::{Assistant as A, User as U};
    let turns = [
        turn(
            U,
            &[
                text("q"),
                text(" \n"),
                media(MediaKind::Document, MediaSource::Text(" ".to_owned())),
            ],
        ),
        turn(A, &[text("\t"), call("1", "t"), call("2", "t"), call("3", "t")]),
        turn(
            U,
            &[
                result("1", &[text(" ")], false),
                result("2", &[], true),
                result("3", &[text("r"), text("")], false),
            ],
        ),
    ];
    let expected = json!([
        said("user", &json!([a_text("q")])),
        said(
            "assistant",
            &json!([
                {"type": "tool_use", "id": "1", "name": "t", "input": {}},
                {"type": "tool_use", "id": "2", "name": "t", "input": {}},
                {"type": "tool_use", "id": "3", "name": "t", "input": {}},
            ])
        ),
        said(
            "user",
            &json!([
                {"type": "tool_result", "tool_use_id": "1"},
                {"type": "tool_result", "tool_use_id": "2", "content": [a_text("The tool failed.")], "is_error": true},
                {"type": "tool_result", "tool_use_id": "3", "content": [a_text("r")]},
            ])
        ),
    ]);
    assert_eq!(messages(&turns), expected);
}

#[test]
fn missing_max_tokens_is_set_by_family_and_version() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("claude-3-haiku-20240307",      None,      4096,   "3"),
        ("claude-2.1",                   None,      4096,   "older"),
        ("claude-3-5-sonnet-20241022",   None,      8192,   "3.5"),
        ("claude-3.5-haiku",             None,      8192,   "3.5, with a dot"),
        ("claude-3-7-sonnet-latest",     None,      32_000, "later than 3.5"),
        ("claude-opus-4-20250514",       None,      32_000, "a date is no version"),
        ("anthropic/Claude-Opus-5-5",    None,      32_000, "a prefix, capitals"),
        ("claude-mythos-preview",        None,      32_000, "unnumbered"),
        ("kimi-k2",                      None,      32_000, "not Claude"),
        ("claude-3-haiku-20240307",      Some(9),   9,      "the client's own"),
    ];
    for (model, asked, expected, why) in cases {
        let request = Request { max_output_tokens: asked, ..asking() };
        assert_eq!(written_json(&request, model)["max_tokens"], expected, "{model}: {why}");
    }
}

#[test]
fn sampling_is_what_the_model_takes() {
    let (old, new) = (MODEL, "claude-opus-4-8");
    let asked =
        |temperature, top_p, top_k| Sampling { temperature, top_p, top_k, ..Sampling::default() };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (old,       asked(Some(1.7), None, Some(5)),         json!([1.0, null, 5]),      None,                        "no more than 1"),
        (old,       asked(Some(-1.0), None, None),           json!([0.0, null, null]),   None,                        "no less than 0"),
        (old,       asked(None, Some(0.5), None),            json!([null, 0.5, null]),   None,                        "one knob"),
        (old,       asked(Some(0.2), Some(0.5), None),       json!([0.2, null, null]),   Some("top_p"),               "two knobs are refused"),
        (old,       asked(Some(0.2), Some(1.0), None),       json!([0.2, null, null]),   None,                        "one of two that says nothing"),
        (old,       asked(Some(1.0), Some(0.5), None),       json!([null, 0.5, null]),   None,                        "the other that says nothing"),
        (new,       asked(Some(1.0), None, None),            json!([null, null, null]),  None,                        "the default"),
        (new,       asked(Some(0.2), Some(0.5), Some(5)),    json!([null, null, null]),  Some("temperature, top_k, top_p"), "no knobs any more"),
        ("claude-mythos-preview", asked(Some(0.2), None, None), json!([null, null, null]), Some("temperature"),       "a new one"),
        ("kimi-k2", asked(Some(0.2), None, Some(5)),         json!([0.2, null, 5]),      None,                        "not Claude"),
        (old,       Sampling { seed: Some(1), presence_penalty: Some(0.1), frequency_penalty: Some(0.0), ..Sampling::default() },
                                                             json!([null, null, null]),  Some("presence_penalty, seed"), "no word for these"),
    ];
    for (model, sampling, expected, noted, why) in cases {
        let request = Request { sampling, ..asking() };
        let written = write(&request, model);
        let body: Value = serde_json::from_slice(&written.body).unwrap();
        let says = json!([body.get("temperature"), body.get("top_p"), body.get("top_k")]);
        assert_eq!(
            (says, written.dropped.to_field().as_deref()),
            (expected, noted),
            "{model}: {why}"
        );
    }
}

#[test]
fn what_has_no_word_is_noted() {
    let turns = |parts: &[Part]| vec![turn(Role::User, &[&[text("q")], parts].concat())];
    let detailed = Part::Media(Media {
        kind: MediaKind::Image,
        source: url("https://a.b"),
        name: None,
        detail: Some("low".to_owned()),
    });
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (Request { verbosity: Some("low".to_owned()), ..asking() },                  Some("verbosity"),      "no such knob"),
        (Request { output: OutputFormat::Json, ..asking() },                         Some("json_output"),    "the prompt asks for it"),
        (Request { user: Some("u".repeat(257)), ..asking() },                        Some("user"),           "longer than the API takes"),
        (Request { prompt_cache_key: Some("k".to_owned()), ..asking() },             None,                   "the cache needs no key"),
        (Request { stop_sequences: vec!["\n".to_owned(), "x".to_owned()], ..asking() }, Some("stop_sequences"), "blank ones are refused"),
        (saying(&turns(&[media(MediaKind::Audio, inline("audio/wav", "AAAA"))])),    Some("audio"),          "no ears"),
        (saying(&turns(&[media(MediaKind::Image, url("gs://a/b"))])),                Some("image"),          "another provider's store"),
        (saying(&turns(&[media(MediaKind::Document, inline("application/msword", "AAAA"))])), Some("document"), "neither PDF nor text"),
        (saying(&turns(&[detailed])),                                                Some("image_detail"),   "no such knob"),
        (saying(&[turn(Role::System, &[media(MediaKind::Image, url("https://a.b"))]), turn(Role::User, &[text("q")])]), Some("system_media"), "texts only"),
    ];
    for (request, noted, why) in cases {
        assert_eq!(write(&request, MODEL).dropped.to_field().as_deref(), noted, "{why}");
    }
}

#[test]
fn documents_are_pdf_or_plain_text() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (MediaKind::Document, inline("application/pdf", "JVBE"), json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}}), "as it came"),
        (MediaKind::Document, inline("text/csv", "YSxi"),        json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}}), "text is not sent as base64"),
        (MediaKind::Document, MediaSource::Text("t".to_owned()), json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "t"}}), "text"),
        (MediaKind::Document, url("https://a.b/c.pdf"),          json!({"type": "document", "source": {"type": "url", "url": "https://a.b/c.pdf"}}), "an address"),
        (MediaKind::Image,    inline("image/jpg", "AAAA"),       json!({"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}}), "its right name"),
    ];
    for (kind, source, expected, why) in cases {
        let messages = messages(&[turn(Role::User, &[media(kind, source)])]);
        assert_eq!(messages[0]["content"][0], expected, "{why}");
    }
}

#[test]
fn only_claudes_own_thinking_goes_back_and_it_goes_first() {
    let own = Some((Dialect::Anthropic, "s"));
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (vec![text("a"), thought("t", own)], json!([{"type": "thinking", "thinking": "t", "signature": "s"}, a_text("a")]), None, "before what it led to"),
        (vec![thought("", own), text("a")],  json!([{"type": "thinking", "thinking": "", "signature": "s"}, a_text("a")]),  None, "signed and not shown: it must go back"),
        (vec![thought("t", None), text("a")], json!([a_text("a")]), Some("thinking_history"), "unsigned: it cannot be forged"),
        (vec![thought("t", Some((Dialect::Gemini, "s"))), text("a")], json!([a_text("a")]), Some("thinking_history"), "cross-provider reasoning is never forwarded"),
        (vec![thought("", Some((Dialect::OpenAiResponses, "s"))), text("a")], json!([a_text("a")]), Some("thinking_history"), "encrypted elsewhere"),
    ];
    for (parts, expected, noted, why) in cases {
        let turns = [
            turn(Role::User, &[text("q")]),
            turn(Role::Assistant, &parts),
            turn(Role::User, &[text("r")]),
        ];
        let written = write(&saying(&turns), MODEL);
        let body: Value = serde_json::from_slice(&written.body).unwrap();
        assert_eq!(body["messages"][1]["content"], expected, "{why}");
        assert_eq!(written.dropped.to_field().as_deref(), noted, "{why}");
    }
}

#[test]
fn thinking_is_shown_to_who_asks_where_the_model_hides_it() {
    let shown = json!({"display": "summarized"});
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("claude-opus-4-8", Some(Thinking::Auto), Some(true),  shown,       "it would think in silence"),
        ("claude-opus-4-8", Some(Thinking::Auto), None,        Value::Null, "nobody asked"),
        ("claude-opus-4-8", Some(Thinking::Auto), Some(false), Value::Null, "nobody wants it"),
        ("claude-opus-4-8", Some(Thinking::Off),  Some(true),  Value::Null, "there is none"),
        ("claude-opus-4-8", None,                 Some(true),  Value::Null, "there may be none: the member alone is refused"),
        (MODEL,             Some(Thinking::Auto), Some(true),  Value::Null, "shown anyway"),
    ];
    for (model, thinking, shows_thinking, expected, why) in cases {
        let request = Request { thinking, shows_thinking, ..asking() };
        assert_eq!(written_json(&request, model)["thinking"], expected, "{why}");
    }
}
