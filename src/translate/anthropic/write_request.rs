//! A request for Claude, written.
//!
//! How hard to think is not written here, but that the client wants to read it is. JSON of any shape
//! has no word: OpenAI takes that setting only with a prompt that asks for JSON, so the model is told
//! already, and the missing guarantee is noted. What several models refuse is left out for those
//! alone, by family and version (`model`).

mod cache;
mod model;
mod parts;
mod tools;
mod wire;

use self::model::Claude;
use self::wire::{Block, Body, Metadata, OutputConfig, SchemaFormat, ThinkingDisplay, WireTurn};
use super::super::Outgoing;
use super::super::dropped::Dropped;
use super::super::request::{OutputFormat, Part, Request, Role, Sampling, Turn};
use crate::types::Thinking;

/// Says nothing, where the API demands that a user says something.
const FILLER: &str = "...";

/// More than this the API refuses.
const MAX_USER_BYTES: usize = 256;

pub fn write_request(outgoing: &Outgoing<'_>, dropped: &mut Dropped) -> Vec<u8> {
    let request = outgoing.request;
    let claude = Claude::of(outgoing.model.nature);
    let (system, turns) = outgoing.split_system();
    let mut system = system.map(|turn| system_blocks(turn, dropped)).unwrap_or_default();
    let mut messages = messages(outgoing, turns, dropped);
    let mut tools = tools::write(outgoing, dropped);
    let tool_choice = tools::choice(outgoing, tools.len());
    cache::settle(&mut tools, &mut system, &mut messages);
    note_the_unsayable(request, dropped);
    let sampling = sampling(&request.sampling, claude, dropped);
    let body = Body {
        model: outgoing.model.name,
        max_tokens: request.max_output_tokens.unwrap_or_else(|| claude.default_max_tokens()),
        system,
        messages,
        tools,
        tool_choice,
        thinking: shows_thinking(request, claude).then_some(ThinkingDisplay::SUMMARIZED),
        output_config: output_config(&request.output, dropped),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        stop_sequences: stop_sequences(&request.stop_sequences, dropped),
        metadata: metadata(request.user.as_deref(), dropped),
        stream: request.streams,
    };
    serde_json::to_vec(&body).expect("strings, finite numbers and raw JSON always serialise")
}

fn system_blocks<'a>(turn: &'a Turn, dropped: &mut Dropped) -> Vec<Block<'a>> {
    let mut blocks = Vec::new();
    for part in &turn.parts {
        match part {
            Part::Text(text) => blocks.extend(parts::text(text)),
            _ => dropped.note("system_media"),
        }
    }
    blocks
}

/// Turns of one role are one again: system turns in between are the user's here.
fn messages<'a>(
    outgoing: &Outgoing<'a>,
    turns: &'a [Turn],
    dropped: &mut Dropped,
) -> Vec<WireTurn<'a>> {
    let mut messages: Vec<WireTurn<'a>> = Vec::with_capacity(turns.len() + 1);
    let mut push = |role: &'static str, content: Vec<Block<'a>>| match messages.last_mut() {
        _ if content.is_empty() => {}
        Some(last) if last.role == role => last.content.extend(content),
        _ => messages.push(WireTurn { role, content }),
    };
    for turn in turns {
        let blocks = parts::blocks(outgoing, turn, dropped);
        push(if turn.role == Role::Assistant { "assistant" } else { "user" }, blocks);
    }
    let is_user = |message: Option<&WireTurn<'_>>| message.is_some_and(|it| it.role == "user");
    let filler = || WireTurn { role: "user", content: vec![Block::plain(FILLER)] };
    if !is_user(messages.first()) {
        messages.insert(0, filler());
    }
    if !is_user(messages.last()) {
        messages.push(filler());
    }
    messages
}

/// What is in the request and has no word here.
fn note_the_unsayable(request: &Request, dropped: &mut Dropped) {
    let is_set = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty != 0.0);
    let Sampling { seed, presence_penalty, frequency_penalty, .. } = request.sampling;
    let unsayable = [
        (seed.is_some(), "seed"),
        (is_set(presence_penalty), "presence_penalty"),
        (is_set(frequency_penalty), "frequency_penalty"),
        (request.verbosity.is_some(), "verbosity"),
        // The cache needs no key here: what begins alike is found.
    ];
    for (is_there, name) in unsayable {
        if is_there {
            dropped.note(name);
        }
    }
}

/// Newer models refuse two knobs at once, the newest any knob that is not at its default.
fn sampling(asked: &Sampling, claude: Claude, dropped: &mut Dropped) -> Sampling {
    let temperature = asked.temperature.filter(|value| value.is_finite());
    let temperature = temperature.map(|value| value.clamp(0.0, 1.0));
    let mut left =
        Sampling { temperature, top_p: asked.top_p, top_k: asked.top_k, ..Sampling::default() };
    let is_default = |value: f64| (value - 1.0).abs() < f64::EPSILON;
    if left.temperature.is_some() && left.top_p.is_some() || claude.refuses_sampling() {
        left.temperature = left.temperature.filter(|value| !is_default(*value));
        left.top_p = left.top_p.filter(|value| !is_default(*value));
    }
    if claude.refuses_sampling() {
        if left.temperature.take().is_some() {
            dropped.note("temperature");
        }
        if left.top_p.take().is_some() {
            dropped.note("top_p");
        }
        if left.top_k.take().is_some() {
            dropped.note("top_k");
        }
    } else if left.temperature.is_some() && left.top_p.take().is_some() {
        dropped.note("top_p");
    }
    left
}

/// `display` is completed by what is set for the thinking itself; without it newer models think in
/// silence. Older ones show their thinking anyway, and know no such member.
fn shows_thinking(request: &Request, claude: Claude) -> bool {
    let thinks = request.thinking.is_some_and(|thinking| thinking != Thinking::Off);
    thinks && request.shows_thinking == Some(true) && claude.hides_thinking()
}

fn output_config<'a>(output: &'a OutputFormat, dropped: &mut Dropped) -> Option<OutputConfig<'a>> {
    match output {
        OutputFormat::Text => None,
        OutputFormat::Json => {
            dropped.note("json_output");
            None
        }
        OutputFormat::Schema { schema, .. } => {
            Some(OutputConfig { format: SchemaFormat { kind: "json_schema", schema } })
        }
    }
}

/// The API refuses blank ones.
fn stop_sequences<'a>(asked: &'a [String], dropped: &mut Dropped) -> Vec<&'a str> {
    let kept: Vec<&str> =
        asked.iter().map(String::as_str).filter(|sequence| !sequence.trim().is_empty()).collect();
    if kept.len() < asked.len() {
        dropped.note("stop_sequences");
    }
    kept
}

fn metadata<'a>(user: Option<&'a str>, dropped: &mut Dropped) -> Option<Metadata<'a>> {
    let user_id = user.filter(|user| !user.is_empty())?;
    if user_id.len() > MAX_USER_BYTES {
        dropped.note("user");
        return None;
    }
    Some(Metadata { user_id })
}
