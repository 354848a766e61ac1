//! What a model takes, by family and version in its name, never by a list of ids.
//!
//! A Claude without a version in its name is a new one, or an alias that follows the newest. What is
//! not Claude but speaks the dialect took its shape from the older models.

/// The room for an answer where the client sets no limit and the API demands one.
const DEFAULT_MAX_TOKENS: u64 = 32_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claude {
    Version(u8, u8),
    Newest,
    /// Another maker's model.
    No,
}

impl Claude {
    pub fn of(model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        let Some((_, name)) = model.split_once("claude-") else { return Self::No };
        // A date is longer than a version: `3-5-sonnet-20241022`, `opus-4-5@20251101`.
        let number = |part: &str| if part.len() <= 2 { part.parse::<u8>().ok() } else { None };
        let mut parts = name.split(['-', '.', '@', ':']);
        match parts.find_map(number) {
            Some(major) => Self::Version(major, parts.next().and_then(number).unwrap_or(0)),
            None => Self::Newest,
        }
    }

    /// As much as the family can write, where that is less than the usual.
    pub const fn default_max_tokens(self) -> u64 {
        match self {
            Self::Version(3, 5) => 8192,
            Self::Version(0..3, _) | Self::Version(3, 0..5) => 4096,
            Self::Version(..) | Self::Newest | Self::No => DEFAULT_MAX_TOKENS,
        }
    }

    /// From 4.7 on, `temperature`, `top_p` and `top_k` are refused unless they change nothing.
    pub const fn refuses_sampling(self) -> bool {
        match self {
            Self::Version(major, minor) => major > 4 || (major == 4 && minor >= 7),
            Self::Newest => true,
            Self::No => false,
        }
    }

    /// From 4.7 on, thinking is told only to those who ask for it; 4.6 has the word for it, too.
    pub const fn hides_thinking(self) -> bool {
        match self {
            Self::Version(major, minor) => major > 4 || (major == 4 && minor >= 6),
            Self::Newest => true,
            Self::No => false,
        }
    }
}
