//! What one client has used and reserved.

#[cfg(test)]
mod tests;

use super::{Claim, Moment, Reserve, Settle, Verdict};
use crate::types::{Filling, Limit, LimitReached};

const MINUTE_MS: u64 = 60_000;

/// When to come back for what a request under way holds: nobody knows when that ends.
const SOON_MS: u64 = 1_000;

/// The counts of one client. They are kept whatever its limits are, so that new limits hold at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    minute: Minute,
    under_way: u32,
    day: Budget,
    month: Budget,
}

impl Account {
    /// Lets a claim in, or says which limit leaves it no room: of several the one that lasts longest,
    /// for asking again before that is over is no use.
    pub fn reserve(&mut self, reserve: &Reserve) -> Verdict {
        let Reserve { limits, claim, now, .. } = reserve;
        self.roll(*now);
        match *claim {
            Claim::Request => {
                let rate =
                    limits.requests_per_minute.map_or(Ok(()), |most| self.minute.room(most, *now));
                let places = limits.concurrent_requests.map_or(Ok(()), |most| self.place(most));
                both(rate, places)?;
                self.minute.this += 1;
                self.under_way += 1;
            }
            Claim::Usage { tokens, money } => {
                let day = limits.tokens_per_day.map_or(Ok(()), |most| {
                    let ends_in = now.ms_until_next_day();
                    self.day.room(most, tokens, ends_in, Limit::TokensPerDay(most))
                });
                let month = limits.money_per_month.map_or(Ok(()), |most| {
                    let ends_in = now.ms_until_next_month();
                    self.month.room(
                        most.nanos(),
                        money.nanos(),
                        ends_in,
                        Limit::MoneyPerMonth(most),
                    )
                });
                both(day, month)?;
                self.day.reserve(tokens);
                self.month.reserve(money.nanos());
            }
        }
        Ok(())
    }

    /// Puts what was used in the place of what was claimed.
    pub fn settle(&mut self, settle: &Settle) {
        let Settle { claim, reserved_at, used, .. } = settle;
        match *claim {
            Claim::Request => self.under_way = self.under_way.saturating_sub(1),
            Claim::Usage { tokens, money } => {
                self.roll(*reserved_at);
                self.day.settle(reserved_at.day(), tokens, used.tokens);
                self.month.settle(reserved_at.month(), money.nanos(), used.money.nanos());
            }
        }
    }

    fn roll(&mut self, now: Moment) {
        self.minute.roll(now.minute());
        self.day.roll(now.day());
        self.month.roll(now.month());
    }

    fn place(&self, most: u32) -> Verdict {
        if self.under_way < most {
            return Ok(());
        }
        Err(reached(Limit::ConcurrentRequests(most), Filling::UnderWay, SOON_MS))
    }
}

fn both(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Err(one), Err(other)) => Err(if other.seconds > one.seconds { other } else { one }),
        (one, other) => one.and(other),
    }
}

fn reached(limit: Limit, filling: Filling, ms: u64) -> LimitReached {
    // Rounded up: a client that comes back a moment too early is turned away once more.
    LimitReached { limit, filling, seconds: ms.div_ceil(1000).max(1) }
}

/// The requests of this minute and of the one before. Of the latter as many count as if they had come
/// evenly: so the turn of a minute does not let twice as many through, and two numbers are enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Minute {
    index: u64,
    this: u64,
    last: u64,
}

impl Minute {
    /// A clock that goes back does not bring the past back.
    fn roll(&mut self, index: u64) {
        if index > self.index {
            self.last = if index == self.index + 1 { self.this } else { 0 };
            self.this = 0;
            self.index = index;
        }
    }

    fn room(&self, most: u32, now: Moment) -> Verdict {
        let most = u64::from(most);
        let passed = if now.minute() == self.index { now.ms_of_minute() } else { 0 };
        // All in units of a request times the milliseconds of a minute: nothing is rounded.
        if self.last * (MINUTE_MS - passed) + (self.this + 1) * MINUTE_MS <= most * MINUTE_MS {
            return Ok(());
        }
        let wait = if self.this < most {
            // `last` fades until there is room for one.
            fades_in(self.last, most - self.this - 1) - passed
        } else {
            // Nothing fades in this minute; in the next one it is `this` that does.
            MINUTE_MS - passed + fades_in(self.this, most - 1)
        };
        let limit = Limit::RequestsPerMinute(u32::try_from(most).unwrap_or(u32::MAX));
        Err(reached(limit, Filling::Used, wait))
    }
}

/// The milliseconds from the beginning of a minute until of `last` requests of the one before no more
/// than `room` count.
const fn fades_in(last: u64, room: u64) -> u64 {
    if last <= room {
        return 0;
    }
    ((last - room) * MINUTE_MS).div_ceil(last)
}

/// What may be used within a day or a month, in its own unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Budget {
    period: u64,
    used: u64,
    reserved: u64,
}

impl Budget {
    fn roll(&mut self, period: u64) {
        if period > self.period {
            *self = Self { period, used: 0, reserved: 0 };
        }
    }

    /// Many calls at once must not use far more than there is, so each has to fit in with what the
    /// others have reserved. One alone need not: it is let in until the budget is used, or the last
    /// part of each budget could never be had, for a reservation is a guess at the most.
    fn room(&self, most: u64, claim: u64, ends_in_ms: u64, limit: Limit) -> Verdict {
        if self.used >= most {
            return Err(reached(limit, Filling::Used, ends_in_ms));
        }
        if self.reserved > 0 && self.used.saturating_add(self.reserved).saturating_add(claim) > most
        {
            return Err(reached(limit, Filling::UnderWay, SOON_MS));
        }
        Ok(())
    }

    fn reserve(&mut self, claim: u64) {
        self.reserved = self.reserved.saturating_add(claim);
    }

    /// What belongs to a period that is over is forgotten with it.
    fn settle(&mut self, period: u64, claim: u64, used: u64) {
        if period == self.period {
            self.reserved = self.reserved.saturating_sub(claim);
            self.used = self.used.saturating_add(used);
        }
    }
}
