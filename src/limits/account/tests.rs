use super::super::Used;
use super::*;
use crate::config::ClientLimits;
use crate::types::{ClientId, Usd};

const NOON: u64 = 1_764_417_600_000; // 2025-11-29T12:00:00Z

fn at(ms: u64) -> Moment {
    Moment::from_unix_ms(NOON + ms)
}

fn dollars(amount: f64) -> Usd {
    Usd::from_dollars(amount)
}

struct Client {
    limits: ClientLimits,
    account: Account,
}

impl Client {
    fn with(limits: ClientLimits) -> Self {
        Self { limits, account: Account::default() }
    }

    fn per_minute(most: u32) -> Self {
        Self::with(ClientLimits { requests_per_minute: Some(most), ..ClientLimits::default() })
    }

    fn per_day(most: u64) -> Self {
        Self::with(ClientLimits { tokens_per_day: Some(most), ..ClientLimits::default() })
    }

    fn claims(&mut self, claim: Claim, now: Moment) -> Verdict {
        let (client, limits) = (ClientId::new("alice"), self.limits);
        self.account.reserve(&Reserve { client, limits, claim, now })
    }

    fn asks(&mut self, now: Moment) -> Verdict {
        self.claims(Claim::Request, now)
    }

    fn settles(&mut self, claim: Claim, reserved_at: Moment, used: Used) {
        let client = ClientId::new("alice");
        self.account.settle(&Settle { client, claim, reserved_at, used });
    }

    /// How many requests in a row are let in.
    fn burst(&mut self, now: Moment) -> usize {
        (0..1000).take_while(|_| self.asks(now).is_ok()).count()
    }
}

fn tokens(tokens: u64) -> Claim {
    Claim::Usage { tokens, money: Usd::default() }
}

fn used(tokens: u64) -> Used {
    Used { tokens, money: Usd::default() }
}

#[test]
fn the_turn_of_a_minute_does_not_let_twice_as_many_through() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // ms of the second burst, let in, why
        (59_000,  0,  "the same minute"),
        (60_000,  0,  "the next has begun, and all of the last one count"),
        (66_000,  1,  "a tenth has faded"),
        (90_000,  5,  "half has faded"),
        (119_999, 9,  "all but all"),
        (120_000, 10, "a whole minute between"),
        (600_000, 10, "long after"),
    ];
    for (ms, expected, why) in cases {
        let mut client = Client::per_minute(10);
        assert_eq!(client.burst(at(0)), 10);
        assert_eq!(client.burst(at(ms)), expected, "{ms}: {why}");
    }
}

#[test]
fn a_request_after_the_wait_it_was_told_is_let_in_and_a_second_earlier_not() {
    for first in [0, 1, 500, 29_999, 59_999] {
        for later in [0, 1, 20_000, 59_999, 60_000, 75_500, 100_000] {
            for most in [1, 2, 7, 60, 1000] {
                let mut client = Client::per_minute(most);
                client.burst(at(first));
                let now = first + later;
                client.burst(at(now));
                let refused = client.asks(at(now)).unwrap_err();
                let wait = refused.seconds * 1000;
                let mut early = Client::with(client.limits);
                early.account = client.account.clone();
                let what = format!("{most} from {first}, then {later}: {refused:?}");
                assert!(early.asks(at((now + wait).saturating_sub(1001))).is_err(), "{what}");
                assert_eq!(client.asks(at(now + wait)), Ok(()), "{what}");
            }
        }
    }
}

#[test]
fn a_clock_that_goes_back_brings_no_requests_back() {
    let mut client = Client::per_minute(3);
    assert_eq!(client.burst(at(60_000)), 3);

    assert!(client.asks(at(0)).is_err());
    assert!(client.asks(at(60_001)).is_err());
}

#[test]
fn no_more_requests_are_under_way_than_may_be() {
    let limits = ClientLimits { concurrent_requests: Some(2), ..ClientLimits::default() };
    let mut client = Client::with(limits);
    assert_eq!(client.burst(at(0)), 2);
    let refused = client.asks(at(0)).unwrap_err();
    assert_eq!(refused.limit, Limit::ConcurrentRequests(2));
    assert_eq!(refused.seconds, 1);

    client.settles(Claim::Request, at(0), Used::default());

    assert_eq!(client.burst(at(0)), 1);
}

#[test]
fn what_is_refused_counts_for_nothing() {
    let limits = ClientLimits {
        requests_per_minute: Some(5),
        concurrent_requests: Some(1),
        ..ClientLimits::default()
    };
    let mut client = Client::with(limits);
    assert_eq!(client.asks(at(0)), Ok(()));
    for _ in 0..10 {
        client.asks(at(0)).unwrap_err();
    }
    client.settles(Claim::Request, at(0), Used::default());

    assert_eq!(client.asks(at(0)), Ok(()), "nine refusals took none of the five");
}

#[test]
fn a_budget_that_is_used_is_closed_until_its_period_ends() {
    let mut client = Client::per_day(1000);
    assert_eq!(client.claims(tokens(10), at(0)), Ok(()));
    client.settles(tokens(10), at(0), used(1000));

    let refused = client.claims(tokens(1), at(0)).unwrap_err();
    assert_eq!((refused.filling, refused.seconds), (Filling::Used, 12 * 60 * 60));
    assert!(refused.is_spent());
    assert_eq!(client.claims(tokens(10), at(12 * 60 * 60 * 1000)), Ok(()), "the next day");
}

#[test]
fn calls_at_once_never_reserve_more_than_there_is() {
    let mut client = Client::per_day(1000);
    let let_in = (0..100).filter(|_| client.claims(tokens(300), at(0)).is_ok()).count();
    assert_eq!(let_in, 3);

    let refused = client.claims(tokens(300), at(0)).unwrap_err();
    assert_eq!((refused.filling, refused.seconds), (Filling::UnderWay, 1));
    assert!(!refused.is_spent());
    client.settles(tokens(300), at(0), used(100));
    assert_eq!(client.claims(tokens(300), at(0)), Ok(()), "200 of them were given back");
}

#[test]
fn a_call_alone_may_use_the_rest_of_a_budget_whatever_it_reserves() {
    let mut client = Client::per_day(1000);
    assert_eq!(client.claims(tokens(50_000), at(0)), Ok(()));
    assert!(client.claims(tokens(1), at(0)).is_err(), "beside it there is no room");
    client.settles(tokens(50_000), at(0), used(999));

    assert_eq!(client.claims(tokens(50_000), at(0)), Ok(()), "one token is left");
}

#[test]
fn what_a_call_used_counts_for_the_day_it_began_on() {
    let half_a_day = 12 * 60 * 60 * 1000;
    let mut client = Client::per_day(1000);
    client.claims(tokens(300), at(half_a_day - 1)).unwrap();
    client.claims(tokens(400), at(half_a_day)).unwrap();

    client.settles(tokens(300), at(half_a_day - 1), used(5000));

    let left = |client: &mut Client, claim| client.claims(tokens(claim), at(half_a_day)).is_ok();
    assert!(!left(&mut client, 601));
    assert!(left(&mut client, 600), "yesterday's settlement touches nothing of today's");
}

#[test]
fn money_is_counted_by_the_month_and_to_the_last_billionth() {
    let limits = ClientLimits { money_per_month: Some(dollars(0.3)), ..ClientLimits::default() };
    let mut client = Client::with(limits);
    let claim = Claim::Usage { tokens: 5, money: dollars(0.01) };
    for _ in 0..300 {
        assert_eq!(client.claims(claim, at(0)), Ok(()));
        client.settles(claim, at(0), Used { tokens: 5, money: dollars(0.001) });
    }

    let refused = client.claims(claim, at(0)).unwrap_err();
    assert_eq!(refused.limit, Limit::MoneyPerMonth(dollars(0.3)));
    assert_eq!(refused.seconds, 36 * 60 * 60, "noon on the 29th of 30 days");
}

#[test]
fn of_two_limits_the_one_that_lasts_longer_is_told() {
    let limits = ClientLimits {
        tokens_per_day: Some(10),
        money_per_month: Some(dollars(1.0)),
        ..ClientLimits::default()
    };
    let mut client = Client::with(limits);
    client.claims(tokens(1), at(0)).unwrap();
    client.settles(tokens(1), at(0), Used { tokens: 10, money: dollars(1.0) });

    let refused = client.claims(tokens(1), at(0)).unwrap_err();

    assert_eq!(refused.limit, Limit::MoneyPerMonth(dollars(1.0)));
}

#[test]
fn new_limits_hold_at_once_for_what_was_used_under_the_old_ones() {
    let mut client = Client::per_day(1000);
    client.claims(tokens(1), at(0)).unwrap();
    client.settles(tokens(1), at(0), used(500));

    client.limits.tokens_per_day = Some(400);
    assert!(client.claims(tokens(1), at(0)).is_err());
    client.limits.tokens_per_day = Some(501);
    assert_eq!(client.claims(tokens(1), at(0)), Ok(()));
}
