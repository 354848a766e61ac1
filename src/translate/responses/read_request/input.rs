//! The input: each item becomes a turn of its own, which `history` puts together again.

use serde_json::value::RawValue;

use super::super::super::dropped::Dropped;
use super::super::super::request::{Part, Role, Thought, ToolCall, ToolInput, ToolResult, Turn};
use super::super::super::signature;
use super::super::super::typed::{self, Unreadable};
use super::super::request_wire::{ItemIn, PartIn, TextOr};
use super::super::tool_name::{Native, ToolName};
use super::parts::read_content;
use super::stateful;
use super::tools::Tools;

/// Adds what `items` say to `turns`, and the tools that they bring to `tools`.
pub fn read_items(
    items: Vec<ItemIn>,
    turns: &mut Vec<Turn>,
    tools: &mut Tools,
    dropped: &mut Dropped,
) -> Result<(), Unreadable> {
    for (index, mut item) in items.into_iter().enumerate() {
        let kind = match (&item.kind, &item.role) {
            (Some(kind), _) => kind.clone(),
            (None, Some(_)) => "message".to_owned(),
            (None, None) => return Err(missing(index, "type")),
        };
        let turn = match kind.as_str() {
            "message" => Turn {
                role: read_role(&item, index)?,
                parts: read_content(item.content, "input.content", dropped),
            },
            "reasoning" => of_model(Part::Thinking(read_thought(item))),
            "function_call" => {
                let name = tool_name(&mut item, index)?;
                let input = read_arguments(item.arguments.as_deref());
                of_model(call(&item, index, name, input))
            }
            "custom_tool_call" => {
                let name = tool_name(&mut item, index)?;
                let input = ToolInput::Text(item.input.take().unwrap_or_default());
                of_model(call(&item, index, name, input))
            }
            "local_shell_call" => {
                let name = ToolName::Native(Native::LocalShell).to_string();
                let input = read_arguments(item.action.as_deref());
                of_model(call(&item, index, name, input))
            }
            "tool_search_call" => {
                let name = ToolName::Native(Native::ToolSearch).to_string();
                let input = read_arguments(item.arguments.as_deref());
                of_model(call(&item, index, name, input))
            }
            "function_call_output" | "custom_tool_call_output" | "local_shell_call_output" => {
                let parts = read_content(item.output.take(), "input.output", dropped);
                result(&item, index, parts)?
            }
            "tool_search_output" => {
                let found = item.tools.take().unwrap_or_default();
                add_tools(&found, index, tools, dropped)?;
                let found: Vec<&str> = found.iter().map(|tool| tool.get()).collect();
                let text = format!("[{}]", found.join(","));
                result(&item, index, vec![Part::Text(text.into())])?
            }
            "additional_tools" => {
                add_tools(&item.tools.unwrap_or_default(), index, tools, dropped)?;
                continue;
            }
            "item_reference" => return Err(stateful("item_reference")),
            // Calls of server tools (`web_search_call`), compactions, and what is yet to come.
            unknown => {
                dropped.note(&format!("input.{unknown}"));
                continue;
            }
        };
        turns.push(turn);
    }
    Ok(())
}

fn missing(index: usize, member: &str) -> Unreadable {
    Unreadable(format!("input[{index}].{member}: missing"))
}

fn read_role(item: &ItemIn, index: usize) -> Result<Role, Unreadable> {
    match item.role.as_deref() {
        Some("user") => Ok(Role::User),
        Some("assistant") => Ok(Role::Assistant),
        Some("system" | "developer") => Ok(Role::System),
        Some(other) => Err(Unreadable(format!(
            "input[{index}].role: `{other}` is none of user, assistant, system, developer"
        ))),
        None => Err(missing(index, "role")),
    }
}

fn of_model(part: Part) -> Turn {
    Turn { role: Role::Assistant, parts: vec![part] }
}

/// Reasoning as it was told; where only the summary was, that. A proof that is not Claude's is left
/// without a word: clients send it back unread, whoever made it.
fn read_thought(item: ItemIn) -> Thought {
    let content = match item.content {
        Some(TextOr::Other(parts)) => joined(parts),
        Some(TextOr::Text(text)) => text,
        None => String::new(),
    };
    let text = if content.is_empty() { joined(item.summary.unwrap_or_default()) } else { content };
    let signature = item.encrypted_content.as_deref().and_then(signature::from_foreign);
    Thought { text, signature }
}

fn joined(parts: Vec<PartIn>) -> String {
    let texts: Vec<String> = parts.into_iter().filter_map(|part| part.text).collect();
    texts.join("\n\n")
}

fn tool_name(item: &mut ItemIn, index: usize) -> Result<String, Unreadable> {
    let name = item.name.take().ok_or_else(|| missing(index, "name"))?;
    Ok(ToolName::new(item.namespace.as_deref(), &name).to_string())
}

fn read_arguments(raw: Option<&RawValue>) -> ToolInput {
    let Some(raw) = raw else { return ToolInput::from_json_text("") };
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => ToolInput::from_json_text(&text),
        Err(_) => ToolInput::from_json_text(raw.get()),
    }
}

/// A local shell's call may have no `call_id`: its result then refers to the item.
fn call(item: &ItemIn, index: usize, name: String, input: ToolInput) -> Part {
    let id = id_of(item).unwrap_or_else(|| format!("call_{index}"));
    Part::ToolCall(ToolCall { id, name, input })
}

fn result(item: &ItemIn, index: usize, parts: Vec<Part>) -> Result<Turn, Unreadable> {
    let id = id_of(item).ok_or_else(|| missing(index, "call_id"))?;
    let result = ToolResult { id, name: None, parts, is_error: false, cache: None };
    Ok(Turn { role: Role::User, parts: vec![Part::ToolResult(result)] })
}

fn id_of(item: &ItemIn) -> Option<String> {
    let ids = [&item.call_id, &item.id];
    ids.into_iter().flatten().find(|id| !id.is_empty()).cloned()
}

fn add_tools(
    found: &[Box<RawValue>],
    index: usize,
    tools: &mut Tools,
    dropped: &mut Dropped,
) -> Result<(), Unreadable> {
    for tool in found {
        let read = typed::read(tool.get().as_bytes(), dropped);
        let tool = read.map_err(|why| Unreadable(format!("input[{index}].tools: {why}")))?;
        tools.add(tool, None, dropped)?;
    }
    Ok(())
}
