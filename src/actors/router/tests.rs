//! The router through its handle, on a clock that the test moves.

mod kept_responses;
mod named_by_the_team;
mod own_login;
mod replicas;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::fixtures::{credential, listing, mapping, name, rules};
use super::*;
use crate::config::{Family, LongContext, Strategy};
use crate::dialect::{Scope, TroubleClass, session_key};

/// A router, and the seconds that have passed for it.
struct Story {
    router: ProviderRouter,
    seconds: Arc<AtomicU64>,
}

impl Story {
    fn with(settings: RouterSettings) -> Self {
        let seconds = Arc::new(AtomicU64::new(0));
        let (began, passed) = (Instant::now(), seconds.clone());
        let clock =
            Clock::telling(move || began + Duration::from_secs(passed.load(Ordering::Relaxed)));
        Self { router: ProviderRouter::start(settings, clock), seconds }
    }

    fn of(credentials: Vec<Credential>) -> Self {
        Self::with(settings(credentials))
    }

    async fn reconfigured(self, settings: RouterSettings) -> Self {
        Self { router: self.router.reconfigured(settings).await, ..self }
    }

    fn pass(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    fn choose(&self, model: &str, session: Option<&str>) -> Choice {
        self.choose_after(&Attempts::default(), model, session)
    }

    fn choose_after(&self, attempts: &Attempts, model: &str, session: Option<&str>) -> Choice {
        let model = name(model);
        self.router.choose(&asking_for(&model), attempts, || session.map(session_of)).unwrap()
    }

    fn plan(&self, model: &str, session: Option<&str>) -> LocalPlan {
        match self.choose(model, session) {
            Choice::Local(plan) => plan,
            other => panic!("{model}: {other:?}"),
        }
    }

    /// A call that is answered well; returns the credential that answered.
    async fn call(&self, model: &str, session: Option<&str>) -> String {
        let mut plan = self.plan(model, session);
        self.router.succeeded(&mut plan, self.router.now());
        self.router.settle().await;
        plan.credential().id.to_string()
    }

    async fn calls(&self, count: usize, session: Option<&str>) -> String {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.call("claude-x", session).await);
        }
        ids.join(" ")
    }

    /// How long the one credential that serves the model rests; `None` when it does not.
    fn rests(&self, model: &str) -> Option<Duration> {
        match self.choose(model, None) {
            Choice::Exhausted(exhausted) => exhausted.rest.map(|rest| self.router.time_left(&rest)),
            _ => None,
        }
    }
}

/// What a client of Anthropic's dialect asks, without an Amp server behind the door.
fn asking_for(model: &ModelName) -> ModelRequest<'_> {
    ModelRequest {
        dialect: Dialect::Anthropic,
        model,
        came_through_amp_door: false,
        reach: Reach::SameDialect,
        ways: Ways::ALL,
        brings_login: false,
        leans_on_a_response: false,
    }
}

fn settings(credentials: Vec<Credential>) -> RouterSettings {
    let routing = Routing {
        strategy: Strategy::RoundRobin,
        session_affinity: true,
        session_affinity_ttl: Duration::from_secs(60),
    };
    RouterSettings { credentials, rules: rules(Vec::new()), routing, disable_cooling: false }
}

fn session_of(id: &str) -> SessionKey {
    let mut fields = HeaderMap::new();
    let id = HeaderValue::from_str(id).unwrap();
    fields.insert(HeaderName::from_static("x-session-id"), id);
    session_key(&fields, Dialect::Anthropic, b"{}").unwrap()
}

fn limited(wait: Option<u64>) -> Trouble {
    let wait = wait.map(Duration::from_secs);
    Trouble { class: TroubleClass::Limited, scope: Scope::Model, wait }
}

fn claude(id: &str) -> Credential {
    credential(Family::Claude, id)
}

#[actix_web::test]
async fn two_hundred_parallel_429s_escalate_once() {
    let story = Story::of(vec![claude("a")]);
    let plans: Vec<_> = (0..200).map(|_| story.plan("claude-x", None)).collect();
    let sent_at = story.router.now();

    let reports = plans.into_iter().map(|plan| story.router.failed(plan, limited(None), sent_at));
    futures::future::join_all(reports).await;

    let rest = story.rests("claude-x").unwrap();
    assert!(rest <= Duration::from_millis(1250), "a second and its jitter, not {rest:?}");
    story.pass(2);
    let plan = story.plan("claude-x", None);
    story.router.failed(plan, limited(None), story.router.now()).await;
    let rest = story.rests("claude-x").unwrap();
    assert!(rest >= Duration::from_secs(2), "the next window escalates: {rest:?}");
}

#[actix_web::test]
async fn a_failure_is_known_to_the_next_choice() {
    let story = Story::of(vec![claude("a"), claude("b")]);
    let plan = story.plan("claude-x", None);
    let failed = plan.credential().id.to_string();

    story.router.failed(plan, limited(Some(60)), story.router.now()).await;

    let other = if failed == "a" { "b" } else { "a" };
    assert_eq!(story.calls(3, None).await, format!("{other} {other} {other}"));
    assert_eq!(story.call("claude-y", None).await.len(), 1, "another model may go anywhere");
    story.pass(76); // the hint, and the most that jitter adds to it
    assert!(story.calls(4, None).await.contains(&failed), "the rest is over");
}

#[actix_web::test]
async fn a_hint_is_never_cut_short() {
    let story = Story::of(vec![claude("a")]);
    let plan = story.plan("claude-x", None);
    story.router.failed(plan, limited(Some(6 * 24 * 3600)), story.router.now()).await;

    story.pass(6 * 24 * 3600 - 1);

    assert!(story.rests("claude-x").is_some(), "a second before the provider's own time");
    story.pass(12);
    assert_eq!(story.call("claude-x", None).await, "a", "and not much longer");
}

#[actix_web::test]
async fn the_suffix_of_a_model_shares_its_rest() {
    let story = Story::of(vec![claude("a")]);
    let plan = story.plan("claude-x(high)", None);
    story.router.failed(plan, limited(Some(60)), story.router.now()).await;

    assert!(story.rests("claude-x").is_some());
    assert!(story.rests("CLAUDE-X(8192)").is_some());
    assert!(story.rests("claude-y(high)").is_none());
}

#[actix_web::test]
async fn cooling_can_be_switched_off_for_all_or_for_one() {
    let never = Credential { disable_cooling: Some(true), ..claude("a") };
    let always = Credential { disable_cooling: Some(false), ..claude("a") };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (claude("a"),     false, true,  "the default"),
        (claude("a"),     true,  false, "switched off for all"),
        (never,           false, false, "switched off for this one"),
        (always,          true,  true,  "switched on for this one"),
    ];
    for (credential, disable_cooling, rests, why) in cases {
        let story = Story::with(RouterSettings { disable_cooling, ..settings(vec![credential]) });
        let plan = story.plan("claude-x", None);
        story.router.failed(plan, limited(Some(60)), story.router.now()).await;
        assert_eq!(story.rests("claude-x").is_some(), rests, "{why}");
    }
}

#[actix_web::test]
async fn a_conversation_stays_where_its_cache_is() {
    let story = Story::of(vec![claude("a"), claude("b"), claude("c")]);

    let first = story.call("claude-x", Some("s")).await;
    let other = story.call("claude-x", Some("t")).await;

    assert_ne!(first, other, "two conversations, each in its turn");
    assert_eq!(story.calls(3, Some("s")).await, format!("{first} {first} {first}"));
    story.pass(59);
    assert_eq!(story.call("claude-x", Some("s")).await, first, "each use begins the time anew");
    story.pass(59);
    assert_eq!(story.call("claude-x(high)", Some("s")).await, first, "with any suffix");
}

#[actix_web::test]
async fn a_conversation_moves_when_its_credential_rests_and_stays_there() {
    let story = Story::of(vec![claude("a"), claude("b")]);
    let first = story.call("claude-x", Some("s")).await;
    let plan = story.plan("claude-x", Some("s"));

    story.router.failed(plan, limited(Some(20)), story.router.now()).await;
    let second = story.call("claude-x", Some("s")).await;
    story.pass(30);

    assert_ne!(first, second);
    assert_eq!(story.calls(3, Some("s")).await, format!("{second} {second} {second}"));
}

#[actix_web::test]
async fn a_conversation_that_was_silent_or_may_not_stay_takes_its_turn() {
    let story = Story::of(vec![claude("a"), claude("b")]);
    assert_eq!(story.calls(2, Some("s")).await, "a a");
    story.pass(61);
    assert_eq!(story.calls(2, Some("s")).await, "b b", "its time was over");

    let mut free = settings(vec![claude("a"), claude("b")]);
    free.routing.session_affinity = false;
    assert_eq!(Story::with(free).calls(4, Some("s")).await, "a b a b");
}

#[actix_web::test]
async fn a_reload_keeps_what_is_known_of_accounts_that_stay() {
    let story = Story::of(vec![claude("a"), claude("b")]);
    let mut attempts = Attempts::default();
    for _ in 0..2 {
        let Choice::Local(plan) = story.choose_after(&attempts, "claude-x", None) else {
            panic!("one is left")
        };
        attempts.note_failure_of(&plan);
        story.router.failed(plan, limited(Some(60)), story.router.now()).await;
    }
    assert!(story.rests("claude-x").is_some());

    let story = story.reconfigured(settings(vec![claude("c"), claude("b")])).await;
    assert_eq!(story.calls(2, None).await, "c c", "b rests on; c is new");

    let story = story.reconfigured(settings(vec![claude("a"), claude("b")])).await;
    assert_eq!(story.calls(2, None).await, "a a", "a was gone, and what was known of it with it");
}

#[actix_web::test]
async fn a_reload_that_switches_cooling_off_wakes_whoever_rests() {
    let story = Story::of(vec![claude("a")]);
    let plan = story.plan("claude-x", None);
    story.router.failed(plan, limited(Some(3600)), story.router.now()).await;
    assert!(story.rests("claude-x").is_some());

    let off = RouterSettings { disable_cooling: true, ..settings(vec![claude("a")]) };
    let story = story.reconfigured(off).await;

    assert_eq!(story.call("claude-x", None).await, "a");
}

#[actix_web::test]
async fn an_answer_that_breaks_puts_its_credential_aside() {
    let story = Story::of(vec![claude("a"), claude("b")]);
    let mut plan = story.plan("claude-x", None);
    let broken = plan.credential().id.to_string();
    let sent_at = story.router.now();
    story.router.succeeded(&mut plan, sent_at);

    story.router.watch(plan, sent_at).broke();
    story.router.settle().await;

    let next = story.calls(3, None).await;
    assert!(!next.contains(&broken), "{broken} broke, and then {next} answered");
}

#[actix_web::test]
async fn a_reload_brings_new_mappings() {
    let story = Story::of(vec![listing(Family::Claude, "a", &[("kimi", "kimi")])]);
    let asked = |story: &Story| {
        let model = name("smart");
        story.router.choose(&asking_for(&model), &Attempts::default(), || None)
    };
    assert!(asked(&story).is_err());
    let mut next = settings(vec![listing(Family::Claude, "a", &[("kimi", "kimi")])]);
    next.rules.mappings = vec![mapping("smart", "kimi")];

    let before = Story { router: story.router.clone(), seconds: story.seconds.clone() };
    let story = story.reconfigured(next).await;

    assert!(asked(&before).is_err(), "a request keeps the routes it began with");
    let Ok(Choice::Local(plan)) = asked(&story) else { panic!("not mapped") };
    assert_eq!((plan.upstream_model.as_str(), plan.renames), ("kimi", true));
    assert_eq!(plan.found, Found::ByMapping { crosses_makers: false });
}

#[actix_web::test]
async fn the_long_context_is_tried_until_it_is_turned_down() {
    let with = |long_context| Credential { long_context, ..claude("a") };
    let strips = |story: &Story| story.plan("claude-x", None).strip_long_context;
    assert!(strips(&Story::of(vec![with(LongContext::Strip)])));
    assert!(!strips(&Story::of(vec![with(LongContext::Keep)])));
    let story = Story::of(vec![with(LongContext::Auto)]);
    assert!(!strips(&story), "tried");

    let plan = story.plan("claude-x", None);
    story.router.turned_long_context_down(&plan).await;

    assert!(strips(&story), "remembered");
}

#[actix_web::test]
async fn amp_answers_only_at_its_own_door_and_only_when_it_may() {
    use Fallbacks::{Forbidden, Impossible, ToAmp, ToAmpOnFailure};
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // fallback,       Amp door, when none is configured, when ours failed, why
        (ToAmp,            true,     true,  false, "what the door is for"),
        (ToAmp,            false,    false, false, "direct clients never spend Amp's credits"),
        (ToAmpOnFailure,   true,     true,  true,  "asked for"),
        (ToAmpOnFailure,   false,    false, false, "direct clients never spend Amp's credits"),
        (Forbidden,        true,     false, false, "`fallback: never`"),
        (Impossible,       true,     false, false, "no Amp server"),
    ];
    for (fallback, came_through_amp_door, unconfigured, after_failure, why) in cases {
        let mut settings = settings(vec![claude("a")]);
        settings.rules.fallback = fallback;
        let story = Story::with(settings);
        let choose = |model: &str, attempts: &Attempts| {
            let model = name(model);
            let request = ModelRequest { came_through_amp_door, ..asking_for(&model) };
            story.router.choose(&request, attempts, || None)
        };
        let unserved = choose("nobody-serves-this", &Attempts::default());
        assert_eq!(matches!(unserved, Ok(Choice::Amp)), unconfigured, "{fallback:?}: {why}");
        assert_eq!(unserved.is_err(), !unconfigured, "{fallback:?}: {why}");

        let mut attempts = Attempts::default();
        let Ok(Choice::Local(plan)) = choose("claude-x", &attempts) else {
            panic!("{fallback:?}: ours come first")
        };
        attempts.note_failure_of(&plan);
        let Ok(Choice::Exhausted(exhausted)) = choose("claude-x", &attempts) else {
            panic!("{fallback:?}: asked twice in a round")
        };
        assert_eq!(exhausted.amp_may_answer, after_failure, "{fallback:?}: {why}");
    }
}

#[actix_web::test]
async fn turns_are_counted_for_each_model() {
    let story = Story::of(vec![claude("a"), claude("b")]);
    // Counters are shared by hash, so not every pair of models is apart; most of these must be.
    let mut first_turns = 0;
    for number in 0..32 {
        let id = story.call(&format!("claude-{number}"), None).await;
        first_turns += usize::from(id == "a");
    }
    assert!(first_turns > 20, "one counter for all models would give 16 of 32 to `a`");
}

#[actix_web::test]
async fn turns_are_shared_fairly_among_threads() {
    let story = Story::of(vec![claude("a"), claude("b")]);
    let counts: Mutex<HashMap<String, usize>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let id = story.plan("claude-x", None).credential().id.to_string();
                    *counts.lock().unwrap().entry(id).or_default() += 1;
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap();
    assert_eq!(counts, HashMap::from([("a".to_owned(), 200), ("b".to_owned(), 200)]));
}

#[actix_web::test]
async fn a_websocket_takes_turns_and_avoids_a_credential_that_rests() {
    let openai = |id: &str| credential(Family::OpenAi, id);
    let story = Story::of(vec![openai("a"), openai("b")]);
    let socket = || {
        story
            .router
            .choose_for_socket(Dialect::OpenAiResponses, &Attempts::default(), || None)
            .unwrap()
    };
    let turns: Vec<String> = (0..4).map(|_| socket().credential().id.to_string()).collect();
    assert_eq!(turns, ["a", "b", "a", "b"]);

    let refused =
        Trouble { class: TroubleClass::Unauthorized, scope: Scope::Credential, wait: None };
    story.router.failed(socket(), refused, story.router.now()).await;

    let turns: Vec<String> = (0..2).map(|_| socket().credential().id.to_string()).collect();
    assert_eq!(turns, ["b", "b"], "a was turned down");
    assert!(
        story.router.choose_for_socket(Dialect::Anthropic, &Attempts::default(), || None).is_none()
    );
}

#[actix_web::test]
async fn health_tells_of_each_credential_in_the_order_of_the_configuration() {
    let story = Story::of(vec![claude("b"), claude("a")]);
    let of_model = story.plan("Claude-X", None);
    let failed = of_model.credential().id.to_string();
    story.router.failed(of_model, limited(Some(60)), story.router.now()).await;
    let of_whole = story.plan("claude-x", None);
    let unauthorized =
        Trouble { class: TroubleClass::Unauthorized, scope: Scope::Credential, wait: None };
    story.router.failed(of_whole, unauthorized, story.router.now()).await;

    let health = story.router.health();

    let ids: Vec<&str> = health.iter().map(|credential| credential.id.as_str()).collect();
    assert_eq!(ids, ["b", "a"]);
    for credential in &health {
        let [rest] = &credential.rests[..] else { panic!("{credential:?}") };
        let (model, reason, was_told) = if credential.id.as_str() == failed {
            (Some("claude-x"), "limited", true)
        } else {
            (None, "unauthorized", false)
        };
        assert_eq!(
            (rest.model.as_deref(), rest.reason, rest.was_told),
            (model, reason, was_told),
            "{credential:?}"
        );
        assert!(rest.until > story.router.now());
    }
}

#[actix_web::test]
async fn a_reset_ends_every_rest_of_its_credential_and_of_no_other() {
    let story = Story::of(vec![claude("a"), claude("b")]);
    for model in ["claude-x", "claude-x", "claude-y", "claude-y"] {
        let plan = story.plan(model, None);
        story.router.failed(plan, limited(Some(600)), story.router.now()).await;
    }
    assert!(story.rests("claude-x").is_some() && story.rests("claude-y").is_some());

    assert!(story.router.reset("a").await);

    assert_eq!(story.calls(3, None).await, "a a a");
    assert_eq!(story.call("claude-y", None).await, "a");
    let rests: Vec<usize> = story.router.health().iter().map(|health| health.rests.len()).collect();
    assert_eq!(rests, [0, 2]);
    assert!(!story.router.reset("c").await, "there is no such credential");
}

#[actix_web::test]
async fn limits_are_kept_for_each_account_and_over_reloads() {
    let story = Story::of(vec![claude("a"), claude("b")]);
    let told = |remaining: &str| {
        let mut fields = HeaderMap::new();
        for (name, value) in [("limit", "50"), ("remaining", remaining)] {
            let name = format!("anthropic-ratelimit-requests-{name}");
            fields.insert(name.parse().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        fields
    };
    let plan = story.plan("claude-x", None);
    let asked = plan.credential().id.to_string();

    story.router.note_limits(&plan, &told("49"));
    story.router.note_limits(&plan, &told("48"));
    story.router.note_limits(&plan, &HeaderMap::new());
    let story = story.reconfigured(settings(vec![claude("b"), claude("a"), claude("c")])).await;

    for health in story.router.health() {
        let remaining: Vec<_> = health.limits.iter().map(|limit| limit.told.remaining).collect();
        let expected = if health.id.as_str() == asked { vec![Some(48.0)] } else { vec![] };
        assert_eq!(remaining, expected, "{}: the newest, and nobody else's", health.id);
    }
}
