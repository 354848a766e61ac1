//! Which header fields cross the gateway, in which direction, and why.
//!
//! | field                                            | to upstream           | to downstream |
//! | ------------------------------------------------ | --------------------- | ------------- |
//! | hop-by-hop, `Connection`-nominated (RFC 9110, 7.6.1) | dropped           | dropped       |
//! | `Expect`, `TE`, framing                          | dropped, made anew    | made anew     |
//! | claims about the client's address, `Via`         | dropped               | kept          |
//! | client credentials (four fields, two parameters), Azure's `api-key` | dropped, replaced | never seen |
//! | a login of the client's own, beside `X-Ampgate-Key` | to its provider alone, unchanged | never seen |
//! | `Host`                                           | the upstream's        |               |
//! | `Anthropic-Beta`                                 | to Amp unchanged; to a provider without `context-1m` | |
//! | `Access-Control-*` on management routes          |                       | dropped       |
//! | everything else                                  | unchanged             | unchanged     |
//!
//! Functions here are pure: maps in, maps out. Who may call us is decided in [`crate::guard`];
//! which key opens the upstream, by the secrets actor and the provider router.

mod beta;
mod codex;
mod credential;
mod own_login;
mod query;
mod request;
mod response;

use std::collections::HashSet;

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

pub use beta::{asks_for_long_context, is_long_context, strip_long_context};
pub use codex::{ORIGINATOR, is_codex};
pub use credential::{presented_keys, shows_key_apart};
pub use own_login::brings_own_login;
pub use query::without_credentials;
pub use request::{ForUpstream, UpstreamCredential};
pub use response::{for_downstream, is_event_stream};

/// What we call ourselves where we make a request of our own.
pub const USER_AGENT: &str = concat!("ampgate/", env!("CARGO_PKG_VERSION"));

/// The protocol that a handshake asks for (RFC 6455, section 4.1).
pub const WEBSOCKET: &str = "websocket";

/// Whether a request asks to become a WebSocket (RFC 6455, section 4.2.1).
#[must_use]
pub fn is_handshake(method: &Method, fields: &HeaderMap) -> bool {
    *method == Method::GET
        && asks_for_websocket(fields)
        && lists(fields, &header::CONNECTION, "upgrade")
}

/// Whether `Upgrade` names the WebSocket protocol, handshake or not.
#[must_use]
pub fn asks_for_websocket(fields: &HeaderMap) -> bool {
    lists(fields, &header::UPGRADE, WEBSOCKET)
}

fn lists(fields: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    fields
        .get_all(name)
        .filter_map(|value| value.to_str().ok())
        .any(|list| list.split(',').any(|entry| entry.trim().eq_ignore_ascii_case(token)))
}

/// Adds to a handshake's fields what [`ForUpstream`] took out as hop-by-hop: this hop wants the
/// upgrade too. The connection option itself is written by the codec.
pub fn ask_for_upgrade(fields: &mut HeaderMap) {
    fields.insert(header::UPGRADE, HeaderValue::from_static(WEBSOCKET));
}

/// Fields about the connection itself: they end at this hop whether or not `Connection` names them
/// (RFC 9110, section 7.6.1; `Keep-Alive` and `Proxy-Connection` are its historic companions).
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CONNECTION
            | header::PROXY_AUTHENTICATE
            | header::PROXY_AUTHORIZATION
            | header::TE
            | header::TRAILER
            | header::TRANSFER_ENCODING
            | header::UPGRADE
    ) || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// The fields that `Connection` nominates. Empty for nearly every request, and then free.
///
/// SECURITY: read as bytes. A list that holds a byte which is no text, and is thrown away for it, would
/// let all that it names across.
fn nominated_by_connection(fields: &HeaderMap) -> HashSet<HeaderName> {
    fields
        .get_all(header::CONNECTION)
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|option| {
            ![&b""[..], b"close", b"keep-alive", b"upgrade"]
                .iter()
                .any(|known| option.eq_ignore_ascii_case(known))
        })
        .filter_map(|option| HeaderName::from_bytes(option).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_is_known_by_its_three_marks() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (Method::GET,  "Upgrade",             "websocket",   true,  "plain"),
            (Method::GET,  "keep-alive, Upgrade", "WebSocket",   true,  "lists and letters of any case"),
            (Method::POST, "Upgrade",             "websocket",   false, "only GET"),
            (Method::GET,  "keep-alive",          "websocket",   false, "no connection option"),
            (Method::GET,  "Upgrade",             "h2c",         false, "another protocol"),
        ];
        for (method, connection, upgrade, expected, why) in cases {
            let mut fields = HeaderMap::new();
            let put = |fields: &mut HeaderMap, name: HeaderName, value| {
                fields.insert(name, HeaderValue::from_static(value));
            };
            put(&mut fields, header::CONNECTION, connection);
            put(&mut fields, header::UPGRADE, upgrade);
            assert_eq!(is_handshake(&method, &fields), expected, "{why}");
        }
    }

    #[test]
    fn one_strange_byte_in_a_connection_list_does_not_save_what_else_it_names() {
        let mut fields = HeaderMap::new();
        fields.append(
            header::CONNECTION,
            HeaderValue::from_bytes(b"X-Debug, cl\xffose, close").unwrap(),
        );

        let nominated: Vec<HeaderName> = nominated_by_connection(&fields).into_iter().collect();

        assert_eq!(nominated, ["x-debug"]);
    }
}
