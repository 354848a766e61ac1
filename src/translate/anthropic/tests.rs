//! Golden files of readers and writers, and what the tests of this folder share.

mod answers;
mod read_request;
mod round_trip;
mod streams;
mod write_request;
mod write_tools;

use std::fmt::Write as _;

use bytes::BytesMut;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::event::{Answer, Envelope, Event, InputKind, StopReason, Usage, WholeBlock};
use super::super::frames::Frames;
use super::super::names::ClientNames;
use super::super::request::{
    Function, MediaSource, Part, Request, Role, Text, Tool, ToolCall, ToolInput, Turn,
};
use super::super::stream::{ReadStream as _, StreamTranslator};
use super::super::{Written, write_request as write_for};
use super::{StreamReader, read_answer, read_request as read, write_answer};
use crate::types::Dialect;

const A01: &[u8] = include_bytes!("../../../tests/fixtures/anthropic/a01-text.exchange.json");
const A02: &[u8] = include_bytes!("../../../tests/fixtures/anthropic/a02-text.stream.sse");
const A03: &[u8] = include_bytes!("../../../tests/fixtures/anthropic/a03-tools.request.json");
const A04: &[u8] =
    include_bytes!("../../../tests/fixtures/anthropic/a04-tools-parallel.stream.sse");
const A05: &[u8] = include_bytes!("../../../tests/fixtures/anthropic/a05-thinking-tool.stream.sse");
const A06: &[u8] =
    include_bytes!("../../../tests/fixtures/anthropic/a06-thinking-omitted-cache.exchange.json");
const A07: &[u8] = include_bytes!("../../../tests/fixtures/anthropic/a07-image.request.json");
const A11: &[u8] =
    include_bytes!("../../../tests/fixtures/anthropic/a11-error-midstream.stream.sse");

fn envelope() -> Envelope {
    Envelope {
        id: "01x".to_owned(),
        model: "the-clients-name".to_owned(),
        created: 1_790_000_000,
        wants_usage: true,
        as_array: false,
    }
}

/// One member of a recorded exchange, as bytes.
fn body_of(exchange: &[u8], side: &str) -> Vec<u8> {
    let exchange: Value = serde_json::from_slice(exchange).unwrap();
    exchange[side]["body"].to_string().into_bytes()
}

fn read_json(json: &Value) -> Request {
    read(json.to_string().as_bytes()).unwrap()
}

fn write(request: &Request, model: &str) -> Written {
    write_for(request, Dialect::Anthropic, model)
}

fn written_json(request: &Request, model: &str) -> Value {
    serde_json::from_slice(&write(request, model).body).unwrap()
}

fn text(text: &str) -> Part {
    Part::Text(Text { text: text.to_owned(), cache: None })
}

fn turn(role: Role, parts: &[Part]) -> Turn {
    Turn { role, parts: parts.to_vec() }
}

/// A request of these turns and nothing else.
fn saying(turns: &[Turn]) -> Request {
    Request { turns: turns.to_vec(), ..Request::default() }
}

fn function(name: &str, schema: Option<&str>) -> Tool {
    let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
    Tool::Function(Function {
        name: name.to_owned(),
        description: None,
        schema: schema.map(raw),
        strict: None,
        cache: None,
    })
}

/// One line for each thing that is said.
fn sketch_turns(turns: &[Turn]) -> String {
    let mut lines = String::new();
    for turn in turns {
        writeln!(lines, "{:?}", turn.role).unwrap();
        for part in &turn.parts {
            sketch_part(&mut lines, "  ", part);
        }
    }
    lines
}

fn sketch_part(lines: &mut String, indent: &str, part: &Part) {
    lines.push_str(indent);
    match part {
        Part::Text(Text { text, cache }) => match cache {
            None => writeln!(lines, "text {text:?}"),
            Some(hint) => writeln!(lines, "text {text:?}, cached {:?}", hint.ttl),
        }
        .unwrap(),
        Part::Media(media) => {
            let source = match &media.source {
                MediaSource::Inline { media_type, data } => format!("{media_type} {data:.12}"),
                MediaSource::Url { url, .. } => url.clone(),
                MediaSource::Text(text) => format!("{text:?}"),
            };
            writeln!(lines, "{:?} {:?} {source}", media.kind, media.name).unwrap();
        }
        Part::Thinking(thought) => {
            let signature = thought.signature.as_ref().map(|it| (it.made_by, &it.value));
            writeln!(lines, "thought {:?} {signature:?}", thought.text).unwrap();
        }
        Part::ToolCall(call) => {
            writeln!(lines, "call {} {} {}", call.id, call.name, call.input.to_json()).unwrap();
        }
        Part::ToolResult(result) => {
            let cached = result.cache.as_ref().map(|hint| format!(", cached {:?}", hint.ttl));
            let cached = cached.unwrap_or_default();
            writeln!(lines, "result {} error {}{cached}", result.id, result.is_error).unwrap();
            for part in &result.parts {
                sketch_part(lines, &format!("{indent}  "), part);
            }
        }
    }
}

fn sketch(request: &Request) -> String {
    let mut lines = sketch_turns(&request.turns);
    for tool in &request.tools {
        match tool {
            Tool::Function(function) => {
                let schema = function.schema.as_ref().map(|schema| schema.get());
                writeln!(lines, "function {} {:?}", function.name, function.description).unwrap();
                writeln!(lines, "  strict {:?} {:?}", function.strict, function.cache).unwrap();
                writeln!(lines, "  {}", one_line(schema.unwrap_or_default())).unwrap();
            }
            other => writeln!(lines, "{other:?}").unwrap(),
        }
    }
    let Request { tool_choice, parallel_tool_calls, thinking, shows_thinking, .. } = request;
    let Request { max_output_tokens, sampling, stop_sequences, output, .. } = request;
    writeln!(lines, "choice {tool_choice:?}, parallel {parallel_tool_calls:?}").unwrap();
    writeln!(lines, "thinking {thinking:?}, shown {shows_thinking:?}").unwrap();
    writeln!(lines, "at most {max_output_tokens:?}, {sampling:?}").unwrap();
    writeln!(lines, "stop {stop_sequences:?}, output {output:?}").unwrap();
    writeln!(lines, "user {:?}, streams {}", request.user, request.streams).unwrap();
    writeln!(lines, "dropped {:?}", request.dropped.to_field()).unwrap();
    lines
}

fn one_line(json: &str) -> String {
    json.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn pretty(json: &[u8]) -> String {
    let value: Value = serde_json::from_slice(json).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

/// What the reader tells of a stream that comes in these pieces.
fn events(pieces: &[&[u8]]) -> Vec<String> {
    let mut frames = Frames::default();
    let mut reader = StreamReader::default();
    let mut told = Vec::new();
    let mut tell = |frame: super::super::frames::Frame<'_>| {
        reader.read(frame, &mut |event: Event<'_>| told.push(format!("{event:?}")));
    };
    for piece in pieces {
        frames.push(piece, &mut tell).unwrap();
    }
    frames.finish(&mut tell);
    told
}

/// What the reader tells of a whole answer.
fn told(body: &[u8]) -> Vec<String> {
    let mut told = Vec::new();
    read_answer(body, &mut |event: Event<'_>| told.push(format!("{event:?}"))).unwrap();
    told
}

/// A stream of Anthropic's, read and written again.
fn rewritten(stream: &[u8]) -> String {
    let (from, to) = (Dialect::Anthropic, Dialect::Anthropic);
    let mut translator = StreamTranslator::new(from, to, ClientNames::default(), envelope());
    let mut out = BytesMut::new();
    translator.push(stream, &mut out);
    translator.finish(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn requests_are_read() {
    insta::assert_snapshot!("read_request_a03", sketch(&read(A03).unwrap()));
    insta::assert_snapshot!("read_request_a07", sketch(&read(A07).unwrap()));
    insta::assert_snapshot!("read_request_a01", sketch(&read(&body_of(A01, "request")).unwrap()));
    insta::assert_snapshot!("read_request_a06", sketch(&read(&body_of(A06, "request")).unwrap()));
}

#[test]
fn requests_are_written() {
    let written = |body: &[u8], model: &str| pretty(&write(&read(body).unwrap(), model).body);
    insta::assert_snapshot!("write_request_a03", written(A03, "claude-sonnet-4-5"));
    insta::assert_snapshot!("write_request_a07", written(A07, "claude-sonnet-4-5"));
    insta::assert_snapshot!(
        "write_request_a06",
        written(&body_of(A06, "request"), "claude-opus-4-8")
    );
}

#[test]
fn custom_tools_and_web_search_are_written_as_claude_knows_them() {
    let custom = Tool::Custom { name: "patch".to_owned(), description: Some("Edits.".to_owned()) };
    let input = ToolInput::Text("*** a\n".to_owned());
    let patch = Part::ToolCall(ToolCall { id: "1".to_owned(), name: "patch".to_owned(), input });
    let turns = [turn(Role::User, &[text("q")]), turn(Role::Assistant, &[patch])];
    let request = Request { tools: vec![custom, Tool::WebSearch], ..saying(&turns) };
    let written = write(&request, "claude-sonnet-4-5");
    insta::assert_snapshot!("write_request_custom", pretty(&written.body));
    assert!(written.names.is_custom("patch"));
}

#[test]
fn streams_are_read() {
    insta::assert_snapshot!("read_stream_a02", events(&[A02]).join("\n"));
    insta::assert_snapshot!("read_stream_a04", events(&[A04]).join("\n"));
    insta::assert_snapshot!("read_stream_a05", events(&[A05]).join("\n"));
    insta::assert_snapshot!("read_stream_a11", events(&[A11]).join("\n"));
}

#[test]
fn streams_are_written() {
    insta::assert_snapshot!("write_stream_a02", rewritten(A02));
    insta::assert_snapshot!("write_stream_a04", rewritten(A04));
    insta::assert_snapshot!("write_stream_a05", rewritten(A05));
    insta::assert_snapshot!("write_stream_a11", rewritten(A11));
}

#[test]
fn answers_are_read() {
    let read = |exchange: &[u8]| told(&body_of(exchange, "response")).join("\n");
    insta::assert_snapshot!("read_answer_a01", read(A01));
    insta::assert_snapshot!("read_answer_a06", read(A06));
}

#[test]
fn answers_are_written() {
    let call = |id: &str, input: &str, kind| WholeBlock::Call {
        id: id.to_owned(),
        name: "t".to_owned(),
        input: input.to_owned(),
        kind,
    };
    let answer = Answer {
        blocks: vec![
            WholeBlock::Thinking { text: "foreign".to_owned(), signature: None },
            WholeBlock::Thinking { text: String::new(), signature: Some("s".to_owned()) },
            WholeBlock::Text("hello 🗼".to_owned()),
            call("1", r#"{"n":1.50}"#, InputKind::Json),
            call("2", "", InputKind::Json),
            call("3", r#"{"cut":"#, InputKind::Json),
            call("4", "free \"text\"", InputKind::Text),
        ],
        stop: StopReason::ToolUse,
        usage: Usage {
            input: Some(12),
            cache_read: Some(18_200),
            cache_write: Some(1520),
            output: Some(64),
            reasoning: Some(48),
        },
    };
    let json = write_answer(&answer, &envelope());
    insta::assert_snapshot!("write_answer_all", pretty(&json));
    let json = String::from_utf8(json).unwrap();
    assert!(json.contains(r#"{"n":1.50}"#), "numbers stay as written: {json}");
}
