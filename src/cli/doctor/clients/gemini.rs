//! Gemini CLI: variables, or the same in the `.env` files of the home directory.

use std::collections::BTreeMap;

use super::{Examined, json, non_empty, printable, text};
use crate::cli::doctor::aim::{Aim, Base, Gateway};
use crate::cli::doctor::finding::Finding;
use crate::cli::doctor::machine::{Places, Seen};
use crate::types::ApiKey;

const SETTINGS: &str = ".gemini/settings.json";
const ENV_FILES: [&str; 2] = [".gemini/.env", ".env"];
const BASE_URL: &str = "GOOGLE_GEMINI_BASE_URL";
const KEY: &str = "GEMINI_API_KEY";

/// How the client calls "with an API key" among its ways to sign in.
const WITH_A_KEY: &str = "gemini-api-key";

pub const PLACES: Places = Places {
    program: "gemini",
    files: &[SETTINGS, ENV_FILES[0], ENV_FILES[1]],
    variables: &[BASE_URL],
};

pub fn examine(seen: &Seen, gateway: &Gateway) -> Examined {
    let mut examined = Examined {
        key_belongs_in: KEY.to_owned(),
        pointed_by: format!("{BASE_URL}={} {KEY}=<client key>", gateway.url("")),
        ..Examined::default()
    };
    let findings = &mut examined.findings;
    let settings = json(seen, SETTINGS, findings).unwrap_or_default();
    // The first file that is there is the only one that counts.
    let in_file = ENV_FILES.iter().find_map(|file| {
        let text = text(seen, file, findings)?;
        Some((*file, assignments(text)))
    });
    let find = |name: &str| {
        if let Some(value) = seen.variable(name) {
            return Some((value.to_owned(), name.to_owned()));
        }
        let (file, values) = in_file.as_ref()?;
        let value = values.get(name).filter(|value| !value.is_empty())?;
        Some((value.clone(), format!("{name} in ~/{file}")))
    };
    let Some((url, setting)) = find(BASE_URL) else { return examined };
    let key = find(KEY).and_then(|(key, setting)| Some((ApiKey::parse(&key).ok()?, setting)));
    let way = non_empty(&settings["security"]["auth"]["selectedType"])
        .or_else(|| non_empty(&settings["selectedAuthType"]));
    if let Some(way) = way.filter(|way| *way != WITH_A_KEY) {
        findings.push(Finding::warning(
            format!(
                "its settings sign in by `{}`: with another way than a key it goes to Google itself",
                printable(way)
            ),
            format!("choose \"Use Gemini API key\" in /auth, or set `security.auth.selectedType` to `{WITH_A_KEY}`"),
        ));
    }
    examined.aims.push(Aim { setting, url, base: Base::WithoutVersion, key });
    examined
}

/// The assignments of a `.env` file; lines that are none are left out.
fn assignments(text: &str) -> BTreeMap<String, String> {
    dotenvy::from_read_iter(text.as_bytes()).filter_map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{gateway, seen};
    use super::*;
    use crate::cli::doctor::finding::Level::{Ok, Problem, Warning};

    #[test]
    fn the_address_and_the_key_are_found_where_the_client_looks() {
        let file = (
            ENV_FILES[0],
            "# a comment\nexport GOOGLE_GEMINI_BASE_URL='http://127.0.0.1:8317'\nGEMINI_API_KEY=k1\n",
        );
        let other = (ENV_FILES[1], "GEMINI_API_KEY=k2\nGOOGLE_GEMINI_BASE_URL=http://a.test\n");
        let in_file = Some("GEMINI_API_KEY in ~/.gemini/.env");
        let here = (BASE_URL, "http://127.0.0.1:8317");
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (seen(&[], &[here, (KEY, "k")]),                vec![(Ok, Some("k"), Some(KEY))],   "variables"),
            (seen(&[file, other], &[]),                     vec![(Ok, Some("k1"), in_file)],    "the first file alone"),
            (seen(&[file], &[(KEY, "k")]),                  vec![(Ok, Some("k"), Some(KEY))],   "a variable counts"),
            (seen(&[], &[(BASE_URL, "http://127.0.0.1:8317/v1beta")]), vec![(Problem, None, None)], "a version too many"),
            (seen(&[], &[(KEY, "k")]),                      vec![],                             "Google itself"),
        ];
        for (seen, expected, why) in cases {
            assert_eq!(examine(&seen, &gateway()).aimed(), expected, "{why}");
        }
    }

    #[test]
    fn a_login_with_google_is_told() {
        let here = (BASE_URL, "http://127.0.0.1:8317");
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (r#"{"security":{"auth":{"selectedType":"oauth-personal"}}}"#, vec![Warning], "a login"),
            (r#"{"selectedAuthType":"oauth-personal"}"#,                   vec![Warning], "an older version's"),
            (r#"{"security":{"auth":{"selectedType":"gemini-api-key"}}}"#, vec![],        "a key"),
            ("{}",                                                         vec![],        "not chosen yet"),
        ];
        for (settings, levels, why) in cases {
            let seen = seen(&[(SETTINGS, settings)], &[here]);
            assert_eq!(examine(&seen, &gateway()).levels(), levels, "{why}");
        }
    }
}
