//! The credentials of hosts of others' APIs.

use super::{Page, long_context, optional, print_models, print_rest, proxy_in_effect};
use crate::config::auth::{Auth, GoogleSource, TokenSource};
use crate::config::credential::{Credential, Family};
use crate::config::hosting::{AzureApi, Hosting, VertexPlace};
use crate::config::models::Model;

pub fn print(page: &mut Page, credentials: &[Credential]) {
    page.list("vertex-ai", &vertex_entries(credentials), |page, entry| entry.print(page));
    let is_azures = |one: &&Credential| matches!(one.hosting, Hosting::Azure(_));
    let azures: Vec<_> = credentials.iter().filter(is_azures).collect();
    page.list("azure-openai", &azures, |page, credential| print_azure(page, credential));
}

fn print_azure(page: &mut Page, credential: &Credential) {
    page.text("api-key", &optional(credential.auth.key()));
    page.text("base-url", &format!("{}{}", credential.origin, credential.base_path));
    let version = match &credential.hosting {
        Hosting::Azure(AzureApi::Dated(version)) => version.as_str(),
        _ => "",
    };
    page.text("api-version", version);
    page.text("proxy-url", &proxy_in_effect(credential));
    print_models(page, &credential.models);
    print_rest(page, credential);
}

/// What was one entry: for Gemini, for Claude, or for both.
struct VertexEntry<'a> {
    /// Of both, Claude's: only there the long context means something.
    credential: &'a Credential,
    place: &'a VertexPlace,
    models: Vec<Model>,
}

fn vertex_entries(credentials: &[Credential]) -> Vec<VertexEntry<'_>> {
    let mut entries: Vec<VertexEntry<'_>> = Vec::new();
    for credential in credentials {
        let Hosting::VertexAi(place) = &credential.hosting else { continue };
        let twin = entries.last_mut().filter(|last| are_twins(last.credential, credential));
        match twin {
            Some(entry) => {
                entry.credential = credential;
                entry.models.extend_from_slice(&credential.models);
            }
            None => {
                let models = credential.models.clone();
                entries.push(VertexEntry { credential, place, models });
            }
        }
    }
    entries
}

/// Whether two credentials, one behind the other, come from one entry.
fn are_twins(gemini: &Credential, claude: &Credential) -> bool {
    (gemini.family, claude.family) == (Family::Vertex, Family::VertexClaude)
        && gemini.models.is_empty() == claude.models.is_empty()
        && gemini.hosting == claude.hosting
        && gemini.auth == claude.auth
        && gemini.origin == claude.origin
        && gemini.base_path == claude.base_path
        && gemini.headers == claude.headers
        && gemini.prefix == claude.prefix
        && gemini.priority == claude.priority
        && gemini.disable_cooling == claude.disable_cooling
        && gemini.proxy_url == claude.proxy_url
        && excluded_of(gemini) == excluded_of(claude)
}

fn excluded_of(credential: &Credential) -> Vec<&str> {
    credential.excluded_models.iter().map(crate::types::ModelPattern::as_str).collect()
}

impl VertexEntry<'_> {
    fn print(&self, page: &mut Page) {
        let Self { credential, place, models } = self;
        page.text("project", &place.project);
        page.text("location", &place.location);
        let file = match &credential.auth {
            Auth::Token(TokenSource::Google(GoogleSource::File { path, .. })) => {
                Some(path.display())
            }
            _ => None,
        };
        page.text("service-account-file", &optional(file));
        page.text("base-url", &format!("{}{}", credential.origin, credential.base_path));
        page.text("proxy-url", &proxy_in_effect(credential));
        page.value("long-context", long_context(credential.long_context));
        print_models(page, models);
        print_rest(page, credential);
    }
}
