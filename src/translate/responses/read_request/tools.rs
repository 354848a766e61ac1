//! The tools, wherever they stand, and which of them the model may or must call.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::super::super::dropped::Dropped;
use super::super::super::request::{Function, Tool, ToolChoice};
use super::super::super::typed::Unreadable;
use super::super::request_wire::{CustomFormatIn, TextOr, ToolChoiceIn, ToolIn};
use super::super::tool_name::{Native, ToolName};

/// What `OpenAI`'s models know of a local shell without being told.
const LOCAL_SHELL_DESCRIPTION: &str =
    "Runs a command on the user's machine and returns its output.";
const LOCAL_SHELL_SCHEMA: &str = r#"{"type":"object","properties":{"command":{"type":"array","items":{"type":"string"},"description":"The program and its arguments; for shell syntax: [\"bash\", \"-lc\", \"...\"]"},"working_directory":{"type":"string"},"timeout_ms":{"type":"integer"}},"required":["command"]}"#;

/// The tools of a request, each once: a client may bring one several times in its history.
#[derive(Default)]
pub struct Tools {
    list: Vec<Tool>,
    names: HashSet<String>,
}

impl Tools {
    pub fn into_list(self) -> Vec<Tool> {
        self.list
    }

    pub fn add(
        &mut self,
        raw: ToolIn,
        namespace: Option<&str>,
        dropped: &mut Dropped,
    ) -> Result<(), Unreadable> {
        match raw.kind.as_str() {
            "function" => {
                let name = named(namespace, raw.name.as_deref())?;
                self.push_function(name, raw.description, raw.parameters, raw.strict);
            }
            "custom" => {
                let name = named(namespace, raw.name.as_deref())?;
                let description = describe(raw.description, raw.format);
                if self.names.insert(name.clone()) {
                    self.list.push(Tool::Custom { name, description });
                }
            }
            "namespace" => {
                if raw.description.is_some() {
                    dropped.note("tools.namespace.description");
                }
                let name = raw.name.unwrap_or_default();
                for tool in raw.tools.unwrap_or_default() {
                    self.add(tool, Some(&name), dropped)?;
                }
            }
            "local_shell" => {
                let name = ToolName::Native(Native::LocalShell).to_string();
                let schema = RawValue::from_string(LOCAL_SHELL_SCHEMA.to_owned())
                    .expect("written here as JSON");
                let description = LOCAL_SHELL_DESCRIPTION.to_owned();
                self.push_function(name, Some(description), Some(schema), None);
            }
            // Run by the client it is a function like any other. Run by the provider it is left
            // out, and the tools that it would have found are there from the beginning.
            "tool_search" if raw.execution.as_deref() == Some("client") => {
                let name = ToolName::Native(Native::ToolSearch).to_string();
                self.push_function(name, raw.description, raw.parameters, None);
            }
            search if search.starts_with("web_search") => {
                if !self.list.iter().any(|tool| matches!(tool, Tool::WebSearch)) {
                    self.list.push(Tool::WebSearch);
                }
            }
            unknown => dropped.note(&format!("tools.{unknown}")),
        }
        Ok(())
    }

    fn push_function(
        &mut self,
        name: String,
        description: Option<String>,
        schema: Option<Box<RawValue>>,
        strict: Option<bool>,
    ) {
        if self.names.insert(name.clone()) {
            let function = Function { name, description, schema, strict, cache: None };
            self.list.push(Tool::Function(function));
        }
    }

    /// Leaves only the tools that `allowed` names: no other dialect tells a list from a subset of it.
    fn keep(&mut self, allowed: &[ToolChoiceIn]) {
        let names: HashSet<String> = allowed.iter().filter_map(chosen).collect();
        let searches = allowed.iter().any(|tool| tool.kind.starts_with("web_search"));
        self.list.retain(|tool| match tool {
            Tool::Function(Function { name, .. }) | Tool::Custom { name, .. } => {
                names.contains(name)
            }
            Tool::WebSearch => searches,
        });
    }
}

fn named(namespace: Option<&str>, name: Option<&str>) -> Result<String, Unreadable> {
    let name = name.ok_or_else(|| Unreadable("tools.name: missing".to_owned()))?;
    Ok(ToolName::new(namespace, name).to_string())
}

/// A grammar binds the models of `OpenAI` only; any other can at least read it.
fn describe(description: Option<String>, format: Option<CustomFormatIn>) -> Option<String> {
    let grammar = format.filter(|format| format.kind == "grammar");
    let Some(definition) = grammar.as_ref().and_then(|grammar| grammar.definition.as_deref())
    else {
        return description;
    };
    let syntax = grammar.as_ref().and_then(|grammar| grammar.syntax.as_deref()).unwrap_or("lark");
    let grammar = format!("The input must match this {syntax} grammar:\n{definition}");
    Some(match description {
        Some(description) => format!("{description}\n\n{grammar}"),
        None => grammar,
    })
}

pub fn read_choice(
    raw: &TextOr<ToolChoiceIn>,
    tools: &mut Tools,
    dropped: &mut Dropped,
) -> Option<ToolChoice> {
    let read = match raw {
        TextOr::Text(mode) => read_mode(mode),
        TextOr::Other(choice) if choice.kind == "allowed_tools" => {
            tools.keep(choice.tools.as_deref().unwrap_or_default());
            read_mode(choice.mode.as_deref().unwrap_or("auto"))
        }
        TextOr::Other(choice) => chosen(choice).map(ToolChoice::Named),
    };
    if read.is_none() {
        dropped.note("tool_choice");
    }
    read
}

fn read_mode(mode: &str) -> Option<ToolChoice> {
    match mode {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" => Some(ToolChoice::Required),
        _ => None,
    }
}

/// The neutral name of the tool that is chosen; `None` if the provider would run it.
fn chosen(choice: &ToolChoiceIn) -> Option<String> {
    let name = match choice.kind.as_str() {
        "function" | "custom" => {
            ToolName::new(choice.namespace.as_deref(), choice.name.as_deref()?)
        }
        "local_shell" => ToolName::Native(Native::LocalShell),
        "tool_search" => ToolName::Native(Native::ToolSearch),
        _ => return None,
    };
    Some(name.to_string())
}
