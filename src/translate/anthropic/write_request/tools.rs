//! Tools and the choice between them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::super::super::Outgoing;
use super::super::super::dropped::Dropped;
use super::super::super::request::{CUSTOM_INPUT, Part, Tool, ToolChoice};
use super::cache;
use super::wire::{Choice, Tool as WireTool};
use crate::body::{Edits, JsonPart};

const ANY_OBJECT: &str = r#"{"type":"object"}"#;

/// The API refuses these at the head of a schema, though not further down.
const REFUSED_AT_HEAD: [&str; 3] = ["oneOf", "anyOf", "allOf"];

pub fn write<'a>(outgoing: &Outgoing<'a>, dropped: &mut Dropped) -> Vec<WireTool<'a>> {
    let request = outgoing.request;
    if request.tools.is_empty() {
        return from_history(outgoing);
    }
    let tools = request.tools.iter().map(|tool| match tool {
        Tool::Function(function) => WireTool::Function {
            name: outgoing.names.tool(&function.name),
            description: described(function.description.as_deref()).map(Cow::Borrowed),
            input_schema: schema(function.schema.as_deref(), dropped),
            strict: function.strict == Some(true),
            cache_control: cache::control(function.cache.as_ref()),
        },
        Tool::Custom { name, description } => WireTool::Function {
            name: outgoing.names.tool(name),
            description: Some(custom_description(description.as_deref()).into()),
            input_schema: custom_schema(),
            strict: false,
            cache_control: None,
        },
        Tool::WebSearch => WireTool::Server {
            kind: "web_search_20250305",
            name: "web_search",
            cache_control: None,
        },
    });
    tools.collect()
}

/// A conversation with calls is refused without tools; some clients leave them out where none may
/// be called, as when they ask for a summary.
fn from_history<'a>(outgoing: &Outgoing<'a>) -> Vec<WireTool<'a>> {
    let parts = outgoing.turns.iter().flat_map(|turn| &turn.parts);
    let called: BTreeSet<&str> = parts
        .filter_map(|part| match part {
            Part::ToolCall(call) => Some(outgoing.names.tool(&call.name)),
            _ => None,
        })
        .collect();
    let tools = called.into_iter().map(|name| WireTool::Function {
        name,
        description: None,
        input_schema: any_object(),
        strict: false,
        cache_control: None,
    });
    tools.collect()
}

/// `tools` is how many are written; there is no choice between none.
pub fn choice<'a>(outgoing: &Outgoing<'a>, tools: usize) -> Option<Choice<'a>> {
    let request = outgoing.request;
    if tools == 0 {
        return None;
    }
    let is_one_at_a_time = request.parallel_tool_calls == Some(false);
    let choice = |kind, name| Choice { kind, name, disable_parallel_tool_use: is_one_at_a_time };
    let none = Choice { kind: "none", name: None, disable_parallel_tool_use: false };
    if request.tools.is_empty() {
        return Some(none);
    }
    match &request.tool_choice {
        None if is_one_at_a_time => Some(choice("auto", None)),
        None => None,
        Some(ToolChoice::Auto) => Some(choice("auto", None)),
        Some(ToolChoice::Required) => Some(choice("any", None)),
        Some(ToolChoice::Named(name)) => Some(choice("tool", Some(outgoing.names.tool(name)))),
        Some(ToolChoice::None) => Some(none),
    }
}

fn described(description: Option<&str>) -> Option<&str> {
    description.filter(|description| !description.trim().is_empty())
}

fn custom_description(description: Option<&str>) -> String {
    let how = format!("The whole input is free text, in the member `{CUSTOM_INPUT}`.");
    match described(description) {
        Some(description) => format!("{description}\n\n{how}"),
        None => how,
    }
}

fn custom_schema<'a>() -> Cow<'a, RawValue> {
    raw(serde_json::json!({
        "type": "object",
        "properties": { CUSTOM_INPUT: { "type": "string" } },
        "required": [CUSTOM_INPUT],
    })
    .to_string())
}

/// As it came, but that it must be an object's and say so.
fn schema<'a>(given: Option<&'a RawValue>, dropped: &mut Dropped) -> Cow<'a, RawValue> {
    let Some(given) = given else { return any_object() };
    let json = given.get().as_bytes();
    let Some(whole) = JsonPart::parse(json).ok().filter(|whole| whole.is_object()) else {
        return any_object();
    };
    let members = whole.members().unwrap_or_default();
    let is_refused = |key: &str| REFUSED_AT_HEAD.contains(&key);
    let says_object =
        whole.get("type").and_then(JsonPart::text).is_some_and(|kind| kind == "object");
    let refused: Vec<_> = members.iter().filter(|member| is_refused(&member.key)).collect();
    if says_object && refused.is_empty() {
        return Cow::Borrowed(given);
    }
    for member in refused {
        dropped.note(&format!("tools.input_schema.{}", member.key));
    }
    let mut edits = Edits::default();
    edits.change_members(json, whole, &[("type", "\"object\"")], is_refused);
    let changed = edits.apply(&Bytes::copy_from_slice(json));
    raw(String::from_utf8_lossy(&changed).into_owned())
}

fn any_object<'a>() -> Cow<'a, RawValue> {
    raw(ANY_OBJECT.to_owned())
}

fn raw<'a>(json: String) -> Cow<'a, RawValue> {
    Cow::Owned(RawValue::from_string(json).expect("made of valid JSON"))
}
