//! What a model call names: the dialect it is written in, the model, the provider that answers.

use std::fmt;
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

/// A model as a client or a provider calls it. Never empty, no white space around it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelName(Arc<str>);

impl ModelName {
    /// `None` when nothing is left after trimming.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CredentialId(Arc<str>);

impl CredentialId {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
