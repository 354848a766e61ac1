//! The login that the Codex command line keeps in a file: read, never written.
//!
//! Codex renews it itself, and its refresh tokens can be used once only: whoever renewed it here would
//! log Codex out. So the file is read whenever a token is asked for, and a token that Codex has not
//! renewed is not renewed. Two forms are known: Codex's own `auth.json`, and the `codex-*.json` of
//! `CLIProxyAPI`.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::http::header::HeaderValue;
use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, ready};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::fetch::{Fetch, FetchError, Fetched};
use super::{AccountFacts, Token, TokenSecret};
use crate::actors::clock::WallClock;
use crate::oauth::read_claims;
use crate::types::ApiKey;

/// The largest file we read; real ones have a few kilobytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// When to look again, once a file was of no use: another program mends it, and nobody tells us.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// A login in a file of Codex's.
#[derive(Debug)]
pub(super) struct CodexFile {
    file: PathBuf,
    clock: WallClock,
}

impl CodexFile {
    pub(super) fn new(file: PathBuf, clock: WallClock) -> Self {
        Self { file, clock }
    }

    fn read(&self, refused: Option<&Token>) -> Result<Token, NoLogin> {
        let token = read_login(&self.file)?;
        match token.expires_at {
            Some(end) if end <= self.clock.now() => Err(NoLogin::Expired(end)),
            _ if refused.is_some_and(|refused| refused.secret == token.secret) => {
                Err(NoLogin::Refused)
            }
            _ => Ok(token),
        }
    }
}

impl Fetch for CodexFile {
    fn fetch(&self, refused: Option<Arc<Token>>) -> LocalBoxFuture<'static, Fetched> {
        let token = self.read(refused.as_deref()).map_err(|no_login| {
            let why = format!("{}: {no_login}", self.file.display());
            if no_login.needs_a_person() {
                FetchError::Final { reason: why }
            } else {
                FetchError::Later { cause: why, wait: Some(LOOK_AGAIN) }
            }
        });
        ready(token).boxed_local()
    }

    /// A change of the file is a change of the configuration.
    fn may_have_changed(&self) -> bool {
        true
    }

    fn look_again(&self) -> Duration {
        LOOK_AGAIN
    }
}

/// The login that a file holds, be it over or not.
pub fn read_login(file: &Path) -> Result<Token, NoLogin> {
    find_login(&read_small(file)?)
}

/// Why a file has no token.
#[derive(Debug, thiserror::Error)]
pub enum NoLogin {
    #[error(
        "there is no such file; run `codex login`. A login in the keyring of the system cannot be read: \
         `cli_auth_credentials_store = \"file\"` in Codex's config.toml keeps it in the file"
    )]
    Missing,
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("is larger than {MAX_FILE_BYTES} bytes, so it is no login of Codex's")]
    TooLarge,
    // serde's own words may quote the text, and the text holds tokens.
    #[error("is no login of Codex's (line {line}, column {column})")]
    Malformed { line: usize, column: usize },
    #[error("holds an API key and no login; write the key under `openai-api-key`")]
    OnlyAnApiKey,
    #[error("holds no login; run `codex login`")]
    NoTokens,
    #[error("holds a token that no header field can carry; run `codex login`")]
    NoKey,
    #[error("expired at {}; Codex keeps this login fresh: run `codex` once", date(.0))]
    Expired(SystemTime),
    #[error(
        "OpenAI refuses its token; Codex keeps this login fresh: run `codex` once, or `codex login`"
    )]
    Refused,
}

impl NoLogin {
    /// Whether somebody has to do something. An expired token, which Codex renews as soon as it is used, is no
    /// such thing, nor is a file that somebody is writing.
    fn needs_a_person(&self) -> bool {
        match self {
            Self::Missing | Self::OnlyAnApiKey | Self::NoTokens | Self::NoKey | Self::Refused => {
                true
            }
            Self::Unreadable(_) | Self::TooLarge | Self::Malformed { .. } | Self::Expired(_) => {
                false
            }
        }
    }
}

fn date(moment: &SystemTime) -> impl fmt::Display {
    humantime::format_rfc3339_seconds(*moment)
}

fn read_small(file: &Path) -> Result<Zeroizing<Vec<u8>>, NoLogin> {
    let length = match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(NoLogin::Missing),
        metadata => metadata.map_err(NoLogin::Unreadable)?.len(),
    };
    if length > MAX_FILE_BYTES {
        return Err(NoLogin::TooLarge);
    }
    fs::read(file).map(Zeroizing::new).map_err(NoLogin::Unreadable)
}

/// Both forms in one: what Codex keeps under `tokens` stands by itself in `CLIProxyAPI`'s.
///
/// SECURITY: no `Debug`, because of the tokens.
#[derive(Deserialize)]
struct LoginFile {
    #[serde(rename = "OPENAI_API_KEY")]
    openai_api_key: Option<String>,
    tokens: Option<LoginTokens>,
    #[serde(flatten)]
    flat: LoginTokens,
    r#type: Option<String>,
    email: Option<String>,
    /// RFC 3339.
    expired: Option<String>,
}

#[derive(Default, Deserialize)]
struct LoginTokens {
    id_token: Option<String>,
    access_token: Option<String>,
    account_id: Option<String>,
}

fn find_login(text: &[u8]) -> Result<Token, NoLogin> {
    let LoginFile { openai_api_key, tokens, flat, r#type, email, expired } =
        serde_json::from_slice(text)
            .map_err(|error| NoLogin::Malformed { line: error.line(), column: error.column() })?;
    let is_flat = r#type.as_deref() == Some("codex");
    let tokens = tokens.or_else(|| is_flat.then_some(flat)).unwrap_or_default();
    let LoginTokens { id_token, access_token, account_id } = tokens;
    let Some(access_token) = access_token.filter(|token| !token.trim().is_empty()) else {
        let has_key = openai_api_key.is_some_and(|key| !key.trim().is_empty());
        return Err(if has_key { NoLogin::OnlyAnApiKey } else { NoLogin::NoTokens });
    };
    let secret = ApiKey::parse(&access_token).map_err(|_empty| NoLogin::NoKey)?;
    if HeaderValue::from_str(secret.expose()).is_err() {
        return Err(NoLogin::NoKey);
    }
    // SECURITY: unverified. The signature is OpenAI's to check, which sees the token with every request;
    // here the claims only say when to look into the file again, and what to call an account. Who could
    // forge them can write the user's own file.
    let access = read_claims(&access_token).unwrap_or_default();
    let id = id_token.as_deref().and_then(read_claims).unwrap_or_default();
    let told = |fact: Option<String>| fact.filter(|fact| is_plain(fact));
    let account = AccountFacts {
        id: told(account_id).or_else(|| told(id.account_id)).or_else(|| told(access.account_id)),
        label: told(id.email).or_else(|| told(email)).or_else(|| told(access.email)),
        plan: told(id.plan).or_else(|| told(access.plan)),
    };
    let expires_at = access.expires_at.or_else(|| {
        let expired = expired.as_deref().filter(|_| is_flat)?;
        humantime::parse_rfc3339_weak(expired).ok()
    });
    Ok(Token { secret: TokenSecret::Bearer(secret), expires_at, account })
}

/// Goes into header fields and onto pages.
fn is_plain(fact: &str) -> bool {
    !fact.is_empty() && fact.len() <= 256 && fact.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
