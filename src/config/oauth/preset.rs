//! Providers that people log in to and whose addresses are known: what an entry need not write.

use crate::config::chatgpt;
use crate::config::credential::Family;
use crate::config::raw::RawOAuth;
use crate::config::shapes::{List, Scalar};

/// A provider that is known by its name. Each of its values can be written otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// OpenAI's login for `ChatGPT` plans, and the backend that answers for them.
    ChatGpt,
}

pub const PRESETS: [(&str, Preset); 1] = [("chatgpt", Preset::ChatGpt)];

/// With our own name, and what makes OpenAI's page and tokens be those of a plan.
const AUTHORIZE_URL: &str = "https://auth.openai.com/oauth/authorize\
     ?id_token_add_organizations=true&codex_cli_simplified_flow=true&originator=ampgate";
const TOKEN_URL: &str = "https://auth.openai.com/oauth/token";

/// Codex's public one: OpenAI registers no clients of others, so its page says Codex.
const CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

const SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

impl Preset {
    pub fn family(self) -> Family {
        match self {
            Self::ChatGpt => Family::Codex,
        }
    }

    pub fn as_str(self) -> &'static str {
        PRESETS.iter().find(|(_, preset)| *preset == self).map_or("", |(name, _)| name)
    }

    /// Writes what has not been written.
    pub fn fill_in(self, raw: &mut RawOAuth) {
        match self {
            Self::ChatGpt => {
                #[rustfmt::skip] // columns are easier to proofread
                let values = [
                    (&mut raw.name,          chatgpt::PROVIDER),
                    (&mut raw.dialect,       "openai"),
                    (&mut raw.base_url,      chatgpt::BASE_URL),
                    (&mut raw.authorize_url, AUTHORIZE_URL),
                    (&mut raw.token_url,     TOKEN_URL),
                    (&mut raw.client_id,     CLIENT_ID),
                    // The one address that is registered for it.
                    (&mut raw.redirect_host, "localhost"),
                    (&mut raw.redirect_port, "1455"),
                    (&mut raw.redirect_path, "/auth/callback"),
                ];
                for (scalar, value) in values {
                    if scalar.is_blank() {
                        *scalar = Scalar::Text(value.to_owned());
                    }
                }
                if matches!(raw.scopes, List::Other(Scalar::Absent)) {
                    let scopes = SCOPES.map(|scope| Scalar::Text(scope.to_owned()));
                    raw.scopes = List::Items(scopes.into());
                }
            }
        }
    }
}
