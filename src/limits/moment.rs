//! A point of the wall's time, and the minute, the day and the month it is in.

use std::time::{SystemTime, UNIX_EPOCH};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// Milliseconds since 1970 in UTC. All replicas of a gateway count by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    #[must_use]
    pub fn of(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    #[must_use]
    pub const fn from_unix_ms(ms: u64) -> Self {
        Self(ms)
    }

    #[must_use]
    pub const fn unix_ms(self) -> u64 {
        self.0
    }

    /// Minutes since 1970.
    #[must_use]
    pub const fn minute(self) -> u64 {
        self.0 / MINUTE_MS
    }

    /// Milliseconds since the minute began.
    #[must_use]
    pub const fn ms_of_minute(self) -> u64 {
        self.0 % MINUTE_MS
    }

    /// Days since 1970.
    #[must_use]
    pub const fn day(self) -> u64 {
        self.0 / DAY_MS
    }

    /// Months since 1970.
    #[must_use]
    pub const fn month(self) -> u64 {
        month_of_day(self.day())
    }

    #[must_use]
    pub const fn ms_until_next_day(self) -> u64 {
        DAY_MS - self.0 % DAY_MS
    }

    #[must_use]
    pub const fn ms_until_next_month(self) -> u64 {
        let month = self.month();
        // A month has at most 31 days, so the next one begins on one of these.
        let mut day = self.day() + 1;
        while month_of_day(day) == month {
            day += 1;
        }
        day * DAY_MS - self.0
    }
}

/// By the Gregorian calendar, in years that begin in March: the day that leap years have more is their
/// last, and the lengths of months from March on follow one line, 153 days in five.
const fn month_of_day(day: u64) -> u64 {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    /// From 1 March 0000 to 1 January 1970.
    const TO_1970: u64 = 719_468;
    let day = day + TO_1970;
    let of_era = day % DAYS_OF_400_YEARS;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let year = day / DAYS_OF_400_YEARS * 400 + year_of_era;
    year * 12 + month_from_march + 2 - 1970 * 12
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment::of(humantime::parse_rfc3339(text).unwrap())
    }

    #[test]
    fn a_month_ends_where_the_calendar_says() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // moment,                 next month,             months since 1970
            ("1970-01-01T00:00:00Z",   "1970-02-01T00:00:00Z", 0),
            ("2024-02-29T23:59:59Z",   "2024-03-01T00:00:00Z", 54 * 12 + 1),
            ("2026-02-28T12:00:00Z",   "2026-03-01T00:00:00Z", 56 * 12 + 1),
            ("2026-12-31T23:59:59Z",   "2027-01-01T00:00:00Z", 56 * 12 + 11),
            ("2000-02-29T00:00:00Z",   "2000-03-01T00:00:00Z", 30 * 12 + 1),
            ("2100-02-28T00:00:00Z",   "2100-03-01T00:00:00Z", 130 * 12 + 1),
        ];
        for (moment, next, month) in cases {
            let (moment, next) = (at(moment), at(next));
            assert_eq!(moment.month(), month, "{moment:?}");
            assert_eq!(
                moment.ms_until_next_month(),
                next.unix_ms() - moment.unix_ms(),
                "{moment:?}"
            );
        }
    }

    #[test]
    fn a_month_is_that_of_the_date_on_every_day_of_a_century() {
        for day in (0..60_000).map(|day| day * 86_400) {
            let time = UNIX_EPOCH + std::time::Duration::from_secs(day);
            let date = humantime::format_rfc3339_seconds(time).to_string();
            let year: u64 = date[..4].parse().unwrap();
            let month: u64 = date[5..7].parse().unwrap();
            assert_eq!(Moment::of(time).month(), (year - 1970) * 12 + month - 1, "{date}");
        }
    }

    #[test]
    fn a_time_before_1970_is_its_beginning() {
        let before = UNIX_EPOCH - std::time::Duration::from_secs(1);
        assert_eq!(Moment::of(before), Moment::from_unix_ms(0));
    }
}
