//! Whose API a credential is for, in the words of OpenTelemetry's conventions for generative AI
//! (`gen_ai.provider.name`).

use super::credential::Family;
use crate::types::{Origin, ProviderName};

/// Hosts whose owners the conventions have a name for. A host below one of them is theirs as well.
const KNOWN_HOSTS: [(&str, &str); 9] = [
    ("anthropic.com", "anthropic"),
    ("openai.com", "openai"),
    ("openai.azure.com", "azure.ai.openai"),
    ("deepseek.com", "deepseek"),
    ("groq.com", "groq"),
    ("mistral.ai", "mistral_ai"),
    ("x.ai", "x_ai"),
    ("perplexity.ai", "perplexity"),
    ("cohere.com", "cohere"),
];

/// A compatible server that the conventions do not know goes by its name in the configuration; what
/// stands before another provider's own API, such as a proxy, by that API's.
pub fn provider_name(family: Family, provider: &str, origin: &Origin) -> ProviderName {
    let host = origin.host();
    let is_at = |known: &str| {
        host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let known = KNOWN_HOSTS.iter().find(|(known, _)| is_at(known)).map(|(_, name)| *name);
    ProviderName::new(known.unwrap_or(match family {
        Family::Claude => "anthropic",
        Family::OpenAi | Family::Codex => "openai",
        Family::Gemini => "gcp.gemini",
        Family::Vertex | Family::VertexClaude => "gcp.vertex_ai",
        Family::Azure => "azure.ai.openai",
        Family::Bedrock => "aws.bedrock",
        Family::OpenAiCompatible => provider,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_goes_by_the_name_that_the_conventions_have_for_it() {
        use Family::{Claude, Gemini, OpenAi, OpenAiCompatible, Vertex};
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (Claude,           "claude",     "https://api.anthropic.com",           "anthropic",       "its own host"),
            (Claude,           "claude",     "http://10.0.0.9:8080",                "anthropic",       "something before it"),
            (OpenAi,           "openai",     "https://api.openai.com",              "openai",          "its own host"),
            (OpenAi,           "openai",     "https://team.openai.azure.com",       "azure.ai.openai", "the same API elsewhere"),
            (Gemini,           "gemini",     "https://generativelanguage.googleapis.com", "gcp.gemini", "the Gemini API"),
            (Vertex,           "vertex",     "https://aiplatform.googleapis.com",   "gcp.vertex_ai",   "Vertex AI"),
            (OpenAiCompatible, "fast",       "https://api.groq.com",                "groq",            "whatever the team calls it"),
            (OpenAiCompatible, "grok",       "https://api.x.ai",                    "x_ai",            "a short domain"),
            (OpenAiCompatible, "other",      "https://fox.ai",                      "other",           "not a host of x.ai"),
            (OpenAiCompatible, "openrouter", "https://openrouter.ai",               "openrouter",      "no name of the conventions'"),
        ];
        for (family, provider, address, expected, why) in cases {
            let origin = Origin::split(address).unwrap().0;
            assert_eq!(provider_name(family, provider, &origin).as_str(), expected, "{why}");
        }
    }
}
