//! A streamed answer, read.
//!
//! Not only `OpenAI` speaks this dialect: events may have no name but their `type`, no
//! `sequence_number`, no `output_index`; a server may send items whole and no pieces, or nothing but
//! `response.completed`; and `[DONE]` may follow. What was told in pieces is not told again.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::event::{Event, InputKind, StopReason};
use super::super::frames::Frame;
use super::super::stream::ReadStream;
use super::item::{ItemIn, Place, ResponseIn, Said, Seams, Str, failure, tell_end};
use super::read_answer::tell_items;

/// Holds a few numbers for each item, and no text.
#[derive(Default)]
pub struct StreamReader {
    items: Vec<Seen>,
    seams: Seams,
}

/// What is known of an item of the output.
#[derive(Debug)]
struct Seen {
    slot: u32,
    id: String,
    /// Whether any of its content has been told.
    has_begun: bool,
    is_call: bool,
    is_done: bool,
    /// A reasoning item may tell itself and a summary of itself: one of them is enough.
    thinks_in: Option<Thinks>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thinks {
    Full,
    Summary,
}

#[derive(Deserialize)]
struct EventIn<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Str<'a>>,
    #[serde(borrow)]
    delta: Option<Str<'a>>,
    output_index: Option<u32>,
    #[serde(borrow)]
    item_id: Option<Str<'a>>,
    summary_index: Option<u32>,
    content_index: Option<u32>,
    #[serde(borrow)]
    arguments: Option<Str<'a>>,
    #[serde(borrow)]
    input: Option<Str<'a>>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

impl ReadStream for StreamReader {
    fn read(&mut self, frame: Frame<'_>, tell: &mut dyn FnMut(Event<'_>)) {
        if frame.data.trim() == "[DONE]" {
            return tell(Event::End);
        }
        let Ok(event) = serde_json::from_str::<EventIn<'_>>(frame.data) else { return };
        let kind = event.kind.as_ref().map_or(frame.event, |kind| &*kind.0);
        match kind {
            "response.output_text.delta" => self.text(&event, tell),
            "response.refusal.delta" => {
                self.text(&event, tell);
                tell(Event::Stop(StopReason::Refusal));
            }
            "response.reasoning_summary_text.delta" => {
                self.thinking(&event, Thinks::Summary, event.summary_index, tell);
            }
            "response.reasoning_text.delta" => {
                self.thinking(&event, Thinks::Full, event.content_index, tell);
            }
            "response.function_call_arguments.delta" => {
                self.call_input(&event, InputKind::Json, event.delta.as_ref(), tell);
            }
            "response.custom_tool_call_input.delta" => {
                self.call_input(&event, InputKind::Text, event.delta.as_ref(), tell);
            }
            "response.function_call_arguments.done" if !self.has_begun(&event) => {
                self.call_input(&event, InputKind::Json, event.arguments.as_ref(), tell);
            }
            "response.custom_tool_call_input.done" if !self.has_begun(&event) => {
                self.call_input(&event, InputKind::Text, event.input.as_ref(), tell);
            }
            "response.output_item.added" => self.item(&event, false, tell),
            "response.output_item.done" => self.item(&event, true, tell),
            "response.completed" | "response.done" => self.end(&event, "completed", tell),
            "response.incomplete" => self.end(&event, "incomplete", tell),
            "response.failed" => self.end(&event, "failed", tell),
            "response.cancelled" => self.end(&event, "cancelled", tell),
            "error" => tell_error(frame.data, tell),
            _ => {}
        }
    }
}

impl StreamReader {
    fn text(&mut self, event: &EventIn<'_>, tell: &mut dyn FnMut(Event<'_>)) {
        let Some(delta) = &event.delta else { return };
        let slot = self.slot(event);
        self.seen(slot).has_begun = true;
        self.seams.pass(Place { kind: Said::Text, item: slot, part: 0 }, tell);
        tell(Event::Text(delta.borrowed()));
    }

    fn thinking(
        &mut self,
        event: &EventIn<'_>,
        thinks: Thinks,
        part: Option<u32>,
        tell: &mut dyn FnMut(Event<'_>),
    ) {
        let Some(delta) = &event.delta else { return };
        let slot = self.slot(event);
        let seen = self.seen(slot);
        seen.has_begun = true;
        if *seen.thinks_in.get_or_insert(thinks) != thinks {
            return;
        }
        let part = part.unwrap_or(0);
        self.seams.pass(Place { kind: Said::Thinking, item: slot, part }, tell);
        tell(Event::Thinking(delta.borrowed()));
    }

    fn call_input(
        &mut self,
        event: &EventIn<'_>,
        input: InputKind,
        piece: Option<&Str<'_>>,
        tell: &mut dyn FnMut(Event<'_>),
    ) {
        let Some(piece) = piece else { return };
        let slot = self.slot(event);
        let seen = self.seen(slot);
        seen.has_begun |= !piece.0.is_empty();
        if !std::mem::replace(&mut seen.is_call, true) {
            self.seams.cut();
            tell(Event::Call { slot, id: None, name: None, input });
        }
        tell(Event::CallInput { slot, piece: piece.borrowed() });
    }

    /// An item begins or is done.
    fn item(&mut self, event: &EventIn<'_>, is_done: bool, tell: &mut dyn FnMut(Event<'_>)) {
        let Some(raw) = event.item else { return };
        let Ok(item) = serde_json::from_str::<ItemIn<'_>>(raw.get()) else { return };
        let slot = self.slot_of_item(event, &item, is_done);
        let call = item.call_input();
        if let Some(input) = call {
            self.seams.cut();
            self.seen(slot).is_call = true;
            item.tell_call(slot, input, tell);
        }
        // What an item holds when it begins may be a part of it: `encrypted_content` is.
        if is_done && !std::mem::replace(&mut self.seen(slot).has_begun, true) {
            item.tell_content(slot, &mut self.seams, tell);
        }
        if is_done && call.is_some() {
            tell(Event::CallDone { slot });
        }
    }

    fn end(&mut self, event: &EventIn<'_>, status: &str, tell: &mut dyn FnMut(Event<'_>)) {
        let raw = event.response.map_or("{}", RawValue::get);
        let Ok(response) = serde_json::from_str::<ResponseIn<'_>>(raw) else { return };
        if self.items.is_empty() {
            let output = response.output.map_or("[]", RawValue::get);
            let items: Vec<ItemIn<'_>> = serde_json::from_str(output).unwrap_or_default();
            tell_items(&items, &mut self.seams, tell);
        }
        tell_end(&response, status, tell);
    }

    fn has_begun(&self, event: &EventIn<'_>) -> bool {
        let slot = self.slot(event);
        self.items.iter().any(|seen| seen.slot == slot && seen.has_begun)
    }

    /// The item that an event is about; the latest, if the server does not say.
    fn slot(&self, event: &EventIn<'_>) -> u32 {
        let by_id = || {
            let id = event.item_id.as_ref()?;
            self.items.iter().rev().find(|seen| seen.id == id.0).map(|seen| seen.slot)
        };
        let latest = || self.items.last().map(|seen| seen.slot);
        event.output_index.or_else(by_id).or_else(latest).unwrap_or(0)
    }

    fn slot_of_item(&mut self, event: &EventIn<'_>, item: &ItemIn<'_>, is_done: bool) -> u32 {
        let id = item.id.as_ref().map_or("", |id| &*id.0);
        let by_id = || self.items.iter().rev().find(|seen| !id.is_empty() && seen.id == id);
        // Where a server gives no number: an item that is done is the latest, if that is open.
        let open = || {
            let latest = self.items.last().filter(|seen| is_done && !seen.is_done);
            latest.filter(|seen| id.is_empty() || seen.id.is_empty())
        };
        let next = || self.items.iter().map(|seen| seen.slot + 1).max().unwrap_or(0);
        let known = || by_id().or_else(open).map(|seen| seen.slot);
        let slot = event.output_index.or_else(known).unwrap_or_else(next);
        let seen = self.seen(slot);
        id.clone_into(&mut seen.id);
        seen.is_done = is_done;
        slot
    }

    fn seen(&mut self, slot: u32) -> &mut Seen {
        let at = self.items.iter().rposition(|seen| seen.slot == slot).unwrap_or_else(|| {
            self.items.push(Seen {
                slot,
                id: String::new(),
                has_begun: false,
                is_call: false,
                is_done: false,
                thinks_in: None,
            });
            self.items.len() - 1
        });
        &mut self.items[at]
    }
}

/// Flat, as `OpenAI` documents it, or with all in `error`, as it comes over a WebSocket.
fn tell_error(data: &str, tell: &mut dyn FnMut(Event<'_>)) {
    let value: Value = serde_json::from_str(data).unwrap_or_default();
    let error = value.get("error").filter(|error| error.is_object()).unwrap_or(&value);
    let status = value.get("status").and_then(Value::as_u64);
    tell(Event::Failed(failure(Some(error), status, "")));
}
