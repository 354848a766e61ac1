//! Claude Code: variables, or the same in the `env` of its settings.

use serde_json::Value;

use super::{Examined, json, non_empty};
use crate::cli::doctor::aim::{Aim, Base, Gateway};
use crate::cli::doctor::finding::Finding;
use crate::cli::doctor::machine::{Places, Seen};
use crate::types::ApiKey;

const SETTINGS: &str = ".claude/settings.json";
const BASE_URL: &str = "ANTHROPIC_BASE_URL";
const KEYS: [&str; 2] = ["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"];
/// A line for each field, as in a request.
const CUSTOM_HEADERS: &str = "ANTHROPIC_CUSTOM_HEADERS";
const OWN_FIELD: &str = "X-Ampgate-Key";

pub const PLACES: Places = Places { program: "claude", files: &[SETTINGS], variables: &[BASE_URL] };

pub fn examine(seen: &Seen, gateway: &Gateway) -> Examined {
    let mut examined = Examined {
        key_belongs_in: "ANTHROPIC_AUTH_TOKEN".to_owned(),
        pointed_by: format!(
            "ANTHROPIC_BASE_URL={} ANTHROPIC_AUTH_TOKEN=<client key>",
            gateway.url("")
        ),
        ..Examined::default()
    };
    let settings = json(seen, SETTINGS, &mut examined.findings).unwrap_or_default();
    let in_settings = |name: &str| non_empty(&settings["env"][name]);
    for name in [BASE_URL, KEYS[0], KEYS[1]] {
        if let (Some(one), Some(other)) = (seen.variable(name), in_settings(name))
            && one != other
        {
            examined.findings.push(Finding::warning(
                format!("{name} is set twice, and differs: in the environment and in ~/{SETTINGS}"),
                "keep one of them",
            ));
        }
    }
    if let Some((url, setting)) = find(seen, &settings, BASE_URL) {
        // Beside our own field a login is Anthropic's, and not for us.
        let apart = find(seen, &settings, CUSTOM_HEADERS).and_then(|(lines, setting)| {
            Some((own_field(lines)?, format!("{OWN_FIELD} in {setting}")))
        });
        let key = apart.or_else(|| KEYS.iter().find_map(|name| find(seen, &settings, name)));
        let key = key.and_then(|(key, setting)| Some((ApiKey::parse(key).ok()?, setting)));
        examined.aims.push(Aim { setting, url: url.to_owned(), base: Base::WithoutVersion, key });
    }
    examined
}

fn own_field(lines: &str) -> Option<&str> {
    let fields = lines.lines().filter_map(|line| line.split_once(':'));
    let mut ours = fields.filter(|(name, _)| name.trim().eq_ignore_ascii_case(OWN_FIELD));
    ours.next().map(|(_, key)| key.trim())
}

/// A variable, from the settings or the environment, and where it was found.
fn find<'a>(seen: &'a Seen, settings: &'a Value, name: &str) -> Option<(&'a str, String)> {
    if let Some(value) = non_empty(&settings["env"][name]) {
        return Some((value, format!("{name} in ~/{SETTINGS}")));
    }
    seen.variable(name).map(|value| (value, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{gateway, seen};
    use super::*;
    use crate::cli::doctor::finding::Level::{Ok, Problem, Warning};

    #[test]
    fn the_address_and_the_key_are_found_where_the_client_looks() {
        let here = ("ANTHROPIC_BASE_URL", "http://127.0.0.1:8317");
        let settings = (
            SETTINGS,
            r#"{ "env": { "ANTHROPIC_BASE_URL": "http://127.0.0.1:8317/v1", "ANTHROPIC_API_KEY": "k" } }"#,
        );
        let token = Some("ANTHROPIC_AUTH_TOKEN");
        let in_file = Some("ANTHROPIC_API_KEY in ~/.claude/settings.json");
        let headers = ("ANTHROPIC_CUSTOM_HEADERS", "X-Team: blue\nx-ampgate-key: k");
        let apart = Some("X-Ampgate-Key in ANTHROPIC_CUSTOM_HEADERS");
        let beside = ("ANTHROPIC_AUTH_TOKEN", "login");
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (seen(&[], &[here, ("ANTHROPIC_AUTH_TOKEN", "t")]), vec![(Ok, Some("t"), token)],        "variables"),
            (seen(&[], &[here]),                                vec![(Ok, None, None)],              "no key"),
            (seen(&[], &[here, headers, beside]),               vec![(Ok, Some("k"), apart)],        "a login beside it"),
            (seen(&[settings], &[]),                            vec![(Problem, Some("k"), in_file)], "a version too many"),
            (seen(&[], &[("ANTHROPIC_API_KEY", "k")]),          vec![],                              "Anthropic itself"),
        ];
        for (seen, expected, why) in cases {
            assert_eq!(examine(&seen, &gateway()).aimed(), expected, "{why}");
        }
    }

    #[test]
    fn two_addresses_that_differ_are_told() {
        let settings =
            (SETTINGS, r#"{ "env": { "ANTHROPIC_BASE_URL": "http://127.0.0.1:8317" } }"#);
        for (variable, levels) in
            [("http://127.0.0.1:8317", vec![]), ("https://api.anthropic.com", vec![Warning])]
        {
            let seen = seen(&[settings], &[(BASE_URL, variable)]);
            assert_eq!(examine(&seen, &gateway()).levels(), levels, "{variable}");
        }
    }
}
