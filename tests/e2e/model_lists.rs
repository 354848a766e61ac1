//! Providers' own lists of models: asked for by the gateway itself, kept for a while, and shown as far
//! as their models can be asked for.

use std::cell::Cell;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::support::{Conversation, Response, StubUpstream, TestGateway, fixture};

const HEAD: &str =
    "api-keys: [{ name: alice, key: client-key-1 }]\nampcode: { upstream-url: '' }\n";
const ANTHROPIC: (&str, &str) = ("anthropic-version", "2023-06-01");

fn ids(response: &Response) -> Vec<String> {
    assert_eq!(response.status, 200, "{}", response.text());
    let json = response.json();
    let (list, name) = match json.get("models") {
        Some(models) => (models, "name"),
        None => (&json["data"], "id"),
    };
    let entries = list.as_array().unwrap_or_else(|| panic!("no list: {json}"));
    let id = |entry: &Value| entry[name].as_str().unwrap().trim_start_matches("models/").to_owned();
    entries.iter().map(id).collect()
}

fn openai_list(ids: &[&str]) -> String {
    json!({ "data": ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() }).to_string()
}

async fn openai(ids: &[&str]) -> StubUpstream {
    StubUpstream::replying(200, "application/json", openai_list(ids)).await
}

/// A provider that answers by the target that it is asked for, and 404 where `pages` has none.
async fn paged(pages: &'static [(&'static str, &'static str)]) -> StubUpstream {
    StubUpstream::answering(move |mut conversation: Conversation| async move {
        let target = conversation.request.target.clone();
        let page = pages.iter().find(|(at, _)| *at == target);
        let (status, body) = page.map_or((404, "{}"), |(_, body)| (200, *body));
        conversation.reply(status, &[("content-type", "application/json")], body).await;
        Some(conversation)
    })
    .await
}

/// A provider whose answer depends on the key that it is shown.
async fn by_key(answers: &'static [(&'static str, u16, &'static str)]) -> StubUpstream {
    StubUpstream::answering(move |mut conversation: Conversation| async move {
        let key = conversation.request.field("authorization").unwrap_or_default().to_owned();
        let found = answers.iter().find(|(known, ..)| key.ends_with(known));
        let (_, status, body) = found.unwrap_or(&("", 401, "{}"));
        conversation.reply(*status, &[("content-type", "application/json")], body).await;
        Some(conversation)
    })
    .await
}

#[actix_web::test]
async fn every_listed_name_can_be_asked_for() {
    let lists = StubUpstream::answering(|mut conversation: Conversation| async move {
        let body = match conversation.request.target.split('?').next().unwrap() {
            "/v1/models" if conversation.request.field("anthropic-version").is_some() => {
                r#"{"data":[{"id":"claude-a"},{"id":"claude-old"},{"id":"other"}]}"#
            }
            "/v1/models" => {
                r#"{"data":[{"id":"gpt-a"},{"id":"gpt-a-preview"},{"id":"dall-e-9"},{"no":"id"}]}"#
            }
            "/v1beta/models" => r#"{"models":[{"name":"models/gemini-a"},{"name":"models/aqa"}]}"#,
            "/v1/messages" => {
                r#"{"type":"message","id":"m","role":"assistant","model":"x","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#
            }
            "/v1/chat/completions" => {
                r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}"#
            }
            "/v1/responses" => r#"{"id":"r","status":"completed","output":[]}"#,
            _ => r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]}"#,
        };
        conversation.reply(200, &[("content-type", "application/json")], body).await;
        Some(conversation)
    })
    .await;
    let origin = &lists.origin;
    let gateway = TestGateway::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\n\
         force-model-prefix: true\n\
         ampcode:\n  upstream-url: ''\n  model-mappings:\n\
         \x20   - {{ from: fast, to: kimi }}\n\
         \x20   - {{ from: swift, to: claude-a }}\n\
         \x20   - {{ from: dead, to: nobody }}\n\
         claude-api-key:\n\
         \x20 - {{ api-key: k, base-url: '{origin}', excluded-models: ['*-old'] }}\n\
         \x20 - {{ api-key: k2, base-url: '{origin}', models: [{{ name: up, alias: mine }}], prefix: b }}\n\
         openai-api-key:\n\
         \x20 - {{ api-key: k, base-url: '{origin}/v1', prefix: team/x, excluded-models: ['*-preview'] }}\n\
         openai-compatibility:\n\
         \x20 - {{ name: r, base-url: '{origin}/v1', models: [{{ name: vendor/kimi, alias: kimi }}, {{ name: vendor/slash }}] }}\n\
         gemini-api-key:\n\
         \x20 - {{ api-key: k, base-url: '{origin}' }}\n",
    ))
    .await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, Option<(&str, &str)>, &[&str], &str); 3] = [
        ("/v1/models",     None,            &["kimi", "vendor/slash", "b/mine", "fast", "swift", "team/x/gpt-a", "claude-a", "gemini-a"], "/v1/chat/completions"),
        ("/v1/models",     Some(ANTHROPIC), &["b/mine", "kimi", "vendor/slash", "fast", "swift", "claude-a", "team/x/gpt-a", "gemini-a"], "/v1/messages"),
        ("/v1beta/models", None,            &["b/mine", "kimi", "vendor/slash", "fast", "swift", "gemini-a", "claude-a", "team/x/gpt-a"], "/v1beta/models/{}:generateContent"),
    ];
    for (target, field, expected, call) in cases {
        let fields: Vec<(&str, &str)> = field.into_iter().collect();
        let listed = ids(&gateway.request("GET", target, &fields, b"").await);
        assert_eq!(listed, expected, "{target} {fields:?}");
        for id in listed {
            let body = json!({
                "model": id, "max_tokens": 9,
                "messages": [{ "role": "user", "content": "x" }],
                "contents": [{ "role": "user", "parts": [{ "text": "x" }] }],
            });
            let body = body.to_string();
            let asked = gateway.post_json(&call.replace("{}", &id), &body).await;
            assert_eq!(asked.status, 200, "{id} cannot be asked for: {}", asked.text());
            let described = gateway.request("GET", &format!("{target}/{id}"), &fields, b"").await;
            assert_eq!(described.status, 200, "{id}: {}", described.text());
            assert!(described.text().contains(&id), "{id}: {}", described.text());
        }
    }
}

/// Fault of the first version: such a provider was asked for its list, and served none of it.
#[actix_web::test]
async fn a_compatible_provider_without_models_lists_nothing_and_is_not_asked() {
    let compatible = openai(&["llama-9", "gpt-5"]).await;
    let gateway = TestGateway::start(&format!(
        "{HEAD}openai-compatibility: [{{ name: r, base-url: '{}' }}]\n",
        compatible.origin
    ))
    .await;
    assert!(ids(&gateway.get("/v1/models").await).is_empty());
    assert_eq!(gateway.get("/v1/models/llama-9").await.status, 404);
    let body = r#"{"model":"llama-9"}"#;
    assert_eq!(gateway.post_json("/v1/chat/completions", body).await.status, 404, "consistent");
    assert_eq!(compatible.connections(), 0);
}

/// Fault of the first version: `.../models/{id}` asked the first provider only.
#[actix_web::test]
async fn one_model_is_looked_for_at_every_provider() {
    let first = StubUpstream::replying(
        200,
        "application/json",
        r#"{"models":[{"name":"models/gemini-a"}]}"#,
    );
    let second = StubUpstream::replying(
        200,
        "application/json",
        r#"{"publisherModels":[{ "name":"publishers/google/models/gemini-b", "n":1.0 }]}"#,
    );
    let (first, second) = (first.await, second.await);
    let gateway = TestGateway::start(&format!(
        "{HEAD}gemini-api-key: [{{ api-key: k, base-url: '{}' }}]\n\
         vertex-api-key: [{{ api-key: k, base-url: '{}' }}]\n",
        first.origin, second.origin
    ))
    .await;
    let described = gateway.get("/v1beta/models/gemini-b").await;
    let entry = r#"{ "name":"publishers/google/models/gemini-b", "n":1.0 }"#;
    assert_eq!((described.status, described.text().as_str()), (200, entry), "byte for byte");
    assert_eq!(gateway.get("/v1beta/models/gemini-c").await.status, 404, "no list has it");
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1), "asked once");
}

#[actix_web::test]
async fn a_list_is_asked_for_by_the_gateway_itself_and_only_once() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, &str, &[(&str, &str)], &str, &str, Option<&str>); 4] = [
        // list,           client's target,                            fields,        at the provider,                                   credential,       version
        ("openai-api-key", "/v1/models?limit=2&a=%2F",                 &[],           "/v1/models",                                      "authorization",  None),
        ("claude-api-key", "/v1/models?limit=2&after_id=x",            &[ANTHROPIC],  "/v1/models?limit=1000",                           "x-api-key",      Some("2023-06-01")),
        ("gemini-api-key", "/v1beta/models?pageSize=2&pageToken=t",    &[],           "/v1beta/models?pageSize=100",                     "x-goog-api-key", None),
        ("vertex-api-key", "/v1beta/models?key=client-key-1",          &[],           "/v1beta1/publishers/google/models?pageSize=100",  "x-goog-api-key", None),
    ];
    for (list, target, fields, expected, credential, version) in cases {
        let body = r#"{"data":[],"models":[]}"#;
        let stub = StubUpstream::replying(200, "application/json", body).await;
        let gateway = TestGateway::start(&format!(
            "{HEAD}{list}: [{{ api-key: provider-key, base-url: '{}', headers: {{ x-team: blue }} }}]\n",
            stub.origin
        ))
        .await;
        let fields = [
            fields,
            &[("user-agent", "some-client/1"), ("accept-encoding", "br"), ("x-odd", "client-odd")],
        ]
        .concat();
        for _ in 0..3 {
            ids(&gateway.request("GET", target, &fields, b"").await);
        }
        let seen = stub.only_request();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", expected), "{list}");
        let key = seen.field(credential);
        assert!(key.is_some_and(|key| key.ends_with("provider-key")), "{list}: {key:?}");
        assert!(seen.field("user-agent").unwrap().starts_with("ampgate/"), "{list}");
        assert_eq!(seen.field("accept-encoding"), Some("identity"), "{list}: it is read here");
        assert_eq!(seen.field("anthropic-version"), version, "{list}");
        assert_eq!(seen.field("x-team"), Some("blue"), "{list}: the team's own field");
        for text in ["client-key", "some-client", "client-odd"] {
            assert!(!seen.mentions(text), "{list}: {text}: the next client gets the same answer");
        }
    }
}

#[actix_web::test]
async fn entries_of_the_wire_samples_cross_byte_for_byte() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("claude-api-key", "anthropic/a09-models.exchange.json",   "/v1/models"),
        ("openai-api-key", "openai-chat/c08-models.exchange.json", "/v1/models"),
        ("gemini-api-key", "gemini/g08-models.exchange.json",      "/v1beta/models"),
    ];
    for (kind, path, target) in cases {
        let exchange: Value = serde_json::from_slice(&fixture(path)).unwrap();
        let mut body = exchange["response"]["body"].clone();
        // One page: the samples end in the middle of a list.
        body["has_more"] = false.into();
        body.as_object_mut().unwrap().remove("nextPageToken");
        let printed = serde_json::to_string_pretty(&body).unwrap();
        let stub = StubUpstream::replying(200, "application/json", printed.clone()).await;
        let gateway = TestGateway::start(&format!(
            "{HEAD}{kind}: [{{ api-key: provider-key, base-url: '{}' }}]\n",
            stub.origin
        ))
        .await;
        let fields: &[(&str, &str)] = if kind == "claude-api-key" { &[ANTHROPIC] } else { &[] };
        let list = gateway.request("GET", target, fields, b"").await;
        let shown = ids(&list);
        assert!(!shown.is_empty(), "{path}: {}", list.text());
        for id in shown {
            let one = gateway.request("GET", &format!("{target}/{id}"), fields, b"").await;
            assert_eq!(one.status, 200, "{id}: {}", one.text());
            assert!(one.text().starts_with("{\n"), "{id}: as it was printed");
            assert!(printed.contains(&one.text()), "{id}: {}", one.text());
            assert!(list.text().contains(&one.text()), "{id}: as in the list");
        }
    }
}

#[actix_web::test]
async fn all_pages_of_a_provider_become_one() {
    let claude = paged(&[
        (
            "/v1/models?limit=1000",
            r#"{"data":[{"id":"claude-1"}],"has_more":true,"last_id":"claude-1"}"#,
        ),
        (
            "/v1/models?limit=1000&after_id=claude%2D1",
            r#"{"data":[{"id":"claude-2"}],"has_more":true,"last_id":"claude-2"}"#,
        ),
        (
            "/v1/models?limit=1000&after_id=claude%2D2",
            r#"{"data":[{"id":"claude-3"}],"has_more":false,"last_id":"claude-3"}"#,
        ),
    ])
    .await;
    let gemini = paged(&[
        (
            "/v1beta/models?pageSize=100",
            r#"{"models":[{"name":"models/gemini-1"}],"nextPageToken":"a+/="}"#,
        ),
        (
            "/v1beta/models?pageSize=100&pageToken=a%2B%2F%3D",
            r#"{"models":[{"name":"models/gemini-2"}]}"#,
        ),
    ])
    .await;
    let gateway = TestGateway::start(&format!(
        "{HEAD}claude-api-key: [{{ api-key: k, base-url: '{}' }}]\n\
         gemini-api-key: [{{ api-key: k, base-url: '{}' }}]\n",
        claude.origin, gemini.origin
    ))
    .await;

    let list = gateway.request("GET", "/v1/models", &[ANTHROPIC], b"").await;
    assert_eq!(ids(&list), ["claude-1", "claude-2", "claude-3", "gemini-1", "gemini-2"]);
    let json = list.json();
    assert_eq!(json["has_more"], false, "the client need not come back");
    assert_eq!((&json["first_id"], &json["last_id"]), (&"claude-1".into(), &"gemini-2".into()));

    let list = gateway.get("/v1beta/models").await;
    assert_eq!(ids(&list), ["gemini-1", "gemini-2", "claude-1", "claude-2", "claude-3"]);
    assert_eq!(list.json().get("nextPageToken"), None);
}

#[actix_web::test]
async fn a_list_without_an_end_is_cut() {
    let turn = Rc::new(Cell::new(0));
    let counted = turn.clone();
    let endless = StubUpstream::answering(move |mut conversation: Conversation| {
        let turn = turn.clone();
        async move {
            turn.set(turn.get() + 1);
            let id = format!("claude-{}", turn.get());
            let body = json!({ "data": [{ "id": id }], "has_more": true, "last_id": id });
            conversation.reply(200, &[], body.to_string()).await;
            Some(conversation)
        }
    })
    .await;
    let gateway = TestGateway::start(&format!(
        "{HEAD}claude-api-key: [{{ api-key: k, base-url: '{}' }}]\n",
        endless.origin
    ))
    .await;
    let list = gateway.request("GET", "/v1/models", &[ANTHROPIC], b"").await;
    assert_eq!(ids(&list).len(), 20);
    assert_eq!(counted.get(), 20);
}

#[actix_web::test]
async fn another_key_is_tried_where_the_first_gets_no_list() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // answer to the first key, questions, names,        why
        (401, "{}",                 2,         &["gpt-b"][..], "the key is wrong"),
        (403, "{}",                 2,         &["gpt-b"],   "the key may not"),
        (429, "{}",                 2,         &["gpt-b"],   "too often"),
        (503, "{}",                 2,         &["gpt-b"],   "the provider is not well"),
        (200, r#"{"data":[]}"#,     1,         &[],          "it has answered"),
        (404, "{}",                 1,         &[],          "it has no lists at all"),
        (200, "<html>",             1,         &[],          "it is another server"),
    ];
    for (status, body, questions, expected, why) in cases {
        let answers = Box::leak(Box::new([
            ("first-key", status, body),
            ("second-key", 200, r#"{"data":[{"id":"gpt-b"}]}"#),
        ]));
        let stub = by_key(answers).await;
        let gateway = TestGateway::start(&format!(
            "{HEAD}openai-api-key: [{{ api-key: first-key, base-url: '{0}' }}, {{ api-key: second-key, base-url: '{0}' }}]\n",
            stub.origin
        ))
        .await;
        for _ in 0..2 {
            assert_eq!(ids(&gateway.get("/v1/models").await), expected, "{why}");
        }
        assert_eq!(stub.requests().len(), questions, "{why}: and not again for the next client");
    }
}

#[actix_web::test]
async fn what_comes_of_a_list_puts_no_credential_to_rest() {
    let stub = StubUpstream::answering(|mut conversation: Conversation| async move {
        let status = if conversation.request.method == "GET" { 429 } else { 200 };
        conversation.reply(status, &[("retry-after", "3600")], "{}").await;
        Some(conversation)
    })
    .await;
    let gateway = TestGateway::start(&format!(
        "{HEAD}openai-api-key: [{{ api-key: k, base-url: '{}' }}]\n",
        stub.origin
    ))
    .await;
    assert!(ids(&gateway.get("/v1/models").await).is_empty());
    let called = gateway.post_json("/v1/chat/completions", r#"{"model":"gpt-5"}"#).await;
    assert_eq!(called.status, 200, "{}", called.text());
}

#[actix_web::test]
async fn a_provider_that_says_nothing_does_not_hang_the_list() {
    let silent = StubUpstream::answering(|mut conversation: Conversation| async move {
        conversation.gateway_leaves().await;
        None
    })
    .await;
    let lively = openai(&["gpt-a"]).await;
    let gateway = TestGateway::start(&format!(
        "{HEAD}timeouts: {{ first-byte: 500ms }}\n\
         openai-api-key:\n\
         - {{ api-key: k, base-url: '{0}' }}\n\
         - {{ api-key: k2, base-url: '{0}' }}\n\
         - {{ api-key: k, base-url: '{1}' }}\n",
        silent.origin, lively.origin
    ))
    .await;
    for _ in 0..3 {
        assert_eq!(ids(&gateway.get("/v1/models").await), ["gpt-a"]);
    }
    let asked = silent.only_request();
    assert!(asked.field("authorization").unwrap().ends_with(" k"), "another key is of no use");
}

#[actix_web::test]
async fn a_model_is_not_denied_while_its_providers_list_cannot_be_read() {
    let broken = StubUpstream::replying(500, "text/plain", "sorry").await;
    let gateway = TestGateway::start(&format!(
        "{HEAD}openai-api-key: [{{ api-key: k, base-url: '{}' }}]\n",
        broken.origin
    ))
    .await;
    let unsure = gateway.get("/v1/models/gpt-5").await;
    assert_eq!(unsure.status, 502, "{}", unsure.text());
    assert_eq!(unsure.json()["error"]["code"], "no_model_list");
    assert_eq!(gateway.get("/v1/models/llama-9").await.status, 404, "no provider could have it");
}

#[actix_web::test]
async fn clients_that_come_at_once_cost_one_question() {
    let (release, released) = tokio::sync::watch::channel(false);
    let stub = StubUpstream::answering(move |mut conversation: Conversation| {
        let mut released = released.clone();
        async move {
            released.wait_for(|released| *released).await.unwrap();
            conversation.reply(200, &[], openai_list(&["gpt-a"])).await;
            Some(conversation)
        }
    })
    .await;
    let gateway = TestGateway::start(&format!(
        "{HEAD}openai-api-key: [{{ api-key: k, base-url: '{}' }}]\n",
        stub.origin
    ))
    .await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = gateway.connect().await;
        client.send("GET", "/v1/models", &[("authorization", "Bearer client-key-1")], b"").await;
        clients.push(client);
    }
    stub.request(0).await;
    release.send(true).unwrap();
    for mut client in clients {
        assert_eq!(ids(&client.response().await), ["gpt-a"]);
    }
    stub.only_request();
}

#[actix_web::test]
async fn codex_gets_catalogues_that_upstreams_wrote_and_no_other_list() {
    let entry = r#"{ "slug":"gpt-6", "base_instructions":"p", "priority":1.0 }"#;
    let catalogue = format!(r#"{{"models":[{entry},{{"slug":"llama-9"}},{{"name":"x"}}]}}"#);
    let gateway_above = StubUpstream::replying(200, "application/json", catalogue).await;
    let plain = openai(&["gpt-5"]).await;
    let gateway = TestGateway::start(&format!(
        "{HEAD}openai-api-key: [{{ api-key: k, base-url: '{}' }}, {{ api-key: k, base-url: '{}' }}]\n\
         openai-compatibility: [{{ name: r, base-url: '{}', models: [{{ name: kimi }}] }}]\n",
        plain.origin, gateway_above.origin, plain.origin
    ))
    .await;

    let response = gateway.get("/v1/models?client_version=0.153.4").await;

    assert_eq!(response.text(), format!(r#"{{"models":[{entry}]}}"#), "what can be asked for");
    assert_eq!(plain.only_request().target, "/v1/models?client_version=0.153.4");
    assert_eq!(gateway_above.only_request().target, "/v1/models?client_version=0.153.4");
    let list = gateway.get("/v1/models").await;
    assert_eq!(ids(&list), ["kimi", "gpt-5"], "others get the list of names");
}

#[actix_web::test]
async fn an_entry_under_a_prefix_differs_in_its_name_alone() {
    let list =
        r#"{"models":[{ "version":"1", "name" : "models/gemini-a", "inputTokenLimit":1.0e6 }]}"#;
    let stub = StubUpstream::replying(200, "application/json", list).await;
    let gateway = TestGateway::start(&format!(
        "{HEAD}gemini-api-key: [{{ api-key: k, base-url: '{}', prefix: team }}]\n",
        stub.origin
    ))
    .await;
    let response = gateway.get("/v1beta/models").await;
    let entry =
        |name| format!(r#"{{ "version":"1", "name" : "models/{name}", "inputTokenLimit":1.0e6 }}"#);
    let expected = format!(r#"{{"models":[{},{}]}}"#, entry("team/gemini-a"), entry("gemini-a"));
    assert_eq!(response.text(), expected);
    let one = gateway.get("/v1beta/models/team/gemini-a").await;
    assert_eq!(one.text(), entry("team/gemini-a"));
}

#[actix_web::test]
async fn amp_lists_what_it_has_when_nothing_of_ours_is_listed() {
    let amps = r#"{ "data":[ {"id":"of-amp"} ]}"#;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // our list,                     target,                              from, why
        (r#"{"data":[]}"#,               "/api/provider/openai/v1/models",        "amp",   "ours is empty"),
        (r#"{"data":[{"id":"dall-e"}]}"#, "/api/provider/openai/v1/models",       "amp",   "nothing of it can be asked for"),
        (r#"{"data":[{"id":"gpt-5"}]}"#, "/api/provider/openai/v1/models",        "local", "ours has something"),
        (r#"{"data":[{"id":"gpt-5"}]}"#, "/api/provider/openai/v1/models/gpt-6",  "amp",   "ours has another"),
        (r#"{"data":[{"id":"gpt-5"}]}"#, "/api/provider/openai/v1/models/gpt-5",  "local", "ours has it"),
        ("<html>",                       "/api/provider/openai/v1/models/gpt-5",  "amp",   "ours cannot be read"),
    ];
    for (ours, target, expected, why) in cases {
        let amp = StubUpstream::replying(200, "application/json", amps).await;
        let stub = StubUpstream::replying(200, "application/json", ours).await;
        let gateway = TestGateway::start(&format!(
            "api-keys: [client-key-1]\n\
             ampcode: {{ upstream-url: '{}', upstream-api-key: team-key }}\n\
             openai-api-key: [{{ api-key: k, base-url: '{}' }}]\n",
            amp.origin, stub.origin
        ))
        .await;
        let response = gateway.get(target).await;
        assert_eq!(response.field("x-ampgate-route"), Some(expected), "{why}: {}", response.text());
        if expected == "amp" {
            assert_eq!(response.text(), amps, "{why}: byte for byte");
            assert_eq!(amp.only_request().target, target, "{why}");
        } else {
            assert_eq!(amp.connections(), 0, "{why}");
        }
    }
}
