//! A running gateway learns of logins and logouts, and uses the accounts like keys.

use std::collections::BTreeSet;

use crate::support::{ANY_PORT, GatewayProcess, StubUpstream, expect};

use super::program::Program;
use super::server::AuthorizationServer;
use super::{ANNA, BEN, entry, log_in};

const QUESTION: &[u8] =
    br#"{"model":"claude-m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
const ANSWER: &str = r#"{"id":"m","type":"message","role":"assistant","model":"claude-m","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#;

#[actix_web::test]
async fn accounts_come_into_a_running_gateway_and_share_the_calls() {
    let server = AuthorizationServer::start().await;
    let provider = StubUpstream::replying(200, "application/json", ANSWER).await;
    let folder = tempfile::tempdir().unwrap();
    let yaml = format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '' }}\n\
         routing: {{ session-affinity: false }}\n{}",
        entry(&server, &provider.origin)
    );
    std::fs::write(folder.path().join("ampgate.yaml"), yaml).unwrap();
    let log = [("AMPGATE__LOG__FORMAT", "json")];
    let mut gateway = GatewayProcess::start_in(folder, ANY_PORT, &log);
    let ask = async |gateway: &GatewayProcess| {
        let mut client = gateway.connect().await;
        client.ask("POST", "/v1/messages", &[("x-api-key", "client-key-1")], QUESTION).await.status
    };
    assert_eq!(ask(&gateway).await, 404, "nobody has logged in");

    for who in [ANNA, BEN] {
        let folder = gateway.folder().to_owned();
        log_in(&server, &folder, who).await;
        gateway.log_until("configuration reloaded");
    }
    for _ in 0..4 {
        assert_eq!(ask(&gateway).await, 200);
    }

    let shown: Vec<_> = provider.requests();
    let shown: BTreeSet<_> = shown.iter().map(|it| it.field("authorization").unwrap()).collect();
    assert_eq!(shown, BTreeSet::from(["Bearer hush-access-0", "Bearer hush-access-1"]));
    let before = provider.requests().len();
    let folder = gateway.folder().to_owned();
    let (code, said) = Program::run(&folder, &["logout", "company", ANNA]).await;
    assert_eq!(code, Some(0), "{said}");
    gateway.log_until("configuration reloaded");
    for _ in 0..2 {
        assert_eq!(ask(&gateway).await, 200);
    }
    for seen in &provider.requests()[before..] {
        assert_eq!(seen.field("authorization"), Some("Bearer hush-access-1"));
    }
    assert!(!gateway.log().contains("hush"), "{}", gateway.log());
}

/// Fault of the first version: the list of accounts was written anew with the same text, so nobody noticed,
/// and the gateway showed the tokens of the login before until they were due.
#[actix_web::test]
async fn a_second_login_with_an_account_that_was_well_was_not_used_by_a_running_gateway() {
    let server = AuthorizationServer::start().await;
    let provider = StubUpstream::replying(200, "application/json", ANSWER).await;
    let folder = tempfile::tempdir().unwrap();
    let yaml = format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '' }}\n{}",
        entry(&server, &provider.origin)
    );
    std::fs::write(folder.path().join("ampgate.yaml"), yaml).unwrap();
    log_in(&server, folder.path(), ANNA).await;
    let mut gateway =
        GatewayProcess::start_in(folder, ANY_PORT, &[("AMPGATE__LOG__FORMAT", "json")]);
    let ask = async || {
        let mut client = gateway.connect().await;
        let key = [("x-api-key", "client-key-1")];
        assert_eq!(client.ask("POST", "/v1/messages", &key, QUESTION).await.status, 200);
        let requests = provider.requests();
        requests.last().unwrap().field("authorization").unwrap().to_owned()
    };
    assert_eq!(ask().await, "Bearer hush-access-0");

    log_in(&server, gateway.folder(), ANNA).await;

    let is_shown = async { while ask().await != "Bearer hush-access-1" {} };
    expect(is_shown, "the new login to be used").await;
    assert!(!gateway.log().contains("hush"), "{}", gateway.log());
}
