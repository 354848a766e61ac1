//! What a client key may have of each thing that is counted, and the refusal of more.

use std::fmt;

/// Nanodollars in a dollar.
const NANOS: u64 = 1_000_000_000;

/// US dollars in whole billionths, so that a million small sums add up to what they are. At most some
/// eighteen billion dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(u64);

impl Usd {
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The nearest billionth; nothing for what is no amount (less than nothing, not a number).
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a float saturates when it is cast, and a price has fewer digits than a float"
    )]
    pub fn from_dollars(dollars: f64) -> Self {
        Self((dollars * NANOS as f64).round() as u64)
    }

    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, nanos) = (self.0 / NANOS, self.0 % NANOS);
        if nanos == 0 {
            return write!(f, "{dollars}");
        }
        let decimals = format!("{nanos:09}");
        write!(f, "{dollars}.{}", decimals.trim_end_matches('0'))
    }
}

/// One limit of a client key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    RequestsPerMinute(u32),
    ConcurrentRequests(u32),
    /// The day is UTC's.
    TokensPerDay(u64),
    /// The month is UTC's.
    MoneyPerMonth(Usd),
}

impl Limit {
    /// Its key in the configuration, and its label in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequestsPerMinute(_) => "requests-per-minute",
            Self::ConcurrentRequests(_) => "concurrent-requests",
            Self::TokensPerDay(_) => "tokens-per-day",
            Self::MoneyPerMonth(_) => "money-per-month",
        }
    }
}

/// What fills a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filling {
    /// What has been used: only time helps.
    Used,
    /// What requests under way have or may use: it may be over as soon as one of them ends.
    UnderWay,
}

/// A limit leaves no room for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached {
    pub limit: Limit,
    pub filling: Filling,
    /// When to ask again, rounded up; at least 1.
    pub seconds: u64,
}

impl LimitReached {
    /// Whether a budget is spent, so that asking again soon is no use.
    #[must_use]
    pub const fn is_spent(&self) -> bool {
        matches!(self.limit, Limit::TokensPerDay(_) | Limit::MoneyPerMonth(_))
            && matches!(self.filling, Filling::Used)
    }
}

impl std::error::Error for LimitReached {}

/// What the client reads.
impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, filling, seconds } = self;
        match limit {
            Limit::RequestsPerMinute(most) => {
                write!(f, "this client key may make {most} requests per minute")?;
            }
            Limit::ConcurrentRequests(most) => {
                write!(f, "this client key may have {most} requests under way at the same time")?;
            }
            Limit::TokensPerDay(most) => {
                write!(f, "this client key may use {most} tokens per day")?;
            }
            Limit::MoneyPerMonth(most) => {
                write!(f, "this client key may spend {most} US dollars per month")?;
            }
        }
        write!(f, " (`{}`)", limit.as_str())?;
        match (limit, filling) {
            (Limit::TokensPerDay(_), Filling::Used) => {
                write!(f, ", and they are used; the next day (UTC) begins in {seconds} s")
            }
            (Limit::MoneyPerMonth(_), Filling::Used) => {
                write!(f, ", and they are spent; the next month (UTC) begins in {seconds} s")
            }
            (Limit::TokensPerDay(_) | Limit::MoneyPerMonth(_), Filling::UnderWay) => write!(
                f,
                ", and its requests under way may need what is left; try again when one has ended"
            ),
            (Limit::ConcurrentRequests(_), _) => write!(f, "; try again when one has ended"),
            (Limit::RequestsPerMinute(_), _) => write!(f, "; try again in {seconds} s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_and_printed_as_people_write_them() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (50.0,              "50",          "whole"),
            (0.5,               "0.5",         "half"),
            (0.000_000_075,     "0.000000075", "a tenth of a token"),
            (0.1 + 0.2,         "0.3",         "the nearest billionth"),
            (-1.0,              "0",           "no amount"),
            (f64::NAN,          "0",           "no amount"),
            (f64::INFINITY,     "18446744073.709551615", "as much as there is"),
        ];
        for (dollars, expected, why) in cases {
            assert_eq!(Usd::from_dollars(dollars).to_string(), expected, "{dollars}: {why}");
        }
    }

    #[test]
    fn a_refusal_says_which_limit_how_much_and_when_it_is_over() {
        let used = Filling::Used;
        let cases = [
            (Limit::RequestsPerMinute(60), used, "60 requests per minute", "in 7 s"),
            (
                Limit::ConcurrentRequests(8),
                Filling::UnderWay,
                "8 requests under way",
                "one has ended",
            ),
            (Limit::TokensPerDay(2000), used, "2000 tokens per day", "begins in 7 s"),
            (Limit::TokensPerDay(2000), Filling::UnderWay, "2000 tokens per day", "one has ended"),
            (Limit::MoneyPerMonth(Usd::from_dollars(2.5)), used, "2.5 US dollars", "begins in 7 s"),
        ];
        for (limit, filling, how_much, when) in cases {
            let said = LimitReached { limit, filling, seconds: 7 }.to_string();
            for part in [how_much, when, limit.as_str()] {
                assert!(said.contains(part), "{said}: {part}");
            }
        }
    }
}
