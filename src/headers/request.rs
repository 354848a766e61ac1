//! The request's fields on their way to an upstream.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::credential::{API_KEY, X_API_KEY, X_GOOG_API_KEY, is_client_credential};
use super::own_login::is_login_field;
use super::{beta, is_hop_by_hop, nominated_by_connection};
use crate::types::{ApiKey, Dialect};

/// How an upstream wants to see its key.
#[derive(Clone, Copy, Debug)]
pub enum UpstreamCredential<'a> {
    /// No key: an open route, or a server that needs none.
    None,
    /// The Amp server: `Authorization: Bearer` and `x-api-key`.
    Amp(&'a ApiKey),
    /// Anthropic: `x-api-key`.
    Anthropic(&'a ApiKey),
    /// OpenAI and compatible servers: `Authorization: Bearer`.
    Bearer(&'a ApiKey),
    /// Gemini API and Vertex AI with an express key: `x-goog-api-key`.
    Google(&'a ApiKey),
    /// Azure OpenAI: `api-key`.
    Azure(&'a ApiKey),
    /// A client's own login: its fields in this dialect cross byte for byte, and nothing of ours is put in.
    /// Only for a request that brings one; see [`super::brings_own_login`].
    ClientLogin(Dialect),
}

/// What the request's fields must become for one upstream.
#[derive(Clone, Copy, Debug)]
pub struct ForUpstream<'a> {
    /// The value of `Host`.
    pub authority: &'a str,
    pub credential: UpstreamCredential<'a>,
    /// Whether `context-1m` ends here; see [`super::strip_long_context`].
    pub strip_long_context: bool,
    /// Ask for an answer without content coding: its model name must be rewritten.
    pub ask_for_identity: bool,
    /// The body goes out decoded: what `Content-Encoding` said is no longer true.
    pub body_was_decoded: bool,
    /// Fields the team adds for this credential; they replace the client's.
    pub own_fields: &'a [(HeaderName, HeaderValue)],
}

impl ForUpstream<'_> {
    /// Returns the header fields to send upstream.
    ///
    /// These end at this hop:
    /// - fields about the connection itself (RFC 9110, section 7.6.1);
    /// - fields the client nominates in `Connection`;
    /// - `Expect`, which actix has answered already, and framing, which awc makes anew;
    /// - claims about the client's address, which nobody upstream of a gateway can check;
    /// - client credentials: they open our door, never the upstream's. Where the client's own login is what
    ///   opens it, its fields are let through, and still not those in which only our keys stand.
    #[must_use]
    pub fn fields(&self, downstream: &HeaderMap) -> HeaderMap {
        let nominated = nominated_by_connection(downstream);
        let mut upstream = HeaderMap::with_capacity(downstream.len_keys() + 4);
        for (name, value) in downstream {
            if self.lets_login_through(name) && !nominated.contains(name) {
                let mut login = value.clone();
                login.set_sensitive(true);
                upstream.append(name.clone(), login);
                continue;
            }
            if is_hop_by_hop(name)
                || is_client_credential(name)
                || is_remade(name)
                || claims_client_address(name)
                || nominated.contains(name)
            {
                continue;
            }
            upstream.append(name.clone(), value.clone()); // append: a field may come twice
        }
        if self.strip_long_context {
            beta::strip_long_context(&mut upstream);
        }
        if self.ask_for_identity {
            upstream.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if self.body_was_decoded {
            upstream.remove(header::CONTENT_ENCODING);
        }
        for (name, value) in self.own_fields {
            upstream.insert(name.clone(), value.clone());
        }
        if let Ok(host) = HeaderValue::from_str(self.authority) {
            upstream.insert(header::HOST, host);
        }
        self.put_credential(&mut upstream);
        upstream
    }

    fn lets_login_through(&self, name: &HeaderName) -> bool {
        match self.credential {
            UpstreamCredential::ClientLogin(dialect) => is_login_field(dialect, name),
            _ => false,
        }
    }

    fn put_credential(&self, fields: &mut HeaderMap) {
        let (name, key) = match self.credential {
            UpstreamCredential::None | UpstreamCredential::ClientLogin(_) => return,
            UpstreamCredential::Amp(key) => {
                fields.insert(X_API_KEY, secret_value(key.expose()));
                (header::AUTHORIZATION, secret_value(&format!("Bearer {}", key.expose())))
            }
            UpstreamCredential::Bearer(key) => {
                (header::AUTHORIZATION, secret_value(&format!("Bearer {}", key.expose())))
            }
            UpstreamCredential::Anthropic(key) => (X_API_KEY, secret_value(key.expose())),
            UpstreamCredential::Google(key) => (X_GOOG_API_KEY, secret_value(key.expose())),
            UpstreamCredential::Azure(key) => (API_KEY, secret_value(key.expose())),
        };
        fields.insert(name, key);
    }
}

/// A value that prints as `Sensitive`. A key that cannot be a field value (a line break inside)
/// becomes an empty one: the upstream answers 401, and nothing leaks into another field.
fn secret_value(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// Fields that actix and awc answer or write themselves.
fn is_remade(name: &HeaderName) -> bool {
    matches!(*name, header::HOST | header::EXPECT | header::CONTENT_LENGTH)
}

/// Fields in which proxies tell, and clients forge, where a request came from.
fn claims_client_address(name: &HeaderName) -> bool {
    if matches!(*name, header::FORWARDED | header::VIA) {
        return true;
    }
    let name = name.as_str();
    name.starts_with("x-forwarded-")
        || matches!(name, "x-real-ip" | "true-client-ip" | "cf-connecting-ip" | "x-client-ip")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(credential: UpstreamCredential<'_>) -> ForUpstream<'_> {
        ForUpstream {
            authority: "upstream.example",
            credential,
            strip_long_context: false,
            ask_for_identity: false,
            body_was_decoded: false,
            own_fields: &[],
        }
    }

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            })
    }

    #[test]
    fn only_end_to_end_fields_reach_the_upstream() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // name,                value,          reaches it, why
            ("accept",              "*/*",          true,  "end-to-end"),
            ("accept-encoding",     "gzip, br",     true,  "the client decodes"),
            ("anthropic-beta",      "a,context-1m-2025-08-07", true, "provider feature flag"),
            ("anthropic-version",   "2023-06-01",   true,  "end-to-end"),
            ("content-encoding",    "gzip",         true,  "the body crosses encoded"),
            ("content-type",        "text/plain",   true,  "end-to-end"),
            ("cookie",              "a=b",          true,  "belongs to the upstream's site"),
            ("origin",              "https://x",    true,  "end-to-end"),
            ("user-agent",          "Bun/1.4.1",    true,  "the client's own: no disguise"),
            ("x-amp-thread-id",     "T-1",          true,  "end-to-end"),
            ("x-stainless-lang",    "js",           true,  "end-to-end"),
            ("sec-websocket-key",   "abc",          true,  "the handshake is forwarded as it is"),
            ("connection",          "x-debug, close, authorization", false, "hop-by-hop"),
            ("x-debug",             "1",            false, "nominated by Connection"),
            ("keep-alive",          "timeout=5",    false, "hop-by-hop"),
            ("proxy-authorization", "Basic x",      false, "hop-by-hop"),
            ("proxy-connection",    "keep-alive",   false, "hop-by-hop, historic"),
            ("te",                  "trailers",     false, "hop-by-hop"),
            ("trailer",             "x",            false, "trailers do not cross"),
            ("transfer-encoding",   "chunked",      false, "framing is made anew"),
            ("content-length",      "5",            false, "framing is made anew"),
            ("upgrade",             "h2c",          false, "hop-by-hop"),
            ("expect",              "100-continue", false, "answered here"),
            ("authorization",       "Bearer ck",    false, "client credential"),
            ("x-api-key",           "ck",           false, "client credential"),
            ("x-goog-api-key",      "ck",           false, "client credential"),
            ("x-ampgate-key",       "ck",           false, "client credential"),
            ("api-key",             "ck",           false, "a key for Azure, and nobody else's"),
            ("forwarded",           "for=1.1.1.1",  false, "claim about the client's address"),
            ("x-forwarded-for",     "1.1.1.1",      false, "claim about the client's address"),
            ("x-forwarded-proto",   "https",        false, "claim about the client's address"),
            ("x-real-ip",           "1.1.1.1",      false, "claim about the client's address"),
            ("true-client-ip",      "1.1.1.1",      false, "claim about the client's address"),
            ("cf-connecting-ip",    "1.1.1.1",      false, "claim about the client's address"),
            ("x-client-ip",         "1.1.1.1",      false, "claim about the client's address"),
            ("via",                 "1.1 cache",    false, "claim about the way"),
        ];
        let downstream: Vec<_> = cases.iter().map(|(name, value, ..)| (*name, *value)).collect();
        let downstream = map(&downstream);

        let upstream = plain(UpstreamCredential::None).fields(&downstream);

        for (name, value, expected, why) in cases {
            let crossed = upstream.get(name).map(|seen| seen.to_str().unwrap());
            assert_eq!(crossed, expected.then_some(value), "{name}: {why}");
        }
        assert_eq!(upstream.get("host").unwrap(), "upstream.example");
    }

    #[test]
    fn each_upstream_sees_its_key_in_its_own_place_and_nothing_of_the_clients() {
        let key = ApiKey::parse("team-key").unwrap();
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // credential,                        authorization,           x-api-key,        x-goog-api-key,   api-key
            (UpstreamCredential::None,            None,                    None,             None,             None),
            (UpstreamCredential::Amp(&key),       Some("Bearer team-key"), Some("team-key"), None,             None),
            (UpstreamCredential::Anthropic(&key), None,                    Some("team-key"), None,             None),
            (UpstreamCredential::Bearer(&key),    Some("Bearer team-key"), None,             None,             None),
            (UpstreamCredential::Google(&key),    None,                    None,             Some("team-key"), None),
            (UpstreamCredential::Azure(&key),     None,                    None,             None,             Some("team-key")),
        ];
        let downstream = map(&[
            ("authorization", "Bearer client-key"),
            ("x-api-key", "client-key"),
            ("x-goog-api-key", "client-key"),
            ("api-key", "client-key"),
        ]);
        for (credential, authorization, x_api_key, x_goog_api_key, api_key) in cases {
            let upstream = plain(credential).fields(&downstream);
            let seen = |name: &str| upstream.get(name).map(|value| value.to_str().unwrap());

            assert_eq!(seen("authorization"), authorization, "{credential:?}");
            assert_eq!(seen("x-api-key"), x_api_key, "{credential:?}");
            assert_eq!(seen("x-goog-api-key"), x_goog_api_key, "{credential:?}");
            assert_eq!(seen("api-key"), api_key, "{credential:?}");
            assert!(!format!("{upstream:?}").contains("team-key"), "a key printed itself");
        }
    }

    #[test]
    fn a_login_of_the_clients_own_crosses_in_its_dialects_fields_and_in_no_others() {
        use Dialect::{Anthropic, Gemini, OpenAiChat};
        let (bearer, key, google) = (Some("Bearer  login-1 "), Some("login-2"), Some("login-3"));
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // shown to,                                 authorization, x-api-key, x-goog-api-key
            (UpstreamCredential::ClientLogin(Anthropic),  bearer,        key,       None),
            (UpstreamCredential::ClientLogin(OpenAiChat), bearer,        None,      None),
            (UpstreamCredential::ClientLogin(Gemini),     bearer,        None,      google),
            (UpstreamCredential::None,                    None,          None,      None),
        ];
        let mut downstream = map(&[("x-api-key", "login-2"), ("x-goog-api-key", "login-3")]);
        downstream.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer  login-1 "));
        downstream.insert(HeaderName::from_static("x-ampgate-key"), HeaderValue::from_static("ck"));
        for (credential, authorization, x_api_key, x_goog_api_key) in cases {
            let upstream = plain(credential).fields(&downstream);
            let seen = |name: &str| upstream.get(name).map(|value| value.to_str().unwrap());

            assert_eq!(seen("authorization"), authorization, "{credential:?}");
            assert_eq!(seen("x-api-key"), x_api_key, "{credential:?}");
            assert_eq!(seen("x-goog-api-key"), x_goog_api_key, "{credential:?}");
            assert_eq!(seen("x-ampgate-key"), None, "{credential:?}");
            assert!(!format!("{upstream:?}").contains("login"), "a login printed itself");
        }
    }

    #[test]
    fn a_field_that_comes_twice_crosses_twice_in_order() {
        let downstream = map(&[("anthropic-beta", "b"), ("anthropic-beta", "a")]);

        let upstream = plain(UpstreamCredential::None).fields(&downstream);

        let values: Vec<_> = upstream.get_all("anthropic-beta").collect();
        assert_eq!(values, ["b", "a"]);
    }

    #[test]
    fn what_a_provider_call_changes_is_changed_and_no_more() {
        let own = [(HeaderName::from_static("x-team"), HeaderValue::from_static("blue"))];
        let provider = ForUpstream {
            strip_long_context: true,
            ask_for_identity: true,
            body_was_decoded: true,
            own_fields: &own,
            ..plain(UpstreamCredential::None)
        };
        let downstream = map(&[
            ("accept-encoding", "gzip"),
            ("anthropic-beta", "a,context-1m-2025-08-07"),
            ("content-encoding", "zstd"),
            ("x-team", "red"),
        ]);

        let upstream = provider.fields(&downstream);

        assert_eq!(upstream.get("accept-encoding").unwrap(), "identity");
        assert_eq!(upstream.get("anthropic-beta").unwrap(), "a");
        assert!(!upstream.contains_key("content-encoding"));
        assert_eq!(upstream.get("x-team").unwrap(), "blue");
    }
}
