//! Turns what was written into what it means, one value at a time, and notes every problem.
//!
//! A value with a problem is read as a harmless stand-in: the caller goes on to find the next
//! problem, and no stand-in survives, because a reader with problems yields no settings.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::places::Places;
use super::problem::{Problem, Warning, WarningKind};
use super::proxy_url::rules::EgressRules;
use super::shapes::{List, Scalar, Section};

pub struct Reader<'a> {
    pub environment: &'a BTreeMap<String, String>,
    places: Places,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
    /// Files whose content counts, read or not.
    pub files: Vec<PathBuf>,
    /// Files that secrets are read from, at once or while the gateway runs, the configuration itself apart.
    pub secret_files: Vec<PathBuf>,
    /// Whether a secret is written in the configuration's file itself.
    pub file_has_secret: bool,
    /// Known before any upstream is read.
    pub egress: EgressRules,
}

impl<'a> Reader<'a> {
    pub fn new(environment: &'a BTreeMap<String, String>, places: Places) -> Self {
        Self {
            environment,
            places,
            problems: Vec::new(),
            warnings: Vec::new(),
            files: Vec::new(),
            secret_files: Vec::new(),
            file_has_secret: false,
            egress: EgressRules::default(),
        }
    }

    pub fn problem(&mut self, path: &str, what: impl Into<String>) {
        let (source, path) = self.places.written(path);
        self.problems.push(Problem { source, path, what: what.into() });
    }

    pub fn warn(&mut self, path: &str, what: impl Into<String>) {
        self.note(WarningKind::Notice, path, what.into());
    }

    /// Says that the entry at `path` cannot work, and that the gateway does without it.
    pub fn skip(&mut self, path: &str, why: impl fmt::Display) {
        self.note(WarningKind::Skipped, path, format!("is skipped: {why}"));
    }

    /// Says what a provider's terms are.
    pub fn terms(&mut self, path: &str, what: &str) {
        self.note(WarningKind::Terms, path, what.to_owned());
    }

    fn note(&mut self, kind: WarningKind, path: &str, what: String) {
        let (source, path) = self.places.written(path);
        self.warnings.push(Warning { kind, source, path, what });
    }

    pub fn section<T: Default>(&mut self, path: &str, section: Section<T>) -> T {
        match section {
            Section::Map(inner) => inner,
            Section::Other(Scalar::Absent) => T::default(),
            Section::Other(other) => {
                self.problem(path, format!("must be a map with keys, not {}", other.kind()));
                T::default()
            }
        }
    }

    pub fn items<T>(&mut self, path: &str, list: List<T>) -> Vec<T> {
        match list {
            List::Items(items) => items,
            List::Other(Scalar::Absent) => Vec::new(),
            List::Other(other) => {
                self.problem(path, format!("must be a list, not {}", other.kind()));
                Vec::new()
            }
        }
    }

    /// A text without the white space around it; `None` when nothing is left or written.
    pub fn text(&mut self, path: &str, scalar: &Scalar) -> Option<String> {
        match scalar {
            Scalar::Absent => None,
            Scalar::Text(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Scalar::Bool(_) | Scalar::Integer(_) | Scalar::Float(_) => {
                self.problem(path, format!("is {}; put it in quotes", scalar.kind()));
                None
            }
            Scalar::List | Scalar::Map => {
                self.problem(path, format!("must be a text, not {}", scalar.kind()));
                None
            }
        }
    }

    /// A text that has to be there.
    pub fn required_text(&mut self, path: &str, scalar: &Scalar) -> Option<String> {
        if scalar.is_blank() {
            self.problem(path, "is empty");
            return None;
        }
        self.text(path, scalar)
    }

    /// True or false; not written means false.
    pub fn flag(&mut self, path: &str, scalar: &Scalar) -> bool {
        match scalar {
            Scalar::Absent => false,
            Scalar::Bool(value) => *value,
            // A variable and a quoted value arrive as text.
            Scalar::Text(text) if text.trim() == "true" => true,
            Scalar::Text(text) if text.trim() == "false" => false,
            _ => {
                self.problem(path, "must be true or false");
                false
            }
        }
    }

    /// A whole number; not written means 0.
    pub fn integer(
        &mut self,
        path: &str,
        scalar: &Scalar,
        limits: RangeInclusive<i64>,
    ) -> Option<i64> {
        let number = match scalar {
            Scalar::Absent => return Some(0),
            Scalar::Integer(number) => Some(*number),
            Scalar::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| limits.contains(number));
        if number.is_none() {
            let (least, most) = (limits.start(), limits.end());
            self.problem(path, format!("must be a whole number from {least} to {most}"));
        }
        number
    }

    pub fn port(&mut self, path: &str, scalar: &Scalar) -> u16 {
        self.integer(path, scalar, 0..=i64::from(u16::MAX))
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or_default()
    }

    /// One word of a few; not written means the first.
    pub fn choice<T: Copy>(&mut self, path: &str, scalar: &Scalar, words: &[(&str, T)]) -> T {
        let fallback = words[0].1;
        let Some(text) = self.text(path, scalar) else { return fallback };
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.problem(path, format!("is `{text}`; it must be one of {}", known.join(", ")));
        }
        found.map_or(fallback, |(_, value)| *value)
    }

    /// Notes that the configuration is another one when the content of `file` is.
    pub fn depends_on(&mut self, file: &Path) {
        if !self.files.iter().any(|known| known == file) {
            self.files.push(file.to_owned());
        }
    }

    /// Notes that `file` should be read by nobody else.
    pub fn holds_secret(&mut self, file: &Path) {
        if !self.secret_files.iter().any(|known| known == file) {
            self.secret_files.push(file.to_owned());
        }
    }

    /// Notes that the value at `path` is a secret that is written in place.
    pub fn has_secret_in_place(&mut self, path: &str) {
        let (source, _) = self.places.written(path);
        self.file_has_secret |= source == self.places.file();
    }

    /// A path of the file system; `~/` at its start is the home directory.
    pub fn file(&mut self, path: &str, scalar: &Scalar) -> Option<PathBuf> {
        let text = self.text(path, scalar)?;
        let home = self.environment.get("HOME").filter(|home| !home.is_empty());
        match (text.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => Some(Path::new(home).join(rest)),
            _ => Some(text.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Scalar {
        Scalar::Text(text.to_owned())
    }

    fn said(read: impl FnOnce(&mut Reader<'_>)) -> String {
        let environment = BTreeMap::new();
        let mut reader = Reader::new(&environment, Places::new(None));
        read(&mut reader);
        reader.problems.into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn what_is_no_text_flag_or_number_is_told_so() {
        assert_eq!(
            said(|reader| assert!(reader.text("x", &Scalar::Integer(7)).is_none())),
            "is a number; put it in quotes"
        );
        assert_eq!(
            said(|reader| assert!(reader.text("x", &Scalar::Bool(true)).is_none())),
            "is a boolean; put it in quotes"
        );
        assert_eq!(
            said(|reader| assert!(reader.text("x", &Scalar::Map).is_none())),
            "must be a text, not a map"
        );
        assert_eq!(
            said(|reader| assert!(!reader.flag("x", &text("yes")))),
            "must be true or false"
        );
        assert_eq!(
            said(|reader| assert_eq!(reader.port("x", &text("70000")), 0)),
            "must be a whole number from 0 to 65535"
        );
        assert_eq!(
            said(|reader| assert_eq!(reader.choice("x", &text("c"), &[("a", 1), ("b", 2)]), 1)),
            "is `c`; it must be one of a, b"
        );
    }
}
