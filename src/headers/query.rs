//! The query on its way to an upstream: byte for byte, less the credentials.

use std::borrow::Cow;

use super::credential::{decode_parameter, is_key_parameter};

/// Returns `path_and_query` without the parameters that carry a client's key.
///
/// A parameter is dropped when it is named `key` or `auth_token` and `is_credential` says that its
/// value is one; all else crosses byte for byte: `%2F`, empty values, repeated names, a lone `?`.
#[must_use]
pub fn without_credentials(
    path_and_query: &str,
    is_credential: impl Fn(&[u8]) -> bool,
) -> Cow<'_, str> {
    let Some((path, query)) = path_and_query.split_once('?') else {
        return Cow::Borrowed(path_and_query);
    };
    let ends_here = |pair: &&str| {
        pair.split_once('=').is_some_and(|(name, value)| {
            is_key_parameter(name) && is_credential(&decode_parameter(value))
        })
    };
    if !query.split('&').any(|pair| ends_here(&pair)) {
        return Cow::Borrowed(path_and_query);
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !ends_here(pair)).collect();
    if kept.is_empty() {
        return Cow::Borrowed(path);
    }
    Cow::Owned(format!("{path}?{}", kept.join("&")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_credentials_leave_the_query() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("/a",                          "/a",                     "no query"),
            ("/a?",                         "/a?",                    "empty query stays"),
            ("/a//b%2Fc?x=%2F&x=&y&&z=1",   "/a//b%2Fc?x=%2F&x=&y&&z=1", "byte for byte"),
            ("/a?key=ours",                 "/a",                     "alone"),
            ("/a?x=1&key=ours&y=2",         "/a?x=1&y=2",             "in the middle"),
            ("/a?auth_token=ours&x=1",      "/a?x=1",                 "Amp's name"),
            ("/a?%6Bey=o%75rs&x=1",         "/a?x=1",                 "percent-encoded name and value"),
            ("/a?key=theirs",               "/a?key=theirs",          "not ours: kept"),
            ("/a?key=ours&key=theirs",      "/a?key=theirs",          "one of two"),
            ("/a?monkey=ours",              "/a?monkey=ours",         "another name"),
            ("/a?key",                      "/a?key",                 "no value"),
            ("/a?b=?key=ours",              "/a?b=?key=ours",         "a second question mark is data"),
        ];
        for (given, expected, why) in cases {
            assert_eq!(without_credentials(given, |value| value == b"ours"), expected, "{why}");
        }
    }
}
