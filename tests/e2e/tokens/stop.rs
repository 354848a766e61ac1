//! A stop while a token is being refreshed.

use std::path::Path;
use std::time::SystemTime;

use ampgate::actors::tokens::store;

use super::race::start;
use super::server::{Reply, RotatingServer};
use super::{ANSWER, account, configuration, eventually, file_of, write};
use crate::support::{GatewayProcess, StubUpstream};

#[actix_web::test]
async fn a_token_that_comes_after_the_drain_is_written_down_before_the_process_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (mut gateway, server, _) = asking(folder.path()).await;

    gateway.begin_drain().await; // nothing runs, so it is over
    server.tell();

    let stored = || store::read(&file_of(folder.path(), "a")).unwrap();
    eventually("it is written down", async || stored().access_token.expose() == "hush-access-a-1")
        .await;
    assert_eq!(stored().refresh_token.unwrap().expose(), "hush-refresh-a-1");
    assert_eq!(gateway.wait().code(), Some(0));
}

/// Fault of the first version: a reload that changed the client made another account of it, and nobody waited
/// for what the one before had asked.
#[actix_web::test]
async fn a_question_of_before_a_reload_is_waited_for_too() {
    let folder = tempfile::tempdir().unwrap();
    let (mut gateway, server, yaml) = asking(folder.path()).await;
    gateway.reload(&yaml.replace("hush-client", "hush-other-client"));

    gateway.begin_drain().await; // nothing runs, so it is over
    server.tell();

    let stored = || store::read(&file_of(folder.path(), "a")).unwrap().refresh_token.unwrap();
    eventually("it is written down", async || stored().expose() == "hush-refresh-a-1").await;
    assert_eq!(gateway.wait().code(), Some(0));
}

/// A gateway that has asked for a new token, the server that does not answer yet, and the configuration.
async fn asking(folder: &Path) -> (GatewayProcess, RotatingServer, String) {
    let server = RotatingServer::start().await;
    let provider = StubUpstream::replying(200, "application/json", ANSWER).await;
    let yaml = configuration(folder, &["a".to_owned()], &server, &provider);
    write(folder, "a", &account("a", SystemTime::UNIX_EPOCH));
    server.will([Reply::WhenTold]);
    let gateway = start(&yaml);
    server.asked(1).await;
    (gateway, server, yaml)
}
