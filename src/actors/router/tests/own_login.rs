//! Logins that clients bring: who is asked with one, and who without.

use super::*;
use crate::actors::router::fixtures::listing;
use crate::config::Auth;
use crate::types::{Route, Way};

fn opened_by_clients(family: Family, id: &str) -> Credential {
    Credential { auth: Auth::ClientLogin, ..credential(family, id) }
}

/// Who answers: a credential, `amp`, or the code of an error.
fn answers(story: &Story, request: &ModelRequest<'_>) -> String {
    match story.router.choose(request, &Attempts::default(), || None) {
        Ok(Choice::Local(plan)) => plan.credential().id.to_string(),
        Ok(Choice::Amp) => "amp".to_owned(),
        Ok(Choice::Exhausted(_)) => "exhausted".to_owned(),
        Err(error) => error.code().to_owned(),
    }
}

#[actix_web::test]
async fn a_login_is_answered_where_its_client_pays_and_by_nothing_else() {
    use Dialect::{Anthropic, OpenAiChat};
    let mut settings = settings(vec![
        credential(Family::Claude, "team"),
        opened_by_clients(Family::Claude, "clients"),
        credential(Family::OpenAi, "team-openai"),
    ]);
    settings.rules.fallback = Fallbacks::ToAmpOnFailure;
    settings.rules.mappings = vec![mapping("smart", "claude-x")];
    let story = Story::with(settings);
    let closed = Ways::of(&[Way::Call(Route::Local), Way::Call(Route::Amp)]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // dialect,  model,       brings, ways,      answers,            why
        (Anthropic,  "claude-x",  true,   Ways::ALL, "clients",          "it pays itself"),
        (Anthropic,  "claude-x",  false,  Ways::ALL, "team",             "without a login nobody else's is there"),
        (Anthropic,  "smart",     true,   Ways::ALL, "clients",          "by a mapping, too"),
        (Anthropic,  "gpt-9",     true,   Ways::ALL, "team-openai",      "a model that no such entry has: a client like any other"),
        (OpenAiChat, "claude-x",  true,   Ways::ALL, "team",             "a login is of its dialect's provider"),
        (Anthropic,  "unheard",   true,   Ways::ALL, "amp",              "as for any other"),
        (Anthropic,  "claude-x",  true,   closed,    "team",             "own logins are closed to its key"),
    ];
    for (dialect, model, brings_login, ways, expected, why) in cases {
        let model = name(model);
        let request = ModelRequest {
            dialect,
            brings_login,
            ways,
            reach: Reach::AnyDialect,
            came_through_amp_door: true,
            ..asking_for(&model)
        };
        assert_eq!(answers(&story, &request), expected, "{model}: {why}");
    }
}

#[actix_web::test]
async fn without_a_login_an_entry_for_logins_serves_nothing_and_says_what_is_missing() {
    let story = Story::of(vec![opened_by_clients(Family::Claude, "clients")]);
    let model = name("claude-x");

    let refused = story.router.choose(&asking_for(&model), &Attempts::default(), || None);

    let error = refused.unwrap_err();
    assert_eq!(error.code(), "model_not_served");
    assert!(error.to_string().contains("X-Ampgate-Key"), "{error}");
}

#[actix_web::test]
async fn who_may_only_use_a_login_is_told_when_it_brings_none() {
    let story = Story::of(vec![
        credential(Family::Claude, "team"),
        opened_by_clients(Family::Claude, "clients"),
    ]);
    let model = name("claude-x");
    let ways = Ways::of(&[Way::Call(Route::OwnLogin)]);
    let request = ModelRequest { ways, ..asking_for(&model) };

    assert_eq!(answers(&story, &request), "route_not_allowed");
    assert_eq!(answers(&story, &ModelRequest { brings_login: true, ..request }), "clients");
}

#[actix_web::test]
async fn among_entries_for_logins_priority_counts_as_elsewhere() {
    let story = Story::of(vec![
        opened_by_clients(Family::Claude, "later"),
        Credential { priority: 1, ..opened_by_clients(Family::Claude, "first") },
    ]);
    let model = name("claude-x");
    let request = ModelRequest { brings_login: true, ..asking_for(&model) };

    for _ in 0..3 {
        assert_eq!(answers(&story, &request), "first");
    }
}

#[actix_web::test]
async fn an_entry_for_logins_is_no_part_of_what_can_be_asked_for_and_of_no_providers_websocket() {
    let names = [("claude-x", "theirs")];
    let listed =
        Credential { auth: Auth::ClientLogin, ..listing(Family::Claude, "clients", &names) };
    let story = Story::of(vec![listed, opened_by_clients(Family::OpenAi, "openai")]);

    let offers = story.router.offers(Dialect::Anthropic, Ways::ALL);
    assert_eq!((offers.named().len(), offers.sources().len()), (0, 0));
    for by_codex in [false, true] {
        assert_eq!(
            story.router.socket_service(by_codex),
            SocketService::Gateway,
            "each call is seen"
        );
    }
    let dialect = Dialect::OpenAiResponses;
    assert!(story.router.choose_for_socket(dialect, &Attempts::default(), || None).is_none());
}
