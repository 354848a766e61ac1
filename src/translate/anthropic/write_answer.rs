//! A whole answer, written.

use serde::Serialize;
use serde_json::value::RawValue;

use super::super::event::{Answer, Envelope, InputKind, WholeBlock};
use super::super::request::ToolInput;
use super::wire::{WireUsage, write_stop};

#[derive(Serialize)]
struct Message<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Block<'a>>,
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
    usage: WireUsage,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text {
        text: &'a str,
    },
    /// Clients send it back, and drop what has no member `signature`; another provider's thought has
    /// none to give, so it is empty.
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: Box<RawValue>,
    },
}

pub fn write_answer(answer: &Answer, envelope: &Envelope) -> Vec<u8> {
    let (stop_reason, stop_sequence) = write_stop(&answer.stop);
    let message = Message {
        id: message_id(envelope),
        kind: "message",
        role: "assistant",
        model: &envelope.model,
        content: answer.blocks.iter().map(block).collect(),
        stop_reason,
        stop_sequence,
        usage: answer.usage.into(),
    };
    serde_json::to_vec(&message).expect("strings, numbers and raw JSON always serialise")
}

pub fn message_id(envelope: &Envelope) -> String {
    format!("msg_{}", envelope.id)
}

fn block(block: &WholeBlock) -> Block<'_> {
    match block {
        WholeBlock::Text(text) => Block::Text { text },
        WholeBlock::Thinking { text, signature } => {
            Block::Thinking { thinking: text, signature: signature.as_deref().unwrap_or_default() }
        }
        WholeBlock::Call { id, name, input, kind } => {
            // A model may write what is no JSON; the client must get an object all the same.
            let input = match kind {
                InputKind::Json => ToolInput::from_json_text(input),
                InputKind::Text => ToolInput::Text(input.clone()),
            };
            let input = RawValue::from_string(input.to_json()).expect("made of valid JSON");
            Block::ToolUse { id, name, input }
        }
    }
}
