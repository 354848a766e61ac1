//! Two clients, one pooled connection: neither gets a byte of the other's.

use std::rc::Rc;

use tokio::sync::Notify;

use crate::support::{StubUpstream, TestGateway, expect};

const KEY: (&str, &str) = ("x-api-key", "client-key-1");

/// What stands in everything that is for the client that leaves.
const MARK: &str = "marked-for-a";

/// What the upstream has said to the client that leaves when it leaves, and what it says after.
const PHASES: [(&str, &str, &str); 5] = [
    ("before the head", "", "HTTP/1.1 200 X\r\ncontent-length: 12\r\n\r\nmarked-for-a"),
    ("within the head", "HTTP/1.1 200 X\r\nx-a: b", "\r\ncontent-length: 12\r\n\r\nmarked-for-a"),
    ("before the body", "HTTP/1.1 200 X\r\ncontent-length: 12\r\n\r\n", "marked-for-a"),
    ("within a body", "HTTP/1.1 200 X\r\ncontent-length: 24\r\n\r\nmarked-for-a", "marked-for-a"),
    (
        "within a stream",
        "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
         14\r\ndata: marked-for-a\n\n\r\n",
        "14\r\ndata: marked-for-a\n\n\r\n0\r\n\r\n",
    ),
];

#[actix_web::test]
async fn a_client_that_leaves_leaves_nothing_to_the_next() {
    for (phase, before, after) in PHASES {
        let said = Rc::new(Notify::new());
        let left = Rc::new(Notify::new());
        let (tell, gone) = (said.clone(), left.clone());
        let upstream = StubUpstream::answering(move |mut conversation| {
            let (tell, gone) = (tell.clone(), gone.clone());
            async move {
                if conversation.request.target == "/api/a" {
                    conversation.say(before).await;
                    tell.notify_one();
                    gone.notified().await;
                    // It goes on writing, whoever may be at the other end now.
                    conversation.say(after).await;
                } else {
                    let target = conversation.request.target.clone();
                    conversation.reply(200, &[], target).await;
                }
                Some(conversation)
            }
        })
        .await;
        let gateway = TestGateway::relaying_to(&upstream.origin).await;
        for round in 0..10 {
            let warm = gateway.get("/api/warm").await; // leaves a connection in the pool
            assert_eq!(warm.text(), "/api/warm", "{phase}, round {round}");
            let mut leaver = gateway.connect().await;
            leaver.send("GET", "/api/a", &[KEY], b"").await;
            expect(said.notified(), "the upstream to speak").await;
            if before.contains(MARK) {
                leaver.head().await;
            }

            drop(leaver);
            let first = gateway.get(&format!("/api/b-{round}")).await;
            left.notify_one();
            let second = gateway.get(&format!("/api/c-{round}")).await;

            for (answer, own) in [(first, "b"), (second, "c")] {
                assert_eq!(answer.status, 200, "{phase}, round {round}");
                assert_eq!(answer.text(), format!("/api/{own}-{round}"), "{phase}");
                assert!(!format!("{answer:?}").contains(MARK), "{phase}: {answer:?}");
            }
        }
    }
}

/// Bytes that come while a connection waits in the pool are an answer to nobody.
#[actix_web::test]
async fn an_idle_connection_that_speaks_is_not_used_again() {
    let upstream = StubUpstream::answering(|mut conversation| async move {
        let target = conversation.request.target.clone();
        conversation.reply(200, &[], &target).await;
        if target == "/api/a" {
            // Read with the answer or after it, as it happens: neither may be believed.
            tokio::task::yield_now().await;
            conversation.say("HTTP/1.1 200 X\r\ncontent-length: 12\r\n\r\nmarked-for-a").await;
        }
        Some(conversation)
    })
    .await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    for round in 0..20 {
        let mut client = gateway.connect().await;
        client.send("GET", "/api/a", &[KEY], b"").await;
        assert_eq!(client.response().await.text(), "/api/a");
        // The stub lives on this thread: it has said all before this is answered.
        gateway.bare_request("GET", "/healthz", &[], b"").await;

        let answer = gateway.get(&format!("/api/b-{round}")).await;

        assert_eq!(answer.text(), format!("/api/b-{round}"), "{answer:?}");
    }
}

/// A stale connection is no reason to ask twice once the upstream has begun to answer.
#[actix_web::test]
async fn a_request_is_not_repeated_behind_half_a_head() {
    let upstream = StubUpstream::answering(|mut conversation| async move {
        if conversation.request.target == "/api/a" {
            conversation.say("HTTP/1.1 200 X\r\nx-a: marked-for-a").await;
            return None;
        }
        conversation.reply(200, &[], "own").await;
        Some(conversation)
    })
    .await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    assert_eq!(gateway.get("/api/warm").await.text(), "own");

    let answer = gateway.get("/api/a").await; // without a body it could be sent again

    assert_eq!(answer.status, 502, "{answer:?}");
    assert!(!answer.text().contains(MARK), "{answer:?}");
    let asked = upstream.requests().iter().filter(|seen| seen.target == "/api/a").count();
    assert_eq!(asked, 1, "a request that had begun to be answered was sent again");
    assert_eq!(gateway.get("/api/b").await.text(), "own");
}

/// The retry on a fresh connection answers the one who asked, and nobody else.
#[actix_web::test]
async fn a_stale_connection_is_replaced_for_its_own_request() {
    let upstream = StubUpstream::answering(|mut conversation| async move {
        let target = conversation.request.target.clone();
        if target.starts_with("/api/a") && conversation.request.connection == 0 {
            return None; // it closes at the moment it is asked again
        }
        let connection = conversation.request.connection;
        conversation.reply(200, &[], format!("{target} {connection}")).await;
        Some(conversation)
    })
    .await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    assert_eq!(gateway.get("/api/warm").await.text(), "/api/warm 0");

    let (retried, other) = futures::join!(gateway.get("/api/a"), gateway.get("/api/b"));

    assert!(retried.text().starts_with("/api/a "), "{retried:?}");
    assert!(other.text().starts_with("/api/b "), "{other:?}");
}
