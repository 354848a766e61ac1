//! The login in a browser, from the printed address to the last page.

use std::path::Path;

use crate::support::expect;

use super::program::Program;
use super::server::AuthorizationServer;
use super::{ANNA, BEN, desk, get, kept, log_in, redirect_of};

/// The list and one account, for their owner alone.
fn one_account() -> Vec<(String, u32)> {
    vec![("accounts.json".to_owned(), 0o600), (format!("{ANNA}.json"), 0o600)]
}

#[actix_web::test]
async fn a_login_in_the_browser_keeps_an_account() {
    let server = AuthorizationServer::start().await;
    let desk = desk(&server);
    server.next_person(ANNA);
    let mut program = Program::start(desk.path(), &["login", "company", "--no-browser"]);
    let address = program.address().await;

    let page = get(&redirect_of(&address).await).await;

    assert_eq!(page.status, 200);
    let text = page.text();
    for word in ["Logged in", ANNA, "company"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("hush"), "{text}");
    assert_eq!(page.field("cache-control"), Some("no-store"));
    assert_eq!(page.field("referrer-policy"), Some("no-referrer"));
    let (code, said) = program.end().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("Logged in to company as {ANNA} (account {ANNA}).")), "{said}");
    assert_eq!(kept(desk.path()), one_account());
}

/// Any page that is open in the browser can send one.
#[actix_web::test]
async fn an_answer_with_another_state_is_refused_and_the_login_goes_on() {
    let server = AuthorizationServer::start().await;
    let desk = desk(&server);
    server.next_person(ANNA);
    let mut program = Program::start(desk.path(), &["login", "company", "--no-browser"]);
    let answer = redirect_of(&program.address().await).await;
    let forged = |query: &str| {
        let mut forged = answer.clone();
        forged.set_query(Some(query));
        forged
    };

    for query in ["code=hush&state=guessed", "code=hush", "error=access_denied&state=", ""] {
        let page = get(&forged(query)).await;
        assert_eq!(page.status, 400, "{query}");
        assert!(page.text().contains("Not logged in"), "{query}: {}", page.text());
        program.line_with("an answer was not taken: it belongs to another login").await;
    }

    assert_eq!(get(&answer).await.status, 200);
    let (code, said) = program.end().await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(server.forms("/token").len(), 1, "no forged code was shown to anybody");
    assert_eq!(kept(desk.path()), one_account());
}

#[actix_web::test]
async fn a_login_that_is_refused_says_so_and_keeps_nothing() {
    let server = AuthorizationServer::start().await;
    let desk = desk(&server);
    let mut program = Program::start(desk.path(), &["login", "company", "--no-browser"]);

    let page = get(&redirect_of(&program.address().await).await).await;

    assert_eq!(page.status, 400);
    assert!(page.text().contains("the login was refused"), "{}", page.text());
    let (code, said) = program.end().await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("says `access_denied`: the login was refused"), "{said}");
    assert_eq!(kept(desk.path()), []);
}

#[actix_web::test]
async fn a_code_that_the_server_does_not_take_is_a_failed_login() {
    let server = AuthorizationServer::start().await;
    let desk = desk(&server);
    let mut program = Program::start(desk.path(), &["login", "company", "--no-browser"]);
    program.address().await;

    program.types("hush-of-nobody");

    let (code, said) = program.end().await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("`invalid_grant`"), "{said}");
    assert_eq!(kept(desk.path()), []);
}

#[actix_web::test]
async fn what_the_browser_shows_elsewhere_can_be_pasted() {
    let server = AuthorizationServer::start().await;
    server.next_person(ANNA);
    for form in ["the address", "the code", "the code and the state"] {
        let desk = desk(&server);
        let mut program = Program::start(desk.path(), &["login", "company", "--no-browser"]);
        let answer = redirect_of(&program.address().await).await;
        let find = |name: &str| {
            let mut pairs = answer.query_pairs();
            pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
        };

        program.types("");
        program.types(&format!("{}#of-another-login", find("code")));
        program.line_with("still waiting").await;
        program.types(&match form {
            "the address" => answer.to_string(),
            "the code" => find("code"),
            _ => format!("{}#{}", find("code"), find("state")),
        });

        let (code, said) = program.end().await;
        assert_eq!(code, Some(0), "{form}: {said}");
        assert_eq!(kept(desk.path()), one_account(), "{form}");
    }
}

#[actix_web::test]
async fn a_second_login_of_an_account_replaces_its_tokens() {
    let server = AuthorizationServer::start().await;
    let desk = desk(&server);
    log_in(&server, desk.path(), ANNA).await;
    log_in(&server, desk.path(), BEN).await;
    let before = kept(desk.path());

    let said = log_in(&server, desk.path(), ANNA).await;

    assert!(said.contains("Logged in again to company as anna@example.com"), "{said}");
    assert_eq!(kept(desk.path()), before, "no third account");
    let file = desk.path().join(format!("accounts/company/{ANNA}.json"));
    assert!(std::fs::read_to_string(file).unwrap().contains("hush-access-2"));
}

#[actix_web::test]
async fn a_login_that_is_called_off_leaves_nothing_behind() {
    let server = AuthorizationServer::start().await;
    for signal in ["-INT", "-TERM"] {
        let desk = desk(&server);
        let mut program = Program::start(desk.path(), &["login", "company", "--no-browser"]);
        program.address().await;

        program.signal(signal);

        let (code, said) = program.end().await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("nothing is kept of the login"), "{said}");
        assert!(!desk.path().join("accounts").exists(), "{signal}");
    }
}

#[actix_web::test]
async fn what_is_missing_for_a_login_is_said() {
    let server = AuthorizationServer::start().await;
    let desk = desk(&server);
    let run = async |args: &[&str], yaml: Option<&str>| {
        if let Some(yaml) = yaml {
            std::fs::write(desk.path().join("ampgate.yaml"), yaml).unwrap();
        }
        expect(Program::run(desk.path(), args), "the end").await
    };
    let without_device = super::entry(&server, "https://m.test");
    let without_device: Vec<_> =
        without_device.lines().filter(|line| !line.contains("device-url")).collect();
    let without_device = without_device.join("\n");
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&[&str], Option<&str>, &str); 4] = [
        (&["login", "other"],               None,                  "`other` is no entry of `oauth`; there are: company"),
        (&["login", "company", "--device"], Some(&without_device), "`company` has no `device-url`"),
        (&["logout", "company"],            None,                  "company has no account"),
        (&["login", "company"],             Some("api-keys: [k]"), "the configuration has no `oauth`"),
    ];
    for (args, yaml, expected) in cases {
        let (code, said) = run(args, yaml).await;
        assert_eq!(code, Some(1), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
    assert!(!Path::new(desk.path()).join("accounts/company/accounts.json").exists());
}
