use proptest::prelude::*;
use serde_json::json;

use super::super::super::history::settle;
use super::super::super::request::{
    CacheHint, Media, MediaKind, MediaSource, OutputFormat, Sampling, Signature, Text, Thought,
    Tool, ToolCall, ToolChoice, ToolResult,
};
use super::super::super::request::{Function, Role};
use super::*;

pub fn write(request: &Request, model: &str) -> (serde_json::Value, Option<String>) {
    let written = super::super::super::write_request(request, Dialect::OpenAiResponses, model);
    (serde_json::from_slice(&written.body).unwrap(), written.dropped.to_field())
}

pub fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

pub fn text(text: &str) -> Part {
    Part::Text(text.to_owned().into())
}

pub fn call(id: &str, name: &str, input: ToolInput) -> Part {
    Part::ToolCall(ToolCall { id: id.to_owned(), name: name.to_owned(), input })
}

pub fn result(id: &str, parts: Vec<Part>, is_error: bool) -> Part {
    Part::ToolResult(ToolResult { id: id.to_owned(), name: None, parts, is_error, cache: None })
}

pub fn function(name: &str) -> Tool {
    let (description, schema, strict, cache) = (None, None, None, None);
    Tool::Function(Function { name: name.to_owned(), description, schema, strict, cache })
}

fn inline(kind: MediaKind, media_type: &str, name: Option<&str>) -> Part {
    let source = MediaSource::Inline { media_type: media_type.to_owned(), data: "QUJD".to_owned() };
    Part::Media(Media { kind, source, name: name.map(str::to_owned), detail: None })
}

#[test]
fn turns_become_items() {
    use Role::{Assistant as A, System as S, User as U};
    let json = |text: &str| ToolInput::from_json_text(text);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (vec![turn(S, vec![text("a"), text("b")]), turn(U, vec![text("q")]), turn(S, vec![text("c")])],
         json!([{"type":"message","role":"user","content":[{"type":"input_text","text":"q"}]},
                {"type":"message","role":"developer","content":[{"type":"input_text","text":"c"}]}]),
         "the prompt is not in the input, what comes later is"),
        (vec![turn(A, vec![text("a"), call("c1", "f", json("{\"n\": 1}")), call("c2", "p", ToolInput::Text("x".into()))]),
              turn(U, vec![result("c2", vec![text("ok")], false), result("c1", vec![text("bad"), text("worse")], true), text("go on")])],
         json!([{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]},
                {"type":"function_call","call_id":"c1","name":"f","arguments":"{\"n\": 1}"},
                {"type":"custom_tool_call","call_id":"c2","name":"p","input":"x"},
                {"type":"function_call_output","call_id":"c1","output":"Error: bad\nworse"},
                {"type":"custom_tool_call_output","call_id":"c2","output":"ok"},
                {"type":"message","role":"user","content":[{"type":"input_text","text":"go on"}]}]),
         "calls and results, an error by a word"),
        (vec![turn(A, vec![call("c", "f", json(""))]), turn(U, vec![result("c", vec![inline(MediaKind::Image, "image/png", None)], true)])],
         json!([{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
                {"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"Error:"},{"type":"input_image","image_url":"data:image/png;base64,QUJD"}]}]),
         "an image in a result that is an error"),
        (vec![turn(U, vec![inline(MediaKind::Document, "application/pdf", None), inline(MediaKind::Document, "application/pdf", Some("a.pdf")), inline(MediaKind::Audio, "audio/mpeg", None)])],
         json!([{"type":"message","role":"user","content":[
                {"type":"input_file","filename":"document.pdf","file_data":"data:application/pdf;base64,QUJD"},
                {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,QUJD"},
                {"type":"input_audio","input_audio":{"data":"QUJD","format":"mp3"}}]}]),
         "a document has a name"),
    ];
    for (turns, expected, why) in cases {
        let request = Request { turns, ..Request::default() };
        let (body, dropped) = write(&request, "gpt-5");
        assert_eq!(body["input"], expected, "{why}");
        assert_eq!(dropped, None, "{why}");
    }
}

#[test]
fn settings_are_written_within_the_bounds_of_the_api() {
    let base = || Request { turns: vec![turn(Role::User, vec![text("q")])], ..Request::default() };
    let schema =
        || serde_json::value::RawValue::from_string("{\"type\":\"object\"}".into()).unwrap();
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (base(), "gpt-5", "/store", json!(false), "nothing is stored"),
        (Request { streams: true, ..base() }, "gpt-5", "/stream", json!(true), "streamed"),
        (Request { max_output_tokens: Some(1), ..base() }, "gpt-5", "/max_output_tokens", json!(16), "less is refused"),
        (Request { max_output_tokens: Some(17), ..base() }, "gpt-5", "/max_output_tokens", json!(17), "enough"),
        (Request { shows_thinking: Some(true), ..base() }, "gpt-5", "/reasoning", json!({"summary":"auto"}), "no level: that is set elsewhere"),
        (Request { shows_thinking: Some(false), ..base() }, "gpt-5", "/reasoning", json!(null), "no summary"),
        (Request { output: OutputFormat::Json, verbosity: Some("low".into()), ..base() }, "gpt-5", "/text", json!({"format":{"type":"json_object"},"verbosity":"low"}), "JSON"),
        (Request { output: OutputFormat::Schema { name: String::new(), schema: schema(), strict: Some(true) }, ..base() }, "gpt-5", "/text/format", json!({"type":"json_schema","name":"answer","schema":{"type":"object"},"strict":true}), "a schema needs a name"),
        (Request { user: Some("u".into()), ..base() }, "gpt-5", "/safety_identifier", json!("u"), "whom it is for"),
        (Request { prompt_cache_key: Some("k".into()), ..base() }, "gpt-5", "/prompt_cache_key", json!("k"), "the cache"),
        (Request { parallel_tool_calls: Some(false), tool_choice: Some(ToolChoice::None), ..base() }, "gpt-5", "/tool_choice", json!(null), "no choice without tools"),
        (Request { parallel_tool_calls: Some(false), tools: vec![function("f")], ..base() }, "gpt-5", "/parallel_tool_calls", json!(false), "one at a time"),
        (Request { tool_choice: Some(ToolChoice::Named("f".into())), tools: vec![function("f")], ..base() }, "gpt-5", "/tool_choice", json!({"type":"function","name":"f"}), "flat"),
        (Request { tool_choice: Some(ToolChoice::Named("p".into())), tools: vec![Tool::Custom { name: "p".into(), description: None }, Tool::WebSearch], ..base() }, "gpt-5", "/tool_choice", json!({"type":"custom","name":"p"}), "a custom tool"),
        (Request { tools: vec![Tool::Custom { name: "p".into(), description: None }, Tool::WebSearch], ..base() }, "gpt-5", "/tools", json!([{"type":"custom","name":"p"},{"type":"web_search"}]), "no functions"),
        (Request { sampling: Sampling { temperature: Some(0.5), ..Sampling::default() }, ..base() }, "gpt-4.1", "/temperature", json!(0.5), "an older model"),
        (Request { sampling: Sampling { temperature: Some(0.5), ..Sampling::default() }, ..base() }, "gpt-5", "/temperature", json!(null), "refused by reasoning models"),
    ];
    for (request, model, pointer, expected, why) in cases {
        let (body, _) = write(&request, model);
        let found = body.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(found, expected, "{pointer}: {why}");
    }
}

#[test]
fn what_responses_cannot_carry_is_noted() {
    let cache = Some(CacheHint { ttl: None });
    let signature = Some(Signature { made_by: Dialect::Anthropic, value: "EqQB".to_owned() });
    let ogg = MediaSource::Inline { media_type: "audio/ogg".to_owned(), data: String::new() };
    let audio = Media { kind: MediaKind::Audio, source: ogg, name: None, detail: None };
    let request = Request {
        turns: vec![
            turn(Role::System, vec![text("s"), inline(MediaKind::Image, "image/png", None)]),
            turn(Role::User, vec![Part::Text(Text { text: "q".to_owned(), cache })]),
            turn(
                Role::Assistant,
                vec![
                    Part::Thinking(Thought { text: "t".to_owned(), signature }),
                    inline(MediaKind::Image, "image/png", None),
                ],
            ),
            turn(Role::User, vec![Part::Media(audio)]),
        ],
        stop_sequences: vec!["x".to_owned()],
        sampling: Sampling {
            temperature: Some(0.1),
            top_p: Some(1.0),
            top_k: Some(4),
            seed: Some(7),
            presence_penalty: Some(0.1),
            frequency_penalty: Some(0.1),
        },
        ..Request::default()
    };
    let (body, dropped) = write(&request, "gpt-5");
    assert_eq!(
        dropped.as_deref(),
        Some(
            "assistant_media, audio, cache_control, frequency_penalty, presence_penalty, seed, \
             stop_sequences, system_media, temperature, thinking_history, top_k"
        )
    );
    assert_eq!(body["instructions"], "s");
}

fn parts_of_user() -> impl Strategy<Value = Part> {
    prop_oneof![
        ".{1,12}".prop_map(|said| text(&said)),
        "[A-Za-z0-9+/]{4}".prop_map(|data| {
            let source = MediaSource::Inline { media_type: "image/png".to_owned(), data };
            Part::Media(Media { kind: MediaKind::Image, source, name: None, detail: None })
        }),
        ("[a-c]", ".{1,12}").prop_map(|(id, said)| result(&id, vec![text(&said)], false)),
    ]
}

fn parts_of_model() -> impl Strategy<Value = Part> {
    prop_oneof![
        ".{1,12}".prop_map(|said| text(&said)),
        ("[a-c]", "[a-z_]{1,8}", "[a-z\"\\\\ ]{0,8}").prop_map(|(id, name, value)| {
            let input = ToolInput::from_json_text(&json!({ "v": value }).to_string());
            call(&id, &name, input)
        }),
        ("[d-f]", "[a-z_]{1,8}", ".{0,8}")
            .prop_map(|(id, name, input)| { call(&id, &name, ToolInput::Text(input)) }),
    ]
}

proptest! {
    #[test]
    fn a_conversation_that_is_written_is_read_back(
        turns in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(parts_of_user(), 1..4).prop_map(|parts| turn(Role::User, parts)),
                proptest::collection::vec(parts_of_model(), 1..4).prop_map(|parts| turn(Role::Assistant, parts)),
                ".{1,12}".prop_map(|said| turn(Role::System, vec![text(&said)])),
            ],
            1..6,
        )
    ) {
        let settled = settle(&turns);
        let request = Request { turns, ..Request::default() };
        let written = super::super::super::write_request(&request, Dialect::OpenAiResponses, "m");
        let read = settle(&read_back(&written.body).turns);
        // A made-up result is an error, which is a word in the text here; the prompt is one text.
        let told = sketch(&settled).replace("\"The tool gave no result.\"", "\"Error: The tool gave no result.\"");
        let system: Vec<&str> = settled.first().filter(|turn| turn.role == Role::System).into_iter()
            .flat_map(|turn| &turn.parts).filter_map(|part| match part { Part::Text(text) => Some(text.text.as_str()), _ => None }).collect();
        let told = match told.split_once('\n') {
            Some((_, rest)) if !system.is_empty() => format!("System: {:?}\n{rest}", system.join("\n\n")),
            None if !system.is_empty() => format!("System: {:?}", system.join("\n\n")),
            _ => told,
        };
        prop_assert_eq!(sketch(&read), told);
    }
}
