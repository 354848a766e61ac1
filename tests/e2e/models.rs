//! A list of models says what can be asked for here, in the shape its client reads.

use crate::support::{Response, StubUpstream, TestGateway};

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
    let (listed, unlisted) =
        (silent().await, StubUpstream::replying(200, "application/json", OPENAI).await);
    let gateway = TestGateway::start(&merging(&listed, &unlisted)).await;

    for target in ["/v1/models/mine", "/v1/models/MINE", "/v1/models/m%69ne"] {
        let own = gateway.get(target).await;
        assert_eq!((own.status, &own.json()["id"]), (200, &"mine".into()), "{target}");
        assert_eq!(own.json()["owned_by"], "router", "{target}");
    }
    assert_eq!(unlisted.connections(), 0, "what is configured needs no question");

    for target in ["/v1/models/gpt-x", "/v1/models/GPT-X?a=%2F", "/v1/models/gpt%2Dx"] {
        let theirs = gateway.get(target).await;
        let entry = r#"{"id":"gpt-x","created":1.0, "odd":true}"#;
        assert_eq!((theirs.status, theirs.text().as_str()), (200, entry), "{target}");
        assert_eq!(theirs.field("x-ampgate-route"), Some("local"), "{target}");
    }
    assert_eq!(unlisted.only_request().target, "/v1/models", "the list has the entry");
}

#[actix_web::test]
async fn an_unknown_model_is_not_described() {
    let anthropic = ("anthropic-version", "2023-06-01");
    let google = ("x-goog-api-key", "client-key-1");
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, Option<(&str, &str)>, &str, &str); 6] = [
        // target,                                   field,           pointer,         value
        ("/v1/models/llama-9",                       None,            "/error/code",   "model_not_served"),
        ("/v1/models/llama-9?client_version=1.2.3",  None,            "/error/code",   "model_not_served"),
        ("/v1/models/llama-9",                       Some(anthropic), "/error/type",   "not_found_error"),
        ("/v1/models/llama-9",                       Some(google),    "/error/status", "NOT_FOUND"),
        ("/v1beta/models/llama-9",                   None,            "/error/status", "NOT_FOUND"),
        ("/api/provider/anthropic/models/llama-9",   None,            "/error/type",   "not_found_error"),
    ];
    let stub = silent().await;
    let gateway = TestGateway::start(&listed_everywhere(&stub.origin)).await;
    for (target, field, pointer, value) in cases {
        let fields: Vec<(&str, &str)> = field.into_iter().collect();
        let response = gateway.request("GET", target, &fields, b"").await;
        let case = format!("{target} {fields:?}: {}", response.text());
        assert_eq!(response.status, 404, "{case}");
        let json = response.json();
        assert_eq!(json.pointer(pointer), Some(&value.into()), "{case}");
        assert!(json["error"]["message"].as_str().unwrap().contains("`llama-9`"), "{case}");
    }
    let described = gateway.get("/v1beta/models/team/alias").await;
    assert_eq!(described.json()["name"], "models/team/alias", "a slash in the name");
    assert_eq!(gateway.get("/v1/models/%20").await.status, 404, "no name at all");
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
