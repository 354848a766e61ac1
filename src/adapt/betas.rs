//! Flags for betas of Anthropic's in a body: `anthropic_beta`, where Bedrock and Vertex AI read what Anthropic
//! itself reads in a field.

use bytes::Bytes;

use crate::body::{Edits, JsonPart};

const BETAS: &str = "anthropic_beta";

/// The body without the flags for which `is_removed` says so, and without a list that held nothing else.
/// Every other byte stays, and a body that cannot be read stays whole.
#[must_use]
pub fn without_beta_flags(body: &Bytes, is_removed: impl Fn(&str) -> bool) -> Bytes {
    let members = JsonPart::parse(body).ok().and_then(|whole| Some((whole, whole.members()?)));
    let Some((whole, members)) = members else { return body.clone() };
    // Of a key that is written twice no reader may find the flag.
    let lists = || members.iter().filter(|member| member.key == BETAS).map(|member| member.value);
    let goes = |flag: &JsonPart<'_>| flag.text().is_some_and(|flag| is_removed(&flag));
    if !lists().any(|list| flags_of(list).iter().any(goes)) {
        return body.clone();
    }
    let mut edits = Edits::default();
    if lists().all(|list| flags_of(list).iter().all(goes)) {
        edits.remove_members(body, whole, |key| key == BETAS);
        return edits.apply(body);
    }
    for list in lists() {
        match list.elements() {
            Some(flags) => edits.remove_elements(body, list, |index| goes(&flags[index])),
            None if goes(&list) => edits.replace(body, list, "[]"),
            None => {}
        }
    }
    edits.apply(body)
}

/// Whether a body has a flag for which `is_meant` says so.
#[must_use]
pub fn has_beta_flag(body: &[u8], is_meant: impl Fn(&str) -> bool) -> bool {
    let members = JsonPart::parse(body).ok().and_then(JsonPart::members).unwrap_or_default();
    let mut flags =
        members.iter().filter(|member| member.key == BETAS).flat_map(|list| flags_of(list.value));
    flags.any(|flag| flag.text().is_some_and(|flag| is_meant(&flag)))
}

/// A single flag in the place of a list is one, too.
fn flags_of(list: JsonPart<'_>) -> Vec<JsonPart<'_>> {
    list.elements().unwrap_or_else(|| vec![list])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_flag_that_is_meant_is_taken_out() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // body,                                         becomes,                              why
            (r#"{"anthropic_beta":["a","x"], "n": 1.0}"#,    r#"{"anthropic_beta":["a"], "n": 1.0}"#, "others keep their bytes"),
            (r#"{"n":1,"anthropic_beta":["x","a"]}"#,        r#"{"n":1,"anthropic_beta":["a"]}"#,  "the first"),
            (r#"{"anthropic_beta":["x"],"n":1}"#,            r#"{"n":1}"#,                         "no list for nothing"),
            (r#"{"anthropic_beta":["\u0078"]}"#,             "{}",                                 "however it is written"),
            (r#"{"anthropic_beta":["a"],"anthropic_beta":["x"]}"#, r#"{"anthropic_beta":["a"],"anthropic_beta":[]}"#, "a key written twice"),
            (r#"{"anthropic_beta":"x","n":1}"#,              r#"{"n":1}"#,                         "no list at all"),
            (r#"{"anthropic_beta":[ "a" ]}"#,                r#"{"anthropic_beta":[ "a" ]}"#,      "nothing to take out"),
            (r#"{"m":{"anthropic_beta":["x"]}}"#,            r#"{"m":{"anthropic_beta":["x"]}}"#,  "what a client says elsewhere"),
            ("[]",                                           "[]",                                 "no object"),
            ("{",                                            "{",                                  "no JSON"),
        ];
        for (body, expected, why) in cases {
            let seen = without_beta_flags(&Bytes::from_static(body.as_bytes()), |flag| flag == "x");
            assert_eq!(String::from_utf8_lossy(&seen), expected, "{why}");
            assert_eq!(
                has_beta_flag(body.as_bytes(), |flag| flag == "x"),
                body != expected,
                "{why}"
            );
        }
    }
}
