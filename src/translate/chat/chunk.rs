//! A piece of an answer. A whole answer is read as one piece that says `message` for `delta`.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::event::{Event, Failure, StopReason};
use super::failure::ErrorIn;
use super::wire::{Str, TextOr};

#[derive(Debug, Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    pub choices: Option<Vec<Choice<'a>>>,
    /// Read apart: a number that cannot be must not cost the text beside it.
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub error: Option<TextOr<Str<'a>, ErrorIn<'a>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice<'a> {
    pub index: Option<u32>,
    #[serde(borrow)]
    pub delta: Option<Delta<'a>>,
    #[serde(borrow)]
    pub message: Option<Delta<'a>>,
    #[serde(borrow)]
    pub finish_reason: Option<Str<'a>>,
    /// vLLM: the stop sequence that was met, or the number of a token.
    #[serde(borrow)]
    pub stop_reason: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Delta<'a> {
    /// Mistral's models that think answer in blocks.
    #[serde(borrow)]
    pub content: Option<TextOr<Str<'a>, Vec<BlockIn<'a>>>>,
    #[serde(borrow)]
    pub refusal: Option<Str<'a>>,
    /// `DeepSeek`, Kimi, vLLM and most others.
    #[serde(borrow)]
    pub reasoning_content: Option<Str<'a>>,
    /// `OpenRouter` and newer vLLM.
    #[serde(borrow)]
    pub reasoning: Option<Str<'a>>,
    #[serde(borrow)]
    pub reasoning_details: Option<Vec<DetailIn<'a>>>,
    #[serde(borrow)]
    pub tool_calls: Option<Vec<CallPiece<'a>>>,
    /// The functions of 2023.
    #[serde(borrow)]
    pub function_call: Option<FunctionPiece<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BlockIn<'a> {
    #[serde(borrow)]
    pub text: Option<Str<'a>>,
    #[serde(borrow)]
    pub thinking: Option<TextOr<Str<'a>, Vec<DetailIn<'a>>>>,
}

/// A piece of thinking, or of its summary.
#[derive(Debug, Deserialize)]
pub(super) struct DetailIn<'a> {
    #[serde(borrow)]
    pub text: Option<Str<'a>>,
    #[serde(borrow)]
    pub summary: Option<Str<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CallPiece<'a> {
    pub index: Option<u32>,
    #[serde(borrow)]
    pub id: Option<Str<'a>>,
    #[serde(borrow)]
    pub function: Option<FunctionPiece<'a>>,
    #[serde(borrow)]
    pub custom: Option<CustomPiece<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FunctionPiece<'a> {
    #[serde(borrow)]
    pub name: Option<Str<'a>>,
    /// A string that holds JSON; some servers write the JSON itself.
    #[serde(borrow)]
    pub arguments: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CustomPiece<'a> {
    #[serde(borrow)]
    pub name: Option<Str<'a>>,
    #[serde(borrow)]
    pub input: Option<Str<'a>>,
}

impl Delta<'_> {
    /// Tells what is said and thought, in the order in which models do both.
    pub fn tell_texts(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        let thought = [self.reasoning_content.take(), self.reasoning.take()];
        let thought =
            thought.into_iter().flatten().map(|text| text.0).find(|text| !text.is_empty());
        // `OpenRouter` writes both names and the details, for the same text.
        let details = self.reasoning_details.take().filter(|_| thought.is_none());
        if let Some(text) = thought {
            tell(Event::Thinking(text));
        }
        for detail in details.into_iter().flatten() {
            tell(Event::Thinking(detail.into_text()));
        }
        match self.content.take() {
            None => {}
            Some(TextOr::Text(text)) => tell(Event::Text(text.0)),
            Some(TextOr::Other(blocks)) => {
                for block in blocks {
                    block.tell(tell);
                }
            }
        }
        if let Some(refusal) = self.refusal.take().filter(|text| !text.0.is_empty()) {
            tell(Event::Text(refusal.0));
            tell(Event::Stop(StopReason::Refusal));
        }
    }
}

impl BlockIn<'_> {
    fn tell(self, tell: &mut dyn FnMut(Event<'_>)) {
        match self.thinking {
            None => {}
            Some(TextOr::Text(text)) => tell(Event::Thinking(text.0)),
            Some(TextOr::Other(details)) => {
                for detail in details {
                    tell(Event::Thinking(detail.into_text()));
                }
            }
        }
        if let Some(text) = self.text {
            tell(Event::Text(text.0));
        }
    }
}

impl<'a> DetailIn<'a> {
    fn into_text(self) -> Cow<'a, str> {
        self.text.or(self.summary).unwrap_or_default().0
    }
}

impl<'a> FunctionPiece<'a> {
    /// What there is of the arguments.
    pub fn arguments(&self) -> Cow<'a, str> {
        let Some(raw) = self.arguments else { return Cow::Borrowed("") };
        match serde_json::from_str::<Str<'a>>(raw.get()) {
            Ok(text) => text.0,
            Err(_) => Cow::Borrowed(raw.get()),
        }
    }
}

impl Choice<'_> {
    /// Tells why the answer ends, if it does.
    pub fn tell_stop(&self, tell: &mut dyn FnMut(Event<'_>)) {
        let Some(reason) = &self.finish_reason else { return };
        let reason = match reason.0.as_ref() {
            "" => return,
            "length" | "max_tokens" | "model_length" => StopReason::MaxTokens,
            "tool_calls" | "function_call" => StopReason::ToolUse,
            "content_filter" | "refusal" | "sensitive" | "safety" => StopReason::Refusal,
            // The server's own trouble, told as a reason: OpenRouter, DeepSeek, GLM.
            trouble @ ("error" | "insufficient_system_resource" | "network_error") => {
                return tell(Event::Failed(Failure {
                    status: StatusCode::BAD_GATEWAY,
                    code: trouble.to_owned(),
                    message: "the provider broke off the answer".to_owned(),
                }));
            }
            _ => self
                .stop_sequence()
                .map_or(StopReason::EndTurn, |sequence| StopReason::StopSequence(Some(sequence))),
        };
        tell(Event::Stop(reason));
    }

    fn stop_sequence(&self) -> Option<String> {
        serde_json::from_str(self.stop_reason?.get()).ok()
    }
}
