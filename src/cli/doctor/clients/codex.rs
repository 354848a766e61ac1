//! Codex: a provider of one's own in `config.toml`, or another address for the built-in one.

use toml::{Table, Value};

use super::{Examined, json, non_empty, text, unreadable};
use crate::cli::doctor::aim::{Aim, Base, Gateway};
use crate::cli::doctor::finding::Finding;
use crate::cli::doctor::machine::{Places, Seen};
use crate::types::ApiKey;

const CONFIG: &str = ".codex/config.toml";
const AUTH: &str = ".codex/auth.json";

pub const PLACES: Places =
    Places { program: "codex", files: &[CONFIG, AUTH], variables: &["OPENAI_BASE_URL"] };

/// The provider that Codex has without being told.
const BUILT_IN: &str = "openai";

pub fn examine(seen: &Seen, gateway: &Gateway) -> Examined {
    let mut examined = Examined {
        key_belongs_in: "the variable that `env_key` names".to_owned(),
        pointed_by: format!(
            "in ~/{CONFIG}: model_provider = \"ampgate\", and [model_providers.ampgate] with \
             name = \"ampgate\", base_url = \"{}\", env_key = \"AMPGATE_KEY\", \
             wire_api = \"responses\"",
            gateway.url("/v1")
        ),
        ..Examined::default()
    };
    let findings = &mut examined.findings;
    let config = match text(seen, CONFIG, findings).map(str::parse::<Table>) {
        Some(Ok(config)) => config,
        Some(Err(_quotes_the_text)) => {
            findings.push(unreadable(CONFIG, "is no TOML"));
            return examined;
        }
        None => Table::new(),
    };
    let provider = chosen_provider(&config);
    if provider == BUILT_IN {
        built_in(seen, &config, &mut examined);
        return examined;
    }
    let table = config.get("model_providers").and_then(|all| all.get(provider));
    let Some(table) = table.and_then(Value::as_table) else {
        examined.findings.push(Finding::problem(
            format!("`model_provider` in ~/{CONFIG} is one that `model_providers` does not have"),
            "write its table, or choose another",
        ));
        return examined;
    };
    own(seen, provider, table, &mut examined);
    examined
}

/// What the profile in use says, else the file as a whole, else the built-in one.
fn chosen_provider(config: &Table) -> &str {
    let profile = config.get("profile").and_then(Value::as_str);
    let profile = profile.and_then(|name| config.get("profiles")?.get(name));
    let chosen = profile.and_then(|profile| profile.get("model_provider"));
    let chosen = chosen.or_else(|| config.get("model_provider"));
    chosen.and_then(Value::as_str).unwrap_or(BUILT_IN)
}

fn own(seen: &Seen, provider: &str, table: &Table, examined: &mut Examined) {
    let field =
        |name: &str| table.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(url) = field("base_url") else { return };
    if field("wire_api").is_some_and(|wire| wire != "responses") {
        examined.findings.push(Finding::note(
            "`wire_api` of its provider is not \"responses\", which is the one that was tried with \
             ampgate",
        ));
    }
    let key = match (field("env_key"), field("experimental_bearer_token")) {
        (Some(name), _) => {
            examined.key_belongs_in = format!("the variable {}", super::printable(name));
            let key = seen.variable(name).and_then(|key| ApiKey::parse(key).ok());
            key.map(|key| (key, super::printable(name)))
        }
        (None, Some(token)) => {
            let key = ApiKey::parse(token).ok();
            key.map(|key| (key, format!("`experimental_bearer_token` in ~/{CONFIG}")))
        }
        (None, None) => None,
    };
    let provider = super::printable(provider);
    let setting = format!("`model_providers.{provider}.base_url` in ~/{CONFIG}");
    examined.aims.push(Aim { setting, url: url.to_owned(), base: Base::WithVersion, key });
}

fn built_in(seen: &Seen, config: &Table, examined: &mut Examined) {
    let in_file = config.get("openai_base_url").and_then(Value::as_str);
    let aim = match (in_file, seen.variable("OPENAI_BASE_URL")) {
        (Some(url), _) => (url, format!("`openai_base_url` in ~/{CONFIG}")),
        (None, Some(url)) => (url, "OPENAI_BASE_URL".to_owned()),
        (None, None) => return,
    };
    let auth = json(seen, AUTH, &mut examined.findings).unwrap_or_default();
    let in_auth = non_empty(&auth["OPENAI_API_KEY"]).map(|key| (key, format!("~/{AUTH}")));
    let in_variable = || Some((seen.variable("OPENAI_API_KEY")?, "OPENAI_API_KEY".to_owned()));
    let key = in_auth.or_else(in_variable);
    let key = key.and_then(|(key, setting)| Some((ApiKey::parse(key).ok()?, setting)));
    if key.is_none() && auth["tokens"].is_object() {
        examined.findings.push(Finding::warning(
            "it is logged in with ChatGPT, and shows that login instead of a client key",
            "write a provider of its own into config.toml, with `env_key`",
        ));
    }
    examined.key_belongs_in = format!("OPENAI_API_KEY in ~/{AUTH}");
    let (url, setting) = aim;
    examined.aims.push(Aim { setting, url: url.to_owned(), base: Base::WithVersion, key });
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{gateway, seen};
    use super::*;
    use crate::cli::doctor::finding::Level::{Note, Ok, Problem, Warning};

    const OWN: &str = "model_provider = \"gw\"\n[model_providers.gw]\nname = \"gw\"\n\
                       base_url = \"http://127.0.0.1:8317/v1\"\nenv_key = \"GW_KEY\"\nwire_api = \"responses\"\n";

    #[test]
    fn the_provider_in_use_counts() {
        let in_profile = OWN.replace(
            "model_provider =",
            "profile = \"p\"\nmodel_provider = \"openai\"\n[profiles.p]\nmodel_provider =",
        );
        let bearer = OWN.replace("env_key = \"GW_KEY\"", "experimental_bearer_token = \"b\"");
        let from_bearer = Some("`experimental_bearer_token` in ~/.codex/config.toml");
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (seen(&[(CONFIG, OWN)], &[("GW_KEY", "k")]),         vec![(Ok, Some("k"), Some("GW_KEY"))],      "its own"),
            (seen(&[(CONFIG, OWN)], &[]),                        vec![(Ok, None, None)],                     "the variable is not set"),
            (seen(&[(CONFIG, &in_profile)], &[("GW_KEY", "k")]), vec![(Ok, Some("k"), Some("GW_KEY"))],      "the profile's"),
            (seen(&[(CONFIG, &bearer)], &[]),                    vec![(Ok, Some("b"), from_bearer)],         "a key in the file"),
            (seen(&[(CONFIG, &OWN.replace("/v1", ""))], &[]),    vec![(Problem, None, None)],                "no version"),
            (seen(&[(CONFIG, &OWN.replace("model_provider =", "other ="))], &[]), vec![],                    "not in use"),
            (seen(&[(CONFIG, "openai_base_url = \"http://127.0.0.1:8317/v1\""), (AUTH, r#"{"OPENAI_API_KEY":"a"}"#)], &[]), vec![(Ok, Some("a"), Some("~/.codex/auth.json"))], "the built-in one"),
            (seen(&[], &[("OPENAI_BASE_URL", "https://api.openai.com/v1"), ("OPENAI_API_KEY", "k")]), vec![(Warning, Some("k"), Some("OPENAI_API_KEY"))], "OpenAI itself"),
            (seen(&[], &[("OPENAI_API_KEY", "k")]),              vec![],                                     "not pointed anywhere"),
        ];
        for (seen, expected, why) in cases {
            assert_eq!(examine(&seen, &gateway()).aimed(), expected, "{why}");
        }
    }

    #[test]
    fn what_cannot_work_is_told_without_the_text() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("model_provider = \"gw\"",                              vec![Problem], "no such table"),
            ("key = sk-hush",                                        vec![Problem], "no TOML"),
            (&*OWN.replace("\"responses\"", "\"chat\""),             vec![Note],    "not tried"),
        ];
        for (text, levels, why) in cases {
            let examined = examine(&seen(&[(CONFIG, text)], &[]), &gateway());
            assert_eq!(examined.levels(), levels, "{why}");
            assert!(!format!("{examined:?}").contains("hush"), "{why}");
        }
    }

    #[test]
    fn a_login_with_chatgpt_is_no_client_key() {
        let auth = (AUTH, r#"{"OPENAI_API_KEY":null,"tokens":{"access_token":"hush"}}"#);
        let config = (CONFIG, "openai_base_url = \"http://127.0.0.1:8317/v1\"");

        let examined = examine(&seen(&[config, auth], &[]), &gateway());

        assert_eq!(examined.levels(), [Warning]);
    }
}
