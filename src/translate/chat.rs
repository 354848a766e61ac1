//! Chat Completions: `OpenAI`'s older API, and what every compatible server speaks.
//!
//! Readers take what such servers and their clients are known to write: text where a list belongs
//! and the other way round, reasoning under three names, calls without index or id, the functions
//! of 2023. Writers keep to what all of them read: plain strings wherever one text stands alone,
//! functions only, `max_tokens` for all but `OpenAI`'s own reasoning models.
//!
//! | module          | knows                                                    |
//! | --------------- | -------------------------------------------------------- |
//! | `wire`          | text, and text or more                                   |
//! | `media`         | data URLs, there and back                                |
//! | `request_wire`  | the members of a request                                 |
//! | `read_request`  | a client's request; `messages` its turns, `content` what they hold |
//! | `write_request` | an upstream's request; `write_messages` its turns, `schema` its functions |
//!
//! The legacy Completions API (`prompt`), whose clients share this dialect's errors, is not
//! translated.

mod content;
mod media;
mod messages;
mod read_request;
mod request_wire;
mod schema;
#[cfg(test)]
mod tests_read;
#[cfg(test)]
mod tests_write;
mod wire;
mod write_messages;
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
