//! When tokens are refreshed, and when what failed is tried again: pure.

use std::time::{Duration, SystemTime};

/// The longest lead of a refresh before the expiry: time for a server that is away for a moment.
const MAX_LEAD: Duration = Duration::from_secs(5 * 60);

/// The part of its lifetime that a short-lived token is refreshed ahead.
const LEAD_DIVISOR: u32 = 10;

/// The first wait after a failure; doubled for each further one.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(5 * 60);

/// What a server may ask for at most: beyond it an account would be forgotten.
const MAX_TOLD_WAIT: Duration = Duration::from_secs(60 * 60);

/// When a token is refreshed: between one and two leads before it expires, by `jitter` from 0 to 1, so
/// that processes that share an account do not all come at once.
pub fn due_at(obtained_at: SystemTime, expires_at: SystemTime, jitter: f64) -> SystemTime {
    let lifetime = expires_at.duration_since(obtained_at).unwrap_or_default();
    let lead = MAX_LEAD.min(lifetime / LEAD_DIVISOR);
    let ahead = lead + lead.mul_f64(jitter.clamp(0.0, 1.0));
    expires_at.checked_sub(ahead).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// How long to wait after so many failures in a row. What the server has said counts; else one second,
/// doubled each time up to five minutes, and up to a quarter less by `jitter` from 0 to 1.
pub fn backoff(failures: u32, told: Option<Duration>, jitter: f64) -> Duration {
    if let Some(told) = told {
        return told.clamp(FIRST_BACKOFF, MAX_TOLD_WAIT);
    }
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    let wait = FIRST_BACKOFF.saturating_mul(doubled).min(MAX_BACKOFF);
    wait.saturating_sub((wait / 4).mul_f64(jitter.clamp(0.0, 1.0)))
}

/// A number from 0 up to 1, by chance; without a source of it, one in the middle.
pub fn random_jitter() -> f64 {
    let mut random = [0; 4];
    match getrandom::fill(&mut random) {
        Ok(()) => f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_refreshed_a_tenth_of_its_life_but_no_more_than_some_minutes_ahead() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // lifetime, jitter, seconds before the expiry, why
            (3_600,      0.0,   300, "an hour: a tenth would be six minutes"),
            (3_600,      1.0,   600, "the first of many processes"),
            (600,        0.0,    60, "ten minutes: a tenth"),
            (864_000,    0.0,   300, "ten days"),
            (0,          1.0,     0, "it has expired when it comes"),
            (600,        7.0,   120, "a jitter that is none"),
        ];
        for (lifetime, jitter, ahead, why) in cases {
            let expires_at = start + Duration::from_secs(lifetime);
            let due = due_at(start, expires_at, jitter);
            assert_eq!(expires_at.duration_since(due).unwrap().as_secs(), ahead, "{why}");
        }
        let (before, long_ago) = (start - Duration::from_secs(60), SystemTime::UNIX_EPOCH);
        assert_eq!(due_at(start, before, 1.0), before, "it has expired before it came");
        assert_eq!(due_at(start, long_ago, 1.0), long_ago, "nonsense is no panic");
    }

    /// The one rule that a process goes by, and the one that a file is judged by, must not miss each
    /// other: else an actor would be woken for a token that its file calls good.
    #[test]
    fn who_sees_a_token_late_is_never_due_before_its_file() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let expires_at = start + Duration::from_secs(3_600);
        for seen_after in (0..3_600).step_by(60) {
            let seen_at = start + Duration::from_secs(seen_after);
            for jitter in [0.0, 0.3, 1.0] {
                let by_file = due_at(start, expires_at, 1.0);
                assert!(due_at(seen_at, expires_at, jitter) >= by_file, "{seen_after} {jitter}");
            }
        }
    }

    #[test]
    fn failures_in_a_row_are_tried_again_later_and_later() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (1,        None,      0.0,     1_000, "the first"),
            (2,        None,      0.0,     2_000, "doubled"),
            (5,        None,      0.0,    16_000, "doubled"),
            (5,        None,      1.0,    12_000, "a quarter less"),
            (10,       None,      0.0,   300_000, "five minutes at most"),
            (u32::MAX, None,      0.0,   300_000, "however many"),
            (5,        Some(30),  1.0,    30_000, "as the server says"),
            (5,        Some(0),   1.0,     1_000, "but not at once"),
            (1,        Some(1 << 40), 0.0, 3_600_000, "and not never"),
        ];
        for (failures, told, jitter, millis, why) in cases {
            let wait = backoff(failures, told.map(Duration::from_secs), jitter);
            assert_eq!(wait.as_millis(), millis, "{why}");
        }
    }

    #[test]
    fn a_jitter_is_a_fraction() {
        for _ in 0..1_000 {
            assert!((0.0..=1.0).contains(&random_jitter()));
        }
    }
}
