//! A model call reaches the provider of the team's own that serves its model: at the provider's
//! path, with the provider's key, and otherwise as the client wrote it.

use crate::support::{Response, SeenRequest, StubUpstream, TestGateway};

/// Two clients, and no Amp server.
const CLIENTS: &str = "api-keys: [{ name: alice, key: client-key-1 }, client-key-2]\n\
                       ampcode: { upstream-url: '' }\n";

/// What no gateway that parses and prints again would hand over as it came.
const ODD_BODY: &str = "\r\n{ \"unknown\" : {\"b\":1, \"a\":[1.0,1e2 , 12345678901234567890123]},\t\
                        \"x\":1,\"x\":2, \"escaped\":\"\\u00e9\\/\", \"metadata\":{\"model\":\"no\"},\n\
                        \"model\"  :\t\"MODEL\" ,\"stream\":false}\n ";

fn body_for(model: &str) -> String {
    ODD_BODY.replace("MODEL", model)
}

/// A list of one credential, in the style of its family.
fn one_credential(list: &str, address: &str, more: &str) -> String {
    if list == "openai-compatibility" {
        return format!(
            "{CLIENTS}{list}: [{{ name: openrouter, base-url: '{address}', \
             api-key-entries: [{{ api-key: provider-key }}], \
             models: [{{ name: vendor/model-1 }}]{more} }}]\n"
        );
    }
    format!("{CLIENTS}{list}: [{{ api-key: provider-key, base-url: '{address}'{more} }}]\n")
}

async fn json_stub() -> StubUpstream {
    StubUpstream::replying(200, "application/json", r#"{"ok":true}"#).await
}

/// The credential fields of a request, as `name: value`.
fn credentials(seen: &SeenRequest) -> Vec<String> {
    ["authorization", "x-api-key", "x-goog-api-key"]
        .into_iter()
        .flat_map(|name| seen.fields.all(name).into_iter().map(move |v| format!("{name}: {v}")))
        .collect()
}

/// Sends one call through a gateway with one credential; what the provider saw, and the answer.
async fn through(list: &str, base: &str, target: &str, body: &str) -> (SeenRequest, Response) {
    let stub = json_stub().await;
    let yaml = one_credential(list, &format!("{}{base}", stub.origin), "");
    let gateway = TestGateway::start(&yaml).await;
    let response = gateway.post_json(target, body).await;
    assert_eq!(response.status, 200, "{target}: {}", response.text());
    let seen = stub.only_request();
    assert_eq!(seen.field("host"), Some(stub.origin.trim_start_matches("http://")), "{target}");
    (seen, response)
}

/// Rows: base path, target at the gateway, target at the provider, why.
async fn check_targets(
    list: &str,
    model: &str,
    provider: &str,
    credential: &str,
    cases: &[(&str, &str, &str, &str)],
) {
    let body = body_for(model);
    for (base, target, expected, why) in cases {
        let (seen, response) = through(list, base, target, &body).await;
        let case = format!("{list} at `{base}`, {target}: {why}");
        assert_eq!(seen.method, "POST", "{case}");
        assert_eq!(seen.target, *expected, "{case}");
        assert_eq!(credentials(&seen), [credential], "{case}");
        assert_eq!(String::from_utf8_lossy(&seen.body), body, "{case}");
        assert!(!seen.mentions("client-key"), "client key leaked: {case}");
        assert_eq!(response.text(), r#"{"ok":true}"#, "{case}");
        assert_eq!(response.field("x-ampgate-route"), Some("local"), "{case}");
        assert_eq!(response.field("x-ampgate-provider"), Some(provider), "{case}");
        assert!(response.field("x-request-id").is_some_and(|id| !id.is_empty()), "{case}");
    }
}

#[actix_web::test]
async fn anthropic_calls_reach_a_claude_credential() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // base path,      target,                                          at the provider,                     why
        ("",               "/v1/messages",                                  "/v1/messages",                      "direct"),
        ("",               "/v1/messages?beta=true",                        "/v1/messages?beta=true",            "SDKs add it"),
        ("",               "/v1/messages/count_tokens?beta=true",           "/v1/messages/count_tokens?beta=true", "direct"),
        ("",               "/api/provider/anthropic/v1/messages",           "/v1/messages",                      "Amp"),
        ("",               "/api/provider/anthropic/messages?beta=true",    "/v1/messages?beta=true",            "Amp, no version"),
        ("",               "/api/provider/anthropic/v1/messages/count_tokens", "/v1/messages/count_tokens",      "Amp"),
        ("",               "/api/provider/anthropic/messages/count_tokens", "/v1/messages/count_tokens",         "Amp, no version"),
        ("",               "/api/provider/another/v1/messages",             "/v1/messages",                      "the model picks, not the path"),
        ("/",              "/v1/messages",                                  "/v1/messages",                      "a slash at the end"),
        ("/v1",            "/v1/messages",                                  "/v1/messages",                      "a version too many"),
        ("/v1/messages",   "/v1/messages/count_tokens",                     "/v1/messages/count_tokens",         "a pasted method"),
        ("/anthropic",     "/v1/messages",                                  "/anthropic/v1/messages",            "a base path"),
        ("/anthropic/v1/", "/api/provider/anthropic/messages",              "/anthropic/v1/messages",            "a base path and a version"),
        ("",               "/v1/messages?key=client-key-1",                 "/v1/messages",                      "the client's key, alone"),
        ("",               "/v1/messages?a=%2F&key=client-key-1&a=&b&&c=1", "/v1/messages?a=%2F&a=&b&&c=1",      "the rest byte for byte"),
        ("",               "/v1/messages?auth_token=client-key-2&beta=true", "/v1/messages?beta=true",           "another client's key"),
        ("",               "/v1/messages?%6Bey=client%2Dkey-1",             "/v1/messages",                      "percent-encoded"),
        ("",               "/v1/messages?key=of-nobody",                    "/v1/messages",                      "whoever's it is"),
    ];
    let credential = "x-api-key: provider-key";
    check_targets("claude-api-key", "claude-sonnet-x", "claude", credential, &cases).await;
}

#[actix_web::test]
async fn openai_calls_reach_an_openai_credential() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // base path, target,                                      at the provider,          why
        ("/v1",       "/v1/chat/completions",                      "/v1/chat/completions",   "direct"),
        ("/v1",       "/v1/completions",                           "/v1/completions",        "direct"),
        ("/v1",       "/v1/responses",                             "/v1/responses",          "direct"),
        ("/v1",       "/v1/responses?include=%5B%5D&key=client-key-2", "/v1/responses?include=%5B%5D", "the client's key"),
        ("/v1",       "/api/provider/openai/v1/chat/completions",  "/v1/chat/completions",   "Amp"),
        ("/v1",       "/api/provider/openai/chat/completions",     "/v1/chat/completions",   "Amp, no version"),
        ("/v1",       "/api/provider/openai/v1/completions",       "/v1/completions",        "Amp"),
        ("/v1",       "/api/provider/openai/completions",          "/v1/completions",        "Amp, no version"),
        ("/v1",       "/api/provider/openai/v1/responses",         "/v1/responses",          "Amp"),
        ("/v1",       "/api/provider/openai/responses?x=1",        "/v1/responses?x=1",      "Amp, no version"),
        ("/v1",       "/api/provider/xai/v1/chat/completions",     "/v1/chat/completions",   "the model picks, not the path"),
        ("",          "/v1/chat/completions",                      "/v1/chat/completions",   "a version too few"),
        ("/",         "/v1/responses",                             "/v1/responses",          "a version too few"),
        ("/v1/",      "/v1/responses",                             "/v1/responses",          "a slash at the end"),
        ("/v1/responses", "/v1/chat/completions",                  "/v1/chat/completions",   "a pasted method"),
    ];
    let credential = "authorization: Bearer provider-key";
    check_targets("openai-api-key", "gpt-x", "openai", credential, &cases).await;
    check_targets("codex-api-key", "o3-mini", "openai", credential, &cases[..3]).await;
}

#[actix_web::test]
async fn openai_calls_reach_a_compatible_provider_that_lists_the_model() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // base path,       target,                                     at the provider,                 why
        ("/api/v1",         "/v1/chat/completions",                     "/api/v1/chat/completions",      "direct"),
        ("/api/v1",         "/v1/completions",                          "/api/v1/completions",           "direct"),
        ("/api/v1",         "/v1/responses",                            "/api/v1/responses",             "direct"),
        ("/api/v1",         "/api/provider/openai/chat/completions",    "/api/v1/chat/completions",      "Amp, no version"),
        ("/api/v1",         "/api/provider/xai/v1/responses",           "/api/v1/responses",             "Amp"),
        ("/api/paas/v4",    "/v1/chat/completions",                     "/api/paas/v4/chat/completions", "a version of its own"),
        ("/v1beta/openai",  "/v1/chat/completions",                     "/v1beta/openai/chat/completions", "Google's"),
        ("/api",            "/v1/chat/completions",                     "/api/v1/chat/completions",      "a version too few"),
        ("",                "/v1/chat/completions",                     "/v1/chat/completions",          "a version too few"),
    ];
    let credential = "authorization: Bearer provider-key";
    let list = "openai-compatibility";
    check_targets(list, "vendor/model-1", "openrouter", credential, &cases).await;
}

#[actix_web::test]
async fn gemini_calls_reach_a_gemini_credential() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // base path, target,                                                  at the provider,                                why
        ("",          "/v1beta/models/gemini-x:generateContent",               "/v1beta/models/gemini-x:generateContent",      "direct"),
        ("",          "/v1beta/models/gemini-x:streamGenerateContent?alt=sse", "/v1beta/models/gemini-x:streamGenerateContent?alt=sse", "stream"),
        ("",          "/v1beta/models/gemini-x:streamGenerateContent",         "/v1beta/models/gemini-x:streamGenerateContent", "stream as an array"),
        ("",          "/v1/models/gemini-x:countTokens",                       "/v1/models/gemini-x:countTokens",              "google-genai's default"),
        ("",          "/v1beta/models/gemini-x:generateContent?%24alt=json&key=client-key-1", "/v1beta/models/gemini-x:generateContent?%24alt=json", "the client's key"),
        ("",          "/api/provider/google/v1beta/models/gemini-x:generateContent", "/v1beta/models/gemini-x:generateContent", "Amp"),
        ("",          "/api/provider/google/v1/models/gemini-x:generateContent", "/v1/models/gemini-x:generateContent",        "Amp"),
        ("",          "/api/provider/google/models/gemini-x:generateContent",  "/v1/models/gemini-x:generateContent",          "Amp, no version"),
        ("",          "/api/provider/google/v1beta1/publishers/google/models/gemini-x:generateContent", "/v1beta/models/gemini-x:generateContent", "Amp speaks to Vertex"),
        ("",          "/api/provider/google/v1beta1/publishers/google/models/gemini-x:streamGenerateContent?alt=sse", "/v1beta/models/gemini-x:streamGenerateContent?alt=sse", "Amp speaks to Vertex"),
        ("/v1beta",   "/v1beta/models/gemini-x:generateContent",               "/v1beta/models/gemini-x:generateContent",      "a version too many"),
        ("/google/",  "/v1/models/gemini-x:generateContent",                   "/google/v1/models/gemini-x:generateContent",   "a base path"),
    ];
    let credential = "x-goog-api-key: provider-key";
    check_targets("gemini-api-key", "not-looked-at", "gemini", credential, &cases).await;
}

#[actix_web::test]
async fn gemini_calls_reach_a_vertex_credential() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // base path, target,                                          at the provider,                                                  why
        ("",          "/v1beta/models/gemini-x:generateContent",       "/v1beta1/publishers/google/models/gemini-x:generateContent",     "direct"),
        ("",          "/v1/models/gemini-x:countTokens",               "/v1/publishers/google/models/gemini-x:countTokens",              "direct"),
        ("",          "/api/provider/google/v1beta1/publishers/google/models/gemini-x:generateContent", "/v1beta1/publishers/google/models/gemini-x:generateContent", "Amp"),
        ("",          "/api/provider/google/v1beta1/publishers/google/models/gemini-x:streamGenerateContent?alt=sse", "/v1beta1/publishers/google/models/gemini-x:streamGenerateContent?alt=sse", "Amp"),
        ("/v1beta1",  "/v1beta/models/gemini-x:generateContent",       "/v1beta1/publishers/google/models/gemini-x:generateContent",     "a version too many"),
    ];
    let credential = "x-goog-api-key: provider-key";
    check_targets("vertex-api-key", "not-looked-at", "vertex", credential, &cases).await;
}

#[actix_web::test]
async fn an_encoded_colon_is_passed_on_as_it_is_written() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("", "/v1beta/models/gemini-x%3AgenerateContent?alt=sse", "/v1beta/models/gemini-x%3AgenerateContent?alt=sse", "LiteLLM"),
        ("", "/v1/models/gemini-x%3acountTokens",                 "/v1/models/gemini-x%3acountTokens",                 "small letters"),
        ("", "/api/provider/google/v1beta1/publishers/google/models/gemini-x%3AgenerateContent", "/v1beta/models/gemini-x%3AgenerateContent", "Amp"),
    ];
    let credential = "x-goog-api-key: provider-key";
    check_targets("gemini-api-key", "not-looked-at", "gemini", credential, &cases).await;
}

#[actix_web::test]
async fn the_model_picks_the_credential_among_all_families() {
    let (claude, openai, gemini) = (json_stub().await, json_stub().await, json_stub().await);
    let gateway = TestGateway::start(&format!(
        "{CLIENTS}\
         claude-api-key: [{{ api-key: k-claude, base-url: '{}' }}]\n\
         openai-api-key: [{{ api-key: k-openai, base-url: '{}/v1' }}]\n\
         gemini-api-key: [{{ api-key: k-gemini, base-url: '{}' }}]\n",
        claude.origin, openai.origin, gemini.origin
    ))
    .await;

    gateway.post_json("/v1/messages", r#"{"model":"claude-x"}"#).await;
    gateway.post_json("/v1/responses", r#"{"model":"gpt-x"}"#).await;
    gateway.post_json("/v1/models/gemini-x:generateContent", "{}").await;

    assert_eq!(credentials(&claude.only_request()), ["x-api-key: k-claude"]);
    assert_eq!(credentials(&openai.only_request()), ["authorization: Bearer k-openai"]);
    assert_eq!(credentials(&gemini.only_request()), ["x-goog-api-key: k-gemini"]);
}

#[actix_web::test]
async fn no_client_key_reaches_a_provider_wherever_it_was_shown() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, &[(&str, &str)], &str); 7] = [
        // target,                               fields,                                       why
        ("/v1/messages",                         &[("authorization", "Bearer client-key-1")],  "SDKs"),
        ("/v1/messages",                         &[("x-api-key", "client-key-1")],             "Anthropic clients"),
        ("/v1/messages",                         &[("x-goog-api-key", "client-key-1")],        "Google clients"),
        ("/v1/messages?key=client-key-1",        &[],                                          "Google's parameter"),
        ("/v1/messages?auth_token=client-key-1", &[],                                          "Amp's parameter"),
        ("/v1/messages?key=client-key-2",        &[("x-api-key", "client-key-1")],             "two keys"),
        ("/v1/messages",                         &[("x-api-key", "client-key-1"), ("authorization", "Bearer sk-of-the-client")], "one that is not ours"),
    ];
    let stub = json_stub().await;
    let yaml = one_credential("claude-api-key", &stub.origin, "");
    let gateway = TestGateway::start(&yaml).await;
    for (number, (target, fields, why)) in cases.into_iter().enumerate() {
        let body = r#"{"model":"claude-x"}"#;
        let response = gateway.bare_request("POST", target, fields, body).await;
        assert_eq!(response.status, 200, "{why}: {}", response.text());
        let seen = stub.request(number).await;
        assert_eq!(credentials(&seen), ["x-api-key: provider-key"], "{why}");
        assert!(!seen.mentions("client-key") && !seen.mentions("sk-of-the-client"), "{why}");
    }
}

#[actix_web::test]
async fn a_compatible_server_without_a_key_is_shown_none() {
    let stub = json_stub().await;
    let gateway = TestGateway::start(&format!(
        "{CLIENTS}openai-compatibility: [{{ name: ollama, base-url: '{}/v1', \
         models: [{{ name: qwen }}] }}]\n",
        stub.origin
    ))
    .await;

    let response = gateway.post_json("/v1/chat/completions", r#"{"model":"qwen"}"#).await;

    assert_eq!(response.field("x-ampgate-provider"), Some("ollama"));
    let seen = stub.only_request();
    assert_eq!(credentials(&seen), Vec::<String>::new());
    assert!(!seen.mentions("client-key"));
}

#[actix_web::test]
async fn the_teams_fields_for_a_credential_replace_the_clients() {
    let stub = json_stub().await;
    let more = ", headers: { X-Team: infra, OpenAI-Organization: org-1 }";
    let yaml = one_credential("openai-api-key", &stub.origin, more);
    let gateway = TestGateway::start(&yaml).await;

    let fields = [("openai-organization", "org-of-the-client"), ("x-kept", "1"), ("x-kept", "2")];
    gateway.request("POST", "/v1/responses", &fields, r#"{"model":"gpt-x"}"#).await;

    let seen = stub.only_request();
    assert_eq!(seen.fields.all("x-team"), ["infra"]);
    assert_eq!(seen.fields.all("openai-organization"), ["org-1"]);
    assert_eq!(seen.fields.all("x-kept"), ["1", "2"]);
}

#[actix_web::test]
async fn a_user_agent_is_the_clients_own_or_a_truthful_one() {
    let stub = json_stub().await;
    let yaml = one_credential("claude-api-key", &stub.origin, "");
    let gateway = TestGateway::start(&yaml).await;
    let body = r#"{"model":"claude-x"}"#;

    gateway.request("POST", "/v1/messages", &[("user-agent", "claude-cli/9")], body).await;
    gateway.request("POST", "/v1/messages", &[], body).await;

    assert_eq!(stub.request(0).await.fields.all("user-agent"), ["claude-cli/9"]);
    let own = stub.request(1).await;
    assert!(own.field("user-agent").is_some_and(|agent| agent.starts_with("ampgate/")), "{own:?}");
}

#[actix_web::test]
async fn the_beta_that_costs_extra_ends_here_unless_the_credential_wants_it() {
    const LONG: &str = "context-1m-2025-08-07";
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, &[&str], &[&str], &str); 9] = [
        // credential,              sent,                                     at the provider,                why
        ("",                        &["context-1m-2025-08-07"],               &[],                            "alone: the field goes too"),
        ("",                        &["a,context-1m-2025-08-07,b"],           &["a,b"],                       "in a list"),
        ("",                        &["a", "context-1m-2025-08-07"],          &["a"],                         "in a field of its own"),
        ("",                        &["a, b"],                                &["a, b"],                      "nothing to take out"),
        ("",                        &["context-1m-2099-01-01"],               &["context-1m-2099-01-01"],     "another beta"),
        (", long-context: false",   &["a,context-1m-2025-08-07"],             &["a"],                         "said so"),
        (", long-context: true",    &["a,context-1m-2025-08-07"],             &["a,context-1m-2025-08-07"],   "wanted"),
        (", long-context: true",    &["context-1m-2025-08-07", "b"],          &["context-1m-2025-08-07", "b"], "wanted, two fields"),
        (", long-context: auto",    &["a,context-1m-2025-08-07"],             &["a,context-1m-2025-08-07"],   "tried until it is turned down"),
    ];
    for (credential, sent, expected, why) in cases {
        let stub = json_stub().await;
        let yaml = one_credential("claude-api-key", &stub.origin, credential);
        let gateway = TestGateway::start(&yaml).await;
        let fields: Vec<(&str, &str)> = sent.iter().map(|v| ("anthropic-beta", *v)).collect();
        gateway.request("POST", "/v1/messages", &fields, r#"{"model":"claude-x"}"#).await;
        assert_eq!(stub.only_request().fields.all("anthropic-beta"), expected, "{why}");
    }

    let amp = json_stub().await;
    let gateway = TestGateway::relaying_to(&amp.origin).await;
    let (target, body) = ("/api/provider/anthropic/v1/messages", r#"{"model":"claude-x"}"#);
    let value = format!("a, {LONG}");
    gateway.request("POST", target, &[("anthropic-beta", &value)], body).await;
    assert_eq!(amp.only_request().fields.all("anthropic-beta"), [value.as_str()], "Amp's users");
}

#[actix_web::test]
async fn the_providers_own_request_id_is_kept() {
    let stub = StubUpstream::answering(|mut conversation| async move {
        conversation.reply(200, &[("x-request-id", "req_theirs")], "{}").await;
        Some(conversation)
    })
    .await;
    let yaml = one_credential("openai-api-key", &stub.origin, "");
    let gateway = TestGateway::start(&yaml).await;

    let response = gateway.post_json("/v1/responses", r#"{"model":"gpt-x"}"#).await;

    assert_eq!(response.fields.all("x-request-id"), ["req_theirs"]);
}

#[actix_web::test]
async fn a_provider_cannot_say_who_answered() {
    let stub = StubUpstream::answering(|mut conversation| async move {
        let claims = [("x-ampgate-route", "amp"), ("x-ampgate-provider", "someone-else")];
        conversation.reply(200, &claims, "{}").await;
        Some(conversation)
    })
    .await;
    let yaml = one_credential("openai-api-key", &stub.origin, "");
    let gateway = TestGateway::start(&yaml).await;

    let response = gateway.post_json("/v1/responses", r#"{"model":"gpt-x"}"#).await;

    assert_eq!(response.fields.all("x-ampgate-route"), ["local"]);
    assert_eq!(response.fields.all("x-ampgate-provider"), ["openai"]);
}

/// A gateway with a credential of every dialect, and the provider behind all of them.
async fn every_dialect() -> (StubUpstream, TestGateway) {
    let stub = json_stub().await;
    let origin = &stub.origin;
    let yaml = format!(
        "{CLIENTS}\
         claude-api-key: [{{ api-key: provider-key, base-url: '{origin}' }}]\n\
         openai-api-key: [{{ api-key: provider-key, base-url: '{origin}' }}]\n\
         gemini-api-key: [{{ api-key: provider-key, base-url: '{origin}' }}]\n"
    );
    let gateway = TestGateway::start(&yaml).await;
    (stub, gateway)
}

#[actix_web::test]
async fn a_body_that_names_no_model_is_refused_in_the_dialect_of_its_door() {
    let (stub, gateway) = every_dialect().await;
    let endless = format!(r#"{{"model":"claude-{}"}}"#, "x".repeat(1024 * 1024));
    let one_more = format!(r#"{{"model":"gpt-{}"}}"#, "x".repeat(253));
    #[rustfmt::skip] // columns are easier to proofread
    let bodies = [
        // body,                               the message says, why
        ("",                                   "JSON",     "empty"),
        ("not json",                           "JSON",     "not JSON"),
        (r#"{"model":"claude-x""#,             "JSON",     "cut short"),
        (r#"{"model":"claude-x"} x"#,          "JSON",     "more behind it"),
        (r#"["claude-x"]"#,                    "object",   "not an object"),
        ("{}",                                 "`model`",  "no model"),
        (r#"{"nested":{"model":"claude-x"}}"#, "`model`",  "not at the top"),
        (r#"{"model":"a","model":"b"}"#,       "twice",    "twice: which one would be paid?"),
        (r#"{"model":"a","mod\u0065l":"b"}"#,  "twice",    "twice, in disguise"),
        (r#"{"model":5}"#,                     "string",   "a number"),
        (r#"{"model":null}"#,                  "`model`",  "null"),
        (r#"{"model":""}"#,                    "empty",    "empty name"),
        (r#"{"model":"  "}"#,                  "empty",    "nothing but white space"),
        (&endless,                             "256 bytes", "a name that would fill memory"),
        (&one_more,                            "256 bytes", "a byte too long"),
    ];
    #[rustfmt::skip] // columns are easier to proofread
    let doors = [
        // target,                               pointer,        value
        ("/v1/messages",                         "/error/type",  "invalid_request_error"),
        ("/v1/messages/count_tokens",            "/type",        "error"),
        ("/api/provider/anthropic/messages",     "/error/type",  "invalid_request_error"),
        ("/v1/chat/completions",                 "/error/type",  "invalid_request_error"),
        ("/v1/completions",                      "/error/code",  "bad_body"),
        ("/v1/responses",                        "/error/code",  "bad_body"),
        ("/api/provider/openai/v1/responses",    "/error/code",  "bad_body"),
    ];
    for (target, pointer, value) in doors {
        for (body, says, why) in bodies {
            let response = gateway.post_json(target, body).await;
            let case = format!("{target} {body:.99}: {why}: {}", response.text());
            assert_eq!(response.status, 400, "{case}");
            assert_eq!(response.field("content-type"), Some("application/json"), "{case}");
            assert_eq!(response.json().pointer(pointer).unwrap(), value, "{case}");
            let json = response.json();
            assert!(json["error"]["message"].as_str().unwrap().contains(says), "{case}");
        }
    }
    assert_eq!(stub.connections(), 0, "no provider is asked");
}

#[actix_web::test]
async fn a_gemini_path_that_names_no_model_is_refused() {
    let (stub, gateway) = every_dialect().await;
    let too_long = format!("gemini-{}", "x".repeat(250));
    for target in [
        "/v1beta/models/:generateContent",
        "/v1/models/gemini-x:",
        &format!("/v1beta/models/{too_long}:generateContent"),
        &format!("/api/provider/google/v1beta1/publishers/google/models/{too_long}:countTokens"),
    ] {
        let response = gateway.post_json(target, "{}").await;
        assert_eq!(response.status, 400, "{target}: {}", response.text());
        assert_eq!(response.json()["error"]["status"], "INVALID_ARGUMENT", "{target}");
        assert_eq!(response.json()["error"]["code"], 400, "{target}");
    }
    assert_eq!(stub.connections(), 0, "no provider is asked");
}

#[actix_web::test]
async fn an_unknown_model_is_named_in_the_dialect_of_its_door() {
    let (stub, gateway) = every_dialect().await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,                                   pointer,         value
        ("/v1/messages",                             "/error/type",   "not_found_error"),
        ("/v1/messages/count_tokens",                "/type",         "error"),
        ("/api/provider/anthropic/v1/messages",      "/error/type",   "not_found_error"),
        ("/v1/chat/completions",                     "/error/code",   "model_not_served"),
        ("/v1/completions",                          "/error/code",   "model_not_served"),
        ("/v1/responses",                            "/error/code",   "model_not_served"),
        ("/v1beta/models/llama-9:generateContent",   "/error/status", "NOT_FOUND"),
        ("/api/provider/google/v1beta1/publishers/google/models/llama-9:generateContent", "/error/status", "NOT_FOUND"),
    ];
    for (target, pointer, value) in cases {
        let response = gateway.post_json(target, r#"{"model":"llama-9"}"#).await;
        let case = format!("{target}: {}", response.text());
        assert_eq!(response.status, 404, "{case}");
        let json = response.json();
        assert_eq!(json.pointer(pointer).unwrap(), value, "{case}");
        assert!(json["error"]["message"].as_str().unwrap().contains("`llama-9`"), "{case}");
        assert!(response.field("x-request-id").is_some(), "{case}");
    }
    assert_eq!(stub.connections(), 0, "no provider is asked");
}

#[actix_web::test]
async fn two_credentials_for_a_model_answer_in_turn() {
    let (one, two) = (json_stub().await, json_stub().await);
    let gateway = TestGateway::start(&format!(
        "{CLIENTS}routing: {{ session-affinity: false }}\nclaude-api-key:\n  \
         - {{ api-key: key-one, base-url: '{}' }}\n  - {{ api-key: key-two, base-url: '{}' }}\n",
        one.origin, two.origin
    ))
    .await;

    for _ in 0..6 {
        gateway.post_json("/v1/messages", r#"{"model":"claude-x"}"#).await;
    }

    assert_eq!((one.requests().len(), two.requests().len()), (3, 3));
    assert!(one.requests().iter().all(|seen| seen.field("x-api-key") == Some("key-one")));
    assert!(two.requests().iter().all(|seen| seen.field("x-api-key") == Some("key-two")));
}
