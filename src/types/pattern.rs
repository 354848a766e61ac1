//! Names of models by pattern: `*-preview`.

use std::fmt;
use std::sync::Arc;

/// A name in which `*` stands for anything, nothing included; all else means itself, in either
/// case. Never empty, no white space around it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelPattern(Arc<str>);

impl ModelPattern {
    /// `None` when nothing is left after trimming.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `model` fits.
    #[must_use]
    pub fn matches(&self, model: &str) -> bool {
        let (pattern, model) = (self.0.as_bytes(), model.as_bytes());
        let (mut at, mut read) = (0, 0);
        // The last `*`, and how far it reaches: only that one ever has to give a byte more, so the
        // work is at most one length times the other, however many stars a pattern has.
        let mut star: Option<(usize, usize)> = None;
        while read < model.len() {
            if pattern.get(at) == Some(&b'*') {
                star = Some((at, read));
                at += 1;
            } else if pattern.get(at).is_some_and(|byte| byte.eq_ignore_ascii_case(&model[read])) {
                (at, read) = (at + 1, read + 1);
            } else if let Some((position, reach)) = star {
                star = Some((position, reach + 1));
                (at, read) = (position + 1, reach + 1);
            } else {
                return false;
            }
        }
        pattern[at..].iter().all(|byte| *byte == b'*')
    }
}

impl fmt::Display for ModelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_all_else_for_itself() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // pattern,        model,                 fits,  why
            ("gpt-5",          "gpt-5",               true,  "a plain name"),
            ("gpt-5",          "gpt-5-mini",          false, "the whole name counts, not its beginning"),
            ("gpt-5",          "my-gpt-5",            false, "the whole name counts, not its end"),
            ("GPT-5",          "gpt-5",               true,  "the pattern's case is no matter"),
            ("gpt-5",          "Gpt-5",               true,  "nor is the model's"),
            (" gpt-5 ",        "gpt-5",               true,  "space around a pattern is a slip"),
            ("gpt-*",          "gpt-5",               true,  "at the end"),
            ("gpt-*",          "gpt-",                true,  "nothing is anything, too"),
            ("gpt-*",          "gpt",                 false, "what stands before it has to be there"),
            ("*-preview",      "gemini-3-preview",    true,  "at the beginning"),
            ("*-preview",      "-preview",            true,  "nothing at the beginning"),
            ("*-preview",      "gemini-3-preview-2",  false, "the end has to be the end"),
            ("*flash*",        "gemini-flash-lite",   true,  "around"),
            ("*flash*",        "flash",               true,  "nothing around"),
            ("claude-*-4-*",   "claude-opus-4-5",     true,  "twice"),
            ("claude-*-4-*",   "claude-4-5",          false, "two stars never share a dash"),
            ("a*b*c",          "aXbXbXc",             true,  "the first try is too short"),
            ("a*ab",           "aaab",                true,  "a beginning that looks like the end"),
            ("*a*a*a*b",       "aaaaaaaaaaaaaaaaaaa", false, "many tries, no end"),
            ("*",              "anything/at:all",     true,  "everything"),
            ("**",             "x",                   true,  "as one"),
            ("gpt.5",          "gpt-5",               false, "a dot is a dot"),
            ("gpt-?",          "gpt-5",               false, "a question mark is one"),
            ("[gc]pt",         "gpt",                 false, "brackets are brackets"),
            ("modèle-*",       "modèle-1",            true,  "letters of more than a byte"),
        ];
        for (pattern, model, expected, why) in cases {
            let parsed = ModelPattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(model), expected, "{pattern} on {model}: {why}");
        }
    }

    #[test]
    fn there_is_no_empty_pattern() {
        assert_eq!(ModelPattern::parse(" \n"), None);
    }

    proptest! {
        #[test]
        fn a_name_with_any_part_replaced_by_a_star_fits(
            name in "[a-c]{1,12}", cut in 0..12usize, length in 0..12usize,
        ) {
            let cut = cut.min(name.len());
            let end = (cut + length).min(name.len());
            let pattern = format!("{}*{}", &name[..cut], &name[end..]);

            prop_assert!(ModelPattern::parse(&pattern).unwrap().matches(&name));
        }

        #[test]
        fn one_star_is_beginning_and_end_without_overlap(
            begin in "[ab]{0,4}", end in "[ab]{0,4}", name in "[ab]{0,8}",
        ) {
            let expected = name.len() >= begin.len() + end.len()
                && name.starts_with(&begin)
                && name.ends_with(&end);

            let pattern = ModelPattern::parse(&format!("{begin}*{end}")).unwrap();
            prop_assert_eq!(pattern.matches(&name), expected);
        }
    }
}
