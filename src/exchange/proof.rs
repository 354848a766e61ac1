//! What a request shows its provider to be let in.

use std::sync::Arc;
use std::time::SystemTime;

use super::signature::sign_for_bedrock;
use crate::actors::router::AskedAgain;
use crate::actors::tokens::{Token, TokenError, TokenSecret, Tokens};
use crate::actors::upstream::{OutgoingRequest, UpstreamFailure};
use crate::config::{Auth, Credential, Family};
use crate::error::GatewayError;
use crate::headers::UpstreamCredential;
use crate::types::{ApiKey, Dialect};

/// What opens the provider's door for one request.
#[derive(Clone, Debug)]
pub enum Proof<'a> {
    None,
    Key(&'a ApiKey),
    Token(Arc<Token>),
    /// The login that the client has brought.
    ClientLogin,
}

impl<'a> Proof<'a> {
    /// What `credential` shows now. Waits only where a token has to be asked for.
    pub async fn of(credential: &'a Credential, tokens: &Tokens) -> Result<Self, UpstreamFailure> {
        match &credential.auth {
            Auth::Open => Ok(Self::None),
            Auth::ClientLogin => Ok(Self::ClientLogin),
            Auth::Key(key) => Ok(Self::Key(key)),
            Auth::Token(source) => {
                let token = tokens.token(source).await;
                token.map(Self::Token).map_err(|error| no_token(credential, &error))
            }
        }
    }

    /// The token, where that is what is shown.
    pub(super) fn token(&self) -> Option<&Arc<Token>> {
        match self {
            Self::Token(token) => Some(token),
            Self::None | Self::Key(_) | Self::ClientLogin => None,
        }
    }

    /// Another token in the place of this one, which its provider has refused, where there is one now.
    pub(super) async fn renewed(&self, credential: &Credential, tokens: &Tokens) -> Option<Self> {
        match (&credential.auth, self) {
            (Auth::Token(source), Self::Token(refused)) => {
                tokens.renewed(source, refused).await.ok().map(Self::Token)
            }
            _ => None,
        }
    }

    /// Whether another token is there now in the place of this one, which its provider has refused.
    pub(super) async fn is_renewed(&self, credential: &Credential, tokens: &Tokens) -> bool {
        self.renewed(credential, tokens).await.is_some()
    }

    /// Whether a 401 says something of the credential: not while its token may be replaced, since a rest
    /// would outlast the refresh or the login that mends it.
    pub(super) fn speaks_for_credential(&self, again: AskedAgain) -> bool {
        self.token().is_none() || again.with_new_token
    }

    pub(super) fn shown_to(&self, family: Family) -> UpstreamCredential<'_> {
        match self {
            Self::None => UpstreamCredential::None,
            Self::Key(key) => match family {
                Family::Claude => UpstreamCredential::Anthropic(key),
                Family::Azure => UpstreamCredential::Azure(key),
                Family::OpenAi | Family::OpenAiCompatible | Family::Bedrock | Family::Codex => {
                    UpstreamCredential::Bearer(key)
                }
                Family::Gemini | Family::Vertex | Family::VertexClaude => {
                    UpstreamCredential::Google(key)
                }
            },
            Self::Token(token) => match &token.secret {
                TokenSecret::Bearer(token) => UpstreamCredential::Bearer(token),
                // The signature comes last, over everything else.
                TokenSecret::Aws(_) => UpstreamCredential::None,
            },
            Self::ClientLogin => match family {
                Family::Claude => UpstreamCredential::ClientLogin(Dialect::Anthropic),
                Family::OpenAi => UpstreamCredential::ClientLogin(Dialect::OpenAiChat),
                Family::Gemini | Family::Vertex => UpstreamCredential::ClientLogin(Dialect::Gemini),
                // The configuration opens no other family to logins.
                _ => UpstreamCredential::None,
            },
        }
    }

    /// Makes a request ready that has all its fields and its body.
    pub(super) fn complete(&self, outgoing: &mut OutgoingRequest) -> Result<(), GatewayError> {
        match self {
            Self::Token(token) => match &token.secret {
                TokenSecret::Aws(keys) => sign_for_bedrock(outgoing, keys, SystemTime::now()),
                TokenSecret::Bearer(_) => Ok(()),
            },
            Self::None | Self::Key(_) | Self::ClientLogin => Ok(()),
        }
    }
}

fn no_token(credential: &Credential, error: &TokenError) -> UpstreamFailure {
    let provider = credential.provider.clone();
    let told = match error {
        TokenError::LoginNeeded { .. } => GatewayError::LoginNeeded { provider },
        TokenError::Unavailable { .. } => GatewayError::NoToken { provider },
    };
    UpstreamFailure { error: told, cause: format!("{}: {error}", credential.id.as_str()) }
}
