//! Who is logged in, and logging out.

use std::fs;

use serde_json::Value;

use super::program::Program;
use super::server::AuthorizationServer;
use super::{ANNA, BEN, desk, kept, log_in};

#[actix_web::test]
async fn accounts_are_listed_without_their_tokens() {
    let server = AuthorizationServer::start().await;
    let desk = desk(&server);
    let (code, said) = Program::run(desk.path(), &["accounts"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("nobody is logged in"), "{said}");
    log_in(&server, desk.path(), ANNA).await;
    log_in(&server, desk.path(), BEN).await;

    // `end` looks for secrets in what it says.
    let (code, said) = Program::run(desk.path(), &["accounts"]).await;
    assert_eq!(code, Some(0), "{said}");
    for word in ["PROVIDER", "company", ANNA, BEN, "in 59m", "valid"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let (_, said) = Program::run(desk.path(), &["accounts", "--json"]).await;
    let listed: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(listed[1]["provider"], "company");
    assert_eq!((&listed[1]["account"], &listed[1]["who"]), (&BEN.into(), &BEN.into()));
    assert_eq!(listed[1]["state"], "valid");
    assert!(listed[1]["expires_at"].is_string());
    let (_, said) = Program::run(desk.path(), &["check"]).await;
    assert!(said.contains("company") && !said.contains("no account yet"), "{said}");
}

#[actix_web::test]
async fn an_account_goes_by_the_label_it_was_given() {
    let server = AuthorizationServer::start().await;
    let desk = desk(&server);
    server.next_person(ANNA);
    let args = ["login", "company", "--device", "--label", "Team A"];
    let (code, said) = Program::run(desk.path(), &args).await;
    assert_eq!(code, Some(0), "{said}");

    let (_, said) = Program::run(desk.path(), &["accounts"]).await;

    assert!(said.contains("team-a") && said.contains(&format!("Team A ({ANNA})")), "{said}");
    let (code, said) = Program::run(desk.path(), &["logout", "company", "Team A"]).await;
    assert_eq!(code, Some(0), "{said}");
}

#[actix_web::test]
async fn a_logout_takes_the_tokens_back_and_removes_them() {
    let server = AuthorizationServer::start().await;
    let desk = desk(&server);
    log_in(&server, desk.path(), ANNA).await;
    log_in(&server, desk.path(), BEN).await;
    let (code, said) = Program::run(desk.path(), &["logout", "company"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("say which: {ANNA}, {BEN}")), "{said}");

    let (code, said) = Program::run(desk.path(), &["logout", "company", ANNA]).await;

    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("Removed the account {ANNA} of company")), "{said}");
    assert!(said.contains("/revoke has taken its tokens back"), "{said}");
    let taken: Vec<_> = server
        .forms("/revoke")
        .iter()
        .map(|form| (form["token"].clone(), form["token_type_hint"].clone()))
        .collect();
    let expected = [("hush-refresh-0", "refresh_token"), ("hush-access-0", "access_token")];
    assert_eq!(taken, expected.map(|(token, hint)| (token.to_owned(), hint.to_owned())));
    let names: Vec<_> = kept(desk.path()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["accounts.json".to_owned(), format!("{BEN}.json")]);
    let (_, said) = Program::run(desk.path(), &["logout", "company"]).await;
    assert!(said.contains(BEN), "the only one that is left needs no name: {said}");
    let list = desk.path().join("accounts/company/accounts.json");
    assert_eq!(fs::read_to_string(list).unwrap(), "[]\n");
}
