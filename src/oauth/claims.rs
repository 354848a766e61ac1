//! What a token says of its account.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

/// What is of use to us in a token that is a JWT (RFC 7519).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    pub email: Option<String>,
    /// What its provider calls the account; some backends have to be told in each request.
    pub account_id: Option<String>,
    pub plan: Option<String>,
    pub expires_at: Option<SystemTime>,
}

/// The claims that are read. All others may be of any kind: `aud` is a text here and a list there.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    email: Value,
    exp: Value,
    #[serde(rename = "https://api.openai.com/auth")]
    openai: Value,
}

/// Reads the claims of a token; `None` when it is no JWT, as most access tokens are not.
///
/// SECURITY: the signature is not checked. The specification (`OpenID` Connect Core 1.0, section 3.1.3.7,
/// number 6) allows that for a token that comes straight from the token endpoint over TLS, and nothing is
/// let in by these claims: they say what to show and when to refresh.
#[must_use]
pub fn read_claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (_header, payload) = (parts.next()?, parts.next()?);
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let Payload { email, exp, openai } = serde_json::from_slice(&payload).ok()?;
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Some(Claims {
        email: text(&email),
        account_id: openai.get("chatgpt_account_id").and_then(text),
        plan: openai.get("chatgpt_plan_type").and_then(text),
        expires_at: exp.as_f64().and_then(numeric_date),
    })
}

/// RFC 7519, section 2: seconds since 1970, perhaps with a fraction.
fn numeric_date(seconds: f64) -> Option<SystemTime> {
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(since)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn jwt(payload: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.signature", part(&json!({ "alg": "RS256" })), part(payload))
    }

    #[test]
    fn a_token_tells_as_much_of_its_account_as_it_has() {
        let openai = json!({ "chatgpt_account_id": "acc-1", "chatgpt_plan_type": "pro" });
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000);
        let whole = json!({
            "aud": ["app"], "email": "a@example.org", "exp": 1_900_000_000,
            "https://api.openai.com/auth": openai,
        });
        let all = Claims {
            email: Some("a@example.org".to_owned()),
            account_id: Some("acc-1".to_owned()),
            plan: Some("pro".to_owned()),
            expires_at: Some(date),
        };
        let only_date = Claims { expires_at: Some(date), ..Claims::default() };
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (jwt(&whole),                                             Some(all),               "everything"),
            (jwt(&json!({ "aud": "app" })),                           Some(Claims::default()), "nothing of use"),
            (jwt(&json!({ "exp": 1.9e9 })),                           Some(only_date),         "a date in another notation"),
            (jwt(&json!({ "email": 7, "exp": "soon" })),              Some(Claims::default()), "claims of the wrong kind"),
            (jwt(&json!({ "exp": -1, "email": "" })),                 Some(Claims::default()), "before all time, and empty"),
            (jwt(&json!({ "exp": 1e300 })),                           Some(Claims::default()), "after all time"),
            (jwt(&json!([])),                                         Some(Claims::default()), "a list is read as one without members"),
            ("sk-opaque".to_owned(),                                  None,                    "an opaque token"),
            ("a.b.c".to_owned(),                                      None,                    "dots in an opaque token"),
            (String::new(),                                           None,                    "no token at all"),
        ];
        for (token, expected, why) in cases {
            assert_eq!(read_claims(&token), expected, "{why}");
        }
    }
}
