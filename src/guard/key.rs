//! Does the client show one of our keys?

use actix_http::RequestHead;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap};

use crate::headers::presented_keys;
use crate::types::{ClientId, ForeignLogin, Keyring};

/// Who a request is from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Identity {
    Known(ClientId),
    /// It shows a key, and the key is not ours.
    Unknown,
    /// The same, and the key is no key of anybody's: it is a login at a provider.
    ShowsLogin(ForeignLogin),
    /// It shows no key at all.
    Anonymous,
}

/// Finds out who a request is from, by any key it shows.
pub(super) fn identify(keyring: &Keyring, fields: &HeaderMap, query: Option<&str>) -> Identity {
    let mut identity = Identity::Anonymous;
    for presented in presented_keys(fields, query) {
        match keyring.find(&presented) {
            Some(client) => return Identity::Known(client.clone()),
            None if matches!(identity, Identity::ShowsLogin(_)) => {}
            None => {
                let text = std::str::from_utf8(&presented).ok();
                let login = text.and_then(ForeignLogin::recognise);
                identity = login.map_or(Identity::Unknown, Identity::ShowsLogin);
            }
        }
    }
    identity
}

/// Whether a person's browser asks for a page.
#[must_use]
pub fn is_browser_page(head: &RequestHead) -> bool {
    matches!(head.method, Method::GET | Method::HEAD)
        && head.headers.get_all(header::ACCEPT).any(|accept| {
            accept.to_str().is_ok_and(|types| types.to_ascii_lowercase().contains("text/html"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ClientKey;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn keyring() -> Keyring {
        let key = |name: &str, key: &str| (ClientId::new(name), ClientKey::parse(key).unwrap());
        Keyring::new(vec![key("alice", "key-a"), key("bob", "key-b")])
    }

    #[test]
    fn a_client_is_known_by_its_key_wherever_it_shows_it() {
        let known = |name: &str| Identity::Known(ClientId::new(name));
        let claude = || Identity::ShowsLogin(ForeignLogin::Claude);
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("authorization",  "Bearer key-a", None,               known("alice"),      "SDKs"),
            ("x-api-key",      "key-b",        None,               known("bob"),        "Amp, Anthropic"),
            ("x-goog-api-key", "key-b",        None,               known("bob"),        "Google"),
            ("accept",         "*/*",          Some("key=key-a"),  known("alice"),      "Google's parameter"),
            ("accept",         "*/*",          Some("auth_token=key-a"), known("alice"), "Amp's parameter"),
            ("x-api-key",      "wrong",        Some("key=key-a"),  known("alice"),      "one of two is enough"),
            ("x-api-key",      "wrong",        None,               Identity::Unknown,   "not ours"),
            ("x-api-key",      "key-",         None,               Identity::Unknown,   "a beginning is not the key"),
            ("x-api-key",      "key-aa",       None,               Identity::Unknown,   "nor is more than it"),
            ("authorization",  "Basic key-a",  None,               Identity::Anonymous, "another scheme"),
            ("accept",         "*/*",          None,               Identity::Anonymous, "nothing shown"),
            ("x-api-key",      "",             None,               Identity::Anonymous, "nothing shown"),
            ("x-ampgate-key",  "key-a",        None,               known("alice"),      "a field of our own"),
            ("x-ampgate-key",  "key-",         Some("key=key-a"),  Identity::Unknown,   "it alone counts"),
            ("authorization",  "Bearer sk-ant-oat01-x", None,      claude(),            "a plan is no key of ours"),
            ("authorization",  "Bearer sk-ant-oat01-x", Some("key=key-a"), known("alice"), "a key is, beside it"),
            ("x-ampgate-key",  "sk-ant-oat01-x", None,             claude(),            "nor in our own field"),
        ];
        for (name, value, query, expected, why) in cases {
            let mut fields = HeaderMap::new();
            fields.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            assert_eq!(identify(&keyring(), &fields, query), expected, "{name}: {value}: {why}");
        }
    }

    #[test]
    fn beside_our_own_field_nothing_else_makes_a_client_known() {
        for (ours, expected, why) in [
            ("key-b", Identity::Known(ClientId::new("bob")), "its key is there"),
            ("wrong", Identity::Unknown, "a key that would do stands in the wrong place"),
            ("", Identity::Anonymous, "an empty one counts as well"),
        ] {
            let mut fields = HeaderMap::new();
            fields.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer key-a"));
            fields.insert(HeaderName::from_static("x-api-key"), HeaderValue::from_static("key-a"));
            fields.insert(HeaderName::from_static("x-ampgate-key"), HeaderValue::from_static(ours));
            assert_eq!(identify(&keyring(), &fields, Some("key=key-a")), expected, "{why}");
        }
    }
}
