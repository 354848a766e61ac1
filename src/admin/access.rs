//! Who may ask the admin listener.
//!
//! With `admin.key` whoever shows it may. Without it the listener relies on who can reach it, and a web
//! page must not borrow that: a name that its owner points at this machine (DNS rebinding) is not
//! answered, and another site's page gets nothing but a link to follow.

use std::net::IpAddr;

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::uri::Authority;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::refusal::Refusal;
use crate::types::{ClientKey, KeyHash};

/// What access depends on besides the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'a> {
    /// `admin.key`.
    pub key: Option<&'a ClientKey>,
    /// `admin.host`.
    pub host: &'a str,
}

/// Decides whether a request is answered, whatever its route.
pub(super) fn admit(method: &Method, fields: &HeaderMap, rules: &Rules) -> Result<(), Refusal> {
    if is_from_another_site(method, fields) {
        return Err(Refusal::CrossSite);
    }
    match rules.key {
        Some(key) if shows(fields, key) => Ok(()),
        Some(_) => Err(Refusal::Unauthenticated),
        None if is_named_right(fields, rules.host) => Ok(()),
        None => Err(Refusal::UnknownHost),
    }
}

/// Whether the key is shown: as a bearer, which Prometheus can, or as the password of HTTP Basic, which a
/// browser can; the name beside it is anything.
///
/// SECURITY: compared as hashes in constant time.
fn shows(fields: &HeaderMap, key: &ClientKey) -> bool {
    let Some(value) = fields.get(header::AUTHORIZATION) else { return false };
    let Some((scheme, shown)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
        return false;
    };
    let shown = shown.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return key.matches(&KeyHash::of(shown.as_bytes()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return false;
    }
    let Ok(login) = BASE64_STANDARD.decode(shown) else { return false };
    let password = login.splitn(2, |byte| *byte == b':').nth(1);
    password.is_some_and(|password| key.matches(&KeyHash::of(password)))
}

/// Whether the host that a request names can only be us.
///
/// SECURITY: a page at `http://evil.example:8318` may have its own name answered with `127.0.0.1`, and then
/// reads us as its own origin. The browser still says whose name it asked for. Nobody can point an address
/// elsewhere, nor a name without a dot, which no public DNS gives away: `localhost`, or how containers
/// call each other.
fn is_named_right(fields: &HeaderMap, own_host: &str) -> bool {
    let mut hosts = fields.get_all(header::HOST);
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Some(host) = host_of(host) else { return false };
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(&host);
    bare.parse::<IpAddr>().is_ok() || !bare.contains('.') || bare.eq_ignore_ascii_case(own_host)
}

/// The host of a `Host` field, without its port.
fn host_of(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok().filter(|text| !text.contains('@'))?;
    let authority: Authority = text.parse().ok()?;
    Some(authority.host().to_owned()).filter(|host| !host.is_empty())
}

/// Whether a browser asks on behalf of another site's page.
///
/// SECURITY: a page can make a browser send forms and simple requests anywhere, with the password that
/// its user has typed for us. `Sec-Fetch-Site` cannot be forged by it; over plain HTTP to another
/// machine browsers do not send it, and then `Origin` tells, which comes with every form. To follow a
/// link is no harm: the page that has it does not see what comes.
fn is_from_another_site(method: &Method, fields: &HeaderMap) -> bool {
    let is = |name: &str, expected: &[&str]| {
        fields.get(name).is_some_and(|value| {
            expected.iter().any(|word| value.as_bytes().eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    if fields.contains_key("sec-fetch-site") {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        let is_link = is_read && is("sec-fetch-mode", &["navigate"]);
        return !is("sec-fetch-site", &["same-origin", "none"]) && !is_link;
    }
    fields.get(header::ORIGIN).is_some_and(|origin| !is_own_origin(origin, fields))
}

fn is_own_origin(origin: &HeaderValue, fields: &HeaderMap) -> bool {
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let host = fields.get(header::HOST).map(HeaderValue::as_bytes);
    authority
        .zip(host)
        .is_some_and(|((_, authority), host)| authority.as_bytes().eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderName;

    fn fields(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in pairs {
            let value = HeaderValue::from_str(value).unwrap();
            fields.append(HeaderName::from_static(name), value);
        }
        fields
    }

    #[test]
    fn without_a_key_only_a_host_that_nobody_else_can_own_is_answered() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // Host,                     answered, why
            ("127.0.0.1:8318",           true,  "an address"),
            ("10.1.2.3",                 true,  "an address of the network, as Prometheus finds pods"),
            ("[::1]:8318",               true,  "IPv6"),
            ("localhost:8318",           true,  "this machine"),
            ("LOCALHOST",                true,  "in any case of letters"),
            ("gateway:8318",             true,  "a container's name: no public DNS has it"),
            ("ops.example:8318",         true,  "`admin.host`"),
            ("OPS.example",              true,  "`admin.host` in any case of letters"),
            ("evil.example:8318",        false, "a name somebody else owns"),
            ("127.0.0.1.evil.example",   false, "begins like an address"),
            ("localhost.evil.example",   false, "begins like this machine"),
            ("localhost.",               false, "written in a way that no browser writes by itself"),
            ("x@127.0.0.1",              false, "no host"),
            ("",                         false, "no host"),
            ("a b",                      false, "no host"),
        ];
        for (host, answered, why) in cases {
            let rules = Rules { key: None, host: "ops.example" };
            let outcome = admit(&Method::GET, &fields(&[("host", host)]), &rules);
            let expected = if answered { Ok(()) } else { Err(Refusal::UnknownHost) };
            assert_eq!(outcome, expected, "{host}: {why}");
        }
        let rules = Rules { key: None, host: "" };
        for none_or_two in [&[][..], &[("host", "localhost"), ("host", "localhost")]] {
            let outcome = admit(&Method::GET, &fields(none_or_two), &rules);
            assert_eq!(outcome, Err(Refusal::UnknownHost), "{none_or_two:?}");
        }
    }

    #[test]
    fn with_a_key_it_must_be_shown_and_nothing_else_counts() {
        let basic = |login: &str| format!("Basic {}", BASE64_STANDARD.encode(login));
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // Authorization,                opens, why
            ("Bearer admin-key".to_owned(),  true,  "Prometheus"),
            ("bearer admin-key".to_owned(),  true,  "schemes have no case"),
            (basic("ops:admin-key"),         true,  "a browser"),
            (basic(":admin-key"),            true,  "without a name"),
            (basic("admin-key:"),            false, "the key is the password, not the name"),
            (basic("admin-key"),             false, "no password at all"),
            (basic("ops:admin-key:x"),       false, "a colon belongs to the password"),
            ("Bearer admin-ke".to_owned(),   false, "a beginning is not the key"),
            ("Bearer admin-keyy".to_owned(), false, "nor is more than it"),
            ("Bearer".to_owned(),            false, "nothing shown"),
            ("Basic !".to_owned(),           false, "no base64"),
            ("Digest admin-key".to_owned(),  false, "another scheme"),
            ("admin-key".to_owned(),         false, "no scheme"),
        ];
        let key = ClientKey::parse("admin-key").unwrap();
        let rules = Rules { key: Some(&key), host: "" };
        for (value, opens, why) in cases {
            let shown = fields(&[("host", "ops.example"), ("authorization", &value)]);
            let expected = if opens { Ok(()) } else { Err(Refusal::Unauthenticated) };
            assert_eq!(admit(&Method::GET, &shown, &rules), expected, "{value}: {why}");
        }
        let nothing = fields(&[("host", "127.0.0.1")]);
        assert_eq!(admit(&Method::GET, &nothing, &rules), Err(Refusal::Unauthenticated));
    }

    #[test]
    fn another_sites_page_gets_nothing_but_a_link_to_follow() {
        let (site, mode, origin) = ("sec-fetch-site", "sec-fetch-mode", "origin");
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("POST", vec![],                                        true,  "curl"),
            ("POST", vec![(site, "same-origin")],                   true,  "our own page"),
            ("GET",  vec![(site, "none"), (mode, "navigate")],      true,  "typed into the address bar"),
            ("GET",  vec![(site, "cross-site"), (mode, "navigate")], true, "a link in a chat or a wiki"),
            ("GET",  vec![(site, "cross-site"), (mode, "cors")],    false, "another page's script"),
            ("GET",  vec![(site, "cross-site"), (mode, "no-cors")], false, "another page's image"),
            ("GET",  vec![(site, "same-site"), (mode, "cors")],     false, "another port of this machine"),
            ("POST", vec![(site, "cross-site"), (mode, "navigate")], false, "another page's form"),
            ("POST", vec![(site, "same-site")],                     false, "a form from another port"),
            ("POST", vec![(site, "wibble")],                        false, "what is not known is refused"),
            ("POST", vec![(origin, "http://10.0.0.1:8318")],        true,  "our own page over the network"),
            ("POST", vec![(origin, "https://10.0.0.1:8318")],       true,  "behind a proxy with TLS"),
            ("POST", vec![(origin, "http://10.0.0.1:3000")],        false, "another port"),
            ("POST", vec![(origin, "http://evil.example")],         false, "another site"),
            ("POST", vec![(origin, "null")],                        false, "a page that hides its origin"),
            ("GET",  vec![(origin, "http://evil.example")],         false, "its script"),
        ];
        let key = ClientKey::parse("admin-key").unwrap();
        for (method, pairs, passes, why) in cases {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let mut asked = fields(&pairs);
            asked.insert(header::HOST, HeaderValue::from_static("10.0.0.1:8318"));
            let expected = if passes { Ok(()) } else { Err(Refusal::CrossSite) };
            let rules = Rules { key: None, host: "" };
            assert_eq!(admit(&method, &asked, &rules), expected, "{pairs:?}: {why}");

            let bearer = HeaderValue::from_static("Bearer admin-key");
            asked.insert(header::AUTHORIZATION, bearer);
            let rules = Rules { key: Some(&key), host: "" };
            assert_eq!(admit(&method, &asked, &rules), expected, "{pairs:?}: with the key: {why}");
        }
    }
}
