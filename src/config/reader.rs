//! Turns what was written into what it means, one value at a time, and notes every problem.
//!
//! A value with a problem is read as a harmless stand-in: the caller goes on to find the next
//! problem, and no stand-in survives, because a reader with problems yields no settings.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;

use super::places::Places;
use super::problem::{Problem, Warning};
use super::shapes::{List, Scalar, Section};

pub struct Reader<'a> {
    pub environment: &'a BTreeMap<String, String>,
    places: Places,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
}

impl<'a> Reader<'a> {
    pub fn new(environment: &'a BTreeMap<String, String>, places: Places) -> Self {
        Self { environment, places, problems: Vec::new(), warnings: Vec::new() }
    }

    pub fn problem(&mut self, path: &str, what: impl Into<String>) {
        let (source, path) = self.places.written(path);
        self.problems.push(Problem { source, path, what: what.into() });
    }

    pub fn warn(&mut self, path: &str, what: impl Into<String>) {
        let (source, path) = self.places.written(path);
        self.warnings.push(Warning { source, path, what: what.into() });
    }

    /// Says that a key is understood, but waits for a later version.
    pub fn warn_not_active(&mut self, path: &str) {
        self.warn(path, "is not active yet: it is checked, and otherwise has no effect");
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
            Scalar::Bool(_) | Scalar::Integer(_) | Scalar::Float => {
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

    /// A length of time with its unit, within limits.
    pub fn duration(
        &mut self,
        path: &str,
        scalar: &Scalar,
        limits: RangeInclusive<Duration>,
    ) -> Duration {
        if whole_seconds(scalar).is_some() {
            self.problem(path, "is a bare number; give it a unit, such as 30s or 5m");
            return Duration::ZERO;
        }
        self.duration_or_seconds(path, scalar, limits)
    }

    /// As [`Self::duration`], for the keys where CLIProxyAPI's users write seconds as a number;
    /// less than nothing is nothing, as there.
    pub fn duration_or_seconds(
        &mut self,
        path: &str,
        scalar: &Scalar,
        limits: RangeInclusive<Duration>,
    ) -> Duration {
        let duration = match (whole_seconds(scalar), scalar) {
            (Some(seconds), _) => Some(Duration::from_secs(seconds)),
            // Absent only where a problem stands already: the built-in layer has every default.
            (None, Scalar::Absent) => return Duration::ZERO,
            (None, Scalar::Text(text)) => humantime::parse_duration(text.trim()).ok(),
            (None, _) => None,
        };
        let Some(duration) = duration else {
            self.problem(path, "is not a duration; write it like 30s, 5m or 1h");
            return Duration::ZERO;
        };
        if !limits.contains(&duration) {
            let [least, most] =
                [limits.start(), limits.end()].map(|d| humantime::format_duration(*d));
            let found = humantime::format_duration(duration);
            self.problem(path, format!("is {found}; it must be from {least} to {most}"));
        }
        duration
    }

    /// A number of bytes, with or without a unit, within limits.
    pub fn size(&mut self, path: &str, scalar: &Scalar, limits: RangeInclusive<u64>) -> u64 {
        let bytes = match scalar {
            Scalar::Absent => return 0,
            Scalar::Integer(bytes) => u64::try_from(*bytes).ok(),
            Scalar::Text(text) => text.trim().parse().ok().map(|ByteSize(bytes)| bytes),
            _ => None,
        };
        let Some(bytes) = bytes else {
            self.problem(path, "is not a size; write it like 64KiB or 16MiB, or as bytes");
            return 0;
        };
        if !limits.contains(&bytes) {
            let [found, least, most] = [bytes, *limits.start(), *limits.end()].map(print_size);
            self.problem(path, format!("is {found}; it must be from {least} to {most}"));
        }
        bytes
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

    /// A path of the file system; `~/` at its start is the home directory.
    pub fn file(&mut self, path: &str, scalar: &Scalar) -> Option<std::path::PathBuf> {
        let text = self.text(path, scalar)?;
        let home = self.environment.get("HOME").filter(|home| !home.is_empty());
        match (text.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => Some(std::path::Path::new(home).join(rest)),
            _ => Some(text.into()),
        }
    }
}

/// A bare number, wherever it comes from: a variable is always a text.
fn whole_seconds(scalar: &Scalar) -> Option<u64> {
    let number = match scalar {
        Scalar::Integer(number) => *number,
        Scalar::Text(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    Some(u64::try_from(number).unwrap_or(0))
}

/// A size as its reader would write it: in the largest unit that leaves no rest.
pub fn print_size(bytes: u64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes != 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
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
    fn durations_need_a_unit_and_keep_their_limits() {
        let limits = || Duration::from_secs(1)..=Duration::from_secs(3600);
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (text("5m"),          300, ""),
            (text(" 1m 30s "),    90,  ""),
            (text("300"),         0,   "is a bare number; give it a unit, such as 30s or 5m"),
            (Scalar::Integer(30), 0,   "is a bare number; give it a unit, such as 30s or 5m"),
            (text("soon"),        0,   "is not a duration; write it like 30s, 5m or 1h"),
            (text(""),            0,   "is not a duration; write it like 30s, 5m or 1h"),
            (Scalar::Bool(true),  0,   "is not a duration; write it like 30s, 5m or 1h"),
            (text("0s"),          0,   "is 0s; it must be from 1s to 1h"),
            (text("2h"),          7200, "is 2h; it must be from 1s to 1h"),
        ];
        for (scalar, seconds, problem) in cases {
            let mut read = Duration::ZERO;
            let what = said(|reader| read = reader.duration("x", &scalar, limits()));
            assert_eq!((read.as_secs(), what.as_str()), (seconds, problem));
        }
    }

    #[test]
    fn seconds_may_be_a_bare_number_where_users_write_them_so() {
        for (scalar, seconds) in [
            (Scalar::Integer(30), 30),
            (text("45"), 45),
            (Scalar::Integer(-1), 0),
            (text("1m"), 60),
        ] {
            let mut read = Duration::ZERO;
            let limits = Duration::ZERO..=Duration::from_secs(60);
            let what = said(|reader| read = reader.duration_or_seconds("x", &scalar, limits));
            assert_eq!((read.as_secs(), what.as_str()), (seconds, ""));
        }
    }

    #[test]
    fn sizes_are_read_and_printed_in_binary_units() {
        let wrong = "is not a size; write it like 64KiB or 16MiB, or as bytes";
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (text("64MiB"),         64 << 20, ""),
            (text("1 kB"),          1000,     ""),
            (text("4096"),          4096,     ""),
            (Scalar::Integer(4096), 4096,     ""),
            (Scalar::Integer(-1),   0,        wrong),
            (text("large"),         0,        wrong),
            (Scalar::Integer(1),    1,        "is 1; it must be from 512 to 1GiB"),
        ];
        for (scalar, bytes, problem) in cases {
            let mut read = 0;
            let what = said(|reader| read = reader.size("x", &scalar, 512..=1 << 30));
            assert_eq!((read, what.as_str()), (bytes, problem));
        }
        assert_eq!(
            [64 << 20, 3 << 10, 1000, 0].map(print_size),
            ["64MiB", "3KiB", "1000", "0"].map(str::to_owned)
        );
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
