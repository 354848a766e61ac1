//! An answer for a client that speaks Chat.
//!
//! Thinking goes where compatible servers put it (`reasoning_content`), its signatures nowhere. A
//! stream holds nothing back: every piece is an event of its own.

use bytes::{BufMut, BytesMut};

use super::super::event::{
    Answer, Block, Envelope, InputKind, Step, StopReason, Usage, WholeBlock,
};
use super::super::stream::WriteStream;
use super::answer_wire::{
    AnswerOut, CallOut, ChoiceOut, DeltaOut, MessageOut, UsageMember, UsageOut,
};
use crate::dialect::stream_error_event;
use crate::types::Dialect;

const fn finish_reason(reason: &StopReason) -> &'static str {
    match reason {
        // To be continued is not in Chat; a client that sends the turn back continues it.
        StopReason::EndTurn | StopReason::StopSequence(_) | StopReason::Pause => "stop",
        StopReason::MaxTokens | StopReason::ContextWindow => "length",
        StopReason::ToolUse => "tool_calls",
        StopReason::Refusal => "content_filter",
    }
}

fn answer_id(envelope: &Envelope) -> String {
    format!("chatcmpl-{}", envelope.id)
}

pub fn write_answer(answer: &Answer, envelope: &Envelope) -> Vec<u8> {
    let mut content: Option<String> = None;
    let mut reasoning: Option<String> = None;
    let mut calls = Vec::new();
    for block in &answer.blocks {
        match block {
            WholeBlock::Text(text) => content.get_or_insert_default().push_str(text),
            WholeBlock::Thinking { text, .. } if text.is_empty() => {}
            WholeBlock::Thinking { text, .. } => {
                reasoning.get_or_insert_default().push_str(text);
            }
            WholeBlock::Call { id, name, input, kind } => {
                calls.push(CallOut::new(None, Some((id, name)), *kind, input));
            }
        }
    }
    // Null says that there are calls instead; an answer of nothing at all is an empty text.
    if content.is_none() && calls.is_empty() {
        content = Some(String::new());
    }
    let message = MessageOut {
        role: "assistant",
        content,
        refusal: (),
        reasoning_content: reasoning,
        tool_calls: calls,
    };
    let choice = ChoiceOut {
        index: 0,
        delta: None,
        message: Some(message),
        logprobs: (),
        finish_reason: Some(finish_reason(&answer.stop)),
    };
    let whole = AnswerOut {
        id: &answer_id(envelope),
        object: "chat.completion",
        created: envelope.created,
        model: &envelope.model,
        choices: &[choice],
        usage: UsageMember::Known(UsageOut::new(&answer.usage)),
    };
    serde_json::to_vec(&whole).expect("strings and numbers always serialise")
}

/// Writes a stream. Holds what stands in every event, and which block is open.
#[derive(Debug)]
pub struct StreamWriter {
    id: String,
    envelope: Envelope,
    open: Open,
    /// How many calls have been opened.
    calls: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Call(InputKind),
}

impl StreamWriter {
    pub fn new(envelope: Envelope) -> Self {
        Self { id: answer_id(&envelope), envelope, open: Open::Text, calls: 0 }
    }

    fn delta(&self, delta: DeltaOut<'_>, finish_reason: Option<&'static str>, out: &mut BytesMut) {
        let usage = self.envelope.wants_usage;
        let usage = if usage { UsageMember::Null } else { UsageMember::Absent };
        let delta = Some(delta);
        let choice = ChoiceOut { index: 0, delta, message: None, logprobs: (), finish_reason };
        self.chunk(&[choice], usage, out);
    }

    fn chunk(&self, choices: &[ChoiceOut<'_>], usage: UsageMember, out: &mut BytesMut) {
        let chunk = AnswerOut {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.envelope.created,
            model: &self.envelope.model,
            choices,
            usage,
        };
        out.put_slice(b"data: ");
        serde_json::to_writer(out.writer(), &chunk).expect("memory takes strings and numbers");
        out.put_slice(b"\n\n");
    }

    fn call(&self, opens: Option<(&str, &str)>, kind: InputKind, input: &str, out: &mut BytesMut) {
        let call = CallOut::new(Some(self.calls.saturating_sub(1)), opens, kind, input);
        self.delta(DeltaOut { tool_calls: Some([call]), ..DeltaOut::default() }, None, out);
    }

    fn stop(&self, reason: &StopReason, usage: &Usage, out: &mut BytesMut) {
        self.delta(DeltaOut::default(), Some(finish_reason(reason)), out);
        if self.envelope.wants_usage {
            self.chunk(&[], UsageMember::Known(UsageOut::new(usage)), out);
        }
        out.put_slice(b"data: [DONE]\n\n");
    }
}

impl WriteStream for StreamWriter {
    fn write(&mut self, step: &Step<'_>, out: &mut BytesMut) {
        match step {
            Step::Start(_) => {
                let delta =
                    DeltaOut { role: Some("assistant"), content: Some(""), ..DeltaOut::default() };
                self.delta(delta, None, out);
            }
            Step::Open(Block::Text) => self.open = Open::Text,
            Step::Open(Block::Thinking) => self.open = Open::Thinking,
            Step::Open(Block::Call { id, name, input }) => {
                self.open = Open::Call(*input);
                self.calls += 1;
                self.call(Some((id, name)), *input, "", out);
            }
            Step::Piece(piece) => match self.open {
                Open::Text => {
                    let delta = DeltaOut { content: Some(piece), ..DeltaOut::default() };
                    self.delta(delta, None, out);
                }
                Open::Thinking => {
                    let delta = DeltaOut { reasoning_content: Some(piece), ..DeltaOut::default() };
                    self.delta(delta, None, out);
                }
                Open::Call(kind) => self.call(None, kind, piece, out),
            },
            // Chat has no word for either.
            Step::Signature(_) | Step::Close => {}
            Step::Stop(reason, usage) => self.stop(reason, usage, out),
            Step::Fail(failure) => {
                let event = stream_error_event(
                    Dialect::OpenAiChat,
                    &failure.code,
                    &failure.message,
                    failure.status,
                    0,
                    false,
                );
                out.put_slice(event.as_bytes());
            }
        }
    }
}
