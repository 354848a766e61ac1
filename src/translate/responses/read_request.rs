//! A request, read: its settings here, its input and its tools below.

mod input;
mod parts;
mod tools;

use self::input::read_items;
use self::tools::{Tools, read_choice};
use super::super::dropped::Dropped;
use super::super::request::{OutputFormat, Part, Request, Role, Sampling, Turn};
use super::super::typed::{self, Unreadable};
use super::request_wire::{FormatIn, ReasoningIn, RequestIn, TextOr};
use crate::types::{Thinking, ThinkingLevel};

pub fn read_request(body: &[u8]) -> Result<Request, Unreadable> {
    let mut dropped = Dropped::default();
    let raw: RequestIn = typed::read(body, &mut dropped)?;
    refuse_state(&raw)?;
    note_unknown(&raw, &mut dropped);

    let mut tools = Tools::default();
    for tool in raw.tools.unwrap_or_default() {
        tools.add(tool, None, &mut dropped)?;
    }
    let mut turns = Vec::new();
    if let Some(instructions) = raw.instructions {
        turns.push(text_turn(Role::System, instructions));
    }
    match raw.input {
        Some(TextOr::Text(text)) => turns.push(text_turn(Role::User, text)),
        Some(TextOr::Other(items)) => read_items(items, &mut turns, &mut tools, &mut dropped)?,
        None => return Err(Unreadable("input: missing".to_owned())),
    }
    let tool_choice =
        raw.tool_choice.as_ref().and_then(|raw| read_choice(raw, &mut tools, &mut dropped));
    let (thinking, shows_thinking) = match raw.reasoning {
        Some(reasoning) => read_reasoning(&reasoning, &mut dropped),
        None => (None, None),
    };
    let (format, verbosity) = match raw.text {
        Some(text) => (text.format, text.verbosity),
        None => (None, None),
    };
    Ok(Request {
        turns,
        tools: tools.into_list(),
        tool_choice,
        parallel_tool_calls: raw.parallel_tool_calls,
        thinking,
        shows_thinking,
        max_output_tokens: raw.max_output_tokens,
        sampling: Sampling {
            temperature: raw.temperature,
            top_p: raw.top_p,
            ..Sampling::default()
        },
        stop_sequences: Vec::new(),
        output: format
            .map_or(Ok(OutputFormat::Text), |format| read_format(format, &mut dropped))?,
        verbosity,
        user: raw.safety_identifier.or(raw.user),
        prompt_cache_key: raw.prompt_cache_key,
        streams: raw.stream.unwrap_or(false),
        wants_usage: true,
        dropped,
    })
}

fn text_turn(role: Role, text: String) -> Turn {
    Turn { role, parts: vec![Part::Text(text.into())] }
}

/// Refuses what only a server that keeps responses can answer. To go on without it would answer
/// another question than was asked.
fn refuse_state(raw: &RequestIn) -> Result<(), Unreadable> {
    let leans_on = [
        ("previous_response_id", raw.previous_response_id.is_some()),
        ("conversation", raw.conversation.is_some()),
        ("prompt", raw.prompt.is_some()),
    ];
    if let Some((member, _)) = leans_on.into_iter().find(|(_, is_there)| *is_there) {
        return Err(stateful(member));
    }
    if raw.background == Some(true) {
        let why = "background: nobody here keeps a response to be asked for later; \
                   leave it out, and stream";
        return Err(Unreadable(why.to_owned()));
    }
    Ok(())
}

fn stateful(member: &str) -> Unreadable {
    Unreadable(format!(
        "{member}: this model is reached by translation, and nobody here keeps earlier responses \
         or prompts; send the whole input"
    ))
}

fn note_unknown(raw: &RequestIn, dropped: &mut Dropped) {
    let asks_logprobs = raw.top_logprobs.is_some_and(|count| count > 0)
        || raw.include.iter().flatten().any(|what| what == "message.output_text.logprobs");
    let members = [
        ("metadata", raw.metadata.as_ref().is_some_and(|metadata| !metadata.is_empty())),
        ("logprobs", asks_logprobs),
        ("max_tool_calls", raw.max_tool_calls.is_some()),
    ];
    for (member, _) in members.into_iter().filter(|(_, is_there)| *is_there) {
        dropped.note(member);
    }
}

fn read_reasoning(raw: &ReasoningIn, dropped: &mut Dropped) -> (Option<Thinking>, Option<bool>) {
    use ThinkingLevel::{ExtraHigh, High, Low, Max, Medium, Minimal};
    let thinking = match raw.effort.as_deref() {
        None => None,
        Some("none") => Some(Thinking::Off),
        Some("minimal") => Some(Thinking::Level(Minimal)),
        Some("low") => Some(Thinking::Level(Low)),
        Some("medium") => Some(Thinking::Level(Medium)),
        Some("high") => Some(Thinking::Level(High)),
        Some("xhigh") => Some(Thinking::Level(ExtraHigh)),
        Some("max") => Some(Thinking::Level(Max)),
        Some(_) => {
            dropped.note("reasoning.effort");
            None
        }
    };
    let summary = raw.summary.as_deref().or(raw.generate_summary.as_deref());
    (thinking, summary.map(|summary| summary != "none"))
}

fn read_format(raw: FormatIn, dropped: &mut Dropped) -> Result<OutputFormat, Unreadable> {
    Ok(match raw.kind.as_str() {
        "text" => OutputFormat::Text,
        "json_object" => OutputFormat::Json,
        "json_schema" => OutputFormat::Schema {
            name: raw.name.unwrap_or_default(),
            schema: raw
                .schema
                .ok_or_else(|| Unreadable("text.format.schema: missing".to_owned()))?,
            strict: raw.strict,
        },
        _ => {
            dropped.note("text.format");
            OutputFormat::Text
        }
    })
}
