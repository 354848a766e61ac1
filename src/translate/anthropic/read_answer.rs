//! A whole answer, read.
//!
//! Blocks of server tools, their results and citations are passed over: the text around them says
//! what the model made of them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::event::{Event, InputKind};
use super::super::typed::Unreadable;
use super::read_stream::{ErrorDetail, failure};
use super::wire::{read_stop, text};
use crate::dialect::AnthropicUsage;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Vec<Block<'a>>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    usage: Option<AnthropicUsage>,
    /// Some servers answer 200 with an error.
    #[serde(borrow)]
    error: Option<ErrorDetail<'a>>,
}

/// A block of an answer: whole, or as it begins in a stream.
#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub text: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub thinking: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub signature: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub id: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub name: Cow<'a, str>,
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
}

pub fn read_answer(body: &[u8], tell: &mut dyn FnMut(Event<'_>)) -> Result<(), Unreadable> {
    let message: Message<'_> =
        serde_json::from_slice(body).map_err(|error| Unreadable(error.to_string()))?;
    if let Some(error) = message.error {
        tell(Event::Failed(failure(error)));
        return Ok(());
    }
    if let Some(usage) = message.usage {
        tell(Event::Usage(usage.into()));
    }
    for (slot, block) in (0_u32..).zip(message.content) {
        match block.kind.as_ref() {
            "text" => tell(Event::Text(block.text)),
            "thinking" => {
                tell(Event::Thinking(block.thinking));
                if !block.signature.is_empty() {
                    tell(Event::Signature(block.signature));
                }
            }
            "tool_use" => {
                let (id, name) = (Some(block.id), Some(block.name));
                tell(Event::Call { slot, id, name, input: InputKind::Json });
                if let Some(input) = block.input {
                    tell(Event::CallInput { slot, piece: input.get().into() });
                }
                tell(Event::CallDone { slot });
            }
            _ => {}
        }
    }
    if let Some(reason) = message.stop_reason {
        tell(Event::Stop(read_stop(&reason, message.stop_sequence)));
    }
    tell(Event::End);
    Ok(())
}
