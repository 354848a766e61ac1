//! `NO_PROXY`: the upstreams that are reached without a proxy.
//!
//! There is no standard for it. This is what curl and Go agree on: entries are separated by commas; a
//! name stands for itself and every name below it, with a dot in front or without; an address for
//! itself; a network (`10.0.0.0/8`) for its addresses; `*` for everything. A port behind a name or
//! an address narrows it down. Names are not resolved to be compared with addresses.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::types::Origin;

/// The parsed variable. Empty: nothing is left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NoProxy(Vec<Entry>);

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    hosts: Hosts,
    /// `None`: every port.
    port: Option<u16>,
}

#[derive(Debug, PartialEq, Eq)]
enum Hosts {
    All,
    Network(IpNet),
    /// In lower case, without a dot in front.
    Domain(String),
}

impl NoProxy {
    /// Reads the variable; what cannot be understood comes second.
    pub fn parse(text: &str) -> (Self, Vec<&str>) {
        let mut entries = Vec::new();
        let mut odd = Vec::new();
        // Some write spaces between entries, as curl once had it.
        for entry in text.split(|c: char| c == ',' || c.is_whitespace()) {
            match Entry::parse(entry) {
                Some(parsed) => entries.push(parsed),
                None if entry.is_empty() => {}
                None => odd.push(entry),
            }
        }
        (Self(entries), odd)
    }

    /// Whether an upstream is to be reached without a proxy.
    pub fn names(&self, origin: &Origin) -> bool {
        let host = origin.host().trim_end_matches('.').to_ascii_lowercase();
        let address = host.parse().ok().map(|address: IpAddr| address.to_canonical());
        self.0.iter().any(|Entry { hosts, port }| {
            port.is_none_or(|port| port == origin.port())
                && match (hosts, address) {
                    (Hosts::All, _) => true,
                    (Hosts::Network(network), Some(address)) => network.contains(&address),
                    (Hosts::Domain(domain), None) => is_at_or_below(&host, domain),
                    _ => false,
                }
        })
    }
}

fn is_at_or_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text.contains('/') {
            let network = text.parse().ok()?;
            return Some(Self { hosts: Hosts::Network(network), port: None });
        }
        // An IPv6 address without brackets is all colons and has no port.
        if let Some(hosts) = Hosts::of_address(text) {
            return Some(Self { hosts, port: None });
        }
        let in_brackets = text.strip_prefix('[').and_then(|text| text.split_once(']'));
        let (host, port) = match in_brackets {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(rest.strip_prefix(':')?)),
            None => match text.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            Some(port) => Some(port.parse().ok()?),
            None => None,
        };
        let hosts = match Hosts::of_address(host) {
            Some(address) => address,
            None if host == "*" => Hosts::All,
            None => Hosts::of_name(host)?,
        };
        Some(Self { hosts, port })
    }
}

impl Hosts {
    fn of_address(text: &str) -> Option<Self> {
        let address: IpAddr = text.parse().ok()?;
        Some(Self::Network(address.to_canonical().into()))
    }

    fn of_name(text: &str) -> Option<Self> {
        let name = text.strip_prefix('*').unwrap_or(text);
        let name = name.trim_matches('.').to_ascii_lowercase();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        (!name.is_empty() && name.chars().all(fits)).then_some(Self::Domain(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_what_it_is_understood_to_name() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // variable,                  upstream,                     named, why
            ("",                          "https://api.example.com",    false, "nothing is named"),
            (",, ",                       "https://api.example.com",    false, "nothing either"),
            ("*",                         "https://api.example.com",    true,  "everything"),
            ("*",                         "http://10.0.0.1",            true,  "addresses too"),
            ("example.com",               "https://example.com",        true,  "the name itself"),
            ("example.com",               "https://api.example.com",    true,  "a name below"),
            (".example.com",              "https://api.example.com",    true,  "a dot in front"),
            (".example.com",              "https://example.com",        true,  "as curl has it"),
            ("*.example.com",             "https://api.example.com",    true,  "a star in front"),
            ("example.com",               "https://badexample.com",     false, "only looks alike"),
            ("example.com",               "https://example.com.evil",   false, "the other end"),
            ("api.example.com",           "https://example.com",        false, "a name above"),
            ("EXAMPLE.com",               "https://API.Example.COM",    true,  "letter case"),
            ("example.com",               "https://example.com.",       true,  "a dot at the end"),
            ("example.com.",              "https://example.com",        true,  "a dot at the end"),
            ("a.example, example.com",    "https://example.com",        true,  "spaces"),
            ("a.example example.com",     "https://example.com",        true,  "spaces alone"),
            ("example.com:443",           "https://example.com",        true,  "the port"),
            ("example.com:443",           "https://example.com:8443",   false, "another port"),
            ("*:8443",                    "https://example.com:8443",   true,  "a port of any host"),
            ("10.0.0.1",                  "http://10.0.0.1",            true,  "an address"),
            ("10.0.0.1",                  "http://10.0.0.10",           false, "addresses have no suffixes"),
            ("0.0.1",                     "http://10.0.0.1",            false, "nor do they end in names"),
            ("10.0.0.1:80",               "http://10.0.0.1",            true,  "an address and its port"),
            ("10.0.0.1:81",               "http://10.0.0.1",            false, "another port"),
            ("10.0.0.0/8",                "http://10.1.2.3",            true,  "a network"),
            ("10.1.2.3/8",                "http://10.9.9.9",            true,  "written by one of its addresses"),
            ("10.0.0.0/8",                "http://11.0.0.1",            false, "outside"),
            ("10.0.0.0/8",                "http://ten.example",         false, "names are not resolved"),
            ("fd00::/8",                  "http://[fd12::1]:8080",      true,  "an IPv6 network"),
            ("::1",                       "http://[::1]:8080",          true,  "IPv6"),
            ("[::1]",                     "http://[::1]:8080",          true,  "in brackets"),
            ("[::1]:8080",                "http://[::1]:8080",          true,  "with its port"),
            ("[::1]:8081",                "http://[::1]:8080",          false, "another port"),
            ("10.0.0.1",                  "http://[::ffff:10.0.0.1]",   true,  "IPv4 inside IPv6"),
            ("localhost",                 "http://127.0.0.1",           false, "the name is not the address"),
        ];
        for (variable, upstream, named, why) in cases {
            let (no_proxy, odd) = NoProxy::parse(variable);
            let (origin, _) = Origin::split(upstream).unwrap();
            assert_eq!(no_proxy.names(&origin), named, "{variable} for {upstream}: {why}");
            assert_eq!(odd, [""; 0], "{variable}");
        }
    }

    #[test]
    fn what_is_no_entry_is_told() {
        let (no_proxy, odd) =
            NoProxy::parse("10.0.0.0/99,a.example,http://b.example,c.example:x,.,d,e!");

        assert_eq!(odd, ["10.0.0.0/99", "http://b.example", "c.example:x", ".", "e!"]);
        assert_eq!(no_proxy.0.len(), 2);
    }
}
