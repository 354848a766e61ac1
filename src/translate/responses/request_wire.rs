//! A request as its JSON stands. What is not here has no meaning to us, and is noted as dropped.
//!
//! Members named `_...` are read and left alone: they mean nothing to any other API, and a client
//! that sends them misses nothing.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Of any shape. Not serde's `IgnoredAny`, which would be noted as dropped.
type Unread = Box<RawValue>;

#[derive(Deserialize)]
pub struct RequestIn {
    pub input: Option<TextOr<Vec<ItemIn>>>,
    pub instructions: Option<String>,
    pub tools: Option<Vec<ToolIn>>,
    pub tool_choice: Option<TextOr<ToolChoiceIn>>,
    pub parallel_tool_calls: Option<bool>,
    pub reasoning: Option<ReasoningIn>,
    pub text: Option<TextIn>,
    pub max_output_tokens: Option<u64>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub user: Option<String>,
    pub safety_identifier: Option<String>,
    pub prompt_cache_key: Option<String>,
    pub stream: Option<bool>,
    pub background: Option<bool>,
    pub include: Option<Vec<String>>,
    /// Counts only if there is something in it.
    pub metadata: Option<Map<String, Value>>,
    pub top_logprobs: Option<u64>,
    pub max_tool_calls: Option<Unread>,
    // What leans on state that nobody here keeps.
    pub previous_response_id: Option<Unread>,
    pub conversation: Option<Unread>,
    pub prompt: Option<Unread>,
    #[serde(rename = "model")]
    pub _model: Option<Unread>,
    /// Nothing is ever stored.
    #[serde(rename = "store")]
    pub _store: Option<Unread>,
    #[serde(rename = "service_tier")]
    pub _service_tier: Option<Unread>,
    #[serde(rename = "truncation")]
    pub _truncation: Option<Unread>,
    #[serde(rename = "client_metadata")]
    pub _client_metadata: Option<Unread>,
    #[serde(rename = "stream_options")]
    pub _stream_options: Option<Unread>,
    #[serde(rename = "prompt_cache_retention")]
    pub _prompt_cache_retention: Option<Unread>,
    /// `response.create`, over a WebSocket.
    #[serde(rename = "type")]
    pub _kind: Option<Unread>,
}

#[derive(Deserialize)]
pub struct ReasoningIn {
    pub effort: Option<String>,
    pub summary: Option<String>,
    /// The old name.
    pub generate_summary: Option<String>,
    /// Which turns' reasoning counts: ours is never forwarded.
    #[serde(rename = "context")]
    pub _context: Option<Unread>,
}

#[derive(Deserialize)]
pub struct TextIn {
    pub format: Option<FormatIn>,
    pub verbosity: Option<String>,
}

#[derive(Deserialize)]
pub struct FormatIn {
    #[serde(rename = "type")]
    pub kind: String,
    pub name: Option<String>,
    pub schema: Option<Box<RawValue>>,
    pub strict: Option<bool>,
    #[serde(rename = "description")]
    pub _description: Option<Unread>,
}

#[derive(Deserialize)]
pub struct ToolChoiceIn {
    #[serde(rename = "type")]
    pub kind: String,
    pub namespace: Option<String>,
    pub name: Option<String>,
    /// Of `allowed_tools`.
    pub mode: Option<String>,
    pub tools: Option<Vec<ToolChoiceIn>>,
}

#[derive(Deserialize)]
pub struct ToolIn {
    #[serde(rename = "type")]
    pub kind: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub parameters: Option<Box<RawValue>>,
    pub strict: Option<bool>,
    /// How a custom tool's input is written.
    pub format: Option<CustomFormatIn>,
    /// Of a namespace.
    pub tools: Option<Vec<ToolIn>>,
    /// Who runs a tool search: `client` or `server`.
    pub execution: Option<String>,
    /// Without the provider's own search, every tool is there from the beginning.
    #[serde(rename = "defer_loading")]
    pub _defer_loading: Option<Unread>,
    #[serde(rename = "output_schema")]
    pub _output_schema: Option<Unread>,
}

#[derive(Deserialize)]
pub struct CustomFormatIn {
    /// `text` or `grammar`.
    #[serde(rename = "type")]
    pub kind: String,
    pub syntax: Option<String>,
    pub definition: Option<String>,
}

#[derive(Deserialize)]
pub struct ItemIn {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub role: Option<String>,
    pub content: Option<TextOr<Vec<PartIn>>>,
    pub id: Option<String>,
    pub call_id: Option<String>,
    pub namespace: Option<String>,
    pub name: Option<String>,
    /// A string that holds JSON, or (of a tool search) the JSON itself.
    pub arguments: Option<Box<RawValue>>,
    /// Of a custom tool.
    pub input: Option<String>,
    /// Of a local shell.
    pub action: Option<Box<RawValue>>,
    pub output: Option<TextOr<Vec<PartIn>>>,
    pub summary: Option<Vec<PartIn>>,
    pub encrypted_content: Option<String>,
    /// Raw, because a tool search hands them to the model, too.
    pub tools: Option<Vec<Box<RawValue>>>,
    #[serde(rename = "status")]
    pub _status: Option<Unread>,
    /// `commentary` or `final_answer`: a mark that models of `OpenAI`'s make for themselves.
    #[serde(rename = "phase")]
    pub _phase: Option<Unread>,
    #[serde(rename = "execution")]
    pub _execution: Option<Unread>,
}

#[derive(Deserialize)]
pub struct PartIn {
    #[serde(rename = "type")]
    pub kind: String,
    pub text: Option<String>,
    pub refusal: Option<String>,
    pub image_url: Option<String>,
    pub detail: Option<String>,
    pub file_data: Option<String>,
    pub file_url: Option<String>,
    pub filename: Option<String>,
    pub file_id: Option<String>,
    pub input_audio: Option<AudioIn>,
    pub annotations: Option<Vec<Unread>>,
    #[serde(rename = "logprobs")]
    pub _logprobs: Option<Unread>,
}

#[derive(Deserialize)]
pub struct AudioIn {
    pub data: String,
    pub format: String,
}

/// A string, or something longer. Not a serde enum: those read into a buffer first, which
/// [`RawValue`] does not survive.
pub enum TextOr<T> {
    Text(String),
    Other(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for TextOrVisitor<T> {
            type Value = TextOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a list or an object")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                T::deserialize(SeqAccessDeserializer::new(list)).map(TextOr::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(object)).map(TextOr::Other)
            }
        }

        deserializer.deserialize_any(TextOrVisitor(PhantomData))
    }
}
