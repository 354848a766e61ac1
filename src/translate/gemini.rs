//! Gemini's `generateContent` and `streamGenerateContent`, as the Gemini API and Vertex speak them.
//!
//! | module          | knows                                                              |
//! | --------------- | ------------------------------------------------------------------ |
//! | `wire`          | how a request stands in JSON, in both spellings Google reads       |
//! | `lenient`       | what Google's JSON lets a client write in more than one way        |
//! | `read_request`  | a client's request                                                 |
//! | `calls`         | ids for calls that have none, and which response belongs to which  |
//! | `open_api`      | Google's subset of `OpenAPI`, as JSON schema                       |
//! | `write_request` | a request for Google: the tools and their choice                   |
//! | `settings`      | the same: how its answer is to be made                             |
//! | `contents`      | the same: the conversation                                         |
//! | `schema`        | JSON schema, as much of it as Google reads                         |
//! | `model`         | what a model's name says about what it takes                       |
//!
//! Which model is called and whether the answer is streamed stands in the path, not here; nor do the
//! writers say how hard a model thinks, which [`crate::adapt::set_thinking`] does.

mod calls;
mod contents;
mod lenient;
mod model;
mod open_api;
mod read_request;
mod schema;
mod settings;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_write;
mod wire;
mod write_request;

pub(super) use read_request::read_request;
pub(super) use write_request::write_request;

use bytes::BytesMut;

use super::event::{Answer, Envelope, Event, Step};
use super::frames::Frame;
use super::stream::{ReadStream, WriteStream};
use super::typed::Unreadable;

pub(super) fn read_answer(
    _body: &[u8],
    _tell: &mut dyn FnMut(Event<'_>),
) -> Result<(), Unreadable> {
    Err(Unreadable("not yet".to_owned()))
}

pub(super) fn write_answer(_answer: &Answer, _envelope: &Envelope) -> Vec<u8> {
    Vec::new()
}

#[derive(Default)]
pub(super) struct StreamReader;

impl ReadStream for StreamReader {
    fn read(&mut self, _frame: Frame<'_>, _tell: &mut dyn FnMut(Event<'_>)) {}
}

pub(super) struct StreamWriter;

impl StreamWriter {
    pub fn new(_envelope: Envelope) -> Self {
        Self
    }
}

impl WriteStream for StreamWriter {
    fn write(&mut self, _step: &Step<'_>, _out: &mut BytesMut) {}
}
