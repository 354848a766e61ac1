//! What an answer says of the tokens it took, in each dialect.
//!
//! | dialect   | where                                                     | counted apart               |
//! | --------- | --------------------------------------------------------- | --------------------------- |
//! | Anthropic | `usage`; in a stream `message_start.message.usage` and `message_delta.usage`, which repeats what it knows | cache reads and writes from the input |
//! | Chat      | `usage`; in a stream in a last chunk, if it was asked for | nothing                     |
//! | Responses | `usage`; in a stream `response.usage` of the last event   | nothing                     |
//! | Gemini    | `usageMetadata`; in a stream of every event, so far       | thoughts from the candidates, tools from the prompt |
//!
//! Later words replace earlier ones and are never added to them.

#[cfg(test)]
mod tests;
mod wire;

use std::sync::LazyLock;

use memchr::memmem::Finder;

pub use wire::{AnthropicUsage, ChatUsage, GeminiUsage, ResponsesUsage};

use crate::types::{Dialect, TokenUsage};

/// What every key begins with that leads to usage. A text without it says nothing of usage: no server
/// escapes letters in a key.
pub static USAGE_MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"usage"));

/// The paths of keys that lead to an object that counts tokens, in a JSON answer and in the events of
/// a stream. No dialect uses one of its paths for anything else; what a model says stands deeper.
#[must_use]
pub const fn usage_paths(dialect: Dialect) -> &'static [&'static [&'static str]] {
    match dialect {
        Dialect::Anthropic => &[&["usage"], &["message", "usage"]],
        Dialect::OpenAiChat => &[&["usage"]],
        Dialect::OpenAiResponses => &[&["usage"], &["response", "usage"]],
        Dialect::Gemini => &[&["usageMetadata"]],
    }
}

/// The keys of the text that a model writes, thoughts and arguments of tools included, so that an answer
/// can be measured that does not say what it took. Keys in one list may hold the same text.
///
/// Arguments that are objects and no strings have no key here: Gemini's, and Anthropic's in whole answers.
/// Neither have whole answers of Responses.
#[must_use]
pub const fn text_keys(dialect: Dialect) -> &'static [&'static [&'static str]] {
    match dialect {
        Dialect::Anthropic => &[&["text"], &["thinking"], &["partial_json"]],
        // `text` is of the older Completions; `OpenRouter` says in it again what a thought was.
        Dialect::OpenAiChat => &[
            &["content"],
            &["text", "reasoning_content", "reasoning"],
            &["refusal"],
            &["arguments"],
        ],
        // At its end a stream repeats everything under other keys.
        Dialect::OpenAiResponses => &[&["delta"]],
        Dialect::Gemini => &[&["text"]],
    }
}

/// Reads the object at one of the [`usage_paths`]; `None` when its counts cannot be read.
#[must_use]
pub fn read_usage(dialect: Dialect, json: &[u8]) -> Option<Usage> {
    match dialect {
        Dialect::Anthropic => serde_json::from_slice::<AnthropicUsage>(json).ok().map(Usage::from),
        Dialect::OpenAiChat => serde_json::from_slice::<ChatUsage>(json).ok().map(Usage::from),
        Dialect::OpenAiResponses => {
            serde_json::from_slice::<ResponsesUsage>(json).ok().map(Usage::from)
        }
        Dialect::Gemini => serde_json::from_slice::<GeminiUsage>(json).ok().map(Usage::from),
    }
}

/// Tokens. None of the counts contains another, but for `reasoning`, which `output` contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input that was neither read from a cache nor written to one.
    pub input: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
    /// All output, thinking included.
    pub output: Option<u64>,
    pub reasoning: Option<u64>,
}

impl Usage {
    /// Takes over what `later` knows.
    pub fn update(&mut self, later: Self) {
        self.input = later.input.or(self.input);
        self.cache_read = later.cache_read.or(self.cache_read);
        self.cache_write = later.cache_write.or(self.cache_write);
        self.output = later.output.or(self.output);
        self.reasoning = later.reasoning.or(self.reasoning);
    }

    #[must_use]
    pub fn input(&self) -> u64 {
        self.input.unwrap_or(0)
    }

    #[must_use]
    pub fn cache_read(&self) -> u64 {
        self.cache_read.unwrap_or(0)
    }

    #[must_use]
    pub fn cache_write(&self) -> u64 {
        self.cache_write.unwrap_or(0)
    }

    /// What `OpenAI` and Google call the prompt: cached tokens included.
    #[must_use]
    pub fn total_input(&self) -> u64 {
        // A server may say any number, and a sum of two must not end the process.
        self.input().saturating_add(self.cache_read()).saturating_add(self.cache_write())
    }

    #[must_use]
    pub fn output(&self) -> u64 {
        self.output.unwrap_or(0)
    }

    /// Never more than the output: some servers count it beside.
    #[must_use]
    pub fn reasoning(&self) -> u64 {
        self.reasoning.unwrap_or(0).min(self.output())
    }
}

impl From<Usage> for TokenUsage {
    fn from(usage: Usage) -> Self {
        Self {
            input: usage.total_input(),
            cached_input: usage.cache_read(),
            cache_write: usage.cache_write(),
            output: usage.output(),
            reasoning: usage.reasoning(),
        }
    }
}
