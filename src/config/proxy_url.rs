//! The address of a proxy between us and an upstream. Not active yet, but checked.

use std::fmt;
use std::sync::Arc;

use url::Url;

use super::reader::Reader;
use super::shapes::Scalar;

const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// Where a connection goes through. Prints without user name and password.
#[derive(Clone, PartialEq, Eq)]
pub enum ProxyUrl {
    /// Through no proxy, even when the other settings name one.
    Direct,
    Through(Arc<Url>),
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Through(url) => {
                let stars = if url.username().is_empty() && url.password().is_none() {
                    ""
                } else {
                    "*****@"
                };
                let host = url.host_str().unwrap_or_default();
                write!(f, "{}://{stars}{host}", url.scheme())?;
                url.port().map_or(Ok(()), |port| write!(f, ":{port}"))
            }
        }
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Reader<'_> {
    pub fn proxy_url(&mut self, path: &str, scalar: &Scalar) -> Option<ProxyUrl> {
        let text = self.text(path, scalar)?;
        let proxy = if matches!(text.as_str(), "direct" | "none") {
            Some(ProxyUrl::Direct)
        } else {
            let url = Url::parse(&text).ok();
            url.filter(|url| SCHEMES.contains(&url.scheme()) && url.has_host())
                .map(|url| ProxyUrl::Through(Arc::new(url)))
        };
        match proxy {
            Some(_) => self.warn_not_active(path),
            // SECURITY: the text may hold a password and is not repeated.
            None => {
                self.problem(path, "is no proxy; write http://, https:// or socks5://host:port");
            }
        }
        proxy
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::places::Places;

    #[test]
    fn a_proxy_prints_without_its_password() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("socks5://me:hush@10.0.0.1:1080/", Some("socks5://*****@10.0.0.1:1080")),
            ("http://proxy.example:3128",       Some("http://proxy.example:3128")),
            ("none",                            Some("direct")),
            ("direct",                          Some("direct")),
            ("",                                None),
            ("ftp://hush@h",                    None),
            ("hush",                            None),
        ];
        for (text, expected) in cases {
            let environment = BTreeMap::new();
            let mut reader = Reader::new(&environment, Places::default());
            let proxy = reader.proxy_url("proxy-url", &Scalar::Text(text.to_owned()));
            assert_eq!(proxy.map(|proxy| format!("{proxy:?}")).as_deref(), expected, "{text}");
            assert!(!format!("{:?}", reader.problems).contains("hush"));
        }
    }
}
