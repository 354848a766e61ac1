//! A whole answer, written.

use super::super::event::{Answer, Envelope, WholeBlock};
use super::tool_name::ToolName;
use super::wire::{Content, ItemOut, ResponseOut};

pub fn write_answer(answer: &Answer, envelope: &Envelope) -> Vec<u8> {
    let contents: Vec<Content<'_>> = answer.blocks.iter().map(content_of).collect();
    let ids: Vec<String> =
        (0..).zip(&contents).map(|(index, content)| item_id(*content, envelope, index)).collect();
    let items: Vec<ItemOut<'_>> = ids
        .iter()
        .zip(contents)
        .map(|(id, content)| ItemOut::new(id, content, "completed"))
        .collect();
    let response = ResponseOut::stopped(envelope, &answer.stop, answer.usage, items);
    serde_json::to_vec(&response).expect("strings and numbers always serialise")
}

/// Unlike every other item's, and unlike a call's `call_id`.
pub fn item_id(content: Content<'_>, envelope: &Envelope, index: u32) -> String {
    format!("{}_{}_{index}", content.id_prefix(), envelope.id)
}

fn content_of(block: &WholeBlock) -> Content<'_> {
    match block {
        WholeBlock::Text(text) => Content::Text(text),
        WholeBlock::Thinking { text, signature } => {
            Content::Thinking { text, signature: signature.as_deref() }
        }
        WholeBlock::Call { id, name, input, kind } => {
            Content::Call { id, name: ToolName::from_neutral(name), input, kind: *kind }
        }
    }
}
