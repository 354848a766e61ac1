//! The items of an output.

use serde::Serialize;
use serde_json::{Map, Value};

use super::super::super::event::InputKind;
use super::super::super::signature;
use super::super::tool_name::{Native, ToolName};
use super::Nothing;

#[derive(Serialize)]
pub struct PartOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Nothing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Nothing>,
    text: &'a str,
}

impl<'a> PartOut<'a> {
    pub fn text(text: &'a str) -> Self {
        Self { kind: "output_text", annotations: Some([]), logprobs: Some([]), text }
    }

    pub fn summary(text: &'a str) -> Self {
        Self { kind: "summary_text", annotations: None, logprobs: None, text }
    }
}

/// What an item holds.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    Text(&'a str),
    Thinking { text: &'a str, signature: Option<&'a str> },
    Call { id: &'a str, name: ToolName<'a>, input: &'a str, kind: InputKind },
}

impl Content<'_> {
    /// What the ids of such items begin with.
    pub fn id_prefix(&self) -> &'static str {
        match self {
            Self::Text(_) => "msg",
            Self::Thinking { .. } => "rs",
            Self::Call { name: ToolName::Native(Native::LocalShell), .. } => "lsh",
            Self::Call { name: ToolName::Native(Native::ToolSearch), .. } => "tsc",
            Self::Call { kind: InputKind::Json, .. } => "fc",
            Self::Call { kind: InputKind::Text, .. } => "ctc",
        }
    }
}

/// Any item of the output: those members that it has.
#[derive(Serialize, Default)]
pub struct ItemOut<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Vec<PartOut<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Vec<PartOut<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encrypted_content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Arguments<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Value>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Arguments<'a> {
    Text(&'a str),
    /// A tool search takes them as they are.
    Json(Value),
}

impl<'a> ItemOut<'a> {
    pub fn new(id: &'a str, content: Content<'a>, status: &'static str) -> Self {
        let part = |text: &'a str, part: fn(&'a str) -> PartOut<'a>| {
            if text.is_empty() { Vec::new() } else { vec![part(text)] }
        };
        let status = Some(status);
        match content {
            Content::Text(text) => Self {
                id,
                kind: "message",
                status,
                role: Some("assistant"),
                content: Some(part(text, PartOut::text)),
                ..Self::default()
            },
            // Reasoning has no status.
            Content::Thinking { text, signature } => Self {
                id,
                kind: "reasoning",
                summary: Some(part(text, PartOut::summary)),
                encrypted_content: signature.map(signature::to_foreign),
                ..Self::default()
            },
            Content::Call { id: call_id, name, input, kind } => {
                let call = Self { id, status, call_id: Some(call_id), ..Self::default() };
                call.of_tool(name, input, kind)
            }
        }
    }

    fn of_tool(self, name: ToolName<'a>, input: &'a str, kind: InputKind) -> Self {
        match (name, kind) {
            (ToolName::Native(Native::LocalShell), _) => {
                Self { kind: "local_shell_call", action: Some(shell_action(input)), ..self }
            }
            (ToolName::Native(Native::ToolSearch), _) => {
                let arguments = Value::Object(object_of(input));
                Self {
                    kind: "tool_search_call",
                    execution: Some("client"),
                    arguments: Some(Arguments::Json(arguments)),
                    ..self
                }
            }
            (ToolName::Named { namespace, name }, InputKind::Json) => Self {
                kind: "function_call",
                namespace,
                name: Some(name),
                arguments: Some(Arguments::Text(input)),
                ..self
            },
            (ToolName::Named { namespace, name }, InputKind::Text) => Self {
                kind: "custom_tool_call",
                namespace,
                name: Some(name),
                input: Some(input),
                ..self
            },
        }
    }
}

/// What a model wrote as arguments; what is no object is as good as nothing.
fn object_of(input: &str) -> Map<String, Value> {
    serde_json::from_str(input).unwrap_or_default()
}

/// A model that was not made for the local shell calls it as the function that we told it of.
fn shell_action(input: &str) -> Value {
    let mut action = Map::new();
    action.insert("type".to_owned(), "exec".into());
    action.extend(object_of(input).into_iter().filter(|(member, _)| member != "type"));
    let command = match action.remove("command") {
        Some(Value::Array(command)) => command,
        Some(Value::String(line)) => vec!["bash".into(), "-lc".into(), line.into()],
        _ => Vec::new(),
    };
    action.insert("command".to_owned(), command.into());
    action.entry("env").or_insert_with(|| Map::new().into());
    action.into()
}
