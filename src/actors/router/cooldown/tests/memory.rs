//! What is forgotten, and when.

use super::*;

#[test]
fn a_level_is_forgotten_ten_rests_later_and_not_before_ten_minutes() {
    let past = |hint| {
        let mut story = Story::new();
        story.fail(&trouble(Limited, Some(hint)));
        story.after(seconds(hint));
        story
    };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // rest, after its end, forgotten, why
        (1,    599,           false,     "ten minutes at least"),
        (1,    600,           true,      "ten minutes"),
        (100,  999,           false,     "ten rests"),
        (100,  1000,          true,      "ten rests"),
    ];
    for (rest, after, forgotten, why) in cases {
        let mut story = past(rest);
        let now = story.after(seconds(after)).now;
        story.cooldowns.forget_expired(now);
        assert_eq!(story.is_ready(), forgotten, "{why}");
        assert_eq!(story.cooldowns.members.is_empty(), forgotten, "{why}");
    }
    let mut story = Story::new();
    story.fail(&trouble(Limited, Some(9999)));
    story.after(seconds(9998));
    let now = story.now;
    story.cooldowns.forget_expired(now);
    assert_eq!(story.rests(), Some(seconds(1)), "a rest is never cut short");
}

#[test]
fn members_that_are_gone_are_forgotten() {
    let mut story = Story::new();
    let now = story.now;
    for member in [ONE, TWO, MemberId(3)] {
        story.cooldowns.fail(member, &model("m"), &trouble(Unpaid, None), now, now, 0.0);
    }
    story.cooldowns.retain(|member| member == MemberId(3));
    let left: Vec<&MemberId> = story.cooldowns.members.keys().collect();
    assert_eq!(left, [&MemberId(3)]);
}

/// As many models at rest as fit, each a second longer than the one before.
fn full_of(class: TroubleClass) -> Story {
    let mut story = Story::new();
    let now = story.now;
    for number in 0..MAX_MODELS {
        let hint = 100_000 + u64::try_from(number).unwrap();
        let name = model(&format!("m{number}"));
        story.cooldowns.fail(ONE, &name, &trouble(class, Some(hint)), now, now, 0.0);
    }
    story
}

fn count(story: &Story) -> usize {
    story.cooldowns.members[&ONE].models.len()
}

#[test]
fn a_full_table_gives_up_what_is_over_then_what_was_made_up_but_no_limit() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // full of,      later,   takes one more, gives up, why
        (Limited,      100_001, true,           true,     "two are over"),
        (Limited,      0,       false,          false,    "each limit is real"),
        (ModelUnknown, 0,       true,           true,     "names that were made up"),
    ];
    for (class, later, takes, gives_up, why) in cases {
        let mut story = full_of(class);
        assert_eq!(count(&story), MAX_MODELS);
        story.after(seconds(later));
        assert_eq!(story.fail(&trouble(Limited, Some(1))).is_some(), takes, "{why}");
        assert_eq!(count(&story), MAX_MODELS, "{why}");
        assert_eq!(story.rests().is_some(), takes, "{why}");
        let models = &story.cooldowns.members[&ONE].models;
        assert_eq!(!models.contains_key("m0"), gives_up, "the oldest goes: {why}");
        assert!(models.contains_key("m1"), "and only it: {why}");

        let whole = Trouble { scope: Scope::Credential, ..trouble(Limited, Some(1)) };
        assert!(story.fail(&whole).is_some(), "a credential always fits: {why}");
        let known = story.cooldowns.fail(
            ONE,
            &model("m9"),
            &trouble(Limited, Some(999_999)),
            story.now,
            story.now,
            0.0,
        );
        assert!(known.is_some(), "what rests already is no new entry: {why}");
    }
}
