//! Every dialect through every other: what one client says must mean the same to each provider, and
//! what one provider says the same to each client.
//!
//! What is compared is meaning, as the readers understand it: words, calls, results, reasons, sums.
//! The losses that are stated in `docs/translation.md` are stated here once more, by hand.

/// One of the wire samples under `tests/fixtures`.
macro_rules! fixture {
    ($path:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/", $path))
    };
}

mod answers;
mod cuts;
mod requests;
mod round_trip;
mod shape;
mod sisters;
mod streams;
mod traps;

use bytes::BytesMut;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::event::{Answer, Event, WholeBlock};
use super::frames::Frames;
use super::order::Order;
use super::request::{
    Media, MediaSource, OutputFormat, Part, Role, Text, Tool, ToolChoice, ToolResult,
};
use super::stream::ReadStream;
use super::whole::Collector;
use super::*;
use crate::types::Dialect::{Anthropic, Gemini, OpenAiChat as Chat, OpenAiResponses as Responses};

const ALL: [Dialect; 4] = [Anthropic, Chat, Responses, Gemini];

/// Each dialect and each other one.
fn pairs() -> impl Iterator<Item = (Dialect, Dialect)> {
    ALL.into_iter()
        .flat_map(|from| ALL.into_iter().map(move |to| (from, to)))
        .filter(|(from, to)| from != to)
}

/// A model that takes all that its dialect has words for.
const fn model_of(dialect: Dialect) -> &'static str {
    match dialect {
        Anthropic => "claude-sonnet-4-5",
        Chat | Responses => "gpt-4.1",
        Gemini => "gemini-3-pro-preview",
    }
}

fn envelope() -> Envelope {
    Envelope {
        id: "x".to_owned(),
        model: "any-model".to_owned(),
        created: 1_795_000_000,
        wants_usage: true,
        as_array: false,
    }
}

/// One recorded call, its bodies as they were.
#[derive(Deserialize)]
struct Exchange {
    request: Recorded,
    response: Recorded,
}

#[derive(Deserialize)]
struct Recorded {
    body: Box<RawValue>,
}

const EXCHANGES: [(&str, Dialect, &[u8]); 7] = [
    ("a01", Anthropic, fixture!("anthropic/a01-text.exchange.json")),
    ("a06", Anthropic, fixture!("anthropic/a06-thinking-omitted-cache.exchange.json")),
    ("c01", Chat, fixture!("openai-chat/c01-text.exchange.json")),
    ("r01", Responses, fixture!("openai-responses/r01-text.exchange.json")),
    ("g01", Gemini, fixture!("gemini/g01-text.exchange.json")),
    ("g04", Gemini, fixture!("gemini/g04-tools-parallel.exchange.json")),
    ("g10", Gemini, fixture!("gemini/g10-blocked.exchange.json")),
];

const CONVERSATIONS: [(&str, Dialect, &[u8]); 6] = [
    ("a03", Anthropic, fixture!("anthropic/a03-tools.request.json")),
    ("a07", Anthropic, fixture!("anthropic/a07-image.request.json")),
    ("c03", Chat, fixture!("openai-chat/c03-tools-image.request.json")),
    ("r03", Responses, fixture!("openai-responses/r03-tools-reasoning.request.json")),
    ("r10", Responses, fixture!("openai-responses/r10-codex.request.json")),
    ("g03", Gemini, fixture!("gemini/g03-tools.request.json")),
];

const STREAMS: [(&str, Dialect, &[u8]); 11] = [
    ("a02", Anthropic, fixture!("anthropic/a02-text.stream.sse")),
    ("a04", Anthropic, fixture!("anthropic/a04-tools-parallel.stream.sse")),
    ("a05", Anthropic, fixture!("anthropic/a05-thinking-tool.stream.sse")),
    ("c02", Chat, fixture!("openai-chat/c02-text.stream.sse")),
    ("c04", Chat, fixture!("openai-chat/c04-tools-parallel.stream.sse")),
    ("c05", Chat, fixture!("openai-chat/c05-reasoning-compat.stream.sse")),
    ("r02", Responses, fixture!("openai-responses/r02-text.stream.sse")),
    ("r04", Responses, fixture!("openai-responses/r04-tools-reasoning.stream.sse")),
    ("r06", Responses, fixture!("openai-responses/r06-incomplete.stream.sse")),
    ("g02", Gemini, fixture!("gemini/g02-text.stream.sse")),
    ("g05", Gemini, fixture!("gemini/g05-thinking-tools.stream.sse")),
];

fn exchange(fixture: &[u8]) -> Exchange {
    serde_json::from_slice(fixture).unwrap()
}

/// Every request that was recorded, by its name and its dialect.
fn recorded_requests() -> Vec<(&'static str, Dialect, Vec<u8>)> {
    let exchanges = EXCHANGES.into_iter().map(|(name, dialect, json)| {
        (name, dialect, exchange(json).request.body.get().as_bytes().to_vec())
    });
    let conversations = CONVERSATIONS.map(|(name, dialect, json)| (name, dialect, json.to_vec()));
    exchanges.chain(conversations).collect()
}

fn read(dialect: Dialect, body: &[u8]) -> Request {
    let request = read_request(dialect, body, true);
    request.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(body)))
}

/// What a provider understands of a request that was written for it, under the client's names.
fn read_back(written: &Written, upstream: Dialect) -> Request {
    let mut back = read(upstream, &written.body);
    let own = |name: &mut String| *name = written.names.client_name(name).to_owned();
    for tool in &mut back.tools {
        match tool {
            Tool::Function(function) => own(&mut function.name),
            Tool::Custom { name, .. } => own(name),
            Tool::WebSearch => {}
        }
    }
    for part in back.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if let Part::ToolCall(call) = part {
            own(&mut call.name);
        }
    }
    if let Some(ToolChoice::Named(name)) = &mut back.tool_choice {
        own(name);
    }
    back
}

/// A conversation, a line for each turn, call and result; pictures and files apart, since some
/// dialects have no place for them inside a result. Thinking is not in it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sketch {
    lines: Vec<String>,
    media: Vec<String>,
}

fn sketch(turns: &[Turn]) -> Sketch {
    let mut sketch = Sketch::default();
    for turn in &settle(turns) {
        let mut said = Vec::new();
        for part in &turn.parts {
            match part {
                Part::Text(Text { text, .. }) if is_ours(text) => {}
                Part::Text(Text { text, .. }) => said.push(words(text)),
                Part::Media(media) => sketch.media.push(picture(media)),
                Part::Thinking(_) => {}
                Part::ToolCall(call) => {
                    sketch.lines.extend(line(turn.role, &std::mem::take(&mut said)));
                    sketch.lines.push(format!("call {} {}", call.name, call.input.to_json()));
                }
                Part::ToolResult(result) => {
                    let text = result_text(result, &mut sketch.media);
                    sketch.lines.push(text);
                }
            }
        }
        sketch.lines.extend(line(turn.role, &said));
    }
    sketch
}

/// What writers put in, where an API wants a turn or a caption.
fn is_ours(text: &str) -> bool {
    text == "..." || text.starts_with("From the result of ")
}

fn line(role: Role, said: &[String]) -> Option<String> {
    let said = said.join(" ");
    (!said.is_empty()).then(|| format!("{role:?}: {said}"))
}

/// Texts are joined by blanks here, by lines there.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Chat and Responses have no mark for a failure but the words of the result.
fn result_text(result: &ToolResult, media: &mut Vec<String>) -> String {
    let mut said = Vec::new();
    for part in &result.parts {
        match part {
            Part::Text(Text { text, .. }) => said.push(words(text)),
            Part::Media(one) => media.push(picture(one)),
            _ => panic!("results hold texts and media: {part:?}"),
        }
    }
    let said = said.join(" ");
    match said.strip_prefix("Error: ") {
        Some(why) => format!("failed: {why}"),
        None if result.is_error => format!("failed: {said}"),
        None => format!("result: {said}"),
    }
}

fn picture(media: &Media) -> String {
    match &media.source {
        MediaSource::Inline { media_type, data } => {
            format!("{:?} {media_type} {data}", media.kind)
        }
        MediaSource::Url { url, .. } => format!("{:?} {url}", media.kind),
        MediaSource::Text(text) => format!("{:?} {text}", media.kind),
    }
}

/// An answer, a line for each block; signatures are not in it.
fn sketch_blocks(blocks: &[WholeBlock]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for block in blocks {
        let (kind, text) = match block {
            WholeBlock::Text(text) => ("says ", text),
            WholeBlock::Thinking { text, .. } => ("thinks ", text),
            WholeBlock::Call { id, name, input, .. } => {
                lines.push(format!("calls {name} {input} as {id}"));
                continue;
            }
        };
        match lines.last_mut() {
            _ if text.is_empty() => {}
            Some(last) if last.starts_with(kind) => last.push_str(text),
            _ => lines.push(format!("{kind}{text}")),
        }
    }
    lines
}

fn reader_of(dialect: Dialect) -> Box<dyn ReadStream> {
    match dialect {
        Anthropic => Box::new(anthropic::StreamReader::default()),
        Chat => Box::new(chat::StreamReader::default()),
        Responses => Box::new(responses::StreamReader::default()),
        Gemini => Box::new(gemini::StreamReader::default()),
    }
}

/// What a client understands of a stream that has ended in an orderly way.
fn understood(dialect: Dialect, stream: &[u8]) -> Result<Answer, NoAnswer> {
    let mut reader = reader_of(dialect);
    let mut order = Order::new(ClientNames::default(), "x".to_owned());
    let mut collector = Collector::default();
    let mut frames = Frames::default();
    let mut tell = |frame: frames::Frame<'_>| {
        reader.read(frame, &mut |event: Event<'_>| {
            order.push(event, &mut |step| collector.take(step));
        });
    };
    frames.push(stream, &mut tell).unwrap();
    frames.finish(&mut tell);
    order.finish(&mut |step| collector.take(step));
    collector.finish()
}

/// A stream as a client of another dialect gets it, from these pieces and an orderly end.
fn translated<'a>(
    upstream: Dialect,
    client: Dialect,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let mut translator =
        StreamTranslator::new(upstream, client, ClientNames::default(), envelope());
    let mut out = BytesMut::new();
    for piece in pieces {
        translator.push(piece, &mut out);
    }
    translator.finish(&mut out);
    out.to_vec()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
