//! What one client has used and reserved.

#[cfg(test)]
mod tests;

use super::Used;
use super::{Claim, Counts, Moment, Others, Reserve, Settle, Verdict};
use crate::types::{Filling, Limit, LimitReached};

const MINUTE_MS: u64 = 60_000;

/// When to come back for what a request under way holds: nobody knows when that ends.
const SOON_MS: u64 = 1_000;

/// The counts of one client. They do not depend on how much its limits allow, so that other limits hold at
/// once; what it uses while it has none is not counted, for nothing is claimed then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    minute: Minute,
    under_way: u32,
    /// Of other replicas.
    under_way_elsewhere: u64,
    day: Budget,
    month: Budget,
}

impl Account {
    /// Lets a claim in, or says which limit leaves it no room: of several the one that lasts longest,
    /// for asking again before that is over is no use.
    pub fn reserve(&mut self, reserve: &Reserve) -> Verdict {
        self.room(reserve)?;
        self.take(reserve);
        Ok(())
    }

    /// Whether a claim has room.
    pub fn room(&mut self, reserve: &Reserve) -> Verdict {
        let Reserve { limits, claim, now, .. } = reserve;
        self.roll(*now);
        match *claim {
            Claim::Request => {
                let rate =
                    limits.requests_per_minute.map_or(Ok(()), |most| self.minute.room(most, *now));
                let places = limits.concurrent_requests.map_or(Ok(()), |most| self.place(most));
                both(rate, places)
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
                both(day, month)
            }
        }
    }

    /// Counts a claim, be there room or not: others are asked about that.
    pub fn take(&mut self, reserve: &Reserve) {
        self.roll(reserve.now);
        match reserve.claim {
            Claim::Request => {
                self.minute.this += 1;
                self.under_way += 1;
            }
            Claim::Usage { tokens, money } => {
                self.day.reserve(tokens);
                self.month.reserve(money.nanos());
            }
        }
    }

    /// Undoes [`Self::take`], as if it had never been.
    pub fn untake(&mut self, reserve: &Reserve) {
        let Reserve { client, claim, now, .. } = reserve.clone();
        if claim == Claim::Request {
            self.minute.untake(now.minute());
        }
        self.settle(&Settle { client, claim, reserved_at: now, used: Used::default() });
    }

    /// What is told to others; `seq` is theirs to tell the later from the earlier.
    #[must_use]
    pub fn counts(&self, seq: u64) -> Counts {
        Counts {
            seq,
            minute: self.minute.index,
            this: self.minute.this,
            last: self.minute.last,
            under_way: u64::from(self.under_way),
            day: self.day.period,
            day_used: self.day.used,
            day_reserved: self.day.reserved,
            month: self.month.period,
            month_used: self.month.used,
            month_reserved: self.month.reserved,
            ..Counts::default()
        }
    }

    /// Takes over what others had counted at `now`.
    pub fn hear_of(&mut self, others: &Others, now: Moment) {
        self.roll(now);
        if now.minute() == self.minute.index {
            self.minute.elsewhere = (others.this, others.last);
        }
        self.under_way_elsewhere = others.under_way;
        self.day.elsewhere = (others.day_used, others.day_reserved);
        self.month.elsewhere = (others.month_used, others.month_reserved);
    }

    /// Nobody tells any more when what others have under way ends; what they have used stays used.
    pub fn lose_others(&mut self) {
        self.under_way_elsewhere = 0;
        self.day.elsewhere.1 = 0;
        self.month.elsewhere.1 = 0;
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
        if u64::from(self.under_way) + self.under_way_elsewhere < u64::from(most) {
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
    /// The same two of other replicas.
    elsewhere: (u64, u64),
}

impl Minute {
    /// A clock that goes back does not bring the past back.
    fn roll(&mut self, index: u64) {
        if index > self.index {
            let is_next = index == self.index + 1;
            self.last = if is_next { self.this } else { 0 };
            self.this = 0;
            self.elsewhere = (0, if is_next { self.elsewhere.0 } else { 0 });
            self.index = index;
        }
    }

    fn untake(&mut self, index: u64) {
        let count = if index == self.index { &mut self.this } else { &mut self.last };
        *count = count.saturating_sub(1);
    }

    fn room(&self, most: u32, now: Moment) -> Verdict {
        let most = u64::from(most);
        let passed = if now.minute() == self.index { now.ms_of_minute() } else { 0 };
        let (this, last) = (self.this + self.elsewhere.0, self.last + self.elsewhere.1);
        // All in units of a request times the milliseconds of a minute: nothing is rounded.
        if last * (MINUTE_MS - passed) + (this + 1) * MINUTE_MS <= most * MINUTE_MS {
            return Ok(());
        }
        let wait = if this < most {
            // `last` fades until there is room for one.
            fades_in(last, most - this - 1).saturating_sub(passed)
        } else {
            // Nothing fades in this minute; in the next one it is `this` that does.
            MINUTE_MS - passed + fades_in(this, most.saturating_sub(1))
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
    /// The same two of other replicas.
    elsewhere: (u64, u64),
}

impl Budget {
    fn roll(&mut self, period: u64) {
        if period > self.period {
            *self = Self { period, ..Self::default() };
        }
    }

    /// Many calls at once must not use far more than there is, so each has to fit in with what the
    /// others have reserved. One alone need not: it is let in until the budget is used, or the last
    /// part of each budget could never be had, for a reservation is a guess at the most.
    fn room(&self, most: u64, claim: u64, ends_in_ms: u64, limit: Limit) -> Verdict {
        let used = self.used.saturating_add(self.elsewhere.0);
        let reserved = self.reserved.saturating_add(self.elsewhere.1);
        if used >= most {
            return Err(reached(limit, Filling::Used, ends_in_ms));
        }
        if reserved > 0 && used.saturating_add(reserved).saturating_add(claim) > most {
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
