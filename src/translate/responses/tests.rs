//! Goldens here, where their snapshots stand beside the module; tables and properties below.

use bytes::BytesMut;

use super::super::event::{Answer, Envelope, Event, Step};
use super::super::frames::{Frame, Frames};
use super::super::names::ClientNames;
use super::super::order::Order;
use super::super::request::{Part, Request, ToolInput, Turn};
use super::super::stream::{ReadStream as _, WriteStream as _};
use super::super::whole::Collector;
use super::*;
use crate::types::Dialect;

mod answers;
mod reading;
mod streams;
mod traps;
mod writing;

const R01: &[u8] =
    include_bytes!("../../../tests/fixtures/openai-responses/r01-text.exchange.json");
const R02: &[u8] = include_bytes!("../../../tests/fixtures/openai-responses/r02-text.stream.sse");
const R03: &[u8] =
    include_bytes!("../../../tests/fixtures/openai-responses/r03-tools-reasoning.request.json");
const R04: &[u8] =
    include_bytes!("../../../tests/fixtures/openai-responses/r04-tools-reasoning.stream.sse");
const R05: &[u8] = include_bytes!("../../../tests/fixtures/openai-responses/r05-failed.stream.sse");
const R06: &[u8] =
    include_bytes!("../../../tests/fixtures/openai-responses/r06-incomplete.stream.sse");
const R07: &[u8] =
    include_bytes!("../../../tests/fixtures/openai-responses/r07-error-event.stream.sse");
const R08: &str = include_str!("../../../tests/fixtures/openai-responses/r08-websocket.jsonl");
const CODEX: &[u8] =
    include_bytes!("../../../tests/fixtures/openai-responses/r10-codex.request.json");

fn envelope() -> Envelope {
    Envelope {
        id: "x1".to_owned(),
        model: "gpt-5-mini".to_owned(),
        created: 1_795_000_000,
        wants_usage: true,
        as_array: false,
    }
}

/// The events of a stream that comes in these pieces.
fn read_stream(pieces: &[&[u8]], tell: &mut dyn FnMut(Event<'_>)) {
    let mut frames = Frames::default();
    let mut reader = StreamReader::default();
    let mut take = |frame: Frame<'_>| reader.read(frame, tell);
    for piece in pieces {
        frames.push(piece, &mut take).unwrap();
    }
    frames.finish(&mut take);
}

fn events_of(pieces: &[&[u8]]) -> Vec<String> {
    let mut seen = Vec::new();
    read_stream(pieces, &mut |event| seen.push(format!("{event:?}")));
    seen
}

/// A stream of these objects.
fn stream_of<'a>(objects: impl IntoIterator<Item = &'a str>) -> String {
    objects.into_iter().flat_map(|json| ["data: ", json, "\n\n"]).collect()
}

fn events_of_json(objects: &[&str]) -> Vec<String> {
    events_of(&[stream_of(objects.iter().copied()).as_bytes()])
}

/// A stream, read and written again.
fn rewritten(stream: &[u8]) -> String {
    let mut order = Order::new(ClientNames::default(), "x1".to_owned());
    let mut writer = StreamWriter::new(envelope());
    let mut out = BytesMut::new();
    let mut write = |step: Step<'_>| writer.write(&step, &mut out);
    read_stream(&[stream], &mut |event| order.push(event, &mut write));
    order.finish(&mut write);
    String::from_utf8(out.to_vec()).unwrap()
}

/// What a writer makes of `steps`.
fn written(steps: &[Step<'_>]) -> String {
    let mut writer = StreamWriter::new(envelope());
    let mut out = BytesMut::new();
    for step in steps {
        writer.write(step, &mut out);
    }
    String::from_utf8(out.to_vec()).unwrap()
}

/// The `data` of a stream's events.
fn objects(stream: &str) -> Vec<serde_json::Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|json| serde_json::from_str(json).unwrap()).collect()
}

fn collected(read: impl FnOnce(&mut dyn FnMut(Event<'_>))) -> Answer {
    let mut order = Order::new(ClientNames::default(), "x1".to_owned());
    let mut collector = Collector::default();
    read(&mut |event| order.push(event, &mut |step| collector.take(step)));
    order.finish(&mut |step| collector.take(step));
    collector.finish().unwrap()
}

/// A conversation, one line for each turn.
fn sketch(turns: &[Turn]) -> String {
    let input = |input: &ToolInput| match input {
        ToolInput::Json(json) => json.get().to_owned(),
        ToolInput::Text(text) => format!("text {text:?}"),
    };
    let part = |part: &Part| match part {
        Part::Text(text) => format!("{:?}", text.text),
        Part::Media(media) => format!("{:?} {:?}", media.kind, media.source),
        Part::Thinking(thought) => format!("thought {:?} {:?}", thought.text, thought.signature),
        Part::ToolCall(call) => format!("call {} {:?} {}", call.id, call.name, input(&call.input)),
        Part::ToolResult(result) => {
            let texts = result.parts.iter().map(|part| match part {
                Part::Text(text) => format!("{:?}", text.text),
                Part::Media(media) => format!("{:?}", media.kind),
                _ => panic!("texts and media only"),
            });
            format!("result {} {}", result.id, texts.collect::<Vec<_>>().join(" "))
        }
    };
    let turn = |turn: &Turn| {
        let parts: Vec<String> = turn.parts.iter().map(part).collect();
        format!("{:?}: {}", turn.role, parts.join(" | "))
    };
    turns.iter().map(turn).collect::<Vec<_>>().join("\n")
}

fn read_back(written: &[u8]) -> Request {
    read_request(written).unwrap()
}

fn pretty(json: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(json).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

fn body_of(exchange: &[u8], side: &str) -> Vec<u8> {
    let exchange: serde_json::Value = serde_json::from_slice(exchange).unwrap();
    exchange[side]["body"].to_string().into_bytes()
}

#[test]
fn golden_requests_are_read() {
    insta::assert_snapshot!("read_r01", format!("{:#?}", read_back(&body_of(R01, "request"))));
    insta::assert_snapshot!("read_r03", format!("{:#?}", read_back(R03)));
    let codex = read_back(CODEX);
    insta::assert_snapshot!("read_codex_turns", sketch(&codex.turns));
    insta::assert_snapshot!("read_codex_tools", format!("{:#?}", codex.tools));
    let rest = Request { turns: Vec::new(), tools: Vec::new(), ..codex };
    insta::assert_snapshot!("read_codex_settings", format!("{rest:#?}"));
}

#[test]
fn golden_requests_are_written() {
    for (name, request) in [("r01", body_of(R01, "request")), ("r03", R03.to_vec())] {
        let request = read_back(&request);
        let written = super::super::write_request(&request, Dialect::OpenAiResponses, "gpt-5-mini");
        let dropped = written.dropped.to_field().unwrap_or_default();
        let text = format!("dropped: {dropped}\n{}", pretty(&written.body));
        insta::assert_snapshot!(format!("write_{name}"), text);
    }
}

#[test]
fn golden_streams_are_read() {
    for (name, stream) in [("r02", R02), ("r04", R04), ("r05", R05), ("r06", R06), ("r07", R07)] {
        insta::assert_snapshot!(format!("stream_{name}"), events_of(&[stream]).join("\n"));
    }
}

#[test]
fn golden_streams_are_written() {
    for (name, stream) in [("r02", R02), ("r04", R04), ("r05", R05), ("r06", R06)] {
        insta::assert_snapshot!(format!("rewrite_{name}"), rewritten(stream));
    }
}

#[test]
fn golden_answers_are_read_and_written() {
    let answer = collected(|tell| read_answer(&body_of(R01, "response"), tell).unwrap());
    insta::assert_snapshot!("answer_r01", pretty(&write_answer(&answer, &envelope())));
    let answer = collected(|tell| read_stream(&[R04], tell));
    insta::assert_snapshot!("answer_r04", pretty(&write_answer(&answer, &envelope())));
}
