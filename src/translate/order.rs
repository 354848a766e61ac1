//! Puts the events of an answer into order.
//!
//! Upstreams open nothing and close nothing (Chat, Gemini), let the input of parallel calls
//! interleave, give ids late or never, and forget reasons. Clients index blocks by position and
//! crash on a piece without a block. So between every reader and every writer stands one [`Order`]:
//! what leaves it is opened before it is filled, closed before the next is opened, and ended once.
//!
//! Nothing is held that can go on. A block that opens while a call's input is still incomplete
//! waits; whether it is complete is told by its own braces, so calls that come one after the other,
//! as they do nearly always, are never held. What waits is bounded by [`MAX_WAITING_BYTES`].

use std::collections::VecDeque;

use actix_web::http::StatusCode;

use super::event::{Block, Event, Failure, InputKind, Step, StopReason, Usage};
use super::json_end::JsonEnd;
use super::names::ClientNames;
use super::request::CUSTOM_INPUT;

/// How much may wait for a call that is not complete.
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

pub struct Order {
    names: ClientNames,
    /// What ids of calls are made from where the upstream gives none.
    id: String,
    started: bool,
    /// Whether the upstream has said anything that an answer says.
    has_heard: bool,
    end: Option<End>,
    open: Open,
    calls: Vec<Call>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    has_called: bool,
    usage: Usage,
    stop: Option<StopReason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Well,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Text,
    /// Whether its signature has come.
    Thinking {
        signed: bool,
    },
    /// A position in `calls`.
    Call(usize),
}

/// What waits for the open call to be complete.
#[derive(Debug)]
enum Waiting {
    Text(String),
    Thinking(String),
    Signature(String),
    /// A position in `calls`.
    Call(usize),
}

#[derive(Debug)]
struct Call {
    slot: u32,
    id: Option<String>,
    name: Option<String>,
    kind: InputKind,
    /// Input that came before the call could be opened, or that must be whole to be written.
    held: String,
    has_input: bool,
    end: JsonEnd,
    done: bool,
}

impl Call {
    fn new(slot: u32, kind: InputKind) -> Self {
        Self {
            slot,
            id: None,
            name: None,
            kind,
            held: String::new(),
            has_input: false,
            end: JsonEnd::default(),
            done: false,
        }
    }

    fn is_complete(&self) -> bool {
        self.done || (self.kind == InputKind::Json && self.end.is_reached())
    }
}

type Sink<'s> = &'s mut dyn FnMut(Step<'_>);

impl Order {
    #[must_use]
    pub fn new(names: ClientNames, id: String) -> Self {
        Self {
            names,
            id,
            started: false,
            has_heard: false,
            end: None,
            open: Open::Nothing,
            calls: Vec::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            has_called: false,
            usage: Usage::default(),
            stop: None,
        }
    }

    /// Whether the answer has ended, and not well.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.end == Some(End::Failed)
    }

    pub fn push(&mut self, event: Event<'_>, sink: Sink<'_>) {
        if self.end.is_some() {
            return;
        }
        self.has_heard |= !matches!(event, Event::Usage(_) | Event::End);
        match event {
            Event::Usage(usage) => self.usage.update(usage),
            // A reader may learn the reason twice; the first one is the model's.
            Event::Stop(reason) => self.stop = self.stop.take().or(Some(reason)),
            Event::Failed(failure) => self.fail(failure, sink),
            Event::End => self.finish(sink),
            Event::Text(text) if text.is_empty() => {}
            Event::Thinking(text) if text.is_empty() => {}
            Event::Text(text) => self.text(&text, sink),
            Event::Thinking(text) => self.thinking(&text, sink),
            Event::Signature(signature) => self.signature(&signature, sink),
            Event::Call { slot, id, name, input } => {
                let some = |text: Option<std::borrow::Cow<'_, str>>| {
                    text.filter(|text| !text.is_empty()).map(std::borrow::Cow::into_owned)
                };
                self.call(slot, some(id), some(name), input, sink);
            }
            Event::CallInput { slot, piece } => self.call_input(slot, &piece, sink),
            Event::CallDone { slot } => {
                if let Some(at) = self.position(slot) {
                    self.calls[at].done = true;
                    self.advance(sink);
                }
            }
        }
    }

    /// The upstream has ended in an orderly way, with or without its dialect's end.
    pub fn finish(&mut self, sink: Sink<'_>) {
        if self.end.is_some() {
            return;
        }
        if !self.has_heard {
            return self.fail(garbled("the answer of the upstream says nothing"), sink);
        }
        self.start(sink);
        if let Open::Call(at) = self.open {
            self.calls[at].done = true;
        }
        for call in &mut self.calls {
            call.done = true;
        }
        self.advance(sink);
        if self.end.is_some() {
            return;
        }
        self.close(sink);
        self.end = Some(End::Well);
        let told = self.stop.take().unwrap_or(StopReason::EndTurn);
        // Compatible servers say `stop` although a tool was called; clients go by the reason.
        let is_ordinary = matches!(told, StopReason::EndTurn | StopReason::StopSequence(_));
        let reason = match told {
            _ if self.has_called && is_ordinary => StopReason::ToolUse,
            StopReason::ToolUse if !self.has_called => StopReason::EndTurn,
            told => told,
        };
        sink(Step::Stop(reason, self.usage));
    }

    /// The answer ends here, and not well. What is open stays open: it is not whole.
    pub fn fail(&mut self, failure: Failure, sink: Sink<'_>) {
        if self.end.is_some() {
            return;
        }
        self.end = Some(End::Failed);
        sink(Step::Fail(failure));
    }

    /// The upstream has begun, although it has nothing to say yet: clients that hear nothing give up.
    pub fn begin(&mut self, sink: Sink<'_>) {
        if self.end.is_none() {
            self.start(sink);
        }
    }

    fn start(&mut self, sink: Sink<'_>) {
        if !self.started {
            self.started = true;
            sink(Step::Start(self.usage));
        }
    }

    fn text(&mut self, text: &str, sink: Sink<'_>) {
        self.start(sink);
        if self.is_held_up(sink) {
            return self.wait(Waiting::Text(text.to_owned()), text.len(), sink);
        }
        if self.open != Open::Text {
            self.close(sink);
            self.open = Open::Text;
            sink(Step::Open(Block::Text));
        }
        sink(Step::Piece(text));
    }

    fn thinking(&mut self, text: &str, sink: Sink<'_>) {
        self.start(sink);
        if self.is_held_up(sink) {
            return self.wait(Waiting::Thinking(text.to_owned()), text.len(), sink);
        }
        self.open_thinking(sink);
        sink(Step::Piece(text));
    }

    /// A signed block is over: what is thought after it belongs to another.
    fn open_thinking(&mut self, sink: Sink<'_>) {
        if self.open != (Open::Thinking { signed: false }) {
            self.close(sink);
            self.open = Open::Thinking { signed: false };
            sink(Step::Open(Block::Thinking));
        }
    }

    fn signature(&mut self, signature: &str, sink: Sink<'_>) {
        self.start(sink);
        if self.is_held_up(sink) {
            let waiting = Waiting::Signature(signature.to_owned());
            return self.wait(waiting, signature.len(), sink);
        }
        self.open_thinking(sink);
        self.open = Open::Thinking { signed: true };
        sink(Step::Signature(signature));
    }

    fn call(
        &mut self,
        slot: u32,
        id: Option<String>,
        name: Option<String>,
        kind: InputKind,
        sink: Sink<'_>,
    ) {
        self.start(sink);
        let at = self.position(slot).unwrap_or_else(|| {
            self.calls.push(Call::new(slot, kind));
            let at = self.calls.len() - 1;
            self.waiting.push_back(Waiting::Call(at));
            at
        });
        let call = &mut self.calls[at];
        call.id = call.id.take().or(id);
        call.name = call.name.take().or(name);
        self.advance(sink);
    }

    fn call_input(&mut self, slot: u32, piece: &str, sink: Sink<'_>) {
        let Some(at) = self.position(slot) else { return };
        if piece.is_empty() {
            return;
        }
        let is_open = self.open == Open::Call(at);
        let unwraps = self.unwraps(at);
        let call = &mut self.calls[at];
        if call.kind == InputKind::Json {
            call.end.push(piece);
        }
        if is_open && !unwraps {
            call.has_input = true;
            sink(Step::Piece(piece));
        } else {
            call.held.push_str(piece);
            self.waiting_bytes += piece.len();
            if self.is_over_limit(sink) {
                return;
            }
        }
        if is_open && !self.waiting.is_empty() {
            self.advance(sink);
        }
    }

    /// Whether the call is of a custom tool that the upstream knows as a function.
    fn unwraps(&self, at: usize) -> bool {
        let call = &self.calls[at];
        call.kind == InputKind::Json
            && call.name.as_deref().is_some_and(|name| self.names.is_custom(name))
    }

    fn position(&self, slot: u32) -> Option<usize> {
        self.calls.iter().rposition(|call| call.slot == slot)
    }

    /// Whether a block cannot be opened now: an incomplete call is open, or others wait already.
    fn is_held_up(&mut self, sink: Sink<'_>) -> bool {
        self.advance(sink);
        !self.waiting.is_empty()
            || matches!(self.open, Open::Call(at) if !self.calls[at].is_complete())
    }

    fn wait(&mut self, waiting: Waiting, bytes: usize, sink: Sink<'_>) {
        self.waiting.push_back(waiting);
        self.waiting_bytes += bytes;
        self.is_over_limit(sink);
    }

    fn is_over_limit(&mut self, sink: Sink<'_>) -> bool {
        let is_over = self.waiting_bytes > MAX_WAITING_BYTES;
        if is_over {
            self.fail(garbled("tool calls of the upstream interleave beyond all bounds"), sink);
        }
        is_over
    }

    /// Opens what waits, as far as it can be.
    fn advance(&mut self, sink: Sink<'_>) {
        while let Some(next) = self.waiting.front() {
            if matches!(self.open, Open::Call(at) if !self.calls[at].is_complete()) {
                return;
            }
            if let Waiting::Call(at) = *next {
                let call = &self.calls[at];
                if call.name.is_none() {
                    if call.done {
                        self.fail(garbled("a tool call of the upstream has no name"), sink);
                    }
                    return;
                }
                self.waiting.pop_front();
                self.open_call(at, sink);
                continue;
            }
            let Some(next) = self.waiting.pop_front() else { return };
            // Taken out first, so that none of these finds itself waiting.
            let rest = std::mem::take(&mut self.waiting);
            match next {
                Waiting::Text(text) => {
                    self.waiting_bytes -= text.len();
                    self.text(&text, sink);
                }
                Waiting::Thinking(text) => {
                    self.waiting_bytes -= text.len();
                    self.thinking(&text, sink);
                }
                Waiting::Signature(signature) => {
                    self.waiting_bytes -= signature.len();
                    self.signature(&signature, sink);
                }
                Waiting::Call(_) => {}
            }
            self.waiting = rest;
        }
    }

    fn open_call(&mut self, at: usize, sink: Sink<'_>) {
        self.close(sink);
        self.has_called = true;
        self.open = Open::Call(at);
        let unwraps = self.unwraps(at);
        let call = &mut self.calls[at];
        let id = call.id.get_or_insert_with(|| format!("call_{}_{at}", self.id));
        let upstream_name = call.name.as_deref().unwrap_or_default();
        let kind = if unwraps { InputKind::Text } else { call.kind };
        let name = self.names.client_name(upstream_name);
        sink(Step::Open(Block::Call { id, name, input: kind }));
        if !unwraps && !call.held.is_empty() {
            let held = std::mem::take(&mut call.held);
            self.waiting_bytes -= held.len();
            call.has_input = true;
            sink(Step::Piece(&held));
        }
    }

    fn close(&mut self, sink: Sink<'_>) {
        if let Open::Call(at) = self.open {
            let unwraps = self.unwraps(at);
            let call = &mut self.calls[at];
            if unwraps {
                let held = std::mem::take(&mut call.held);
                self.waiting_bytes -= held.len();
                let text = custom_input(&held);
                if !text.is_empty() {
                    sink(Step::Piece(&text));
                }
            } else if !call.has_input && call.kind == InputKind::Json {
                sink(Step::Piece("{}"));
            }
        }
        if self.open != Open::Nothing {
            self.open = Open::Nothing;
            sink(Step::Close);
        }
    }
}

/// The text that stands wrapped in a function's input; what is not wrapped is taken as it is.
fn custom_input(json: &str) -> String {
    let value: Option<serde_json::Value> = serde_json::from_str(json).ok();
    let text = value.as_ref().and_then(|value| value.get(CUSTOM_INPUT)).and_then(|v| v.as_str());
    text.unwrap_or(json).to_owned()
}

fn garbled(message: &str) -> Failure {
    Failure {
        status: StatusCode::BAD_GATEWAY,
        code: "upstream_garbled".to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests;
