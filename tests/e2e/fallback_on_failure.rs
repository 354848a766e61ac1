//! `fallback: on-failure`: Amp answers, and is paid for, what our own credentials could not, for its
//! own clients, before the first byte, and never silently.

use crate::support::{
    GatewayProcess, Provider, Response, Scripted, StubUpstream, TestGateway, pool,
};

const CLIENTS: &str = "api-keys: [{ name: alice, key: client-key-1 }]\n";
const DOOR: &str = "/api/provider/anthropic/v1/messages?beta=true";
const DIRECT: &str = "/v1/messages";
const FLAG: &str = "context-1m-2025-08-07";

/// The provider calls it otherwise, so that its body is rewritten and Amp's must not be.
const CALL: &str = "\n{ \"n\":1.0,\t\"model\" : \"alias\", \"model2\":\"m\" } ";
const ALIAS: &str = ", models: [{ name: m, alias: alias }]";

async fn amp() -> StubUpstream {
    StubUpstream::replying(200, "application/json", "{ \"by\" : \"amp\" }").await
}

fn settings(amp: &StubUpstream, fallback: &str, origin: &str) -> String {
    let origin_of_amp = &amp.origin;
    let ours = pool("claude-api-key", &[(origin, ALIAS)]);
    format!(
        "{CLIENTS}request-retry: 0\n\
         ampcode: {{ upstream-url: '{origin_of_amp}', upstream-api-key: team-key, \
         fallback: {fallback} }}\n{ours}"
    )
}

async fn ask(gateway: &TestGateway, target: &str) -> Response {
    let fields = [("content-type", "application/json"), ("anthropic-beta", FLAG)];
    gateway.request("POST", target, &fields, CALL).await
}

fn assert_amp_answered(response: &Response, case: &str) {
    assert_eq!(
        (response.status, response.text().as_str()),
        (200, "{ \"by\" : \"amp\" }"),
        "{case}"
    );
    assert_eq!(response.fields.all("x-ampgate-route"), ["amp"], "{case}");
    assert_eq!(response.fields.all("x-ampgate-provider"), ["amp"], "{case}");
    assert_eq!(response.fields.all("x-ampgate-fallback"), ["on-failure"], "{case}");
}

const OVERLOADED: &str = "event: error\n\
    data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n";

#[actix_web::test]
async fn amp_answers_what_ours_failed_and_what_ours_would_while_they_rest() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (Scripted::limited(600),         "over a limit"),
        (Scripted::failure(401),         "a bad key"),
        (Scripted::failure(402),         "out of money"),
        (Scripted::failure(404),         "no such model there"),
        (Scripted::failure(500),         "broken"),
        (Scripted::failure(529),         "overloaded"),
        (Scripted::hang_up(),            "no answer"),
        (Scripted::stream(OVERLOADED),   "a stream that opens with an error"),
        (Scripted::stream(""),           "a stream without a word"),
    ];
    for (answer, why) in cases {
        let (amp, ours) = (amp().await, Provider::saying([answer]).await);
        let gateway = TestGateway::start(&settings(&amp, "on-failure", ours.origin())).await;
        for call in 1..=2 {
            assert_amp_answered(&ask(&gateway, DOOR).await, why);
            assert_eq!(ours.asked(), 1, "{why}: it rests, and Amp answers at once");
            assert_eq!(amp.requests().len(), call, "{why}");
        }
        let seen = amp.request(0).await;
        assert_eq!(seen.target, DOOR, "{why}");
        assert_eq!(String::from_utf8_lossy(&seen.body), CALL, "{why}");
        assert_eq!(seen.fields.all("x-api-key"), ["team-key"], "{why}");
        assert_eq!(seen.fields.all("anthropic-beta"), [FLAG], "{why}: Amp has the long context");
        assert!(!seen.mentions("key-1"), "{why}: a key leaked");
        assert_eq!(ours.requests()[0].fields.all("anthropic-beta"), [""; 0], "{why}");
    }
}

#[actix_web::test]
async fn amp_answers_when_nobody_reaches_our_provider() {
    let amp = amp().await;
    let gateway = TestGateway::start(&settings(&amp, "on-failure", "http://127.0.0.1:1")).await;

    assert_amp_answered(&ask(&gateway, DOOR).await, "refused");
}

#[actix_web::test]
async fn amp_answers_only_when_all_of_ours_have_failed() {
    let amp = amp().await;
    let [first, second] =
        [Provider::saying([Scripted::failure(500)]).await, Provider::well("second").await];
    let ours = pool("claude-api-key", &[(first.origin(), ALIAS), (second.origin(), ALIAS)]);
    let upstream = &amp.origin;
    let gateway = TestGateway::start(&format!(
        "{CLIENTS}ampcode: {{ upstream-url: '{upstream}', upstream-api-key: team-key, \
         fallback: on-failure }}\n{ours}"
    ))
    .await;

    let response = ask(&gateway, DOOR).await;

    assert_eq!(response.json()["by"], "second");
    assert_eq!(response.field("x-ampgate-fallback"), None);
    assert_eq!(amp.connections(), 0);
}

#[actix_web::test]
async fn amp_answers_before_ours_are_asked_a_second_time() {
    let amp = amp().await;
    let limited = Provider::saying([Scripted::limited(600)]).await;
    let broken = Provider::saying([Scripted::failure(500), Scripted::by("again")]).await;
    let ours = pool("claude-api-key", &[(limited.origin(), ALIAS), (broken.origin(), ALIAS)]);
    let upstream = &amp.origin;
    let gateway = TestGateway::start(&format!(
        "{CLIENTS}ampcode: {{ upstream-url: '{upstream}', upstream-api-key: team-key, \
         fallback: on-failure }}\n{ours}"
    ))
    .await;

    assert_amp_answered(&ask(&gateway, DOOR).await, "both failed");
    assert_eq!((limited.asked(), broken.asked()), (1, 1));
}

#[actix_web::test]
async fn amp_is_not_asked_after_a_failure_that_is_not_its_affair() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // fallback,      target, status, why
        ("on-failure",    DOOR,   400,    "the request is at fault, and Amp would say so as well"),
        ("on-failure",    DOOR,   413,    "too large"),
        ("on-failure",    DOOR,   422,    "cannot be understood"),
        ("on-failure",    DIRECT, 429,    "a direct door has no Amp behind it"),
        ("on-failure",    DIRECT, 500,    "a direct door has no Amp behind it"),
        ("unconfigured",  DOOR,   429,    "there is a credential for it"),
        ("unconfigured",  DOOR,   500,    "there is a credential for it"),
        ("never",         DOOR,   429,    "never"),
        ("never",         DOOR,   500,    "never"),
    ];
    for (fallback, target, status, why) in cases {
        let answer = Scripted::failure(status).with("retry-after", "600");
        let (amp, ours) = (amp().await, Provider::saying([answer]).await);
        let gateway = TestGateway::start(&settings(&amp, fallback, ours.origin())).await;

        let response = ask(&gateway, target).await;
        assert_eq!(response.status, status, "{fallback} {target}: {why}");
        assert_eq!(response.field("x-ampgate-route"), Some("local"), "{fallback} {target}: {why}");
        assert_eq!(response.field("x-ampgate-fallback"), None, "{fallback} {target}: {why}");

        let again = ask(&gateway, target).await;
        let expected = if status < 429 { status } else { 429 };
        assert_eq!(again.status, expected, "{fallback} {target}: {why}: at rest as well");
        assert_eq!(amp.connections(), 0, "{fallback} {target}: {why}");
    }
}

#[actix_web::test]
async fn amp_is_not_asked_once_the_client_has_seen_a_byte() {
    let begun = "event: message_start\ndata: {\"type\":\"message_start\"}\n\n";
    let stream = format!("{begun}{OVERLOADED}");
    let (amp, ours) = (amp().await, Provider::saying([Scripted::stream(stream.clone())]).await);
    let gateway = TestGateway::start(&settings(&amp, "on-failure", ours.origin())).await;

    let response = ask(&gateway, DOOR).await;

    assert_eq!(response.text(), stream);
    assert_eq!(response.field("x-ampgate-route"), Some("local"));
    assert_eq!(amp.connections(), 0);
}

#[actix_web::test]
async fn a_model_that_is_not_ours_is_amps_without_a_word_of_failure() {
    let (amp, ours) = (amp().await, Provider::well("ours").await);
    let gateway = TestGateway::start(&settings(&amp, "on-failure", ours.origin())).await;

    let response = gateway.post_json(DOOR, r#"{"model":"claude-x"}"#).await;

    assert_eq!(response.field("x-ampgate-route"), Some("amp"));
    assert_eq!(response.field("x-ampgate-fallback"), None);
    assert_eq!(ours.asked(), 0);
}

#[actix_web::test]
async fn amps_own_failure_after_ours_is_passed_on() {
    let amp = StubUpstream::replying(402, "application/json", "{ \"error\":\"credits\" }").await;
    let ours = Provider::saying([Scripted::failure(500)]).await;
    let gateway = TestGateway::start(&settings(&amp, "on-failure", ours.origin())).await;

    let response = ask(&gateway, DOOR).await;

    assert_eq!((response.status, response.text().as_str()), (402, "{ \"error\":\"credits\" }"));
    assert_eq!(response.field("x-ampgate-fallback"), Some("on-failure"));
}

#[actix_web::test]
async fn what_amp_is_paid_for_after_a_failure_is_logged_and_counted() {
    let (amp, ours) = (amp().await, Provider::saying([Scripted::limited(600)]).await);
    let mut gateway = GatewayProcess::start(&settings(&amp, "on-failure", ours.origin()));
    let fields = [("x-api-key", "client-key-1"), ("content-type", "application/json")];
    let failed_with = ["429", "all credentials rest"];
    for (number, failed_with) in failed_with.into_iter().enumerate() {
        let mut client = gateway.connect().await;
        client.send("POST", DOOR, &fields, CALL.as_bytes()).await;
        assert_amp_answered(&client.response().await, failed_with);

        let line = gateway.log_line_with("paid_by_amp_after_failure");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["level"], "WARN", "{line}");
        assert_eq!(line["model"], "alias", "{line}");
        assert_eq!(line["paid_by_amp_after_failure"], number + 1, "{line}");
        assert_eq!(line["is_paid_by_amp"], true, "{line}");
        let said = line["failed_with"].as_str().unwrap();
        assert!(said.starts_with(failed_with), "{line}");
    }
}

#[actix_web::test]
async fn a_call_that_amp_fails_as_well_is_not_counted_as_paid() {
    let amp = StubUpstream::replying(503, "application/json", "{}").await;
    let ours = Provider::saying([Scripted::limited(600)]).await;
    let mut gateway = GatewayProcess::start(&settings(&amp, "on-failure", ours.origin()));
    let fields = [("x-api-key", "client-key-1"), ("content-type", "application/json")];
    let mut client = gateway.connect().await;
    client.send("POST", DOOR, &fields, CALL.as_bytes()).await;
    assert_eq!(client.response().await.status, 503);

    let line = gateway.log_line_with("paid_by_amp_after_failure");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["is_paid_by_amp"], false, "{line}");
    assert_eq!(line["paid_by_amp_after_failure"], 0, "{line}");
    assert!(line["failed_with"].as_str().unwrap().starts_with("429"), "{line}");
}
