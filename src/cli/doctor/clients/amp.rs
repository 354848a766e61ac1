//! Amp's own client. Which doors it uses depends on its build.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{Examined, json, non_empty};
use crate::cli::doctor::aim::{Aim, Base, Gateway};
use crate::cli::doctor::finding::Finding;
use crate::cli::doctor::machine::{Places, Seen};
use crate::types::ApiKey;

const SETTINGS: &str = ".config/amp/settings.json";
const SECRETS: &str = ".local/share/amp/secrets.json";

/// `AMP_API_KEY` is no trace of the client: the gateway itself takes the team's key from it.
pub const PLACES: Places =
    Places { program: "amp", files: &[SETTINGS, SECRETS], variables: &["AMP_URL"] };

/// The build from which the Amp server may move a client's model calls to its cloud.
const MAY_BE_MOVED: u64 = 1_777_266_064;
/// The last build seen that calls models itself.
const LAST_WITH_CALLS: u64 = 1_777_897_475;
/// The first build seen that calls none.
const FIRST_WITHOUT_CALLS: u64 = 1_784_106_548;

pub fn examine(seen: &Seen, gateway: &Gateway) -> Examined {
    let mut examined = Examined {
        key_belongs_in: "AMP_API_KEY".to_owned(),
        pointed_by: format!("AMP_URL={} AMP_API_KEY=<client key>", gateway.url("")),
        ..Examined::default()
    };
    let findings = &mut examined.findings;
    let settings = json(seen, SETTINGS, findings).unwrap_or_default();
    let secrets = json(seen, SECRETS, findings).unwrap_or_default();
    let in_settings = non_empty(&settings["amp.url"]);
    let aim = match (seen.variable("AMP_URL"), in_settings) {
        (Some(url), in_settings) => {
            if in_settings.is_some_and(|other| trimmed(other) != trimmed(url)) {
                let what = format!("`amp.url` in ~/{SETTINGS} differs from AMP_URL, which counts");
                findings.push(Finding::note(what));
            }
            Some((url, "AMP_URL".to_owned()))
        }
        (None, Some(url)) => Some((url, format!("`amp.url` in ~/{SETTINGS}"))),
        (None, None) => None,
    };
    if let Some((url, setting)) = aim {
        let key = key(seen, &secrets, url);
        examined.aims.push(Aim { setting, url: url.to_owned(), base: Base::WithoutVersion, key });
    }
    examined.at_last = match seen.version.as_ref().and_then(|version| build(version.as_ref().ok()?))
    {
        Some(build) => doors(build, gateway),
        None if seen.version.is_some() => {
            vec![Finding::note("its build cannot be told from that version")]
        }
        None => Vec::new(),
    };
    examined
}

fn trimmed(url: &str) -> &str {
    url.trim_end_matches('/')
}

/// The key that the client shows: its store has one for each server.
fn key(seen: &Seen, secrets: &Value, url: &str) -> Option<(ApiKey, String)> {
    if let Some(key) = seen.variable("AMP_API_KEY") {
        return Some((ApiKey::parse(key).ok()?, "AMP_API_KEY".to_owned()));
    }
    let url = trimmed(url);
    let names = [format!("apiKey@{url}/"), format!("apiKey@{url}")];
    let key = names.iter().find_map(|name| non_empty(&secrets[name.as_str()]))?;
    Some((ApiKey::parse(key).ok()?, format!("~/{SECRETS}")))
}

/// The second in which a build was made: versions are `0.0.<seconds>-g<commit>`.
fn build(version: &str) -> Option<u64> {
    let digits: String =
        version.strip_prefix("0.0.")?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn date(build: u64) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(build);
    humantime::format_rfc3339(time).to_string().chars().take(10).collect()
}

/// Which doors a build uses, and what that means for a team's own providers.
fn doors(build: u64, gateway: &Gateway) -> Vec<Finding> {
    let made = date(build);
    if build <= LAST_WITH_CALLS {
        let mut findings = vec![Finding::ok(format!(
            "this build ({made}) calls models itself, through /api/provider/...: your own providers \
             answer; all else goes on to the Amp server"
        ))];
        if build >= MAY_BE_MOVED {
            findings.push(Finding::note(
                "from this build on the Amp server can move an account's model calls to its cloud; \
                 then no call comes by here",
            ));
        }
        return findings;
    }
    if build < FIRST_WITHOUT_CALLS {
        return vec![Finding::note(format!(
            "builds between {} and {} are not known, and this one is of {made}: if no request comes \
             to /api/provider/..., it calls no models itself",
            date(LAST_WITH_CALLS),
            date(FIRST_WITHOUT_CALLS),
        ))];
    }
    vec![
        Finding::note(format!(
            "this build ({made}) calls no models itself: Amp's cloud does. Through the gateway go \
             its threads, its account and its WebSocket (/api, /actors)"
        )),
        router(gateway),
    ]
}

/// What makes Amp's cloud call a gateway of one's own.
fn router(gateway: &Gateway) -> Finding {
    let is_public = gateway.is_public();
    let url =
        if is_public { gateway.url("/v1") } else { "https://ampgate.example.com/v1".to_owned() };
    let found = if is_public {
        Finding::note(format!("{} can be one of Amp's model providers", gateway.url("")))
    } else {
        Finding::note(format!(
            "a gateway can be one of Amp's model providers where Amp's cloud reaches it: over HTTPS, \
             under a public name, which {} is not (say the public one with --gateway)",
            gateway.url("")
        ))
    };
    found.with_advice(format!(
        "printf %s \"$CLIENT_KEY\" | amp config model-providers add-router custom-url --personal \
         --name ampgate --base-url {url} --api-format anthropic-messages \
         --model-mapping 'anthropic/*' --api-key-file -\n\
         (for OpenAI's models: --api-format responses --model-mapping 'openai/*')\n\
         This is from the help text of Amp's build of 2026-09-23; it was not tried against Amp's \
         cloud. `amp config model-providers test` says whether it works; if that finds nothing at \
         its path, leave out the /v1."
    ))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{gateway, seen};
    use super::*;
    use crate::cli::doctor::finding::Level;

    #[test]
    fn the_address_and_the_key_are_found_where_the_client_looks() {
        use Level::{Ok, Warning};
        let here = "http://127.0.0.1:8317";
        let settings = (SETTINGS, r#"{ "amp.url": "http://127.0.0.1:8317/" }"#);
        let secrets = (
            SECRETS,
            r#"{ "apiKey@http://127.0.0.1:8317/": "k1", "apiKey@https://ampcode.com/": "k2" }"#,
        );
        let from_secrets = Some("~/.local/share/amp/secrets.json");
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (seen(&[], &[("AMP_URL", here), ("AMP_API_KEY", "k")]),    vec![(Ok, Some("k"), Some("AMP_API_KEY"))], "variables"),
            (seen(&[settings, secrets], &[]),                          vec![(Ok, Some("k1"), from_secrets)], "files"),
            (seen(&[settings, secrets], &[("AMP_API_KEY", "k")]),      vec![(Ok, Some("k"), Some("AMP_API_KEY"))], "the variable counts"),
            (seen(&[settings, secrets], &[("AMP_URL", "https://ampcode.com")]), vec![(Warning, Some("k2"), from_secrets)], "the variable counts"),
            (seen(&[settings], &[]),                                   vec![(Ok, None, None)], "no key"),
            (seen(&[secrets], &[("AMP_URL", " ")]),                    vec![], "pointed nowhere"),
        ];
        for (seen, expected, why) in cases {
            assert_eq!(examine(&seen, &gateway()).aimed(), expected, "{why}");
        }
    }

    #[test]
    fn what_a_build_does_is_known_by_its_date() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("0.0.1767830505-g1",                     "2026-01-08", "calls models itself", 1),
            ("0.0.1777266064-g1",                     "2026-04-27", "calls models itself", 2),
            ("0.0.1777897475-g2324e1 (released ...)", "2026-05-04", "calls models itself", 2),
            ("0.0.1780000000-g1",                     "2026-05-28", "not known",           1),
            ("0.0.1784106548-g1",                     "2026-07-15", "calls no models",     2),
            ("0.0.1790142911-g7618fb",                "2026-09-23", "calls no models",     2),
            ("1.0.0",                                 "",           "cannot be told",      1),
        ];
        for (version, date, said, count) in cases {
            let seen = Seen { version: Some(Ok(version.to_owned())), ..Seen::default() };
            let found = examine(&seen, &gateway()).at_last;
            assert_eq!(found.len(), count, "{version}: {found:?}");
            assert!(found[0].what.contains(date) && found[0].what.contains(said), "{found:?}");
        }
    }

    #[test]
    fn the_line_for_amps_cloud_has_the_gateways_public_address_or_a_place_for_it() {
        for (address, url) in [
            ("https://gw.example.org", "--base-url https://gw.example.org/v1 "),
            ("http://127.0.0.1:8317", "--base-url https://ampgate.example.com/v1 "),
        ] {
            let found = router(&Gateway::parse(address, true).unwrap());
            assert!(found.advice.unwrap().contains(url), "{address}");
        }
    }
}
