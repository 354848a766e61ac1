//! A client's request, read.
//!
//! What only Claude knows is left out here: server tools but web search, files of its own store,
//! citations. Three things go without a note, since no client would miss them: Claude Code's
//! attribution (a system text that changes with every request and would ruin any cache), redacted
//! thinking (only Claude can read it) and members that are about Anthropic's own service.

mod parts;
mod wire;

use self::parts::Parts;
use self::wire::{
    Block, Body, CacheControl, Choice, Content, Format, Message, ThinkingConfig, ToolDef,
};
use super::super::dropped::Dropped;
use super::super::request::{
    CacheHint, Function, OutputFormat, Part, Request, Role, Sampling, Tool, ToolChoice, Turn,
};
use super::super::typed::{self, Unreadable};
use crate::types::{Thinking, ThinkingLevel};

/// How Claude Code marks its attribution.
const ATTRIBUTION: &str = "x-anthropic-billing-header:";

pub fn read_request(json: &[u8]) -> Result<Request, Unreadable> {
    let mut dropped = Dropped::default();
    let body: Body = typed::read(json, &mut dropped)?;
    let mut turns = Vec::with_capacity(body.messages.len() + 1);
    turns.extend(body.system.and_then(|system| system_turn(system, &mut dropped)));
    for (index, message) in body.messages.into_iter().enumerate() {
        turns.push(turn(index, message, &mut dropped)?);
    }
    if let Some(control) = body.cache_control {
        mark_last(&mut turns, control);
    }
    let mut tools = Vec::new();
    for (index, tool) in body.tools.unwrap_or_default().into_iter().enumerate() {
        tools.extend(read_tool(index, tool, &mut dropped)?);
    }
    let (tool_choice, parallel_tool_calls) = match body.tool_choice {
        Some(choice) => read_choice(choice, &tools, &mut dropped)?,
        None => (None, None),
    };
    let (effort, format) =
        body.output_config.map_or((None, None), |config| (config.effort, config.format));
    let effort = effort.and_then(|effort| read_effort(&effort, &mut dropped));
    let display = body.thinking.as_ref().and_then(shows);
    let thinking = match body.thinking {
        Some(config) => read_thinking(&config, effort, &mut dropped),
        None => effort.map(Thinking::Level),
    };
    let output = format.or(body.output_format);
    let output = output.map(|format| read_format(format, &mut dropped)).transpose()?;
    Ok(Request {
        turns,
        tools,
        tool_choice,
        parallel_tool_calls,
        thinking,
        shows_thinking: display,
        max_output_tokens: body.max_tokens,
        sampling: Sampling {
            temperature: body.temperature,
            top_p: body.top_p,
            top_k: body.top_k,
            ..Sampling::default()
        },
        stop_sequences: body.stop_sequences.unwrap_or_default(),
        output: output.unwrap_or_default(),
        verbosity: None,
        user: body.metadata.and_then(|metadata| metadata.user_id),
        prompt_cache_key: None,
        streams: body.stream.unwrap_or(false),
        wants_usage: true,
        dropped,
    })
}

fn system_turn(system: Content, dropped: &mut Dropped) -> Option<Turn> {
    let parts = Parts::new("system", dropped).texts(system);
    (!parts.is_empty()).then_some(Turn { role: Role::System, parts })
}

fn turn(index: usize, message: Message, dropped: &mut Dropped) -> Result<Turn, Unreadable> {
    let parts = Parts::new("messages.content", dropped);
    let (role, parts) = match message.role.as_str() {
        "user" => (Role::User, parts.said(index, message.content)?),
        "assistant" => (Role::Assistant, parts.said(index, message.content)?),
        "system" => (Role::System, parts.texts(message.content)),
        other => {
            let at = format!("messages[{index}].role");
            return Err(Unreadable(format!("{at}: `{other}` is not user, assistant or system")));
        }
    };
    Ok(Turn { role, parts })
}

impl From<CacheControl> for CacheHint {
    fn from(control: CacheControl) -> Self {
        Self { ttl: control.ttl }
    }
}

/// Hint for the whole request: it means the last block that can have one.
fn mark_last(turns: &mut [Turn], control: CacheControl) {
    let parts = turns.iter_mut().flat_map(|turn| &mut turn.parts);
    let mut slots = parts.filter_map(|part| match part {
        Part::Text(text) => Some(&mut text.cache),
        Part::ToolResult(result) => Some(&mut result.cache),
        Part::Media(_) | Part::Thinking(_) | Part::ToolCall(_) => None,
    });
    if let Some(slot) = slots.next_back() {
        *slot = Some(control.into());
    }
}

fn read_tool(
    index: usize,
    tool: ToolDef,
    dropped: &mut Dropped,
) -> Result<Option<Tool>, Unreadable> {
    match tool.kind.as_deref() {
        None | Some("custom") => {}
        Some(kind) if kind.starts_with("web_search_20") => return Ok(Some(Tool::WebSearch)),
        Some(kind) => {
            dropped.note(&format!("tools.{kind}"));
            return Ok(None);
        }
    }
    let name = tool.name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Unreadable(format!("tools[{index}]: it has no name")))?;
    Ok(Some(Tool::Function(Function {
        name,
        description: tool.description,
        schema: tool.input_schema,
        strict: tool.strict,
        cache: tool.cache_control.map(CacheHint::from),
    })))
}

fn read_choice(
    choice: Choice,
    tools: &[Tool],
    dropped: &mut Dropped,
) -> Result<(Option<ToolChoice>, Option<bool>), Unreadable> {
    let parallel = choice.disable_parallel_tool_use.map(|is_disabled| !is_disabled);
    let read = match choice.kind.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => {
            let no_name = || Unreadable("tool_choice: it names no tool".to_owned());
            let name = choice.name.ok_or_else(no_name)?;
            let is_it = |tool: &Tool| matches!(tool, Tool::Function(known) if known.name == name);
            // A server's tool that had to go cannot be called either.
            if !tools.iter().any(is_it) {
                dropped.note("tool_choice");
                return Ok((None, parallel));
            }
            ToolChoice::Named(name)
        }
        other => {
            let what = format!("tool_choice.type: `{other}` is not auto, any, tool or none");
            return Err(Unreadable(what));
        }
    };
    Ok((Some(read), parallel))
}

fn read_thinking(
    config: &ThinkingConfig,
    effort: Option<ThinkingLevel>,
    dropped: &mut Dropped,
) -> Option<Thinking> {
    let by_effort = effort.map_or(Thinking::Auto, Thinking::Level);
    match config.kind.as_str() {
        "disabled" => Some(Thinking::Off),
        "enabled" => Some(config.budget_tokens.map_or(by_effort, |tokens| {
            Thinking::Budget(u32::try_from(tokens).unwrap_or(u32::MAX))
        })),
        // No other dialect can say when the model may think; so it thinks as it sees fit.
        "adaptive" | "between_tools" => Some(by_effort),
        other => {
            dropped.note(&format!("thinking.{other}"));
            effort.map(Thinking::Level)
        }
    }
}

/// Whoever turns thinking on gets to read it, unless said otherwise.
fn shows(config: &ThinkingConfig) -> Option<bool> {
    (config.kind != "disabled").then(|| config.display.as_deref() != Some("omitted"))
}

fn read_effort(effort: &str, dropped: &mut Dropped) -> Option<ThinkingLevel> {
    Some(match effort {
        "low" => ThinkingLevel::Low,
        "medium" => ThinkingLevel::Medium,
        "high" => ThinkingLevel::High,
        "xhigh" => ThinkingLevel::ExtraHigh,
        "max" => ThinkingLevel::Max,
        _ => {
            dropped.note("output_config.effort");
            return None;
        }
    })
}

fn read_format(format: Format, dropped: &mut Dropped) -> Result<OutputFormat, Unreadable> {
    if format.kind != "json_schema" {
        dropped.note(&format!("output_config.format.{}", format.kind));
        return Ok(OutputFormat::Text);
    }
    let no_schema = || Unreadable("output_config.format: it has no schema".to_owned());
    let schema = format.schema.ok_or_else(no_schema)?;
    Ok(OutputFormat::Schema { name: String::new(), schema, strict: None })
}

fn is_attribution(block: &Block) -> bool {
    let text = block.text.as_deref().unwrap_or_default();
    block.kind == "text" && text.trim_start().starts_with(ATTRIBUTION)
}
