//! The configuration: read from four layers, checked once, then trusted.
//!
//! Built-in defaults < file (YAML) < environment (`AMPGATE__...`) < flags. The names follow
//! CLIProxyAPI where it has one. [`load`] reports every problem at once, each with the place it was
//! written in and what to do about it; no message repeats a secret.
//! `config/ampgate.example.yaml` explains every key.
//!
//! Whether a configuration is *safe* (open to the network without a key) is not decided here, but
//! by whoever opens the listener.

mod accounts;
mod admin;
mod aliases;
mod amp;
mod auth;
mod azure;
mod base_url;
mod bedrock;
mod chatgpt;
mod client_rules;
mod clients;
mod compatible;
mod credential;
mod environment;
mod exposure;
mod extra_headers;
mod file;
mod forbidden_login;
mod foreign;
mod gen_ai;
mod google_key;
mod hosting;
mod json_schema;
mod layers;
mod mapping;
mod models;
mod oauth;
mod passthrough;
mod places;
mod prices;
mod print;
mod problem;
mod provider_key;
mod proxy_url;
mod raw;
mod reader;
mod routing;
mod schema;
mod secret;
mod server;
mod settings;
mod shapes;
mod state;
mod telemetry;
mod tls;
mod units;
mod vertex;

use std::collections::BTreeMap;
use std::path::PathBuf;

use zeroize::Zeroizing;

pub use accounts::{
    ACCOUNTS_FILE, AccountId, BadAccountId, BadAccountList, ListedAccount, parse_accounts,
    print_accounts,
};
pub use admin::Admin;
pub use amp::{Amp, Fallback, amp_api_key};
pub use auth::{
    Auth, AwsKeys, AwsSource, Endpoint, GoogleSource, LoginAccount, OAuthClient, TokenRequestForm,
    TokenSource,
};
pub use client_rules::{ClientLimits, ClientRules};
pub use clients::Client;
pub use credential::{Credential, Family, LongContext};
pub use exposure::{Exposed, exposed};
pub use google_key::{GoogleHolder, GoogleKey, GoogleKeyError};
pub use hosting::{AzureApi, Hosting, VertexPlace};
pub use json_schema::json_schema;
pub use mapping::{MappingFrom, ModelMapping};
pub use models::Model;
pub use oauth::{LoopbackHost, LoopbackRedirect, OAuthDialect, OAuthEntry};
pub use prices::{Price, PriceTable};
pub use problem::{ConfigError, Problem, Warning, WarningKind};
pub use proxy_url::{Login, Proxy, ProxyScheme, ProxyUrl};
pub use routing::{Routing, Strategy};
pub use server::{Cors, Limits, Listen, Log, LogFormat, LogLevel, Timeouts};
pub use settings::Settings;
pub use state::{RedisServer, SharedStateSettings};
pub use telemetry::Otlp;
pub use tls::{Tls, TlsFiles};

use places::Places;
use raw::RawSettings;
use reader::Reader;
use schema::KeyPath;

/// What a configuration is made of. Nothing else is looked at, the process environment included.
///
/// SECURITY: no `Debug`, because variables hold secrets.
#[derive(Clone, Default)]
pub struct Sources {
    /// `--config`. Without it, `AMPGATE_CONFIG` of `environment` names the file, and without that
    /// `./ampgate.yaml` is read if it is there. A file that is named has to be there.
    pub file: Option<PathBuf>,
    /// Variables by name: `AMPGATE__...`, `AMPGATE_CONFIG`, `HOME`, `XDG_CONFIG_HOME`, those `*-env` keys
    /// name, `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` in either case, and those that Amp, Codex
    /// and the libraries of AWS, Google and OpenTelemetry go by.
    pub environment: BTreeMap<String, String>,
    pub overrides: Overrides,
}

/// Flags that win over everything else.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--host`
    pub host: Option<String>,
    /// `--port`; 0 takes any free one.
    pub port: Option<u16>,
}

/// A configuration that can be used, and what should be said about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    pub warnings: Vec<Warning>,
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
    /// Every file whose content this is made of, each once: the file itself, secrets given by
    /// `*-file` keys, certificates, lists of accounts, there or not. Not Amp's `secrets-file`, which is read while we run.
    pub files: Vec<PathBuf>,
    /// Every file from which a secret is read, at once or while we run: the configuration itself only if
    /// one is written in it.
    pub secret_files: Vec<PathBuf>,
}

/// Reads and checks the configuration. Finds all problems, not only the first.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let named = file::named(sources);
    let file = file::read(&named)
        .map_err(|problem| ConfigError { problems: vec![problem], files: vec![named.path] })?;
    let files = file.iter().map(|(path, _)| path.clone()).collect();
    load_with(file, files, sources)
}

/// The file that [`load`] reads, or would read if it were there.
#[must_use]
pub fn named_file(sources: &Sources) -> PathBuf {
    file::named(sources).path
}

/// Like [`load`], with `text` in place of a file: for a configuration that a program writes.
pub fn load_text(text: &str, sources: &Sources) -> Result<Loaded, ConfigError> {
    let name = PathBuf::from("built-in configuration");
    load_with(Some((name, Zeroizing::new(text.to_owned()))), Vec::new(), sources)
}

fn load_with(
    file: Option<(PathBuf, Zeroizing<String>)>,
    files: Vec<PathBuf>,
    sources: &Sources,
) -> Result<Loaded, ConfigError> {
    let one = |problem| ConfigError { problems: vec![problem], files: files.clone() };
    let source = file.as_ref().map(|(path, _)| path.display().to_string());
    let mut places = Places::new(source);
    let (values, mut problems) = match &file {
        Some((path, text)) => {
            file::parse(path, text, &layers::defaults(), &mut places).map_err(one)?
        }
        None => Default::default(),
    };
    let variables = environment::read(&sources.environment, &mut places);
    problems.extend(variables.problems);
    let mut ignored = Vec::new();
    let raw = layers::stack(values, variables.values, &sources.overrides, &mut places)
        .map_err(|error| error.to_string())
        .and_then(|layers| deserialize(layers, &mut ignored));
    let mut reader = Reader::new(&sources.environment, places);
    reader.warnings = variables.warnings;
    reader.files = files;
    // Maps come without an order of their own; messages must not change from run to run.
    ignored.sort_by_key(ToString::to_string);
    for path in ignored {
        reader.unknown(&path);
    }
    let settings = match raw {
        Ok(raw) => Some(reader.settings(raw)),
        Err(error) => {
            reader.problem("", error);
            None
        }
    };
    problems.append(&mut reader.problems);
    match settings {
        Some(settings) if problems.is_empty() => {
            let file = file.map(|(path, _)| path);
            let itself = file.iter().filter(|_| reader.file_has_secret).cloned();
            let secret_files = itself.chain(reader.secret_files).collect();
            let (warnings, files) = (reader.warnings, reader.files);
            Ok(Loaded { settings, warnings, file, files, secret_files })
        }
        _ => Err(ConfigError { problems, files: reader.files }),
    }
}

/// Collects the keys nobody reads. The shapes accept every value, so an error here is a fault of
/// the gateway; it still names its path.
fn deserialize(layers: config::Config, ignored: &mut Vec<KeyPath>) -> Result<RawSettings, String> {
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(layers, &mut track);
    serde_ignored::deserialize(tracked, |path| ignored.push(KeyPath::of_ignored(&path)))
        .map_err(|_error| format!("`{}` cannot be read", track.path()))
}

impl Reader<'_> {
    /// A key that is not ours: CLIProxyAPI's are warned of, all others are problems.
    fn unknown(&mut self, path: &KeyPath) {
        let name = path.to_string();
        match foreign::reason(path) {
            Some(reason) => {
                self.warn(
                    &name,
                    format!("is CLIProxyAPI's and has no effect in ampgate: {reason}"),
                );
            }
            None => self.problem(&name, schema::advice(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn files_with_secrets_are_those_with_keys_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let (config, key) = (folder.path().join("a.yaml"), folder.path().join("key"));
        std::fs::write(&key, "k").unwrap();
        let file = key.display();
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("api-keys: [\"alice-key\"]".to_owned(),                 true,  false, "a client's"),
            ("api-keys: [{ name: alice, key: alice-key }]".to_owned(), true,  false, "in a map"),
            ("claude-api-key: [{ api-key: sk-1 }]".to_owned(),       true,  false, "a provider's"),
            ("ampcode: { upstream-api-key: team }".to_owned(),       true,  false, "the team's"),
            ("state: 'redis://:password@redis'".to_owned(),          true,  false, "the login of a server"),
            ("state: 'redis://redis'".to_owned(),                    false, false, "an address"),
            (format!("admin: {{ key-file: {file} }}"),               false, true,  "elsewhere"),
            (format!("api-keys: [a, {{ key-file: {file} }}]"),       true,  true,  "both"),
            (format!("tls: {{ cert: {file}, key: {file} }}"),        false, true,  "a private key"),
            (format!("tls: {{ upstream-ca: {file} }}"),              false, false, "certificates are public"),
            ("proxy-url: 'http://me:password@proxy:1'".to_owned(), true, false, "the login of a proxy"),
            ("port: 1".to_owned(),                                   false, false, "none"),
        ];
        for (yaml, in_itself, in_file, why) in cases {
            std::fs::write(&config, &yaml).unwrap();
            let sources = Sources { file: Some(config.clone()), ..Sources::default() };
            let found = load(&sources).unwrap().secret_files;
            let holds = |file: &PathBuf| found.contains(file);
            assert_eq!((holds(&config), holds(&key)), (in_itself, in_file), "{why}: {found:?}");
        }
        let environment =
            [("AMPGATE__ADMIN__KEY".to_owned(), "k".to_owned())].into_iter().collect();
        std::fs::write(&config, "port: 1\n").unwrap();
        let sources = Sources { file: Some(config), environment, ..Sources::default() };
        let found = load(&sources).unwrap().secret_files;
        assert_eq!(
            found,
            [Path::new("~/.local/share/amp/secrets.json")],
            "a variable's is in none"
        );
    }

    #[test]
    fn amps_own_secrets_file_is_one_where_no_other_key_goes_before_it() {
        let key = ("AMP_API_KEY", "k");
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("",                                                   vec![],                    true,  "by default"),
            ("ampcode: { upstream-api-key: k }",                   vec![],                    false, "the team's key is written"),
            ("",                                                   vec![key],                 false, "the key is in the environment"),
            ("",                                                   vec![("AMP_API_KEY", " ")], true,  "nothing is"),
            ("ampcode: { upstream-url: '' }",                      vec![],                    false, "there is no Amp server"),
            ("{ api-keys: [{ name: a, key: k }], ampcode: { upstream-api-keys: [{ upstream-api-key: k, api-keys: [a] }] } }",
                                                                   vec![],                    true,  "a new client would have none of its own"),
        ];
        for (yaml, variables, expected, why) in cases {
            let home = ("HOME", "/home/me");
            let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            let environment = variables.into_iter().chain([home]).map(owned).collect();
            let loaded = load_text(yaml, &Sources { environment, ..Sources::default() }).unwrap();
            let file = PathBuf::from("/home/me/.local/share/amp/secrets.json");
            assert_eq!(loaded.secret_files.contains(&file), expected, "{why}");
        }
    }
}
