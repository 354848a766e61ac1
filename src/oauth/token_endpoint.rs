//! The question for a token, and what its answer means (RFC 6749, sections 4.1.3, 5 and 6; RFC 8628,
//! sections 3.4 and 3.5).

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::config::{OAuthClient, TokenRequestForm};
use crate::types::ApiKey;

/// What a token is asked for with.
#[derive(Clone, Debug)]
pub enum Grant<'a> {
    RefreshToken(&'a ApiKey),
    AuthorizationCode {
        code: &'a ApiKey,
        redirect_uri: &'a str,
        /// RFC 7636, section 4.5.
        verifier: &'a ApiKey,
    },
    DeviceCode(&'a ApiKey),
}

/// The body of the question. It has secrets in it, and prints none.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenRequest {
    pub content_type: &'static str,
    pub body: Zeroizing<String>,
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}

/// Writes the question that `client` asks. A secret goes into the body (`client_secret_post`): in the
/// form that all servers read, JSON included.
#[must_use]
pub fn token_request(client: &OAuthClient, grant: &Grant<'_>) -> TokenRequest {
    let members: Vec<(&str, &str)> = match grant {
        Grant::RefreshToken(token) => {
            vec![("grant_type", "refresh_token"), ("refresh_token", token.expose())]
        }
        Grant::AuthorizationCode { code, redirect_uri, verifier } => vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.expose()),
        ],
        Grant::DeviceCode(code) => vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", code.expose()),
        ],
    };
    written(client, members)
}

/// A question of `client`'s: what it asks, and who it is.
pub(super) fn written<'a>(
    client: &'a OAuthClient,
    mut members: Vec<(&'a str, &'a str)>,
) -> TokenRequest {
    members.push(("client_id", &client.client_id));
    if let Some(secret) = &client.client_secret {
        members.push(("client_secret", secret.expose()));
    }
    let (content_type, body) = match client.token_request {
        TokenRequestForm::Form => (
            "application/x-www-form-urlencoded",
            form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish(),
        ),
        TokenRequestForm::Json => {
            let members = members.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
            ("application/json", Value::Object(members.collect::<Map<_, _>>()).to_string())
        }
    };
    TokenRequest { content_type, body: Zeroizing::new(body) }
}

/// The tokens of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub access_token: ApiKey,
    /// `None`: the one that was asked with stays good, if there was one.
    pub refresh_token: Option<ApiKey>,
    pub id_token: Option<ApiKey>,
    pub expires_in: Option<Duration>,
    pub scope: Option<String>,
}

/// Why an answer has no tokens. Its words are ours, and of the server's only a known code: what else a
/// server says may repeat what it was asked with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenEndpointError {
    /// The same question will never be answered otherwise.
    #[error("the authorization server says `{code}`: {meaning}")]
    Final { code: &'static str, meaning: &'static str },
    /// Device flow: nobody has said yes yet.
    #[error("nobody has confirmed the login yet")]
    Pending,
    /// Device flow: five seconds more between two questions (RFC 8628, section 3.5).
    #[error("the authorization server wants to be asked less often")]
    SlowDown,
    /// It may go better later: after `wait`, where the server has said so.
    #[error("{cause}")]
    Later { cause: String, wait: Option<Duration> },
}

/// Codes after which the same question is in vain, and what they mean. The first five are RFC 6749's and
/// RFC 8628's, the others OpenAI's.
const FINAL: [(&str, &str); 8] = [
    ("invalid_grant", "the login has expired, was revoked, or was used elsewhere"),
    ("invalid_client", "it does not know this client id and secret"),
    ("unauthorized_client", "this client may not ask so"),
    ("access_denied", "the login was refused"),
    ("expired_token", "the login was not confirmed in time"),
    ("refresh_token_expired", "the login has expired"),
    ("refresh_token_reused", "the refresh token was used before, perhaps by another program"),
    ("refresh_token_invalidated", "the login was revoked"),
];

/// Codes that are told in a log as they are: none of them says more than its name.
const TOLD: [&str; 7] = [
    "invalid_request",
    "invalid_scope",
    "unsupported_grant_type",
    "server_error",
    "temporarily_unavailable",
    "rate_limit_exceeded",
    "rate_limited",
];

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    refresh_token: Option<String>,
    id_token: Option<String>,
    /// A number; a text with one at some servers.
    expires_in: Option<Value>,
    scope: Option<Value>,
}

/// Reads an answer of a token endpoint. `retry_after` is what its field of that name says.
pub fn read_token_answer(
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
) -> Result<Granted, TokenEndpointError> {
    let later = |cause: String| TokenEndpointError::Later { cause, wait: retry_after };
    let code = error_code(body);
    match code.as_deref() {
        Some("authorization_pending") => return Err(TokenEndpointError::Pending),
        Some("slow_down") => return Err(TokenEndpointError::SlowDown),
        _ => {}
    }
    // What a server says while it is not well says nothing of the login.
    let is_about_the_login = status < 500 && status != 429;
    let known = code.as_deref().filter(|_| is_about_the_login);
    if let Some((code, meaning)) = known.and_then(|code| FINAL.into_iter().find(|it| it.0 == code))
    {
        return Err(TokenEndpointError::Final { code, meaning });
    }
    if !(200..300).contains(&status) || code.is_some() {
        let told = code.as_deref().and_then(|code| TOLD.into_iter().find(|told| *told == code));
        return Err(later(match told {
            Some(code) => format!("the authorization server answers {status}, `{code}`"),
            None => format!("the authorization server answers {status}"),
        }));
    }
    let answer = serde_json::from_slice(body).map_err(|_json| {
        later("the authorization server answers with something else".to_owned())
    })?;
    let Answer { access_token, refresh_token, id_token, expires_in, scope } = answer;
    let key = |text: Option<String>| text.and_then(|text| ApiKey::parse(&text).ok());
    let access_token = key(access_token)
        .ok_or_else(|| later("the authorization server answers without a token".to_owned()))?;
    Ok(Granted {
        access_token,
        refresh_token: key(refresh_token),
        id_token: key(id_token),
        expires_in: expires_in.as_ref().and_then(seconds),
        scope: scope.as_ref().and_then(Value::as_str).map(str::to_owned),
    })
}

/// `{"error":"code"}` by RFC 6749, section 5.2; OpenAI has `{"error":{"code":"code"}}`.
fn error_code(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    match answer.get("error")? {
        Value::String(code) => Some(code.clone()),
        error @ Value::Object(_) => {
            let codes = ["code", "type"].into_iter().filter_map(|name| error.get(name)?.as_str());
            let mut codes = codes.peekable();
            let first = codes.peek().map(|code| (*code).to_owned());
            codes
                .find(|code| FINAL.iter().any(|known| known.0 == *code))
                .map(str::to_owned)
                .or(first)
                .or_else(|| Some(String::new()))
        }
        _ => None,
    }
}

/// A number, or a text with one.
pub(super) fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests;
