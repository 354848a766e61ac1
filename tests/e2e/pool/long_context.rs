//! `long-context: auto`: the flag for the long context is tried once with each credential, and left
//! out where it was turned down.

use crate::support::{Provider, Response, Scripted, SeenRequest, TestGateway, pool};

use super::{CALL, FILL_FIRST, MESSAGES, gateway};

const FLAG: &str = "context-1m-2025-08-07";
const REFUSED: &str = "{ \"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\
    \"message\":\"The long context beta is not yet available for this subscription.\"} }";

async fn ask_with(gateway: &TestGateway, beta: &str) -> Response {
    let fields = [("content-type", "application/json"), ("anthropic-beta", beta)];
    gateway.request("POST", MESSAGES.target, &fields, CALL).await
}

fn has_flag(request: &SeenRequest) -> bool {
    request.fields.all("anthropic-beta").iter().any(|value| value.contains(FLAG))
}

fn flags(provider: &Provider) -> Vec<bool> {
    provider.requests().iter().map(has_flag).collect()
}

#[actix_web::test]
async fn a_refused_flag_is_left_out_in_the_same_call_and_from_then_on() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (400, REFUSED),
        (429, r#"{"error":{"message":"Extra usage is required for long context requests."}}"#),
        (400, r#"{"error":{"message":"Unexpected value(s) `context-1m-2025-08-07` for the `anthropic-beta` header"}}"#),
    ];
    for (status, words) in cases {
        let first = Provider::saying([Scripted::json(status, words), Scripted::by("first")]).await;
        let second = Provider::well("second").await;
        let auto = ", long-context: auto";
        let credentials = pool(MESSAGES.list, &[(first.origin(), auto), (second.origin(), auto)]);
        let gateway = gateway(&[&credentials, FILL_FIRST]).await;

        for _ in 0..3 {
            let response = ask_with(&gateway, &format!("a, {FLAG}, b")).await;
            assert_eq!(response.status, 200, "{words}: {}", response.text());
            assert_eq!(response.json()["by"], "first", "{words}");
        }

        assert_eq!(flags(&first), [true, false, false, false], "{words}");
        for request in &first.requests()[1..] {
            let beta: String = request.fields.all("anthropic-beta").join(",");
            let beta: Vec<&str> = beta.split(',').map(str::trim).collect();
            assert_eq!(beta, ["a", "b"], "{words}: the other flags stay");
            assert_eq!(request.body, CALL.as_bytes(), "{words}");
        }
        assert_eq!(second.asked(), 0, "{words}: nothing was the credential's fault");
    }
}

#[actix_web::test]
async fn a_refused_flag_does_not_cost_a_credential_its_turn() {
    let first = Provider::saying([Scripted::json(400, REFUSED), Scripted::by("first")]).await;
    let second = Provider::well("second").await;
    let auto = ", long-context: auto";
    let credentials = pool(MESSAGES.list, &[(first.origin(), auto), (second.origin(), auto)]);
    let gateway = gateway(&[&credentials]).await;
    let mut answers = Vec::new();

    for _ in 0..4 {
        let response = ask_with(&gateway, FLAG).await;
        answers.push(response.json()["by"].as_str().unwrap().to_owned());
    }

    assert_eq!(answers, ["first", "second", "first", "second"]);
    assert_eq!(flags(&first), [true, false, false], "once is enough");
    assert_eq!(flags(&second), [true, true], "it was never refused there");
}

#[actix_web::test]
async fn without_auto_a_refusal_is_the_clients() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // setting,                flag of the client, reaches it, why
        (", long-context: true",   FLAG,               true,       "kept, whatever comes of it"),
        (", long-context: false",  FLAG,               false,      "never sent"),
        ("",                       FLAG,               false,      "not sent by default"),
        (", long-context: auto",   "other",            false,      "the client did not ask for it"),
    ];
    for (setting, beta, reaches, why) in cases {
        let only = Provider::saying([Scripted::json(400, REFUSED)]).await;
        let gateway = gateway(&[&pool(MESSAGES.list, &[(only.origin(), setting)])]).await;

        let response = ask_with(&gateway, beta).await;

        assert_eq!((response.status, response.text().as_str()), (400, REFUSED), "{why}");
        assert_eq!(flags(&only), [reaches], "{why}: one attempt");
    }
}
