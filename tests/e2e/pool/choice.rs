//! Whose turn it is, and who is not meant at all.

use crate::support::{Provider, Scripted, StubUpstream, TestGateway, expect, pool};

use super::{CHAT, DOORS, FILL_FIRST, MESSAGES, ONE_ROUND, ask, gateway, who_answers};

#[actix_web::test]
async fn credentials_take_turns() {
    let [a, b, c] =
        [Provider::well("a").await, Provider::well("b").await, Provider::well("c").await];
    for door in DOORS {
        let credentials = pool(door.list, &[(a.origin(), ""), (b.origin(), ""), (c.origin(), "")]);
        let gateway = gateway(&[&credentials]).await;

        assert_eq!(
            who_answers(&gateway, door, 6).await,
            ["a", "b", "c", "a", "b", "c"],
            "{door:?}"
        );
    }
}

#[actix_web::test]
async fn credentials_of_several_lists_are_one_pool() {
    let [a, b] = [Provider::well("a").await, Provider::well("b").await];
    let lists = [
        pool("openai-api-key", &[(a.origin(), "")]),
        pool("openai-compatibility", &[(b.origin(), "")]),
    ];
    let gateway = gateway(&[&lists.concat()]).await;

    assert_eq!(who_answers(&gateway, CHAT, 4).await, ["a", "b", "a", "b"]);
}

#[actix_web::test]
async fn the_keys_of_one_compatible_provider_take_turns() {
    let only = Provider::well("only").await;
    let gateway = gateway(&[&format!(
        "openai-compatibility: [{{ name: p, base-url: '{}/v1', models: [{{ name: m }}], \
         api-key-entries: [{{ api-key: key-1 }}, {{ api-key: key-2 }}] }}]\n",
        only.origin()
    )])
    .await;

    who_answers(&gateway, CHAT, 4).await;

    for (seen, key) in only.requests().iter().zip(["key-1", "key-2", "key-1", "key-2"]) {
        assert_eq!(seen.fields.all("authorization"), [format!("Bearer {key}")]);
    }
    assert_eq!(only.asked(), 4);
}

#[actix_web::test]
async fn a_lower_priority_serves_only_while_the_higher_rests() {
    let high = Provider::saying([
        Scripted::by("high"),
        Scripted::by("high"),
        Scripted::limited_for_a_moment(),
        Scripted::by("high"),
    ])
    .await;
    let [low, lowest] = [Provider::well("low").await, Provider::well("lowest").await];
    let credentials = pool(
        MESSAGES.list,
        &[
            (lowest.origin(), ", priority: -1"),
            (low.origin(), ""),
            (high.origin(), ", priority: 10"),
        ],
    );
    let gateway = gateway(&[&credentials, ONE_ROUND]).await;

    assert_eq!(who_answers(&gateway, MESSAGES, 3).await, ["high", "high", "low"]);
    answers_again(&gateway, "high").await;
    assert_eq!(lowest.asked(), 0, "there was always a better one");
}

/// Asks until this one is back from its rest.
async fn answers_again(gateway: &TestGateway, name: &str) {
    let back = async { while who_answers(gateway, MESSAGES, 1).await != [name] {} };
    expect(back, "the credential to be back").await;
}

#[actix_web::test]
async fn a_priority_without_a_credential_that_can_answer_makes_way_within_the_call() {
    let high = Provider::saying([Scripted::limited(600)]).await;
    let middle = Provider::saying([Scripted::failure(401)]).await;
    let low = Provider::well("low").await;
    let credentials = pool(
        MESSAGES.list,
        &[
            (low.origin(), ", priority: -5"),
            (high.origin(), ", priority: 5"),
            (middle.origin(), ""),
        ],
    );
    let gateway = gateway(&[&credentials, ONE_ROUND]).await;

    assert_eq!(who_answers(&gateway, MESSAGES, 3).await, ["low", "low", "low"]);
    assert_eq!((high.asked(), middle.asked(), low.asked()), (1, 1, 3));
}

#[actix_web::test]
async fn fill_first_stays_with_the_first_until_it_rests() {
    let a = Provider::saying([
        Scripted::by("a"),
        Scripted::by("a"),
        Scripted::by("a"),
        Scripted::limited(600),
    ])
    .await;
    let [b, c] = [Provider::well("b").await, Provider::well("c").await];
    let credentials = pool(MESSAGES.list, &[(a.origin(), ""), (b.origin(), ""), (c.origin(), "")]);
    let gateway = gateway(&[&credentials, FILL_FIRST, ONE_ROUND]).await;

    assert_eq!(who_answers(&gateway, MESSAGES, 6).await, ["a", "a", "a", "b", "b", "b"]);
    assert_eq!((a.asked(), c.asked()), (4, 0));
}

#[actix_web::test]
async fn a_prefix_chooses_among_credentials_and_does_not_reach_the_provider() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // forced,                        model,      answered by, why
        ("force-model-prefix: false\n",   "m",        "ab",        "a bare name means all"),
        ("force-model-prefix: false\n",   "team/m",   "a",         "one has the prefix"),
        ("force-model-prefix: false\n",   "TEAM/m",   "a",         "case does not count"),
        ("force-model-prefix: false\n",   "other/m",  "",          "nobody has it"),
        ("force-model-prefix: true\n",    "m",        "b",         "a bare name misses those with a prefix"),
        ("force-model-prefix: true\n",    "team/m",   "a",         "one has the prefix"),
    ];
    for (forced, model, answered_by, why) in cases {
        let [a, b] = [Provider::well("a").await, Provider::well("b").await];
        let credentials = pool(MESSAGES.list, &[(a.origin(), ", prefix: team"), (b.origin(), "")]);
        let gateway = gateway(&[&credentials, forced]).await;
        let case = format!("{model}, {forced}: {why}");
        for _ in 0..2 {
            let body = format!(r#"{{"model":"{model}"}}"#);
            let response = gateway.post_json(MESSAGES.target, body).await;
            let expected = if answered_by.is_empty() { 404 } else { 200 };
            assert_eq!(response.status, expected, "{case}: {}", response.text());
        }
        let turns = |name| 2 * usize::from(answered_by == name) + usize::from(answered_by == "ab");
        assert_eq!((a.asked(), b.asked()), (turns("a"), turns("b")), "{case}");
        for request in [a.requests(), b.requests()].concat() {
            assert_eq!(String::from_utf8_lossy(&request.body), r#"{"model":"m"}"#, "{case}");
        }
    }
}

#[actix_web::test]
async fn an_excluded_model_is_never_asked_of_its_credential() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // model,            a, b, why
        ("claude-x",         1, 1, "excluded nowhere"),
        ("claude-x-mini",    0, 2, "fits `*-mini`"),
        ("claude-x-MINI",    0, 2, "case does not count"),
        ("claude-x-mini-2",  1, 1, "does not end so"),
        ("claude-old",       0, 0, "excluded everywhere"),
    ];
    for (model, of_a, of_b, why) in cases {
        let [a, b] = [Provider::well("a").await, Provider::well("b").await];
        let credentials = pool(
            MESSAGES.list,
            &[
                (a.origin(), ", models: [], excluded-models: ['*-mini', claude-old]"),
                (b.origin(), ", models: [], excluded-models: ['*old*']"),
            ],
        );
        let gateway = gateway(&[&credentials]).await;
        for _ in 0..2 {
            let body = format!(r#"{{"model":"{model}"}}"#);
            let response = gateway.post_json(MESSAGES.target, body).await;
            let expected = if of_a + of_b == 0 { 404 } else { 200 };
            assert_eq!(response.status, expected, "{model}: {why}: {}", response.text());
        }
        assert_eq!((a.asked(), b.asked()), (of_a, of_b), "{model}: {why}");
    }
}

/// A provider that answers by the model it is asked for.
async fn with_models(limited: &'static str) -> StubUpstream {
    StubUpstream::answering(move |mut conversation| async move {
        let asked: serde_json::Value = serde_json::from_slice(&conversation.request.body).unwrap();
        let model = asked["model"].as_str().unwrap();
        let json = ("content-type", "application/json");
        if model == limited {
            conversation.reply(429, &[json, ("retry-after", "600")], "{}").await;
        } else {
            let body = format!("{{ \"model\" : \"{model}\", \"of\":\"{model}\" }}");
            conversation.reply(200, &[json], body).await;
        }
        Some(conversation)
    })
    .await
}

#[actix_web::test]
async fn every_model_behind_one_alias_gets_its_turn_and_one_that_fails_is_passed_by() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // limited, answers of x, y, z; asked, why
        ("none",    [2, 2, 2],          6,     "each in its turn"),
        ("x",       [0, 3, 3],          7,     "one call finds out that it rests"),
    ];
    for (limited, answers, asked, why) in cases {
        let provider = with_models(limited).await;
        let aliases =
            ", models: [{ name: x, alias: m }, { name: y, alias: m }, { name: z, alias: m }]";
        let gateway =
            gateway(&[&pool(MESSAGES.list, &[(&provider.origin, aliases)]), ONE_ROUND]).await;
        let mut answered = Vec::new();
        for _ in 0..6 {
            let response = ask(&gateway, MESSAGES).await;
            assert_eq!(response.status, 200, "{why}: {}", response.text());
            assert_eq!(response.json()["model"], "m", "{why}: the client sees what it asked for");
            answered.push(response.json()["of"].as_str().unwrap().to_owned());
        }
        let turns = ["x", "y", "z"].map(|x| answered.iter().filter(|name| *name == x).count());
        assert_eq!(turns, answers, "{why}");
        assert_eq!(provider.requests().len(), asked, "{why}");
    }
}

#[actix_web::test]
async fn no_key_is_ever_shown_to_another_credentials_provider() {
    for door in DOORS {
        let first = Provider::saying([Scripted::failure(401)]).await;
        let second = Provider::well("second").await;
        let credentials = pool(
            door.list,
            &[
                (first.origin(), ", headers: { x-own: of-first }"),
                (second.origin(), ", headers: { x-own: of-second }"),
            ],
        );
        let gateway = gateway(&[&credentials, ONE_ROUND]).await;

        assert_eq!(who_answers(&gateway, door, 2).await, ["second", "second"], "{door:?}");

        let own = [(&first, "key-1", "of-first"), (&second, "key-2", "of-second")];
        for (provider, key, field) in own {
            assert_ne!(provider.asked(), 0, "{door:?}");
            for request in provider.requests() {
                assert!(request.mentions(key), "{door:?}: its own key");
                assert_eq!(request.fields.all("x-own"), [field], "{door:?}");
                for other in ["key-1", "key-2", "of-first", "of-second", "client-key"] {
                    let is_own = other == key || other == field;
                    assert!(is_own || !request.mentions(other), "{door:?}: {other} leaked");
                }
            }
        }
    }
}
