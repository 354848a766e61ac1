//! The coding agents of this machine: do they point at the gateway, with one of its keys?
//!
//! Each agent has a file with one pure function: from what is seen of it to findings and aims.

mod amp;
mod claude;
mod codex;
mod droid;
mod gemini;

use clap::ValueEnum;
use jsonc_parser::ParseOptions;
use serde_json::Value;

use super::aim::{Aim, Gateway};
use super::finding::Finding;
use super::machine::{Places, Seen};

/// An agent that the doctor knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Agent {
    Amp,
    Claude,
    Codex,
    Gemini,
    Droid,
}

/// What was found of an agent without asking anybody.
#[derive(Debug, Default)]
pub struct Examined {
    pub findings: Vec<Finding>,
    /// Empty: it points nowhere, and goes to its maker's own server.
    pub aims: Vec<Aim>,
    /// Where a client key belongs, as advice names it.
    pub key_belongs_in: String,
    /// What points it here.
    pub pointed_by: String,
    /// What is said behind the rest.
    pub at_last: Vec<Finding>,
}

impl Agent {
    pub const ALL: [Self; 5] = [Self::Amp, Self::Claude, Self::Codex, Self::Gemini, Self::Droid];

    pub const fn title(self) -> &'static str {
        match self {
            Self::Amp => "Amp",
            Self::Claude => "Claude Code",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini CLI",
            Self::Droid => "Factory droid",
        }
    }

    pub const fn places(self) -> &'static Places {
        match self {
            Self::Amp => &amp::PLACES,
            Self::Claude => &claude::PLACES,
            Self::Codex => &codex::PLACES,
            Self::Gemini => &gemini::PLACES,
            Self::Droid => &droid::PLACES,
        }
    }

    pub fn examine(self, seen: &Seen, gateway: &Gateway) -> Examined {
        let mut examined = match self {
            Self::Amp => amp::examine(seen, gateway),
            Self::Claude => claude::examine(seen, gateway),
            Self::Codex => codex::examine(seen, gateway),
            Self::Gemini => gemini::examine(seen, gateway),
            Self::Droid => droid::examine(seen, gateway),
        };
        examined.findings.insert(0, self.version(seen));
        examined
    }

    /// The door that its calls come to; `None` where that depends on the build.
    const fn door(self) -> Option<&'static str> {
        match self {
            Self::Amp => None,
            Self::Claude => Some("/v1/messages"),
            Self::Codex => Some("/v1/responses, the built-in provider over a WebSocket first"),
            Self::Gemini => Some("/v1beta/models/..."),
            Self::Droid => Some("/v1/messages, /v1/responses or /v1/chat/completions, by model"),
        }
    }

    /// What the agent's program says of its version.
    fn version(self, seen: &Seen) -> Finding {
        let program = self.places().program;
        let door =
            self.door().map(|door| format!("; its calls come to {door}")).unwrap_or_default();
        match &seen.version {
            None => Finding::note(format!(
                "there is no `{program}` on PATH, only settings are looked at{door}"
            )),
            Some(Err(why)) => Finding::note(format!("`{program} --version` {why}{door}")),
            Some(Ok(version)) => {
                Finding::ok(format!("`{program}` is version {}{door}", printable(version)))
            }
        }
    }
}

/// A text of somebody else's, without what would move a terminal's cursor.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// A settings file in JSON, comments and commas too many allowed, as most agents allow them.
///
/// What is wrong is told without the text: settings hold keys.
fn json(seen: &Seen, file: &'static str, findings: &mut Vec<Finding>) -> Option<Value> {
    let text = text(seen, file, findings)?;
    let parsed = jsonc_parser::parse_to_serde_value::<Value>(text, &ParseOptions::default());
    if parsed.is_err() {
        findings.push(unreadable(file, "is no JSON"));
    }
    parsed.ok()
}

/// The text of a settings file, if it is there.
fn text<'a>(seen: &'a Seen, file: &'static str, findings: &mut Vec<Finding>) -> Option<&'a str> {
    match seen.files.get(file)? {
        Ok(text) => Some(text),
        Err(why) => {
            findings.push(unreadable(file, &format!("cannot be read: {why}")));
            None
        }
    }
}

fn unreadable(file: &str, why: &str) -> Finding {
    Finding::problem(format!("~/{file} {why}"), "mend it; the agent reads it, too")
}

/// A text in JSON that is more than nothing.
fn non_empty(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod fixtures {
    use super::*;
    use crate::cli::doctor::aim::Place;
    use crate::cli::doctor::finding::Level;
    use crate::types::ApiKey;

    pub fn gateway() -> Gateway {
        Gateway::parse("http://127.0.0.1:8317", false).unwrap()
    }

    pub fn seen(files: &[(&'static str, &str)], variables: &[(&str, &str)]) -> Seen {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Seen {
            variables: variables.iter().map(pair).collect(),
            files: files.iter().map(|(name, text)| (*name, Ok((*text).to_owned()))).collect(),
            version: None,
        }
    }

    impl Examined {
        /// The level of each aim, with the setting that its key stands in.
        pub fn aimed(&self) -> Vec<(Level, Option<&str>, Option<&str>)> {
            let judged = self.aims.iter().map(|aim| {
                let (Place::Here(found) | Place::Astray(found)) = aim.judge(&gateway());
                let key = aim.key.as_ref();
                let (key, from) =
                    (key.map(|(key, _)| ApiKey::expose(key)), key.map(|(_, from)| from));
                (found.level, key, from.map(String::as_str))
            });
            judged.collect()
        }

        pub fn levels(&self) -> Vec<Level> {
            self.findings.iter().map(|finding| finding.level).collect()
        }
    }

    #[test]
    fn a_settings_file_may_have_comments_and_its_faults_are_told_without_it() {
        let mut findings = Vec::new();
        let seen = seen(&[("a", "{ // why\n \"x\": 1, }"), ("b", "{\"key\": hush")], &[]);

        assert_eq!(json(&seen, "a", &mut findings).unwrap()["x"], 1);
        assert_eq!(findings, []);
        assert_eq!(json(&seen, "b", &mut findings), None);
        assert_eq!(json(&seen, "c", &mut findings), None);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(!format!("{findings:?}").contains("hush"));
    }

    #[test]
    fn a_version_moves_no_cursor() {
        let seen = Seen { version: Some(Ok("1.2\u{1b}[2J".to_owned())), ..Seen::default() };

        assert_eq!(Agent::Amp.version(&seen).what, "`amp` is version 1.2[2J");
    }
}
