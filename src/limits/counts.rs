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
    #[must_use]
    pub fn of(reserve: &Reserve) -> Self {
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
