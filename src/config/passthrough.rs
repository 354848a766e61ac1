//! Providers that each client opens with a login of its own.

use super::auth::Auth;
use super::credential::{Family, LongContext};
use super::reader::Reader;
use super::secret::RawSecret;
use super::shapes::Scalar;

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
