//! An answer as its JSON stands, for those who write it.

mod item;

use serde::Serialize;
use serde_json::value::RawValue;

pub use self::item::{Content, ItemOut, PartOut};
use super::super::event::{Envelope, StopReason, Usage};

/// Any event of a stream: those members that it has.
#[derive(Serialize, Default)]
pub struct EventOut<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub sequence_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseOut<'a, &'a RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<&'a ItemOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<PartOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Nothing>,
}

/// `[]`: typed clients want the list, and we never have what belongs into it.
pub type Nothing = [(); 0];

/// `{}`
#[derive(Serialize)]
pub struct Empty {}

/// A response. What its client asked for is told by constants where typed clients must have it.
#[derive(Serialize)]
pub struct ResponseOut<'a, O> {
    pub id: String,
    object: &'static str,
    created_at: u64,
    pub status: &'static str,
    background: bool,
    pub error: Option<ErrorOut<'a>>,
    pub incomplete_details: Option<IncompleteOut>,
    instructions: Option<()>,
    max_output_tokens: Option<()>,
    model: &'a str,
    output: O,
    parallel_tool_calls: bool,
    previous_response_id: Option<()>,
    store: bool,
    temperature: Option<f64>,
    tool_choice: &'static str,
    tools: Nothing,
    top_p: Option<f64>,
    truncation: &'static str,
    pub usage: Option<UsageOut>,
    metadata: Empty,
}

#[derive(Serialize)]
pub struct ErrorOut<'a> {
    pub code: &'a str,
    pub message: &'a str,
}

#[derive(Serialize)]
pub struct IncompleteOut {
    reason: &'static str,
}

impl<'a, O> ResponseOut<'a, O> {
    pub fn new(envelope: &'a Envelope, status: &'static str, output: O) -> Self {
        Self {
            id: format!("resp_{}", envelope.id),
            object: "response",
            created_at: envelope.created,
            status,
            background: false,
            error: None,
            incomplete_details: None,
            instructions: None,
            max_output_tokens: None,
            model: &envelope.model,
            output,
            parallel_tool_calls: true,
            previous_response_id: None,
            store: false,
            temperature: None,
            tool_choice: "auto",
            tools: [],
            top_p: None,
            truncation: "disabled",
            usage: None,
            metadata: Empty {},
        }
    }

    pub fn stopped(envelope: &'a Envelope, stop: &StopReason, usage: Usage, output: O) -> Self {
        let reason = match stop {
            StopReason::MaxTokens | StopReason::ContextWindow => Some("max_output_tokens"),
            StopReason::Refusal => Some("content_filter"),
            StopReason::EndTurn
            | StopReason::StopSequence(_)
            | StopReason::ToolUse
            | StopReason::Pause => None,
        };
        let status = if reason.is_some() { "incomplete" } else { "completed" };
        Self {
            incomplete_details: reason.map(|reason| IncompleteOut { reason }),
            usage: Some(UsageOut::new(usage)),
            ..Self::new(envelope, status, output)
        }
    }
}

#[derive(Serialize)]
pub struct UsageOut {
    input_tokens: u64,
    input_tokens_details: InputDetailsOut,
    output_tokens: u64,
    output_tokens_details: OutputDetailsOut,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputDetailsOut {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetailsOut {
    reasoning_tokens: u64,
}

impl UsageOut {
    fn new(usage: Usage) -> Self {
        Self {
            input_tokens: usage.total_input(),
            input_tokens_details: InputDetailsOut {
                cached_tokens: usage.cache_read(),
                cache_write_tokens: usage.cache_write(),
            },
            output_tokens: usage.output(),
            output_tokens_details: OutputDetailsOut { reasoning_tokens: usage.reasoning() },
            total_tokens: usage.total_input() + usage.output(),
        }
    }
}
