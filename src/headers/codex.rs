//! Who is the Codex command line, and which of its fields say so.

use actix_web::http::header::{self, HeaderMap, HeaderName};

/// The field in which programs that use the Codex backend say who they are.
pub const ORIGINATOR: HeaderName = HeaderName::from_static("originator");

/// Whether a request comes from one of Codex's own programs: `codex_cli_rs`, `codex_exec`, `codex_vscode`
/// and their kin begin their `User-Agent` with the name that they also give as `originator`.
///
/// Anybody can say so; whoever does speaks for himself, and is not helped to.
#[must_use]
pub fn is_codex(fields: &HeaderMap) -> bool {
    let text = |name: &HeaderName| fields.get(name).and_then(|value| value.to_str().ok());
    let is_named = |name: &str| name.starts_with("codex_");
    text(&header::USER_AGENT).is_some_and(is_named) && text(&ORIGINATOR).is_some_and(is_named)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn codex_is_known_by_both_of_its_names() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // user agent,                                originator,           is codex, why
            (Some("codex_cli_rs/0.169.0 (Linux; x86_64)"), Some("codex_cli_rs"), true,  "the terminal"),
            (Some("codex_exec/0.169.0"),                  Some("codex_exec"),   true,  "without a terminal"),
            (Some("codex_cli_rs/0.169.0"),                None,                 false, "one name only"),
            (Some("curl/8.0"),                            Some("codex_cli_rs"), false, "one that borrows the other"),
            (Some("codex_cli_rs/0.169.0"),                Some("hermes-agent"), false, "two that do not agree"),
            (Some("my codex_tool"),                       Some("codex_cli_rs"), false, "not at the beginning"),
            (None,                                        None,                 false, "nobody says anything"),
        ];
        for (user_agent, originator, expected, why) in cases {
            let mut fields = HeaderMap::new();
            for (name, value) in [(header::USER_AGENT, user_agent), (ORIGINATOR, originator)] {
                if let Some(value) = value {
                    fields.insert(name, HeaderValue::from_static(value));
                }
            }
            assert_eq!(is_codex(&fields), expected, "{why}");
        }
    }
}
