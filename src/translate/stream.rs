//! A streamed answer on its way from one dialect to another.

use actix_web::http::StatusCode;
use bytes::BytesMut;

use super::event::{Envelope, Event, Failure, Step};
use super::frames::{Frame, Frames};
use super::names::ClientNames;
use super::order::Order;
use super::typed::Unreadable;
use super::whole::read_answer;
use super::{anthropic, chat, gemini, responses};
use crate::types::Dialect;

/// Reads the events of one dialect's stream.
pub(super) trait ReadStream {
    fn read(&mut self, frame: Frame<'_>, tell: &mut dyn FnMut(Event<'_>));
}

/// Writes the events of one dialect's stream.
pub(super) trait WriteStream {
    fn write(&mut self, step: &Step<'_>, out: &mut BytesMut);
}

/// Translates a stream while it passes. Holds one event of the upstream, and what its `Order` and the
/// client's dialect make it hold.
pub struct StreamTranslator {
    frames: Frames,
    reader: Box<dyn ReadStream>,
    order: Order,
    writer: Box<dyn WriteStream>,
}

impl std::fmt::Debug for StreamTranslator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StreamTranslator")
    }
}

impl StreamTranslator {
    #[must_use]
    pub fn new(upstream: Dialect, client: Dialect, names: ClientNames, envelope: Envelope) -> Self {
        let reader: Box<dyn ReadStream> = match upstream {
            Dialect::Anthropic => Box::new(anthropic::StreamReader::default()),
            Dialect::OpenAiChat => Box::new(chat::StreamReader::default()),
            Dialect::OpenAiResponses => Box::new(responses::StreamReader::default()),
            Dialect::Gemini => Box::new(gemini::StreamReader::default()),
        };
        let order = Order::new(names, envelope.id.clone());
        let writer: Box<dyn WriteStream> = match client {
            Dialect::Anthropic => Box::new(anthropic::StreamWriter::new(envelope)),
            Dialect::OpenAiChat => Box::new(chat::StreamWriter::new(envelope)),
            Dialect::OpenAiResponses => Box::new(responses::StreamWriter::new(envelope)),
            Dialect::Gemini => Box::new(gemini::StreamWriter::new(envelope)),
        };
        Self { frames: Frames::default(), reader, order, writer }
    }

    /// Takes the next bytes of the upstream's stream; appends what they are for the client.
    pub fn push(&mut self, bytes: &[u8], out: &mut BytesMut) {
        let Self { frames, reader, order, writer } = self;
        let mut tell = |frame: Frame<'_>| {
            reader.read(frame, &mut |event| {
                order.push(event, &mut |step| writer.write(&step, out));
            });
            order.begin(&mut |step| writer.write(&step, out));
        };
        if let Err(too_long) = frames.push(bytes, &mut tell) {
            let failure = Failure {
                status: StatusCode::BAD_GATEWAY,
                code: "upstream_garbled".to_owned(),
                message: too_long.to_string(),
            };
            self.fail(failure, out);
        }
    }

    /// The upstream has ended in an orderly way.
    pub fn finish(&mut self, out: &mut BytesMut) {
        let Self { frames, reader, order, writer } = self;
        let mut tell = |frame: Frame<'_>| {
            reader.read(frame, &mut |event| {
                order.push(event, &mut |step| writer.write(&step, out));
            });
        };
        frames.finish(&mut tell);
        order.finish(&mut |step| writer.write(&step, out));
    }

    /// Takes a whole answer of a server that was asked for a stream, to its end.
    pub fn push_whole(
        &mut self,
        upstream: Dialect,
        body: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), Unreadable> {
        let Self { order, writer, .. } = self;
        let mut tell = |event: Event<'_>| {
            order.push(event, &mut |step| writer.write(&step, out));
        };
        read_answer(upstream, body, &mut tell)?;
        order.finish(&mut |step| writer.write(&step, out));
        Ok(())
    }

    /// The upstream broke off, or the answer has to end here: the client gets its dialect's error.
    pub fn fail(&mut self, failure: Failure, out: &mut BytesMut) {
        let Self { order, writer, .. } = self;
        order.fail(failure, &mut |step| writer.write(&step, out));
    }

    /// Whether the client has been told that the answer failed; what still comes is of no use.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.order.has_failed()
    }
}
