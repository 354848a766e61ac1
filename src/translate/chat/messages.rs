//! Messages, read as turns.
//!
//! A call needs an id, the same as its result's. The functions of 2023 have none, and some clients
//! forget it: then the result is that of the oldest open call of its name.

use std::collections::VecDeque;

use super::super::dropped::Dropped;
use super::super::request::{
    CacheHint, Part, Role, Thought, ToolCall, ToolInput, ToolResult, Turn,
};
use super::super::typed::Unreadable;
use super::content::{self, Holds, read_cache};
use super::request_wire::{CallIn, CalledFunction, MessageIn};

pub(super) fn read(
    messages: Vec<MessageIn>,
    dropped: &mut Dropped,
) -> Result<Vec<Turn>, Unreadable> {
    let mut open = OpenCalls::default();
    let mut turns = Vec::with_capacity(messages.len());
    for (position, message) in messages.into_iter().enumerate() {
        let at = format!("messages[{position}]");
        turns.push(read_message(message, &at, &mut open, dropped)?);
    }
    Ok(turns)
}

fn read_message(
    mut message: MessageIn,
    at: &str,
    open: &mut OpenCalls,
    dropped: &mut Dropped,
) -> Result<Turn, Unreadable> {
    let role = std::mem::take(&mut message.role);
    let cache = message.cache_control.take().map(read_cache);
    let is_result = matches!(role.as_str(), "tool" | "function");
    if message.name.is_some() && !is_result {
        dropped.note("messages.name");
    }
    let turn = match role.as_str() {
        "system" | "developer" => {
            let mut parts = content::read(message.content, Holds::Texts, at, dropped)?;
            cache_to(&mut parts, cache);
            Turn { role: Role::System, parts }
        }
        "user" => {
            let mut parts = content::read(message.content, Holds::TextsAndMedia, at, dropped)?;
            cache_to(&mut parts, cache);
            Turn { role: Role::User, parts }
        }
        "assistant" => read_assistant(message, at, open, dropped)?,
        "tool" | "function" => {
            let parts = content::read(message.content, Holds::TextsAndMedia, at, dropped)?;
            let id = open.answer(message.tool_call_id, message.name.as_deref());
            let name = message.name;
            let result = ToolResult { id, name, parts, is_error: false, cache };
            Turn { role: Role::User, parts: vec![Part::ToolResult(result)] }
        }
        other => return Err(Unreadable(format!("{at}.role: `{other}` is no role"))),
    };
    Ok(turn)
}

/// A breakpoint of a message is one of its last block.
fn cache_to(parts: &mut [Part], cache: Option<CacheHint>) {
    if let Some(Part::Text(text)) = parts.last_mut() {
        text.cache = cache.or(text.cache.take());
    }
}

fn read_assistant(
    message: MessageIn,
    at: &str,
    open: &mut OpenCalls,
    dropped: &mut Dropped,
) -> Result<Turn, Unreadable> {
    if message.audio.is_some() {
        dropped.note("messages.audio");
    }
    if message.annotations.is_some_and(|annotations| !annotations.is_empty()) {
        dropped.note("messages.annotations");
    }
    let mut parts = Vec::new();
    if let Some(text) = message.reasoning_content.or(message.reasoning) {
        parts.push(Part::Thinking(Thought { text, signature: None }));
    }
    parts.extend(content::read(message.content, Holds::Texts, at, dropped)?);
    // What the model said instead of an answer is what it said.
    parts.extend(message.refusal.map(|refusal| Part::Text(refusal.into())));
    for (position, call) in message.tool_calls.unwrap_or_default().into_iter().enumerate() {
        let call = read_call(call, open, &format!("{at}.tool_calls[{position}]"))?;
        parts.push(Part::ToolCall(call));
    }
    if let Some(function) = message.function_call {
        let id = open.call(None, &function.name);
        let input = read_arguments(&function, &format!("{at}.function_call"))?;
        parts.push(Part::ToolCall(ToolCall { id, name: function.name, input }));
    }
    Ok(Turn { role: Role::Assistant, parts })
}

fn read_call(call: CallIn, open: &mut OpenCalls, at: &str) -> Result<ToolCall, Unreadable> {
    if let Some(custom) = call.custom {
        let id = open.call(call.id, &custom.name);
        return Ok(ToolCall { id, name: custom.name, input: ToolInput::Text(custom.input) });
    }
    let function = call.function.ok_or_else(|| Unreadable(format!("{at}.function: missing")))?;
    let id = open.call(call.id, &function.name);
    let input = read_arguments(&function, &format!("{at}.function"))?;
    Ok(ToolCall { id, name: function.name, input })
}

fn read_arguments(function: &CalledFunction, at: &str) -> Result<ToolInput, Unreadable> {
    let Some(arguments) = &function.arguments else { return Ok(ToolInput::from_json_text("")) };
    let json = arguments.get();
    if !json.starts_with('"') {
        return Ok(ToolInput::from_json_text(json));
    }
    let text: String = serde_json::from_str(json)
        .map_err(|error| Unreadable(format!("{at}.arguments: {error}")))?;
    Ok(ToolInput::from_json_text(&text))
}

/// The calls that have no result yet, oldest first.
#[derive(Default)]
struct OpenCalls {
    open: VecDeque<(String, String)>,
    made_up: usize,
}

impl OpenCalls {
    /// The id of a call of `name`.
    fn call(&mut self, id: Option<String>, name: &str) -> String {
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| self.make_up());
        self.open.push_back((id.clone(), name.to_owned()));
        id
    }

    /// The id of the call that a result answers. A result of nothing gets one of its own.
    fn answer(&mut self, id: Option<String>, name: Option<&str>) -> String {
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            if let Some(at) = self.open.iter().position(|(called, _)| *called == id) {
                self.open.remove(at);
            }
            return id;
        }
        let named = |(_, called): &(String, String)| name.is_none_or(|name| name == called);
        let found = self.open.iter().position(named).and_then(|at| self.open.remove(at));
        found.map_or_else(|| self.make_up(), |(id, _)| id)
    }

    fn make_up(&mut self) -> String {
        self.made_up += 1;
        format!("call_unnamed_{}", self.made_up)
    }
}
