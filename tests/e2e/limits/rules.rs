//! Which models a client may ask for, and which routes its requests may take.

use super::{CALLS, call, clients, kind_of, message_of, providers};
use crate::support::{Provider, StubUpstream, TestGateway};

#[actix_web::test]
async fn a_model_that_is_not_allowed_is_refused_in_every_dialect_and_nobody_is_asked() {
    let provider = Provider::well("p").await;
    let yaml = clients("models: ['claude-*', 'gpt-5*']") + &providers(provider.origin());
    let gateway = TestGateway::start(&yaml).await;
    let kinds = ["permission_error", "model_not_allowed", "model_not_allowed", "PERMISSION_DENIED"];
    for ((target, bound), kind) in CALLS.into_iter().zip(kinds) {
        let refused = gateway.post_json(target, call(bound, 9)).await;

        assert_eq!(refused.status, 403, "{target}");
        assert_eq!(kind_of(&refused), kind, "{target}");
        assert!(message_of(&refused).contains("claude-*, gpt-5*"), "{}", refused.text());
        assert_eq!(refused.field("retry-after"), None, "{target}");
    }
    let counted = gateway.post_json("/v1/messages/count_tokens", call("max_tokens", 9)).await;
    assert_eq!(counted.status, 403);
    assert_eq!(provider.asked(), 0);
}

#[actix_web::test]
async fn a_model_is_allowed_by_the_clients_own_name_for_it() {
    let provider = Provider::well("p").await;
    let origin = provider.origin();
    let yaml = clients("models: ['fast']")
        + &format!(
            "claude-api-key: [{{ api-key: p, base-url: '{origin}', \
             models: [{{ name: claude-haiku, alias: fast }}, {{ name: claude-opus, alias: slow }}] }}]\n"
        );
    let gateway = TestGateway::start(&yaml).await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("fast",         200, "as it is written"),
        ("fast(high)",   200, "with a suffix that says how hard to think"),
        ("claude-haiku", 403, "the provider's name is not the client's"),
        ("slow",         403, "another one"),
    ];
    for (model, expected, why) in cases {
        let body = format!(r#"{{"model":"{model}","max_tokens":9,"messages":[]}}"#);
        assert_eq!(gateway.post_json("/v1/messages", body).await.status, expected, "{why}");
    }
}

#[actix_web::test]
async fn the_path_of_an_allowed_model_leads_to_no_other() {
    let amp = StubUpstream::replying(200, "application/json", "{}").await;
    let provider = Provider::well("p").await;
    let (amp_origin, origin) = (&amp.origin, provider.origin());
    let gateway = TestGateway::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1, models: ['gemini-flash*'] }}]\n\
         ampcode: {{ upstream-url: '{amp_origin}', upstream-api-key: team-key }}\n\
         gemini-api-key: [{{ api-key: p, base-url: '{origin}', excluded-models: [gemini-3-pro] }}]\n",
    ))
    .await;
    let (up, escaped) = ("gemini-flash/../gemini-3-pro", "gemini-flash%2F%2e%2e%2Fgemini-3-pro");
    for name in [up, escaped] {
        for door in ["/v1beta", "/v1", "/api/provider/google/v1beta1/publishers/google"] {
            let target = format!("{door}/models/{name}:generateContent");
            let refused = gateway.post_json(&target, "{}").await;

            assert_eq!(refused.status, 400, "{target}: {}", refused.text());
            assert_eq!(kind_of(&refused), "INVALID_ARGUMENT", "{target}");
        }
        let target = format!("/api/provider/google/v1beta/models/{name}");
        assert_eq!(gateway.get(&target).await.status, 400, "{target}");
    }

    assert_eq!((provider.asked(), amp.requests().len()), (0, 0));
    let served = gateway.post_json("/v1beta/models/gemini-flash-2:generateContent", "{}").await;
    assert_eq!(served.status, 200, "{}", served.text());
}

#[actix_web::test]
async fn a_model_that_is_not_allowed_is_no_fallback_of_one_that_is() {
    let provider = Provider::well("p").await;
    let yaml = clients("models: ['m', 'n']") + &providers(provider.origin());
    let gateway = TestGateway::start(&yaml).await;
    let body = |models: &str| {
        format!(
            r#"{{"model":"m","models":{models},"route":"fallback","max_tokens":9,"messages":[]}}"#
        )
    };
    for target in ["/v1/chat/completions", "/v1/messages"] {
        let refused = gateway.post_json(target, body(r#"["n","claude-opus"]"#)).await;

        assert_eq!(refused.status, 403, "{target}");
        assert!(message_of(&refused).contains("claude-opus"), "{}", refused.text());
        assert_eq!(provider.asked(), 0);
    }

    let allowed = gateway.post_json("/v1/chat/completions", body(r#"["n"]"#)).await;
    let fields = [("authorization", "Bearer client-key-2"), ("content-type", "application/json")];
    let any = body(r#"["claude-opus"]"#);
    let bobs = gateway.bare_request("POST", "/v1/chat/completions", &fields, &any).await;

    assert_eq!((allowed.status, bobs.status), (200, 200));
    assert_eq!(provider.requests()[1].body, any.as_bytes(), "it crosses as it is");
}

#[actix_web::test]
async fn a_list_holds_only_models_that_its_client_may_ask_for() {
    let yaml = clients("models: ['gpt-*'], routes: [local]")
        + "openai-api-key: [{ api-key: p, base-url: 'http://127.0.0.1:1/v1', \
           models: [{ name: gpt-5 }, { name: o3 }] }]\n"
        + "ampcode: { upstream-url: '', model-mappings: [{ from: gpt-mapped, to: gpt-5 }] }\n";
    let yaml = yaml.replacen("ampcode: { upstream-url: '' }\n", "", 1);
    let gateway = TestGateway::start(&yaml).await;
    let ids = |response: crate::support::Response| -> Vec<String> {
        let json = response.json();
        let entries = json["data"].as_array().unwrap().iter();
        entries.map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    };

    let hers = ids(gateway.get("/v1/models").await);
    let fields = [("authorization", "Bearer client-key-2")];
    let his = ids(gateway.bare_request("GET", "/v1/models", &fields, "").await);

    assert_eq!(hers, ["gpt-5"], "nor what a closed route leads to");
    assert_eq!(his, ["gpt-5", "o3", "gpt-mapped"]);
    let one = gateway.get("/v1/models/o3").await;
    assert_eq!((one.status, kind_of(&one).as_str()), (403, "model_not_allowed"));
}

/// One own model `m`, one by a mapping, and an Amp server that answers everything.
fn all_ways(rules: &str, provider: &Provider, amp: &StubUpstream) -> String {
    let ampcode = format!(
        "ampcode: {{ upstream-url: '{}', upstream-api-key: team-key, \
         model-mappings: [{{ from: mapped, to: m }}] }}\n",
        amp.origin
    );
    clients(rules).replacen("ampcode: { upstream-url: '' }\n", &ampcode, 1)
        + &providers(provider.origin())
}

#[actix_web::test]
async fn a_request_takes_no_route_that_is_closed_to_its_client() {
    const AMP_DOOR: &str = "/api/provider/anthropic/v1/messages";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // routes,            m,   mapped, other, relay, why
        ("[local, mapped, amp, relay]", 200, 200, 200, 200, "all are open"),
        ("[local]",                     200, 403, 403, 403, "by the name that was asked for only"),
        ("[mapped]",                    403, 200, 403, 403, "by a mapping only"),
        ("[amp]",                       200, 200, 200, 403, "Amp answers all of them"),
        ("[local, mapped]",             200, 200, 403, 403, "never by Amp"),
        ("[relay]",                     403, 403, 403, 200, "no model calls"),
    ];
    for (routes, own, mapped, other, relay, why) in cases {
        let provider = Provider::well("p").await;
        let amp = StubUpstream::replying(200, "application/json", "{}").await;
        let yaml = all_ways(&format!("routes: {routes}"), &provider, &amp);
        let gateway = TestGateway::start(&yaml).await;
        for (model, expected) in [("m", own), ("mapped", mapped), ("other", other)] {
            let body = format!(r#"{{"model":"{model}","max_tokens":9,"messages":[]}}"#);
            let answer = gateway.post_json(AMP_DOOR, body).await;
            assert_eq!(answer.status, expected, "{routes}: {model}: {why}");
            if expected == 403 {
                assert!(message_of(&answer).contains("`routes`"), "{}", answer.text());
            }
        }
        assert_eq!(gateway.get("/api/user").await.status, relay, "{routes}: {why}");
        if !routes.contains("amp") && !routes.contains("relay") {
            assert_eq!(amp.connections(), 0, "{routes}: Amp is not even connected to");
        }
        if !routes.contains("local") && !routes.contains("mapped") {
            assert_eq!(provider.asked(), 0, "{routes}: own providers are not asked");
        }
    }
}

#[actix_web::test]
async fn a_closed_fallback_is_not_taken_when_own_providers_fail() {
    let provider = Provider::saying([crate::support::Scripted::failure(500)]).await;
    let amp = StubUpstream::replying(200, "application/json", "{}").await;
    let yaml = all_ways("routes: [local]", &provider, &amp).replacen(
        "upstream-api-key:",
        "fallback: on-failure, upstream-api-key:",
        1,
    );
    let gateway = TestGateway::start(&yaml).await;

    let body = call("max_tokens", 9);
    let answer = gateway.post_json("/api/provider/anthropic/v1/messages", body).await;

    assert_eq!(answer.status, 500, "the provider's own answer");
    assert_eq!(amp.connections(), 0);
}
