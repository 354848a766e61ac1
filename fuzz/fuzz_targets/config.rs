//! No text makes the reader of the configuration panic, what it says does not change from run to run,
//! and no secret is ever in it, nor in what the settings print.
//!
//! Input: the file, then, behind a zero byte, variables, one a line.

#![no_main]

use std::collections::BTreeMap;

use ampgate::config::{Sources, load_text};
use libfuzzer_sys::fuzz_target;
use yaml_rust2::{Yaml, YamlLoader};

/// What stands in every seed where a secret stands. `tests/config.rs` uses the same word.
const SECRET: &str = "hush";

/// Keys whose value, or everything in it, must never be printed.
const SECRET_KEYS: &[&str] =
    &["api-key", "api-key-env", "api-keys", "headers", "key", "key-env", "upstream-api-key"];

fuzz_target!(|input: &str| {
    // A recursive reader, deeper than any configuration: not our code.
    if input.matches(['[', '{', '-', '?']).count() > 2000 {
        return;
    }
    let (text, variables) = input.split_once('\0').unwrap_or((input, ""));
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    let environment: BTreeMap<String, String> =
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let names_a_file = |text: &str| text.contains("file") || text.contains("FILE");
    if names_a_file(text) || environment.keys().any(|name| names_a_file(name)) {
        return; // what a file of this machine holds is nothing to fuzz with
    }
    let sources = Sources { environment, ..Sources::default() };

    let (said, printed) = read(text, &sources);
    assert_eq!(
        read(text, &sources),
        (said.clone(), printed.clone()),
        "another time, another message"
    );

    if input.matches(SECRET).count() == 1 && is_in_place_of_a_secret(text) {
        assert!(!said.contains(SECRET), "told: {said}");
        assert!(!printed.contains(SECRET), "printed: {printed}");
    }
});

/// What is said about a configuration, and how it prints.
fn read(text: &str, sources: &Sources) -> (String, String) {
    match load_text(text, sources) {
        Ok(loaded) => {
            let said: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
            (said.join("\n"), format!("{:?}\n{}", loaded.settings, loaded.settings.to_yaml()))
        }
        Err(error) => (error.to_string(), String::new()),
    }
}

/// Whether the word stands where a secret belongs. In what is not YAML every place may be one.
fn is_in_place_of_a_secret(text: &str) -> bool {
    match YamlLoader::load_from_str(text) {
        Ok(documents) => documents.iter().any(|document| holds_it(document, false)),
        Err(_) => true,
    }
}

fn holds_it(value: &Yaml, is_secret: bool) -> bool {
    match value {
        Yaml::String(text) => text.contains(SECRET) && (is_secret || is_login(text)),
        Yaml::Array(items) => items.iter().any(|item| holds_it(item, is_secret)),
        Yaml::Hash(map) => map.iter().any(|(key, value)| {
            let key = key.as_str().unwrap_or_default();
            let leads_to_names = matches!(key, "name" | "from" | "to" | "alias");
            holds_it(value, !leads_to_names && (is_secret || SECRET_KEYS.contains(&key)))
        }),
        _ => false,
    }
}

/// Whether the word is the password in an address.
fn is_login(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let Some((login, _host)) = rest.rsplit_once('@') else { return false };
    !scheme.contains(SECRET)
        && login.split_once(':').is_some_and(|(user, password)| {
            !user.contains(SECRET) && password.contains(SECRET) && !login.contains(['/', '?', '#'])
        })
}
