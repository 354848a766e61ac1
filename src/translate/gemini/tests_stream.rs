//! What Gemini answers, and what its clients get.

use actix_web::http::StatusCode;
use bytes::BytesMut;
use serde_json::{Value, json};

use super::{StreamReader, StreamWriter, read_answer};
use crate::translate::event::{Envelope, Event, Failure, InputKind, StopReason, Usage};
use crate::translate::frames::Frames;
use crate::translate::names::ClientNames;
use crate::translate::order::Order;
use crate::translate::stream::{ReadStream, StreamTranslator, WriteStream};
use crate::translate::whole::translate_answer;
use crate::types::Dialect;

const TEXT: &[u8] = include_bytes!("../../../tests/fixtures/gemini/g02-text.stream.sse");
const TOOLS: &[u8] = include_bytes!("../../../tests/fixtures/gemini/g05-thinking-tools.stream.sse");
const WHOLE_TEXT: &str = include_str!("../../../tests/fixtures/gemini/g01-text.exchange.json");
const WHOLE_TOOLS: &str =
    include_str!("../../../tests/fixtures/gemini/g04-tools-parallel.exchange.json");
const BLOCKED: &str = include_str!("../../../tests/fixtures/gemini/g10-blocked.exchange.json");
const ARRAY: &[u8] = include_bytes!("../../../tests/fixtures/gemini/g06-stream-array.json");

fn envelope(as_array: bool) -> Envelope {
    Envelope {
        id: "id7".to_owned(),
        model: "my-model".to_owned(),
        created: 0,
        wants_usage: true,
        as_array,
    }
}

fn body_of(exchange: &str) -> String {
    let exchange: Value = serde_json::from_str(exchange).unwrap();
    exchange["response"]["body"].to_string()
}

fn line(event: &Event<'_>) -> String {
    format!("{event:?}\n")
}

/// What the reader tells of a stream that comes in these pieces.
fn events(pieces: &[&[u8]]) -> String {
    let mut told = String::new();
    let mut reader = StreamReader::default();
    let mut frames = Frames::default();
    let mut tell = |frame: crate::translate::frames::Frame<'_>| {
        reader.read(frame, &mut |event| told += &line(&event));
    };
    for piece in pieces {
        frames.push(piece, &mut tell).unwrap();
    }
    frames.finish(&mut tell);
    told
}

fn whole_events(body: &str) -> String {
    let mut told = String::new();
    read_answer(body.as_bytes(), &mut |event| told += &line(&event)).unwrap();
    told
}

/// What a client of Gemini's gets of a stream of Gemini's.
fn translated(stream: &[u8], as_array: bool) -> String {
    let (dialect, names) = (Dialect::Gemini, ClientNames::default());
    let mut translator = StreamTranslator::new(dialect, dialect, names, envelope(as_array));
    let mut out = BytesMut::new();
    translator.push(stream, &mut out);
    translator.finish(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

/// What a client gets of these events.
fn written(told: Vec<Event<'_>>, as_array: bool) -> String {
    let mut order = Order::new(ClientNames::default(), "id7".to_owned());
    let mut writer = StreamWriter::new(envelope(as_array));
    let mut out = BytesMut::new();
    for event in told {
        order.push(event, &mut |step| writer.write(&step, &mut out));
    }
    order.finish(&mut |step| writer.write(&step, &mut out));
    String::from_utf8(out.to_vec()).unwrap()
}

/// The chunks of an event stream; each must be one line of data.
fn chunks(stream: &str) -> Vec<Value> {
    let events = stream.strip_suffix("\r\n\r\n").unwrap().split("\r\n\r\n");
    events
        .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
        .collect()
}

fn call(slot: u32, name: &'static str) -> Event<'static> {
    let id = Some(format!("call-{slot}").into());
    Event::Call { slot, id, name: Some(name.into()), input: InputKind::Json }
}

fn input(slot: u32, piece: &'static str) -> Event<'static> {
    Event::CallInput { slot, piece: piece.into() }
}

#[test]
fn fixtures_are_read() {
    insta::assert_snapshot!("events_g02", events(&[TEXT]));
    insta::assert_snapshot!("events_g05", events(&[TOOLS]));
    insta::assert_snapshot!("events_g01", whole_events(&body_of(WHOLE_TEXT)));
    insta::assert_snapshot!("events_g04", whole_events(&body_of(WHOLE_TOOLS)));
    insta::assert_snapshot!("events_g10", whole_events(&body_of(BLOCKED)));
}

#[test]
fn a_stream_reads_the_same_at_any_cut() {
    for stream in [TEXT, TOOLS] {
        let expected = events(&[stream]);
        for cut in 0..=stream.len() {
            assert_eq!(events(&[&stream[..cut], &stream[cut..]]), expected, "cut at {cut}");
        }
    }
}

#[test]
fn an_array_reads_like_the_stream_it_is() {
    let array = std::str::from_utf8(ARRAY).unwrap();
    assert_eq!(whole_events(array), events(&[TEXT]));
}

#[test]
fn fixtures_are_written() {
    insta::assert_snapshot!("stream_g05", translated(TOOLS, false).replace('\r', "\\r"));
    insta::assert_snapshot!("stream_g02_array", translated(TEXT, true).replace('\r', "\\r"));
    for (name, exchange) in
        [("answer_g01", WHOLE_TEXT), ("answer_g04", WHOLE_TOOLS), ("answer_g10", BLOCKED)]
    {
        let (dialect, names) = (Dialect::Gemini, ClientNames::default());
        let body = body_of(exchange);
        let answer =
            translate_answer(dialect, dialect, names, &envelope(false), body.as_bytes()).unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        insta::assert_snapshot!(name, format!("{answer:#}"));
    }
}

#[test]
fn the_same_calls_come_from_every_dialect() {
    let streams: [(Dialect, &[u8]); 4] = [
        (
            Dialect::Anthropic,
            include_bytes!("../../../tests/fixtures/anthropic/a04-tools-parallel.stream.sse"),
        ),
        (
            Dialect::OpenAiChat,
            include_bytes!("../../../tests/fixtures/openai-chat/c04-tools-parallel.stream.sse"),
        ),
        (
            Dialect::OpenAiResponses,
            include_bytes!(
                "../../../tests/fixtures/openai-responses/r04-tools-reasoning.stream.sse"
            ),
        ),
        (Dialect::Gemini, TOOLS),
    ];
    let mut told = String::new();
    for (upstream, stream) in streams {
        let names = ClientNames::default();
        let mut translator =
            StreamTranslator::new(upstream, Dialect::Gemini, names, envelope(false));
        let mut out = BytesMut::new();
        translator.push(stream, &mut out);
        translator.finish(&mut out);
        told.extend([format!("{upstream:?}\n")]);
        for chunk in chunks(std::str::from_utf8(&out).unwrap()) {
            let candidate = &chunk["candidates"][0];
            let end = candidate.get("finishReason").map(|_| chunk.to_string());
            let part = candidate["content"]["parts"][0].to_string();
            told.extend(["    ".to_owned(), end.unwrap_or(part), "\n".to_owned()]);
        }
    }
    insta::assert_snapshot!("stream_of_every_dialect", told);
    let call = r#""name":"get_weather","args":{"location":"Paris \"FR\""}"#;
    assert_eq!(told.matches(call).count(), 4, "{told}");
}

#[test]
fn an_array_is_json_however_it_ends() {
    let failure = Failure {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "overloaded".to_owned(),
        message: "too much".to_owned(),
    };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (vec![],                                                        1, "nothing said"),
        (vec![Event::Text("a".into()), Event::Text("b".into())],        3, "two pieces and the end"),
        (vec![Event::Failed(failure.clone())],                          1, "a failure at once"),
        (vec![Event::Text("a".into()), Event::Failed(failure)],         2, "a failure in the middle"),
    ];
    for (told, expected, why) in cases {
        let array: Value = serde_json::from_str(&written(told, true)).unwrap();
        assert_eq!(array.as_array().unwrap().len(), expected, "{why}");
    }
}

/// 4.5, mid-stream error: in the client's dialect, and the last word.
#[test]
fn trap_mid_stream_error() {
    let stream = b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\r\n\r\n\
        data: {\"error\":{\"code\":503,\"message\":\"The model is overloaded.\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n\
        data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}\r\n\r\n";
    let chunks = chunks(&translated(stream, false));
    assert_eq!(chunks.len(), 2);
    let error = json!({ "error": { "code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE" } });
    assert_eq!(chunks[1], error);
}

#[test]
fn interleaved_calls_are_written_one_after_the_other() {
    let stream = written(
        vec![
            call(0, "a"),
            call(1, "b"),
            input(0, "{\"x\":"),
            input(1, "{\"y\":\n"),
            Event::Text("done".into()),
            input(0, "\"é\"}"),
            input(1, "2}"),
        ],
        false,
    );
    let parts: Vec<Value> = chunks(&stream)
        .into_iter()
        .map(|chunk| {
            assert_eq!(chunk["candidates"][0]["content"]["role"], "model", "{chunk}");
            chunk["candidates"][0]["content"]["parts"][0].clone()
        })
        .collect();
    let expected = json!([
        { "functionCall": { "id": "call-0", "name": "a", "args": { "x": "é" } } },
        { "functionCall": { "id": "call-1", "name": "b", "args": { "y": 2 } } },
        { "text": "done" },
        { "text": "" },
    ]);
    assert_eq!(Value::Array(parts), expected);
}

#[test]
fn arguments_are_always_an_object() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (vec![call(0, "f")],                                json!({}),                   "none"),
        (vec![call(0, "f"), input(0, "{\"a\":1}")],         json!({ "a": 1 }),           "an object"),
        (vec![call(0, "f"), input(0, "[1]")],               json!({ "input": "[1]" }),   "a list"),
        (vec![call(0, "f"), input(0, "{\"a\":")],           json!({ "input": "{\"a\":" }), "cut off"),
    ];
    for (told, expected, why) in cases {
        let chunks = chunks(&written(told, false));
        let part = &chunks[0]["candidates"][0]["content"]["parts"][0];
        assert_eq!(part["functionCall"]["args"], expected, "{why}");
        assert_eq!(chunks[1]["candidates"][0]["finishReason"], "STOP", "{why}");
    }
}

#[test]
fn arguments_without_end_are_given_up() {
    let mebibyte: &'static str = "x".repeat(1 << 20).leak();
    let mut told = vec![call(0, "f"), input(0, "{\"a\":\"")];
    told.extend((0..64).map(|_| input(0, mebibyte)));
    let chunks = chunks(&written(told, false));
    assert_eq!(chunks.len(), 1, "only the error");
    assert_eq!(chunks[0]["error"]["code"], 502);
}

/// 4.5, cross-provider reasoning: neither proof reaches the other side.
#[test]
fn trap_cross_provider_reasoning_in_answers() {
    assert!(!events(&[TOOLS]).contains("Signature"), "Gemini's is told");
    let told = vec![Event::Thinking("hm".into()), Event::Signature("c2ln".into())];
    let stream = written(told, false);
    assert!(stream.contains("\"thought\":true") && !stream.contains("c2ln"), "{stream}");
}

#[test]
fn reasons_are_mapped_and_nothing_is_silently_empty() {
    let stop = |reason| format!("{:?}", Event::Stop(reason));
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("STOP",                    true,  stop(StopReason::EndTurn),   "the end"),
        ("STOP",                    false, stop(StopReason::EndTurn),   "an answer may be empty"),
        ("MAX_TOKENS",              true,  stop(StopReason::MaxTokens), "too long"),
        ("SAFETY",                  false, stop(StopReason::Refusal),   "refused"),
        ("PROHIBITED_CONTENT",      false, stop(StopReason::Refusal),   "refused"),
        ("BLOCKLIST",               false, stop(StopReason::Refusal),   "refused"),
        ("SPII",                    false, stop(StopReason::Refusal),   "refused"),
        ("RECITATION",              true,  stop(StopReason::Refusal),   "refused in the middle"),
        ("MALFORMED_FUNCTION_CALL", false, "the model wrote a tool call that cannot be read (MALFORMED_FUNCTION_CALL): why".to_owned(), "a failure"),
        ("UNEXPECTED_TOOL_CALL",    true,  "(UNEXPECTED_TOOL_CALL): why".to_owned(), "a failure, whatever was said"),
        ("MISSING_THOUGHT_SIGNATURE", false, "(MISSING_THOUGHT_SIGNATURE): why".to_owned(), "a failure"),
        ("OTHER",                   true,  stop(StopReason::EndTurn),   "something was said"),
        ("OTHER",                   false, "the model ended without an answer (OTHER): why".to_owned(), "nothing was said"),
        ("SOMETHING_NEW",           false, "the model ended without an answer (SOMETHING_NEW): why".to_owned(), "unknown"),
    ];
    for (reason, speaks, expected, why) in cases {
        let parts = if speaks { json!([{ "text": "a" }]) } else { json!([]) };
        let body = json!({ "candidates": [{ "content": { "parts": parts }, "finishReason": reason, "finishMessage": "why" }] });
        let told = whole_events(&body.to_string());
        assert!(told.lines().last().unwrap().contains(&expected), "{reason}, {why}: {told}");
    }
}

#[test]
fn usage_is_counted_once_and_never_below_nothing() {
    let usage = |input, cache_read, output, reasoning| Usage {
        input,
        cache_read,
        cache_write: None,
        output,
        reasoning,
    };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!({ "promptTokenCount": 60, "candidatesTokenCount": 24, "thoughtsTokenCount": 48, "cachedContentTokenCount": 40 }), usage(Some(20), Some(40), Some(72), Some(48)), "all of it"),
        (json!({ "promptTokenCount": 9 }),                                                           usage(Some(9), Some(0), None, None),       "the beginning"),
        (json!({ "promptTokenCount": 9, "cachedContentTokenCount": 12 }),                            usage(Some(0), Some(12), None, None),      "more cached than there is"),
        (json!({ "promptTokenCount": 9, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 1 }),  usage(Some(14), Some(0), Some(1), None),   "what tools said is input"),
        (json!({ "promptTokenCount": -1, "candidatesTokenCount": -1 }),                              usage(Some(0), Some(0), Some(0), None),    "nonsense"),
    ];
    for (metadata, expected, why) in cases {
        let body = json!({ "candidates": [{ "content": {} }], "usageMetadata": metadata });
        assert_eq!(
            whole_events(&body.to_string()),
            format!("{:?}\n", Event::Usage(expected)),
            "{why}"
        );
    }
}

#[test]
fn usage_comes_back_as_it_was() {
    let chunks = chunks(&translated(TOOLS, false));
    let (last, others) = chunks.split_last().unwrap();
    let expected = json!({ "promptTokenCount": 60, "candidatesTokenCount": 24, "totalTokenCount": 132, "thoughtsTokenCount": 48, "cachedContentTokenCount": 40 });
    assert_eq!(last["usageMetadata"], expected);
    assert!(others.iter().all(|chunk| chunk.get("usageMetadata").is_none()), "given once");
}

#[test]
fn what_is_no_answer_is_unreadable() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("<html>",                     "no JSON"),
        ("{}",                         "nothing"),
        (r#"{"candidates":[]}"#,       "no candidate, no reason"),
        (r#"{"candidates":[{"content":{"parts":[{"text":7}]}}]}"#, "a text that is none"),
    ];
    for (body, why) in cases {
        assert!(read_answer(body.as_bytes(), &mut |_| {}).is_err(), "{why}");
    }
}

#[test]
fn unknown_events_are_passed_over() {
    let stream = b"data: nonsense\n\ndata: {\"new\":1}\n\ndata: {\"candidates\":[{\"index\":1,\"content\":{\"parts\":[{\"text\":\"other\"}]}},{\"index\":0,\"content\":{\"parts\":[{\"executableCode\":{}},{\"text\":\"a\"}]}}]}\n\n";
    assert_eq!(events(&[stream]), "Text(\"a\")\n");
}
