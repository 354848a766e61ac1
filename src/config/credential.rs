//! Providers of our own: one credential for each key, whatever list it was written in.

use std::collections::HashMap;

use actix_web::http::header::{HeaderName, HeaderValue};

use crate::types::{CredentialId, ModelPattern, Origin, ProviderName};

use super::auth::Auth;
use super::base_url;
use super::gen_ai;
use super::hosting::Hosting;
use super::models::Model;
use super::oauth::OAuthEntry;
use super::passthrough::LoginAddresses;
use super::proxy_url::Proxy;
use super::raw::{RawCredential, RawHeaders, RawModel, RawSettings};
use super::reader::Reader;
use super::secret::RawSecret;
use super::shapes::{List, Scalar, Section};

/// The kind of API a credential is for: its dialect, its authentication, its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    Claude,
    OpenAi,
    Gemini,
    Vertex,
    OpenAiCompatible,
    /// OpenAI's models as Azure hosts them: by deployments.
    Azure,
    /// Claude as Amazon Bedrock hosts it.
    Bedrock,
    /// Claude as Vertex AI hosts it.
    VertexClaude,
    /// The Responses API behind a `ChatGPT` plan, which Codex uses.
    Codex,
}

/// What happens to the beta `context-1m-2025-08-07`, which is charged extra.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongContext {
    /// Taken out of `Anthropic-Beta`. The default.
    Strip,
    Keep,
    /// Tried once for each credential; where it is refused, that is remembered and it is taken out.
    Auto,
}

/// One key for one provider.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Provider and position, as `claude-1`: unique, and safe for logs.
    pub id: CredentialId,
    pub family: Family,
    /// `claude`, `openai`, `gemini`, `vertex`, `chatgpt`, or the name of the compatible provider.
    pub provider: ProviderName,
    /// Whose API it is, as OpenTelemetry's conventions call it: `anthropic`, `gcp.gemini` and so on.
    pub gen_ai_provider: ProviderName,
    pub auth: Auth,
    pub origin: Origin,
    /// In front of every method path, without a slash at its end. Versions are put right: none for
    /// Claude, Gemini, Vertex and Azure; `/v1` or a version of its own for OpenAI and compatible ones.
    pub base_path: String,
    /// What else the path of a call has.
    pub hosting: Hosting,
    /// Empty: the family's names, by pattern.
    pub models: Vec<Model>,
    /// Fields added to every request, sorted by name. Their values print as `Sensitive`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Default [`LongContext::Strip`].
    pub long_context: LongContext,
    /// Clients write `prefix/model` to get a credential that has it; the name alone gets it, too,
    /// unless `force-model-prefix` is on. Without white space, or a slash at either end.
    pub prefix: Option<String>,
    /// The highest that can answer goes first; default 0, from -1000000 to 1000000.
    pub priority: i64,
    /// Models it does not serve, whatever `models` or the family say.
    pub excluded_models: Vec<ModelPattern>,
    /// Whether failures do not put it to rest, if that differs from the rest of them.
    pub disable_cooling: Option<bool>,
    /// The proxy in effect, from whichever place it was written; `None` is a direct connection.
    pub proxy_url: Option<Proxy>,
}

/// How a family's keys are listed.
struct Kind {
    family: Family,
    provider: &'static str,
    base_url: &'static str,
}

const CLAUDE: Kind =
    Kind { family: Family::Claude, provider: "claude", base_url: "https://api.anthropic.com" };
const OPENAI: Kind =
    Kind { family: Family::OpenAi, provider: "openai", base_url: "https://api.openai.com/v1" };
const GEMINI: Kind = Kind {
    family: Family::Gemini,
    provider: "gemini",
    base_url: "https://generativelanguage.googleapis.com",
};
const VERTEX: Kind = Kind {
    family: Family::Vertex,
    provider: "vertex",
    base_url: "https://aiplatform.googleapis.com",
};

pub const MOST_PRIORITY: i64 = 1_000_000;

/// What credentials have in common, whichever list they stand in.
pub struct Shared {
    pub models: List<Section<RawModel>>,
    pub excluded_models: List<Scalar>,
    pub headers: RawHeaders,
    pub prefix: Scalar,
    pub priority: Scalar,
    pub disable_cooling: Scalar,
}

/// Takes them out of an entry as written. Flattened into each of those, they would hide unknown keys.
macro_rules! shared_of {
    ($raw:ident) => {
        $crate::config::credential::Shared {
            models: $raw.models,
            excluded_models: $raw.excluded_models,
            headers: $raw.headers,
            prefix: $raw.prefix,
            priority: $raw.priority,
            disable_cooling: $raw.disable_cooling,
        }
    };
}
pub(super) use shared_of;

/// Reads all lists of credentials; leaves them empty in `raw`. Accounts that have logged in come last.
pub fn read(
    reader: &mut Reader<'_>,
    raw: &mut RawSettings,
    oauth: &[OAuthEntry],
) -> Vec<Credential> {
    let mut all = Vec::new();
    let mut login_addresses = LoginAddresses::default();
    for (name, list, kind) in [
        ("claude-api-key", &mut raw.claude_api_key, CLAUDE),
        ("openai-api-key", &mut raw.openai_api_key, OPENAI),
        ("codex-api-key", &mut raw.codex_api_key, OPENAI),
        ("gemini-api-key", &mut raw.gemini_api_key, GEMINI),
        ("vertex-api-key", &mut raw.vertex_api_key, VERTEX),
    ] {
        for (index, entry) in reader.items(name, std::mem::take(list)).into_iter().enumerate() {
            let path = format!("{name}[{index}]");
            let credential = reader.credential(&path, entry, &kind);
            if let Some(credential) = &credential {
                login_addresses.enter(reader, &path, credential);
            }
            all.extend(credential);
        }
    }
    let list = std::mem::take(&mut raw.vertex_ai);
    for (index, entry) in reader.items("vertex-ai", list).into_iter().enumerate() {
        all.extend(reader.vertex(&format!("vertex-ai[{index}]"), entry).unwrap_or_default());
    }
    let list = std::mem::take(&mut raw.azure_openai);
    for (index, entry) in reader.items("azure-openai", list).into_iter().enumerate() {
        all.extend(reader.azure(&format!("azure-openai[{index}]"), entry));
    }
    let name = "openai-compatibility";
    let list = std::mem::take(&mut raw.openai_compatibility);
    for (index, entry) in reader.items(name, list).into_iter().enumerate() {
        all.extend(reader.compatible(&format!("{name}[{index}]"), entry).unwrap_or_default());
    }
    let name = "bedrock";
    let list = std::mem::take(&mut raw.bedrock);
    for (index, entry) in reader.items(name, list).into_iter().enumerate() {
        all.extend(reader.bedrock(&format!("{name}[{index}]"), entry));
    }
    let name = "chatgpt";
    let list = std::mem::take(&mut raw.chatgpt);
    for (index, entry) in reader.items(name, list).into_iter().enumerate() {
        all.extend(reader.chatgpt(&format!("{name}[{index}]"), entry));
    }
    all.extend(oauth.iter().flat_map(OAuthEntry::credentials));
    number(&mut all);
    all
}

/// Gives each credential its id. Counted by provider, so that lists of one provider go on.
fn number(credentials: &mut [Credential]) {
    let mut seen: HashMap<ProviderName, usize> = HashMap::new();
    for credential in credentials {
        let number = seen.entry(credential.provider.clone()).or_default();
        *number += 1;
        credential.id = CredentialId::new(&format!("{}-{number}", credential.provider));
    }
}

impl Credential {
    /// Whether it is found out by asking what the credential may do with the long context.
    #[must_use]
    pub fn learns_long_context(&self) -> bool {
        self.long_context == LongContext::Auto
    }
}

impl Reader<'_> {
    fn credential(
        &mut self,
        path: &str,
        entry: Section<RawCredential>,
        kind: &Kind,
    ) -> Option<Credential> {
        let Section::Map(raw) = entry else {
            self.problem(path, "must be a map with `api-key`");
            return None;
        };
        let shared = shared_of!(raw);
        let secret =
            RawSecret { text: &raw.api_key, file: &raw.api_key_file, variable: &raw.api_key_env };
        let passes_login_through = self.flag(&format!("{path}.passthrough"), &raw.passthrough);
        let auth = if passes_login_through {
            self.client_login(path, kind.family, &secret)
        } else {
            self.provider_key(path, &secret)
        };
        let written = self.text(&format!("{path}.base-url"), &raw.base_url);
        let base_url = written.unwrap_or_else(|| kind.base_url.to_owned());
        let mut credential =
            self.shared(path, shared, (kind.family, kind.provider, &base_url), true)?;
        credential.long_context = if auth == Auth::ClientLogin {
            self.long_context_of_clients(path, &raw.long_context)
        } else {
            self.long_context(path, &raw.long_context)
        };
        credential.auth = auth;
        let proxy_path = format!("{path}.proxy-url");
        let proxy_url = self.proxy_url(&proxy_path, &raw.proxy_url);
        credential.proxy_url = self.egress(&proxy_path, proxy_url.as_ref(), &credential.origin);
        Some(credential)
    }

    /// Everything but the key, the id, and what only one kind of list has.
    pub fn shared(
        &mut self,
        path: &str,
        raw: Shared,
        (family, provider, base_url): (Family, &str, &str),
        has_key: bool,
    ) -> Option<Credential> {
        let models = self.models(&format!("{path}.models"), raw.models);
        let excluded_models =
            self.excluded_models(&format!("{path}.excluded-models"), raw.excluded_models);
        let headers_path = format!("{path}.headers");
        let headers = self.headers(&headers_path, raw.headers, has_key);
        self.refuse_logins_in(&headers_path, &headers);
        let prefix = self.prefix(&format!("{path}.prefix"), &raw.prefix);
        let priority = self.priority(&format!("{path}.priority"), &raw.priority);
        let cooling_path = format!("{path}.disable-cooling");
        let disable_cooling = (!raw.disable_cooling.is_blank())
            .then(|| self.flag(&cooling_path, &raw.disable_cooling));
        let url_path = format!("{path}.base-url");
        let base = match base_url::parse(base_url, family) {
            Ok(base) => base,
            Err(what) => {
                self.problem(&url_path, what);
                return None;
            }
        };
        self.warn_of_braces(&url_path, base_url);
        if let Some(method) = base.method {
            let what = format!("ends in `{method}`, which ampgate adds itself; it is taken off");
            self.warn(&url_path, what);
        }
        Some(Credential {
            id: CredentialId::new(""), // given when all are read
            family,
            provider: ProviderName::new(provider),
            gen_ai_provider: gen_ai::provider_name(family, provider, &base.origin),
            auth: Auth::Open,
            origin: base.origin,
            base_path: base.path,
            hosting: Hosting::Plain,
            models,
            headers,
            long_context: LongContext::Strip,
            prefix,
            priority,
            excluded_models,
            disable_cooling,
            proxy_url: None,
        })
    }

    fn priority(&mut self, path: &str, scalar: &Scalar) -> i64 {
        self.integer(path, scalar, -MOST_PRIORITY..=MOST_PRIORITY).unwrap_or(0)
    }

    fn prefix(&mut self, path: &str, scalar: &Scalar) -> Option<String> {
        let prefix = self.text(path, scalar)?;
        if prefix.starts_with('/') || prefix.ends_with('/') {
            self.problem(path, "must not begin or end with `/`: clients write `prefix/model`");
        } else if prefix.contains(char::is_whitespace) {
            self.problem(path, "must have no white space: clients write `prefix/model`");
        }
        Some(prefix)
    }

    pub fn long_context(&mut self, path: &str, scalar: &Scalar) -> LongContext {
        let path = format!("{path}.long-context");
        match scalar {
            Scalar::Absent | Scalar::Bool(false) => LongContext::Strip,
            Scalar::Bool(true) => LongContext::Keep,
            Scalar::Text(text) if text.trim() == "auto" => LongContext::Auto,
            _ => {
                self.problem(&path, "must be true, false or auto");
                LongContext::Strip
            }
        }
    }
}
