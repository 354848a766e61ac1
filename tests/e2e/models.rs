//! A list of models says what can be asked for here, in the shape its client reads.

use serde_json::Value;

use crate::support::{Response, StubUpstream, TestGateway, fixture};

const HEAD: &str =
    "api-keys: [{ name: alice, key: client-key-1 }]\nampcode: { upstream-url: '' }\n";
const OPENAI: &str = r#"{ "object":"list", "data":[ {"id":"gpt-x","created":1.0, "odd":true} ]}"#;

/// One alias and one plain name for each family, all at `origin`.
fn listed_everywhere(origin: &str) -> String {
    let models = "models: [{ name: upstream-a, alias: team/alias }, { name: plain }]";
    format!(
        "{HEAD}claude-api-key: [{{ api-key: k, base-url: '{origin}', {models} }}]\n\
         openai-compatibility: [{{ name: router, base-url: '{origin}', {models} }}]\n\
         gemini-api-key: [{{ api-key: k, base-url: '{origin}', {models} }}]\n"
    )
}

fn names(response: &Response) -> Vec<String> {
    let json = response.json();
    let (list, name) = match json.get("models") {
        Some(models) => (models, "name"),
        None => (&json["data"], "id"),
    };
    let entries = list.as_array().unwrap_or_else(|| panic!("no list: {json}"));
    entries.iter().map(|entry| entry[name].as_str().unwrap().to_owned()).collect()
}

async fn silent() -> StubUpstream {
    StubUpstream::replying(500, "text/plain", "must not be asked").await
}

#[actix_web::test]
async fn listed_models_are_answered_in_the_shape_that_the_client_reads() {
    let anthropic = ("anthropic-version", "2023-06-01");
    let google = ("x-goog-api-key", "client-key-1");
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, Option<(&str, &str)>, &str, &str); 10] = [
        // target,                              field,           shape,       why
        ("/v1/models",                          None,            "openai",    "the most common"),
        ("/v1/models",                          Some(anthropic), "anthropic", "its SDK always says so"),
        ("/v1/models",                          Some(google),    "gemini",    "its SDK always says so"),
        ("/v1/models?key=client-key-1",         None,            "gemini",    "only Google's clients do that"),
        ("/v1beta/models",                      None,            "gemini",    "only Gemini has this version"),
        ("/api/provider/anthropic/v1/models",   None,            "anthropic", "the path says it"),
        ("/api/provider/anthropic/models",      None,            "anthropic", "the path says it"),
        ("/api/provider/google/v1beta/models",  None,            "gemini",    "the path says it"),
        ("/api/provider/openai/v1/models",      Some(anthropic), "openai",    "the path says it, not the field"),
        ("/api/provider/groq/models",           None,            "openai",    "all others"),
    ];
    let stub = silent().await;
    let gateway = TestGateway::start(&listed_everywhere(&stub.origin)).await;
    for (target, field, shape, why) in cases {
        let fields: Vec<(&str, &str)> = field.into_iter().collect();
        let response = gateway.request("GET", target, &fields, b"").await;
        let case = format!("{target}: {why}: {}", response.text());
        assert_eq!(response.status, 200, "{case}");
        assert_eq!(response.field("content-type"), Some("application/json"), "{case}");
        assert_eq!(response.field("x-ampgate-route"), Some("local"), "{case}");
        let json = response.json();
        let is = match (json.get("models"), json.get("has_more")) {
            (Some(_), _) => "gemini",
            (None, Some(_)) => "anthropic",
            (None, None) => "openai",
        };
        assert_eq!(is, shape, "{case}");
        let prefix = if shape == "gemini" { "models/" } else { "" };
        assert_eq!(names(&response), [format!("{prefix}team/alias"), format!("{prefix}plain")]);
        let entry = match shape {
            "gemini" => &json["models"][0],
            _ => &json["data"][0],
        };
        match shape {
            "openai" => assert_eq!(
                (&entry["object"], &entry["owned_by"]),
                (&"model".into(), &"router".into()),
                "{case}"
            ),
            "anthropic" => assert_eq!(entry["type"], "model", "{case}"),
            _ => assert!(entry["supportedGenerationMethods"].is_array(), "{case}"),
        }
        assert!(!response.text().contains("upstream-a"), "{case}");
    }
    assert_eq!(stub.connections(), 0, "what is configured needs no question");
}

#[actix_web::test]
async fn a_single_providers_own_list_is_passed_on_byte_for_byte() {
    let anthropic = ("anthropic-version", "2023-06-01");
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, &str, &[(&str, &str)], &str, &str); 8] = [
        // list,           target,                                     fields,        at the provider,                       credential
        ("openai-api-key", "/v1/models",                               &[],           "/v1/models",                          "authorization"),
        ("openai-api-key", "/api/provider/openai/models?a=%2F&a=",     &[],           "/v1/models?a=%2F&a=",                 "authorization"),
        ("claude-api-key", "/v1/models?limit=2&after_id=x",            &[anthropic],  "/v1/models?limit=2&after_id=x",       "x-api-key"),
        ("claude-api-key", "/api/provider/anthropic/v1/models?limit=2", &[],          "/v1/models?limit=2",                  "x-api-key"),
        ("gemini-api-key", "/v1beta/models?pageSize=2",                &[],           "/v1beta/models?pageSize=2",           "x-goog-api-key"),
        ("gemini-api-key", "/v1beta/models?key=client-key-1&pageSize=2", &[],         "/v1beta/models?pageSize=2",           "x-goog-api-key"),
        ("gemini-api-key", "/api/provider/google/v1beta/models",       &[],           "/v1beta/models",                      "x-goog-api-key"),
        ("vertex-api-key", "/v1beta/models",                           &[],           "/v1beta1/publishers/google/models",   "x-goog-api-key"),
    ];
    for (list, target, fields, expected, credential) in cases {
        let stub = StubUpstream::replying(200, "application/json; charset=UTF-8", OPENAI).await;
        let gateway = TestGateway::start(&format!(
            "{HEAD}{list}: [{{ api-key: provider-key, base-url: '{}' }}]\n",
            stub.origin
        ))
        .await;
        let response = gateway.request("GET", target, fields, b"").await;
        assert_eq!(response.status, 200, "{target}: {}", response.text());
        assert_eq!(response.text(), OPENAI, "{target}");
        let content_type = response.field("content-type");
        assert_eq!(content_type, Some("application/json; charset=UTF-8"), "{target}");
        assert_eq!(response.field("x-ampgate-route"), Some("local"), "{target}");
        let seen = stub.only_request();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", expected));
        assert!(
            seen.field(credential).is_some_and(|key| key.ends_with("provider-key")),
            "{target}"
        );
        assert!(!seen.mentions("client-key"), "{target}");
    }
}

#[actix_web::test]
async fn the_wire_samples_of_lists_cross_byte_for_byte() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("claude-api-key", "anthropic/a09-models.exchange.json"),
        ("openai-api-key", "openai-chat/c08-models.exchange.json"),
        ("gemini-api-key", "gemini/g08-models.exchange.json"),
    ];
    for (list, path) in cases {
        let exchange: Value = serde_json::from_slice(&fixture(path)).unwrap();
        let body = serde_json::to_string_pretty(&exchange["response"]["body"]).unwrap();
        let stub = StubUpstream::replying(200, "application/json", body.clone()).await;
        let gateway = TestGateway::start(&format!(
            "{HEAD}{list}: [{{ api-key: provider-key, base-url: '{}' }}]\n",
            stub.origin
        ))
        .await;
        let target = exchange["request"]["path"].as_str().unwrap();
        let fields: &[(&str, &str)] =
            if list == "claude-api-key" { &[("anthropic-version", "2023-06-01")] } else { &[] };
        let response = gateway.request("GET", target, fields, b"").await;
        assert_eq!(response.text(), body, "{path}");
        assert_eq!(stub.only_request().target, target, "{path}");
    }
}

fn merging(listed: &StubUpstream, unlisted: &StubUpstream) -> String {
    format!(
        "{HEAD}openai-compatibility: [{{ name: router, base-url: '{}', \
         models: [{{ name: up, alias: mine }}] }}]\n\
         openai-api-key: [{{ api-key: provider-key, base-url: '{}' }}]\n",
        listed.origin, unlisted.origin
    )
}

#[actix_web::test]
async fn aliases_and_a_providers_own_list_are_merged() {
    let list = r#"{"object":"list","data":[{"id":"mine","created":7},{"id":"gpt-x","created":1.0, "odd":true}]}"#;
    let (listed, unlisted) =
        (silent().await, StubUpstream::replying(200, "application/json", list).await);
    let gateway = TestGateway::start(&merging(&listed, &unlisted)).await;

    let fields = [("accept-encoding", "br, gzip")];
    let response = gateway.request("GET", "/v1/models", &fields, b"").await;

    assert_eq!(names(&response), ["mine", "gpt-x"], "once each, ours first");
    assert_eq!(response.json()["data"][0]["owned_by"], "router");
    let entry = r#"{"id":"gpt-x","created":1.0, "odd":true}"#;
    assert!(response.text().contains(entry), "byte for byte: {}", response.text());
    assert_eq!(listed.connections(), 0, "what is configured needs no question");
    let encoding = unlisted.only_request().field("accept-encoding").map(str::to_owned);
    assert_eq!(encoding.as_deref(), Some("identity"), "the gateway reads it itself");
}

#[actix_web::test]
async fn a_provider_that_fails_takes_no_other_models_away() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (500, "{}",          "it fails"),
        (401, "{}",          "the key is wrong"),
        (200, "<html>",      "no list"),
        (200, r#"{"a":[]}"#, "another list"),
    ];
    for (status, body, why) in cases {
        let (listed, broken) =
            (silent().await, StubUpstream::replying(status, "application/json", body).await);
        let gateway = TestGateway::start(&merging(&listed, &broken)).await;
        let response = gateway.get("/v1/models").await;
        assert_eq!(response.status, 200, "{why}: {}", response.text());
        assert_eq!(names(&response), ["mine"], "{why}");
    }
}

#[actix_web::test]
async fn one_unreadable_list_takes_no_other_list_away() {
    let good = r#"{"models":[{"name":"models/gemini-x"}]}"#;
    for garbage_first in [true, false] {
        let good = StubUpstream::replying(200, "application/json", good).await;
        let garbage = StubUpstream::replying(200, "application/json", "<html>").await;
        let (gemini, vertex) = if garbage_first { (&garbage, &good) } else { (&good, &garbage) };
        let gateway = TestGateway::start(&format!(
            "{HEAD}gemini-api-key: [{{ api-key: k, base-url: '{}' }}]\n\
             vertex-api-key: [{{ api-key: k, base-url: '{}' }}]\n",
            gemini.origin, vertex.origin
        ))
        .await;
        let response = gateway.get("/v1beta/models").await;
        assert_eq!(names(&response), ["models/gemini-x"], "garbage first: {garbage_first}");
    }
}

#[actix_web::test]
async fn one_model_is_described_by_the_configuration_or_by_its_provider() {
    let (listed, unlisted) = (
        silent().await,
        StubUpstream::replying(200, "application/json", r#"{ "id":"gpt-x" }"#).await,
    );
    let gateway = TestGateway::start(&merging(&listed, &unlisted)).await;

    for target in ["/v1/models/mine", "/v1/models/MINE", "/v1/models/m%69ne"] {
        let own = gateway.get(target).await;
        assert_eq!((own.status, &own.json()["id"]), (200, &"mine".into()), "{target}");
        assert_eq!(own.json()["owned_by"], "router", "{target}");
    }
    assert_eq!(unlisted.connections(), 0, "what is configured needs no question");

    let theirs = gateway.get("/v1/models/gpt-x?a=%2F").await;
    assert_eq!((theirs.status, theirs.text().as_str()), (200, r#"{ "id":"gpt-x" }"#));
    assert_eq!(unlisted.only_request().target, "/v1/models/gpt-x?a=%2F");
}

#[actix_web::test]
async fn an_unknown_model_is_not_described() {
    let stub = silent().await;
    let gateway = TestGateway::start(&listed_everywhere(&stub.origin)).await;
    for target in ["/v1/models/llama-9", "/v1beta/models/llama-9"] {
        let response = gateway.get(target).await;
        assert_eq!(response.status, 404, "{target}: {}", response.text());
        let json = response.json();
        assert!(json["error"]["message"].as_str().unwrap().contains("`llama-9`"), "{target}");
    }
    let described = gateway.get("/v1beta/models/team/alias").await;
    assert_eq!(described.json()["name"], "models/team/alias", "a slash in the name");
    assert_eq!(stub.connections(), 0);
}

#[actix_web::test]
async fn without_a_credential_a_direct_list_is_empty_and_amps_door_asks_amp() {
    let amp = StubUpstream::replying(200, "application/json", OPENAI).await;
    let gateway = TestGateway::relaying_to(&amp.origin).await;

    for target in ["/v1/models", "/v1beta/models"] {
        let response = gateway.get(target).await;
        assert_eq!((response.status, names(&response).len()), (200, 0), "{target}");
    }
    assert_eq!(amp.connections(), 0, "direct clients never reach Amp");

    let targets = [
        "/api/provider/openai/v1/models?a=%2F",
        "/api/provider/anthropic/models",
        "/api/provider/google/v1beta/models",
        "/api/provider/openai/v1/models/gpt-x",
    ];
    for (number, target) in targets.into_iter().enumerate() {
        let response = gateway.get(target).await;
        assert_eq!((response.status, response.text().as_str()), (200, OPENAI), "{target}");
        assert_eq!(response.field("x-ampgate-route"), Some("amp"), "{target}");
        let seen = amp.request(number).await;
        assert_eq!(seen.target, target);
        assert_eq!(seen.field("x-api-key"), Some("team-key"), "{target}");
        assert!(!seen.mentions("client-key"), "{target}");
    }
}

#[actix_web::test]
async fn amp_is_not_asked_for_a_list_when_it_may_answer_nothing() {
    let amp = StubUpstream::replying(200, "application/json", OPENAI).await;
    let gateway = TestGateway::start(&format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '{}', fallback: never }}\n",
        amp.origin
    ))
    .await;

    let list = gateway.get("/api/provider/openai/v1/models").await;
    let one = gateway.get("/api/provider/openai/v1/models/gpt-x").await;

    assert_eq!((list.status, names(&list).len()), (200, 0));
    assert_eq!(one.status, 404);
    assert_eq!(amp.connections(), 0);
}

#[actix_web::test]
async fn the_demo_lists_its_models_in_every_shape() {
    let demo =
        ampgate::demo::DemoUpstream::start(ampgate::demo::DemoOptions::default()).await.unwrap();
    let origin = demo.origin();
    let gateway = TestGateway::start(&format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '' }}\n\
         claude-api-key: [{{ api-key: k, base-url: '{origin}' }}]\n\
         openai-api-key: [{{ api-key: k, base-url: '{origin}/v1' }}]\n\
         gemini-api-key: [{{ api-key: k, base-url: '{origin}' }}]\n"
    ))
    .await;
    let anthropic = [("anthropic-version", "2023-06-01")];
    let cases: [(&str, &[(&str, &str)], &str); 3] = [
        ("/v1/models", &[], "/data/0/id"),
        ("/v1/models", &anthropic, "/data/0/display_name"),
        ("/v1beta/models", &[], "/models/0/name"),
    ];
    for (target, fields, place) in cases {
        let response = gateway.request("GET", target, fields, b"").await;
        assert!(response.json().pointer(place).is_some(), "{target}: {}", response.text());
    }
    demo.stop().await;
}
