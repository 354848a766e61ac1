//! What becomes of Bedrock's answers.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

use super::bench::{
    ASKED, ASKED_STREAM, EVENTS, FRAMES, WHOLE, answer_well, chunk, event, exception, gateway,
    refuse, with_key,
};
use crate::support::{StubUpstream, expect};

fn events() -> String {
    EVENTS.iter().map(|data| event(data)).collect()
}

#[actix_web::test]
async fn frames_become_the_stream_that_anthropic_would_have_sent() {
    let bedrock = StubUpstream::answering(answer_well).await;
    let gateway = gateway(&[with_key(&bedrock.origin)]).await;

    let answer = gateway.post_json("/v1/messages", ASKED_STREAM).await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.field("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(answer.field("x-ampgate-provider"), Some("bedrock"));
    assert_eq!(answer.field("x-amzn-requestid"), Some("req-7"));
    let expected = events().replace("\"model\":\"claude-a-v1\"", "\"model\":\"opus\"");
    assert_eq!(
        answer.text(),
        expected,
        "the client's name for the model, and nothing else changes"
    );
    let metrics = gateway.metrics().await;
    for (direction, tokens) in [("input", 11), ("output", 7)] {
        let is_metered = metrics.lines().any(|line| {
            line.starts_with("ampgate_tokens_total")
                && line.contains(direction)
                && line.ends_with(&format!(" {tokens}"))
        });
        assert!(is_metered, "{direction}: {metrics}");
    }
}

#[actix_web::test]
async fn a_whole_answer_is_anthropics_already() {
    let bedrock = StubUpstream::answering(answer_well).await;
    let gateway = gateway(&[with_key(&bedrock.origin)]).await;

    let answer = gateway.post_json("/v1/messages", ASKED).await;

    assert_eq!(answer.text(), WHOLE.replace("claude-a-v1", "opus"));
}

#[actix_web::test]
async fn each_event_reaches_the_client_before_the_next_is_there_and_a_leaving_client_ends_it() {
    let go_on = Rc::new(Notify::new());
    let gate = go_on.clone();
    let bedrock = StubUpstream::answering(move |mut conversation| {
        let gate = gate.clone();
        async move {
            conversation.begin(200, FRAMES).await;
            conversation.chunk(chunk(EVENTS[0])).await;
            gate.notified().await;
            let frame = chunk(EVENTS[1]);
            let (most, last) = frame.split_at(frame.len() - 1);
            conversation.chunk(most).await;
            gate.notified().await;
            conversation.chunk(last).await;
            conversation.gateway_leaves().await;
            None
        }
    })
    .await;
    let gateway = gateway(&[with_key(&bedrock.origin)]).await;
    let mut client = gateway.connect().await;
    let fields = [("authorization", "Bearer client-key-1"), ("content-type", "application/json")];
    client.send("POST", "/v1/messages", &fields, ASKED_STREAM.as_bytes()).await;
    client.head().await;

    let first = client.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: message_start\n"), "{first:?}");
    go_on.notify_one();
    go_on.notify_one();
    let mut second = Vec::new();
    while !second.ends_with(b"\n\n") {
        go_on.notify_one();
        second.extend(client.chunk().await.unwrap().unwrap());
    }
    assert!(second.starts_with(b"event: content_block_start\n"), "{second:?}");
    drop(client);

    bedrock.all_closed().await;
}

#[actix_web::test]
async fn a_stream_that_is_cut_in_a_frame_or_damaged_ends_as_a_broken_one() {
    let good: Vec<u8> = EVENTS[..3].iter().flat_map(|data| chunk(data)).collect();
    let cut = [&good[..], &chunk(EVENTS[3])[..20]].concat();
    let mut damaged = chunk(EVENTS[3]);
    let at = damaged.len() - 9;
    damaged[at] ^= 1;
    let damaged = [good, damaged].concat();
    for (stream, why) in [(cut, "cut"), (damaged, "a wrong checksum")] {
        let bedrock = StubUpstream::answering(move |mut conversation| {
            let stream = stream.clone();
            async move {
                conversation.begin(200, FRAMES).await;
                conversation.chunk(stream).await;
                conversation.end().await;
                Some(conversation)
            }
        })
        .await;
        let gateway = gateway(&[with_key(&bedrock.origin)]).await;

        let answer = gateway.post_json("/v1/messages", ASKED_STREAM).await;

        let text = answer.text();
        assert!(text.contains(&event(EVENTS[2])), "{why}: what came before stays: {text}");
        assert!(!text.contains("content_block_stop"), "{why}: {text}");
        assert!(text.contains("event: error\n"), "{why}: {text}");
        let metrics = gateway.metrics().await;
        let counted =
            r#"ampgate_upstream_errors_total{class="upstream_broke",provider="bedrock"} 1"#;
        assert!(metrics.contains(counted), "{why}: {metrics}");
    }
}

#[actix_web::test]
async fn an_exception_before_the_first_event_lets_another_credential_answer() {
    let full = StubUpstream::answering(|mut conversation| async move {
        conversation.begin(200, FRAMES).await;
        conversation.chunk(exception("throttlingException", "Too many tokens")).await;
        conversation.end().await;
        Some(conversation)
    })
    .await;
    let free = StubUpstream::answering(answer_well).await;
    let entries = [
        format!("{}, priority: 1", with_key(&full.origin)),
        with_key(&free.origin).replace("bedrock-hush", "bedrock-hush-2"),
    ];
    let gateway = gateway(&entries).await;

    let answer = gateway.post_json("/v1/messages", ASKED_STREAM).await;

    assert_eq!(answer.status, 200);
    assert!(answer.text().ends_with(&event(EVENTS[5])), "{}", answer.text());
    assert_eq!((full.requests().len(), free.requests().len()), (1, 1));
}

#[actix_web::test]
async fn an_exception_later_is_the_error_event_that_the_client_knows() {
    let bedrock = StubUpstream::answering(|mut conversation| async move {
        conversation.begin(200, FRAMES).await;
        for data in &EVENTS[..3] {
            conversation.chunk(chunk(data)).await;
        }
        conversation.chunk(exception("modelStreamErrorException", "the model broke off")).await;
        conversation.end().await;
        Some(conversation)
    })
    .await;
    let gateway = gateway(&[with_key(&bedrock.origin)]).await;

    let answer = gateway.post_json("/v1/messages", ASKED_STREAM).await;

    let text = answer.text();
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    let data = last.strip_prefix("event: error\ndata: ").unwrap_or_else(|| panic!("{text}"));
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["error"]["type"], "api_error");
    assert_eq!(data["error"]["message"], "the model broke off");
    assert_eq!(text.matches("event: error").count(), 1, "{text}");
}

#[actix_web::test]
async fn an_error_has_anthropics_form_and_says_what_it_says_about_the_credential() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // status, kind,                  told,                     the client's, type,                    others asked
        (429, "ThrottlingException",      "Too many requests",       429, "rate_limit_error",      true),
        (403, "AccessDeniedException",    "You may not",             403, "permission_error",      true),
        (403, "AccessDeniedException",    "Authentication failed: Please make sure your API Key is valid.", 403, "permission_error", true),
        (400, "ValidationException",      "max_tokens: too large",   400, "invalid_request_error", false),
        (400, "ValidationException",      "The provided model identifier is invalid.", 400, "invalid_request_error", true),
        (404, "ResourceNotFoundException", "end of life",            404, "not_found_error",       true),
        (429, "ModelNotReadyException",   "warming up",              429, "rate_limit_error",      true),
        (424, "ModelErrorException",      "it broke",                500, "api_error",             true),
        (503, "ServiceUnavailableException", "away",                 503, "api_error",             true),
    ];
    for (status, kind, told, expected, error_type, others_are_asked) in cases {
        let asked = Rc::new(Cell::new(0));
        let count = asked.clone();
        let bedrock = StubUpstream::answering(move |conversation| {
            count.set(count.get() + 1);
            refuse(conversation, status, kind, told)
        })
        .await;
        let entry = with_key(&bedrock.origin);
        let other = entry.replace("bedrock-hush", "bedrock-hush-2");
        let gateway = gateway(&[entry, other]).await;

        let answer = expect(gateway.post_json("/v1/messages", ASKED), kind).await;

        assert_eq!(answer.status, expected, "{kind}: {}", answer.text());
        assert_eq!(answer.field("content-type"), Some("application/json"), "{kind}");
        let body = answer.json();
        assert_eq!(body["type"], "error", "{kind}");
        assert_eq!(body["error"]["type"], error_type, "{kind}");
        assert_eq!(body["error"]["message"], told, "{kind}");
        assert_eq!(asked.get(), if others_are_asked { 2 } else { 1 }, "{kind}: {told}");
    }
}
