//! Logins at a provider that people take for keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What a text is for sure, when it is a login and no key. Anything else may be a key, whatever it looks like:
/// a server of one's own may give out what it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignLogin {
    /// An access or refresh token of Claude Pro, Max or Team, as Claude Code keeps it.
    Claude,
    /// The cookie of claude.ai.
    ClaudeSession,
    /// A token that OpenAI's login has signed, as Codex keeps it in `auth.json`.
    ChatGpt,
    /// The cookie of chatgpt.com: encrypted, so nothing can be read in it.
    ChatGptSession,
    GoogleAccess,
    GoogleRefresh,
    /// Opens GitHub. Some compatible servers take it for a key as well.
    GitHub,
}

/// The prefixes by which logins are known.
const PREFIXES: [(&str, ForeignLogin); 12] = [
    ("sk-ant-oat", ForeignLogin::Claude),
    ("sk-ant-ort", ForeignLogin::Claude),
    ("sk-ant-sid", ForeignLogin::ClaudeSession),
    // `{"alg":"dir","enc":"A256GCM"}`, and no key for it (RFC 7516, section 7.1).
    ("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..", ForeignLogin::ChatGptSession),
    ("ya29.", ForeignLogin::GoogleAccess),
    ("1//0", ForeignLogin::GoogleRefresh),
    ("ghp_", ForeignLogin::GitHub),
    ("gho_", ForeignLogin::GitHub),
    ("ghu_", ForeignLogin::GitHub),
    ("ghs_", ForeignLogin::GitHub),
    ("ghr_", ForeignLogin::GitHub),
    ("github_pat_", ForeignLogin::GitHub),
];

impl ForeignLogin {
    /// `None`: it may be a key.
    #[must_use]
    pub fn recognise(text: &str) -> Option<Self> {
        let known = PREFIXES.iter().find(|(prefix, _)| text.starts_with(prefix));
        known
            .map(|(_, login)| *login)
            .or_else(|| is_signed_by_openai(text).then_some(Self::ChatGpt))
    }

    /// What it is, to follow "is".
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Claude => "a login of Claude Pro or Max",
            Self::ClaudeSession => "a session of claude.ai",
            Self::ChatGpt => "a login of ChatGPT",
            Self::ChatGptSession => "a session of chatgpt.com",
            Self::GoogleAccess => "an access token of a Google account",
            Self::GoogleRefresh => "a refresh token of a Google account",
            Self::GitHub => "a token of GitHub",
        }
    }
}

/// Whether a text is a JSON Web Token (RFC 7519) with OpenAI's claims. They are only looked for: whether the
/// signature is right does not matter to what it is not.
fn is_signed_by_openai(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, _signature] = parts[..] else { return false };
    let Some(claims) = header.starts_with("eyJ").then(|| URL_SAFE_NO_PAD.decode(claims)) else {
        return false;
    };
    let claims: Option<serde_json::Value> =
        claims.ok().and_then(|claims| serde_json::from_slice(&claims).ok());
    claims.is_some_and(|claims| {
        let is_openai = |issuer: &str| issuer.starts_with("https://auth.openai.com");
        claims.get("https://api.openai.com/auth").is_some()
            || claims.get("iss").and_then(|issuer| issuer.as_str()).is_some_and(is_openai)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", encode(r#"{"alg":"RS256"}"#), encode(claims))
    }

    #[test]
    fn a_login_is_known_for_sure_or_not_at_all() {
        use ForeignLogin::{
            ChatGpt, ChatGptSession, Claude, ClaudeSession, GitHub, GoogleAccess, GoogleRefresh,
        };
        let by_claim = token(r#"{"https://api.openai.com/auth":{"chatgpt_plan_type":"plus"}}"#);
        let by_issuer = token(r#"{"iss":"https://auth.openai.com"}"#);
        let of_another = token(r#"{"iss":"https://login.example"}"#);
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("sk-ant-oat01-x",    Some(Claude),        "an access token"),
            ("sk-ant-ort01-x",    Some(Claude),        "a refresh token"),
            ("sk-ant-sid01-x",    Some(ClaudeSession), "a cookie"),
            (&by_claim,           Some(ChatGpt),       "OpenAI's own claim"),
            (&by_issuer,          Some(ChatGpt),       "OpenAI's issuer"),
            ("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..iv.x.tag", Some(ChatGptSession), "an encrypted cookie"),
            ("ya29.a0x",          Some(GoogleAccess),  "an hour of Google"),
            ("1//0gx",            Some(GoogleRefresh), "more hours of it"),
            ("ghp_x",             Some(GitHub),        "a personal token"),
            ("github_pat_x",      Some(GitHub),        "a finer one"),
            ("sk-ant-api03-x",    None,                "Anthropic's keys"),
            ("sk-proj-x",         None,                "OpenAI's keys"),
            ("AIzaSyx",           None,                "Google's keys"),
            (&of_another,         None,                "a key of whoever signs its keys"),
            ("eyJhbGciOi.x.y",    None,                "nothing can be read in it"),
            ("eyJ",               None,                "no token"),
            ("my-sk-ant-oat01-x", None,                "the start counts"),
        ];
        for (text, expected, why) in cases {
            assert_eq!(ForeignLogin::recognise(text), expected, "{text}: {why}");
        }
    }
}
