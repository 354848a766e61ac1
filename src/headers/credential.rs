//! Where a client may show its key.

use std::borrow::Cow;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

pub(super) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
pub(super) const X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// Ours alone: a client shows its key for us here when the other places hold a login of its own.
pub(super) const X_AMPGATE_KEY: HeaderName = HeaderName::from_static("x-ampgate-key");

/// Azure's. No client shows us its key there, but one that was made for Azure sends it all the same.
pub(super) const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// The query parameters that carry a key: Google's and Amp's.
const KEY_PARAMETERS: [&str; 2] = ["key", "auth_token"];

/// Whether a field is where a client shows a key. Such a field ends at the gateway whatever it
/// holds: a key that is no longer ours must not reach an upstream either.
pub(super) fn is_client_credential(name: &HeaderName) -> bool {
    *name == header::AUTHORIZATION
        || *name == X_API_KEY
        || *name == X_GOOG_API_KEY
        || *name == X_AMPGATE_KEY
        || *name == API_KEY
}

/// Whether a raw query parameter is named like one that carries a key.
pub(super) fn is_key_parameter(raw_name: &str) -> bool {
    let name: Cow<'_, [u8]> = percent_decode_str(raw_name).into();
    KEY_PARAMETERS.iter().any(|known| known.as_bytes() == name.as_ref())
}

/// The value of a raw query parameter, decoded as clients encode it.
pub(super) fn decode_parameter(raw_value: &str) -> Cow<'_, [u8]> {
    if raw_value.contains('+') {
        let spaced = raw_value.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).collect());
    }
    percent_decode_str(raw_value).into()
}

/// Every key a request shows, in the order we look: `Authorization: Bearer`, `x-api-key`,
/// `x-goog-api-key`, `?key=`, `?auth_token=`. Some clients send two (Gemini CLI in bearer mode),
/// and one that is ours is enough.
///
/// Where there is an `X-Ampgate-Key`, it alone is looked at, were it empty: what stands elsewhere is then
/// the client's own login at its provider, and no key of ours.
pub fn presented_keys<'a>(
    fields: &'a HeaderMap,
    query: Option<&'a str>,
) -> impl Iterator<Item = Cow<'a, [u8]>> {
    let ours = fields.get_all(X_AMPGATE_KEY).map(plain_key);
    let elsewhere = (!shows_key_apart(fields)).then(|| keys_elsewhere(fields, query));
    ours.chain(elsewhere.into_iter().flatten()).filter(|key| !key.is_empty())
}

/// Whether a client shows its key for us in a field of its own, so that no other place holds one.
#[must_use]
pub fn shows_key_apart(fields: &HeaderMap) -> bool {
    fields.contains_key(X_AMPGATE_KEY)
}

fn keys_elsewhere<'a>(
    fields: &'a HeaderMap,
    query: Option<&'a str>,
) -> impl Iterator<Item = Cow<'a, [u8]>> {
    let bearer = fields.get_all(header::AUTHORIZATION).filter_map(|value| {
        let (scheme, key) = split_scheme(value.as_bytes())?;
        scheme.eq_ignore_ascii_case(b"bearer").then_some(Cow::Borrowed(key))
    });
    let plain = [X_API_KEY, X_GOOG_API_KEY]
        .into_iter()
        .flat_map(|name| fields.get_all(name))
        .map(plain_key);
    let parameters = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| is_key_parameter(name))
        .map(|(_, value)| decode_parameter(value));
    bearer.chain(plain).chain(parameters)
}

fn plain_key(value: &HeaderValue) -> Cow<'_, [u8]> {
    Cow::Borrowed(value.as_bytes().trim_ascii())
}

pub(super) fn split_scheme(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let value = value.trim_ascii();
    let space = value.iter().position(|byte| *byte == b' ')?;
    Some((&value[..space], value[space..].trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_each_of_the_six_places() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases: &[(&str, &str, Option<&str>, &[&str], &str)] = &[
            // field,          value,          query,                    keys,        why
            ("authorization",  "Bearer k1",    None,                     &["k1"],     "SDKs"),
            ("authorization",  "bearer  k1 ",  None,                     &["k1"],     "scheme is case-insensitive (RFC 9110, 11.1)"),
            ("authorization",  "Basic k1",     None,                     &[],         "another scheme"),
            ("authorization",  "k1",           None,                     &[],         "no scheme"),
            ("authorization",  "Bearer ",      None,                     &[],         "empty"),
            ("x-api-key",      "k1",           None,                     &["k1"],     "Anthropic clients, Amp"),
            ("x-goog-api-key", "k1",           None,                     &["k1"],     "Google clients"),
            ("x-ampgate-key",  " k1 ",         None,                     &["k1"],     "beside a login"),
            ("accept",         "*/*",          Some("key=k1"),           &["k1"],     "Google's parameter"),
            ("accept",         "*/*",          Some("a=b&auth_token=k"), &["k"],      "Amp's parameter"),
            ("accept",         "*/*",          Some("%6bey=k%2F1"),      &["k/1"],    "percent-encoded"),
            ("accept",         "*/*",          Some("key=a+b"),          &["a b"],    "form-encoded"),
            ("accept",         "*/*",          Some("monkey=k1&key"),    &[],         "another name; no value"),
            ("x-api-key",      "k1",           Some("key=k2"),           &["k1", "k2"], "two keys"),
        ];
        for (name, value, query, expected, why) in cases {
            let mut fields = HeaderMap::new();
            fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));

            let keys: Vec<String> = presented_keys(&fields, *query)
                .map(|key| String::from_utf8(key.into_owned()).unwrap())
                .collect();

            assert_eq!(keys, *expected, "{name}: {value} {query:?}: {why}");
        }
    }

    #[test]
    fn where_our_own_field_is_there_it_alone_is_looked_at() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases: &[(&[&str], &[&str], &str)] = &[
            // X-Ampgate-Key,  keys,          why
            (&["ours"],        &["ours"],     "the rest is a login"),
            (&["a", "b"],      &["a", "b"],   "twice"),
            (&[""],            &[],           "empty, and there all the same"),
            (&[],              &["bearer", "plain", "google", "query"], "not there"),
        ];
        for (ours, expected, why) in cases {
            let mut fields = HeaderMap::new();
            let others = [
                ("authorization", "Bearer bearer"),
                ("x-api-key", "plain"),
                ("x-goog-api-key", "google"),
            ];
            for (name, value) in others {
                fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            for value in *ours {
                fields.append(X_AMPGATE_KEY, HeaderValue::from_static(value));
            }

            let keys: Vec<String> = presented_keys(&fields, Some("key=query"))
                .map(|key| String::from_utf8(key.into_owned()).unwrap())
                .collect();

            assert_eq!(keys, *expected, "{why}");
        }
    }
}
