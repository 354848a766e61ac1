//! What an Amp client needs when we answer it ourselves, on `/api/provider/*`.
//!
//! | where   | what                                          | because                                      |
//! | ------- | --------------------------------------------- | -------------------------------------------- |
//! | answer  | `"signature":""` where a block has none       | Amp's screen reads its length and crashes    |
//! | answer  | tool names in the request's own casing        | Amp compares them with case, and refuses     |
//! | answer  | thinking taken out beside tools, not streamed | to the provider that Amp meant it is foreign |
//! | request | thinking without a signature taken out        | providers refuse it, and it cannot be forged |
//! | request | `signature` taken out of `tool_use`           | providers refuse members they do not know    |
//!
//! The last two undo in the next request what the first did in the last answer, and what other
//! gateways did before us: a thread outlives them. They are good for a request that goes to the Amp
//! server too. Everything else, and a body without any of this, crosses byte for byte.
//!
//! Which requests come from Amp, and whether a mapping crossed providers, the caller knows.

mod answer;
mod history;
mod tool_names;

pub use answer::AmpAnswer;
pub use history::clean_history;
pub use tool_names::ToolNames;

use crate::body::JsonPart;
use crate::types::Dialect;

/// Whether anything here is for calls in this dialect; callers leave the others alone.
///
/// Signatures are members of Anthropic's blocks. Tool names in another casing have been reported
/// for Anthropic answers only (CLIProxyAPI #2857 and #3149, anthropic-sdk-python #1093); Amp's
/// modes that speak another dialect had other faults, never this one.
#[must_use]
pub const fn has_needs_in(dialect: Dialect) -> bool {
    match dialect {
        Dialect::Anthropic => true,
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini => false,
    }
}

/// Whether a member of an object is this text.
fn has_text(object: JsonPart<'_>, key: &str, text: &str) -> bool {
    object.get(key).and_then(JsonPart::text).is_some_and(|value| value == text)
}
