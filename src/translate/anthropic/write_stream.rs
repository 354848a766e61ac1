//! A streamed answer, written.
//!
//! Everything goes out as it comes; of the answer only the number of its block is remembered.

use bytes::{BufMut as _, BytesMut};
use serde::Serialize;

use super::super::event::{Block, Envelope, InputKind, Step, StopReason, Usage};
use super::super::request::CUSTOM_INPUT;
use super::super::stream::WriteStream;
use super::wire::{WireUsage, write_stop};
use super::write_answer::message_id;
use crate::dialect::stream_error_event;
use crate::types::Dialect;

pub struct StreamWriter {
    envelope: Envelope,
    /// Of the open block, or of the next one.
    index: u32,
    open: Open,
}

#[derive(Clone, Copy)]
enum Open {
    Text,
    Thinking,
    Input,
    /// Free text, which here must be a member of an object.
    WrappedInput,
}

impl StreamWriter {
    pub fn new(envelope: Envelope) -> Self {
        Self { envelope, index: 0, open: Open::Text }
    }

    fn start(&self, usage: Usage, out: &mut BytesMut) {
        let message = MessageHead {
            id: message_id(&self.envelope),
            kind: "message",
            role: "assistant",
            model: &self.envelope.model,
            content: [],
            stop_reason: None,
            stop_sequence: None,
            usage: usage.into(),
        };
        event(out, &Data::MessageStart { message });
    }

    fn open(&mut self, block: Block<'_>, out: &mut BytesMut) {
        let (open, content_block) = match block {
            Block::Text => (Open::Text, BlockStart::Text { text: "" }),
            Block::Thinking => {
                (Open::Thinking, BlockStart::Thinking { thinking: "", signature: "" })
            }
            Block::Call { id, name, input } => {
                let open = match input {
                    InputKind::Json => Open::Input,
                    InputKind::Text => Open::WrappedInput,
                };
                (open, BlockStart::ToolUse { id, name, input: Nothing {} })
            }
        };
        self.open = open;
        event(out, &Data::ContentBlockStart { index: self.index, content_block });
        if matches!(open, Open::WrappedInput) {
            self.delta(Delta::Input { partial_json: &format!("{{\"{CUSTOM_INPUT}\":\"") }, out);
        }
    }

    fn piece(&self, piece: &str, out: &mut BytesMut) {
        match self.open {
            Open::Text => self.delta(Delta::Text { text: piece }, out),
            Open::Thinking => self.delta(Delta::Thinking { thinking: piece }, out),
            Open::Input => self.delta(Delta::Input { partial_json: piece }, out),
            Open::WrappedInput => {
                let quoted = serde_json::Value::from(piece).to_string();
                let partial_json = &quoted[1..quoted.len() - 1];
                self.delta(Delta::Input { partial_json }, out);
            }
        }
    }

    fn close(&mut self, out: &mut BytesMut) {
        if matches!(self.open, Open::WrappedInput) {
            self.delta(Delta::Input { partial_json: "\"}" }, out);
        }
        event(out, &Data::ContentBlockStop { index: self.index });
        self.index += 1;
    }

    fn delta(&self, delta: Delta<'_>, out: &mut BytesMut) {
        event(out, &Data::ContentBlockDelta { index: self.index, delta });
    }
}

impl WriteStream for StreamWriter {
    fn write(&mut self, step: &Step<'_>, out: &mut BytesMut) {
        match step {
            Step::Start(usage) => self.start(*usage, out),
            Step::Open(block) => self.open(*block, out),
            Step::Piece(piece) => self.piece(piece, out),
            Step::Signature(signature) => self.delta(Delta::Signature { signature }, out),
            Step::Close => self.close(out),
            Step::Stop(reason, usage) => stop(reason, *usage, out),
            Step::Fail(failure) => {
                let error = stream_error_event(
                    Dialect::Anthropic,
                    &failure.code,
                    &failure.message,
                    failure.status,
                    0,
                    false,
                );
                out.extend_from_slice(error.as_bytes());
            }
        }
    }
}

/// The usage here is the whole of it: clients let it replace what the start said, which for an
/// upstream that counts at its end was nothing.
fn stop(reason: &StopReason, usage: Usage, out: &mut BytesMut) {
    let (stop_reason, stop_sequence) = write_stop(reason);
    let delta = MessageEnd { stop_reason, stop_sequence };
    event(out, &Data::MessageDelta { delta, usage: usage.into() });
    event(out, &Data::MessageStop);
}

/// SDKs go by the name and skip an event that has none.
fn event(out: &mut BytesMut, data: &Data<'_>) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(data.name().as_bytes());
    out.extend_from_slice(b"\ndata: ");
    serde_json::to_writer(out.writer(), data)
        .expect("strings and numbers always serialise, and memory takes all");
    out.extend_from_slice(b"\n\n");
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Data<'a> {
    MessageStart { message: MessageHead<'a> },
    ContentBlockStart { index: u32, content_block: BlockStart<'a> },
    ContentBlockDelta { index: u32, delta: Delta<'a> },
    ContentBlockStop { index: u32 },
    MessageDelta { delta: MessageEnd<'a>, usage: WireUsage },
    MessageStop,
}

impl Data<'_> {
    const fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
        }
    }
}

#[derive(Serialize)]
struct MessageHead<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: [(); 0],
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'static str>,
    usage: WireUsage,
}

/// The members must be there, empty: SDKs append to them.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BlockStart<'a> {
    Text { text: &'static str },
    Thinking { thinking: &'static str, signature: &'static str },
    ToolUse { id: &'a str, name: &'a str, input: Nothing },
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    Input { partial_json: &'a str },
}

#[derive(Serialize)]
struct MessageEnd<'a> {
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
}
