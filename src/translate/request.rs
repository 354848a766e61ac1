//! A request in no dialect: what every dialect can be read into and written from.
//!
//! It holds what at least two dialects have a word for. What only one has is dropped by its reader,
//! which notes the name in [`Dropped`](super::Dropped).

use serde_json::value::RawValue;

use super::dropped::Dropped;
use crate::types::{Dialect, Thinking};

/// A model call, read.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The conversation. System turns stand where the client put them; those before all others are
    /// the system prompt.
    pub turns: Vec<Turn>,
    pub tools: Vec<Tool>,
    /// `None` is the dialect's default, which is `Auto` everywhere.
    pub tool_choice: Option<ToolChoice>,
    /// Whether the model may call several tools in one turn.
    pub parallel_tool_calls: Option<bool>,
    /// How hard the model should think. Not written by the writers: [`crate::adapt::set_thinking`]
    /// knows each model's own scale.
    pub thinking: Option<Thinking>,
    /// Whether the client wants to read the thinking, or a summary of it.
    pub shows_thinking: Option<bool>,
    pub max_output_tokens: Option<u64>,
    pub sampling: Sampling,
    pub stop_sequences: Vec<String>,
    pub output: OutputFormat,
    pub verbosity: Option<String>,
    /// Whom the client says it speaks for.
    pub user: Option<String>,
    pub prompt_cache_key: Option<String>,
    pub streams: bool,
    /// Whether a stream tells its usage. Only Chat lets the client choose.
    pub wants_usage: bool,
    /// What the reader had to leave out.
    pub dropped: Dropped,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u64>,
    pub seed: Option<i64>,
    pub presence_penalty: Option<f64>,
    pub frequency_penalty: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `system` and `developer`.
    System,
    /// What is said to the model, the results of its tools included.
    User,
    /// `assistant` and `model`.
    Assistant,
}

#[derive(Clone, Debug)]
pub struct Turn {
    pub role: Role,
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug)]
pub enum Part {
    Text(Text),
    Media(Media),
    Thinking(Thought),
    ToolCall(ToolCall),
    ToolResult(ToolResult),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    pub text: String,
    /// The prompt may be cached up to here.
    pub cache: Option<CacheHint>,
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self { text, cache: None }
    }
}

/// A breakpoint of Anthropic's prompt cache: no other dialect has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheHint {
    /// `5m` or `1h`.
    pub ttl: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    pub kind: MediaKind,
    pub source: MediaSource,
    /// A document's file name.
    pub name: Option<String>,
    /// `OpenAI`'s `low`, `high`, `auto`.
    pub detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    Image,
    Document,
    Audio,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaSource {
    /// Base64, as it came.
    Inline {
        media_type: String,
        data: String,
    },
    Url {
        url: String,
        media_type: Option<String>,
    },
    /// Plain text that a client sent as a document.
    Text(String),
}

/// What a model thought in an earlier turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thought {
    pub text: String,
    pub signature: Option<Signature>,
}

/// Proof of a thought. It binds: only the kind of provider that made it takes it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub made_by: Dialect,
    pub value: String,
}

#[derive(Clone, Debug)]
pub struct ToolCall {
    /// Never empty, unique in the conversation, and the same as its result's.
    pub id: String,
    pub name: String,
    pub input: ToolInput,
}

/// What a tool is called with.
#[derive(Clone, Debug)]
pub enum ToolInput {
    /// A JSON object, byte for byte: its numbers may be bigger than ours.
    Json(Box<RawValue>),
    /// Free text, for a tool that has no schema (`OpenAI`'s custom tools).
    Text(String),
}

impl ToolInput {
    /// Reads arguments as `OpenAI` writes them: JSON in a string, or nothing for no arguments. What is
    /// no JSON object (a model may write anything) is kept as the member `input` of one.
    #[must_use]
    pub fn from_json_text(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::object("{}".to_owned());
        }
        match RawValue::from_string(text.to_owned()) {
            Ok(json) if text.starts_with('{') => Self::Json(json),
            _ => Self::object(wrapped(text)),
        }
    }

    /// As the JSON object that every function takes.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Self::Json(json) => json.get().to_owned(),
            Self::Text(text) => wrapped(text),
        }
    }

    fn object(json: String) -> Self {
        Self::Json(RawValue::from_string(json).expect("written here as JSON"))
    }
}

/// The member that holds the text of a custom tool where only functions exist.
pub(super) const CUSTOM_INPUT: &str = "input";

fn wrapped(text: &str) -> String {
    serde_json::json!({ CUSTOM_INPUT: text }).to_string()
}

#[derive(Clone, Debug)]
pub struct ToolResult {
    /// The call's.
    pub id: String,
    /// The tool's name, where the dialect tells it.
    pub name: Option<String>,
    /// Texts and media only.
    pub parts: Vec<Part>,
    pub is_error: bool,
    pub cache: Option<CacheHint>,
}

#[derive(Clone, Debug)]
pub enum Tool {
    Function(Function),
    /// A tool that takes free text.
    Custom {
        name: String,
        description: Option<String>,
    },
    /// The provider searches the web itself.
    WebSearch,
}

#[derive(Clone, Debug)]
pub struct Function {
    pub name: String,
    pub description: Option<String>,
    /// JSON schema of the input, as it came.
    pub schema: Option<Box<RawValue>>,
    pub strict: Option<bool>,
    pub cache: Option<CacheHint>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    Auto,
    None,
    /// Any tool, but one.
    Required,
    /// This one.
    Named(String),
}

#[derive(Clone, Debug, Default)]
pub enum OutputFormat {
    #[default]
    Text,
    /// JSON of any shape.
    Json,
    Schema {
        /// Empty where the dialect has no name for it.
        name: String,
        schema: Box<RawValue>,
        strict: Option<bool>,
    },
}
