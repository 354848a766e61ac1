//! Gemini's answer, whole or streamed: every chunk of a stream has the shape of a whole answer.
//!
//! | Gemini says                                     | told as                                  |
//! | ----------------------------------------------- | ---------------------------------------- |
//! | a call                                          | whole, under a number of its own         |
//! | a signature                                     | nothing: nobody else can use it          |
//! | `STOP`, `MAX_TOKENS`                            | that                                     |
//! | `SAFETY` and its kin, a blocked prompt          | a refusal                                |
//! | a call it could not write, or read              | a failure, never an empty answer         |
//! | any other reason                                | the end, or a failure if nothing was said |
//!
//! The usage of a chunk is the usage so far, and prompt and candidates exclude what others include.
//! A stream has no end of its own, and the reason is not the last word: usage may follow it.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::GeminiUsage;
use crate::translate::event::{Event, Failure, InputKind, StopReason};
use crate::translate::frames::Frame;
use crate::translate::stream::ReadStream;
use crate::translate::typed::Unreadable;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow, default)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, default)]
    prompt_feedback: Option<Feedback<'a>>,
    #[serde(default)]
    usage_metadata: Option<GeminiUsage>,
    #[serde(borrow, default)]
    error: Option<RpcStatus<'a>>,
}

/// A string that is borrowed where it has no escapes; serde copies a `Cow` inside of an `Option`.
#[derive(Deserialize)]
struct Str<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Str<'a>>,
    #[serde(borrow, default)]
    finish_message: Option<Str<'a>>,
    #[serde(default)]
    index: Option<u32>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<Str<'a>>,
    #[serde(default)]
    thought: Option<bool>,
    #[serde(borrow, default)]
    function_call: Option<Call<'a>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow, default)]
    id: Option<Str<'a>>,
    #[serde(borrow, default)]
    name: Option<Str<'a>>,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow, default)]
    block_reason: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct RpcStatus<'a> {
    #[serde(default)]
    code: Option<u16>,
    #[serde(borrow, default)]
    message: Option<Str<'a>>,
    #[serde(borrow, default)]
    status: Option<Str<'a>>,
}

/// Reads one chunk, or a list of them, as without `alt=sse`; errors come in a list too.
fn each_chunk(json: &str, read: &mut dyn FnMut(Chunk<'_>)) -> Result<(), serde_json::Error> {
    if json.trim_start().starts_with('[') {
        serde_json::from_str::<Vec<Chunk<'_>>>(json)?.into_iter().for_each(read);
    } else {
        read(serde_json::from_str(json)?);
    }
    Ok(())
}

pub(in crate::translate) fn read_answer(
    body: &[u8],
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<(), Unreadable> {
    let json = std::str::from_utf8(body).map_err(|error| Unreadable(error.to_string()))?;
    let mut state = State::default();
    let mut is_answer = false;
    let read = &mut |chunk: Chunk<'_>| {
        is_answer |= chunk.says_something();
        state.read(chunk, tell);
    };
    each_chunk(json, read).map_err(|error| Unreadable(error.to_string()))?;
    if !is_answer {
        return Err(Unreadable("it has neither a candidate nor a reason for that".to_owned()));
    }
    Ok(())
}

/// Holds nothing of the answer.
#[derive(Default)]
pub(in crate::translate) struct StreamReader(State);

impl ReadStream for StreamReader {
    fn read(&mut self, frame: Frame<'_>, tell: &mut dyn FnMut(Event<'_>)) {
        // What cannot be read is passed over: the next event may be of use.
        let _ = each_chunk(frame.data, &mut |chunk| self.0.read(chunk, tell));
    }
}

#[derive(Default)]
struct State {
    calls: u32,
    has_spoken: bool,
}

impl Chunk<'_> {
    fn says_something(&self) -> bool {
        self.error.is_some()
            || self.candidates.as_ref().is_some_and(|candidates| !candidates.is_empty())
            || self.prompt_feedback.as_ref().is_some_and(|told| told.block_reason.is_some())
    }
}

impl State {
    fn read(&mut self, chunk: Chunk<'_>, tell: &mut dyn FnMut(Event<'_>)) {
        if let Some(error) = chunk.error {
            return tell(Event::Failed(failure_of(error)));
        }
        if let Some(usage) = chunk.usage_metadata {
            tell(Event::Usage(usage.into()));
        }
        let mut candidates = chunk.candidates.unwrap_or_default().into_iter();
        if let Some(candidate) = candidates.find(|one| one.index.unwrap_or(0) == 0) {
            let parts = candidate.content.and_then(|content| content.parts).unwrap_or_default();
            for part in parts {
                self.tell_part(part, tell);
            }
            if let Some(Str(reason)) = candidate.finish_reason {
                self.tell_reason(&reason, candidate.finish_message.as_ref(), tell);
            }
        }
        if chunk.prompt_feedback.and_then(|told| told.block_reason).is_some() {
            tell(Event::Stop(StopReason::Refusal));
        }
    }

    fn tell_part(&mut self, part: Part<'_>, tell: &mut dyn FnMut(Event<'_>)) {
        if let Some(Call { id, name, args }) = part.function_call {
            let slot = self.calls;
            self.calls += 1;
            self.has_spoken = true;
            let (id, name) = (id.map(|id| id.0), name.map(|name| name.0));
            tell(Event::Call { slot, id, name, input: InputKind::Json });
            if let Some(args) = args {
                tell(Event::CallInput { slot, piece: Cow::Borrowed(args.get()) });
            }
            return tell(Event::CallDone { slot });
        }
        // An empty text is there for its signature.
        let Some(Str(text)) = part.text.filter(|text| !text.0.is_empty()) else { return };
        if part.thought == Some(true) {
            tell(Event::Thinking(text));
        } else {
            self.has_spoken = true;
            tell(Event::Text(text));
        }
    }

    fn tell_reason(
        &self,
        reason: &str,
        message: Option<&Str<'_>>,
        tell: &mut dyn FnMut(Event<'_>),
    ) {
        let stop = match reason {
            "" | "FINISH_REASON_UNSPECIFIED" => return,
            "STOP" => StopReason::EndTurn,
            "MAX_TOKENS" => StopReason::MaxTokens,
            "SAFETY"
            | "RECITATION"
            | "LANGUAGE"
            | "BLOCKLIST"
            | "PROHIBITED_CONTENT"
            | "SPII"
            | "MODEL_ARMOR"
            | "IMAGE_SAFETY"
            | "IMAGE_PROHIBITED_CONTENT"
            | "IMAGE_RECITATION" => StopReason::Refusal,
            "MALFORMED_FUNCTION_CALL"
            | "UNEXPECTED_TOOL_CALL"
            | "TOO_MANY_TOOL_CALLS"
            | "MISSING_THOUGHT_SIGNATURE"
            | "MALFORMED_RESPONSE" => return tell(Event::Failed(no_answer(reason, message))),
            _ if self.has_spoken => StopReason::EndTurn,
            _ => return tell(Event::Failed(no_answer(reason, message))),
        };
        tell(Event::Stop(stop));
    }
}

fn no_answer(reason: &str, message: Option<&Str<'_>>) -> Failure {
    let what = match reason {
        "MALFORMED_FUNCTION_CALL" => "the model wrote a tool call that cannot be read",
        "UNEXPECTED_TOOL_CALL" => "the model called a tool although it has none",
        "TOO_MANY_TOOL_CALLS" => "the model called too many tools in a row",
        "MISSING_THOUGHT_SIGNATURE" => "the model misses the signature of an earlier thought",
        "MALFORMED_RESPONSE" => "the model wrote an answer that cannot be read",
        _ => "the model ended without an answer",
    };
    let mut text = format!("{what} ({reason})");
    if let Some(Str(more)) = message.filter(|more| !more.0.is_empty()) {
        text.push_str(": ");
        text.push_str(more);
    }
    Failure { status: StatusCode::BAD_GATEWAY, code: reason.to_owned(), message: text }
}

fn failure_of(error: RpcStatus<'_>) -> Failure {
    let code = error.code.filter(|code| (400..600).contains(code));
    let status = code.and_then(|code| StatusCode::from_u16(code).ok());
    Failure {
        status: status.unwrap_or(StatusCode::BAD_GATEWAY),
        code: error.status.map(|status| status.0.into_owned()).unwrap_or_default(),
        message: error.message.map(|message| message.0.into_owned()).unwrap_or_default(),
    }
}
