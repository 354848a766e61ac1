//! What Google answers to a question for a token.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::super::FetchError;
use crate::types::ApiKey;

/// Whom Google was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    ServiceAccount,
    AuthorizedUser,
    /// The metadata server, for the machine's own account.
    Machine,
}

/// A token, and when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub token: ApiKey,
    /// `None`: the answer does not say.
    pub expires_at: Option<SystemTime>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawAnswer {
    access_token: Option<String>,
    expires_in: Option<f64>,
    error: Option<serde_json::Value>,
    error_description: Option<String>,
}

/// Errors that no second try mends (RFC 6749, section 5.2, and Google's own).
const FINAL: [&str; 10] = [
    "access_denied",
    "admin_policy_enforced",
    "deleted_client",
    "disabled_client",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "org_internal",
    "unauthorized_client",
];

/// Reads an answer, asked for at `now`. `wait` is its `Retry-After`.
///
/// No word of the server's but a known code goes into an error: an answer may repeat the question, and
/// that held a secret.
pub fn read(
    asker: Asker,
    (status, body): (u16, &[u8]),
    wait: Option<Duration>,
    now: SystemTime,
) -> Result<Granted, FetchError> {
    let answer: RawAnswer = serde_json::from_slice(body).unwrap_or_default();
    if status == 200 {
        let token = answer.access_token.and_then(|token| ApiKey::parse(&token).ok());
        let Some(token) = token else {
            return Err(later("Google's answer has no token".to_owned(), wait));
        };
        let lifetime = answer.expires_in.and_then(|s| Duration::try_from_secs_f64(s).ok());
        let expires_at = lifetime.and_then(|lifetime| now.checked_add(lifetime));
        return Ok(Granted { token, expires_at });
    }
    if asker == Asker::Machine && status == 404 {
        return Err(FetchError::Final {
            reason: "this machine has no service account; give it one, or write \
                     `service-account-file`"
                .to_owned(),
        });
    }
    let told = answer.error.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    let known = FINAL.into_iter().find(|known| *known == told);
    let Some(code) = known.filter(|_| (400..500).contains(&status) && status != 429) else {
        return Err(later(format!("Google answered {status} to the question for a token"), wait));
    };
    let said = answer.error_description.unwrap_or_default();
    let reason = if says_clock(&said) {
        format!("Google finds that this machine's clock is wrong ({code}); set it right")
    } else {
        reason(asker, code)
    };
    Err(FetchError::Final { reason })
}

fn later(cause: String, wait: Option<Duration>) -> FetchError {
    FetchError::Later { cause, wait }
}

/// "Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp
/// values".
fn says_clock(said: &str) -> bool {
    said.contains("reasonable timeframe") || said.contains("iat and exp")
}

fn reason(asker: Asker, code: &str) -> String {
    match (asker, code) {
        (Asker::ServiceAccount, "invalid_grant") => {
            "Google refuses the service account's key (invalid_grant): it was deleted or disabled, or \
             this machine's clock is wrong; look at both, and download a new key"
                .to_owned()
        }
        (Asker::AuthorizedUser, "invalid_grant") => {
            "Google refuses the login (invalid_grant): it has expired or was taken back; run `gcloud \
             auth application-default login` again"
                .to_owned()
        }
        _ => format!("Google refuses to give a token ({code}); look at the account's rights and key"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn told(asker: Asker, status: u16, body: &str) -> Result<Granted, FetchError> {
        read(asker, (status, body.as_bytes()), None, NOW)
    }

    #[test]
    fn a_token_is_taken_with_its_end() {
        let body = r#"{"access_token":"ya29.hush","expires_in":3599,"token_type":"Bearer"}"#;

        let granted = told(Asker::Machine, 200, body).unwrap();

        assert_eq!(granted.token.expose(), "ya29.hush");
        assert_eq!(granted.expires_at, Some(NOW + Duration::from_secs(3599)));
    }

    #[test]
    fn what_a_person_must_mend_is_final_and_all_else_is_asked_again() {
        use Asker::{AuthorizedUser as User, Machine, ServiceAccount as Service};
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // asker, status, body,                                                    final, in the message,     why
            (Service, 400, r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#, true, "key", "another key"),
            (Service, 400, r#"{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."}"#, true, "clock", "nothing is wrong with the key"),
            (User,    400, r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#, true, "gcloud auth", "a new login"),
            (User,    401, r#"{"error":"invalid_client"}"#,                              true,  "invalid_client",   "the client is gone"),
            (User,    400, r#"{"error":"hush"}"#,                                        false, "answered 400",     "an error nobody knows"),
            (Service, 403, "<html>hush</html>",                                          false, "answered 403",     "a proxy on the way"),
            (Service, 500, r#"{"error":"invalid_grant"}"#,                               false, "answered 500",     "a server in trouble"),
            (Service, 429, r#"{"error":"invalid_request"}"#,                             false, "answered 429",     "too often"),
            (Service, 200, "{}",                                                         false, "no token",         "an empty answer"),
            (Machine, 404, "not found",                                                  true,  "no service account", "a machine without one"),
            (Machine, 503, "",                                                           false, "answered 503",     "it is starting"),
        ];
        for (asker, status, body, is_final, words, why) in cases {
            let message = match told(asker, status, body).unwrap_err() {
                FetchError::Final { reason } if is_final => reason,
                FetchError::Later { cause, .. } if !is_final => cause,
                other => panic!("{why}: {other:?}"),
            };
            assert!(message.contains(words), "{why}: {message}");
            assert!(!message.contains("hush"), "{why}: {message}");
        }
    }

    #[test]
    fn how_long_to_wait_is_handed_on() {
        let wait = Some(Duration::from_secs(7));
        let error = read(Asker::Machine, (429, b""), wait, NOW).unwrap_err();
        assert!(
            matches!(error, FetchError::Later { wait, .. } if wait == Some(Duration::from_secs(7)))
        );
    }
}
