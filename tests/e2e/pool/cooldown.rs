//! Who rests, for how long, what a client is told meanwhile, and how a credential comes back.

use std::rc::Rc;

use tokio::sync::Notify;

use crate::support::{Client, GatewayProcess, Provider, Scripted, TestGateway, expect, pool};

use super::{
    CALL, CHAT, CLIENT_FIELDS, CLIENTS, DOORS, FILL_FIRST, GEMINI, MESSAGES, ONE_ROUND, RESPONSES,
    ask, gateway, send, who_answers,
};

#[actix_web::test]
async fn when_all_rest_the_client_is_told_who_for_how_long_and_nobody_is_asked() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // door,     provider,     where its dialect says it,   what
        (MESSAGES,   "claude",     "/error/type",               "rate_limit_error"),
        (CHAT,       "provider-1", "/error/code",               "model_cooldown"),
        (RESPONSES,  "openai",     "/error/code",               "model_cooldown"),
        (GEMINI,     "gemini",     "/error/status",             "RESOURCE_EXHAUSTED"),
    ];
    for (door, provider, pointer, value) in cases {
        let sooner = Scripted::json(429, "{ \"own\" : 1 }").with("retry-after", "600");
        let [sooner, later] =
            [Provider::saying([sooner]).await, Provider::saying([Scripted::limited(7200)]).await];
        let credentials = pool(door.list, &[(sooner.origin(), ""), (later.origin(), "")]);
        let gateway = gateway(&[&credentials]).await;
        assert_eq!(ask(&gateway, door).await.status, 429, "{door:?}: in the providers' own words");

        let response = ask(&gateway, door).await;

        assert_eq!(response.status, 429, "{door:?}");
        let seconds = response.fields.all("retry-after");
        let [seconds] = seconds[..] else { panic!("{door:?}: {seconds:?}") };
        // Up to ten more by chance, and the moments since.
        let number: u64 = seconds.parse().unwrap();
        assert!((500..=610).contains(&number), "{door:?}: the sooner of both, not {number}");
        let json = response.json();
        assert_eq!(json.pointer(pointer).unwrap(), value, "{door:?}: {json}");
        let message = json["error"]["message"].as_str().unwrap();
        for told in ["`m`", &format!("`{provider}`"), &format!("{seconds} s")] {
            assert!(message.contains(told), "{door:?}: {told} is not in: {message}");
        }
        assert_eq!((sooner.asked(), later.asked()), (1, 1), "{door:?}");
    }
}

#[actix_web::test]
async fn other_models_of_a_limited_credential_go_on() {
    let only = Provider::saying([Scripted::limited(600), Scripted::by("only")]).await;
    let models = ", models: [{ name: m }, { name: n }]";
    let gateway = gateway(&[&pool(MESSAGES.list, &[(only.origin(), models)]), ONE_ROUND]).await;

    assert_eq!(ask(&gateway, MESSAGES).await.status, 429);
    assert_eq!(gateway.post_json(MESSAGES.target, r#"{"model":"n"}"#).await.status, 200);
    assert_eq!(ask(&gateway, MESSAGES).await.status, 429);
    assert_eq!(only.asked(), 2);
}

#[actix_web::test]
async fn a_short_rest_is_waited_for_within_the_call() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (Scripted::limited(1),                                   "a second"),
        (Scripted::failure(429).with("retry-after-ms", "20"),    "milliseconds"),
        (Scripted::failure(429).with("retry-after", "0.02"),     "a fraction"),
        (Scripted::failure(429),                                 "nothing said: the first backoff"),
        (Scripted::json(429, r#"{"error":{"message":"Please try again in 20ms."}}"#), "in its text"),
    ];
    for (limit, why) in cases {
        let only = Provider::saying([limit, Scripted::by("only")]).await;
        let credentials = pool(MESSAGES.list, &[(only.origin(), "")]);
        let gateway = gateway(&[&credentials, "request-retry: 1\n"]).await;

        assert_eq!(who_answers(&gateway, MESSAGES, 1).await, ["only"], "{why}");
        assert_eq!(only.asked(), 2, "{why}");
    }
}

#[actix_web::test]
async fn a_long_rest_is_not_waited_for() {
    for (interval, seconds) in [("0", 1), ("1s", 600), ("30s", 600)] {
        let only = Provider::saying([Scripted::limited(seconds), Scripted::by("only")]).await;
        let credentials = pool(MESSAGES.list, &[(only.origin(), "")]);
        let more = format!("max-retry-interval: {interval}\n");
        let gateway = gateway(&[&credentials, &more]).await;

        let response = ask(&gateway, MESSAGES).await;

        assert_eq!(response.status, 429, "{interval}");
        let waits = response.field("retry-after").map(str::to_owned);
        assert_eq!(waits, Some(seconds.to_string()), "{interval}: the provider's own word");
        assert_eq!(only.asked(), 1, "{interval}");
    }
}

#[actix_web::test]
async fn cooling_is_switched_off_for_all_or_for_one() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // for all,                   for the first,             rests, why
        ("",                          "",                        true,  "by default"),
        ("disable-cooling: true\n",   "",                        false, "off for all"),
        ("",                          ", disable-cooling: true", false, "off for this one"),
        ("disable-cooling: true\n",   ", disable-cooling: false", true, "on for this one"),
    ];
    for (for_all, for_first, rests, why) in cases {
        for limit in [Scripted::limited(600), Scripted::failure(401), Scripted::failure(500)] {
            let [first, second] = [Provider::saying([limit]).await, Provider::well("second").await];
            let credentials =
                pool(MESSAGES.list, &[(first.origin(), for_first), (second.origin(), "")]);
            let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND, for_all]).await;

            let answers = who_answers(&gateway, MESSAGES, 3).await;

            assert_eq!(answers, ["second", "second", "second"], "{why}");
            assert_eq!(first.asked(), if rests { 1 } else { 3 }, "{why}");
        }
    }
}

#[actix_web::test]
async fn a_guess_never_locks_a_single_credential_out() {
    for door in DOORS {
        for failure in [Scripted::failure(500), Scripted::failure(529), Scripted::hang_up()] {
            let script = [failure.clone(), failure, Scripted::by("only")];
            let only = Provider::saying(script).await;
            let gateway = gateway(&[&pool(door.list, &[(only.origin(), "")]), ONE_ROUND]).await;

            assert!(ask(&gateway, door).await.status >= 500, "{door:?}");
            assert!(ask(&gateway, door).await.status >= 500, "{door:?}: its own word again");
            assert_eq!(who_answers(&gateway, door, 1).await, ["only"], "{door:?}");
            assert_eq!(only.asked(), 3, "{door:?}: each call has asked");
        }
    }
}

#[actix_web::test]
async fn a_rest_that_the_provider_asked_for_is_no_guess() {
    let only = Scripted::failure(503).with("retry-after", "600");
    let only = Provider::saying([only, Scripted::by("only")]).await;
    let gateway = gateway(&[&pool(MESSAGES.list, &[(only.origin(), "")]), ONE_ROUND]).await;

    assert_eq!(ask(&gateway, MESSAGES).await.status, 503);
    assert_eq!(ask(&gateway, MESSAGES).await.status, 429);
    assert_eq!(only.asked(), 1);
}

/// Sends one call after the other until one asks `provider` for the second time, and returns the
/// client that waits for that answer.
async fn probing(gateway: &TestGateway, provider: &Provider) -> Client {
    let probe = async {
        loop {
            let mut client = send(gateway, MESSAGES).await;
            tokio::select! {
                _request = provider.asked_times(2) => return client,
                response = client.response() => assert_eq!(response.status, 200),
            }
        }
    };
    expect(probe, "a probe").await
}

#[actix_web::test]
async fn one_call_probes_a_credential_after_its_rest_and_the_others_go_elsewhere() {
    let gate = Rc::new(Notify::new());
    let first = Provider::saying([
        Scripted::limited_for_a_moment(),
        Scripted::by("first").behind(&gate),
        Scripted::by("first"),
    ])
    .await;
    let second = Provider::well("second").await;
    let credentials = pool(MESSAGES.list, &[(first.origin(), ""), (second.origin(), "")]);
    let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND]).await;
    assert_eq!(who_answers(&gateway, MESSAGES, 1).await, ["second"]);

    let mut probe = probing(&gateway, &first).await;
    assert_eq!(who_answers(&gateway, MESSAGES, 8).await, ["second"; 8]);
    assert_eq!(first.asked(), 2, "one call only finds out");

    gate.notify_one();
    assert_eq!(probe.response().await.json()["by"], "first");
    let back = async { while who_answers(&gateway, MESSAGES, 1).await != ["first"] {} };
    expect(back, "the credential to be back").await;
    assert_eq!(who_answers(&gateway, MESSAGES, 3).await, ["first", "first", "first"]);
}

#[actix_web::test]
async fn a_probe_that_fails_puts_its_credential_to_rest_again() {
    let gate = Rc::new(Notify::new());
    let first = Provider::saying([
        Scripted::limited_for_a_moment(),
        Scripted::limited(600).behind(&gate),
        Scripted::by("first"),
    ])
    .await;
    let second = Provider::well("second").await;
    let credentials = pool(MESSAGES.list, &[(first.origin(), ""), (second.origin(), "")]);
    let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND]).await;
    assert_eq!(who_answers(&gateway, MESSAGES, 1).await, ["second"]);

    let mut probe = probing(&gateway, &first).await;
    gate.notify_one();

    assert_eq!(probe.response().await.json()["by"], "second", "the probe's call goes on elsewhere");
    assert_eq!(who_answers(&gateway, MESSAGES, 8).await, ["second"; 8]);
    assert_eq!(first.asked(), 2);
}

#[actix_web::test]
async fn a_client_that_leaves_in_a_probe_gives_the_probe_to_the_next_one() {
    let first = Provider::saying([
        Scripted::limited_for_a_moment(),
        Scripted::silence(),
        Scripted::by("first"),
    ])
    .await;
    let second = Provider::well("second").await;
    let credentials = pool(MESSAGES.list, &[(first.origin(), ""), (second.origin(), "")]);
    let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND]).await;
    assert_eq!(who_answers(&gateway, MESSAGES, 1).await, ["second"]);

    drop(probing(&gateway, &first).await);

    let back = async { while who_answers(&gateway, MESSAGES, 1).await != ["first"] {} };
    expect(back, "the credential to be probed again").await;
}

#[actix_web::test]
async fn while_a_single_credential_is_probed_the_others_wait_for_the_outcome() {
    let gate = Rc::new(Notify::new());
    let only = Provider::saying([
        Scripted::limited_for_a_moment(),
        Scripted::by("only").behind(&gate),
        Scripted::by("only"),
    ])
    .await;
    let aside = Provider::well("aside").await;
    let credentials =
        pool(MESSAGES.list, &[(only.origin(), ""), (aside.origin(), ", models: [{ name: n }]")]);
    let gateway = gateway(&[&credentials]).await;
    let mut probe = send(&gateway, MESSAGES).await;
    only.asked_times(2).await;

    let mut waiting = [send(&gateway, MESSAGES).await, send(&gateway, MESSAGES).await];
    for _ in 0..10 {
        let aside = gateway.post_json(MESSAGES.target, r#"{"model":"n"}"#).await;
        assert_eq!(aside.status, 200, "other models need not wait");
    }
    assert_eq!(only.asked(), 2, "one call only finds out");
    gate.notify_one();

    assert_eq!(probe.response().await.status, 200);
    for client in &mut waiting {
        assert_eq!(client.response().await.status, 200);
    }
    assert_eq!(only.asked(), 4);
}

#[actix_web::test]
async fn many_calls_that_meet_one_limit_are_one_rest() {
    const CALLS: usize = 40;
    let gate = Rc::new(Notify::new());
    let first = Provider::saying([Scripted::failure(429).behind(&gate)]).await;
    let second = Provider::well("second").await;
    let credentials = pool(MESSAGES.list, &[(first.origin(), ""), (second.origin(), "")]);
    let more = "ampcode: { upstream-url: '' }\n";
    let mut gateway =
        GatewayProcess::start(&[CLIENTS, more, FILL_FIRST, ONE_ROUND, &credentials].concat());
    let mut clients = Vec::new();
    for _ in 0..CALLS {
        let mut client = gateway.connect().await;
        client.send("POST", MESSAGES.target, &CLIENT_FIELDS, CALL.as_bytes()).await;
        clients.push(client);
    }
    first.asked_times(CALLS).await;

    gate.notify_waiters();

    for client in &mut clients {
        assert_eq!(client.response().await.json()["by"], "second");
    }
    gateway.signal("-TERM");
    gateway.wait();
    assert_eq!(gateway.log().matches("credential rests").count(), 1, "{}", gateway.log());
}
