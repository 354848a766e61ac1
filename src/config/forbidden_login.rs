//! Logins that their providers keep for programs of their own: where they are made, and in whose name.
//!
//! `docs/guides/subscriptions.md` tells what the terms say. Google's authorization server is not among them:
//! a client that a team has registered may ask it.

use super::provider_key::why_not;
use crate::types::ForeignLogin;

/// Anthropic registers no clients of others, so what logs in there is always an account of Claude's.
const DOMAINS_OF_CLAUDE: [&str; 3] = ["claude.ai", "claude.com", "anthropic.com"];

const WHY_NOT_CLAUDE: &str = why_not(ForeignLogin::Claude);
const WHY_NOT_GOOGLE: &str = "which is not supported because Google does not allow it; use a key of AI \
     Studio's, or a service account for Vertex AI";

/// Programs whose client ids everybody can read, by those ids; and why nobody else may use them.
#[rustfmt::skip] // columns are easier to proofread
const PROGRAMS: [(&str, &str, &str); 3] = [
    ("9d1c250a-e61b-44d9-88ed-5944d1962f5e",                                     "Claude Code", WHY_NOT_CLAUDE),
    ("681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com",  "Gemini CLI",  WHY_NOT_GOOGLE),
    ("1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com", "Antigravity", WHY_NOT_GOOGLE),
];

/// What is wrong with an authorization server at `host`, to follow its name; `None`: nothing that is known.
pub fn objection_to_server(host: &str) -> Option<String> {
    let host = host.strip_suffix('.').unwrap_or(host); // as DNS writes the same name
    let is_within = |domain: &&str| {
        let before = host.strip_suffix(*domain);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    DOMAINS_OF_CLAUDE
        .iter()
        .any(is_within)
        .then(|| format!("is where accounts of Claude's log in, {WHY_NOT_CLAUDE}"))
}

/// The same of a client's id.
pub fn objection_to_client(client_id: &str) -> Option<String> {
    let known = PROGRAMS.iter().find(|(id, ..)| *id == client_id);
    known.map(|(_, program, why_not)| format!("is that of {program}, {why_not}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_domain_and_everything_below() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("claude.ai",             true,  "where a browser logs in"),
            ("claude.com",            true,  "its newer name"),
            ("api.anthropic.com",     true,  "where tokens are asked for"),
            ("console.anthropic.com", true,  "where they were"),
            ("platform.claude.com",   true,  "where they are, too"),
            ("claude.ai.",            true,  "the same, as DNS writes it"),
            ("notclaude.ai",          false, "another domain"),
            ("claude.ai.test",        false, "somebody else's"),
            ("accounts.google.com",   false, "a team may have a client of its own there"),
            ("oauth2.googleapis.com", false, "the same"),
            ("auth.openai.com",       false, "its preset says what to accept"),
        ];
        for (host, expected, why) in cases {
            assert_eq!(objection_to_server(host).is_some(), expected, "{host}: {why}");
        }
    }
}
