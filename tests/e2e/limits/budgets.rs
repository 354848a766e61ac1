//! Tokens of a day: reserved before, settled after.

use std::rc::Rc;

use tokio::sync::Notify;

use super::{CALLS, Date, call, clients, kind_of, message_of, providers, until, with_key};
use crate::support::{GatewayProcess, Provider, Response, Scripted, TestGateway, expect};

#[actix_web::test]
async fn a_budget_that_is_used_is_closed_in_every_dialect_until_the_next_day() {
    let provider = Provider::well("p").await;
    let yaml = clients("limits: { tokens-per-day: 100 }") + &providers(provider.origin());
    let kinds =
        ["rate_limit_error", "insufficient_quota", "insufficient_quota", "RESOURCE_EXHAUSTED"];
    for ((target, bound), kind) in CALLS.into_iter().zip(kinds) {
        let date = Date::evening();
        let gateway = TestGateway::start_at(&yaml, date.clock()).await;
        // The provider does not say what the call used, so what was reserved counts.
        let body = call(bound, 100);
        assert_eq!(gateway.post_json(target, &body).await.status, 200, "{target}");

        let is_settled = |answer: &Response| answer.field("retry-after") != Some("1");
        let refused = until(&gateway, (target, &body), is_settled).await;

        assert_eq!(refused.status, 429, "{target}");
        assert_eq!(kind_of(&refused), kind, "{target}");
        assert!(message_of(&refused).contains("100 tokens per day"), "{}", refused.text());
        assert_eq!(refused.field("retry-after"), Some("7200"), "until midnight: {target}");
        assert_eq!(refused.field("x-should-retry"), Some("false"), "{target}");
        date.advance(7199);
        assert_eq!(gateway.post_json(target, &body).await.status, 429, "{target}");
        date.advance(1);
        assert_eq!(gateway.post_json(target, &body).await.status, 200, "{target}");
    }
    assert_eq!(provider.asked(), 2 * CALLS.len(), "what is refused goes nowhere");
}

#[actix_web::test]
async fn calls_at_once_do_not_reserve_more_than_there_is() {
    at_once("tokens-per-day: 1000").await;
    at_once("money-per-month: 1").await;
}

/// Four calls of a little more than 300 tokens, of which a thousand cost a dollar.
async fn at_once(limit: &str) {
    let gate = Rc::new(Notify::new());
    let provider = Provider::saying([Scripted::by("p").behind(&gate)]).await;
    let yaml = clients(&format!("limits: {{ {limit} }}"))
        + "prices: [{ model: m, input: 1000, output: 1000 }]\n"
        + &providers(provider.origin());
    let gateway = TestGateway::start_at(&yaml, Date::evening().clock()).await;
    let body = call("max_tokens", 300);
    let mut waiting = Vec::new();
    for number in 1..=3 {
        let mut client = gateway.connect().await;
        client.send("POST", "/v1/messages", &with_key("client-key-1"), body.as_bytes()).await;
        provider.asked_times(number).await;
        waiting.push(client);
    }

    for _ in 0..5 {
        let refused = gateway.post_json("/v1/messages", &body).await;
        assert_eq!(refused.status, 429);
        assert_eq!(refused.field("retry-after"), Some("1"), "one of them may end at any moment");
        assert_eq!(refused.field("x-should-retry"), None);
        assert!(message_of(&refused).contains("under way"), "{}", refused.text());
    }
    assert_eq!(provider.asked(), 3);
}

/// An answer of 2279 tokens, whole or streamed.
fn answers() -> [Scripted; 2] {
    let whole =
        r#"{"type":"message","content":[],"usage":{"input_tokens":2136,"output_tokens":143}}"#;
    let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":\
                  {\"input_tokens\":2136,\"output_tokens\":1}}}\n\n\
                  event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":\
                  {\"output_tokens\":143}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    [Scripted::json(200, whole), Scripted::stream(stream)]
}

#[actix_web::test]
async fn what_the_provider_says_was_used_is_put_in_the_place_of_what_was_reserved() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // limit,                  bound,  let in, over in, why
        ("tokens-per-day: 5000",   9,      3,      "7200",  "less was reserved than was used"),
        ("tokens-per-day: 5000",   4_000,  3,      "7200",  "more was reserved than was used"),
        ("money-per-month: 5",     9,      3,      "93600", "2.279 dollars each, to the month's end"),
    ];
    for (limit, bound, let_in, over_in, why) in cases {
        for answer in answers() {
            let provider = Provider::saying([answer]).await;
            // One at a time, so that each is settled before the next is let in.
            let yaml = clients(&format!("limits: {{ concurrent-requests: 1, {limit} }}"))
                + "prices: [{ model: m, input: 1000, output: 1000 }]\n"
                + &providers(provider.origin());
            let gateway = TestGateway::start_at(&yaml, Date::evening().clock()).await;
            let body = call("max_tokens", bound);
            let ask = async || {
                let has_place = |answer: &Response| answer.field("retry-after") != Some("1");
                until(&gateway, ("/v1/messages", &body), has_place).await
            };
            for number in 1..=let_in {
                assert_eq!(ask().await.status, 200, "{limit}, {number}: {why}");
            }

            let refused = ask().await;

            assert_eq!(refused.status, 429, "{limit}: {why}");
            assert_eq!(refused.field("retry-after"), Some(over_in), "{limit}: {why}");
        }
    }
}

#[actix_web::test]
async fn a_call_that_fails_gives_back_what_it_reserved() {
    #[rustfmt::skip] // columns are easier to proofread
    let failures = [
        (Scripted::failure(400), "the provider refuses"),
        (Scripted::failure(500), "the provider fails"),
        (Scripted::hang_up(),    "no answer comes"),
    ];
    for (failure, why) in failures {
        let provider = Provider::saying([failure]).await;
        let yaml = clients("limits: { tokens-per-day: 100 }") + &providers(provider.origin());
        let gateway = TestGateway::start_at(&yaml, Date::evening().clock()).await;
        let body = call("max_tokens", 100);
        let failed = gateway.post_json("/v1/messages", &body).await;
        assert!(failed.status >= 400, "{why}");

        let again = until(&gateway, ("/v1/messages", &body), |answer| answer.status != 429).await;

        assert_eq!(again.status, failed.status, "{why}: it was let in again");
    }
}

#[actix_web::test]
async fn a_client_that_leaves_before_it_is_told_the_usage_has_used_what_was_reserved() {
    leave_behind("event: ping\ndata: {}\n\n").await;
}

#[actix_web::test]
async fn an_answer_that_is_left_before_its_last_usage_is_told_is_not_nearly_free() {
    leave_behind(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":\
         {\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
    )
    .await;
}

/// Leaves a stream behind its first events; all that was reserved is used up by it.
async fn leave_behind(events: &str) {
    let gate = Rc::new(Notify::new());
    let stream = Scripted::stream(events).then(&gate, "");
    let provider = Provider::saying([stream]).await;
    let yaml = clients("limits: { tokens-per-day: 100 }") + &providers(provider.origin());
    let gateway = TestGateway::start_at(&yaml, Date::evening().clock()).await;
    let body = call("max_tokens", 100);
    let mut client = gateway.connect().await;
    client.send("POST", "/v1/messages", &with_key("client-key-1"), body.as_bytes()).await;
    client.head().await;
    client.chunk().await.unwrap();

    drop(client);

    let is_settled = |answer: &Response| answer.field("retry-after") != Some("1");
    let refused = until(&gateway, ("/v1/messages", &body), is_settled).await;
    assert_eq!((refused.status, refused.field("retry-after")), (429, Some("7200")));
}

/// Streams of 40 000 bytes of text, which say of no token what it was.
const LONG_STREAMS: [(&str, &str); 4] = [
    (
        "/v1/messages",
        r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"TEXT"}}"#,
    ),
    ("/v1/chat/completions", r#"{"choices":[{"index":0,"delta":{"content":"TEXT"}}]}"#),
    ("/v1/completions", r#"{"choices":[{"index":0,"text":"TEXT"}]}"#),
    ("/v1/responses", r#"{"type":"response.output_text.delta","delta":"TEXT"}"#),
];

fn long_stream(event: &str) -> String {
    format!("data: {event}\n\n").replace("TEXT", &"word".repeat(100)).repeat(100)
}

/// One call at a time, and budgets that two guesses fit in, but not what was written.
const LONG_LIMITS: &str = "limits: { concurrent-requests: 1, tokens-per-day: 9000 }";
const LONG_CALL: &str =
    r#"{"model":"m","stream":true,"max_tokens":100000,"messages":[],"input":"","prompt":""}"#;

#[actix_web::test]
async fn a_stream_that_never_says_its_usage_has_used_what_was_written() {
    for (target, event) in LONG_STREAMS {
        let end = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n\
                   data: {\"type\":\"response.completed\"}\n\ndata: [DONE]\n\n";
        let provider = Provider::saying([Scripted::stream(long_stream(event) + end)]).await;
        let yaml = clients(LONG_LIMITS) + &providers(provider.origin());
        let gateway = TestGateway::start_at(&yaml, Date::evening().clock()).await;
        assert_eq!(gateway.post_json(target, LONG_CALL).await.status, 200, "{target}");

        let is_settled = |answer: &Response| answer.field("retry-after") != Some("1");
        let refused = until(&gateway, (target, LONG_CALL), is_settled).await;

        assert_eq!((refused.status, refused.field("retry-after")), (429, Some("7200")), "{target}");
    }
}

#[actix_web::test]
async fn a_client_that_leaves_a_long_stream_has_used_what_was_written() {
    for (target, event) in LONG_STREAMS {
        let gate = Rc::new(Notify::new());
        let events = long_stream(event) + ": all of it\n\n";
        let provider = Provider::saying([Scripted::stream(events).then(&gate, "")]).await;
        let yaml = clients(LONG_LIMITS) + &providers(provider.origin());
        let gateway = TestGateway::start_at(&yaml, Date::evening().clock()).await;
        let mut client = gateway.connect().await;
        client.send("POST", target, &with_key("client-key-1"), LONG_CALL.as_bytes()).await;
        client.head().await;
        let mut heard = Vec::new();
        while !heard.ends_with(b": all of it\n\n") {
            heard.extend(client.chunk().await.unwrap().unwrap());
        }

        drop(client);

        let is_settled = |answer: &Response| answer.field("retry-after") != Some("1");
        let refused = until(&gateway, (target, LONG_CALL), is_settled).await;
        assert_eq!((refused.status, refused.field("retry-after")), (429, Some("7200")), "{target}");
    }
}

#[actix_web::test]
async fn a_client_that_leaves_in_the_pause_behind_a_failed_attempt_has_used_nothing() {
    let overloaded =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (Scripted::limited(60),         "a status that says so"),
        (Scripted::stream(overloaded),  "a stream that says so"),
    ];
    for (failure, why) in cases {
        let failing = Provider::saying([failure]).await;
        let well = Provider::well("p").await;
        let yaml = format!(
            "api-keys: [{{ name: alice, key: client-key-1, limits: {{ tokens-per-day: 100 }} }}]\n\
             ampcode: {{ upstream-url: '' }}\nrequest-retry: 1\nmax-retry-interval: 600s\n\
             claude-api-key:\n\
             - {{ api-key: a, base-url: '{}', models: [{{ name: m }}] }}\n\
             - {{ api-key: b, base-url: '{}', models: [{{ name: n }}] }}\n",
            failing.origin(),
            well.origin()
        );
        let gateway = TestGateway::start_at(&yaml, Date::evening().clock()).await;
        let body = call("max_tokens", 100);
        let mut client = gateway.connect().await;
        client.send("POST", "/v1/messages", &with_key("client-key-1"), body.as_bytes()).await;
        let has_failed = async {
            while !gateway.metrics().await.contains("ampgate_upstream_errors_total{") {
                tokio::task::yield_now().await;
            }
        };
        expect(has_failed, "the failure of the first attempt").await;

        drop(client);

        let other = body.replace("\"m\"", "\"n\"");
        let is_settled = |answer: &Response| answer.field("retry-after") != Some("1");
        let answer = until(&gateway, ("/v1/messages", &other), is_settled).await;
        assert_eq!(answer.status, 200, "{why}: {}", answer.text());
    }
}

#[actix_web::test]
async fn a_count_of_tokens_uses_none_and_is_let_in_when_all_are_used() {
    let provider = Provider::well("p").await;
    let yaml = clients("limits: { tokens-per-day: 100 }") + &providers(provider.origin());
    let gateway = TestGateway::start_at(&yaml, Date::evening().clock()).await;
    let body = call("max_tokens", 100);
    for _ in 0..3 {
        let count = gateway.post_json("/v1/messages/count_tokens", &body).await;
        assert_eq!(count.status, 200);
    }
    assert_eq!(gateway.post_json("/v1/messages", &body).await.status, 200);

    let count = gateway.post_json("/v1/messages/count_tokens", &body).await;

    assert_eq!(count.status, 200);
}

#[actix_web::test]
async fn what_was_used_still_counts_after_a_reload_and_new_limits_hold_at_once() {
    let provider = Provider::well("p").await;
    let settings = |limits: &str| clients(limits) + &providers(provider.origin());
    let mut gateway = GatewayProcess::start(&settings("limits: { tokens-per-day: 1000 }"));
    let ask = async |gateway: &GatewayProcess| {
        let mut client = gateway.connect().await;
        let body = call("max_tokens", 100);
        client.send("POST", "/v1/messages", &with_key("client-key-1"), body.as_bytes()).await;
        client.response().await.status
    };
    assert_eq!(ask(&gateway).await, 200);

    gateway.reload(&settings("limits: { tokens-per-day: 100 }"));
    assert_eq!(ask(&gateway).await, 429, "more than a hundred were used before");
    gateway.reload(&settings("limits: { tokens-per-day: 1000 }"));
    assert_eq!(ask(&gateway).await, 200);
    gateway.reload(&settings("models: ['other-*']"));
    assert_eq!(ask(&gateway).await, 403);
}
