//! The address of a proxy between us and an upstream: what may be written, and what it means.
//!
//! Which upstream goes through which proxy is decided in [`rules`], once, when the configuration is
//! read; behind it an upstream has a [`Proxy`] or none. How a proxy is spoken to is the business of
//! `actors/upstream/proxy.rs`.

mod no_proxy;
pub mod rules;

use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use url::Url;

use super::reader::Reader;
use super::shapes::Scalar;

/// The length of a user name and of a password has one byte in SOCKS5 (RFC 1929).
const MOST_SOCKS5_LOGIN_BYTES: usize = 255;

const NO_PROXY_AT_ALL: &str = "is no proxy; write http://, https:// or socks5://host:port";

/// What is spoken with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyScheme {
    /// CONNECT.
    Http,
    /// CONNECT, inside TLS.
    Https,
    /// `socks5` and `socks5h` are one: the proxy resolves names (docs/decisions/0007).
    Socks5,
}

/// A proxy, and how we log in to it. Prints without user name and password.
///
/// Two proxies that differ in the user name only are two: many services choose the exit by it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy(Arc<Parts>);

// SECURITY: neither this nor `Login` has `Debug`, because a user name may be a token.
#[derive(PartialEq, Eq, Hash)]
struct Parts {
    scheme: ProxyScheme,
    /// Without brackets.
    host: String,
    port: u16,
    login: Option<Login>,
}

/// What opens a proxy.
#[derive(PartialEq, Eq, Hash)]
pub struct Login {
    pub user: String,
    pub password: String,
}

impl Proxy {
    /// Reads an address. The reason why not never repeats any of it: it may hold a password, and not
    /// only where one is expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_parse| NO_PROXY_AT_ALL)?;
        let (scheme, own_port) = match url.scheme() {
            "http" => (ProxyScheme::Http, 80),
            "https" => (ProxyScheme::Https, 443),
            "socks5" | "socks5h" => (ProxyScheme::Socks5, 1080),
            _ => return Err(NO_PROXY_AT_ALL),
        };
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() || !host.chars().all(is_host_char) {
            return Err(NO_PROXY_AT_ALL);
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(
                "must end with its port; in a user name or password write `/`, `?` and `#` \
                        as %2F, %3F and %23",
            );
        }
        let login = login(&url, scheme)?;
        let port = url.port().unwrap_or(own_port);
        Ok(Self(Arc::new(Parts { scheme, host, port, login })))
    }

    #[must_use]
    pub fn scheme(&self) -> ProxyScheme {
        self.0.scheme
    }

    /// The name to resolve and to ask a certificate for; an IPv6 address comes without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// User name and password. Call it only where they are sent to the proxy.
    #[must_use]
    pub fn login(&self) -> Option<&Login> {
        self.0.login.as_ref()
    }
}

fn is_host_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':')
}

fn login(url: &Url, scheme: ProxyScheme) -> Result<Option<Login>, &'static str> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decode = |text| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(String::from).map_err(|_bytes| "has a user name or password that is not UTF-8")
    };
    let (user, password) = (decode(url.username())?, decode(url.password().unwrap_or_default())?);
    let fits = |text: &str| (1..=MOST_SOCKS5_LOGIN_BYTES).contains(&text.len());
    match scheme {
        ProxyScheme::Socks5 if !fits(&user) || !fits(&password) => {
            Err("needs a user name and a password of 1 to 255 bytes each, or neither")
        }
        // RFC 7617, section 2: the first colon ends the user name.
        ProxyScheme::Http | ProxyScheme::Https if user.contains(':') => {
            Err("has a colon in its user name, which HTTP proxies cannot be told")
        }
        _ => Ok(Some(Login { user, password })),
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.0.scheme {
            ProxyScheme::Http => "http",
            ProxyScheme::Https => "https",
            ProxyScheme::Socks5 => "socks5h",
        };
        let stars = if self.0.login.is_some() { "*****@" } else { "" };
        let (host, port) = (&self.0.host, self.0.port);
        if host.contains(':') {
            write!(f, "{scheme}://{stars}[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{stars}{host}:{port}")
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A `proxy-url` as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyUrl {
    /// Through no proxy, whatever else is configured.
    Direct,
    Through(Proxy),
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Through(proxy) => proxy.fmt(f),
        }
    }
}

impl Reader<'_> {
    pub fn proxy_url(&mut self, path: &str, scalar: &Scalar) -> Option<ProxyUrl> {
        let text = self.text(path, scalar)?;
        if ["direct", "none"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
            return Some(ProxyUrl::Direct);
        }
        match Proxy::parse(&text) {
            Ok(proxy) => {
                if proxy.0.login.is_some() {
                    self.has_secret_in_place(path);
                }
                Some(ProxyUrl::Through(proxy))
            }
            Err(what) => {
                self.problem(path, what);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::places::Places;

    #[test]
    fn a_proxy_is_what_it_says_and_prints_without_its_login() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // written,                           printed,                         why
            ("socks5://me:hush@10.0.0.1:1080/",   "socks5h://*****@10.0.0.1:1080", "as CLIProxyAPI's users write it"),
            ("socks5h://h",                       "socks5h://h:1080",              "its own port"),
            ("SOCKS5://Proxy.Example",            "socks5h://proxy.example:1080",  "letter case"),
            ("socks5://[::1]:9",                  "socks5h://[::1]:9",             "IPv6"),
            ("http://proxy.example:3128",         "http://proxy.example:3128",     "plain"),
            ("http://proxy.example",              "http://proxy.example:80",       "its own port"),
            ("https://hush@proxy.example",        "https://*****@proxy.example:443", "a token for a user name"),
            ("http://:hush@proxy.example:1",      "http://*****@proxy.example:1",  "a password alone"),
            ("http://[::1]:3128/",                "http://[::1]:3128",             "IPv6"),
            ("none",                              "direct",                        "no proxy"),
            ("Direct",                            "direct",                        "no proxy"),
        ];
        for (text, expected, why) in cases {
            let (proxy, problems) = read(text);
            let proxy = proxy.unwrap();
            assert_eq!(proxy.to_string(), expected, "{text}: {why}");
            assert!(!format!("{proxy:?}").contains("hush"), "{text}: {why}");
            assert_eq!(problems, [""; 0], "{text}: {why}");
        }
        assert_eq!(read(""), (None, Vec::new()), "not written");
    }

    fn read(text: &str) -> (Option<ProxyUrl>, Vec<String>) {
        let environment = BTreeMap::new();
        let mut reader = Reader::new(&environment, Places::default());
        let proxy = reader.proxy_url("proxy-url", &Scalar::Text(text.to_owned()));
        (proxy, reader.problems.into_iter().map(|problem| problem.what).collect())
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_repeating_it() {
        let long = format!("socks5://me:{}@h", "x".repeat(256));
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("ftp://hush@h",              "is no proxy",          "another scheme"),
            ("socks4://h:1080",           "is no proxy",          "an older SOCKS"),
            ("hush",                      "is no proxy",          "no address"),
            ("proxy.example:3128",        "is no proxy",          "no scheme"),
            ("http://",                   "is no proxy",          "no host"),
            ("socks5://:1080",            "is no proxy",          "no host"),
            ("socks5://a b:1080",         "is no proxy",          "a space"),
            ("http://me:hu/sh@h:1",       "is no proxy",          "a slash in the password"),
            ("http://me:12#hush@h:1",     "must end with its port", "a # in the password"),
            ("http://h:1/path",           "must end with its port", "a path"),
            ("http://h:1?hush",           "must end with its port", "a query"),
            ("socks5://hush@h:1",         "needs a user name and a password", "no password"),
            (long.as_str(),               "needs a user name and a password", "one byte too long"),
            ("http://hu%3Ash:x@h:1",      "has a colon in its user name", "ambiguous in Basic"),
            ("http://%FF:hush@h:1",       "has a user name or password that is not UTF-8", "bytes"),
        ];
        for (text, expected, why) in cases {
            let (proxy, problems) = read(text);
            assert_eq!(proxy, None, "{text}: {why}");
            assert!(
                problems.len() == 1 && problems[0].starts_with(expected),
                "{why}: {problems:?}"
            );
            assert!(!problems[0].contains("hush"), "{why}: {problems:?}");
        }
    }

    #[test]
    fn a_login_is_decoded() {
        let proxy = Proxy::parse("http://us%40er:p%2Fa%3As%20s@h:1").unwrap();

        let login = proxy.login().unwrap();

        assert_eq!((login.user.as_str(), login.password.as_str()), ("us@er", "p/a:s s"));
    }

    #[test]
    fn another_login_is_another_proxy() {
        let proxy = |text| Proxy::parse(text).unwrap();
        assert_eq!(proxy("socks5://a:b@H"), proxy("socks5h://a:b@h:1080"));
        assert_ne!(proxy("http://exit-1:b@h"), proxy("http://exit-2:b@h"));
        assert_ne!(proxy("http://h:443"), proxy("https://h:443"));
    }
}
