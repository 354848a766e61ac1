//! The members of a request, as clients write them.
//!
//! Members that are missing here are noted as dropped. Those that no other provider could do
//! anything with, and nobody would miss, are taken and left alone: their names begin with `_`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::TextOr;

/// Any value. Not serde's own: a value that is read as ignored counts as dropped.
type Unused = Option<Box<RawValue>>;

#[derive(Debug, Deserialize)]
pub(super) struct RequestIn {
    pub messages: Option<Vec<MessageIn>>,
    /// Only the legacy API has it.
    pub prompt: Unused,

    pub tools: Option<Vec<ToolIn>>,
    pub tool_choice: Option<TextOr<String, ToolChoiceIn>>,
    pub parallel_tool_calls: Option<bool>,
    /// The tools of 2023.
    pub functions: Option<Vec<FunctionIn>>,
    pub function_call: Option<TextOr<String, NamedIn>>,
    pub web_search_options: Option<WebSearchOptions>,

    pub max_completion_tokens: Option<u64>,
    pub max_tokens: Option<u64>,
    pub stop: Option<TextOr<String, Vec<String>>>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    /// Compatible servers have it.
    pub top_k: Option<u64>,
    pub seed: Option<i64>,
    pub presence_penalty: Option<f64>,
    pub frequency_penalty: Option<f64>,
    pub n: Option<u64>,

    pub response_format: Option<ResponseFormat>,
    pub verbosity: Option<String>,
    pub reasoning_effort: Option<String>,
    /// `OpenRouter`'s form of the same.
    pub reasoning: Option<ReasoningIn>,
    pub user: Option<String>,
    pub safety_identifier: Option<String>,
    pub prompt_cache_key: Option<String>,
    pub stream: Option<bool>,
    pub stream_options: Option<StreamOptions>,

    // Dropped only if they say something.
    pub logprobs: Option<bool>,
    pub logit_bias: Unused,
    pub modalities: Option<Vec<String>>,
    pub metadata: Unused,
    pub prediction: Unused,
    pub audio: Unused,

    // The model is asked for by another name; the rest is between a client and `OpenAI`.
    #[serde(rename = "model")]
    pub _model: Unused,
    #[serde(rename = "store")]
    pub _store: Unused,
    #[serde(rename = "service_tier")]
    pub _service_tier: Unused,
    #[serde(rename = "prompt_cache_retention")]
    pub _prompt_cache_retention: Unused,
    #[serde(rename = "prompt_cache_options")]
    pub _prompt_cache_options: Unused,
}

#[derive(Debug, Deserialize)]
pub(super) struct MessageIn {
    pub role: String,
    pub content: Option<TextOr<String, Vec<PartIn>>>,
    pub refusal: Option<String>,
    pub reasoning_content: Option<String>,
    pub reasoning: Option<String>,
    pub tool_calls: Option<Vec<CallIn>>,
    pub function_call: Option<CalledFunction>,
    pub tool_call_id: Option<String>,
    /// A function's, or who speaks.
    pub name: Option<String>,
    pub cache_control: Option<CacheControl>,

    // Clients send messages back as they came, with all that was empty in them.
    pub annotations: Option<Vec<Box<RawValue>>>,
    pub audio: Unused,
}

/// A block of a message; which members count is told by its kind.
#[derive(Debug, Deserialize)]
pub(super) struct PartIn {
    #[serde(rename = "type")]
    pub kind: String,
    pub text: Option<String>,
    pub refusal: Option<String>,
    pub image_url: Option<TextOr<String, ImageUrl>>,
    pub file: Option<FileIn>,
    pub input_audio: Option<AudioIn>,
    pub cache_control: Option<CacheControl>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ImageUrl {
    pub url: String,
    pub detail: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FileIn {
    pub file_data: Option<String>,
    pub filename: Option<String>,
    pub file_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AudioIn {
    pub data: String,
    pub format: String,
}

/// Anthropic's breakpoints, which many clients of compatible servers write here too.
#[derive(Debug, Deserialize)]
pub(super) struct CacheControl {
    pub ttl: Option<String>,
    #[serde(rename = "type")]
    pub _kind: Unused,
}

#[derive(Debug, Deserialize)]
pub(super) struct CallIn {
    pub id: Option<String>,
    pub function: Option<CalledFunction>,
    pub custom: Option<CalledCustom>,
    #[serde(rename = "type")]
    pub _kind: Unused,
    #[serde(rename = "index")]
    pub _index: Unused,
}

#[derive(Debug, Deserialize)]
pub(super) struct CalledFunction {
    pub name: String,
    /// A string that holds JSON; some clients write the JSON itself.
    pub arguments: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CalledCustom {
    pub name: String,
    pub input: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ToolIn {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub function: Option<FunctionIn>,
    pub custom: Option<CustomIn>,
    pub cache_control: Option<CacheControl>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FunctionIn {
    pub name: String,
    pub description: Option<String>,
    pub parameters: Option<Box<RawValue>>,
    pub strict: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CustomIn {
    pub name: String,
    pub description: Option<String>,
    pub format: Option<CustomFormat>,
}

/// A grammar for the text: its kind is `grammar`, else `text`.
#[derive(Debug, Deserialize)]
pub(super) struct CustomFormat {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(rename = "grammar")]
    pub _grammar: Unused,
}

#[derive(Debug, Deserialize)]
pub(super) struct ToolChoiceIn {
    #[serde(rename = "type")]
    pub kind: String,
    pub function: Option<NamedIn>,
    pub custom: Option<NamedIn>,
    pub allowed_tools: Option<AllowedTools>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AllowedTools {
    pub mode: String,
    pub tools: Vec<AllowedTool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AllowedTool {
    pub function: Option<NamedIn>,
    pub custom: Option<NamedIn>,
    #[serde(rename = "type")]
    pub _kind: Unused,
}

#[derive(Debug, Deserialize)]
pub(super) struct NamedIn {
    pub name: String,
}

/// Where the user is and how much to read: only `OpenAI`'s search takes these.
#[derive(Debug, Deserialize)]
pub(super) struct WebSearchOptions {}

#[derive(Debug, Deserialize)]
pub(super) struct ResponseFormat {
    #[serde(rename = "type")]
    pub kind: String,
    pub json_schema: Option<JsonSchema>,
}

#[derive(Debug, Deserialize)]
pub(super) struct JsonSchema {
    pub name: Option<String>,
    pub schema: Option<Box<RawValue>>,
    pub strict: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReasoningIn {
    pub effort: Option<String>,
    pub max_tokens: Option<u32>,
    pub exclude: Option<bool>,
    pub enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct StreamOptions {
    pub include_usage: Option<bool>,
    #[serde(rename = "include_obfuscation")]
    pub _include_obfuscation: Unused,
}
