//! Providers that people log in to (OAuth 2): `oauth`, and where their accounts are kept.
//!
//! Each account that `ampgate login` has written becomes a credential, as a key does. What is asked of
//! the authorization server, and how, is decided in `crate::oauth`; here stands where it is and who we
//! are there.

mod preset;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;

pub use self::preset::{PRESETS, Preset};
use super::accounts::{ACCOUNTS_FILE, AccountId, ListedAccount, parse_accounts};
use super::auth::{Auth, Endpoint, LoginAccount, OAuthClient, TokenRequestForm, TokenSource};
use super::base_url;
use super::credential::{Credential, Family, shared_of};
use super::forbidden_login::{objection_to_client, objection_to_server};
use super::proxy_url::ProxyUrl;
use super::raw::RawOAuth;
use super::reader::Reader;
use super::secret::RawSecret;
use super::shapes::{List, Scalar, Section};
use crate::types::{ApiKey, Origin, ProviderName};

/// A provider whose accounts log in, and those that have.
#[derive(Clone, Debug)]
pub struct OAuthEntry {
    /// Whose addresses were known.
    pub preset: Option<Preset>,
    pub client: Arc<OAuthClient>,
    pub dialect: OAuthDialect,
    /// Where a token is taken back (RFC 7009); `None`: it is only forgotten.
    pub revoke: Option<Endpoint>,
    pub redirect: LoopbackRedirect,
    /// Holds the list of its accounts, and a file for each.
    pub folder: PathBuf,
    pub accounts: Vec<ListedAccount>,
    /// What each account becomes, less its id and its login.
    pub credential: Credential,
}

/// Which API a provider with logins has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OAuthDialect {
    Anthropic,
    OpenAi,
    Gemini,
}

/// Where the browser comes back to (RFC 8252, section 7.3). Some servers take any port, as that section
/// says; others know one address only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopbackRedirect {
    pub host: LoopbackHost,
    /// 0: any free one.
    pub port: u16,
    /// Begins with a slash.
    pub path: String,
}

/// What the address calls this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopbackHost {
    /// `127.0.0.1`: what RFC 8252, section 7.3, asks for.
    Address,
    /// `localhost`: not recommended there, but what some servers have registered.
    Name,
}

pub const DIALECTS: [(&str, OAuthDialect); 3] = [
    ("anthropic", OAuthDialect::Anthropic),
    ("openai", OAuthDialect::OpenAi),
    ("gemini", OAuthDialect::Gemini),
];
pub const TOKEN_REQUEST_FORMS: [(&str, TokenRequestForm); 2] =
    [("form", TokenRequestForm::Form), ("json", TokenRequestForm::Json)];
pub const LOOPBACK_HOSTS: [(&str, LoopbackHost); 2] =
    [("127.0.0.1", LoopbackHost::Address), ("localhost", LoopbackHost::Name)];

const DEFAULT_REDIRECT_PATH: &str = "/callback";
/// Where accounts are kept, below the folder for configurations.
const FOLDER: &str = "ampgate/accounts";

impl OAuthDialect {
    fn family(self) -> Family {
        match self {
            Self::Anthropic => Family::Claude,
            Self::OpenAi => Family::OpenAiCompatible,
            Self::Gemini => Family::Gemini,
        }
    }
}

impl LoopbackHost {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        LOOPBACK_HOSTS.iter().find(|(_, host)| *host == self).map_or("127.0.0.1", |(name, _)| name)
    }
}

impl OAuthEntry {
    #[must_use]
    pub fn name(&self) -> &ProviderName {
        &self.client.name
    }

    #[must_use]
    pub fn list_file(&self) -> PathBuf {
        self.folder.join(ACCOUNTS_FILE)
    }

    /// Where the tokens of an account are kept.
    #[must_use]
    pub fn account_file(&self, account: &AccountId) -> PathBuf {
        self.folder.join(format!("{account}.json"))
    }

    /// One for each account. Their ids are given when all credentials are known.
    pub(super) fn credentials(&self) -> impl Iterator<Item = Credential> {
        self.accounts.iter().map(|account| {
            let file = self.account_file(&account.id);
            let login = LoginAccount { client: self.client.clone(), file };
            let auth = Auth::Token(TokenSource::Login(login));
            Credential { auth, ..self.credential.clone() }
        })
    }
}

impl Reader<'_> {
    /// The folder of all accounts; `None` where it is not written and nobody's home is known.
    pub fn auth_dir(&mut self, scalar: &Scalar) -> Option<PathBuf> {
        if let Some(folder) = self.file("auth-dir", scalar) {
            self.warn_of_foreign_logins(&folder);
            return Some(folder);
        }
        let folder = |name: &str| self.environment.get(name).map(Path::new);
        // XDG Base Directory Specification: a relative path there is none.
        let configs = folder("XDG_CONFIG_HOME").filter(|folder| folder.is_absolute());
        let home = folder("HOME").filter(|home| !home.as_os_str().is_empty());
        let configs = configs.map(Path::to_owned).or_else(|| Some(home?.join(".config")))?;
        Some(configs.join(FOLDER))
    }

    /// CLIProxyAPI has a key of this name, and its users' files load: theirs lie in the folder itself,
    /// ours in one for each provider.
    fn warn_of_foreign_logins(&mut self, folder: &Path) {
        let is_login = |path: &Path| {
            let json = path.extension().is_some_and(|end| end == "json");
            let text = json.then(|| std::fs::read_to_string(path).ok()).flatten();
            let value = text.and_then(|text| serde_json::from_str(&text).ok());
            value.is_some_and(|value: serde_json::Value| value["type"].is_string())
        };
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let logins = files.filter(|file| is_login(&file.path())).count();
        if logins > 0 {
            let what = format!(
                "holds {logins} login(s) of CLIProxyAPI, which ampgate does not read; list their \
                 providers under `oauth` and log in again with `ampgate login`"
            );
            self.warn("auth-dir", what);
        }
    }

    pub fn oauth(
        &mut self,
        list: List<Section<RawOAuth>>,
        auth_dir: Option<&Path>,
    ) -> Vec<OAuthEntry> {
        let mut entries: Vec<OAuthEntry> = Vec::new();
        let items = self.items("oauth", list);
        if auth_dir.is_none() && !items.is_empty() {
            let what =
                "is needed where there is no home directory: `oauth` keeps its accounts there";
            self.problem("auth-dir", what);
        }
        for (index, entry) in items.into_iter().enumerate() {
            let path = format!("oauth[{index}]");
            let Section::Map(raw) = entry else {
                self.problem(&path, "must be a map with `name`, `token-url` and so on");
                continue;
            };
            let Some(entry) = self.oauth_entry(&path, raw, auth_dir.unwrap_or(Path::new("")))
            else {
                continue;
            };
            if entries.iter().any(|other| other.name() == entry.name()) {
                self.problem(&format!("{path}.name"), "is another entry's name, too");
            }
            entries.push(entry);
        }
        entries
    }

    fn oauth_entry(
        &mut self,
        path: &str,
        mut raw: RawOAuth,
        auth_dir: &Path,
    ) -> Option<OAuthEntry> {
        let at = |key: &str| format!("{path}.{key}");
        let preset = (!raw.preset.is_blank())
            .then(|| self.choice(&at("preset"), &raw.preset, &PRESETS))
            .inspect(|preset| preset.fill_in(&mut raw));
        let name = self.folder_name(&at("name"), &raw.name);
        if raw.dialect.is_blank() {
            self.problem(&at("dialect"), "is empty; write anthropic, openai or gemini");
        }
        let dialect = self.choice(&at("dialect"), &raw.dialect, &DIALECTS);
        let proxy_url = self.proxy_url(&at("proxy-url"), &raw.proxy_url);
        let authorize = self.secure_address(&at("authorize-url"), &raw.authorize_url);
        let device = self.oauth_endpoint(&at("device-url"), &raw.device_url, proxy_url.as_ref());
        let revoke = self.oauth_endpoint(&at("revoke-url"), &raw.revoke_url, proxy_url.as_ref());
        let token = self
            .required(&at("token-url"), &raw.token_url)
            .and_then(|scalar| self.oauth_endpoint(&at("token-url"), scalar, proxy_url.as_ref()));
        if raw.authorize_url.is_blank() && raw.device_url.is_blank() {
            let what = "is empty; nobody can log in without it or `device-url`";
            self.problem(&at("authorize-url"), what);
        }
        let client_id = self.required_text(&at("client-id"), &raw.client_id);
        let secret = RawSecret {
            text: &raw.client_secret,
            file: &raw.client_secret_file,
            variable: &raw.client_secret_env,
        };
        let client_secret = self.secret(&at("client-secret"), &secret).ok().flatten();
        let scopes = self.scopes(&at("scopes"), raw.scopes);
        let token_request =
            self.choice(&at("token-request"), &raw.token_request, &TOKEN_REQUEST_FORMS);
        let redirect = LoopbackRedirect {
            host: self.choice(&at("redirect-host"), &raw.redirect_host, &LOOPBACK_HOSTS),
            port: self.port(&at("redirect-port"), &raw.redirect_port),
            path: self.redirect_path(&at("redirect-path"), &raw.redirect_path),
        };
        let base_url = self.required_text(&at("base-url"), &raw.base_url);
        let shared = shared_of!(raw);
        // Read before anything is given up, so that all problems are told at once.
        let address = base_url.as_deref().unwrap_or("https://nowhere.invalid");
        let family = preset.map_or(dialect.family(), Preset::family);
        let provider = (family, name.as_deref().unwrap_or_default(), address);
        let mut credential = self.shared(path, shared, provider, true)?;
        if family == Family::Codex {
            self.refuse_identity(path, &credential);
            self.tell_terms(path);
        }
        credential.proxy_url =
            self.egress(&at("proxy-url"), proxy_url.as_ref(), &credential.origin);
        if !credential.origin.is_confidential() {
            let what = "is not https: whoever is on the way can read the token and use it";
            self.warn(&at("base-url"), what);
        }
        let servers = [
            ("authorize-url", authorize.as_ref().map(|(origin, _)| origin)),
            ("token-url", token.as_ref().map(|endpoint| &endpoint.origin)),
            ("device-url", device.as_ref().map(|endpoint| &endpoint.origin)),
        ];
        self.refuse_forbidden_login(path, client_id.as_deref(), servers);
        let (name, token, client_id, _) = (name?, token?, client_id?, base_url?);
        let folder = auth_dir.join(&name);
        let accounts = self.accounts(path, &name, &folder.join(ACCOUNTS_FILE));
        let client = Arc::new(OAuthClient {
            name: ProviderName::new(&name),
            authorize_url: authorize.map(|(_, url)| url.to_string()),
            token,
            device,
            client_id,
            client_secret: client_secret.and_then(|secret| ApiKey::parse(&secret).ok()),
            scopes,
            token_request,
        });
        Some(OAuthEntry { preset, client, dialect, revoke, redirect, folder, accounts, credential })
    }

    /// Told once for each entry: who has taken over a login of another program has all of its addresses.
    fn refuse_forbidden_login(
        &mut self,
        path: &str,
        client_id: Option<&str>,
        servers: [(&str, Option<&Origin>); 3],
    ) {
        let of_client = client_id.and_then(objection_to_client).map(|what| ("client-id", what));
        let mut of_servers = servers.into_iter().filter_map(|(key, origin)| {
            objection_to_server(origin?.host()).map(|what| (key, what))
        });
        if let Some((key, what)) = of_client.or_else(|| of_servers.next()) {
            self.problem(&format!("{path}.{key}"), what);
        }
    }

    /// The name of a provider that is the name of a folder, too.
    fn folder_name(&mut self, path: &str, scalar: &Scalar) -> Option<String> {
        let name = self.provider_name(path, scalar)?;
        if name.starts_with('.') {
            self.problem(path, "must not begin with `.`: a folder has this name");
            return None;
        }
        Some(name)
    }

    fn required<'s>(&mut self, path: &str, scalar: &'s Scalar) -> Option<&'s Scalar> {
        if scalar.is_blank() {
            self.problem(path, "is empty");
            return None;
        }
        Some(scalar)
    }

    fn oauth_endpoint(
        &mut self,
        path: &str,
        scalar: &Scalar,
        proxy: Option<&ProxyUrl>,
    ) -> Option<Endpoint> {
        let (origin, url) = self.secure_address(path, scalar)?;
        // What NO_PROXY takes out of a written proxy is told once, at the base-url.
        let proxy = self.egress.proxy_for(&origin, proxy);
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Some(Endpoint { origin, path, proxy: None }.through(proxy))
    }

    /// An address of an authorization server. It keeps its query (RFC 6749, sections 3.1 and 3.2), and
    /// its traffic is protected (sections 3.1.2.1 and 3.2), except on this machine.
    fn secure_address(&mut self, path: &str, scalar: &Scalar) -> Option<(Origin, Url)> {
        let text = self.text(path, scalar)?;
        let before_query = text.split_once('?').map_or(text.as_str(), |(before, _)| before);
        let outcome = if text.contains('#') {
            Err("must not have a fragment (`#`)".to_owned())
        } else {
            base_url::split(before_query)
        };
        let (origin, _) = match outcome {
            Ok(split) => split,
            Err(what) => {
                self.problem(path, what);
                return None;
            }
        };
        if !origin.is_confidential() {
            let what = "must be https, except on this machine: passwords and tokens go there \
                        (RFC 6749, section 3.2)";
            self.problem(path, what);
            return None;
        }
        let Ok(url) = Url::parse(&text) else {
            self.problem(path, "is no address like https://host/path");
            return None;
        };
        Some((origin, url))
    }

    /// RFC 6749, section 3.3: printable ASCII without white space, `"` and `\`.
    fn scopes(&mut self, path: &str, list: List<Scalar>) -> Vec<String> {
        let mut scopes = Vec::new();
        for (index, item) in self.items(path, list).into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(scope) = self.required_text(&path, &item) else { continue };
            let fits = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
            if scope.chars().all(fits) {
                scopes.push(scope);
            } else {
                self.problem(&path, "is no scope: it has white space, a quote or a backslash");
            }
        }
        scopes
    }

    fn redirect_path(&mut self, path: &str, scalar: &Scalar) -> String {
        let Some(text) = self.text(path, scalar) else { return DEFAULT_REDIRECT_PATH.to_owned() };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
        if !text.starts_with('/') || !text.chars().all(is_plain) {
            self.problem(path, "must be a path like /callback");
        }
        text
    }

    /// Those that have logged in. None yet is worth a word. A list that is there and cannot be read is no
    /// empty one: a reload that took it for one would empty the pool.
    fn accounts(&mut self, path: &str, name: &str, list: &Path) -> Vec<ListedAccount> {
        // A login reaches a running gateway as any other change of the configuration does.
        self.depends_on(list);
        let text = match std::fs::read_to_string(list) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            outcome => outcome.map_err(|error| format!("cannot be read: {error}")),
        };
        let accounts =
            text.and_then(|text| parse_accounts(&text).map_err(|error| error.to_string()));
        match accounts {
            Ok(accounts) => {
                if accounts.is_empty() {
                    self.warn(path, format!("has no account yet: run `ampgate login {name}`"));
                }
                accounts
            }
            Err(why) => {
                let list = list.display();
                let what = format!(
                    "has a list of accounts that is of no use: {list} {why}; mend it, or take it \
                     away and run `ampgate login {name}` again"
                );
                self.problem(path, what);
                Vec::new()
            }
        }
    }
}
