//! What Bedrock is asked.

use super::bench::{
    ASKED, ASKED_STREAM, INVOKE, INVOKE_STREAM, answer_well, gateway, refuse, with_key,
};
use crate::support::StubUpstream;

#[actix_web::test]
async fn a_call_goes_to_its_models_path_with_the_bedrock_key_and_nothing_of_anthropics_own() {
    let bedrock = StubUpstream::answering(answer_well).await;
    let gateway = gateway(&[with_key(&bedrock.origin)]).await;

    let fields = [
        ("content-type", "application/json"),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14"),
        ("anthropic-beta", "context-1m-2025-08-07"),
        ("accept", "text/event-stream"),
        ("accept-encoding", "gzip"),
        ("x-app", "cli"),
    ];
    gateway.request("POST", "/v1/messages?beta=true", &fields, ASKED).await;

    let seen = bedrock.only_request();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", INVOKE));
    assert_eq!(
        String::from_utf8_lossy(&seen.body),
        "{\"anthropic_version\":\"bedrock-2023-05-31\",\
         \"anthropic_beta\":[\"interleaved-thinking-2025-05-14\"],\
         \"max_tokens\": 9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
        "flags Bedrock does not know, and the long context, stay here"
    );
    assert_eq!(seen.field("authorization"), Some("Bearer bedrock-hush"));
    assert_eq!(seen.field("accept"), Some("application/json"));
    assert_eq!(seen.field("accept-encoding"), Some("identity"));
    assert_eq!(seen.field("x-app"), Some("cli"), "whoever asks may say so");
    assert_eq!(seen.field("anthropic-version"), None);
    assert_eq!(seen.field("anthropic-beta"), None);
    assert!(!seen.mentions("client-key-1"), "{seen:?}");
}

#[actix_web::test]
async fn the_long_context_does_not_come_in_by_the_body() {
    let asked = ASKED.replacen(
        '{',
        r#"{"anthropic_beta":["context-1m-2025-08-07","effort-2025-11-24"],"#,
        1,
    );
    for (more, expected, why) in [
        ("", vec!["effort-2025-11-24"], "left out unless the credential has it"),
        (", long-context: true", vec!["context-1m-2025-08-07", "effort-2025-11-24"], "it has it"),
    ] {
        let bedrock = StubUpstream::answering(answer_well).await;
        let gateway = gateway(&[format!("{}{more}", with_key(&bedrock.origin))]).await;

        gateway.post_json("/v1/messages", asked.clone()).await;

        let body: serde_json::Value = serde_json::from_slice(&bedrock.only_request().body).unwrap();
        assert_eq!(body["anthropic_beta"], serde_json::json!(expected), "{why}");
    }
}

#[actix_web::test]
async fn a_refused_flag_in_the_body_is_left_out_in_the_same_call_and_from_then_on() {
    let refusal = r#"{"message":"The long context beta is not yet available for this account."}"#;
    let bedrock = StubUpstream::answering(move |mut conversation| async move {
        if !conversation.request.mentions("context-1m") {
            return answer_well(conversation).await;
        }
        let fields =
            [("content-type", "application/json"), ("x-amzn-errortype", "ValidationException")];
        conversation.reply(400, &fields, refusal).await;
        Some(conversation)
    })
    .await;
    let gateway = gateway(&[format!("{}, long-context: auto", with_key(&bedrock.origin))]).await;
    let asked = ASKED.replacen('{', r#"{"anthropic_beta":["context-1m-2025-08-07"],"#, 1);

    for _ in 0..2 {
        let response = gateway.post_json("/v1/messages", asked.clone()).await;
        assert_eq!(response.status, 200, "{}", response.text());
    }

    let flags: Vec<bool> =
        bedrock.requests().iter().map(|seen| seen.mentions("context-1m")).collect();
    assert_eq!(flags, [true, false, false]);
}

#[actix_web::test]
async fn the_team_may_say_which_flags_bedrock_gets() {
    let bedrock = StubUpstream::answering(answer_well).await;
    let own = "headers: { anthropic-beta: 'brand-new-2027-01-01, other' }";
    let gateway = gateway(&[format!("{}, {own}", with_key(&bedrock.origin))]).await;

    let fields = [("anthropic-beta", "interleaved-thinking-2025-05-14")];
    gateway.request("POST", "/v1/messages", &fields, ASKED_STREAM).await;

    let seen = bedrock.only_request();
    assert_eq!(seen.target, INVOKE_STREAM);
    let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(body["anthropic_beta"], serde_json::json!(["brand-new-2027-01-01", "other"]));
    assert_eq!(seen.field("anthropic-beta"), None);
}

#[actix_web::test]
async fn a_client_of_another_dialect_is_answered_by_translation() {
    let bedrock = StubUpstream::answering(answer_well).await;
    let gateway = gateway(&[with_key(&bedrock.origin)]).await;

    let chat = r#"{"model":"opus","messages":[{"role":"user","content":"hi"}]}"#;
    let whole = gateway.post_json("/v1/chat/completions", chat).await;
    let chat = r#"{"model":"opus","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let stream = gateway.post_json("/v1/chat/completions", chat).await;

    assert_eq!(whole.json()["choices"][0]["message"]["content"], "hi");
    assert!(stream.text().contains(r#""content":"hi""#), "{}", stream.text());
    assert!(stream.text().ends_with("data: [DONE]\n\n"), "{}", stream.text());
    assert_eq!(stream.field("x-request-id"), Some("req-7"), "what AWS's support asks for");
    let targets: Vec<String> = bedrock.requests().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets, [INVOKE, INVOKE_STREAM]);
}

#[actix_web::test]
async fn tokens_are_counted_by_an_estimate_that_says_so() {
    let bedrock = StubUpstream::answering(|conversation| {
        refuse(conversation, 404, "UnknownOperationException", "no such thing")
    })
    .await;
    let gateway = gateway(&[with_key(&bedrock.origin)]).await;

    let counted = gateway.post_json("/v1/messages/count_tokens", ASKED).await;

    assert_eq!(counted.status, 200);
    assert_eq!(counted.field("x-ampgate-estimated"), Some("true"));
    assert_eq!(counted.field("x-ampgate-dropped"), None, "nothing was translated");
    assert!(counted.json()["input_tokens"].as_u64().unwrap() > 0);
    assert!(bedrock.requests().is_empty(), "Bedrock has nothing to ask for it");
}

#[actix_web::test]
async fn a_body_that_is_no_object_is_refused_here() {
    let bedrock = StubUpstream::answering(answer_well).await;
    let gateway = gateway(&[with_key(&bedrock.origin)]).await;

    let broken = r#"{"model":"opus","\ud83d":1}"#;
    let answer = gateway.post_json("/v1/messages", broken).await;

    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(bedrock.requests().is_empty());
}
