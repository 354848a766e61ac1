use super::*;
use crate::actors::router::Reach;
use crate::actors::router::fixtures::{credential, listing, name, table};
use crate::config::{Credential, Family};
use crate::dialect::{Scope, Trouble, TroubleClass};
use crate::types::{Dialect, Ways};

/// Candidates for one model, one for each (id, priority); their members are numbered from 1.
fn candidates(ids: &[(&str, i64)]) -> Vec<Candidate> {
    let credentials = ids
        .iter()
        .map(|(id, priority)| Credential { priority: *priority, ..credential(Family::Claude, id) });
    let table = table(credentials.collect());
    table
        .candidates(Dialect::Anthropic, &name("claude-x"), Reach::SameDialect, Ways::ALL)
        .unwrap()
        .all
}

/// What is known at a moment, and what of it matters.
struct Scene {
    candidates: Vec<Candidate>,
    cooldowns: Cooldowns,
    failed: Vec<Seat>,
    bound: Option<Seat>,
    strategy: Strategy,
    has_substitute: bool,
    began: Instant,
    now: Instant,
}

impl Scene {
    fn of(ids: &[(&str, i64)]) -> Self {
        let now = Instant::now();
        Self {
            candidates: candidates(ids),
            cooldowns: Cooldowns::default(),
            failed: Vec::new(),
            bound: None,
            strategy: Strategy::RoundRobin,
            has_substitute: false,
            began: now,
            now,
        }
    }

    fn seat(&self, index: usize) -> Seat {
        (self.candidates[index].member.id, self.candidates[index].upstream_model.clone())
    }

    /// Lets a candidate rest by what its provider says: a number of seconds, or nothing.
    fn rests(mut self, index: usize, class: TroubleClass, wait: Option<u64>) -> Self {
        let trouble = Trouble { class, scope: Scope::Model, wait: wait.map(Duration::from_secs) };
        let (id, model) = self.seat(index);
        self.cooldowns.fail(id, &model, &trouble, self.now, self.now, 0.0);
        self
    }

    fn failed(mut self, index: usize) -> Self {
        self.failed.push(self.seat(index));
        self
    }

    fn bound_to(mut self, index: usize) -> Self {
        self.bound = Some(self.seat(index));
        self
    }

    fn after(mut self, seconds: u64) -> Self {
        self.now = self.began + Duration::from_secs(seconds);
        self
    }

    fn pick(&self, turn: usize) -> Picked {
        let situation = Situation {
            cooldowns: &self.cooldowns,
            failed: &self.failed,
            bound: self.bound.as_ref(),
            strategy: self.strategy,
            has_substitute: self.has_substitute,
            now: self.now,
        };
        pick(&self.candidates, &situation, || turn)
    }

    /// The id that is picked at each turn; `-` when none is.
    fn turns(&self, count: usize) -> String {
        let id = |turn| match self.pick(turn) {
            Picked::One(index, _) => self.candidates[index].member.credential.id.to_string(),
            Picked::None { .. } => "-".to_owned(),
        };
        (0..count).map(id).collect::<Vec<_>>().join(" ")
    }
}

const THREE: &[(&str, i64)] = &[("a", 0), ("b", 0), ("c", 0)];
const TIERS: &[(&str, i64)] = &[("low", -1), ("a", 5), ("b", 5)];

#[test]
fn each_situation_has_its_choice() {
    use TroubleClass::{Limited, Unauthorized, Unavailable};
    let fill_first = |scene: Scene| Scene { strategy: Strategy::FillFirst, ..scene };
    let with_substitute = |scene: Scene| Scene { has_substitute: true, ..scene };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (Scene::of(THREE),                                              "a b c a", "each in its turn"),
        (fill_first(Scene::of(THREE)),                                  "a a a a", "the first until it rests"),
        (fill_first(Scene::of(THREE).rests(0, Limited, Some(9))),       "b b b b", "then the next"),
        (Scene::of(TIERS),                                              "a b a b", "only the highest priority"),
        (Scene::of(TIERS).rests(1, Limited, Some(9)),                   "b b b b", "what is left of it"),
        (Scene::of(TIERS).rests(1, Limited, Some(9)).failed(2),         "low low low low", "the next tier when none is left"),
        (Scene::of(THREE).bound_to(2),                                  "c c c c", "a conversation stays"),
        (fill_first(Scene::of(THREE).bound_to(2)),                      "c c c c", "under either strategy"),
        (Scene::of(THREE).bound_to(2).rests(2, Limited, Some(9)),       "a b a b", "and moves when its credential rests"),
        (Scene::of(TIERS).bound_to(0),                                  "a b a b", "and for a higher priority"),
        (Scene::of(THREE).failed(0),                                    "b c b c", "what failed this request is left out"),
        (Scene::of(THREE).failed(0).failed(1).failed(2),                "- - - -", "until the next round"),
        (Scene::of(&[("a", 0)]).rests(0, Limited, Some(9)),             "- - - -", "a limit is respected"),
        (Scene::of(&[("a", 0)]).rests(0, Limited, None),                "- - - -", "told or not"),
        (Scene::of(&[("a", 0)]).rests(0, Unauthorized, None),           "- - - -", "a bad key does not get better"),
        (Scene::of(&[("a", 0)]).rests(0, Unavailable, Some(9)),         "- - - -", "a provider's word is respected"),
        (Scene::of(&[("a", 0)]).rests(0, Unavailable, None),            "a a a a", "our guess locks nobody out"),
        (Scene::of(&[("a", 0)]).rests(0, Unavailable, None).failed(0),  "- - - -", "but once a round is enough"),
        (with_substitute(Scene::of(&[("a", 0)]).rests(0, Unavailable, None)), "- - - -", "Amp answers instead"),
        (Scene::of(THREE).rests(0, Unavailable, None),                  "b c b c", "as long as others are well"),
    ];
    for (scene, expected, why) in cases {
        assert_eq!(scene.turns(4), expected, "{why}");
    }
}

#[test]
fn whoever_is_back_soonest_is_named_when_none_is_left() {
    let scene = Scene::of(THREE)
        .rests(0, TroubleClass::Limited, Some(30))
        .rests(1, TroubleClass::Limited, Some(7))
        .failed(2);

    let Picked::None { rest: Some(rest) } = scene.pick(0) else { panic!("one was picked") };

    assert_eq!((rest.index, rest.reason, rest.is_probed), (1, "limited", false));
    assert_eq!(rest.until, scene.now + Duration::from_secs(7));
    let nobody_rests = Scene::of(THREE).failed(0).failed(1).failed(2).pick(0);
    assert!(matches!(nobody_rests, Picked::None { rest: None }));
}

#[test]
fn one_request_probes_when_a_rest_is_over_and_the_others_go_elsewhere_or_wait() {
    let scene = Scene::of(&[("a", 0)]).rests(0, TroubleClass::Limited, Some(7)).after(8);

    let Picked::One(0, Some(lease)) = scene.pick(0) else { panic!("no probe") };
    let Picked::None { rest: Some(rest) } = scene.pick(0) else { panic!("a second probe") };
    assert!(rest.is_probed, "worth waiting for");
    assert_eq!(rest.until, scene.now + PROBE_PATIENCE);
    drop(lease);
    assert!(matches!(scene.pick(0), Picked::One(0, Some(_))), "a lost probe is made again");

    let guess = Scene::of(&[("a", 0)]).rests(0, TroubleClass::Unavailable, None).after(61);
    let Picked::One(0, Some(_lease)) = guess.pick(0) else { panic!("no probe") };
    assert_eq!(guess.turns(2), "a a", "a guess locks nobody out, not even while it is probed");

    let two = Scene::of(&[("a", 0), ("b", 0)]).rests(0, TroubleClass::Limited, Some(7)).after(8);
    let Picked::One(0, Some(_lease)) = two.pick(0) else { panic!("no probe") };
    assert_eq!(two.turns(4), "b b b b", "while it is probed");
}

#[test]
fn models_of_one_credential_rest_apart() {
    let list = [("first", "same"), ("second", "same")];
    let table = table(vec![listing(Family::Claude, "a", &list)]);
    let candidates = table
        .candidates(Dialect::Anthropic, &name("same"), Reach::SameDialect, Ways::ALL)
        .unwrap()
        .all;
    let scene = Scene { candidates, ..Scene::of(THREE) };
    let scene = scene.rests(0, TroubleClass::Limited, Some(9));

    let Picked::One(index, None) = scene.pick(0) else { panic!("none picked") };

    assert_eq!(scene.candidates[index].upstream_model, name("second"));
}
