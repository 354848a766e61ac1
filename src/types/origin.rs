//! Scheme, host and port of an upstream.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use url::Url;

/// Why a text is not an address we can send requests to.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OriginError {
    #[error("`{0}` is not an address like https://host:port")]
    NotAnAddress(String),
    #[error("`{0}` must start with http:// or https://")]
    Scheme(String),
    #[error("must not carry a user name or password")]
    UserInfo,
}

/// Scheme, host and port of an upstream: what a connection is made to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin(Arc<Parts>);

#[derive(PartialEq, Eq, Hash)]
struct Parts {
    tls: bool,
    host: String,
    port: u16,
    /// As it goes into `Host`: without the port when it is the scheme's own (RFC 9110, 7.2).
    authority: String,
}

impl Origin {
    /// Splits an address into its origin and its path. The path has no slash at its end, so that
    /// `{path}/v1/messages` is always right.
    pub fn split(address: &str) -> Result<(Self, String), OriginError> {
        let address = address.trim();
        let url =
            Url::parse(address).map_err(|_parse| OriginError::NotAnAddress(address.to_owned()))?;
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(OriginError::Scheme(address.to_owned())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OriginError::UserInfo);
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(OriginError::NotAnAddress(address.to_owned()));
        };
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let path = url.path().trim_end_matches('/').to_owned();
        Ok((Self(Arc::new(Parts { tls, host: host.to_owned(), port, authority })), path))
    }

    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.tls
    }

    /// The host to resolve and to ask a certificate for; an IPv6 address comes without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host.trim_start_matches('[').trim_end_matches(']')
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// The value of `Host`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.0.authority
    }

    /// Whether nobody on the way can read what is sent: it is encrypted, or does not leave the machine.
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        self.is_tls() || is_this_machine(self.host())
    }
}

/// Whether a host, a name or an address without brackets, is this machine wherever it is looked up. Names
/// below `localhost` are not: some resolvers ask DNS for them, against RFC 6761, section 6.3.
#[must_use]
pub fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.0.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.0.authority)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_into_origin_and_path() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // address,                     origin,                   path,      host,          port
            ("https://ampcode.com",         "https://ampcode.com",    "",        "ampcode.com", 443),
            ("https://ampcode.com/",        "https://ampcode.com",    "",        "ampcode.com", 443),
            ("http://127.0.0.1:9/x/y/",     "http://127.0.0.1:9",     "/x/y",    "127.0.0.1",   9),
            ("https://h.example:443/api",   "https://h.example",      "/api",    "h.example",   443),
            ("http://[::1]:8080/v1",        "http://[::1]:8080",      "/v1",     "::1",         8080),
        ];
        for (address, origin, path, host, port) in cases {
            let (parsed, rest) = Origin::split(address).unwrap();
            assert_eq!(
                (parsed.to_string().as_str(), rest.as_str(), parsed.host(), parsed.port()),
                (origin, path, host, port),
                "{address}"
            );
        }
    }

    #[test]
    fn nobody_on_the_way_can_read_what_is_encrypted_or_stays_here() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("https://sts.example",        true,  "encrypted"),
            ("http://127.0.0.1:9",         true,  "this machine"),
            ("http://127.8.9.1",           true,  "this machine, by another of its addresses"),
            ("http://LOCALHOST:9",         true,  "this machine, by name"),
            ("http://[::1]:9",             true,  "this machine, IPv6"),
            ("http://[::ffff:127.0.0.1]",  true,  "this machine, IPv4 in IPv6"),
            ("http://10.0.0.1",            false, "the network at home"),
            ("http://127.0.0.1.example",   false, "begins like this machine"),
            ("http://a.localhost",         false, "some resolvers ask DNS"),
        ];
        for (address, expected, why) in cases {
            let (origin, _path) = Origin::split(address).unwrap();
            assert_eq!(origin.is_confidential(), expected, "{address}: {why}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        let not = |text: &str| OriginError::NotAnAddress(text.to_owned());
        let cases = [
            ("ampcode.com", not("ampcode.com")),
            ("", not("")),
            ("ftp://host/", OriginError::Scheme("ftp://host/".to_owned())),
            ("https://me:secret@host/", OriginError::UserInfo),
        ];
        for (address, error) in cases {
            assert_eq!(Origin::split(address).unwrap_err(), error, "{address}");
        }
    }
}
