//! No parameter that carries a key is left in a query, whatever it is encoded like, and no other byte
//! is touched.
//!
//! Input: a path and a query.

#![no_main]

use actix_web::http::header::HeaderMap;
use ampgate::headers::{presented_keys, without_credentials};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    // Any value is a key of ours, then none, then one that decodes to this.
    let cleaned = without_credentials(input, |value| !value.is_empty());

    let query = |target: &str| target.split_once('?').map(|(_, query)| query.to_owned());
    let left = query(&cleaned);
    let none = HeaderMap::new();
    let shown: Vec<_> = presented_keys(&none, left.as_deref()).collect();
    assert!(shown.is_empty(), "{cleaned:?} still opens our door");
    for (name, value) in form_urlencoded::parse(left.unwrap_or_default().as_bytes()) {
        let is_key = matches!(name.as_ref(), "key" | "auth_token");
        assert!(!is_key || value.is_empty(), "{cleaned:?} still has {name}={value}");
    }
    assert_eq!(without_credentials(&cleaned, |value| !value.is_empty()), cleaned);
    assert_eq!(cleaned, expected(input, |_| true));

    assert_eq!(without_credentials(input, |_| false), input);
    assert_eq!(
        without_credentials(input, |value| value == b"ours"),
        expected(input, |value| value == "ours")
    );
});

/// The same by another way: a library decodes each pair.
fn expected(input: &str, is_credential: impl Fn(&str) -> bool) -> String {
    let Some((path, query)) = input.split_once('?') else { return input.to_owned() };
    let stays = |pair: &&str| {
        let decoded = form_urlencoded::parse(pair.as_bytes()).next();
        !decoded.is_some_and(|(name, value)| {
            matches!(name.as_ref(), "key" | "auth_token")
                && !value.is_empty()
                && is_credential(&value)
        })
    };
    let kept: Vec<&str> = query.split('&').filter(stays).collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}
