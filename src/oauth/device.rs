//! The login of a device that has no browser (RFC 8628): it shows a code, and asks until somebody has
//! entered that elsewhere.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::token_endpoint::{
    TokenEndpointError, TokenRequest, read_token_answer, seconds, written,
};
use crate::config::OAuthClient;
use crate::types::ApiKey;

/// What a device shows, and what it asks with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceGrant {
    pub device_code: ApiKey,
    pub user_code: String,
    pub verification_uri: String,
    /// Has the code in it already.
    pub verification_uri_complete: Option<String>,
    /// From 1 second to an hour.
    pub expires_in: Duration,
    /// Between two questions, at the beginning.
    pub interval: Duration,
}

/// Why there is no code to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceAnswerError {
    #[error(transparent)]
    Refused(#[from] TokenEndpointError),
    #[error("the authorization server answers without {0}")]
    Without(&'static str),
}

/// RFC 8628, section 3.2: where the server says nothing.
const USUAL_INTERVAL: Duration = Duration::from_secs(5);
/// RFC 8628, section 3.5: more, each time it is asked to slow down.
const SLOWER: Duration = Duration::from_secs(5);
/// A server that names no pause at all still gets one.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
/// Required by RFC 8628, section 3.2, and left out by some.
const USUAL_LIFETIME: Duration = Duration::from_secs(15 * 60);
const LONGEST_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// One after the other: a server that is wrong about something stays wrong.
const MOST_FAILURES: u32 = 5;
const LONGEST_USER_CODE: usize = 64;

#[derive(Deserialize)]
struct Answer {
    device_code: Option<String>,
    user_code: Option<String>,
    verification_uri: Option<String>,
    /// Google's name for it.
    verification_url: Option<String>,
    verification_uri_complete: Option<String>,
    expires_in: Option<Value>,
    interval: Option<Value>,
}

/// The question for a code (RFC 8628, section 3.1).
#[must_use]
pub fn device_request(client: &OAuthClient) -> TokenRequest {
    let scopes = client.scopes.join(" ");
    let members = if scopes.is_empty() { Vec::new() } else { vec![("scope", scopes.as_str())] };
    written(client, members)
}

/// Reads the answer to [`device_request`].
pub fn read_device_answer(status: u16, body: &[u8]) -> Result<DeviceGrant, DeviceAnswerError> {
    use DeviceAnswerError::Without;
    if !(200..300).contains(&status) {
        // It fails as a token endpoint does (RFC 8628, section 3.2).
        read_token_answer(status, None, body)?;
    }
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_json| Without("a code for this device"))?;
    let device_code = answer.device_code.and_then(|code| ApiKey::parse(&code).ok());
    let is_shown = |code: &String| {
        (1..=LONGEST_USER_CODE).contains(&code.len())
            && code.chars().all(|c| matches!(c, ' '..='~'))
    };
    let address = answer.verification_uri.or(answer.verification_url);
    Ok(DeviceGrant {
        device_code: device_code.ok_or(Without("a code for this device"))?,
        user_code: answer.user_code.filter(is_shown).ok_or(Without("a code to show"))?,
        verification_uri: address.as_deref().and_then(web).ok_or(Without("an address to show"))?,
        verification_uri_complete: answer.verification_uri_complete.as_deref().and_then(web),
        expires_in: answer
            .expires_in
            .as_ref()
            .and_then(seconds)
            .unwrap_or(USUAL_LIFETIME)
            .clamp(Duration::from_secs(1), LONGEST_LIFETIME),
        interval: answer
            .interval
            .as_ref()
            .and_then(seconds)
            .unwrap_or(USUAL_INTERVAL)
            .clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL),
    })
}

/// An address for a browser. Written anew, so that nothing is in it that a terminal obeys.
fn web(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    matches!(url.scheme(), "https" | "http").then(|| url.to_string())
}

/// How long to wait between two questions.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    interval: Duration,
    failures: u32,
}

impl Pace {
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self { interval, failures: 0 }
    }

    /// The wait before the next question.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.interval
    }

    /// Learns from an answer without tokens (RFC 8628, section 3.5). `Err` where no further question
    /// helps.
    pub fn learn(&mut self, error: TokenEndpointError) -> Result<(), TokenEndpointError> {
        match error {
            TokenEndpointError::Pending => self.failures = 0,
            TokenEndpointError::SlowDown => {
                self.failures = 0;
                self.interval += SLOWER;
            }
            TokenEndpointError::Later { wait, .. } if self.failures + 1 < MOST_FAILURES => {
                self.failures += 1;
                let doubled = (self.interval * 2).min(LONGEST_INTERVAL);
                self.interval = wait.map_or(doubled, |wait| wait.clamp(doubled, LONGEST_INTERVAL));
            }
            error => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod fixtures {
    use crate::config::{Endpoint, OAuthClient, TokenRequestForm};
    use crate::types::{ApiKey, Origin, ProviderName};

    pub fn client() -> OAuthClient {
        let origin = Origin::split("https://login.test").unwrap().0;
        OAuthClient {
            name: ProviderName::new("company"),
            authorize_url: None,
            token: Endpoint { origin, path: "/token".to_owned(), proxy: None },
            device: None,
            client_id: "gate".to_owned(),
            client_secret: Some(ApiKey::parse("hush").unwrap()),
            scopes: vec!["openid".to_owned(), "offline_access".to_owned()],
            token_request: TokenRequestForm::Form,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_asks_for_its_code_as_itself() {
        let asked = device_request(&fixtures::client());

        let expected = "scope=openid+offline_access&client_id=gate&client_secret=hush";
        assert_eq!(asked.body.as_str(), expected);
        assert_eq!(asked.content_type, "application/x-www-form-urlencoded");
    }

    #[test]
    fn what_a_device_shows_is_read_from_the_answer() {
        let whole = br#"{"device_code": "hush", "user_code": "WDJB-MJHT", "interval": "7",
            "verification_uri": "https://login.test/device", "expires_in": 1800,
            "verification_uri_complete": "https://login.test/device?user_code=WDJB-MJHT"}"#;
        let grant = read_device_answer(200, whole).unwrap();
        assert_eq!(grant.user_code, "WDJB-MJHT");
        assert_eq!(grant.verification_uri, "https://login.test/device");
        let complete = grant.verification_uri_complete.as_deref();
        assert_eq!(complete, Some("https://login.test/device?user_code=WDJB-MJHT"));
        assert_eq!((grant.interval.as_secs(), grant.expires_in.as_secs()), (7, 1800));
        assert!(!format!("{grant:?}").contains("hush"));

        let least = br#"{"device_code": "d", "user_code": "u", "verification_url": "http://x"}"#;
        let grant = read_device_answer(200, least).unwrap();
        assert_eq!((grant.interval.as_secs(), grant.expires_in.as_secs()), (5, 900));
    }

    #[test]
    fn an_answer_that_cannot_be_shown_is_none() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (200, r#"{"user_code": "u", "verification_uri": "https://x"}"#,                            "without a code for this device", "no device code"),
            (200, r#"{"device_code": "hush", "verification_uri": "https://x"}"#,                        "without a code to show",         "no user code"),
            (200, r#"{"device_code": "hush", "user_code": "\u001b[2J", "verification_uri": "https://x"}"#, "without a code to show",      "a code that a terminal obeys"),
            (200, r#"{"device_code": "hush", "user_code": "u", "verification_uri": "javascript:1"}"#,   "without an address to show",     "an address that is none"),
            (200, "<html>hush</html>",                                                                  "without a code for this device", "no JSON"),
            (401, r#"{"error": "invalid_client", "error_description": "hush"}"#,                        "`invalid_client`",               "refused"),
            (503, "hush",                                                                               "answers 503",                    "not well"),
        ];
        for (status, body, expected, why) in cases {
            let said = read_device_answer(status, body.as_bytes()).unwrap_err().to_string();
            assert!(said.contains(expected), "{why}: {said}");
            assert!(!said.contains("hush"), "{why}: {said}");
        }
    }

    #[test]
    fn the_pace_follows_what_the_server_says() {
        use TokenEndpointError::{Final, Later, Pending, SlowDown};
        let later = |wait: Option<u64>| Later {
            cause: "x".to_owned(),
            wait: wait.map(Duration::from_secs),
        };
        let refused = Final { code: "access_denied", meaning: "the login was refused" };
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (vec![Pending, Pending],                      Some(3),  "nobody has said yes yet"),
            (vec![SlowDown],                              Some(8),  "five seconds more"),
            (vec![SlowDown, Pending, SlowDown],           Some(13), "and once more; it stays so"),
            (vec![later(None)],                           Some(6),  "a failure doubles it"),
            (vec![later(None), later(None)],              Some(12), "each one"),
            (vec![later(Some(30))],                       Some(30), "as long as the server says"),
            (vec![later(Some(9999))],                     Some(60), "but not for ever"),
            (vec![later(None), later(None), later(None), later(None), Pending, later(None)], Some(60), "failures one after the other count"),
            (vec![later(None), later(None), later(None), later(None), later(None)], None, "it stays wrong"),
            (vec![refused],                               None,     "refused"),
        ];
        for (answers, expected, why) in cases {
            let mut pace = Pace::new(Duration::from_secs(3));
            let outcome = answers.into_iter().try_for_each(|error| pace.learn(error));
            let wait = outcome.ok().map(|()| pace.wait().as_secs());
            assert_eq!(wait, expected, "{why}");
        }
    }
}
