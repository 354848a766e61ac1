//! The Amp server: its address, the keys for it, and when it may answer model calls.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::types::{ApiKey, ClientId, KeyHash, Origin};

use super::base_url;
use super::clients::Client;
use super::proxy_url::Proxy;
use super::raw::{RawAmp, RawClientUpstream};
use super::reader::Reader;
use super::secret::RawSecret;
use super::shapes::{List, Section};

/// The Amp server and how we speak to it.
#[derive(Clone, Debug)]
pub struct Amp {
    pub origin: Origin,
    /// The proxy in effect; `None` is a direct connection.
    pub proxy: Option<Proxy>,
    /// In front of every path, without a slash at its end. Default none.
    pub base_path: String,
    /// The address as written: Amp's secrets file has its key under this name. Default
    /// `https://ampcode.com`.
    pub url: String,
    /// The team's key. Default none: `AMP_API_KEY`, then the secrets file.
    pub upstream_key: Option<ApiKey>,
    /// Clients with an Amp key of their own; no client is in it twice.
    pub per_client: Vec<(ClientId, ApiKey)>,
    /// Where Amp keeps its login. Default `~/.local/share/amp/secrets.json`, `~/` being `$HOME`.
    pub secrets_file: PathBuf,
    /// How long an answer of the secrets file is kept. Default 5 min, from 1 s to 24 h.
    pub secret_ttl: Duration,
    /// Whether management routes answer peers of this machine only. Default false.
    pub restrict_management_to_localhost: bool,
    /// Default [`Fallback::Unconfigured`].
    pub fallback: Fallback,
}

/// When a model call may be answered, and charged, by Amp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// When no credential of ours is configured for the model.
    Unconfigured,
    /// Also when all of ours that serve the model have failed, or rest.
    OnFailure,
    Never,
}

/// Default first.
pub const FALLBACKS: [(&str, Fallback); 3] = [
    ("unconfigured", Fallback::Unconfigured),
    ("on-failure", Fallback::OnFailure),
    ("never", Fallback::Never),
];

/// Where Amp's own client looks for its key, too.
const API_KEY_VARIABLE: &str = "AMP_API_KEY";

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The key of the environment for the Amp server.
#[must_use]
pub fn amp_api_key(environment: &BTreeMap<String, String>) -> Option<ApiKey> {
    environment.get(API_KEY_VARIABLE).and_then(|key| ApiKey::parse(key).ok())
}

impl Reader<'_> {
    /// `None` when `upstream-url` is empty: a gateway without Amp.
    pub fn amp(&mut self, raw: RawAmp, clients: &[Client]) -> Option<Amp> {
        let url_path = "ampcode.upstream-url";
        let key_path = "ampcode.upstream-api-key";
        let key = RawSecret {
            text: &raw.upstream_api_key,
            file: &raw.upstream_api_key_file,
            variable: &raw.upstream_api_key_env,
        };
        let upstream_key = self.api_key(key_path, &key).ok().flatten();
        let per_client = self.keys_per_client(raw.upstream_api_keys, clients);
        let secrets_file = self.file("ampcode.secrets-file", &raw.secrets_file);
        let secret_ttl = self.duration("ampcode.secret-ttl", &raw.secret_ttl, SECOND..=DAY);
        let restrict_management_to_localhost = self.flag(
            "ampcode.restrict-management-to-localhost",
            &raw.restrict_management_to_localhost,
        );
        let fallback = self.choice("ampcode.fallback", &raw.fallback, &FALLBACKS);
        let url = self.text(url_path, &raw.upstream_url)?;
        let (origin, base_path) = match base_url::split(&url) {
            Ok(parts) => parts,
            Err(what) => {
                self.problem(url_path, what);
                return None;
            }
        };
        self.warn_of_braces(url_path, &url);
        let secrets_file = secrets_file.unwrap_or_default();
        // Read only where no other key goes before the one in it.
        if upstream_key.is_none() && amp_api_key(self.environment).is_none() {
            self.holds_secret(&secrets_file);
        }
        Some(Amp {
            proxy: self.egress.proxy_for(&origin, None),
            origin,
            base_path,
            url,
            upstream_key,
            per_client,
            secrets_file,
            secret_ttl,
            restrict_management_to_localhost,
            fallback,
        })
    }

    fn keys_per_client(
        &mut self,
        list: List<Section<RawClientUpstream>>,
        clients: &[Client],
    ) -> Vec<(ClientId, ApiKey)> {
        let path = "ampcode.upstream-api-keys";
        let mut mapped: Vec<(ClientId, ApiKey)> = Vec::new();
        for (index, entry) in self.items(path, list).into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let raw = self.section(&path, entry);
            let key_path = format!("{path}.upstream-api-key");
            let secret = RawSecret {
                text: &raw.upstream_api_key,
                file: &raw.upstream_api_key_file,
                variable: &raw.upstream_api_key_env,
            };
            let key = self.api_key(&key_path, &secret);
            if key == Ok(None) {
                self.problem(&key_path, "is empty; the entry needs a key for the Amp server");
            }
            let key = key.ok().flatten();
            let list_path = format!("{path}.api-keys");
            for (index, item) in self.items(&list_path, raw.api_keys).into_iter().enumerate() {
                let path = format!("{list_path}[{index}]");
                let Some(text) = self.required_text(&path, &item) else { continue };
                let Some(id) = find_client(clients, &text) else {
                    self.problem(&path, "is neither a key nor a name of a client in `api-keys`");
                    continue;
                };
                if mapped.iter().any(|(known, _)| known == id) {
                    self.problem(&path, format!("maps the client `{id}` a second time"));
                } else if let Some(key) = &key {
                    mapped.push((id.clone(), key.clone()));
                }
            }
        }
        mapped
    }

    /// Says that a template in an address stays as it is.
    pub fn warn_of_braces(&mut self, path: &str, text: &str) {
        if text.contains("${") {
            self.warn(path, "is taken as it is: `${...}` is not interpolated; write the address");
        }
    }
}

/// By name, or by the key itself.
fn find_client<'c>(clients: &'c [Client], text: &str) -> Option<&'c ClientId> {
    let hash = KeyHash::of(text.as_bytes());
    let by_name = clients.iter().find(|client| client.id.as_str() == text);
    by_name.or_else(|| clients.iter().find(|client| client.key.matches(&hash))).map(|c| &c.id)
}
