//! The login that Codex keeps: read again when it changes, and never told to anybody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use ampgate::actors::clock::WallClock;
use serde_json::json;

use super::{Login, ONCE, answer, ask, gateway, settings, token};
use crate::support::{Client, GatewayProcess, Provider, Scripted, TestGateway};

fn expired() -> Scripted {
    let error = json!({ "error": { "message": "Provided authentication token is expired.",
                                   "type": null, "code": "token_expired" }, "status": 401 });
    Scripted::json(401, error.to_string())
}

#[actix_web::test]
async fn a_token_that_is_refused_is_read_again_once() {
    let login = Login::named("old");
    let backend = Provider::saying([answer(), expired(), answer()]).await;
    let gateway = gateway(&login, &backend).await;
    let asked = json!({ "model": "gpt-5", "input": "hi" });
    assert_eq!(ask(&gateway, "/v1/responses", &asked).await.status, 200);

    login.becomes("new");
    let response = ask(&gateway, "/v1/responses", &asked).await;

    assert_eq!(response.status, 200, "{}", response.text());
    let shown: Vec<_> = backend
        .requests()
        .iter()
        .map(|seen| seen.field("authorization").unwrap().to_owned())
        .collect();
    let bearer = |name: &str| format!("Bearer {}", token(name));
    assert_eq!(shown, [bearer("old"), bearer("old"), bearer("new")]);
}

/// Fault of the first version: the list was missing until some call had the token renewed.
#[actix_web::test]
async fn a_catalogue_is_asked_for_once_more_with_the_token_that_codex_has_renewed() {
    let login = Login::named("old");
    let catalogue = json!({ "models": [{ "slug": "gpt-5-codex", "visibility": "list" }] });
    let catalogue = Scripted::json(200, catalogue.to_string());
    let backend = Provider::saying([answer(), expired(), catalogue]).await;
    let gateway = gateway(&login, &backend).await;
    let asked = json!({ "model": "gpt-5", "input": "hi" });
    assert_eq!(ask(&gateway, "/v1/responses", &asked).await.status, 200);

    login.becomes("new");
    let codex = gateway.get("/v1/models?client_version=0.169.0").await;

    assert_eq!(codex.json()["models"][0]["slug"], "gpt-5-codex", "{}", codex.text());
    let seen = backend.asked_times(3).await;
    assert_eq!(seen.field("authorization"), Some(&*format!("Bearer {}", token("new"))));
}

/// Fault of the first version: the plan rested for half an hour after the login had been mended.
#[actix_web::test]
async fn a_token_that_is_refused_is_not_shown_again_and_the_next_login_is_in_use_at_once() {
    let login = Login::named("old");
    let backend = Provider::saying([expired(), answer()]).await;
    let seconds = Arc::new(AtomicU64::new(1_795_000_000));
    let clock = seconds.clone();
    let clock = WallClock::telling(move || {
        SystemTime::UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed))
    });
    let settings = settings(&login, &[backend.origin()], "request-retry: 0");
    let gateway = TestGateway::start_at(&settings, clock).await;
    let asked = json!({ "model": "gpt-5", "input": "hi" });

    let response = ask(&gateway, "/v1/responses", &asked).await;
    assert_eq!(response.status, 401, "{}", response.text());
    let response = ask(&gateway, "/v1/responses", &asked).await;
    assert_eq!(response.json()["error"]["code"], "login_needed", "{}", response.text());
    assert_eq!(backend.asked(), 1, "the same token is not shown twice");

    login.becomes("new");
    seconds.fetch_add(10, Ordering::Relaxed);
    let response = ask(&gateway, "/v1/responses", &asked).await;
    assert_eq!(response.status, 200, "{}", response.text());
}

#[actix_web::test]
async fn without_a_login_the_client_is_told_so_and_nobody_is_asked() {
    let login = Login::named("one");
    std::fs::remove_file(login.file()).unwrap();
    let backend = Provider::saying([answer()]).await;
    let gateway = gateway(&login, &backend).await;

    let response =
        ask(&gateway, "/v1/responses", &json!({ "model": "gpt-5", "input": "hi" })).await;

    assert_eq!(response.status, 503, "{}", response.text());
    assert_eq!(response.json()["error"]["code"], "login_needed");
    assert!(!response.text().contains("auth.json"), "paths are for the log");
    assert_eq!(backend.asked(), 0);
}

#[actix_web::test]
async fn a_login_that_somebody_changes_is_taken_and_the_terms_are_told_once() {
    let login = Login::named("old");
    let backend = Provider::saying([answer()]).await;
    let mut gateway = GatewayProcess::start(&settings(&login, &[backend.origin()], ONCE));
    let fields = [("authorization", "Bearer client-key-1"), ("content-type", "application/json")];
    let asked = br#"{"model":"gpt-5","input":"hi"}"#;
    let mut client = Client::connect(gateway.address).await;
    assert_eq!(client.ask("POST", "/v1/responses", &fields, asked).await.status, 200);

    login.becomes("new");
    gateway.log_until("configuration reloaded");
    let mut bearer = String::new();
    // The reload is in effect before the actor has read the file.
    while bearer != format!("Bearer {}", token("new")) {
        assert_eq!(client.ask("POST", "/v1/responses", &fields, asked).await.status, 200);
        bearer = backend.requests().last().unwrap().field("authorization").unwrap().to_owned();
    }

    gateway.signal("-TERM");
    gateway.wait();
    let log = gateway.log();
    assert_eq!(log.matches("uses a ChatGPT plan").count(), 1, "{log}");
    assert!(!log.contains("hush"), "{log}");
}

#[actix_web::test]
async fn nothing_that_is_shown_or_answered_holds_a_token() {
    let login = Login::named("one");
    let backend = Provider::saying([expired(), Scripted::hang_up()]).await;
    let gateway: TestGateway = gateway(&login, &backend).await;
    let asked = json!({ "model": "gpt-5", "input": "hi" });

    let mut told = String::new();
    for _ in 0..2 {
        told += &ask(&gateway, "/v1/responses", &asked).await.text();
    }
    told += &gateway.status().await.to_string();
    told += &gateway.metrics().await;

    assert!(!told.contains("hush") && !told.contains("acct-1"), "{told}");
}
