use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use TroubleClass::{
    Challenge, Forbidden, Limited, ModelUnknown, Unauthorized, Unavailable, Unpaid,
};

mod memory;

const ONE: MemberId = MemberId(1);
const TWO: MemberId = MemberId(2);

fn model(name: &str) -> ModelName {
    ModelName::parse(name).unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn trouble(class: TroubleClass, wait: Option<u64>) -> Trouble {
    Trouble { class, scope: Scope::Model, wait: wait.map(seconds) }
}

/// Cooldowns of one credential and one model, with a clock that the test moves.
struct Story {
    cooldowns: Cooldowns,
    now: Instant,
}

impl Story {
    fn new() -> Self {
        Self { cooldowns: Cooldowns::default(), now: Instant::now() }
    }

    fn after(&mut self, wait: Duration) -> &mut Self {
        self.now += wait;
        self
    }

    /// Fails an attempt sent just now.
    fn fail(&mut self, trouble: &Trouble) -> Option<Rest> {
        self.fail_sent_at(trouble, self.now)
    }

    fn fail_sent_at(&mut self, trouble: &Trouble, sent_at: Instant) -> Option<Rest> {
        self.cooldowns.fail(ONE, &model("m"), trouble, sent_at, self.now, 0.0)
    }

    fn succeed(&mut self) -> bool {
        self.cooldowns.succeed(ONE, &model("m"), self.now)
    }

    fn state(&self) -> CoolingState {
        self.cooldowns.state(ONE, &model("m"), self.now)
    }

    /// How long it rests from now; `None` when it does not.
    fn rests(&self) -> Option<Duration> {
        match self.state() {
            CoolingState::Resting { until, .. } => Some(until - self.now),
            _ => None,
        }
    }

    fn is_half_open(&self) -> bool {
        matches!(self.state(), CoolingState::HalfOpen { .. })
    }

    fn is_ready(&self) -> bool {
        matches!(self.state(), CoolingState::Ready)
    }
}

#[test]
fn each_class_rests_as_long_as_its_row_says() {
    let minutes = |minutes: u64| seconds(60 * minutes);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // class,       hint,         first,         second,        why
        (Unauthorized, None,         minutes(30),   minutes(30),   "no backoff"),
        (Unauthorized, Some(9),      minutes(30),   minutes(30),   "a hint is the least"),
        (Unauthorized, Some(9000),   seconds(9000), seconds(9000), "a longer hint holds"),
        (Forbidden,    None,         minutes(30),   minutes(30),   "no backoff"),
        (Unpaid,       None,         minutes(180),  minutes(180),  "no short wait brings money"),
        (ModelUnknown, None,         minutes(720),  minutes(720),  "half a day"),
        (ModelUnknown, Some(32),     minutes(720),  minutes(720),  "Google sends a delay with limit: 0"),
        (Unavailable,  None,         minutes(1),    minutes(1),    "no backoff"),
        (Unavailable,  Some(5),      seconds(5),    seconds(5),    "the hint instead"),
        (Unavailable,  Some(300),    seconds(300),  seconds(300),  "a longer hint holds"),
        (Limited,      None,         seconds(1),    seconds(2),    "backoff"),
        (Limited,      Some(7),      seconds(7),    seconds(7),    "the hint instead"),
        (Limited,      Some(604_800), seconds(604_800), seconds(604_800), "a week is not shortened"),
        (Challenge,    None,         seconds(10),   seconds(10),   "the least"),
        (Challenge,    Some(40),     seconds(40),   seconds(40),   "a longer hint holds"),
    ];
    for (class, hint, first, second, why) in cases {
        let mut story = Story::new();
        let rest = story.fail(&trouble(class, hint)).unwrap();
        assert_eq!((rest.class, rest.until), (class, story.now + first), "{class:?}: {why}");
        assert_eq!(story.rests(), Some(first), "{class:?}: {why}");

        story.after(first);
        assert!(story.is_half_open(), "{class:?}: {why}");
        story.fail(&trouble(class, hint));
        assert_eq!(story.rests(), Some(second), "{class:?}, again: {why}");
    }
}

#[test]
fn the_backoff_doubles_to_half_an_hour_and_starts_anew_after_success() {
    let mut story = Story::new();
    for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800, 1800] {
        story.fail(&trouble(Limited, None));
        assert_eq!(story.rests(), Some(seconds(expected)));
        story.after(seconds(expected));
    }
    for _ in 0..40 {
        story.fail(&trouble(Limited, None));
        assert_eq!(story.rests(), Some(seconds(1800)), "past the width of a number");
        story.after(seconds(1800));
    }
    assert!(story.succeed());
    assert!(story.is_ready());
    assert!(!story.succeed(), "nothing left to forget");
    story.fail(&trouble(Limited, None));
    assert_eq!(story.rests(), Some(seconds(1)));
}

#[test]
fn a_challenge_climbs_the_same_stairs() {
    let mut story = Story::new();
    for expected in [10, 10, 10, 10, 16, 32] {
        story.fail(&trouble(Challenge, None));
        assert_eq!(story.rests(), Some(seconds(expected)));
        story.after(seconds(expected));
    }
    story.fail(&trouble(Unavailable, None));
    story.after(seconds(60)).fail(&trouble(Limited, None));
    assert_eq!(story.rests(), Some(seconds(64)), "another class between does not reset it");
}

#[test]
fn two_hundred_parallel_429s_escalate_once() {
    for hint in [None, Some(5)] {
        let mut story = Story::new();
        let sent_at = story.now;
        story.after(Duration::from_millis(100));
        let first = story.fail_sent_at(&trouble(Limited, hint), sent_at).unwrap();
        assert_eq!(first.level, 1);
        for _ in 1..200 {
            assert_eq!(story.fail_sent_at(&trouble(Limited, hint), sent_at), None);
        }
        let rest = seconds(hint.unwrap_or(1));
        assert_eq!(story.rests(), Some(rest));

        story.after(rest);
        assert_eq!(story.fail(&trouble(Limited, None)).unwrap().level, 2);
    }
}

#[test]
fn what_was_sent_before_the_rest_was_over_can_only_lengthen_it_by_a_hint() {
    let mut story = Story::new();
    let before = story.now;
    story.after(seconds(1)).fail(&trouble(Limited, Some(20)));
    let during = story.now + seconds(5);
    story.after(seconds(10));
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // sent,   class,        hint,     rests, why
        (before, Limited,      None,     10,    "no hint"),
        (during, Limited,      None,     10,    "sent against an older snapshot"),
        (before, Limited,      Some(5),  10,    "a shorter hint"),
        (before, Unavailable,  None,     10,    "another class, no hint"),
        (before, Limited,      Some(30), 30,    "a longer hint"),
        (during, Unavailable,  Some(40), 40,    "a longer hint of another class"),
    ];
    for (sent_at, class, hint, rests, why) in cases {
        let was = story.rests();
        let changed = story.fail_sent_at(&trouble(class, hint), sent_at);
        assert_eq!(story.rests(), Some(seconds(rests)), "{why}");
        assert_eq!(changed.map(|rest| rest.level), (was != story.rests()).then_some(1), "{why}");
    }
}

#[test]
fn a_late_answer_from_before_the_rest_does_not_end_it() {
    let mut story = Story::new();
    let before = story.now;
    story.after(seconds(1)).fail(&trouble(Limited, Some(20)));
    assert!(!story.cooldowns.succeed(ONE, &model("m"), before));
    assert_eq!(story.rests(), Some(seconds(20)));
    assert!(
        story.cooldowns.succeed(ONE, &model("m"), story.now),
        "sent all the same, and answered"
    );
    assert!(story.is_ready());
}

#[test]
fn a_rest_is_the_members_and_the_models_own() {
    let mut story = Story::new();
    story.fail(&trouble(Limited, Some(20)));
    let state = |story: &Story, member, name| {
        matches!(story.cooldowns.state(member, &model(name), story.now), CoolingState::Ready)
    };
    assert!(state(&story, ONE, "other"));
    assert!(state(&story, TWO, "m"));

    let whole = Trouble { scope: Scope::Credential, ..trouble(Limited, Some(10)) };
    assert_eq!(story.fail(&whole).unwrap().scope, Scope::Credential);
    assert!(!state(&story, ONE, "other"));
    assert!(state(&story, TWO, "m"));
    assert_eq!(story.rests(), Some(seconds(20)), "the longer of the two");
    story.after(seconds(10));
    assert_eq!(story.rests(), Some(seconds(10)), "one over, the other not");
}

#[test]
fn a_good_answer_wakes_the_credential_and_its_model_and_no_other() {
    let mut story = Story::new();
    let whole = Trouble { scope: Scope::Credential, ..trouble(Unavailable, None) };
    story.fail(&whole);
    story.fail(&trouble(Unavailable, None));
    story.cooldowns.fail(
        ONE,
        &model("other"),
        &trouble(Limited, Some(99)),
        story.now,
        story.now,
        0.0,
    );
    assert!(story.after(seconds(60)).succeed());
    assert!(story.is_ready());
    let other = story.cooldowns.state(ONE, &model("other"), story.now);
    assert!(matches!(other, CoolingState::Resting { class: Limited, .. }));
}

#[test]
fn names_in_another_case_share_a_rest() {
    let mut story = Story::new();
    story.fail(&trouble(Limited, Some(20)));
    let state = story.cooldowns.state(ONE, &model("M"), story.now);
    assert!(matches!(state, CoolingState::Resting { .. }));
    assert!(story.cooldowns.succeed(ONE, &model("M"), story.now));
    assert!(story.is_ready());
}

#[test]
fn jitter_adds_up_to_a_quarter_and_never_takes_away() {
    let ten = seconds(10);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // class,       hint,          jitter,            rest,                        why
        (Limited,      None,          0.0,               seconds(1),                  "none"),
        (Limited,      None,          0.5,               Duration::from_millis(1125), "half of a quarter"),
        (Limited,      None,          1.0,               Duration::from_millis(1250), "a quarter"),
        (Limited,      None,          7.0,               Duration::from_millis(1250), "no more than a quarter"),
        (Limited,      None,          -1.0,              seconds(1),                  "never less"),
        (Limited,      None,          f64::NAN,          seconds(1),                  "no number"),
        (Limited,      None,          f64::INFINITY,     seconds(1),                  "no number"),
        (Limited,      Some(8),       1.0,               ten,                         "on a hint"),
        (Limited,      Some(604_800), 1.0,               seconds(604_810),            "little on a long hint"),
        (Unauthorized, None,          1.0,               seconds(1800),               "none where nobody waits in line"),
    ];
    for (class, hint, jitter, rest, why) in cases {
        let mut story = Story::new();
        let now = story.now;
        story.cooldowns.fail(ONE, &model("m"), &trouble(class, hint), now, now, jitter);
        assert_eq!(story.rests(), Some(rest), "{class:?} {jitter}: {why}");
    }
}

fn probe_of(story: &Story) -> Arc<Probe> {
    match story.state() {
        CoolingState::HalfOpen { probe, .. } => probe,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_of_many_threads_claims_the_probe() {
    let mut story = Story::new();
    story.fail(&trouble(Limited, Some(1)));
    story.after(seconds(1));
    let (threads, winners) = (8, AtomicUsize::new(0));
    let (start, end) = (Barrier::new(threads), Barrier::new(threads));
    let snapshot = story.cooldowns.clone(); // the probe is the same one
    thread::scope(|scope| {
        for thread in 0..threads {
            let cooldowns = if thread % 2 == 0 { &story.cooldowns } else { &snapshot };
            let (now, winners, start, end) = (story.now, &winners, &start, &end);
            scope.spawn(move || {
                let CoolingState::HalfOpen { probe, .. } = cooldowns.state(ONE, &model("m"), now)
                else {
                    panic!("not half-open");
                };
                start.wait();
                let lease = probe.claim(now);
                winners.fetch_add(usize::from(lease.is_some()), Ordering::Relaxed);
                end.wait(); // no lease is dropped before all have tried
            });
        }
    });
    assert_eq!(winners.into_inner(), 1);
}

#[test]
fn a_dropped_lease_frees_the_probe() {
    let mut story = Story::new();
    story.fail(&trouble(Limited, Some(1)));
    story.after(seconds(1));
    let probe = probe_of(&story);
    let lease = probe.claim(story.now);
    assert!(lease.is_some());
    assert!(probe.claim(story.now).is_none());
    drop(lease);
    assert!(probe.claim(story.now).is_some());
}

#[test]
fn a_probe_that_hangs_is_passed_by_and_frees_nothing_later() {
    let mut story = Story::new();
    story.fail(&trouble(Limited, Some(1)));
    story.after(seconds(1));
    let probe = probe_of(&story);
    let hung = probe.claim(story.now).unwrap();
    story.after(seconds(59));
    assert!(probe.claim(story.now).is_none());
    story.after(seconds(1));
    let second = probe.claim(story.now).unwrap();
    drop(hung);
    assert!(probe.claim(story.now).is_none(), "the second still holds it");
    drop(second);
    assert!(probe.claim(story.now).is_some());
}

#[test]
fn a_failed_probe_leaves_its_lease_nothing_to_free() {
    let mut story = Story::new();
    story.fail(&trouble(Limited, Some(1)));
    story.after(seconds(1));
    let first = probe_of(&story).claim(story.now).unwrap();
    story.fail(&trouble(Limited, Some(1)));
    story.after(seconds(1));
    let second = probe_of(&story).claim(story.now);
    assert!(second.is_some(), "a new rest has a new probe");
    drop(first);
    assert!(probe_of(&story).claim(story.now).is_none());
}

fn any_trouble() -> impl Strategy<Value = Trouble> {
    let class = prop_oneof![
        Just(Unauthorized),
        Just(Unpaid),
        Just(Forbidden),
        Just(ModelUnknown),
        Just(Limited),
        Just(Challenge),
        Just(Unavailable),
    ];
    let scope = prop_oneof![Just(Scope::Credential), Just(Scope::Model)];
    let wait = prop_oneof![
        Just(None),
        (0..100_000_u64).prop_map(|millis| Some(Duration::from_millis(millis))),
        any::<Duration>().prop_map(Some),
    ];
    (class, scope, wait).prop_map(|(class, scope, wait)| Trouble { class, scope, wait })
}

proptest! {
    #[test]
    fn a_failure_never_brings_the_end_of_a_rest_nearer_nor_below_its_hint(
        failures in vec((any_trouble(), 0..200_u64, 0..100_u64, any::<f64>()), 1..30),
    ) {
        let mut story = Story::new();
        story.after(seconds(1000)); // room for attempts sent before
        let until = |story: &Story| match story.state() {
            CoolingState::Resting { until, .. } => until,
            _ => story.now,
        };
        for (trouble, step, age, jitter) in failures {
            story.after(seconds(step));
            let (now, before) = (story.now, until(&story));
            let sent_at = now.checked_sub(seconds(age)).unwrap_or(now);
            let rest = story.cooldowns.fail(ONE, &model("m"), &trouble, sent_at, now, jitter);
            prop_assert!(until(&story) >= before);
            prop_assert!(rest.is_none_or(|rest| rest.until >= now && rest.until <= until(&story)));
            let hint = trouble.wait.unwrap_or_default().min(LONGEST_REST);
            prop_assert!(until(&story) >= now + hint);
        }
    }
}

#[test]
fn only_a_rest_that_nobody_asked_for_is_a_guess() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // class,      hint,     a guess, why
        (Unavailable,  None,     true,    "we guess how long it is unwell"),
        (Unavailable,  Some(60), false,   "the provider says how long"),
        (Limited,      None,     false,   "it was asked too often: asking more makes it worse"),
        (Unauthorized, None,     false,   "the key will not get better"),
    ];
    for (class, hint, expected, why) in cases {
        let mut story = Story::new();
        let now = story.now;
        story.cooldowns.fail(ONE, &model("m"), &trouble(class, hint), now, now, 0.0);
        let state = story.cooldowns.state(ONE, &model("m"), now);
        let CoolingState::Resting { is_guess, .. } = state else { panic!("{why}: not at rest") };
        assert_eq!(is_guess, expected, "{why}");
    }
}

#[test]
fn a_limit_met_while_a_guess_runs_is_a_limit() {
    let mut story = Story::new();
    let now = story.now;
    story.cooldowns.fail(ONE, &model("m"), &trouble(Unavailable, None), now, now, 0.0);

    let rest = story.cooldowns.fail(ONE, &model("m"), &trouble(Limited, None), now, now, 0.0);

    assert!(rest.is_some_and(|rest| rest.class == Limited), "{rest:?}");
    let state = story.cooldowns.state(ONE, &model("m"), now);
    assert!(matches!(state, CoolingState::Resting { is_guess: false, .. }), "{state:?}");
}
