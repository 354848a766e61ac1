//! A client's request, read.

use serde_json::value::RawValue;

use super::super::dropped::Dropped;
use super::super::request::{Function, OutputFormat, Request, Sampling, Tool, ToolChoice};
use super::super::typed::{self, Unreadable};
use super::content::read_cache;
use super::messages;
use super::request_wire::{
    FunctionIn, NamedIn, ReasoningIn, RequestIn, ResponseFormat, ToolChoiceIn, ToolIn,
};
use super::wire::TextOr;
use crate::types::{Thinking, ThinkingLevel};

pub fn read_request(body: &[u8]) -> Result<Request, Unreadable> {
    let mut dropped = Dropped::default();
    let mut read: RequestIn = typed::read(body, &mut dropped)?;
    let messages = read.messages.take().ok_or_else(|| no_messages(&read))?;
    if read.n.is_some_and(|n| n > 1) {
        let problem = "n: the model's provider gives one answer only; ask for n = 1";
        return Err(Unreadable(problem.to_owned()));
    }
    note_what_only_openai_has(&read, &mut dropped);
    let mut request = Request {
        turns: messages::read(messages, &mut dropped)?,
        tools: read_tools(&mut read, &mut dropped)?,
        parallel_tool_calls: read.parallel_tool_calls,
        thinking: read_thinking(&read, &mut dropped),
        shows_thinking: read.reasoning.and_then(|reasoning| reasoning.exclude).map(|hides| !hides),
        max_output_tokens: read.max_completion_tokens.or(read.max_tokens),
        sampling: Sampling {
            temperature: read.temperature,
            top_p: read.top_p,
            top_k: read.top_k,
            seed: read.seed,
            presence_penalty: read.presence_penalty,
            frequency_penalty: read.frequency_penalty,
        },
        stop_sequences: match read.stop {
            None => Vec::new(),
            Some(TextOr::Text(one)) => vec![one],
            Some(TextOr::Other(list)) => list,
        },
        output: match read.response_format {
            Some(format) => read_format(format, &mut dropped)?,
            None => OutputFormat::Text,
        },
        verbosity: read.verbosity,
        user: read.user.or(read.safety_identifier),
        prompt_cache_key: read.prompt_cache_key,
        streams: read.stream.unwrap_or(false),
        wants_usage: read.stream_options.and_then(|options| options.include_usage).unwrap_or(false),
        ..Request::default()
    };
    match (read.tool_choice, read.function_call) {
        (Some(TextOr::Text(word)), _) | (None, Some(TextOr::Text(word))) => {
            request.tool_choice = Some(read_mode(&word)?);
        }
        (Some(TextOr::Other(choice)), _) => read_choice(choice, &mut request)?,
        (None, Some(TextOr::Other(NamedIn { name }))) => {
            request.tool_choice = Some(ToolChoice::Named(name));
        }
        (None, None) => {}
    }
    request.dropped = dropped;
    Ok(request)
}

fn no_messages(read: &RequestIn) -> Unreadable {
    let problem = match read.prompt {
        Some(_) => {
            "the model's provider has no legacy Completions API (`prompt`), and such a request \
             cannot be translated: send `messages` to /v1/chat/completions"
        }
        None => "messages: missing",
    };
    Unreadable(problem.to_owned())
}

/// Notes only what changes something: clients write defaults out.
fn note_what_only_openai_has(read: &RequestIn, dropped: &mut Dropped) {
    let has_members = |value: &Option<Box<RawValue>>| {
        value.as_ref().is_some_and(|json| json.get().bytes().any(|byte| byte == b'"'))
    };
    let wants_sound = |modality: &String| modality != "text";
    let said = [
        ("logprobs", read.logprobs == Some(true)),
        ("logit_bias", has_members(&read.logit_bias)),
        ("metadata", has_members(&read.metadata)),
        ("prediction", read.prediction.is_some()),
        ("audio", read.audio.is_some()),
        ("modalities", read.modalities.iter().flatten().any(wants_sound)),
    ];
    for (name, _) in said.iter().filter(|(_, is_said)| *is_said) {
        dropped.note(name);
    }
}

fn read_tools(read: &mut RequestIn, dropped: &mut Dropped) -> Result<Vec<Tool>, Unreadable> {
    let mut tools = Vec::new();
    for (position, tool) in read.tools.take().unwrap_or_default().into_iter().enumerate() {
        tools.extend(read_tool(tool, &format!("tools[{position}]"), dropped)?);
    }
    let functions = read.functions.take().unwrap_or_default();
    tools.extend(functions.into_iter().map(|function| Tool::Function(read_function(function))));
    if read.web_search_options.is_some() {
        tools.push(Tool::WebSearch);
    }
    Ok(tools)
}

fn read_tool(tool: ToolIn, at: &str, dropped: &mut Dropped) -> Result<Option<Tool>, Unreadable> {
    let kind = tool.kind.as_deref().unwrap_or("function");
    let missing = || Unreadable(format!("{at}.{kind}: missing"));
    Ok(Some(match kind {
        "function" => {
            let mut function = read_function(tool.function.ok_or_else(missing)?);
            function.cache = tool.cache_control.map(read_cache);
            Tool::Function(function)
        }
        "custom" => {
            let custom = tool.custom.ok_or_else(missing)?;
            if custom.format.is_some_and(|format| format.kind != "text") {
                dropped.note("tools.custom.format");
            }
            Tool::Custom { name: custom.name, description: custom.description }
        }
        "web_search" | "web_search_preview" => Tool::WebSearch,
        unknown => {
            dropped.note(&format!("tools.{unknown}"));
            return Ok(None);
        }
    }))
}

fn read_function(function: FunctionIn) -> Function {
    Function {
        name: function.name,
        description: function.description,
        schema: function.parameters,
        strict: function.strict,
        cache: None,
    }
}

fn read_mode(word: &str) -> Result<ToolChoice, Unreadable> {
    Ok(match word {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        // `any` is what Mistral calls it.
        "required" | "any" => ToolChoice::Required,
        other => return Err(Unreadable(format!("tool_choice: `{other}` is no choice"))),
    })
}

/// No other dialect lets a request list tools that may not be called, so allowing some is done by
/// leaving out the others.
fn read_choice(choice: ToolChoiceIn, request: &mut Request) -> Result<(), Unreadable> {
    let missing = |member: &str| Unreadable(format!("tool_choice.{member}: missing"));
    let named = |named: Option<NamedIn>, member| named.ok_or_else(|| missing(member));
    request.tool_choice = Some(match choice.kind.as_str() {
        "function" => ToolChoice::Named(named(choice.function, "function")?.name),
        "custom" => ToolChoice::Named(named(choice.custom, "custom")?.name),
        "allowed_tools" => {
            let allowed = choice.allowed_tools.ok_or_else(|| missing("allowed_tools"))?;
            let listed = allowed.tools.into_iter().filter_map(|tool| tool.function.or(tool.custom));
            let listed: Vec<String> = listed.map(|named| named.name).collect();
            request.tools.retain(|tool| match tool {
                Tool::Function(Function { name, .. }) | Tool::Custom { name, .. } => {
                    listed.contains(name)
                }
                Tool::WebSearch => true,
            });
            read_mode(&allowed.mode)?
        }
        other => read_mode(other)?,
    });
    Ok(())
}

fn read_format(format: ResponseFormat, dropped: &mut Dropped) -> Result<OutputFormat, Unreadable> {
    Ok(match format.kind.as_str() {
        "text" => OutputFormat::Text,
        "json_object" => OutputFormat::Json,
        "json_schema" => {
            let missing = |at: &str| Unreadable(format!("response_format.{at}: missing"));
            let described = format.json_schema.ok_or_else(|| missing("json_schema"))?;
            OutputFormat::Schema {
                name: described.name.unwrap_or_default(),
                schema: described.schema.ok_or_else(|| missing("json_schema.schema"))?,
                strict: described.strict,
            }
        }
        unknown => {
            dropped.note(&format!("response_format.{unknown}"));
            OutputFormat::Text
        }
    })
}

fn read_thinking(read: &RequestIn, dropped: &mut Dropped) -> Option<Thinking> {
    let nested = read.reasoning.as_ref();
    let effort = |reasoning: &ReasoningIn| reasoning.effort.clone();
    let word = read.reasoning_effort.clone().or_else(|| nested.and_then(effort));
    if let Some(word) = word {
        let thinking = read_effort(&word);
        if thinking.is_none() {
            dropped.note("reasoning_effort");
        }
        return thinking;
    }
    let nested = nested?;
    match (nested.enabled, nested.max_tokens) {
        (Some(false), _) | (_, Some(0)) => Some(Thinking::Off),
        (_, Some(tokens)) => Some(Thinking::Budget(tokens)),
        (Some(true), None) => Some(Thinking::Auto),
        (None, None) => None,
    }
}

fn read_effort(word: &str) -> Option<Thinking> {
    Some(match word {
        "none" => Thinking::Off,
        "auto" => Thinking::Auto,
        "minimal" => Thinking::Level(ThinkingLevel::Minimal),
        "low" => Thinking::Level(ThinkingLevel::Low),
        "medium" => Thinking::Level(ThinkingLevel::Medium),
        "high" => Thinking::Level(ThinkingLevel::High),
        "xhigh" => Thinking::Level(ThinkingLevel::ExtraHigh),
        "max" => Thinking::Level(ThinkingLevel::Max),
        _ => return None,
    })
}
