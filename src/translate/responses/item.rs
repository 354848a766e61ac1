//! The parts of an answer that stand in a whole one and in a stream alike, read.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::event::{Event, Failure, InputKind, StopReason};
use crate::dialect::ResponsesUsage;

/// Text that is borrowed where it has no escapes, also in an `Option`.
#[derive(Deserialize, Default)]
pub struct Str<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl<'a> Str<'a> {
    pub fn borrowed(&'a self) -> Cow<'a, str> {
        Cow::Borrowed(&self.0)
    }
}

/// A response, as far as it ends an answer.
#[derive(Deserialize)]
pub struct ResponseIn<'a> {
    #[serde(borrow)]
    pub status: Option<Str<'a>>,
    #[serde(borrow)]
    pub output: Option<&'a RawValue>,
    pub usage: Option<ResponsesUsage>,
    pub error: Option<Value>,
    pub incomplete_details: Option<IncompleteIn>,
}

#[derive(Deserialize)]
pub struct IncompleteIn {
    pub reason: Option<String>,
}

#[derive(Deserialize)]
pub struct ItemIn<'a> {
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    #[serde(borrow)]
    pub id: Option<Str<'a>>,
    #[serde(borrow)]
    pub call_id: Option<Str<'a>>,
    #[serde(borrow)]
    pub name: Option<Str<'a>>,
    #[serde(borrow)]
    arguments: Option<Str<'a>>,
    #[serde(borrow)]
    input: Option<Str<'a>>,
    #[serde(borrow)]
    content: Option<Vec<PartIn<'a>>>,
    #[serde(borrow)]
    summary: Option<Vec<PartIn<'a>>>,
}

#[derive(Deserialize)]
struct PartIn<'a> {
    #[serde(borrow)]
    text: Option<Str<'a>>,
    #[serde(borrow)]
    refusal: Option<Str<'a>>,
}

impl<'a> ItemIn<'a> {
    /// How the input is written, if the item is a call.
    pub fn call_input(&self) -> Option<InputKind> {
        match &*self.kind {
            "function_call" => Some(InputKind::Json),
            "custom_tool_call" => Some(InputKind::Text),
            _ => None,
        }
    }

    /// That there is a call, and whose.
    pub fn tell_call(&'a self, slot: u32, input: InputKind, tell: &mut dyn FnMut(Event<'_>)) {
        tell(Event::Call {
            slot,
            id: self.call_id.as_ref().map(Str::borrowed),
            name: self.name.as_ref().map(Str::borrowed),
            input,
        });
    }

    /// All that the item says; but not yet, if it is a call, that it is one.
    pub fn tell_content(&self, slot: u32, seams: &mut Seams, tell: &mut dyn FnMut(Event<'_>)) {
        match &*self.kind {
            "message" => {
                for part in self.content.iter().flatten() {
                    let text = part.text.as_ref().or(part.refusal.as_ref());
                    seams.pass(Place { kind: Said::Text, item: slot, part: 0 }, tell);
                    if let Some(text) = text {
                        tell(Event::Text(text.borrowed()));
                    }
                    if part.refusal.is_some() {
                        tell(Event::Stop(StopReason::Refusal));
                    }
                }
            }
            "reasoning" => {
                let content = self.content.as_ref().filter(|content| !content.is_empty());
                let parts = content.or(self.summary.as_ref());
                for (part, said) in (0..).zip(parts.into_iter().flatten()) {
                    let Some(text) = &said.text else { continue };
                    seams.pass(Place { kind: Said::Thinking, item: slot, part }, tell);
                    tell(Event::Thinking(text.borrowed()));
                }
            }
            "function_call" | "custom_tool_call" => {
                if let Some(input) = self.arguments.as_ref().or(self.input.as_ref()) {
                    tell(Event::CallInput { slot, piece: input.borrowed() });
                }
            }
            // What the provider's own tools did.
            _ => {}
        }
    }
}

/// Where a piece of text or thinking stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub kind: Said,
    pub item: u32,
    pub part: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Text,
    Thinking,
}

/// Tells a blank line where two messages, or two parts of a summary, meet: other dialects have one
/// text for both.
#[derive(Debug, Default)]
pub struct Seams {
    last: Option<Place>,
}

impl Seams {
    /// The next piece stands at `place`.
    pub fn pass(&mut self, place: Place, tell: &mut dyn FnMut(Event<'_>)) {
        const BLANK_LINE: Cow<'_, str> = Cow::Borrowed("\n\n");
        let last = self.last.replace(place);
        if last.is_some_and(|last| last.kind == place.kind && last != place) {
            tell(match place.kind {
                Said::Text => Event::Text(BLANK_LINE),
                Said::Thinking => Event::Thinking(BLANK_LINE),
            });
        }
    }

    /// A tool call stands between what was said and what will be.
    pub fn cut(&mut self) {
        self.last = None;
    }
}

/// The end of an answer. `status` counts where the response itself tells none.
pub fn tell_end(response: &ResponseIn<'_>, status: &str, tell: &mut dyn FnMut(Event<'_>)) {
    let status = response.status.as_ref().map_or(status, |status| &*status.0);
    if matches!(status, "failed" | "cancelled") {
        return tell(Event::Failed(failure(response.error.as_ref(), None, status)));
    }
    if let Some(usage) = response.usage {
        tell(Event::Usage(usage.into()));
    }
    let reason = response.incomplete_details.as_ref().and_then(|why| why.reason.as_deref());
    tell(Event::Stop(match (status, reason) {
        ("incomplete", Some("content_filter")) => StopReason::Refusal,
        ("incomplete", Some("max_output_tokens") | None) => StopReason::MaxTokens,
        _ => StopReason::EndTurn,
    }));
    tell(Event::End);
}

/// An error as the upstream told it: flat, in `error`, or in a response.
pub fn failure(error: Option<&Value>, status: Option<u64>, otherwise: &str) -> Failure {
    let text = |member: &str| error.and_then(|error| error.get(member)).and_then(Value::as_str);
    // A flat error is an event, and has that for a type.
    let kind = || text("type").filter(|kind| *kind != "error");
    let code = text("code").or_else(kind).unwrap_or(otherwise);
    let told = status.and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
    let told = told.filter(|status| status.is_client_error() || status.is_server_error());
    Failure {
        status: told.unwrap_or_else(|| status_of(code)),
        code: code.to_owned(),
        message: text("message").unwrap_or("the provider gave up, and did not say why").to_owned(),
    }
}

/// What an error would have been as a status, had it come before the answer.
fn status_of(code: &str) -> StatusCode {
    match code {
        "rate_limit_exceeded" | "insufficient_quota" | "rate_limit_error" => {
            StatusCode::TOO_MANY_REQUESTS
        }
        "server_is_overloaded" | "slow_down" => StatusCode::SERVICE_UNAVAILABLE,
        "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
        "authentication_error" | "invalid_api_key" => StatusCode::UNAUTHORIZED,
        "permission_error" | "usage_not_included" => StatusCode::FORBIDDEN,
        "invalid_prompt" | "context_length_exceeded" | "invalid_request_error" => {
            StatusCode::BAD_REQUEST
        }
        _ => StatusCode::BAD_GATEWAY,
    }
}
