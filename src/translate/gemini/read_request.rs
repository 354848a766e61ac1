//! A client's request, read.
//!
//! `role` is `model`, or else the user speaks: Google takes a missing one, and `function`, for that.
//! A response is an error if it has an `error`; `output` and `error` are Google's words, `result` is
//! what its SDKs wrap a plain value in. Any other response is told as the JSON it is.

use serde_json::value::RawValue;

use super::calls::OpenCalls;
use super::lenient::Whole;
use super::open_api::to_json_schema;
use super::wire::{
    Blob, Body, Call, CallingConfig, Content, Declaration, FileData, FunctionResponse,
    GenerationConfig, Part as WirePart, ThinkingConfig, ToolSet,
};
use crate::translate::dropped::Dropped;
use crate::translate::request::{
    Function, Media, MediaKind, MediaSource, OutputFormat, Part, Request, Role, Sampling, Thought,
    Tool, ToolCall, ToolChoice, ToolInput, ToolResult, Turn,
};
use crate::translate::typed::{self, Unreadable};
use crate::types::{Thinking, ThinkingLevel};

/// Reads a request. `streams` is what its path says.
pub(in crate::translate) fn read_request(
    body: &[u8],
    streams: bool,
) -> Result<Request, Unreadable> {
    let mut dropped = Dropped::default();
    let body: Body = typed::read(body, &mut dropped)?;
    if body.cached_content.is_some_and(|name| !name.is_empty()) {
        let why = "cachedContent: it holds a part of the conversation that only Google can read";
        return Err(Unreadable(why.to_owned()));
    }
    let mut request = Request { streams, wants_usage: true, ..Request::default() };
    let mut reader = TurnReader { calls: OpenCalls::default(), dropped: &mut dropped };
    if let Some(instruction) = body.system_instruction {
        let parts = reader.parts(instruction.0, 0);
        request.turns.push(Turn { role: Role::System, parts });
    }
    for (turn, content) in body.contents.0.into_iter().enumerate() {
        request.turns.push(reader.turn(content, turn)?);
    }
    read_config(body.generation_config.unwrap_or_default(), &mut request, &mut dropped)?;
    request.tools = body.tools.0.into_iter().flat_map(tools).collect();
    if let Some(config) = body.tool_config.and_then(|config| config.function_calling_config) {
        read_choice(config, &mut request, &mut dropped);
    }
    request.dropped = dropped;
    Ok(request)
}

struct TurnReader<'a> {
    calls: OpenCalls,
    dropped: &'a mut Dropped,
}

impl TurnReader<'_> {
    fn turn(&mut self, content: Content, turn: usize) -> Result<Turn, Unreadable> {
        let role = match content.role.as_deref().unwrap_or_default() {
            "" | "user" | "function" | "tool" => Role::User,
            "model" => Role::Assistant,
            "system" => Role::System,
            other => {
                return Err(Unreadable(format!("contents[{turn}].role: `{other}` is no role")));
            }
        };
        Ok(Turn { role, parts: self.parts(content.parts.0, turn) })
    }

    fn parts(&mut self, parts: Vec<WirePart>, turn: usize) -> Vec<Part> {
        let mut read = Vec::with_capacity(parts.len());
        for (at, part) in parts.into_iter().enumerate() {
            if let Some(call) = part.function_call {
                read.push(Part::ToolCall(self.call(call, turn, at)));
            } else if let Some(response) = part.function_response {
                read.push(Part::ToolResult(self.response(response)));
            } else if let Some(text) = part.text {
                read.push(if part.thought == Some(true) {
                    Part::Thinking(Thought { text, signature: None })
                } else {
                    Part::Text(text.into())
                });
            } else {
                read.extend(self.media(part.inline_data, part.file_data));
            }
        }
        read
    }

    fn call(&mut self, call: Call, turn: usize, at: usize) -> ToolCall {
        let id = self.calls.open(call.id.as_deref(), &call.name, turn, at);
        let input = match call.args {
            Some(args) if args.get().starts_with('{') => ToolInput::Json(args),
            args => ToolInput::from_json_text(args.as_deref().map_or("", RawValue::get)),
        };
        ToolCall { id, name: call.name, input }
    }

    fn response(&mut self, response: FunctionResponse) -> ToolResult {
        let id = self.calls.answer(response.id.as_deref(), &response.name);
        let said = response.response.as_deref().map(Said::read);
        let is_error = said.as_ref().is_some_and(|said| said.is_error);
        let mut parts: Vec<Part> =
            said.into_iter().map(|said| Part::Text(said.text.into())).collect();
        for part in response.parts.0 {
            parts.extend(self.media(part.inline_data, part.file_data));
        }
        let name = Some(response.name).filter(|name| !name.is_empty());
        ToolResult { id, name, parts, is_error, cache: None }
    }

    fn media(&mut self, blob: Option<Blob>, file: Option<FileData>) -> Option<Part> {
        let (media_type, source, name) = match (blob, file) {
            (Some(Blob { mime_type, data, display_name }), _) => {
                let source = MediaSource::Inline { media_type: mime_type.clone(), data };
                (mime_type, source, display_name)
            }
            (None, Some(FileData { mime_type, file_uri, display_name })) => {
                let source = MediaSource::Url { url: file_uri, media_type: mime_type.clone() };
                (mime_type.unwrap_or_default(), source, display_name)
            }
            (None, None) => return None,
        };
        let kind = match media_type.split('/').next().unwrap_or_default() {
            "image" => MediaKind::Image,
            "audio" => MediaKind::Audio,
            "video" => {
                self.dropped.note("video");
                return None;
            }
            _ => MediaKind::Document,
        };
        Some(Part::Media(Media { kind, source, name, detail: None }))
    }
}

/// What a function's response says.
struct Said {
    text: String,
    is_error: bool,
}

impl Said {
    fn read(response: &RawValue) -> Self {
        use std::collections::BTreeMap;
        let json = response.get();
        let whole = |is_error| Self { text: json.to_owned(), is_error };
        let Ok(members) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(json) else {
            return Self { text: plain(response), is_error: false };
        };
        let is_said = |value: &RawValue| !matches!(value.get(), "null" | "\"\"" | "false");
        let is_error = members.get("error").is_some_and(|error| is_said(error));
        let mut told = members
            .iter()
            .filter(|(key, value)| is_error || key.as_str() != "error" || is_said(value));
        match (told.next(), told.next()) {
            (Some((key, value)), None) if matches!(key.as_str(), "output" | "error" | "result") => {
                Self { text: plain(value), is_error }
            }
            _ => whole(is_error),
        }
    }
}

/// A string's text, or the JSON of what is none.
fn plain(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

fn tools(set: ToolSet) -> Vec<Tool> {
    let functions = set.function_declarations.0.into_iter().map(function);
    let searches = set.google_search.or(set.google_search_retrieval).map(|_| Tool::WebSearch);
    functions.chain(searches).collect()
}

fn function(declaration: Declaration) -> Tool {
    let Declaration { name, description, parameters, parameters_json_schema } = declaration;
    let schema = parameters_json_schema.or_else(|| parameters.as_deref().map(to_json_schema));
    Tool::Function(Function { name, description, schema, strict: None, cache: None })
}

/// Only Gemini can name several functions to choose from; elsewhere the others are not offered.
fn read_choice(config: CallingConfig, request: &mut Request, dropped: &mut Dropped) {
    let mut allowed = config.allowed_function_names.unwrap_or_default();
    let mode = config.mode.unwrap_or_default().to_ascii_uppercase();
    request.tool_choice = match mode.as_str() {
        "" | "MODE_UNSPECIFIED" => None,
        "NONE" => Some(ToolChoice::None),
        "ANY" => Some(match allowed.as_slice() {
            [_] => ToolChoice::Named(allowed.remove(0)),
            _ => ToolChoice::Required,
        }),
        // Validated is automatic, but checked against the schemas.
        "AUTO" | "VALIDATED" => Some(ToolChoice::Auto),
        _ => {
            dropped.note("toolConfig.functionCallingConfig.mode");
            None
        }
    };
    if matches!(mode.as_str(), "ANY" | "VALIDATED") && !allowed.is_empty() {
        request.tools.retain(|tool| match tool {
            Tool::Function(function) => allowed.contains(&function.name),
            Tool::Custom { .. } | Tool::WebSearch => true,
        });
    }
}

fn read_config(
    config: GenerationConfig,
    request: &mut Request,
    dropped: &mut Dropped,
) -> Result<(), Unreadable> {
    if config.candidate_count.is_some_and(|count| count.0 > 1) {
        let why = "generationConfig.candidateCount: only one answer can be translated";
        return Err(Unreadable(why.to_owned()));
    }
    request.max_output_tokens = unsigned("maxOutputTokens", config.max_output_tokens)?;
    request.sampling = Sampling {
        temperature: config.temperature,
        top_p: config.top_p,
        top_k: unsigned("topK", config.top_k)?,
        seed: config.seed.map(|seed| seed.0),
        presence_penalty: config.presence_penalty,
        frequency_penalty: config.frequency_penalty,
    };
    request.stop_sequences = config.stop_sequences.unwrap_or_default();
    let modalities = config.response_modalities.unwrap_or_default();
    if modalities.iter().any(|modality| !modality.eq_ignore_ascii_case("text")) {
        dropped.note("generationConfig.responseModalities");
    }
    let json_schema = config.response_json_schema;
    let schema = json_schema.or_else(|| config.response_schema.as_deref().map(to_json_schema));
    request.output = match (schema, config.response_mime_type.as_deref()) {
        (_, Some("text/x.enum")) => {
            dropped.note("generationConfig.responseMimeType");
            OutputFormat::Text
        }
        (Some(schema), _) => OutputFormat::Schema { name: String::new(), schema, strict: None },
        (None, Some("application/json")) => OutputFormat::Json,
        (None, _) => OutputFormat::Text,
    };
    if let Some(thinking) = config.thinking_config {
        request.shows_thinking = thinking.include_thoughts;
        request.thinking = read_thinking(&thinking, dropped);
    }
    Ok(())
}

fn unsigned(member: &str, number: Option<Whole>) -> Result<Option<u64>, Unreadable> {
    let Some(Whole(number)) = number else { return Ok(None) };
    let number = u64::try_from(number);
    number.map(Some).map_err(|_| Unreadable(format!("generationConfig.{member}: it is negative")))
}

fn read_thinking(config: &ThinkingConfig, dropped: &mut Dropped) -> Option<Thinking> {
    if let Some(Whole(budget)) = config.budget {
        return Some(match u32::try_from(budget) {
            Ok(0) => Thinking::Off,
            Ok(budget) => Thinking::Budget(budget),
            Err(_) if budget < 0 => Thinking::Auto,
            Err(_) => Thinking::Budget(u32::MAX),
        });
    }
    let level = match config.level.as_deref()?.to_ascii_lowercase().as_str() {
        "minimal" => ThinkingLevel::Minimal,
        "low" => ThinkingLevel::Low,
        "medium" => ThinkingLevel::Medium,
        "high" => ThinkingLevel::High,
        "xhigh" => ThinkingLevel::ExtraHigh,
        "max" => ThinkingLevel::Max,
        "" | "thinking_level_unspecified" => return None,
        _ => {
            dropped.note("generationConfig.thinkingConfig.thinkingLevel");
            return None;
        }
    };
    Some(Thinking::Level(level))
}
