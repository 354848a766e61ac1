//! The configuration as a whole, and the keys in it.

use super::finding::Finding;
use crate::actors::secrets::{SecretsFileError, read_key};
use crate::config::{
    Amp, Auth, ConfigError, Credential, Loaded, Settings, Sources, WarningKind, exposed,
};
use crate::types::ApiKey;

/// What is wrong with a configuration that does not load.
pub fn of_broken(error: &ConfigError) -> Vec<Finding> {
    let advice = "put it right; the gateway does not start like this";
    error.problems.iter().map(|problem| Finding::problem(problem.to_string(), advice)).collect()
}

/// What is to be said of one that does.
pub fn of_loaded(loaded: &Loaded) -> Vec<Finding> {
    let mut findings = vec![match &loaded.file {
        Some(file) => Finding::ok(format!("{} loads", file.display())),
        None => Finding::note("no configuration file: defaults and variables are in effect")
            .with_advice("write an ampgate.yaml, or name one with --config or AMPGATE_CONFIG"),
    }];
    findings.extend(loaded.warnings.iter().map(|warning| match warning.kind {
        WarningKind::Notice => Finding::warning(warning.to_string(), "see to it, or take it out"),
        WarningKind::Terms => Finding::note(warning.to_string()),
        WarningKind::Skipped => {
            Finding::problem(warning.to_string(), "the gateway starts without this entry: mend it")
        }
    }));
    findings
}

/// The keys that clients come in with.
pub fn of_client_keys(settings: &Settings) -> Finding {
    match settings.clients.len() {
        0 if settings.listen.is_loopback() => Finding::warning(
            "`api-keys` has no entry: each start makes up another key",
            "give each client a key under `api-keys`, so that it can keep it",
        ),
        0 => Finding::problem(
            format!(
                "`api-keys` has no entry, and `{}` is no loopback address: the gateway does not start",
                settings.listen.host
            ),
            "give each client a key under `api-keys`",
        ),
        1 => Finding::ok("1 client key"),
        keys => Finding::ok(format!("{keys} client keys")),
    }
}

/// Where the key for the Amp server comes from.
pub enum AmpKey {
    Configured,
    Variable,
    File,
    None,
    Broken(SecretsFileError),
}

/// The key for the Amp server that a client without one of its own gets, and where it was found.
pub fn find_amp_key(amp: &Amp, variable: Option<ApiKey>) -> (Option<ApiKey>, AmpKey) {
    if let Some(key) = &amp.upstream_key {
        return (Some(key.clone()), AmpKey::Configured);
    }
    if variable.is_some() {
        return (variable, AmpKey::Variable);
    }
    match read_key(&amp.secrets_file, &amp.url) {
        Ok(Some(key)) => (Some(key), AmpKey::File),
        Ok(None) => (None, AmpKey::None),
        Err(error) => (None, AmpKey::Broken(error)),
    }
}

pub fn of_amp_key(amp: &Amp, found: &AmpKey) -> Finding {
    let file = amp.secrets_file.display();
    match found {
        AmpKey::Configured => Finding::ok("the Amp server's key is in the configuration"),
        AmpKey::Variable => Finding::ok("the Amp server's key comes from AMP_API_KEY"),
        AmpKey::File => Finding::ok(format!("the Amp server's key comes from {file}")),
        AmpKey::None => Finding::warning(
            format!("there is no key for the Amp server {}", amp.url),
            "set `ampcode.upstream-api-key` (or its -file or -env), AMP_API_KEY, or log in with Amp's \
             own client; without Amp, `ampcode.upstream-url: \"\"`",
        ),
        AmpKey::Broken(error) => Finding::warning(
            format!("{file} {error}"),
            "the Amp server is asked without a key: mend the file, or log in again",
        ),
    }
}

/// The team's own providers.
pub fn of_credentials(credentials: &[Credential]) -> Vec<Finding> {
    if credentials.is_empty() {
        let found = Finding::note(
            "no provider of your own: Amp answers all model calls of Amp's \
                                   clients, and nobody those of others",
        );
        return vec![found.with_advice("add one, such as `claude-api-key`, to serve models")];
    }
    let keyless = credentials.iter().filter(|credential| credential.auth == Auth::Open);
    let count = match credentials.len() {
        1 => "1 credential for a provider".to_owned(),
        count => format!("{count} credentials for providers"),
    };
    let mut findings = vec![Finding::ok(count)];
    findings.extend(keyless.map(|credential| {
        Finding::note(format!("{} goes without a key", credential.id.as_str()))
            .with_advice("give it `api-key-entries` if its server asks for one")
    }));
    let opened = credentials.iter().filter(|credential| credential.auth == Auth::ClientLogin);
    findings.extend(opened.map(|credential| {
        let id = credential.id.as_str();
        Finding::note(format!(
            "{id} is opened by each client's own login, so there is no key to try"
        ))
    }));
    findings
}

/// Files with keys that every user of this machine can read.
pub fn of_exposed_files(loaded: &Loaded) -> Vec<Finding> {
    let files = exposed(loaded);
    files.iter().map(|file| Finding::warning(file.what(), file.advice())).collect()
}

/// Variables that the gateway reads as keys of its own configuration.
pub fn of_variables(sources: &Sources) -> Option<Finding> {
    let names: Vec<&str> = sources
        .environment
        .keys()
        .map(String::as_str)
        .filter(|name| name.starts_with("AMPGATE__"))
        .collect();
    let is_any = !names.is_empty();
    is_any.then(|| Finding::note(format!("variables in effect: {}", names.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use crate::config::load_text;

    fn loaded(yaml: &str) -> Loaded {
        load_text(yaml, &Sources::default()).unwrap()
    }

    #[test]
    fn no_client_key_is_a_problem_only_where_others_can_connect() {
        for (yaml, level) in [
            ("host: 127.0.0.1", Level::Warning),
            ("host: 0.0.0.0", Level::Problem),
            ("{ host: 0.0.0.0, api-keys: [a] }", Level::Ok),
        ] {
            assert_eq!(of_client_keys(&loaded(yaml).settings).level, level, "{yaml}");
        }
    }

    #[test]
    fn what_check_fails_on_is_a_problem_and_an_example_key_a_warning() {
        let found = of_loaded(&loaded(
            "api-keys: [your-api-key-1]\nampcode: { model-mappings: [ { from: '(', to: a, regex: true } ] }",
        ));

        let levels: Vec<Level> = found.iter().map(|finding| finding.level).collect();
        assert_eq!(levels, [Level::Ok, Level::Warning, Level::Problem], "{found:?}");
        assert!(found[1].what.contains("everybody knows"), "{found:?}");
        assert!(!format!("{found:?}").contains("your-api-key-1"));
    }
}
