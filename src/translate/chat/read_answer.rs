//! An upstream's answer, read.
//!
//! Pieces of one call belong together by index. Where servers leave it out, or give every call the
//! same one, an id that is not the last one's begins another call, and so does a name without any.

use super::super::event::{Event, InputKind};
use super::super::frames::Frame;
use super::super::stream::ReadStream;
use super::super::typed::Unreadable;
use super::chunk::{CallPiece, Choice, Chunk, FunctionPiece};
use super::failure::failure;
use crate::dialect::ChatUsage;

/// Ends a stream. It is no JSON.
const TERMINATOR: &str = "[DONE]";

pub fn read_answer(body: &[u8], tell: &mut dyn FnMut(Event<'_>)) -> Result<(), Unreadable> {
    let answer: Chunk<'_> =
        serde_json::from_slice(body).map_err(|error| Unreadable(error.to_string()))?;
    // Some gateways answer an error with status 200.
    if answer.error.is_none() && answer.choices.as_ref().is_none_or(Vec::is_empty) {
        return Err(Unreadable("choices: missing".to_owned()));
    }
    Calls { are_whole: true, ..Calls::default() }.read(answer, tell);
    Ok(())
}

/// Reads a stream. Holds which calls have begun, and no piece of any.
#[derive(Debug, Default)]
pub struct StreamReader(Calls);

impl ReadStream for StreamReader {
    fn read(&mut self, frame: Frame<'_>, tell: &mut dyn FnMut(Event<'_>)) {
        let data = frame.data.trim();
        if data == TERMINATOR {
            return tell(Event::End);
        }
        if let Ok(chunk) = serde_json::from_str(data) {
            self.0.read(chunk, tell);
        }
    }
}

/// The calls of an answer. A call's slot is its position.
#[derive(Debug, Default)]
struct Calls {
    begun: Vec<Begun>,
    /// In a whole answer every call is whole, whatever its index and id.
    are_whole: bool,
}

#[derive(Debug)]
struct Begun {
    key: Key,
    id: Option<String>,
    is_named: bool,
}

/// By what a piece finds its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Index(u32),
    None,
    /// A function of 2023, of which an answer calls one at most.
    Function,
}

/// A piece of a call, whatever it is of.
struct Piece<'a> {
    key: Key,
    id: &'a str,
    name: &'a str,
    kind: InputKind,
}

impl Calls {
    fn read(&mut self, chunk: Chunk<'_>, tell: &mut dyn FnMut(Event<'_>)) {
        if let Some(error) = chunk.error {
            return tell(Event::Failed(failure(error)));
        }
        // Clients of other dialects have no place for a second choice.
        let is_first = |choice: &Choice<'_>| choice.index.unwrap_or(0) == 0;
        for mut choice in chunk.choices.into_iter().flatten().filter(is_first) {
            if let Some(mut delta) = choice.delta.take().or_else(|| choice.message.take()) {
                delta.tell_texts(tell);
                for call in delta.tool_calls.iter().flatten() {
                    self.tool_call(call, tell);
                }
                if let Some(function) = &delta.function_call {
                    self.function(Key::Function, "", function, tell);
                }
            }
            choice.tell_stop(tell);
        }
        let usage =
            chunk.usage.and_then(|usage| serde_json::from_str::<ChatUsage>(usage.get()).ok());
        if let Some(usage) = usage {
            tell(Event::Usage(usage.into()));
        }
    }

    fn tool_call(&mut self, call: &CallPiece<'_>, tell: &mut dyn FnMut(Event<'_>)) {
        let key = call.index.map_or(Key::None, Key::Index);
        let id = call.id.as_ref().map_or("", |id| &id.0);
        if let Some(custom) = &call.custom {
            let name = custom.name.as_ref().map_or("", |name| &name.0);
            let slot = self.begin(&Piece { key, id, name, kind: InputKind::Text }, tell);
            if let Some(input) = custom.input.as_ref().filter(|input| !input.0.is_empty()) {
                tell(Event::CallInput { slot, piece: input.0.as_ref().into() });
            }
        } else if let Some(function) = &call.function {
            self.function(key, id, function, tell);
        }
    }

    fn function(
        &mut self,
        key: Key,
        id: &str,
        function: &FunctionPiece<'_>,
        tell: &mut dyn FnMut(Event<'_>),
    ) {
        let name = function.name.as_ref().map_or("", |name| &name.0);
        let slot = self.begin(&Piece { key, id, name, kind: InputKind::Json }, tell);
        let piece = function.arguments();
        if !piece.is_empty() {
            tell(Event::CallInput { slot, piece });
        }
    }

    /// The slot of the call that a piece belongs to. Tells of it if there is news.
    fn begin(&mut self, piece: &Piece<'_>, tell: &mut dyn FnMut(Event<'_>)) -> u32 {
        let at = self.find(piece).unwrap_or_else(|| {
            self.begun.push(Begun { key: piece.key, id: None, is_named: false });
            self.begun.len() - 1
        });
        let slot = u32::try_from(at).unwrap_or(u32::MAX);
        let begun = &mut self.begun[at];
        let id = (!piece.id.is_empty() && begun.id.is_none()).then_some(piece.id);
        let name = (!piece.name.is_empty() && !begun.is_named).then_some(piece.name);
        if id.is_some() || name.is_some() {
            begun.id = begun.id.take().or(id.map(str::to_owned));
            begun.is_named |= name.is_some();
            let (id, name) = (id.map(Into::into), name.map(Into::into));
            tell(Event::Call { slot, id, name, input: piece.kind });
        }
        slot
    }

    fn find(&self, piece: &Piece<'_>) -> Option<usize> {
        if self.are_whole {
            return None;
        }
        let is_last = |begun: &Begun| begun.key == piece.key;
        let last = self.begun.iter().rposition(is_last)?;
        let begun = &self.begun[last];
        let is_another = match (&begun.id, piece.id) {
            // A name again is told with every piece by some.
            (_, "") => piece.key == Key::None && begun.is_named && !piece.name.is_empty(),
            (Some(id), other) => id != other && !piece.name.is_empty(),
            (None, _) => false,
        };
        if !is_another {
            return Some(last);
        }
        let has_id = |begun: &Begun| !piece.id.is_empty() && begun.id.as_deref() == Some(piece.id);
        self.begun.iter().rposition(has_id)
    }
}
