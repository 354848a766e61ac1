//! A stream that fails before it has said anything is a failure like any other; one that has said
//! something is the client's, whatever becomes of it.

use std::rc::Rc;

use tokio::sync::Notify;

use crate::support::{Provider, Scripted, pool};

use super::{CHAT, Door, FILL_FIRST, MESSAGES, ONE_ROUND, RESPONSES, ask, gateway, send};

const GEMINI_STREAM: Door =
    Door { list: "gemini-api-key", target: "/v1beta/models/m:streamGenerateContent?alt=sse" };

const GOOD_MESSAGES: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"n\":1.0}\n\n\
    event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
const GOOD_CHAT: &str = ": hello\n\ndata: { \"choices\":[{\"delta\":{}}],\"error\":null }\n\n\
    data: [DONE]\n\n";
const GOOD_RESPONSES: &str = "event: response.created\ndata: {\"type\":\"response.created\"}\n\n\
    event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\"}\n\n";
const GOOD_GEMINI: &str = "data: { \"candidates\" : [] }\r\n\r\n";

const OVERLOADED: &str = "event: error\n\
    data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n";
const RESPONSES_FAILED: &str = "event: response.failed\ndata: {\"type\":\"response.failed\",\
    \"response\":{\"error\":{\"code\":\"server_error\",\"message\":\"x\"}}}\n\n";
const CREATED: &str = "event: response.created\ndata: {\"type\":\"response.created\"}\n\n\
    event: response.in_progress\ndata: {\"type\":\"response.in_progress\"}\n\n";
const CHAT_ERROR: &str = "data: {\"error\":{\"message\":\"x\",\"code\":429}}\n\n";
const GEMINI_ERROR: &str =
    "data: {\"error\":{\"code\":503,\"message\":\"x\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n";

#[actix_web::test]
async fn a_stream_that_fails_before_it_has_said_anything_is_answered_by_another_credential() {
    let behind = |before: &str, error: &str| format!("{before}{error}");
    let ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // door,        what the first says,                        the second,     why
        (MESSAGES,      OVERLOADED.to_owned(),                      GOOD_MESSAGES,  "an error at once"),
        (MESSAGES,      behind(ping, OVERLOADED),                   GOOD_MESSAGES,  "a ping says nothing"),
        (MESSAGES,      behind(": keep-alive\n\n", OVERLOADED),     GOOD_MESSAGES,  "nor does a comment"),
        (MESSAGES,      String::new(),                              GOOD_MESSAGES,  "an empty stream"),
        (MESSAGES,      ping.to_owned(),                            GOOD_MESSAGES,  "nothing but a ping"),
        (CHAT,          CHAT_ERROR.to_owned(),                      GOOD_CHAT,      "an error at once"),
        (CHAT,          behind(": OPENROUTER PROCESSING\n\n", CHAT_ERROR), GOOD_CHAT, "a comment says nothing"),
        (CHAT,          "data: [DONE]\n\n".to_owned(),              GOOD_CHAT,      "an end without an answer"),
        (CHAT,          String::new(),                              GOOD_CHAT,      "an empty stream"),
        (RESPONSES,     OVERLOADED.to_owned(),                      GOOD_RESPONSES, "an error at once"),
        (RESPONSES,     behind(CREATED, RESPONSES_FAILED),          GOOD_RESPONSES, "it was created, and failed"),
        (RESPONSES,     CREATED.to_owned(),                         GOOD_RESPONSES, "it was created, and ended"),
        (RESPONSES,     String::new(),                              GOOD_RESPONSES, "an empty stream"),
        (GEMINI_STREAM, GEMINI_ERROR.to_owned(),                    GOOD_GEMINI,    "an error at once"),
        (GEMINI_STREAM, String::new(),                              GOOD_GEMINI,    "an empty stream"),
    ];
    for (door, bad, good, why) in cases {
        let first = Provider::saying([Scripted::stream(bad)]).await;
        let second = Provider::saying([Scripted::stream(good)]).await;
        let credentials = pool(door.list, &[(first.origin(), ""), (second.origin(), "")]);
        let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND]).await;
        for call in 1..=2 {
            let response = ask(&gateway, door).await;
            assert_eq!(response.status, 200, "{door:?}: {why}: {}", response.text());
            assert_eq!(response.text(), good, "{door:?}: {why}");
            let asked = (first.asked(), second.asked());
            assert_eq!(asked, (1, call), "{door:?}: {why}: the first rests");
        }
    }
}

#[actix_web::test]
async fn an_error_behind_the_first_word_is_the_clients() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (MESSAGES,      GOOD_MESSAGES,  OVERLOADED),
        (CHAT,          GOOD_CHAT,      CHAT_ERROR),
        (RESPONSES,     GOOD_RESPONSES, RESPONSES_FAILED),
        (GEMINI_STREAM, GOOD_GEMINI,    GEMINI_ERROR),
    ];
    for (door, good, error) in cases {
        let stream = format!("{good}{error}");
        let first = Provider::saying([Scripted::stream(stream.clone())]).await;
        let second = Provider::well("second").await;
        let credentials = pool(door.list, &[(first.origin(), ""), (second.origin(), "")]);
        let gateway = gateway(&[&credentials, FILL_FIRST]).await;

        for _ in 0..2 {
            assert_eq!(ask(&gateway, door).await.text(), stream, "{door:?}");
        }

        assert_eq!((first.asked(), second.asked()), (2, 0), "{door:?}");
    }
}

#[actix_web::test]
async fn a_stream_that_breaks_is_answered_by_another_credential_only_before_its_first_word() {
    let first = Provider::saying([
        Scripted::cut_stream(": hello\n\n"),
        Scripted::cut_stream(GOOD_MESSAGES),
    ]);
    let [first, second] = [first.await, Provider::saying([Scripted::stream(GOOD_MESSAGES)]).await];
    let credentials = pool(MESSAGES.list, &[(first.origin(), ""), (second.origin(), "")]);
    let more = "disable-cooling: true\n";
    let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND, more]).await;

    assert_eq!(ask(&gateway, MESSAGES).await.text(), GOOD_MESSAGES);
    assert_eq!((first.asked(), second.asked()), (1, 1));

    let broken = ask(&gateway, MESSAGES).await.text();
    let ending = broken.strip_prefix(GOOD_MESSAGES).expect("what came goes to the client");
    assert!(ending.starts_with("event: error\n"), "{ending}");
    assert_eq!((first.asked(), second.asked()), (2, 1));
}

#[actix_web::test]
async fn the_last_failed_stream_is_passed_on_when_there_is_no_better_one() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (MESSAGES,      OVERLOADED.to_owned()),
        (CHAT,          CHAT_ERROR.to_owned()),
        (RESPONSES,     format!("{CREATED}{RESPONSES_FAILED}")),
        (GEMINI_STREAM, GEMINI_ERROR.to_owned()),
    ];
    for (door, stream) in cases {
        let [first, second] = [
            Provider::saying([Scripted::stream("")]).await,
            Provider::saying([Scripted::stream(stream.clone())]).await,
        ];
        let credentials = pool(door.list, &[(first.origin(), ""), (second.origin(), "")]);
        let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND]).await;

        let response = ask(&gateway, door).await;

        assert_eq!(response.status, 200, "{door:?}: {}", response.text());
        assert_eq!(response.field("content-type"), Some("text/event-stream"), "{door:?}");
        assert_eq!(response.text(), stream, "{door:?}: in the provider's own words");
        assert_eq!((first.asked(), second.asked()), (1, 1), "{door:?}");
    }
}

#[actix_web::test]
async fn streams_without_a_word_are_no_answer() {
    let [first, second] = [
        Provider::saying([Scripted::stream("")]).await,
        Provider::saying([Scripted::stream(": bye\n\n")]).await,
    ];
    let credentials = pool(MESSAGES.list, &[(first.origin(), ""), (second.origin(), "")]);
    let gateway = gateway(&[&credentials, ONE_ROUND]).await;

    let response = ask(&gateway, MESSAGES).await;

    assert_eq!(response.status, 502, "{}", response.text());
    assert_eq!(response.json()["error"]["type"], "api_error");
    assert_eq!((first.asked(), second.asked()), (1, 1));
}

#[actix_web::test]
async fn a_compatible_servers_error_in_a_200_is_an_error() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // body,                                                            passed by, why
        (r#"{"error":{"message":"rate limited","code":429}}"#,              true,  "nothing but an error"),
        (r#"{"error":"overloaded"}"#,                                       true,  "in a word"),
        (r#"{"choices":[],"error":{"message":"x"}}"#,                       false, "there is an answer as well"),
        (r#"{"choices":[{"message":{"content":"\"error\""}}],"error":null}"#, false, "no error"),
    ];
    for (body, passed_by, why) in cases {
        let first = Provider::saying([Scripted::json(200, body)]).await;
        let second = Provider::well("second").await;
        let credentials = pool(CHAT.list, &[(first.origin(), ""), (second.origin(), "")]);
        let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND]).await;

        let response = ask(&gateway, CHAT).await;

        assert_eq!(response.status, 200, "{why}");
        let expected = if passed_by { r#"{"by":"second"}"# } else { body };
        assert_eq!(response.text(), expected, "{why}");
    }
}

#[actix_web::test]
async fn comments_reach_the_client_while_the_first_event_is_long_in_coming() {
    let gate = Rc::new(Notify::new());
    let comment = ": still thinking\n\n";
    let first = Provider::saying([Scripted::stream(comment).then(&gate, OVERLOADED)]).await;
    let second = Provider::well("second").await;
    let credentials = pool(MESSAGES.list, &[(first.origin(), ""), (second.origin(), "")]);
    let gateway = gateway(&[&credentials, FILL_FIRST]).await;
    let mut client = send(&gateway, MESSAGES).await;

    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.chunk().await.unwrap().unwrap(), comment.as_bytes());
    gate.notify_one();
    assert_eq!(client.chunk().await.unwrap().unwrap(), OVERLOADED.as_bytes());
    assert_eq!(client.chunk().await.unwrap(), None);
    assert_eq!(second.asked(), 0, "the client has seen the first byte");
}
