//! What must change in a body so that the two ends of a call understand each other.
//!
//! | module     | does                                                                     |
//! | ---------- | ------------------------------------------------------------------------ |
//! | `thinking` | says in the dialect's own words how hard the model should think          |
//! | `amp`      | gives Amp's clients what they need of answers that are not Amp's         |
//! | `bedrock`  | puts calls of Claude into Amazon Bedrock's words, and its answers back   |
//! | `betas`    | takes flags out of the body of a call to a host of Claude's              |
//! | `usage`    | asks what a stream costs, and hides the answer from who has not asked    |
//! | `codex`    | puts a call right for the backend of `ChatGPT` plans                     |
//! | `vertex_claude` | says to Vertex AI what Anthropic is told elsewhere in the request   |
//!
//! Here what [`crate::dialect`] knows meets what [`crate::body`] can do. Pure: bytes in, bytes out, and
//! every byte that need not change stays.

pub mod amp;
pub mod bedrock;
mod betas;
mod codex;
mod events;
mod thinking;
mod usage;
mod vertex_claude;

use bytes::{Bytes, BytesMut};

pub use betas::{has_beta_flag, without_beta_flags};
pub use codex::{CodexBody, NotForCodex, for_codex_backend, leans_on_a_response};
pub use thinking::{set_thinking, takes_thinking};
pub use usage::{UsageHider, ask_for_usage};
pub use vertex_claude::{vertex_claude_body, vertex_claude_name};

use self::amp::AmpAnswer;

/// What changes an answer while it streams past, besides its model's name. No answer needs both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerAdapter {
    /// In Anthropic's dialect.
    Amp(AmpAnswer),
    /// In that of Chat Completions.
    HidesUsage(UsageHider),
}

impl AnswerAdapter {
    /// Appends to `out` what becomes of `chunk`, as far as that is known.
    pub fn push(&mut self, chunk: &Bytes, out: &mut BytesMut) {
        match self {
            Self::Amp(amp) => amp.push(chunk, out),
            Self::HidesUsage(hider) => hider.push(chunk, out),
        }
    }

    /// Ends the answer, however it ended: appends what was still held back.
    pub fn finish(&mut self, out: &mut BytesMut) {
        match self {
            Self::Amp(amp) => amp.finish(out),
            Self::HidesUsage(hider) => hider.finish(out),
        }
    }
}
