//! Amp answers, and is paid for, the model calls of its own clients that no provider of ours
//! serves: only those, and as if we were not there.

use crate::support::{StubUpstream, TestGateway, encoded};

const CLIENTS: &str =
    "api-keys: [{ name: alice, key: client-key-1 }, { name: bob, key: client-key-2 }]\n";

async fn amp() -> StubUpstream {
    StubUpstream::replying(200, "application/json", r#"{"by":"amp"}"#).await
}

fn before_amp(amp: &StubUpstream, more: &str) -> String {
    format!(
        "{CLIENTS}ampcode: {{ upstream-url: '{}', upstream-api-key: team-key{more} }}\n",
        amp.origin
    )
}

fn claude(provider: &StubUpstream, more: &str) -> String {
    let origin = &provider.origin;
    format!("claude-api-key: [{{ api-key: provider-key, base-url: '{origin}'{more} }}]\n")
}

#[actix_web::test]
async fn a_call_that_nobody_else_serves_reaches_amp_as_it_is() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,                                                      at Amp, when it differs
        ("/api/provider/anthropic/v1/messages?beta=true",               None),
        ("/api/provider/anthropic/messages",                            None),
        ("/api/provider/anthropic/v1/messages/count_tokens",            None),
        ("/api/provider/openai/v1/chat/completions?a=%2F&a=&b&&",       None),
        ("/api/provider/openai/completions",                            None),
        ("/api/provider/openai/v1/responses",                           None),
        ("/api/provider/xai/v1/chat/completions",                       None),
        ("/api/provider/google/v1beta/models/gemini-x:streamGenerateContent?alt=sse", None),
        ("/api/provider/google/v1beta1/publishers/google/models/gemini-x%3AgenerateContent", None),
        ("/api/provider/anthropic/v1/messages?key=client-key-2&x=1",    Some("/api/provider/anthropic/v1/messages?x=1")),
        ("/api/provider/anthropic/v1/messages?key=of-nobody",           None),
    ];
    let amp = amp().await;
    let gateway = TestGateway::start(&before_amp(&amp, "")).await;
    let body = "\n{ \"n\":1.0, \"x\":1,\"x\":2,\t\"model\" : \"no-such-model\" } ";
    let fields = [
        ("content-type", "application/json"),
        ("anthropic-beta", "a, context-1m-2025-08-07"),
        ("anthropic-beta", "b"),
        ("x-amp-feature", "chat"),
        ("user-agent", "amp/9"),
        ("accept-encoding", "br, gzip"),
        ("x-goog-api-key", "client-key-1"),
    ];
    for (number, (target, differs)) in cases.into_iter().enumerate() {
        let response = gateway.request("POST", target, &fields, body).await;
        assert_eq!(response.status, 200, "{target}: {}", response.text());
        assert_eq!(response.text(), r#"{"by":"amp"}"#, "{target}");
        assert_eq!(response.fields.all("x-ampgate-route"), ["amp"], "{target}");
        assert_eq!(response.fields.all("x-ampgate-provider"), ["amp"], "{target}");
        let seen = amp.request(number).await;
        assert_eq!(seen.method, "POST", "{target}");
        assert_eq!(seen.target, differs.unwrap_or(target));
        assert_eq!(String::from_utf8_lossy(&seen.body), body, "{target}");
        assert_eq!(seen.fields.all("authorization"), ["Bearer team-key"], "{target}");
        assert_eq!(seen.fields.all("x-api-key"), ["team-key"], "{target}");
        assert_eq!(seen.field("x-goog-api-key"), None, "{target}");
        let beta = ["a, context-1m-2025-08-07", "b"];
        assert_eq!(seen.fields.all("anthropic-beta"), beta, "{target}: Amp's users pay for it");
        for (name, value) in &fields[3..6] {
            assert_eq!(seen.fields.all(name), [*value], "{target}: {name}");
        }
        assert!(!seen.mentions("client-key"), "client key leaked: {target}");
    }
}

#[actix_web::test]
async fn a_client_pays_amp_with_the_key_that_is_its_own() {
    let amp = amp().await;
    let keys = ", upstream-api-keys: [{ upstream-api-key: bobs-team, api-keys: [client-key-2] }]";
    let gateway = TestGateway::start(&before_amp(&amp, keys)).await;
    let (target, body) = ("/api/provider/anthropic/v1/messages", r#"{"model":"claude-x"}"#);

    gateway.bare_request("POST", target, &[("x-api-key", "client-key-2")], body).await;
    gateway.bare_request("POST", target, &[("x-api-key", "client-key-1")], body).await;

    assert_eq!(amp.request(0).await.fields.all("x-api-key"), ["bobs-team"]);
    assert_eq!(amp.request(0).await.fields.all("authorization"), ["Bearer bobs-team"]);
    assert_eq!(amp.request(1).await.fields.all("x-api-key"), ["team-key"]);
}

#[actix_web::test]
async fn a_model_of_ours_is_never_answered_by_amp() {
    let (amp, provider) =
        (amp().await, StubUpstream::replying(200, "application/json", r#"{"by":"us"}"#).await);
    let listed = claude(&provider, ", models: [{ name: ours }]");
    let gateway = TestGateway::start(&(before_amp(&amp, "") + &listed)).await;
    let target = "/api/provider/anthropic/v1/messages";

    let ours = gateway.post_json(target, r#"{"model":"ours"}"#).await;
    let theirs = gateway.post_json(target, r#"{"model":"claude-x"}"#).await;

    assert_eq!(
        (ours.text().as_str(), ours.field("x-ampgate-route")),
        (r#"{"by":"us"}"#, Some("local"))
    );
    assert_eq!(
        (theirs.text().as_str(), theirs.field("x-ampgate-route")),
        (r#"{"by":"amp"}"#, Some("amp"))
    );
    assert_eq!((provider.requests().len(), amp.requests().len()), (1, 1));
    assert!(!provider.only_request().mentions("team-key"), "Amp's key is for Amp");
    assert!(!amp.only_request().mentions("provider-key"), "a provider's key is for the provider");
}

#[actix_web::test]
async fn amp_is_not_asked_when_it_must_not_be_paid() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // fallback,               target,                                              pointer,         value
        (", fallback: never",      "/api/provider/anthropic/v1/messages",               "/error/type",   "not_found_error"),
        (", fallback: never",      "/api/provider/openai/v1/chat/completions",          "/error/code",   "model_not_served"),
        (", fallback: never",      "/api/provider/openai/responses",                    "/error/code",   "model_not_served"),
        (", fallback: never",      "/api/provider/google/v1beta/models/some-model:generateContent", "/error/status", "NOT_FOUND"),
        ("",                       "/v1/messages",                                      "/error/type",   "not_found_error"),
        ("",                       "/v1/chat/completions",                              "/error/code",   "model_not_served"),
        ("",                       "/v1/responses",                                     "/error/code",   "model_not_served"),
        ("",                       "/v1beta/models/some-model:generateContent",         "/error/status", "NOT_FOUND"),
    ];
    for (fallback, target, pointer, value) in cases {
        let amp = amp().await;
        let gateway = TestGateway::start(&before_amp(&amp, fallback)).await;
        let response = gateway.post_json(target, r#"{"model":"some-model"}"#).await;
        let case = format!("{target}{fallback}: {}", response.text());
        assert_eq!(response.status, 404, "{case}");
        let json = response.json();
        assert_eq!(json.pointer(pointer).unwrap(), value, "{case}");
        let message = json["error"]["message"].as_str().unwrap();
        assert!(message.contains("`some-model`"), "{case}");
        let says_never = message.contains("`ampcode.fallback` is `never`");
        assert_eq!(says_never, !fallback.is_empty(), "{case}");
        assert_eq!(amp.connections(), 0, "{case}");
    }
}

#[actix_web::test]
async fn without_an_amp_server_its_door_says_what_would_serve_the_model() {
    let yaml = format!("{CLIENTS}ampcode: {{ upstream-url: '' }}\n");
    let gateway = TestGateway::start(&yaml).await;
    let target = "/api/provider/anthropic/v1/messages";
    let response = gateway.post_json(target, r#"{"model":"some-model"}"#).await;
    assert_eq!(response.status, 404);
    let message = response.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("`some-model`") && message.contains("claude-api-key"), "{message}");
}

#[actix_web::test]
async fn a_failure_of_our_provider_is_passed_on_and_not_paid_to_amp() {
    for status in [400, 401, 402, 403, 404, 408, 413, 429, 500, 502, 503, 529] {
        let amp = amp().await;
        let provider = StubUpstream::replying(status, "application/json", "{ \"error\": 1 }").await;
        let gateway = TestGateway::start(&(before_amp(&amp, "") + &claude(&provider, ""))).await;

        let target = "/api/provider/anthropic/v1/messages";
        let response = gateway.post_json(target, r#"{"model":"claude-x"}"#).await;

        assert_eq!(response.status, status);
        assert_eq!(response.text(), "{ \"error\": 1 }", "{status}");
        assert_eq!(response.field("x-ampgate-route"), Some("local"), "{status}");
        assert_eq!(amp.connections(), 0, "{status}");
    }
}

#[actix_web::test]
async fn amps_own_failure_is_passed_on() {
    let amp = StubUpstream::replying(402, "application/json", r#"{"error":"no credits"}"#).await;
    let gateway = TestGateway::start(&before_amp(&amp, "")).await;

    let target = "/api/provider/anthropic/v1/messages";
    let response = gateway.post_json(target, r#"{"model":"claude-x"}"#).await;

    assert_eq!((response.status, response.text().as_str()), (402, r#"{"error":"no credits"}"#));
    assert_eq!(response.field("x-ampgate-route"), Some("amp"));
}

#[actix_web::test]
async fn an_encoded_body_is_routed_by_its_model_and_decoded_only_for_an_alias() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // model,       goes to,    arrives decoded as,                     why
        ("unknown",     "amp",      None,                                   "untouched to Amp"),
        ("same",        "provider", None,                                   "untouched to a provider"),
        ("alias",       "provider", Some("{ \"model\" : \"real\", \"n\":1.0 }"), "the name must be replaced"),
    ];
    for coding in ["zstd", "gzip"] {
        for (model, goes_to, decoded, why) in cases {
            let amp = amp().await;
            let provider = StubUpstream::replying(200, "application/json", "{}").await;
            let listed =
                claude(&provider, ", models: [{ name: same }, { name: real, alias: alias }]");
            let gateway = TestGateway::start(&(before_amp(&amp, "") + &listed)).await;
            let body = encoded(coding, &format!("{{ \"model\" : \"{model}\", \"n\":1.0 }}"));

            let fields = [("content-encoding", coding), ("content-type", "application/json")];
            let target = "/api/provider/anthropic/v1/messages";
            let response = gateway.request("POST", target, &fields, &body).await;

            let case = format!("{coding} {model}: {why}");
            assert_eq!(response.status, 200, "{case}: {}", response.text());
            let seen = if goes_to == "amp" { amp.only_request() } else { provider.only_request() };
            match decoded {
                None => {
                    assert_eq!(seen.body, body, "{case}");
                    assert_eq!(seen.fields.all("content-encoding"), [coding], "{case}");
                }
                Some(text) => {
                    assert_eq!(String::from_utf8_lossy(&seen.body), text, "{case}");
                    assert_eq!(seen.field("content-encoding"), None, "{case}");
                }
            }
        }
    }
}

#[actix_web::test]
async fn a_body_that_cannot_be_decoded_is_refused() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // coding,      body,                    status, why
        ("compress",    "x".as_bytes().to_vec(), 415,    "a coding of the last century"),
        ("x-unknown",   "{}".as_bytes().to_vec(), 415,   "a coding of nobody"),
        ("gzip",        "{}".as_bytes().to_vec(), 400,   "not gzip"),
        ("zstd",        "{}".as_bytes().to_vec(), 400,   "not zstd"),
        ("zstd",        encoded("zstd", "{}"),   400,    "no model in it"),
        ("zstd",        encoded("zstd", &" ".repeat(100_000)), 413, "over the limit when decoded"),
    ];
    let amp = amp().await;
    let yaml = before_amp(&amp, "") + "limits: { request-body: 64KiB }\n";
    let gateway = TestGateway::start(&yaml).await;
    for (coding, body, status, why) in cases {
        let fields = [("content-encoding", coding), ("content-type", "application/json")];
        let target = "/api/provider/anthropic/v1/messages";
        let response = gateway.request("POST", target, &fields, body).await;
        assert_eq!(response.status, status, "{coding}: {why}: {}", response.text());
        assert_eq!(response.json()["type"], "error", "{coding}: {why}");
    }
    assert_eq!(amp.connections(), 0);
}
