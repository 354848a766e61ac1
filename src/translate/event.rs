//! An answer in no dialect, as it comes: the events that every reader tells and every writer is
//! told of, put in order in between by [`Order`](super::order::Order).

use std::borrow::Cow;

use actix_web::http::StatusCode;

pub use crate::dialect::Usage;

/// What a reader finds in an upstream's answer, in the order it stands there.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// A piece of the answer's text.
    Text(Cow<'a, str>),
    /// A piece of the model's thinking, or of a summary of it.
    Thinking(Cow<'a, str>),
    /// The proof of the thinking before it.
    Signature(Cow<'a, str>),
    /// A tool call begins, or more is known of one. `slot` is the reader's own number for it.
    Call {
        slot: u32,
        id: Option<Cow<'a, str>>,
        name: Option<Cow<'a, str>>,
        input: InputKind,
    },
    /// A piece of its input.
    CallInput {
        slot: u32,
        piece: Cow<'a, str>,
    },
    /// Its input is whole. Readers of dialects that do not say so need not guess.
    CallDone {
        slot: u32,
    },
    /// What is known of the usage by now; later values replace earlier ones, missing ones do not.
    Usage(Usage),
    Stop(StopReason),
    /// The upstream gave up, after it had begun.
    Failed(Failure),
    /// The dialect's own end. What comes after it is ignored.
    End,
}

/// How a tool call's input is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputKind {
    #[default]
    Json,
    /// Free text: a custom tool of `OpenAI`'s.
    Text,
}

/// Why an answer ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    EndTurn,
    /// One of the client's stop sequences, if the upstream says which.
    StopSequence(Option<String>),
    MaxTokens,
    ContextWindow,
    ToolUse,
    Refusal,
    /// Anthropic's `pause_turn`: to be continued.
    Pause,
}

/// An upstream's failure after it had begun to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What it would have been as a status.
    pub status: StatusCode,
    /// The upstream's own word, as `overloaded_error`; empty where it has none.
    pub code: String,
    pub message: String,
}

/// An answer in order: one block after the other, each opened, filled and closed; then one end.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<'a> {
    /// Always first, and once. What is known of the usage by then, for dialects that tell it early.
    Start(Usage),
    Open(Block<'a>),
    /// A piece for the open block, never empty: text, thinking, or a tool's input.
    Piece(&'a str),
    /// The proof of the open thinking block, at most once, behind its pieces.
    Signature(&'a str),
    Close,
    /// Always last, unless the answer failed. A reason is always given.
    Stop(StopReason, Usage),
    /// Always last.
    Fail(Failure),
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block<'a> {
    Text,
    Thinking,
    /// Under the client's own name for the tool. The input of a call without arguments is `{}`.
    Call {
        id: &'a str,
        name: &'a str,
        input: InputKind,
    },
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub blocks: Vec<WholeBlock>,
    pub stop: StopReason,
    pub usage: Usage,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WholeBlock {
    Text(String),
    Thinking { text: String, signature: Option<String> },
    Call { id: String, name: String, input: String, kind: InputKind },
}

/// What stands around an answer and is not the model's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Unique, of letters and digits; each dialect puts its own prefix before it.
    pub id: String,
    /// The model as the client called it.
    pub model: String,
    /// Seconds since 1970.
    pub created: u64,
    /// Whether a stream tells its usage. Only Chat lets the client choose.
    pub wants_usage: bool,
    /// Gemini: one JSON array instead of events.
    pub as_array: bool,
}
