//! Which upstream goes through which proxy (docs/decisions/0007).
//!
//! The first that says something decides:
//!
//! 1. the `proxy-url` of the credential;
//! 2. the global `proxy-url`;
//! 3. `HTTPS_PROXY` or `HTTP_PROXY`, by the scheme of the upstream, then `ALL_PROXY`; but never for
//!    an upstream on this machine.
//!
//! An upstream that `NO_PROXY` names goes through none of them.

use std::collections::BTreeMap;

use crate::types::{Origin, is_this_machine};

use super::super::problem::{Warning, WarningKind};
use super::super::reader::Reader;
use super::no_proxy::NoProxy;
use super::{Proxy, ProxyUrl};

/// What holds for every upstream.
#[derive(Debug, Default)]
pub struct EgressRules {
    global: Option<ProxyUrl>,
    /// The environment's, for upstreams that are asked for with `https` and with `http`.
    for_https: Option<Proxy>,
    for_http: Option<Proxy>,
    no_proxy: NoProxy,
}

impl EgressRules {
    /// The proxy for an upstream whose own `proxy-url` is `own`; `None` is a direct connection.
    #[must_use]
    pub fn proxy_for(&self, origin: &Origin, own: Option<&ProxyUrl>) -> Option<Proxy> {
        let proxy = match own.or(self.global.as_ref()) {
            Some(ProxyUrl::Direct) => None,
            Some(ProxyUrl::Through(proxy)) => Some(proxy),
            None if is_on_this_machine(origin) => None,
            None if origin.is_tls() => self.for_https.as_ref(),
            None => self.for_http.as_ref(),
        };
        proxy.filter(|_| !self.no_proxy.names(origin)).cloned()
    }
}

/// Variables are set for the whole machine, by people who think of the network: to them, a server on
/// the machine itself is not behind the proxy. Names below `localhost` mean it, too (RFC 6761, section 6.3).
fn is_on_this_machine(origin: &Origin) -> bool {
    let host = origin.host().trim_end_matches('.');
    is_this_machine(host) || host.rsplit('.').next().is_some_and(is_this_machine)
}

/// The first of these variables that is not empty. Lower case goes first, as in curl.
fn variable<'e>(
    environment: &'e BTreeMap<String, String>,
    names: &[&'static str],
) -> Option<(&'static str, &'e str)> {
    names.iter().find_map(|name| {
        let value = environment.get(*name)?.trim();
        (!value.is_empty()).then_some((*name, value))
    })
}

impl Reader<'_> {
    /// The rules of this configuration. The environment's proxies are looked at only when no global
    /// `proxy-url` stands before them.
    pub fn egress_rules(&mut self, global: Option<ProxyUrl>) -> EgressRules {
        let no_proxy = match variable(self.environment, &["no_proxy", "NO_PROXY"]) {
            Some((name, text)) => {
                let (no_proxy, odd) = NoProxy::parse(text);
                for entry in odd {
                    self.warn_of_variable(name, &format!("names nothing with `{entry}`"));
                }
                no_proxy
            }
            None => NoProxy::default(),
        };
        let (mut for_https, mut for_http) = (None, None);
        if global.is_none() {
            let all = |own: [&'static str; 2]| [own[0], own[1], "all_proxy", "ALL_PROXY"];
            for_https = self.proxy_of_variable(&all(["https_proxy", "HTTPS_PROXY"]));
            for_http = self.proxy_of_variable(&all(["http_proxy", "HTTP_PROXY"]));
        }
        EgressRules { global, for_https, for_http, no_proxy }
    }

    /// A desktop may set what we cannot use (`socks://`), and that is no fault of our configuration.
    fn proxy_of_variable(&mut self, names: &[&'static str]) -> Option<Proxy> {
        let (name, text) = variable(self.environment, names)?;
        // `proxy.example:3128` is common in these variables, and means HTTP.
        let parsed = if text.contains("://") {
            Proxy::parse(text)
        } else {
            Proxy::parse(&format!("http://{text}"))
        };
        match parsed {
            Ok(proxy) => Some(proxy),
            Err(_what) => {
                let what = "has no effect: it is no proxy ampgate can use; set `proxy-url`";
                self.warn_of_variable(name, what);
                None
            }
        }
    }

    fn warn_of_variable(&mut self, name: &str, what: &str) {
        let (kind, source) = (WarningKind::Notice, name.to_owned());
        let warning = Warning { kind, source, path: String::new(), what: what.to_owned() };
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// The proxy of one credential; `written` is its own `proxy-url`, found at `path`.
    pub fn egress(
        &mut self,
        path: &str,
        written: Option<&ProxyUrl>,
        origin: &Origin,
    ) -> Option<Proxy> {
        let proxy = self.egress.proxy_for(origin, written);
        if proxy.is_none() && matches!(written, Some(ProxyUrl::Through(_))) {
            self.warn(path, format!("has no effect: NO_PROXY names {}", origin.host()));
        }
        proxy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::places::Places;

    const REMOTE: &str = "https://api.example.com";
    const LOCAL: &str = "http://127.0.0.1:8080";

    fn written(text: &str) -> Option<ProxyUrl> {
        match text {
            "" => None,
            "direct" => Some(ProxyUrl::Direct),
            text => Some(ProxyUrl::Through(Proxy::parse(text).unwrap())),
        }
    }

    fn rules(global: &str, variables: &[(&str, &str)]) -> (EgressRules, Vec<String>) {
        let environment = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut reader = Reader::new(&environment, Places::default());
        let rules = reader.egress_rules(written(global));
        (rules, reader.warnings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_first_that_says_something_decides() {
        const HTTPS: (&str, &str) = ("HTTPS_PROXY", "http://env-https:1");
        const HTTP: (&str, &str) = ("http_proxy", "http://env-http:1");
        const ALL: (&str, &str) = ("ALL_PROXY", "socks5://env-all:1");
        #[rustfmt::skip] // columns are easier to proofread
        let cases: &[(&str, &str, &[(&str, &str)], &str, &str, &str)] = &[
            // own,         global,       variables,       upstream,             through,               why
            ("",            "",           &[],             REMOTE,               "",                    "nothing is configured"),
            ("",            "http://g:1", &[],             REMOTE,               "http://g:1",          "global"),
            ("http://o:1",  "http://g:1", &[],             REMOTE,               "http://o:1",          "its own goes first"),
            ("direct",      "http://g:1", &[],             REMOTE,               "",                    "its own is none"),
            ("http://o:1",  "direct",     &[],             REMOTE,               "http://o:1",          "its own goes first"),
            ("",            "",           &[HTTPS, HTTP],  REMOTE,               "http://env-https:1",  "the environment, by scheme"),
            ("",            "",           &[HTTPS, HTTP],  "http://a.example",   "http://env-http:1",   "the environment, by scheme"),
            ("",            "",           &[ALL],          REMOTE,               "socks5h://env-all:1", "for both schemes"),
            ("",            "",           &[ALL, HTTP],    "http://a.example",   "http://env-http:1",   "the narrower goes first"),
            ("",            "",           &[HTTP],         REMOTE,               "",                    "the other scheme's"),
            ("",            "http://g:1", &[HTTPS],        REMOTE,               "http://g:1",          "ours before the environment's"),
            ("",            "direct",     &[HTTPS],        REMOTE,               "",                    "the environment's switched off"),
            ("direct",      "",           &[HTTPS],        REMOTE,               "",                    "switched off for one"),
            ("",            "",           &[("HTTPS_PROXY", "p:3128")], REMOTE,  "http://p:3128",       "without a scheme"),
            ("",            "",           &[("https_proxy", "low:1"), HTTPS], REMOTE, "http://low:1",   "lower case goes first"),
            ("",            "",           &[("https_proxy", " "), HTTPS], REMOTE, "http://env-https:1", "an empty variable is none"),
            ("",            "",           &[ALL],          LOCAL,                "",                    "this machine is not behind it"),
            ("",            "",           &[ALL],          "http://LocalHost:1", "",                    "this machine by name"),
            ("",            "",           &[ALL],          "http://a.localhost", "",                    "RFC 6761"),
            ("",            "",           &[ALL],          "http://[::1]:1",     "",                    "this machine in IPv6"),
            ("",            "",           &[ALL],          "http://localhost.example", "socks5h://env-all:1", "another machine"),
            ("",            "http://g:1", &[],             LOCAL,                "http://g:1",          "somebody meant it"),
            ("http://o:1",  "",           &[],             LOCAL,                "http://o:1",          "somebody meant it"),
            ("",            "http://g:1", &[("NO_PROXY", "127.0.0.1")], LOCAL,   "",                    "and somebody did not"),
            ("http://o:1",  "http://g:1", &[("NO_PROXY", ".example.com")], REMOTE, "",                  "over everything"),
            ("",            "",           &[HTTPS, ("no_proxy", "example.com")], REMOTE, "",            "over the environment"),
        ];
        for (own, global, variables, upstream, through, why) in cases {
            let (rules, warnings) = rules(global, variables);
            let (origin, _) = Origin::split(upstream).unwrap();
            let proxy = rules.proxy_for(&origin, written(own).as_ref());
            let proxy = proxy.map(|proxy| proxy.to_string()).unwrap_or_default();
            assert_eq!(&proxy, through, "{why}");
            assert_eq!(warnings, [""; 0], "{why}");
        }
    }

    #[test]
    fn a_variable_that_cannot_be_used_is_told_once_and_not_repeated() {
        let socks = ("ALL_PROXY", "socks://me:hush@h:1");
        let unusable = "ALL_PROXY: has no effect: it is no proxy ampgate can use; set `proxy-url`";
        #[rustfmt::skip] // columns are easier to proofread
        let cases: [(&str, &[(&str, &str)], &[&str]); 3] = [
            ("",       &[socks],                        &[unusable]),
            ("direct", &[socks],                        &[]),
            ("",       &[("NO_PROXY", "a,10.0.0.0/99")], &["NO_PROXY: names nothing with `10.0.0.0/99`"]),
        ];
        for (global, variables, expected) in cases {
            let (rules, warnings) = rules(global, variables);
            assert_eq!(warnings, expected);
            assert_eq!(rules.proxy_for(&Origin::split(REMOTE).unwrap().0, None), None);
        }
    }
}
