//! A call that one credential fails is answered by another, as long as the client has seen nothing.

use std::rc::Rc;

use tokio::sync::Notify;

use crate::support::{GatewayProcess, Provider, Scripted, pool};

use super::{
    CALL, CHAT, CLIENT_FIELDS, CLIENTS, DOORS, FILL_FIRST, GEMINI, MESSAGES, ONE_ROUND, ask,
    gateway, send, who_answers,
};

#[actix_web::test]
async fn a_failure_moves_the_call_to_another_credential_and_its_own_is_left_alone() {
    let json = |status, error: &str| Scripted::json(status, format!(r#"{{"error":{error}}}"#));
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (Scripted::limited(600),                                            "over a limit"),
        (Scripted::failure(429).with("retry-after-ms", "600000"),           "over a limit, in milliseconds"),
        (json(429, r#"{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"600s"}]}"#), "over a limit, in Google's words"),
        (json(429, r#"{"code":"insufficient_quota"}"#),                     "out of money, which comes as 429"),
        (json(400, r#"{"message":"Your credit balance is too low"}"#),      "out of money, which comes as 400"),
        (json(400, r#"{"code":"model_not_supported","message":"no"}"#),     "this account has no such model"),
        (Scripted::failure(401),                                            "a bad key"),
        (Scripted::failure(402),                                            "out of money"),
        (Scripted::failure(403),                                            "may not"),
        (Scripted::failure(404),                                            "no such model"),
        (Scripted::failure(408),                                            "too slow"),
        (Scripted::failure(500),                                            "broken"),
        (Scripted::failure(502),                                            "broken behind its door"),
        (Scripted::failure(503),                                            "away"),
        (Scripted::failure(504),                                            "too slow behind its door"),
        (Scripted::failure(529),                                            "overloaded"),
        (Scripted::hang_up(),                                               "no answer at all"),
    ];
    for (answer, why) in cases {
        let [first, second] = [Provider::saying([answer]).await, Provider::well("second").await];
        let credentials = pool(CHAT.list, &[(first.origin(), ""), (second.origin(), "")]);
        let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND]).await;
        for call in 1..=3 {
            let response = ask(&gateway, CHAT).await;
            assert_eq!(response.status, 200, "{why}: {}", response.text());
            assert_eq!(response.json()["by"], "second", "{why}");
            assert_eq!(response.field("x-ampgate-route"), Some("local"), "{why}");
            assert_eq!(response.field("x-ampgate-provider"), Some("provider-2"), "{why}");
            assert_eq!((first.asked(), second.asked()), (1, call), "{why}");
        }
        assert_eq!(second.requests()[0].body, CALL.as_bytes(), "{why}");
    }
}

#[actix_web::test]
async fn a_provider_that_nobody_reaches_is_passed_by() {
    let refusing = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap()) // closed again: nobody listens
    };
    let second = Provider::well("second").await;
    let credentials = pool(CHAT.list, &[(&refusing, ""), (second.origin(), "")]);
    let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND]).await;

    assert_eq!(who_answers(&gateway, CHAT, 3).await, ["second", "second", "second"]);
}

#[actix_web::test]
async fn a_request_at_fault_is_told_so_after_one_attempt_and_nothing_rests() {
    let anthropic = |kind: &str| format!(r#"{{ "type":"error","error":{{"type":"{kind}"}} }}"#);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // status, body,                                                          why
        (400, anthropic("invalid_request_error"),                                "not a request it knows"),
        (400, r#"{ "error":{"status":"INVALID_ARGUMENT"} }"#.to_owned(),         "in Google's words"),
        (400, r#"{ "error":{"code":"context_length_exceeded"} }"#.to_owned(),    "too many tokens"),
        (404, r#"{ "error":{"message":"Item with id 'rs_1' not found."} }"#.to_owned(), "not the model is missing"),
        (409, "{ }".to_owned(),                                                  "a conflict"),
        (413, anthropic("request_too_large"),                                    "too large"),
        (422, "{ \"detail\": [ ] }".to_owned(),                                  "cannot be understood"),
        (501, "{ }".to_owned(),                                                  "will never be done"),
    ];
    for (status, body, why) in cases {
        let first = Provider::saying([Scripted::json(status, body.clone()), Scripted::by("first")]);
        let [first, second] = [first.await, Provider::well("second").await];
        let credentials = pool(CHAT.list, &[(first.origin(), ""), (second.origin(), "")]);
        let gateway = gateway(&[&credentials, FILL_FIRST]).await;

        let response = ask(&gateway, CHAT).await;

        assert_eq!((response.status, response.text()), (status, body), "{why}");
        assert_eq!(
            (first.asked(), second.asked()),
            (1, 0),
            "{status}: {why}: another would say so, too"
        );
        assert_eq!(who_answers(&gateway, CHAT, 1).await, ["first"], "{status}: {why}: it rests");
    }
}

#[actix_web::test]
async fn what_the_last_provider_said_is_passed_on_when_every_attempt_failed() {
    for door in DOORS {
        let first = Provider::saying([Scripted::limited(600)]).await;
        let said = Scripted::json(503, "{ \"n\":1.0, \"error\" : 7 }").with("x-own", "kept");
        let second = Provider::saying([said]).await;
        let credentials = pool(door.list, &[(first.origin(), ""), (second.origin(), "")]);
        let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND]).await;

        let response = ask(&gateway, door).await;

        assert_eq!(
            (response.status, response.text().as_str()),
            (503, "{ \"n\":1.0, \"error\" : 7 }")
        );
        assert_eq!(response.field("x-own"), Some("kept"), "{door:?}");
        assert_eq!((first.asked(), second.asked()), (1, 1), "{door:?}");
    }
}

#[actix_web::test]
async fn a_call_goes_over_all_credentials_again_as_often_as_it_may() {
    for (retries, rounds) in [(0, 1), (1, 2), (2, 3)] {
        let first = Provider::saying([Scripted::failure(500)]).await;
        let second = Provider::saying([Scripted::hang_up()]).await;
        let credentials = pool(MESSAGES.list, &[(first.origin(), ""), (second.origin(), "")]);
        let more = format!("request-retry: {retries}\n");
        let gateway = gateway(&[&credentials, FILL_FIRST, &more]).await;

        let response = ask(&gateway, MESSAGES).await;

        assert_eq!(response.status, 502, "{retries}: {}", response.text());
        assert_eq!((first.asked(), second.asked()), (rounds, rounds), "{retries}");
    }
}

#[actix_web::test]
async fn a_failing_provider_may_come_back_between_two_rounds() {
    let only = Provider::saying([Scripted::failure(500), Scripted::by("only")]).await;
    let gateway = gateway(&[&pool(MESSAGES.list, &[(only.origin(), "")])]).await;

    assert_eq!(who_answers(&gateway, MESSAGES, 1).await, ["only"]);
    assert_eq!(only.asked(), 2);
}

#[actix_web::test]
async fn a_failing_provider_is_asked_again_although_another_rests_for_long() {
    for more in ["", "disable-cooling: true\n"] {
        let limited = Provider::saying([Scripted::limited(600)]).await;
        let broken = Provider::saying([Scripted::failure(500), Scripted::by("again")]).await;
        let cools = ", disable-cooling: false";
        let credentials = pool(MESSAGES.list, &[(limited.origin(), cools), (broken.origin(), "")]);
        let gateway = gateway(&[&credentials, FILL_FIRST, more]).await;

        assert_eq!(who_answers(&gateway, MESSAGES, 1).await, ["again"], "{more}");
        assert_eq!((limited.asked(), broken.asked()), (1, 2), "{more}");
    }
}

#[actix_web::test]
async fn a_failed_answer_gives_its_place_to_the_next_attempt() {
    let overloaded = "event: error\ndata: {\"type\":\"error\"}\n\n";
    let open = Rc::new(Notify::new()); // never: the failed stream has no end
    for failed in [Scripted::limited(600), Scripted::stream(overloaded).then(&open, "")] {
        let one_server = Provider::saying([failed, Scripted::by("second key")]).await;
        let origin = one_server.origin();
        let credentials = pool(MESSAGES.list, &[(origin, ""), (origin, "")]);
        let limits = "limits: { connections-per-upstream: 1 }\n";
        let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND, limits]).await;

        assert_eq!(who_answers(&gateway, MESSAGES, 1).await, ["second key"]);
    }
}

#[actix_web::test]
async fn a_credential_without_room_is_passed_by_and_does_not_rest() {
    let gate = Rc::new(Notify::new());
    let first = Provider::saying([Scripted::by("first").behind(&gate), Scripted::by("first")]);
    let [first, second] = [first.await, Provider::well("second").await];
    let credentials = pool(MESSAGES.list, &[(first.origin(), ""), (second.origin(), "")]);
    let limits = "limits: { connections-per-upstream: 1 }\n";
    let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND, limits]).await;
    let mut client = send(&gateway, MESSAGES).await;
    first.asked_times(1).await;

    assert_eq!(who_answers(&gateway, MESSAGES, 2).await, ["second", "second"]);

    gate.notify_one();
    assert_eq!(client.response().await.json()["by"], "first");
    assert_eq!(who_answers(&gateway, MESSAGES, 1).await, ["first"]);
}

#[actix_web::test]
async fn a_large_body_reaches_the_next_credential_byte_for_byte() {
    let [first, second] =
        [Provider::saying([Scripted::limited(600)]).await, Provider::well("second").await];
    let credentials = pool(MESSAGES.list, &[(first.origin(), ""), (second.origin(), "")]);
    let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND]).await;
    let noise: String = (0..5_000_000_u32)
        .map(|at| char::from(b'a' + u8::try_from(at.wrapping_mul(2_654_435_761) >> 28).unwrap()))
        .collect();
    let body = format!("{{ \"x\":\"{noise}\",\"model\" : \"m\" }}");

    let response = gateway.post_json(MESSAGES.target, &body).await;

    assert_eq!(response.status, 200, "{}", response.text());
    for provider in [&first, &second] {
        assert!(provider.requests()[0].body == body.as_bytes(), "the body changed on its way");
    }
}

#[actix_web::test]
async fn a_server_that_cannot_count_tokens_has_the_model_all_the_same() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (MESSAGES, "/v1/messages/count_tokens"),
        (GEMINI,   "/v1beta/models/m:countTokens"),
    ];
    for (door, target) in cases {
        let first = Provider::saying([Scripted::failure(404), Scripted::by("first")]).await;
        let second = Provider::well("second").await;
        let credentials = pool(door.list, &[(first.origin(), ""), (second.origin(), "")]);
        let gateway = gateway(&[&credentials, FILL_FIRST]).await;

        let response = gateway.post_json(target, CALL).await;

        assert_eq!(response.status, 404, "{target}");
        assert_eq!(who_answers(&gateway, door, 1).await, ["first"], "{target}");
        assert_eq!(second.asked(), 0, "{target}");
    }
}

#[actix_web::test]
async fn a_client_that_leaves_before_the_head_closes_the_upstream_and_puts_nothing_to_rest() {
    let first = Provider::saying([Scripted::silence(), Scripted::by("first")]).await;
    let second = Provider::well("second").await;
    let credentials = pool(MESSAGES.list, &[(first.origin(), ""), (second.origin(), "")]);
    let gateway = gateway(&[&credentials, FILL_FIRST]).await;
    let client = send(&gateway, MESSAGES).await;
    first.asked_times(1).await;

    drop(client);

    first.all_closed().await;
    assert_eq!(who_answers(&gateway, MESSAGES, 1).await, ["first"]);
    assert_eq!(second.asked(), 0, "nobody was asked in the place of a client that has gone");
}

#[actix_web::test]
async fn a_client_that_leaves_while_its_call_waits_takes_the_call_along() {
    let only = Scripted::failure(429).with("retry-after-ms", "1000");
    let only = Provider::saying([only, Scripted::by("only")]).await;
    let credentials = pool(MESSAGES.list, &[(only.origin(), "")]);
    let more = "ampcode: { upstream-url: '' }\n";
    let mut gateway = GatewayProcess::start(&[CLIENTS, more, &credentials].concat());
    let mut client = gateway.connect().await;
    client.send("POST", MESSAGES.target, &CLIENT_FIELDS, CALL.as_bytes()).await;
    only.answered_times(1).await;
    gateway.log_line_with("credential rests");

    drop(client);

    gateway.log_line_with("client_left");
    let mut client = gateway.connect().await;
    client.send("POST", MESSAGES.target, &CLIENT_FIELDS, CALL.as_bytes()).await;
    assert_eq!(client.response().await.status, 200);
    assert_eq!(only.asked(), 2, "the first call has ended with its client");
}
