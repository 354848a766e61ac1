//! Two gateways, each a process of its own, with the same accounts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::SystemTime;

use ampgate::actors::tokens::store;
use tokio::sync::Barrier;

use super::server::RotatingServer;
use super::{ANSWER, QUESTION, REFUSAL, account, configuration, file_of, write};
use crate::support::{ANY_PORT, GatewayProcess, StubUpstream, expect};

const ACCOUNTS: usize = 100;

/// Refuses both processes the first token of an account at the same moment, so that both want the next.
async fn refusing_both() -> StubUpstream {
    let barriers: Rc<RefCell<HashMap<String, Rc<Barrier>>>> = Rc::default();
    StubUpstream::answering(move |mut conversation| {
        let shown = conversation.request.field("authorization").unwrap_or_default().to_owned();
        let first = shown.ends_with("-0");
        let barrier = first.then(|| {
            let mut barriers = barriers.borrow_mut();
            barriers.entry(shown).or_insert_with(|| Rc::new(Barrier::new(2))).clone()
        });
        async move {
            let (status, body) = if first { (401, REFUSAL) } else { (200, ANSWER) };
            if let Some(barrier) = barrier {
                barrier.wait().await;
            }
            conversation.reply(status, &[("content-type", "application/json")], body).await;
            Some(conversation)
        }
    })
    .await
}

pub fn start(yaml: &str) -> GatewayProcess {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ampgate.yaml"), yaml).unwrap();
    let log = [("AMPGATE__LOG__FORMAT", "json"), ("AMPGATE__LOG__LEVEL", "trace")];
    GatewayProcess::start_in(folder, ANY_PORT, &log)
}

#[actix_web::test]
async fn two_processes_race_a_hundred_times_for_a_refresh_token_and_none_is_burnt() {
    let (server, provider) = (RotatingServer::start().await, refusing_both().await);
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..ACCOUNTS).map(|number| format!("a{number}")).collect();
    let yaml = configuration(folder.path(), &names, &server, &provider);
    for name in &names {
        write(folder.path(), name, &account(name, SystemTime::now()));
    }
    let mut gateways = [start(&yaml), start(&yaml)];

    for round in 0..ACCOUNTS {
        let asked = gateways.each_ref().map(|gateway| async {
            let fields = [("x-api-key", "client-key-1"), ("content-type", "application/json")];
            gateway.connect().await.ask("POST", "/v1/messages", &fields, QUESTION).await.status
        });
        let both = expect(futures::future::join_all(asked), "both to be answered").await;
        assert_eq!(both, [200, 200], "round {round}");
    }

    assert_eq!(server.burnt(), Vec::<String>::new());
    assert_eq!(server.questions(), ACCOUNTS, "the loser takes the winner's tokens");
    for name in &names {
        let stored = store::read(&file_of(folder.path(), name)).unwrap();
        assert_eq!(stored.access_token.expose(), format!("hush-access-{name}-1"));
    }
    for gateway in &mut gateways {
        let log = gateway.log();
        assert!(log.contains("token refreshed"), "at this level every step is told");
        assert!(!log.contains("hush"), "a token stands in the log");
    }
}

#[actix_web::test]
async fn no_token_stands_in_the_log_whatever_the_server_answers() {
    let (server, provider) = (RotatingServer::start().await, refusing_both().await);
    let folder = tempfile::tempdir().unwrap();
    let yaml = configuration(folder.path(), &["a".to_owned()], &server, &provider);
    let mut old = account("a", SystemTime::UNIX_EPOCH);
    old.refresh_token = Some(ampgate::types::ApiKey::parse("hush-refresh-a-7").unwrap());
    write(folder.path(), "a", &old);
    let mut gateway = start(&yaml);

    let fields = [("x-api-key", "client-key-1"), ("content-type", "application/json")];
    let answer = gateway.connect().await.ask("POST", "/v1/messages", &fields, QUESTION).await;

    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(!answer.text().contains("hush"), "{}", answer.text());
    let line = gateway.log_line_with("no token without help");
    assert!(line.contains("WARN") && line.contains("ampgate login company"), "{line}");
    assert!(!gateway.log().contains("hush"), "{}", gateway.log());
    assert_eq!(server.questions(), 1);
}
