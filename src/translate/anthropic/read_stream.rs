//! A streamed answer, read event by event.
//!
//! Nothing is held but an input that came whole with its block's start, which Anthropic itself never
//! sends: as in its SDKs, deltas replace it. Events and deltas that are not known, or not readable,
//! are passed over; new ones appear without notice.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::event::{Event, Failure, InputKind};
use super::super::frames::Frame;
use super::super::stream::ReadStream;
use super::read_answer::Block;
use super::wire::{read_stop, status_of, text};
use crate::dialect::AnthropicUsage;

#[derive(Default)]
pub struct StreamReader {
    /// The input that the open call's start held, until a delta comes or the call ends.
    input_at_start: Option<String>,
}

/// Every event, data only; `serde` copies no string that has no escapes.
#[derive(Deserialize)]
struct EventData<'a> {
    #[serde(rename = "type", borrow, default, deserialize_with = "text")]
    kind: Cow<'a, str>,
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    content_block: Option<Block<'a>>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    message: Option<MessageStart>,
    usage: Option<AnthropicUsage>,
    #[serde(borrow)]
    error: Option<ErrorDetail<'a>>,
}

#[derive(Deserialize)]
struct MessageStart {
    usage: Option<AnthropicUsage>,
}

/// Of a block, or of the message.
#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(rename = "type", borrow, default, deserialize_with = "text")]
    kind: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    text: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    thinking: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    signature: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    partial_json: Cow<'a, str>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
}

#[derive(Default, Deserialize)]
pub struct ErrorDetail<'a> {
    #[serde(rename = "type", borrow, default, deserialize_with = "text")]
    kind: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    message: Cow<'a, str>,
}

pub fn failure(error: ErrorDetail<'_>) -> Failure {
    Failure {
        status: status_of(&error.kind),
        code: error.kind.into_owned(),
        message: error.message.into_owned(),
    }
}

impl ReadStream for StreamReader {
    fn read(&mut self, frame: Frame<'_>, tell: &mut dyn FnMut(Event<'_>)) {
        let Ok(data) = serde_json::from_str::<EventData<'_>>(frame.data) else {
            // An error that cannot be read is one all the same: the answer is not whole.
            if frame.event == "error" {
                let message = Cow::Borrowed(frame.data);
                tell(Event::Failed(failure(ErrorDetail { message, ..ErrorDetail::default() })));
            }
            return;
        };
        let slot = data.index;
        match data.kind.as_ref() {
            "content_block_delta" => {
                if let Some(delta) = data.delta {
                    self.delta(slot, delta, tell);
                }
            }
            "content_block_start" => {
                if let Some(block) = data.content_block {
                    self.start(slot, block, tell);
                }
            }
            "content_block_stop" => {
                if let Some(input) = self.input_at_start.take() {
                    tell(Event::CallInput { slot, piece: input.into() });
                }
                // Of a block that is no call nobody hears it.
                tell(Event::CallDone { slot });
            }
            "message_start" => {
                if let Some(usage) = data.message.and_then(|message| message.usage) {
                    tell(Event::Usage(usage.into()));
                }
            }
            "message_delta" => {
                if let Some(usage) = data.usage {
                    tell(Event::Usage(usage.into()));
                }
                let stop = data.delta.map(|delta| (delta.stop_reason, delta.stop_sequence));
                if let Some((Some(reason), sequence)) = stop {
                    tell(Event::Stop(read_stop(&reason, sequence)));
                }
            }
            "message_stop" => tell(Event::End),
            _ => {
                // Some servers in front of a model leave the type out.
                if data.kind == "error" || frame.event == "error" || data.error.is_some() {
                    tell(Event::Failed(failure(data.error.unwrap_or_default())));
                }
            }
        }
    }
}

impl StreamReader {
    fn start(&mut self, slot: u32, block: Block<'_>, tell: &mut dyn FnMut(Event<'_>)) {
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
                let input = block.input.map(RawValue::get).filter(|input| !is_empty_object(input));
                self.input_at_start = input.map(str::to_owned);
            }
            // Redacted thinking, server tools and their results: theirs alone.
            _ => {}
        }
    }

    fn delta(&mut self, slot: u32, delta: Delta<'_>, tell: &mut dyn FnMut(Event<'_>)) {
        match delta.kind.as_ref() {
            "text_delta" => tell(Event::Text(delta.text)),
            "thinking_delta" => tell(Event::Thinking(delta.thinking)),
            // Of a server tool's block, too: nobody knows its slot, so nobody hears it.
            "input_json_delta" if !delta.partial_json.is_empty() => {
                self.input_at_start = None;
                tell(Event::CallInput { slot, piece: delta.partial_json });
            }
            "signature_delta" if !delta.signature.is_empty() => {
                tell(Event::Signature(delta.signature));
            }
            _ => {}
        }
    }
}

fn is_empty_object(json: &str) -> bool {
    let inner = json.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| inner.trim().is_empty())
}
