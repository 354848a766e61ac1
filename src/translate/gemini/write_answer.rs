//! An answer for a client that speaks Gemini: whole, and what a chunk of a stream has of it.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::translate::event::{Answer, Envelope, InputKind, StopReason, Usage, WholeBlock};
use crate::translate::request::ToolInput;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chunk<'a> {
    candidates: [Candidate<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<UsageMetadata>,
    model_version: &'a str,
    response_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
    index: u8,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: &'a [Part<'a>],
    role: &'static str,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<Call<'a>>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    name: &'a str,
    args: Cow<'a, RawValue>,
}

#[derive(Serialize)]
struct UsageMetadata {
    #[serde(rename = "promptTokenCount")]
    prompt: u64,
    #[serde(rename = "candidatesTokenCount")]
    candidates: u64,
    #[serde(rename = "totalTokenCount")]
    total: u64,
    #[serde(rename = "thoughtsTokenCount", skip_serializing_if = "Option::is_none")]
    thoughts: Option<u64>,
    #[serde(rename = "cachedContentTokenCount", skip_serializing_if = "Option::is_none")]
    cached: Option<u64>,
}

/// Claude's signature has no place: Gemini's clients would send it to Google.
pub(in crate::translate) fn write_answer(answer: &Answer, envelope: &Envelope) -> Vec<u8> {
    let parts = answer.blocks.iter().map(|block| match block {
        WholeBlock::Text(text) => Part::of_text(text),
        WholeBlock::Thinking { text, .. } => Part::of_thought(text),
        WholeBlock::Call { id, name, input, kind } => Part::of_call(id, name, input, *kind),
    });
    let mut parts: Vec<Part<'_>> = parts.filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        parts.push(Part::of_text("")); // as Google ends a stream: clients expect one
    }
    let chunk = Chunk::new(&parts, Some((&answer.stop, answer.usage)), envelope);
    serde_json::to_vec(&chunk).expect("strings, numbers and JSON always serialise")
}

impl<'a> Chunk<'a> {
    pub fn new(
        parts: &'a [Part<'a>],
        end: Option<(&StopReason, Usage)>,
        envelope: &'a Envelope,
    ) -> Self {
        let content = Content { parts, role: "model" };
        let finish_reason = end.map(|(reason, _)| finish_reason(reason));
        Self {
            candidates: [Candidate { content, finish_reason, index: 0 }],
            usage_metadata: end.and_then(|(_, usage)| UsageMetadata::of(usage)),
            model_version: &envelope.model,
            response_id: &envelope.id,
        }
    }
}

impl<'a> Part<'a> {
    pub fn of_text(text: &'a str) -> Self {
        Self { text: Some(text), ..Self::default() }
    }

    pub fn of_thought(text: &'a str) -> Self {
        Self { text: Some(text), thought: Some(true), ..Self::default() }
    }

    /// Arguments are an object here; what is none becomes a member of one.
    pub fn of_call(id: &'a str, name: &'a str, input: &str, kind: InputKind) -> Self {
        let input = match kind {
            InputKind::Json => ToolInput::from_json_text(input),
            InputKind::Text => ToolInput::Text(input.to_owned()),
        };
        let args = match input {
            ToolInput::Json(json) => json,
            ToolInput::Text(_) => {
                RawValue::from_string(input.to_json()).expect("an input is written as JSON")
            }
        };
        let function_call = Some(Call { id, name, args: Cow::Owned(args) });
        Self { function_call, ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.text.is_some_and(str::is_empty)
    }
}

/// Calls are a `STOP` too.
fn finish_reason(reason: &StopReason) -> &'static str {
    match reason {
        StopReason::EndTurn
        | StopReason::StopSequence(_)
        | StopReason::ToolUse
        | StopReason::Pause => "STOP",
        StopReason::MaxTokens | StopReason::ContextWindow => "MAX_TOKENS",
        StopReason::Refusal => "SAFETY",
    }
}

impl UsageMetadata {
    /// `None` where the upstream counted nothing.
    fn of(usage: Usage) -> Option<Self> {
        if usage == Usage::default() {
            return None;
        }
        let some = |count: u64| Some(count).filter(|count| *count > 0);
        Some(Self {
            prompt: usage.total_input(),
            candidates: usage.output().saturating_sub(usage.reasoning()),
            total: usage.total_input() + usage.output(),
            thoughts: some(usage.reasoning()),
            cached: some(usage.cache_read()),
        })
    }
}
