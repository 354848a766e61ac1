//! What a model call names: the dialect it is written in, the model, the provider that answers.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The wire language of a model call. The path says which; nothing in the body does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Anthropic Messages, with `count_tokens`.
    Anthropic,
    /// OpenAI Chat Completions and the older Completions: one shape of stream and error.
    OpenAiChat,
    /// OpenAI Responses, over HTTP and WebSocket.
    OpenAiResponses,
    /// Gemini `generateContent` and its kin, on the Gemini API and on Vertex AI.
    Gemini,
}

impl Dialect {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiResponses => "openai-responses",
            Self::Gemini => "gemini",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A model as a client or a provider calls it. Never empty, not long, no white space around it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelName(Arc<str>);

impl ModelName {
    /// Providers' names are shorter, a region, a prefix and a thinking suffix included. Clients choose
    /// names, and they are kept: in logs, in metrics, with what rests, at the server that replicas share.
    pub const MOST_BYTES: usize = 256;

    /// `None` when nothing is left after trimming, or more than a name may have.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty() && text.len() <= Self::MOST_BYTES).then(|| Self(text.into()))
    }

    /// Why [`Self::parse`] takes no name from `text`, to be said behind what it is.
    #[must_use]
    pub fn fault(text: &str) -> String {
        if text.trim().is_empty() {
            return "is empty".to_owned();
        }
        format!("is longer than the {} bytes that a name may have", Self::MOST_BYTES)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One credential of a provider, as logs call it: provider and position, as `claude-1`. Never its key.
/// Two are the same when they are called the same.
#[derive(Clone, Debug)]
pub struct CredentialId {
    name: Arc<str>,
    account: Option<u32>,
}

impl CredentialId {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), account: None }
    }

    /// The id as that of an account. A reload may give it to another one.
    #[must_use]
    pub fn of_account(self, number: u32) -> Self {
        Self { account: Some(number), ..self }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The number of the account, over reloads; `None` outside of a pool.
    #[must_use]
    pub const fn account(&self) -> Option<u32> {
        self.account
    }
}

impl PartialEq for CredentialId {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for CredentialId {}

impl Hash for CredentialId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Who answers a model call, as logs and `x-ampgate-provider` call it: `claude`, `openai`,
/// `gemini`, `vertex`, `amp`, or the name of an OpenAI-compatible provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProviderName(Arc<str>);

impl ProviderName {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A model of a provider, as requests for it are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamModel<'a> {
    /// What the provider calls it: this goes out.
    pub name: &'a str,
    /// The name that says which family and version it is, and so what it takes. The same, unless the
    /// provider's name is one that somebody has made up.
    pub nature: &'a str,
}

impl<'a> From<&'a str> for UpstreamModel<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, nature: name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_is_left_without_white_space_and_no_more_than_can_be_kept() {
        let (longest, longer) = ("m".repeat(256), "m".repeat(257));
        let padded = format!("{}{longest} ", " ".repeat(1000));
        let cut_short = "\u{e4}".repeat(129);
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (" gpt-5\n", Ok("gpt-5"),                       "white space is no part of it"),
            ("",         Err("is empty"),                   "nothing"),
            (" \t",      Err("is empty"),                   "nothing but white space"),
            (&longest,   Ok(longest.as_str()),              "the longest"),
            (&padded,    Ok(longest.as_str()),              "white space does not count"),
            (&longer,    Err("is longer than the 256 bytes that a name may have"), "a byte more"),
            (&cut_short, Err("is longer than the 256 bytes that a name may have"), "bytes, not letters"),
        ];
        for (text, expected, why) in cases {
            let found = ModelName::parse(text);
            let found = found.as_ref().map(ModelName::as_str).ok_or_else(|| ModelName::fault(text));
            assert_eq!(found, expected.map_err(str::to_owned), "{why}");
        }
    }
}
