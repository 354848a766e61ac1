//! Any client to any model: requests and answers from one dialect into another.
//!
//! Each dialect knows only how to read itself into one neutral form and how to write itself from it:
//! four readers and four writers, not twelve pairs.
//!
//! ```text
//! request    client's JSON -> read_request -> Request -> settle, fit names -> write_request -> upstream's JSON
//! stream     upstream's bytes -> Frames -> ReadStream -> Event -> Order -> Step -> WriteStream -> client's bytes
//! answer     upstream's JSON -> read_answer -> Event -> Order -> Step -> Answer -> write_answer -> client's JSON
//! ```
//!
//! | module      | knows                                                              |
//! | ----------- | ------------------------------------------------------------------ |
//! | `request`   | the neutral request                                                |
//! | `history`   | the order of turns, calls and results that every API accepts       |
//! | `names`     | names and ids that fit an upstream's rules, and the way back       |
//! | `event`     | the neutral answer: what readers tell, what writers are told       |
//! | `order`     | one open block at a time, whatever the upstream does               |
//! | `frames`    | the events of an event stream                                      |
//! | `stream`    | a streamed answer                                                  |
//! | `whole`     | an answer that is not streamed                                     |
//! | `failure`   | an error that comes instead of an answer                           |
//! | `count`     | how many tokens a request has                                      |
//! | `thinking`  | how hard a model of another kind should think                      |
//! | `signature` | Claude's signatures on their way through another dialect           |
//! | `dropped`   | what had to be left out                                            |
//! | `anthropic`, `chat`, `responses`, `gemini` | one dialect each            |
//!
//! Pure: bytes in, bytes out; no clock, no identity but what is passed in. Where client and upstream
//! speak the same dialect nothing here is used: those bytes pass as they are. What is kept, changed
//! and dropped is in `docs/translation.md`.

mod anthropic;
mod chat;
mod count;
mod dropped;
mod event;
mod failure;
mod frames;
mod gemini;
mod history;
mod json_end;
mod names;
mod order;
mod request;
mod responses;
mod signature;
mod stream;
#[cfg(test)]
mod tests;
mod thinking;
mod typed;
mod whole;

pub use count::{estimate_tokens, read_count, write_count, write_count_request};
pub use dropped::Dropped;
pub use event::{Envelope, Failure};
pub use failure::translate_error;
pub use frames::{FrameTooLong, Frames};
pub use names::ClientNames;
pub use request::Request;
pub use signature::without_foreign_thinking;
pub use stream::StreamTranslator;
pub use thinking::thinking_for;
pub use typed::Unreadable;
pub use whole::{NoAnswer, translate_answer};

use bytes::Bytes;

use self::history::settle;
use self::names::UpstreamNames;
use self::request::Turn;
use crate::types::{Dialect, UpstreamModel};

/// Reads a client's request. `streams` is what a Gemini path says; the others say it in the body.
pub fn read_request(dialect: Dialect, body: &[u8], streams: bool) -> Result<Request, Unreadable> {
    match dialect {
        Dialect::Anthropic => anthropic::read_request(body),
        Dialect::OpenAiChat => chat::read_request(body),
        Dialect::OpenAiResponses => responses::read_request(body),
        Dialect::Gemini => gemini::read_request(body, streams),
    }
}

/// A request as an upstream gets it.
#[derive(Debug)]
pub struct Written {
    /// JSON. What the request says about thinking is not in it yet.
    pub body: Bytes,
    /// For the way back.
    pub names: ClientNames,
    /// What reader and writer had to leave out.
    pub dropped: Dropped,
}

/// Writes a request in an upstream's dialect, for one of its models.
#[must_use]
pub fn write_request<'a>(
    request: &Request,
    upstream: Dialect,
    model: impl Into<UpstreamModel<'a>>,
) -> Written {
    let model = model.into();
    let turns = settle(&request.turns);
    let names = UpstreamNames::new(request, &turns, upstream);
    let outgoing = Outgoing { request, turns: &turns, model, names: &names };
    let mut dropped = request.dropped.clone();
    let body = match upstream {
        Dialect::Anthropic => anthropic::write_request(&outgoing, &mut dropped),
        Dialect::OpenAiChat => chat::write_request(&outgoing, &mut dropped),
        Dialect::OpenAiResponses => responses::write_request(&outgoing, &mut dropped),
        Dialect::Gemini => gemini::write_request(&outgoing, &mut dropped),
    };
    Written { body: body.into(), names: names.for_client(request), dropped }
}

/// What a writer of requests writes from.
struct Outgoing<'a> {
    /// Everything but the turns, which are in `turns`.
    request: &'a Request,
    /// The conversation, settled.
    turns: &'a [Turn],
    model: UpstreamModel<'a>,
    names: &'a UpstreamNames,
}

impl<'a> Outgoing<'a> {
    /// The system prompt, if the conversation begins with one, and all other turns.
    fn split_system(&self) -> (Option<&'a Turn>, &'a [Turn]) {
        match self.turns {
            [first, rest @ ..] if first.role == request::Role::System => (Some(first), rest),
            turns => (None, turns),
        }
    }
}
