//! Numbers as people read them: short, and with a space that does not break before the unit.

use std::cmp::Ordering;

/// Narrow, and never at the end of a line.
const THIN: char = '\u{202f}';

/// Up to here a count is written with all its digits.
const WHOLE: u64 = 10_000;

#[expect(clippy::cast_precision_loss, reason = "pictures and three digits need no more than 2^53")]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}

/// `7`, `1 204`, `12.3k`, `4.56M`, `1.20B`.
pub(super) fn count(count: u64) -> String {
    if count < WHOLE {
        return grouped(count);
    }
    for (unit, name) in [(1e3, "k"), (1e6, "M"), (1e9, "B")] {
        let in_units = float(count) / unit;
        // What is rounded to a thousand of one unit is one of the next.
        if in_units < 999.5 {
            return format!("{}{name}", three_digits(in_units));
        }
    }
    format!("{:.0}B", float(count) / 1e9)
}

fn three_digits(number: f64) -> String {
    let decimals = match number {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{number:.decimals$}")
}

/// All digits, in groups of three: `1 234 567`.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(THIN);
        }
        text.push(digit);
    }
    text
}

/// `$1 204`, `$12.30`, `$0.0042`, `<$0.0001`: cents, and below ten of them two digits that say something.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a price is not negative, and whole dollars fit"
)]
pub(super) fn dollars(usd: f64) -> String {
    match usd {
        0.0 => "$0".to_owned(),
        ..0.0001 => "<$0.0001".to_owned(),
        ..0.001 => format!("${usd:.5}"),
        ..0.01 => format!("${usd:.4}"),
        ..0.1 => format!("${usd:.3}"),
        ..999.995 => format!("${usd:.2}"),
        _ => format!("${}", grouped(usd.round() as u64)),
    }
}

/// `12 %`; `<1 %` and `>99 %` where whole numbers would say none or all.
pub(super) fn percent(part: f64, whole: f64) -> String {
    if whole <= 0.0 {
        return format!("0{THIN}%");
    }
    let percent = 100.0 * part / whole;
    match percent {
        0.0 => format!("0{THIN}%"),
        ..1.0 => format!("<1{THIN}%"),
        100.0.. => format!("100{THIN}%"),
        99.0.. => format!(">99{THIN}%"),
        _ => format!("{percent:.0}{THIN}%"),
    }
}

/// How long something takes: `85 ms`, `4.2 s`, `42 s`, `2 min 5 s`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time is not negative, and no request takes that long"
)]
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        ..0.9995 => format!("{:.0}{THIN}ms", seconds * 1000.0),
        ..9.95 => format!("{seconds:.1}{THIN}s"),
        _ => duration(seconds.round() as u64),
    }
}

/// The two largest units: `47 s`, `2 min 5 s`, `1 h 12 min`, `3 d 4 h`. `page.js` counts down in the
/// same words.
pub(super) fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: u64, unit: &str, small: u64, part: &str| match small {
        0 => format!("{large}{THIN}{unit}"),
        _ => format!("{large}{THIN}{unit} {small}{THIN}{part}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}{THIN}s"),
        (0, 0, _) => two(minutes, "min", seconds % 60, "s"),
        (0, ..) => two(hours, "h", minutes % 60, "min"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

/// `1 request`, `1 204 requests`.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    match number.cmp(&1) {
        Ordering::Equal => format!("1 {one}"),
        _ => format!("{} {many}", count(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_three_digits_or_all() {
        let cases = [
            (0, "0", "nothing is a number"),
            (999, "999", "no group"),
            (1204, "1\u{202f}204", "all digits while they are few"),
            (9999, "9\u{202f}999", "the last with all digits"),
            (10_000, "10.0k", "the first short one"),
            (99_949, "99.9k", "one decimal"),
            (99_950, "100k", "rounded up, it needs no decimal"),
            (999_499, "999k", "the last of its unit"),
            (999_500, "1.00M", "not 1000k"),
            (4_560_000, "4.56M", "two decimals"),
            (1_200_000_000, "1.20B", "billions"),
            (u64::MAX, "18446744074B", "no panic"),
        ];
        for (number, expected, why) in cases {
            assert_eq!(count(number), expected, "{number}: {why}");
        }
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn money_shows_cents_and_what_is_less() {
        let cases = [
            (0.0, "$0", "free"),
            (0.000_01, "<$0.0001", "something, not nothing"),
            (0.000_42, "$0.00042", "two digits"),
            (0.0042, "$0.0042", "two digits"),
            (0.042, "$0.042", "two digits"),
            (0.42, "$0.42", "cents"),
            (12.3, "$12.30", "cents have two digits"),
            (999.99, "$999.99", "the last with cents"),
            (999.996, "$1\u{202f}000", "whole dollars"),
            (12_345.6, "$12\u{202f}346", "whole dollars"),
        ];
        for (usd, expected, why) in cases {
            assert_eq!(dollars(usd), expected, "{usd}: {why}");
        }
    }

    #[test]
    fn a_percentage_says_none_and_all_only_of_none_and_all() {
        let cases = [
            (0.0, 0.0, "0", "of nothing"),
            (0.0, 9.0, "0", "none"),
            (1.0, 1000.0, "<1", "some"),
            (1.0, 3.0, "33", "a third"),
            (999.0, 1000.0, ">99", "not all"),
            (5.0, 5.0, "100", "all"),
        ];
        for (part, whole, expected, why) in cases {
            assert_eq!(percent(part, whole), format!("{expected}\u{202f}%"), "{why}");
        }
    }

    #[test]
    fn times_have_the_unit_that_fits() {
        let cases = [
            (0.085, "85_ms", "milliseconds"),
            (0.9996, "1.0_s", "not 1000 ms"),
            (4.21, "4.2_s", "a decimal while it matters"),
            (42.4, "42_s", "whole seconds"),
            (125.0, "2_min 5_s", "two units"),
        ];
        for (time, expected, why) in cases {
            assert_eq!(seconds(time), expected.replace('_', "\u{202f}"), "{time}: {why}");
        }
        let cases = [
            (0, "0_s", "over"),
            (59, "59_s", "seconds"),
            (60, "1_min", "no empty second unit"),
            (3_600, "1_h", "no empty second unit"),
            (4_325, "1_h 12_min", "seconds say nothing any more"),
            (273_600, "3_d 4_h", "days"),
        ];
        for (time, expected, why) in cases {
            assert_eq!(duration(time), expected.replace('_', "\u{202f}"), "{time}: {why}");
        }
    }
}
