//! A streamed answer for a client that speaks Gemini.
//!
//! With `alt=sse` every chunk is an event, its lines ended by CRLF; without, the chunks are the
//! elements of one JSON array. Neither has a terminator but the bracket: the stream just ends.
//!
//! Texts pass piece by piece. The dialect wants the arguments of a call whole, so those of one call
//! are held, up to [`MAX_CALL_BYTES`].

use actix_web::http::StatusCode;
use bytes::{BufMut, BytesMut};
use serde::Serialize;

use super::write_answer::{Chunk, Part};
use crate::dialect::{error_body, stream_error_event};
use crate::translate::event::{Block, Envelope, Failure, InputKind, Step, StopReason, Usage};
use crate::translate::stream::WriteStream;
use crate::types::Dialect;

/// As much as one event of an upstream may hold.
const MAX_CALL_BYTES: usize = 64 * 1024 * 1024;

pub(in crate::translate) struct StreamWriter {
    envelope: Envelope,
    open: Open,
    /// Whether the array has begun.
    has_begun: bool,
    has_ended: bool,
}

enum Open {
    Nothing,
    Text,
    Thinking,
    Call { id: String, name: String, input: String, kind: InputKind },
}

impl StreamWriter {
    pub fn new(envelope: Envelope) -> Self {
        Self { envelope, open: Open::Nothing, has_begun: false, has_ended: false }
    }

    fn piece(&mut self, piece: &str, out: &mut BytesMut) {
        let part = match &mut self.open {
            Open::Nothing => return,
            Open::Text => Part::of_text(piece),
            Open::Thinking => Part::of_thought(piece),
            Open::Call { input, .. } if input.len() + piece.len() > MAX_CALL_BYTES => {
                return self.fail(&too_long(), out);
            }
            Open::Call { input, .. } => return input.push_str(piece),
        };
        self.chunk(&part, None, out);
    }

    fn close(&mut self, out: &mut BytesMut) {
        if let Open::Call { id, name, input, kind } =
            std::mem::replace(&mut self.open, Open::Nothing)
        {
            // A model may lay its JSON out over lines, which would end the event's.
            let input = match kind {
                InputKind::Json if input.contains(['\n', '\r']) => input.replace(['\n', '\r'], " "),
                InputKind::Json | InputKind::Text => input,
            };
            self.chunk(&Part::of_call(&id, &name, &input, kind), None, out);
        }
    }

    fn chunk(&mut self, part: &Part<'_>, end: Option<(&StopReason, Usage)>, out: &mut BytesMut) {
        self.begin(out);
        let parts = std::slice::from_ref(part);
        write_json(&Chunk::new(parts, end, &self.envelope), out);
        if !self.envelope.as_array {
            out.put_slice(b"\r\n\r\n");
        }
    }

    fn begin(&mut self, out: &mut BytesMut) {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        out.put_slice(match (self.envelope.as_array, is_first) {
            (false, _) => b"data: ",
            (true, true) => b"[",
            (true, false) => b"\n,\r\n",
        });
    }

    fn stop(&mut self, reason: &StopReason, usage: Usage, out: &mut BytesMut) {
        self.chunk(&Part::of_text(""), Some((reason, usage)), out);
        self.end(out);
    }

    fn fail(&mut self, failure: &Failure, out: &mut BytesMut) {
        let Failure { status, code, message } = failure;
        if self.envelope.as_array {
            self.begin(out);
            // Gemini's errors have no place for the id of a request.
            let body = error_body(Dialect::Gemini, *status, code, message, "");
            out.put_slice(body.as_bytes());
        } else {
            let event = stream_error_event(Dialect::Gemini, code, message, *status, 0, true);
            out.put_slice(event.as_bytes());
        }
        self.end(out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.open = Open::Nothing;
        self.has_ended = true;
        if self.envelope.as_array {
            out.put_slice(b"\n]");
        }
    }
}

impl WriteStream for StreamWriter {
    fn write(&mut self, step: &Step<'_>, out: &mut BytesMut) {
        if self.has_ended {
            return;
        }
        match step {
            // A chunk that says nothing yet would only be in the way.
            Step::Start(_) | Step::Signature(_) => {}
            Step::Open(Block::Text) => self.open = Open::Text,
            Step::Open(Block::Thinking) => self.open = Open::Thinking,
            Step::Open(Block::Call { id, name, input }) => {
                self.open = Open::Call {
                    id: (*id).to_owned(),
                    name: (*name).to_owned(),
                    input: String::new(),
                    kind: *input,
                };
            }
            Step::Piece(piece) => self.piece(piece, out),
            Step::Close => self.close(out),
            Step::Stop(reason, usage) => self.stop(reason, *usage, out),
            Step::Fail(failure) => self.fail(failure, out),
        }
    }
}

fn too_long() -> Failure {
    Failure {
        status: StatusCode::BAD_GATEWAY,
        code: "upstream_garbled".to_owned(),
        message: "the arguments of a tool call are longer than 64 MiB".to_owned(),
    }
}

fn write_json(value: &impl Serialize, out: &mut BytesMut) {
    let written = serde_json::to_writer(out.writer(), value);
    written.expect("strings, numbers and JSON always serialise, and memory takes them");
}
