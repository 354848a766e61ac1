//! A client's own login at its provider, beside its key for us.

use actix_web::http::header::{self, HeaderMap, HeaderName};

use super::credential::{X_API_KEY, X_GOOG_API_KEY, shows_key_apart, split_scheme};
use crate::types::{Dialect, Keyring};

/// Where a provider's own clients show their login: `Authorization` at all of them, and at some a field
/// for keys.
pub(super) fn is_login_field(dialect: Dialect, name: &HeaderName) -> bool {
    *name == header::AUTHORIZATION
        || match dialect {
            Dialect::Anthropic => *name == X_API_KEY,
            Dialect::Gemini => *name == X_GOOG_API_KEY,
            Dialect::OpenAiChat | Dialect::OpenAiResponses => false,
        }
}

/// Whether a request in `dialect` brings a login of the client's own. Only beside an `X-Ampgate-Key`: without
/// it the same fields are where clients show their keys for us. A login in the query is none.
///
/// SECURITY: a field that holds one of our own keys is no login, and neither is what stands beside it: a
/// client that shows its key twice must not have it sent to a provider.
#[must_use]
pub fn brings_own_login(dialect: Dialect, fields: &HeaderMap, ours: &Keyring) -> bool {
    if !shows_key_apart(fields) {
        return false;
    }
    let values = || {
        let of_login = fields.iter().filter(|(name, _)| is_login_field(dialect, name));
        of_login.map(|(_, value)| value.as_bytes().trim_ascii()).filter(|value| !value.is_empty())
    };
    let is_ours = |value: &[u8]| {
        let behind_scheme = split_scheme(value).map_or(value, |(_, key)| key);
        ours.find(value).is_some() || ours.find(behind_scheme).is_some()
    };
    values().next().is_some() && !values().any(is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ClientId, ClientKey};
    use actix_web::http::header::HeaderValue;

    #[test]
    fn a_login_is_one_only_beside_our_own_field_and_never_a_key_of_ours() {
        use Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};
        let ours = ("x-ampgate-key", "our-key");
        #[rustfmt::skip] // columns are easier to proofread
        let cases: &[(Dialect, &[(&str, &str)], bool, &str)] = &[
            (Anthropic,       &[ours, ("authorization", "Bearer login")],    true,  "a plan"),
            (Anthropic,       &[ours, ("x-api-key", "login")],               true,  "a key of one's own"),
            (OpenAiChat,      &[ours, ("authorization", "Bearer login")],    true,  "as OpenAI has it"),
            (OpenAiResponses, &[ours, ("authorization", "Bearer login")],    true,  "the same"),
            (Gemini,          &[ours, ("x-goog-api-key", "login")],          true,  "as Google has it"),
            (Gemini,          &[ours, ("authorization", "Bearer login")],    true,  "a token of Google's"),
            (Anthropic,       &[("authorization", "Bearer login")],          false, "the place of a key for us"),
            (Anthropic,       &[ours],                                       false, "nothing beside it"),
            (Anthropic,       &[ours, ("authorization", " ")],               false, "empty"),
            (OpenAiChat,      &[ours, ("x-api-key", "login")],               false, "no place of OpenAI's"),
            (Anthropic,       &[ours, ("x-goog-api-key", "login")],          false, "no place of Anthropic's"),
            (Anthropic,       &[ours, ("authorization", "Bearer our-key")],  false, "our own key, twice"),
            (Anthropic,       &[ours, ("authorization", "our-key")],         false, "without a scheme, too"),
            (Anthropic,       &[ours, ("authorization", "Basic other-key")], false, "another key of ours"),
            (Anthropic,       &[ours, ("authorization", "Bearer login"), ("x-api-key", "other-key")], false, "ours beside a login"),
        ];
        let key = |name: &str, key: &str| (ClientId::new(name), ClientKey::parse(key).unwrap());
        let keyring = Keyring::new(vec![key("alice", "our-key"), key("bob", "other-key")]);
        for (dialect, shown, expected, why) in cases {
            let mut fields = HeaderMap::new();
            for (name, value) in *shown {
                fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(
                brings_own_login(*dialect, &fields, &keyring),
                *expected,
                "{shown:?}: {why}"
            );
        }
    }
}
