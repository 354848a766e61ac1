//! `Anthropic-Beta` on the way to a team's own provider.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

const ANTHROPIC_BETA: HeaderName = HeaderName::from_static("anthropic-beta");

/// Amp asks for the million-token context that its own accounts have. A provider account without
/// it answers 400 or 429 to the flag, so it is taken out unless the credential is known to have it.
const LONG_CONTEXT: &str = "context-1m-2025-08-07";

/// Takes the long-context flag out of `Anthropic-Beta`. Every other flag keeps its place and its
/// bytes; a field that held nothing else is dropped.
pub fn strip_long_context(fields: &mut HeaderMap) {
    if !asks_for_long_context(fields) {
        return;
    }
    let values: Vec<HeaderValue> = fields.remove(&ANTHROPIC_BETA).collect();
    for value in values {
        if let Some(kept) = without_flag(value) {
            fields.append(ANTHROPIC_BETA, kept);
        }
    }
}

/// Whether a request carries the flag.
#[must_use]
pub fn asks_for_long_context(fields: &HeaderMap) -> bool {
    let lists = fields.get_all(&ANTHROPIC_BETA).filter_map(|value| value.to_str().ok());
    lists.flat_map(flags).any(is_long_context)
}

fn flags(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
}

/// Whether `entry` is the flag, in a field or in the body of a host's call.
#[must_use]
pub fn is_long_context(entry: &str) -> bool {
    entry.trim() == LONG_CONTEXT
}

fn without_flag(value: HeaderValue) -> Option<HeaderValue> {
    let Ok(list) = value.to_str() else { return Some(value) };
    if !flags(list).any(is_long_context) {
        return Some(value);
    }
    let kept: Vec<&str> = flags(list).filter(|entry| !is_long_context(entry)).collect();
    let kept = kept.join(",");
    let kept = kept.trim();
    // A part of a valid field value is a valid field value.
    (!kept.is_empty()).then(|| HeaderValue::from_str(kept).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_long_context_flag_is_taken_out() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases: &[(&[&str], &[&str], &str)] = &[
            (&["context-1m-2025-08-07"],                   &[],                "nothing left: field dropped"),
            (&["a, context-1m-2025-08-07 ,b"],             &["a,b"],           "in the middle"),
            (&["context-1m-2025-08-07, b"],                &["b"],             "first"),
            (&["a,context-1m-2025-08-07"],                 &["a"],             "last"),
            (&["a , b"],                                   &["a , b"],         "nothing to take: bytes kept"),
            (&["a", "context-1m-2025-08-07", "b"],         &["a", "b"],        "several fields"),
            (&["context-1m-2025-08-07,context-1m-2025-08-07"], &[],            "twice"),
            (&["context-1m-2026-01-01"],                   &["context-1m-2026-01-01"], "another flag"),
            (&[],                                          &[],                "absent"),
        ];
        for (given, expected, why) in cases {
            let mut fields = HeaderMap::new();
            for value in *given {
                fields.append(ANTHROPIC_BETA, HeaderValue::from_static(value));
            }

            strip_long_context(&mut fields);

            let kept: Vec<&str> =
                fields.get_all(&ANTHROPIC_BETA).map(|value| value.to_str().unwrap()).collect();
            assert_eq!(kept, *expected, "{why}");
        }
    }
}
