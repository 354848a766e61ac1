//! What replicas tell each other of a client's counts.
//!
//! Each writes its own, whole, and reads the sums of the others. So nothing is counted twice, whatever is
//! written twice or late; and what one replica forgets, the next writing puts right.

use serde::{Deserialize, Serialize};

use super::{Claim, Reserve};

const VERSION: u8 = 1;

/// What one replica has counted for one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub v: u8,
    /// Grows with each writing of a replica: of two the higher one is later.
    pub seq: u64,
    pub minute: u64,
    pub this: u64,
    pub last: u64,
    pub under_way: u64,
    pub day: u64,
    pub day_used: u64,
    pub day_reserved: u64,
    pub month: u64,
    /// Nanodollars.
    pub month_used: u64,
    pub month_reserved: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            v: VERSION,
            seq: 0,
            minute: 0,
            this: 0,
            last: 0,
            under_way: 0,
            day: 0,
            day_used: 0,
            day_reserved: 0,
            month: 0,
            month_used: 0,
            month_reserved: 0,
        }
    }
}

/// What all others have counted together, in the minute, day and month of whoever asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    pub this: u64,
    pub last: u64,
    pub under_way: u64,
    pub day_used: u64,
    pub day_reserved: u64,
    pub month_used: u64,
    pub month_reserved: u64,
}

/// What is asked of all counts together: the limits that a claim has to keep to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SharedClaim {
    ms_of_minute: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_minute: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrent_requests: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_per_day: Option<u64>,
    tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    money_per_month: Option<u64>,
    money: u64,
}

impl SharedClaim {
    /// Of all claims of one client at one moment together; `None` of no claim. One alone may overrun a
    /// budget by its own size; several may not, since each of them has the others beside it.
    #[must_use]
    pub fn of_all<'a>(reserves: impl Iterator<Item = &'a Reserve>) -> Option<Self> {
        let (mut of_tokens, mut of_money) = (0, 0);
        let merged = reserves.map(Self::of).fold(None, |all: Option<Self>, one| {
            of_tokens += usize::from(one.tokens > 0);
            of_money += usize::from(one.money > 0);
            let Some(all) = all else { return Some(one) };
            Some(Self {
                ms_of_minute: all.ms_of_minute.max(one.ms_of_minute),
                requests_per_minute: one.requests_per_minute.or(all.requests_per_minute),
                concurrent_requests: one.concurrent_requests.or(all.concurrent_requests),
                tokens_per_day: one.tokens_per_day.or(all.tokens_per_day),
                tokens: all.tokens + one.tokens,
                money_per_month: one.money_per_month.or(all.money_per_month),
                money: all.money + one.money,
            })
        });
        let unless_several = |claimed: u64, claims: usize| if claims < 2 { claimed } else { 0 };
        merged.map(|all| Self {
            tokens: unless_several(all.tokens, of_tokens),
            money: unless_several(all.money, of_money),
            ..all
        })
    }

    fn of(reserve: &Reserve) -> Self {
        let Reserve { limits, claim, now, .. } = reserve;
        match *claim {
            Claim::Request => Self {
                ms_of_minute: now.ms_of_minute(),
                requests_per_minute: limits.requests_per_minute,
                concurrent_requests: limits.concurrent_requests,
                ..Self::default()
            },
            Claim::Usage { tokens, money } => Self {
                tokens_per_day: limits.tokens_per_day,
                tokens,
                money_per_month: limits.money_per_month.map(crate::types::Usd::nanos),
                money: money.nanos(),
                ..Self::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClientLimits;
    use crate::limits::Moment;
    use crate::types::{ClientId, Usd};

    #[test]
    fn claims_are_asked_about_together_and_only_one_alone_may_overrun_a_budget() {
        let limits = ClientLimits {
            concurrent_requests: Some(8),
            tokens_per_day: Some(900),
            ..ClientLimits::default()
        };
        let (request, usage) = (Claim::Request, Claim::Usage { tokens: 70, money: Usd::default() });
        let priced = Claim::Usage { tokens: 70, money: Usd::from_nanos(5) };
        #[rustfmt::skip] // columns are easier to proofread
        let cases: &[(&[Claim], &str, &str)] = &[
            (&[],                        "null", "none"),
            (&[request],                 r#"{"ms_of_minute":0,"concurrent_requests":8,"tokens":0,"money":0}"#, "a request"),
            (&[usage],                   r#"{"ms_of_minute":0,"tokens_per_day":900,"tokens":70,"money":0}"#, "a call alone"),
            (&[usage, request, request], r#"{"ms_of_minute":0,"concurrent_requests":8,"tokens_per_day":900,"tokens":70,"money":0}"#, "a call beside requests"),
            (&[usage, priced],           r#"{"ms_of_minute":0,"tokens_per_day":900,"tokens":0,"money":5}"#, "two calls, one of which costs money"),
            (&[usage, request, usage],   r#"{"ms_of_minute":0,"concurrent_requests":8,"tokens_per_day":900,"tokens":0,"money":0}"#, "two calls"),
        ];
        for (claims, expected, why) in cases {
            let now = Moment::of(std::time::UNIX_EPOCH);
            let client = ClientId::new("alice");
            let reserve =
                |claim: &Claim| Reserve { client: client.clone(), limits, claim: *claim, now };
            let reserves: Vec<Reserve> = claims.iter().map(reserve).collect();
            let asked = SharedClaim::of_all(reserves.iter());
            assert_eq!(serde_json::to_string(&asked).unwrap(), *expected, "{why}");
        }
    }
}
