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
fn count(metrics: &str, family: &str, labels: &[&str]) -> f64 {
    let of_family = metrics.lines().filter(|line| line.starts_with(&format!("{family}{{")));
    let chosen = of_family.filter(|line| labels.iter().all(|label| line.contains(label)));
    chosen.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
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
    for (status, number) in [(200, 1.0), (400, 1.0), (500, 0.0)] {
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

    for (target, status) in [("/metrics", 200), ("/healthz", 200), ("/nothing", 404)] {
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
