//! Providers that each client opens with a login of its own.

use super::auth::Auth;
use super::credential::{Credential, Family, LongContext};
use super::reader::Reader;
use super::secret::RawSecret;
use super::shapes::Scalar;
use crate::types::Origin;

/// Where the logins of each API's clients go.
///
/// SECURITY: a login does not say whose it is, and what may answer its client is looked up by model. With
/// two addresses for one API the login of one company could be shown to the other.
#[derive(Default)]
pub struct LoginAddresses(Vec<(&'static str, Origin, String)>);

impl LoginAddresses {
    /// Enters the address of one more entry, if it is opened by clients.
    pub fn enter(&mut self, reader: &mut Reader<'_>, path: &str, credential: &Credential) {
        if credential.auth != Auth::ClientLogin {
            return;
        }
        let Some(api) = api_of(credential.family) else { return };
        match self.0.iter().find(|(entered, ..)| *entered == api) {
            None => self.0.push((api, credential.origin.clone(), path.to_owned())),
            Some((_, origin, _)) if *origin == credential.origin => {}
            Some((.., first)) => {
                let what = format!(
                    "has another address than `{first}`, and clients of {api} open both with logins of their \
                     own: the login of one company must not be shown to another; keep `passthrough: true` \
                     at one address for each API"
                );
                reader.problem(&format!("{path}.passthrough"), what);
            }
        }
    }
}

/// The API whose clients a provider can be opened by. Google's are the same at both of its addresses.
const fn api_of(family: Family) -> Option<&'static str> {
    match family {
        Family::Claude => Some("Anthropic's API"),
        Family::OpenAi => Some("OpenAI's API"),
        Family::Gemini | Family::Vertex => Some("Google's API"),
        Family::OpenAiCompatible
        | Family::Azure
        | Family::Bedrock
        | Family::VertexClaude
        | Family::Codex => None,
    }
}

impl Reader<'_> {
    /// What opens a provider whose entry says `passthrough: true`: no key of the team's.
    pub fn client_login(&mut self, path: &str, family: Family, key: &RawSecret<'_>) -> Auth {
        if [key.text, key.file, key.variable].iter().any(|given| !given.is_blank()) {
            let what = "must not be there beside `passthrough: true`: each client brings a login of its \
                        own; give the key an entry of its own";
            self.problem(&format!("{path}.api-key"), what);
        }
        let has_clients_of_its_own =
            matches!(family, Family::Claude | Family::OpenAi | Family::Gemini | Family::Vertex);
        if !has_clients_of_its_own {
            let what = "is for `claude-`, `openai-`, `gemini-` and `vertex-api-key` only";
            self.problem(&format!("{path}.passthrough"), what);
        }
        Auth::ClientLogin
    }

    /// What happens to the long context of a client that pays for it itself. Default: it is kept.
    pub fn long_context_of_clients(&mut self, path: &str, scalar: &Scalar) -> LongContext {
        if scalar.is_blank() {
            return LongContext::Keep;
        }
        let asked = self.long_context(path, scalar);
        if asked == LongContext::Auto {
            let what = "cannot be `auto` beside `passthrough: true`: what one client's plan refuses says \
                        nothing of another's";
            self.problem(&format!("{path}.long-context"), what);
        }
        asked
    }
}
