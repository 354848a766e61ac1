//! Durations and sizes: numbers that need a unit and have limits.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;

use super::reader::Reader;
use super::shapes::Scalar;

impl Reader<'_> {
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::places::Places;

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
}
