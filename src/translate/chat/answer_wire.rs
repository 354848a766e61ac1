//! An answer's members, as clients read them.

use serde::Serialize;

use super::super::event::{InputKind, Usage};

#[derive(Serialize)]
pub(super) struct AnswerOut<'a> {
    pub id: &'a str,
    pub object: &'static str,
    pub created: u64,
    pub model: &'a str,
    pub choices: &'a [ChoiceOut<'a>],
    #[serde(skip_serializing_if = "UsageMember::is_absent")]
    pub usage: UsageMember,
}

/// With `stream_options.include_usage` every event has the member.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
pub(super) enum UsageMember {
    Absent,
    Null,
    Known(UsageOut),
}

impl UsageMember {
    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

#[derive(Serialize)]
pub(super) struct ChoiceOut<'a> {
    pub index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta: Option<DeltaOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageOut<'a>>,
    pub logprobs: (),
    pub finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
pub(super) struct DeltaOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<[CallOut<'a>; 1]>,
}

#[derive(Serialize)]
pub(super) struct MessageOut<'a> {
    pub role: &'static str,
    pub content: Option<String>,
    pub refusal: (),
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<CallOut<'a>>,
}

/// A call, or a piece of one.
#[derive(Serialize)]
pub(super) struct CallOut<'a> {
    /// In streams only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<FunctionOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomOut<'a>>,
}

#[derive(Serialize)]
pub(super) struct FunctionOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    pub arguments: &'a str,
}

#[derive(Serialize)]
pub(super) struct CustomOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    pub input: &'a str,
}

impl<'a> CallOut<'a> {
    pub fn new(
        index: Option<usize>,
        opens: Option<(&'a str, &'a str)>,
        kind: InputKind,
        input: &'a str,
    ) -> Self {
        let (id, name) = opens.unzip();
        let (word, function, custom) = match kind {
            InputKind::Json => ("function", Some(FunctionOut { name, arguments: input }), None),
            InputKind::Text => ("custom", None, Some(CustomOut { name, input })),
        };
        Self { index, id, r#type: id.map(|_| word), function, custom }
    }
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct UsageOut {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub total_tokens: u64,
    pub prompt_tokens_details: PromptDetailsOut,
    pub completion_tokens_details: CompletionDetailsOut,
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct PromptDetailsOut {
    pub cached_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct CompletionDetailsOut {
    pub reasoning_tokens: u64,
}

impl UsageOut {
    pub fn new(usage: &Usage) -> Self {
        let (prompt_tokens, completion_tokens) = (usage.total_input(), usage.output());
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens.saturating_add(completion_tokens),
            prompt_tokens_details: PromptDetailsOut {
                cached_tokens: usage.cache_read(),
                cache_write_tokens: usage.cache_write,
            },
            completion_tokens_details: CompletionDetailsOut { reasoning_tokens: usage.reasoning() },
        }
    }
}
