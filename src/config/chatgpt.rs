//! `ChatGPT` plans, by the login that the Codex command line keeps: opt-in and experimental.

use std::path::{Path, PathBuf};

use super::auth::{Auth, TokenSource};
use super::credential::{Credential, Family, shared_of};
use super::raw::RawChatGpt;
use super::reader::Reader;
use super::shapes::{Scalar, Section};

/// The backend that Codex uses with a plan.
pub const BASE_URL: &str = "https://chatgpt.com/backend-api/codex";

/// What `x-ampgate-provider`, logs and metrics call it.
pub const PROVIDER: &str = "chatgpt";

/// What whoever configures a plan should know of its provider's terms.
const TERMS: &str = "uses a ChatGPT plan, which is experimental: OpenAI recommends API keys for \
     automation, does not document this backend for other programs, asks them to say who they are \
     (ampgate does), and lets nobody share a plan or pool those of several people; accounts have \
     been limited. Read https://openai.com/policies/terms-of-use and \
     https://developers.openai.com/codex/auth before you go on";

impl Reader<'_> {
    pub(super) fn chatgpt(&mut self, path: &str, entry: Section<RawChatGpt>) -> Option<Credential> {
        let Section::Map(raw) = entry else {
            self.problem(path, "must be a map; `{}` takes the login that Codex has made here");
            return None;
        };
        let shared = shared_of!(raw);
        let file = self.codex_auth_file(path, &raw.codex_auth_file);
        let written = self.text(&format!("{path}.base-url"), &raw.base_url);
        let base_url = written.unwrap_or_else(|| BASE_URL.to_owned());
        let mut credential =
            self.shared(path, shared, (Family::Codex, PROVIDER, &base_url), true)?;
        self.refuse_identity(path, &credential);
        let proxy_path = format!("{path}.proxy-url");
        let proxy_url = self.proxy_url(&proxy_path, &raw.proxy_url);
        credential.proxy_url = self.egress(&proxy_path, proxy_url.as_ref(), &credential.origin);
        let file = file?;
        // Another login is another account: taken at once, like any other secret in a file.
        self.depends_on(&file);
        credential.auth = Auth::Token(TokenSource::Codex(file));
        self.tell_terms(path);
        Some(credential)
    }

    /// Where Codex keeps its login, unless another file is named.
    fn codex_auth_file(&mut self, path: &str, scalar: &Scalar) -> Option<PathBuf> {
        let path = format!("{path}.codex-auth-file");
        if !scalar.is_blank() {
            return self.file(&path, scalar);
        }
        let folder = |name: &str| self.environment.get(name).filter(|folder| !folder.is_empty());
        let home = folder("CODEX_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(Path::new(folder("HOME")?).join(".codex")));
        if home.is_none() {
            let what = "is not given, and neither CODEX_HOME nor HOME says where Codex keeps it";
            self.problem(&path, what);
        }
        Some(home?.join("auth.json"))
    }

    /// Who asks is said by the gateway, and truly, or by Codex itself.
    pub(super) fn refuse_identity(&mut self, path: &str, credential: &Credential) {
        for (name, _) in &credential.headers {
            if matches!(name.as_str(), "originator" | "user-agent" | "chatgpt-account-id") {
                let path = format!("{path}.headers.{name}");
                self.problem(&path, "cannot be set: ampgate says itself who asks; take it out");
            }
        }
    }

    /// Says once, for however many plans, what their provider's terms are.
    pub(super) fn tell_terms(&mut self, path: &str) {
        if !self.warnings.iter().any(|warning| warning.what == TERMS) {
            self.terms(path, TERMS);
        }
    }
}
