//! A streamed answer, written.
//!
//! The dialect tells everything again: a text in `.done`, an item in `output_item.done` (the only
//! event that Codex takes items from), the whole output in `response.completed`. So the writer has
//! to hold the answer: the open item's text, and the JSON of those that are done. Pieces are told at
//! once all the same. What is held is bounded by [`MAX_HELD_BYTES`]; an answer beyond it fails.
//!
//! A failure is told twice, as `OpenAI` does: `error`, which its SDKs raise, and `response.failed`,
//! the only one of the two that Codex reads.

mod open;

use actix_web::http::StatusCode;
use bytes::{BufMut as _, BytesMut};
use serde_json::value::RawValue;

use self::open::{Open, Pieces};
use super::super::event::{Block, Envelope, Failure, Step, StopReason, Usage};
use super::super::stream::WriteStream;
use super::wire::{ErrorOut, EventOut, ItemOut, PartOut, ResponseOut};
use crate::dialect::stream_error_event;
use crate::types::Dialect;

/// As long as the longest event that is read.
const MAX_HELD_BYTES: usize = 64 * 1024 * 1024;

pub struct StreamWriter {
    envelope: Envelope,
    sequence_number: u64,
    /// The items that are done, as the inside of a JSON list.
    output: Vec<u8>,
    output_index: u32,
    open: Option<Open>,
    has_failed: bool,
}

impl StreamWriter {
    pub fn new(envelope: Envelope) -> Self {
        Self {
            envelope,
            sequence_number: 0,
            output: Vec::new(),
            output_index: 0,
            open: None,
            has_failed: false,
        }
    }
}

impl WriteStream for StreamWriter {
    fn write(&mut self, step: &Step<'_>, out: &mut BytesMut) {
        if self.has_failed {
            return;
        }
        match step {
            Step::Start(_) => self.start(out),
            Step::Open(block) => self.open(*block, out),
            Step::Piece(piece) => self.piece(piece, out),
            Step::Signature(signature) => {
                if let Some(open) = &mut self.open {
                    open.signature = Some((*signature).to_owned());
                }
            }
            Step::Close => self.close(out),
            Step::Stop(reason, usage) => self.stop(reason, *usage, out),
            Step::Fail(failure) => self.fail(failure, out),
        }
    }
}

impl StreamWriter {
    fn start(&mut self, out: &mut BytesMut) {
        for kind in ["response.created", "response.in_progress"] {
            let response = ResponseOut::new(&self.envelope, "in_progress", no_output());
            let response = Some(response);
            tell(
                &mut self.sequence_number,
                EventOut { kind, response, ..EventOut::default() },
                out,
            );
        }
    }

    fn open(&mut self, block: Block<'_>, out: &mut BytesMut) {
        let open = Open::new(block, &self.envelope, self.output_index);
        let item = ItemOut::new(&open.id, open.content(), "in_progress");
        let event = EventOut {
            kind: "response.output_item.added",
            output_index: Some(self.output_index),
            item: Some(&item),
            ..EventOut::default()
        };
        tell(&mut self.sequence_number, event, out);
        self.open = Some(open);
    }

    fn piece(&mut self, piece: &str, out: &mut BytesMut) {
        let Some(open) = &mut self.open else { return };
        if self.output.len() + open.text.len() + piece.len() > MAX_HELD_BYTES {
            let failure = Failure {
                status: StatusCode::BAD_GATEWAY,
                code: "answer_too_long".to_owned(),
                message:
                    "the answer is longer than 64 MiB, which this API has to tell in one event"
                        .to_owned(),
            };
            return self.fail(&failure, out);
        }
        let is_first = open.text.is_empty();
        open.text.push_str(piece);
        let open = &*open;
        let about = About { item_id: &open.id, output_index: self.output_index };
        let number = &mut self.sequence_number;
        match open.pieces() {
            Pieces::Text => {
                if is_first {
                    let part = Some(PartOut::text(""));
                    let kind = "response.content_part.added";
                    tell(number, EventOut { kind, part, ..about.content() }, out);
                }
                let kind = "response.output_text.delta";
                let (delta, logprobs) = (Some(piece), Some([]));
                tell(number, EventOut { kind, delta, logprobs, ..about.content() }, out);
            }
            Pieces::Summary => {
                if is_first {
                    let part = Some(PartOut::summary(""));
                    let kind = "response.reasoning_summary_part.added";
                    tell(number, EventOut { kind, part, ..about.summary() }, out);
                }
                let kind = "response.reasoning_summary_text.delta";
                tell(number, EventOut { kind, delta: Some(piece), ..about.summary() }, out);
            }
            Pieces::Arguments => {
                let kind = "response.function_call_arguments.delta";
                tell(number, EventOut { kind, delta: Some(piece), ..about.item() }, out);
            }
            Pieces::Input => {
                let kind = "response.custom_tool_call_input.delta";
                tell(number, EventOut { kind, delta: Some(piece), ..about.item() }, out);
            }
            Pieces::Untold => {}
        }
    }

    fn close(&mut self, out: &mut BytesMut) {
        let Some(open) = self.open.take() else { return };
        let about = About { item_id: &open.id, output_index: self.output_index };
        let number = &mut self.sequence_number;
        let text = open.text.as_str();
        match open.pieces() {
            Pieces::Text if !text.is_empty() => {
                let kind = "response.output_text.done";
                let (told, logprobs) = (Some(text), Some([]));
                tell(number, EventOut { kind, text: told, logprobs, ..about.content() }, out);
                let kind = "response.content_part.done";
                let part = Some(PartOut::text(text));
                tell(number, EventOut { kind, part, ..about.content() }, out);
            }
            Pieces::Summary if !text.is_empty() => {
                let kind = "response.reasoning_summary_text.done";
                tell(number, EventOut { kind, text: Some(text), ..about.summary() }, out);
                let kind = "response.reasoning_summary_part.done";
                let part = Some(PartOut::summary(text));
                tell(number, EventOut { kind, part, ..about.summary() }, out);
            }
            Pieces::Arguments => {
                let name = open.tool_name();
                let kind = "response.function_call_arguments.done";
                tell(number, EventOut { kind, arguments: Some(text), name, ..about.item() }, out);
            }
            Pieces::Input => {
                let kind = "response.custom_tool_call_input.done";
                tell(number, EventOut { kind, input: Some(text), ..about.item() }, out);
            }
            Pieces::Text | Pieces::Summary | Pieces::Untold => {}
        }
        let item = ItemOut::new(&open.id, open.content(), "completed");
        let event = EventOut {
            kind: "response.output_item.done",
            output_index: Some(self.output_index),
            item: Some(&item),
            ..EventOut::default()
        };
        tell(number, event, out);
        if !self.output.is_empty() {
            self.output.push(b',');
        }
        serde_json::to_writer(&mut self.output, &item).expect("strings always serialise");
        self.output_index += 1;
    }

    fn stop(&mut self, reason: &StopReason, usage: Usage, out: &mut BytesMut) {
        let output = self.take_output();
        let output = list(&output);
        let response = ResponseOut::stopped(&self.envelope, reason, usage, output);
        let kind = match response.status {
            "incomplete" => "response.incomplete",
            _ => "response.completed",
        };
        let response = Some(response);
        tell(&mut self.sequence_number, EventOut { kind, response, ..EventOut::default() }, out);
    }

    fn fail(&mut self, failure: &Failure, out: &mut BytesMut) {
        self.has_failed = true;
        // SDKs that put a response together stop at anything that comes before it is created.
        if self.sequence_number == 0 {
            self.start(out);
        }
        let Failure { status, code, message } = failure;
        let known = known_code(*status, code);
        let code = if code.is_empty() { known } else { code };
        let number = self.sequence_number;
        let dialect = Dialect::OpenAiResponses;
        let event = stream_error_event(dialect, code, message, *status, number, false);
        out.extend_from_slice(event.as_bytes());
        self.sequence_number += 1;

        let output = self.take_output();
        let mut response = ResponseOut::new(&self.envelope, "failed", list(&output));
        response.error = Some(ErrorOut { code: known, message });
        let kind = "response.failed";
        let response = Some(response);
        tell(&mut self.sequence_number, EventOut { kind, response, ..EventOut::default() }, out);
        self.open = None;
    }

    fn take_output(&mut self) -> Vec<u8> {
        let mut output = std::mem::take(&mut self.output);
        output.insert(0, b'[');
        output.push(b']');
        output
    }
}

/// The item that an event is about.
#[derive(Clone, Copy)]
struct About<'a> {
    item_id: &'a str,
    output_index: u32,
}

impl<'a> About<'a> {
    fn item(self) -> EventOut<'a> {
        EventOut {
            item_id: Some(self.item_id),
            output_index: Some(self.output_index),
            ..EventOut::default()
        }
    }

    fn content(self) -> EventOut<'a> {
        EventOut { content_index: Some(0), ..self.item() }
    }

    fn summary(self) -> EventOut<'a> {
        EventOut { summary_index: Some(0), ..self.item() }
    }
}

fn tell(sequence_number: &mut u64, mut event: EventOut<'_>, out: &mut BytesMut) {
    event.sequence_number = *sequence_number;
    *sequence_number += 1;
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event.kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    serde_json::to_writer((&mut *out).writer(), &event).expect("strings always serialise");
    out.extend_from_slice(b"\n\n");
}

fn no_output() -> &'static RawValue {
    list(b"[]")
}

fn list(json: &[u8]) -> &RawValue {
    serde_json::from_slice(json).expect("written here as JSON")
}

/// A code that clients of `OpenAI` know: they go by it when they decide whether to try again. An
/// overload is a plain `server_error`: at `server_is_overloaded` Codex gives up.
fn known_code(status: StatusCode, code: &str) -> &str {
    match code {
        "context_length_exceeded"
        | "insufficient_quota"
        | "rate_limit_exceeded"
        | "invalid_prompt"
        | "usage_not_included"
        | "cyber_policy"
        | "server_error" => code,
        _ if status == StatusCode::TOO_MANY_REQUESTS => "rate_limit_exceeded",
        _ if status.is_client_error() => "invalid_prompt",
        _ => "server_error",
    }
}
