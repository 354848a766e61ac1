//! What opens a provider's door.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::proxy_url::Proxy;
use crate::types::{ApiKey, Origin, ProviderName};

/// What a credential shows its provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Nothing: a compatible server that asks for no key.
    Open,
    Key(ApiKey),
    /// A token that has to be asked for, and expires.
    Token(TokenSource),
    /// The client's own login, sent beside its key for the gateway: never kept, never anybody else's.
    ClientLogin,
}

/// Where tokens come from. Equal sources are one account: their tokens are asked for once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TokenSource {
    /// An account that `ampgate login` has written.
    Login(LoginAccount),
    /// The login of the Codex command line, which keeps it fresh itself: read, never written.
    Codex(PathBuf),
    Google(GoogleSource),
    Aws(AwsSource),
}

/// An account of an OAuth provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoginAccount {
    pub client: Arc<OAuthClient>,
    /// Where its tokens are kept.
    pub file: PathBuf,
}

/// An authorization server, and who we are there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OAuthClient {
    /// What `ampgate login` calls it.
    pub name: ProviderName,
    /// Opened in the user's browser; `None`: only the device flow.
    pub authorize_url: Option<String>,
    pub token: Endpoint,
    /// RFC 8628, section 3.1; `None`: only the browser.
    pub device: Option<Endpoint>,
    pub client_id: String,
    /// `None`: a public client (RFC 6749, section 2.1).
    pub client_secret: Option<ApiKey>,
    pub scopes: Vec<String>,
    pub token_request: TokenRequestForm,
}

impl OAuthClient {
    /// Who asks, and whom: what a refusal of a refresh token is about besides the token.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{} at {}", self.client_id, self.token)
    }
}

/// How an authorization server wants its questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenRequestForm {
    /// `application/x-www-form-urlencoded`, as RFC 6749 has it.
    Form,
    Json,
}

/// An address that the gateway itself asks, and the way there.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    pub origin: Origin,
    /// Begins with a slash.
    pub path: String,
    pub proxy: Option<Proxy>,
}

impl Endpoint {
    /// The same address by way of `proxy`. An address without TLS stays without one: it is allowed because
    /// it is on this machine, and a proxy would read what is sent there, and have another machine in mind.
    #[must_use]
    pub fn through(self, proxy: Option<Proxy>) -> Self {
        let proxy = proxy.filter(|_| self.origin.is_tls());
        Self { proxy, ..self }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where Google's access tokens come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GoogleSource {
    /// A service account's key, or what `gcloud auth application-default login` has written.
    File {
        path: PathBuf,
        /// On the way to where tokens are asked for.
        proxy: Option<Proxy>,
    },
    /// The machine's own service account.
    MetadataServer { origin: Origin },
}

/// Where AWS's keys come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AwsSource {
    /// A long-lived key, or a temporary one that somebody else keeps fresh.
    Keys(AwsKeys),
    /// A profile, or AWS's own order: environment, profile, web identity, container, machine.
    Chain {
        profile: Option<String>,
        region: String,
        /// The way to AWS's token service. What is on the machine or beside it is asked directly.
        proxy: Option<Proxy>,
    },
}

/// What requests to AWS are signed with. The secret parts print as stars.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AwsKeys {
    /// Signatures are good in one region.
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: ApiKey,
    pub session_token: Option<ApiKey>,
}

impl Auth {
    /// The key, where that is what opens the door.
    #[must_use]
    pub fn key(&self) -> Option<&ApiKey> {
        match self {
            Self::Key(key) => Some(key),
            Self::Open | Self::Token(_) | Self::ClientLogin => None,
        }
    }

    /// Where the token comes from, where that is what opens the door.
    #[must_use]
    pub fn token_source(&self) -> Option<&TokenSource> {
        match self {
            Self::Token(source) => Some(source),
            Self::Open | Self::Key(_) | Self::ClientLogin => None,
        }
    }
}

impl TokenSource {
    /// What the provider of its accounts is called, for logs and metrics: one of a few names.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Login(account) => account.client.name.as_str(),
            Self::Codex(_) => "codex",
            Self::Google(_) => "google",
            Self::Aws(_) => "aws",
        }
    }
}

impl Auth {
    /// The file in which a login or an account is kept, where that is what opens the door.
    #[must_use]
    pub fn token_file(&self) -> Option<&Path> {
        match self {
            Self::Token(source) => source.file(),
            Self::Open | Self::Key(_) | Self::ClientLogin => None,
        }
    }
}

impl TokenSource {
    /// The file in which its secret is kept, where there is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Login(account) => Some(&account.file),
            Self::Codex(path) | Self::Google(GoogleSource::File { path, .. }) => Some(path),
            Self::Google(GoogleSource::MetadataServer { .. }) | Self::Aws(_) => None,
        }
    }
}

impl fmt::Display for TokenSource {
    /// What makes the account one over reloads, and among replicas; no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login(account) => write!(f, "login {}", account.file.display()),
            Self::Codex(file) => write!(f, "codex {}", file.display()),
            Self::Google(GoogleSource::File { path, .. }) => write!(f, "google {}", path.display()),
            Self::Google(GoogleSource::MetadataServer { origin }) => write!(f, "google {origin}"),
            Self::Aws(AwsSource::Keys(keys)) => {
                write!(f, "aws {} {}", keys.access_key_id, keys.region)
            }
            Self::Aws(AwsSource::Chain { profile, region, .. }) => {
                write!(f, "aws {} {region}", profile.as_deref().unwrap_or_default())
            }
        }
    }
}
