//! The listener for whoever operates the gateway: who may ask it what, and that it says the truth.

use std::rc::Rc;

use regex::Regex;
use tokio::sync::Notify;

use crate::support::{Client, GatewayProcess, Provider, Scripted, TestGateway, expect, pool};

const CALL: &str = r#"{"model":"m","messages":[]}"#;

/// A gateway in front of one Anthropic provider, with more lines of configuration.
async fn gateway(provider: &Provider, more: &str) -> TestGateway {
    let credentials = pool("claude-api-key", &[(provider.origin(), "")]);
    let client = "api-keys: [{ name: alice, key: client-key-1 }]\n";
    TestGateway::start(&format!("{client}ampcode: {{ upstream-url: '' }}\n{credentials}{more}"))
        .await
}

/// The sum of the samples of a family whose line holds each of these texts.
fn count(metrics: &str, family: &str, labels: &[&str]) -> u64 {
    let of_family = metrics.lines().filter(|line| line.starts_with(&format!("{family}{{")));
    let chosen = of_family.filter(|line| labels.iter().all(|label| line.contains(label)));
    chosen.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[actix_web::test]
async fn metrics_count_what_has_ended_in_a_form_that_prometheus_reads() {
    let provider = Provider::saying([Scripted::by("it"), Scripted::failure(400)]).await;
    let gateway = gateway(&provider, "").await;

    for status in [200, 400] {
        assert_eq!(gateway.post_json("/v1/messages", CALL).await.status, status);
    }
    let answer = gateway.ask_admin("GET", "/metrics", &[]).await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.field("content-type"), Some("text/plain; version=0.0.4"));
    let text = gateway.metrics().await;
    for (status, number) in [(200, 1), (400, 1), (500, 0)] {
        let labels = [r#"route="local""#, r#"client="alice""#, &format!(r#"status="{status}""#)];
        assert_eq!(count(&text, "ampgate_requests_total", &labels), number, "{status}: {text}");
    }
    let sample = Regex::new(
        r#"^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*",?)*\})? (\S+)$"#,
    )
    .unwrap();
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        let value = sample.captures(line).map(|found| found[4].to_owned());
        assert!(value.is_some_and(|value| value.parse::<f64>().is_ok()), "{line}");
    }
}

#[actix_web::test]
async fn the_two_listeners_have_nothing_of_each_other() {
    let provider = Provider::well("it").await;
    let gateway = gateway(&provider, "").await;

    let on_the_clients_port = gateway.get("/metrics").await;
    let on_the_admin_port =
        gateway.ask_admin("POST", "/v1/messages", &[("x-api-key", "client-key-1")]).await;

    assert_eq!(on_the_clients_port.status, 404);
    assert_eq!(on_the_admin_port.status, 404);
    assert_eq!(on_the_admin_port.json()["error"]["code"], "no_such_route");
    assert_eq!(provider.asked(), 0);
}

#[actix_web::test]
async fn a_refusal_of_the_admin_listener_has_a_code_and_says_what_to_do() {
    let provider = Provider::well("it").await;
    let open = gateway(&provider, "").await;
    let closed = gateway(&provider, "admin: { key: admin-key-1 }\n").await;
    let evil = ("host", "evil.example");
    let script = [("host", "127.0.0.1"), ("sec-fetch-site", "cross-site")];
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // gateway, method, target,      fields,                                      status, code
        (&open,   "GET",  "/nothing",    &[][..],                                        404, "no_such_route"),
        (&open,   "PUT",  "/metrics",    &[],                                            405, "method_not_allowed"),
        (&open,   "GET",  "/metrics",    &[evil],                                        421, "unknown_host"),
        (&open,   "GET",  "/metrics",    &script,                                        403, "cross_origin"),
        (&closed, "GET",  "/metrics",    &[],                                            401, "unauthenticated"),
        (&closed, "GET",  "/nothing",    &[],                                            401, "unauthenticated"),
        (&closed, "GET",  "/metrics",    &[("authorization", "Bearer client-key-1")],    401, "unauthenticated"),
        (&closed, "GET",  "/metrics",    &[("authorization", "Bearer admin-key-1"), script[1]], 403, "cross_origin"),
    ];
    for (gateway, method, target, fields, status, code) in cases {
        let answer = gateway.ask_admin(method, target, fields).await;
        assert_eq!(answer.status, status, "{method} {target} {fields:?}");
        let error = &answer.json()["error"];
        assert_eq!(error["code"], code, "{method} {target} {fields:?}");
        assert!(error["message"].as_str().unwrap().len() > 20, "{error}");
        let challenge = answer.field("www-authenticate").is_some();
        assert_eq!(challenge, status == 401, "{method} {target}: a browser asks for the password");
        assert_eq!(answer.field("allow").is_some(), status == 405, "{method} {target}");
    }
}

#[actix_web::test]
async fn the_admin_key_opens_everything_and_health_needs_none() {
    let provider = Provider::well("it").await;
    let gateway = gateway(&provider, "admin: { key: admin-key-1 }\n").await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("GET",  "/metrics", &[("authorization", "Bearer admin-key-1")][..],                        200, "Prometheus"),
        ("GET",  "/metrics", &[("authorization", "Basic b3BzOmFkbWluLWtleS0x")],                    200, "a browser"),
        ("GET",  "/metrics", &[("authorization", "Bearer admin-key-1"), ("host", "ops.example")],   200, "by any name"),
        ("HEAD", "/metrics", &[("authorization", "Bearer admin-key-1")],                            200, "HEAD"),
        ("GET",  "/healthz", &[],                                                                   200, "a probe"),
        ("GET",  "/healthz", &[("host", "evil.example")],                                           200, "it tells nothing"),
    ];
    for (method, target, fields, status, why) in cases {
        assert_eq!(gateway.ask_admin(method, target, fields).await.status, status, "{why}");
    }
}

#[actix_web::test]
async fn no_answer_of_the_admin_listener_is_kept_framed_or_guessed() {
    let provider = Provider::well("it").await;
    let gateway = gateway(&provider, "").await;

    for (target, status) in [("/", 200), ("/metrics", 200), ("/status", 200), ("/nothing", 404)] {
        let answer = gateway.ask_admin("GET", target, &[]).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.field("cache-control"), Some("no-store"), "{target}");
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"), "{target}");
        let policy = answer.field("content-security-policy").unwrap();
        for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{target}: {policy}");
        }
        assert_eq!(answer.field("access-control-allow-origin"), None, "{target}");
    }
}

#[actix_web::test]
async fn the_admin_listener_can_be_switched_off() {
    let mut gateway = GatewayProcess::start("api-keys: [client-key-1]\nadmin: { enable: false }\n");

    gateway.signal("-TERM");

    assert_eq!(gateway.wait().code(), Some(0));
    assert!(!gateway.log().contains("metrics and status"), "{}", gateway.log());
}

#[actix_web::test]
async fn the_drain_can_be_watched_to_its_end() {
    let gate = Rc::new(Notify::new());
    let event = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    let provider = Provider::saying([Scripted::stream(event).then(&gate, event)]).await;
    let credentials = pool("claude-api-key", &[(provider.origin(), "")]);
    let mut gateway = GatewayProcess::start(&format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '' }}\n{credentials}"
    ));
    let admin = gateway.admin();
    let mut client = gateway.connect().await;
    let stream = br#"{"model":"m","stream":true}"#;
    client.send("POST", "/v1/messages", &[("x-api-key", "client-key-1")], stream).await;
    let head = client.head().await;
    assert_eq!(head.status, 200);

    gateway.signal("-TERM");
    gateway.log_line_with("draining");

    let watching = Client::connect(admin).await.ask("GET", "/metrics", &[], b"").await;
    assert_eq!(watching.status, 200);
    gate.notify_one();
    expect(client.rest(&head.fields), "the rest of the stream").await.unwrap();
    assert_eq!(gateway.wait().code(), Some(0));
}

#[actix_web::test]
async fn a_rest_is_seen_with_its_reason_and_a_reset_ends_it() {
    let limited = Scripted::limited(600);
    let provider = Provider::saying([limited, Scripted::by("it")]).await;
    let gateway = gateway(&provider, "request-retry: 0\n").await;
    assert_eq!(gateway.post_json("/v1/messages", CALL).await.status, 429);

    let status = gateway.status().await;
    let credential = &status["credentials"][0];
    assert_eq!(credential["id"], "claude-1");
    assert_eq!(credential["state"], "limited", "{credential}");
    assert_eq!((&credential["requests"], &credential["failed"]), (&1.into(), &1.into()));
    let rest = &credential["rests"][0];
    assert_eq!((&rest["model"], &rest["reason"]), (&"m".into(), &"limited".into()));
    assert_eq!(rest["was_told"], true);
    let left = rest["seconds_left"].as_u64().unwrap();
    assert!((500..=610).contains(&left), "{rest}");
    assert_eq!(gateway.post_json("/v1/messages", CALL).await.status, 429, "it rests");
    assert_eq!(provider.asked(), 1);

    let reset = gateway.ask_admin("POST", "/credentials/claude-1/reset", &[]).await;

    assert_eq!((reset.status, reset.text().as_str()), (204, ""));
    assert_eq!(gateway.status().await["credentials"][0]["state"], "ready");
    assert_eq!(gateway.post_json("/v1/messages", CALL).await.status, 200);
    assert_eq!(provider.asked(), 2);
}

#[actix_web::test]
async fn the_status_tells_what_was_asked_who_paid_and_what_went_wrong() {
    let provider = Provider::saying([Scripted::by("it"), Scripted::failure(400)]).await;
    let gateway = gateway(&provider, "").await;
    for _ in 0..2 {
        gateway.post_json("/v1/messages", CALL).await;
    }
    gateway.bare_request("POST", "/v1/messages", &[], CALL).await;

    let status = gateway.status().await;

    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["is_draining"], false);
    assert_eq!(status["totals"]["requests"], 2, "what a guard refused cost nothing: {status}");
    assert_eq!(status["totals"]["failed"], 1);
    for (by, name) in [
        ("by_route", "local"),
        ("by_client", "alice"),
        ("by_model", "m"),
        ("by_provider", "claude"),
    ] {
        let spends = status[by].as_array().unwrap();
        assert_eq!(spends.len(), 1, "{by}: {status}");
        assert_eq!((&spends[0]["name"], &spends[0]["requests"]), (&name.into(), &2.into()), "{by}");
    }
    assert_eq!(status["total"]["count"], 2);
    let failures = status["failures"].as_array().unwrap();
    let told: Vec<_> = failures.iter().map(|one| (&one["status"], &one["outcome"])).collect();
    assert_eq!(
        told,
        [(&401.into(), &"unauthenticated".into()), (&400.into(), &"complete".into())],
        "{status}"
    );
}

#[actix_web::test]
async fn the_page_comes_with_its_style_and_its_script_and_shows_the_status() {
    let provider = Provider::well("it").await;
    let gateway = gateway(&provider, "").await;
    gateway.post_json("/v1/messages", CALL).await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("/",         "text/html; charset=utf-8",       &["<!DOCTYPE html>", "claude-1", "alice"][..]),
        ("/page.css", "text/css; charset=utf-8",        &["{"]),
        ("/page.js",  "text/javascript; charset=utf-8", &["events"]),
    ];
    for (target, content_type, words) in cases {
        let answer = gateway.ask_admin("GET", target, &[]).await;
        assert_eq!(
            (answer.status, answer.field("content-type")),
            (200, Some(content_type)),
            "{target}"
        );
        for word in words {
            assert!(answer.text().contains(word), "{target}: {word}: {}", answer.text());
        }
        let head = gateway.ask_admin("HEAD", target, &[]).await;
        assert_eq!(
            (head.status, head.field("content-type")),
            (200, Some(content_type)),
            "{target}"
        );
    }
}

#[actix_web::test]
async fn limits_that_a_provider_tells_are_seen_and_the_newest_count() {
    let telling = |remaining: &str| {
        Scripted::by("it")
            .with("anthropic-ratelimit-requests-limit", "50")
            .with("anthropic-ratelimit-requests-remaining", remaining)
    };
    let provider = Provider::saying([telling("49"), telling("7")]).await;
    let gateway = gateway(&provider, "").await;
    for remaining in [49.0, 7.0] {
        assert_eq!(gateway.post_json("/v1/messages", CALL).await.status, 200);
        let status = gateway.status().await;
        let limits = status["credentials"][0]["limits"].as_array().unwrap();
        assert_eq!(limits.len(), 1, "{status}");
        assert_eq!(limits[0]["name"], "requests");
        assert_eq!(
            (&limits[0]["limit"], &limits[0]["remaining"]),
            (&50.0.into(), &remaining.into())
        );
    }
}

#[actix_web::test]
async fn a_reset_of_nobody_names_those_who_are_there() {
    let provider = Provider::well("it").await;
    let gateway = gateway(&provider, "").await;

    let answer = gateway.ask_admin("POST", "/credentials/claude-7/reset", &[]).await;

    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error"]["code"], "no_such_credential");
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("claude-1"));
}

#[actix_web::test]
async fn only_our_own_page_and_programs_can_reset() {
    let provider = Provider::well("it").await;
    let gateway = gateway(&provider, "").await;
    let own = format!("http://{}", gateway.admin());
    let host = gateway.admin().to_string();
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (vec![],                                                    204, "curl"),
        (vec![("sec-fetch-site", "same-origin")],                   204, "the page's script"),
        (vec![("sec-fetch-site", "same-origin"), ("accept", "text/html,*/*")], 303, "its form"),
        (vec![("origin", own.as_str()), ("host", &host)],           204, "the page in an old browser"),
        (vec![("sec-fetch-site", "cross-site")],                    403, "another page"),
        (vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], 403, "another page's form"),
        (vec![("origin", "http://evil.example"), ("host", &host)],  403, "another page, old browser"),
        (vec![("origin", "null"), ("host", &host)],                 403, "a page without an origin"),
        (vec![("host", "evil.example")],                            421, "a name pointed here"),
    ];
    for (fields, status, why) in cases {
        let answer = gateway.ask_admin("POST", "/credentials/claude-1/reset", &fields).await;
        assert_eq!(answer.status, status, "{why}: {}", answer.text());
        let location = (status == 303).then_some("../../");
        assert_eq!(answer.field("location"), location, "{why}");
    }
    let looked = gateway.ask_admin("GET", "/credentials/claude-1/reset", &[]).await;
    assert_eq!((looked.status, looked.field("allow")), (405, Some("POST")));
}

#[actix_web::test]
async fn from_the_network_a_reset_needs_a_key_to_be_configured() {
    let yaml = |key: &str| {
        format!(
            "api-keys: [client-key-1]\nadmin: {{ host: 0.0.0.0{key} }}\n\
             claude-api-key: [{{ api-key: key-1 }}]\n"
        )
    };
    let mut open = GatewayProcess::start(&yaml(""));
    let mut closed = GatewayProcess::start(&yaml(", key: admin-key-1"));
    let reset = async |port: u16, fields: &[(&str, &str)]| {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let mut client = Client::connect(address).await;
        client.ask("POST", "/credentials/claude-1/reset", fields, b"").await
    };
    let (of_open, of_closed) = (open.admin().port(), closed.admin().port());

    let refused = reset(of_open, &[]).await;

    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (403, &"reset_needs_key".into())
    );
    assert!(refused.text().contains("`admin.key`"), "{}", refused.text());
    assert!(open.log().contains("set `admin.key`"), "a start says it: {}", open.log());
    assert_eq!(reset(of_closed, &[]).await.status, 401);
    let key = ("authorization", "Bearer admin-key-1");
    assert_eq!(reset(of_closed, &[key]).await.status, 204);
    assert!(!closed.log().contains("open to whoever"), "{}", closed.log());
}

/// The next event of a stream, as JSON.
async fn next_status(client: &mut Client) -> serde_json::Value {
    loop {
        let chunk = client.chunk().await.unwrap().expect("the stream goes on");
        let text = String::from_utf8(chunk).unwrap();
        if let Some(data) = text.strip_prefix("data: ") {
            return serde_json::from_str(data).unwrap();
        }
    }
}

async fn reading(address: std::net::SocketAddr) -> (Client, u16) {
    let mut client = Client::connect(address).await;
    client.send("GET", "/events", &[("accept", "text/event-stream")], b"").await;
    let status = client.head().await.status;
    (client, status)
}

#[actix_web::test]
async fn events_tell_the_status_as_it_changes() {
    let provider = Provider::well("it").await;
    let gateway = gateway(&provider, "").await;
    let (mut reader, status) = reading(gateway.admin()).await;
    assert_eq!(status, 200);
    assert_eq!(next_status(&mut reader).await["totals"]["requests"], 0);

    gateway.post_json("/v1/messages", CALL).await;

    // The next one may have been made before the call had ended.
    let told = async { while next_status(&mut reader).await["totals"]["requests"] != 1 {} };
    expect(told, "an event that knows of the call").await;
}

#[actix_web::test]
async fn so_many_may_read_events_and_a_place_is_given_back() {
    let provider = Provider::well("it").await;
    let gateway = gateway(&provider, "").await;
    let mut readers = Vec::new();
    for _ in 0..16 {
        let (reader, status) = reading(gateway.admin()).await;
        assert_eq!(status, 200);
        readers.push(reader);
    }

    let refused = gateway.ask_admin("GET", "/events", &[]).await;

    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (503, &"too_many_readers".into())
    );
    assert_eq!(gateway.ask_admin("HEAD", "/events", &[]).await.status, 200, "it takes no place");
    assert_eq!(gateway.ask_admin("GET", "/status", &[]).await.status, 200, "others are answered");
    readers.pop();
    let place = async {
        // The gateway notices that a reader has left soon after.
        while reading(gateway.admin()).await.1 != 200 {
            tokio::task::yield_now().await;
        }
    };
    expect(place, "a place").await;
}

#[actix_web::test]
async fn events_end_with_the_word_that_the_gateway_drains() {
    let mut gateway = GatewayProcess::start("api-keys: [client-key-1]\n");
    let (mut reader, _) = reading(gateway.admin()).await;
    assert_eq!(next_status(&mut reader).await["is_draining"], false);

    gateway.signal("-TERM");

    while next_status(&mut reader).await["is_draining"] == false {}
    assert_eq!(reader.chunk().await.unwrap(), None, "an orderly end");
    assert_eq!(gateway.wait().code(), Some(0));
}

#[actix_web::test]
async fn no_answer_of_the_admin_listener_holds_a_secret() {
    let provider = Provider::saying([
        Scripted::by("it"),
        Scripted::failure(401),
        Scripted::json(400, r#"{"error":{"message":"hush-body"}}"#),
    ])
    .await;
    let origin = provider.origin();
    let gateway = TestGateway::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}, {{ name: bob, key: hush-client }}]\n\
         ampcode: {{ upstream-url: '{origin}', upstream-api-key: hush-team }}\n\
         claude-api-key: [{{ api-key: hush-provider, base-url: '{origin}', models: [{{ name: m }}],\n\
         \x20 headers: {{ x-more: hush-header }} }}]\n\
         proxy-url: 'direct'\nadmin: {{ key: hush-admin }}\n"
    ))
    .await;
    for target in ["/v1/messages", "/v1/messages?key=hush-query", "/api/user?token=hush-query"] {
        gateway.post_json(target, CALL).await;
    }
    gateway.bare_request("POST", "/v1/messages", &[("x-api-key", "hush-wrong")], CALL).await;

    let key = ("authorization", "Bearer hush-admin");
    let mut said = String::new();
    #[rustfmt::skip] // columns are easier to proofread
    let asked = [
        ("GET", "/metrics", vec![key]), ("GET", "/", vec![key]), ("GET", "/status", vec![key]), ("GET", "/healthz", vec![key]),
        ("GET", "/nothing?key=hush-admin", vec![key]), ("GET", "/status", vec![]),
        ("GET", "/status", vec![("authorization", "Bearer hush-wrong")]),
        ("POST", "/credentials/hush-id/reset", vec![key]), ("PUT", "/status", vec![key]),
    ];
    for (method, target, fields) in asked {
        let answer = gateway.ask_admin(method, target, &fields).await;
        said += &format!("{:?}\n{}\n", answer.fields, answer.text());
    }
    let mut reader = Client::connect(gateway.admin()).await;
    reader.send("GET", "/events", &[key], b"").await;
    reader.head().await;
    said += &next_status(&mut reader).await.to_string();

    assert!(said.contains("alice") && said.contains("claude-1"), "{said}");
    for secret in ["hush", "client-key-1"] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
}
