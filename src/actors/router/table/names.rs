//! Whose model a name is.

use std::borrow::Cow;

use crate::config::Family;
use crate::types::ModelName;

pub(in crate::actors::router) fn same_name(one: &ModelName, other: &ModelName) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

/// The name behind a credential's prefix; `None` when the credential is not meant. A name without
/// the prefix means every credential, unless prefixes are forced.
pub(super) fn without_prefix(
    model: &ModelName,
    prefix: Option<&str>,
    force_prefix: bool,
) -> Option<ModelName> {
    let Some(prefix) = prefix else { return Some(model.clone()) };
    let behind = model.as_str().split_at_checked(prefix.len()).and_then(|(start, rest)| {
        start.eq_ignore_ascii_case(prefix).then(|| rest.strip_prefix('/')).flatten()
    });
    match behind {
        Some(rest) => ModelName::parse(rest),
        None if force_prefix => None,
        None => Some(model.clone()),
    }
}

/// Whether a name is one of those that a provider's models have had so far. No list of models is
/// compiled in: a new model is served on the day it appears.
pub(in crate::actors::router) fn is_family_name(family: Family, model: &str) -> bool {
    let model = lower(model);
    let model = model.as_ref();
    match family {
        Family::Claude | Family::VertexClaude => model.starts_with("claude-"),
        Family::OpenAi | Family::Codex => {
            let is_o_series = || {
                let mut letters = model.bytes();
                letters.next() == Some(b'o') && matches!(letters.next(), Some(b'1'..=b'9'))
            };
            ["gpt-", "codex-", "chatgpt-"].iter().any(|prefix| model.starts_with(prefix))
                || is_o_series()
        }
        // SECURITY: the name becomes part of a path, and a client may have made it up.
        Family::Gemini | Family::Vertex => {
            model.starts_with("gemini-") && !model.contains(['/', '\\'])
        }
        // What serves anything, or by names of its own, must list what it serves.
        Family::OpenAiCompatible | Family::Azure | Family::Bedrock => false,
    }
}

/// The maker of a model, as far as its name tells. Bedrock's names have the maker in them, and what may
/// stand before it is a region: `us.anthropic.claude-...`.
pub(in crate::actors::router) fn maker_of(model: &str) -> Option<Family> {
    let model = model.split_once("anthropic.").map_or(model, |(_, name)| name);
    let makers = [Family::Claude, Family::OpenAi, Family::Gemini];
    makers.into_iter().find(|family| is_family_name(*family, model))
}

fn lower(model: &str) -> Cow<'_, str> {
    if model.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(model.to_ascii_lowercase())
    } else {
        Cow::Borrowed(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maker_is_known_by_the_names_of_its_models() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("claude-opus-4-5",                             Some(Family::Claude), "Anthropic's own"),
            ("us.anthropic.claude-opus-4-5-20251101-v1:0",  Some(Family::Claude), "Bedrock's"),
            ("GPT-5",                                       Some(Family::OpenAi), "in letters of any case"),
            ("gemini-3-pro",                                Some(Family::Gemini), "Google's"),
            ("us.amazon.nova-pro-v1:0",                     None,                 "another maker's"),
            ("gemini-3-pro/../../endpoints/1",              None,                 "a path"),
        ];
        for (model, expected, why) in cases {
            assert_eq!(maker_of(model), expected, "{model}: {why}");
        }
    }
}
