//! What an answer cost in tokens.

/// The tokens of one answer, as its provider counted them, in one way of counting for all dialects:
/// the parts are contained in the wholes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// All tokens read, `cached_input` and `cache_write` among them. (Anthropic counts those apart.)
    pub input: u64,
    /// Read from the prompt cache.
    pub cached_input: u64,
    /// Written to the prompt cache; only Anthropic says so.
    pub cache_write: u64,
    /// All tokens written, `reasoning` among them. (Gemini counts thoughts apart.)
    pub output: u64,
    /// Thought, and perhaps not shown.
    pub reasoning: u64,
}

impl TokenUsage {
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}
