//! One dialect, read and written.

use bytes::BytesMut;

use super::Outgoing;
use super::dropped::Dropped;
use super::event::{Answer, Envelope, Event, Step};
use super::frames::Frame;
use super::request::Request;
use super::stream::{ReadStream, WriteStream};
use super::typed::Unreadable;

pub(super) fn read_request(_body: &[u8]) -> Result<Request, Unreadable> {
    Err(Unreadable("not yet".to_owned()))
}

pub(super) fn write_request(_outgoing: &Outgoing<'_>, _dropped: &mut Dropped) -> Vec<u8> {
    Vec::new()
}

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
