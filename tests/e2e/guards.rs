//! Who may pass which door, and what those who may not are told.

use std::collections::BTreeMap;

use ampgate::actors::clock::WallClock;
use ampgate::app::{Gateway, Launch, StartError};
use ampgate::config::{Overrides, Sources, load};

use crate::support::{Client, Response, StubUpstream, TestGateway};

const MODEL_CALL: &str = r#"{"model":"claude-x","max_tokens":1,"messages":[]}"#;

/// Amp and a Claude provider at the same stub, with two client keys.
fn both_at(origin: &str) -> String {
    format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}, {{ name: bob, key: client-key-2 }}]\n\
         ampcode: {{ upstream-url: '{origin}', upstream-api-key: team-key }}\n\
         claude-api-key: [{{ api-key: claude-key, base-url: '{origin}' }}]\n"
    )
}

/// One door of each kind that asks for a key.
const GUARDED: [(&str, &str, &str); 4] = [
    ("GET", "/api/user", ""),
    ("GET", "/threads/T-1", ""),
    ("POST", "/api/provider/anthropic/v1/messages", MODEL_CALL),
    ("POST", "/v1/messages", MODEL_CALL),
];

/// Asks with a key shown at one of the five places; `target` may get a query.
async fn ask(gateway: &TestGateway, door: (&str, &str, &str), place: &str, key: &str) -> Response {
    let (method, path, body) = door;
    let bearer = format!("Bearer {key}");
    let (target, fields) = match place {
        "?key" => (format!("{path}?key={key}"), vec![]),
        "?auth_token" => (format!("{path}?auth_token={key}"), vec![]),
        "authorization" => (path.to_owned(), vec![("authorization", bearer.as_str())]),
        name => (path.to_owned(), vec![(name, key)]),
    };
    gateway.bare_request(method, &target, &fields, body).await
}

const PLACES: [&str; 5] = ["authorization", "x-api-key", "x-goog-api-key", "?key", "?auth_token"];

#[actix_web::test]
async fn a_known_key_opens_every_guarded_door_from_every_place() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = TestGateway::start(&both_at(&upstream.origin)).await;
    for door in GUARDED {
        for place in PLACES {
            for key in ["client-key-1", "client-key-2"] {
                let response = ask(&gateway, door, place, key).await;
                assert_eq!(response.status, 200, "{door:?} {place} {key}: {}", response.text());
            }
        }
    }
    for seen in upstream.requests() {
        assert!(!seen.mentions("client-key"), "a client's key went on: {seen:?}");
    }
}

#[actix_web::test]
async fn an_unknown_key_opens_no_guarded_door_from_any_place() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = TestGateway::start(&both_at(&upstream.origin)).await;
    for door in GUARDED {
        for place in PLACES {
            for key in ["wrong", "client-key-", "client-key-11", "team-key", "CLIENT-KEY-1"] {
                let response = ask(&gateway, door, place, key).await;
                assert_eq!(response.status, 401, "{door:?} {place} {key}");
            }
        }
    }
    assert_eq!(upstream.connections(), 0);
}

#[actix_web::test]
async fn no_key_opens_no_guarded_door() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = TestGateway::start(&both_at(&upstream.origin)).await;
    for (method, path, body) in GUARDED {
        let response = gateway.bare_request(method, path, &[], body).await;
        assert_eq!(response.status, 401, "{method} {path}");
        assert_eq!(response.field("www-authenticate"), Some("Bearer"), "{method} {path}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[actix_web::test]
async fn a_401_speaks_the_dialect_of_its_door() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = TestGateway::start(&both_at(&upstream.origin)).await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // method, path,                                  pointer,          value
        ("GET",    "/api/user",                           "/error/code",    "unauthenticated"),
        ("POST",   "/v1/messages",                        "/type",          "error"),
        ("POST",   "/v1/messages",                        "/error/type",    "authentication_error"),
        ("POST",   "/api/provider/anthropic/v1/messages", "/error/type",    "authentication_error"),
        ("POST",   "/v1/responses",                       "/error/code",    "unauthenticated"),
        ("POST",   "/v1/chat/completions",                "/error/code",    "unauthenticated"),
        ("POST",   "/v1beta/models/g:generateContent",    "/error/status",  "UNAUTHENTICATED"),
    ];
    for (method, path, pointer, value) in cases {
        let response = gateway.bare_request(method, path, &[], b"").await;
        let json = response.json();
        assert_eq!(
            json.pointer(pointer).and_then(|found| found.as_str()),
            Some(value),
            "{path}: {json}"
        );
    }
}

#[actix_web::test]
async fn one_known_key_among_wrong_ones_is_enough() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = TestGateway::start(&both_at(&upstream.origin)).await;
    for (method, path, body) in GUARDED {
        let fields = [("authorization", "Bearer wrong"), ("x-api-key", "client-key-2")];
        let response = gateway.bare_request(method, path, &fields, body).await;
        assert_eq!(response.status, 200, "{method} {path}");
    }
}

#[actix_web::test]
async fn an_open_door_carries_no_key_at_all() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = TestGateway::start(&both_at(&upstream.origin)).await;
    #[rustfmt::skip] // columns are easier to proofread
    let doors = [
        ("GET",  "/auth/x",                   "login"),
        ("POST", "/auth/x",                   "login"),
        ("GET",  "/auth",                     "login, the root itself"),
        ("GET",  "/actors/x",                 "thread actors"),
        ("POST", "/actors/x",                 "thread actors"),
        ("GET",  "/auth/../api/user",         "looks like a guarded door upstream"),
        ("GET",  "/actors/..%2Fapi/user",     "the same, encoded"),
    ];
    for (method, path, why) in doors {
        for (place, key) in
            [("authorization", "Bearer client-key-1"), ("x-api-key", "client-key-1")]
        {
            let response = gateway.bare_request(method, path, &[(place, key)], b"").await;
            assert_eq!(response.status, 200, "{method} {path}: {why}");
        }
        let target = format!("{path}?key=client-key-1");
        assert_eq!(gateway.bare_request(method, &target, &[], b"").await.status, 200, "{why}");
    }
    for seen in upstream.requests() {
        assert_eq!(seen.field("authorization"), None, "{seen:?}");
        assert_eq!(seen.field("x-api-key"), None, "{seen:?}");
        assert!(!seen.mentions("team-key"), "our key went on: {seen:?}");
        assert!(!seen.mentions("client-key-1"), "the client's key went on: {seen:?}");
    }
}

#[actix_web::test]
async fn a_browser_without_a_key_is_sent_to_the_amp_server() {
    let upstream = StubUpstream::replying(200, "text/html", "page").await;
    let gateway = TestGateway::start(&both_at(&upstream.origin)).await;
    let html = ("accept", "text/html,application/xhtml+xml;q=0.9");
    let key = ("authorization", "Bearer client-key-1");
    let wrong = ("authorization", "Bearer wrong");
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // method, target,                  fields,           status, why
        ("GET",    "/threads",              vec![html],        302,   "a page"),
        ("GET",    "/threads/T%2F1?a=1&b",  vec![html],        302,   "path and query as they are"),
        ("HEAD",   "/settings",             vec![html],        302,   "HEAD is a look at the page"),
        ("GET",    "/docs/a",               vec![html],        302,   "another page"),
        ("GET",    "/threads",              vec![html, key],   200,   "a key is shown"),
        ("GET",    "/threads",              vec![html, wrong], 401,   "a wrong key is no browser's"),
        ("POST",   "/threads",              vec![html],        401,   "a form is no page"),
        ("GET",    "/threads",              vec![],            401,   "a program asks"),
        ("GET",    "/api/user",             vec![html],        401,   "not a page"),
        ("GET",    "/auth/login?r=1",       vec![html],        302,   "cookies live at the Amp server"),
        ("GET",    "/auth/login?r=1",       vec![html, key],   302,   "whatever key is shown"),
    ];
    for (method, target, fields, status, why) in cases {
        let response = gateway.bare_request(method, target, &fields, b"").await;
        assert_eq!(response.status, status, "{method} {target}: {why}");
        let location = format!("{}{target}", upstream.origin);
        let expected = (status == 302).then_some(location.as_str());
        assert_eq!(response.field("location"), expected, "{method} {target}: {why}");
    }
}

#[actix_web::test]
async fn a_redirect_to_the_amp_server_shows_no_key() {
    let upstream = StubUpstream::replying(200, "text/html", "page").await;
    let gateway = TestGateway::start(&both_at(&upstream.origin)).await;

    let target = "/auth/login?auth_token=client-key-1&r=1";
    let response = gateway.bare_request("GET", target, &[("accept", "text/html")], b"").await;

    let expected = format!("{}/auth/login?r=1", upstream.origin);
    assert_eq!(response.field("location"), Some(expected.as_str()));
}

#[actix_web::test]
async fn another_sites_page_is_refused_before_its_key_is_looked_at() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = TestGateway::start(&both_at(&upstream.origin)).await;
    let preflight = [
        ("origin", "https://evil.example"),
        ("access-control-request-method", "POST"),
        ("authorization", "Bearer client-key-1"),
    ];
    let cross_site = [("sec-fetch-site", "cross-site"), ("authorization", "Bearer client-key-1")];
    let anonymous = [("sec-fetch-site", "cross-site")];
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, &str, &[(&str, &str)], &str); 6] = [
        ("GET",     "/api/user",    &cross_site, "with a good key"),
        ("GET",     "/api/user",    &anonymous,  "without any"),
        ("GET",     "/threads",     &cross_site, "a page"),
        ("GET",     "/auth/x",      &cross_site, "login"),
        ("OPTIONS", "/api/user",    &preflight,  "a preflight"),
        ("OPTIONS", "/auth/x",      &preflight,  "a preflight at the login"),
    ];
    for (method, path, fields, why) in cases {
        let response = gateway.bare_request(method, path, fields, b"").await;
        assert_eq!(response.status, 403, "{method} {path}: {why}");
        assert_eq!(response.json()["error"]["code"], "cross_origin", "{why}");
        assert_eq!(response.field("access-control-allow-origin"), None, "{why}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[actix_web::test]
async fn only_listed_origins_may_read_direct_routes() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let listed = "cors: { allowed-origins: ['https://app.example'] }\n";
    let gateway = TestGateway::start(&(both_at(&upstream.origin) + listed)).await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("https://app.example",      true,  "listed"),
        ("https://app.example.evil", false, "a longer name is another"),
        ("http://app.example",       false, "another scheme is another origin"),
        ("null",                     false, "a sandboxed page"),
    ];
    for (origin, granted, why) in cases {
        let grant = granted.then_some(origin);
        let asks = [("origin", origin), ("access-control-request-method", "POST")];
        let preflight = gateway.bare_request("OPTIONS", "/v1/messages", &asks, b"").await;
        assert_eq!(preflight.field("access-control-allow-origin"), grant, "preflight: {why}");
        assert_eq!(preflight.status, if granted { 204 } else { 405 }, "preflight: {why}");

        let fields = [("origin", origin)];
        let answer = gateway.request("POST", "/v1/messages", &fields, MODEL_CALL).await;
        assert_eq!(answer.status, 200, "{why}");
        assert_eq!(answer.field("access-control-allow-origin"), grant, "answer: {why}");

        let refusal = gateway.bare_request("POST", "/v1/messages", &fields, MODEL_CALL).await;
        assert_eq!(refusal.status, 401, "{why}");
        assert_eq!(refusal.field("access-control-allow-origin"), grant, "refusal: {why}");
    }
}

#[actix_web::test]
async fn a_listed_origin_gets_no_grant_on_management_routes() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let listed = "cors: { allowed-origins: ['https://app.example'] }\n";
    let gateway = TestGateway::start(&(both_at(&upstream.origin) + listed)).await;
    let origin = ("origin", "https://app.example");

    let answer = gateway.request("GET", "/api/user", &[origin], b"").await;
    let asks = [origin, ("access-control-request-method", "POST")];
    let preflight = gateway.request("OPTIONS", "/api/user", &asks, b"").await;

    assert_eq!((answer.status, answer.field("access-control-allow-origin")), (200, None));
    assert_eq!((preflight.status, preflight.field("access-control-allow-origin")), (403, None));
}

#[actix_web::test]
async fn without_an_amp_server_only_amps_own_doors_are_closed() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = TestGateway::start(&format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '' }}\n\
         claude-api-key: [{{ api-key: claude-key, base-url: '{}' }}]\n",
        upstream.origin
    ))
    .await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("GET",  "/api/user",                           503, "management"),
        ("GET",  "/threads",                            503, "pages"),
        ("GET",  "/auth/x",                             503, "login"),
        ("GET",  "/actors/x",                           503, "thread actors"),
        ("POST", "/v1/messages",                        200, "direct"),
        ("POST", "/api/provider/anthropic/v1/messages", 200, "Amp's model call, served here"),
    ];
    for (method, path, status, why) in cases {
        let response = gateway.request(method, path, &[], MODEL_CALL).await;
        assert_eq!(response.status, status, "{why}: {}", response.text());
        if status == 503 {
            assert_eq!(response.json()["error"]["code"], "amp_unavailable", "{why}");
        }
    }
}

#[actix_web::test]
async fn probes_need_no_key() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = TestGateway::start(&both_at(&upstream.origin)).await;

    for path in ["/healthz", "/readyz"] {
        assert_eq!(gateway.bare_request("GET", path, &[], b"").await.status, 200, "{path}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[actix_web::test]
async fn other_paths_are_404_whatever_key_is_shown() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = TestGateway::start(&both_at(&upstream.origin)).await;
    for path in
        ["/", "/favicon.ico", "/v1", "/v1/files", "/v2/messages", "//api/user", "/%61pi/user"]
    {
        let with_key = gateway.request("GET", path, &[], b"").await;
        let without = gateway.bare_request("GET", path, &[], b"").await;
        assert_eq!((with_key.status, without.status), (404, 404), "{path}");
        assert_eq!(without.json()["error"]["code"], "no_such_route", "{path}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[actix_web::test]
async fn a_wrong_method_on_a_direct_route_is_told_the_right_one() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = TestGateway::start(&both_at(&upstream.origin)).await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("GET",    "/v1/messages",                     "POST"),
        ("DELETE", "/v1/chat/completions",             "POST"),
        ("PUT",    "/v1/responses",                    "POST"),
        ("GET",    "/v1beta/models/g:generateContent", "POST"),
        ("POST",   "/v1/models",                       "GET"),
    ];
    for (method, path, allow) in cases {
        let response = gateway.request(method, path, &[], b"").await;
        assert_eq!(
            (response.status, response.field("allow")),
            (405, Some(allow)),
            "{method} {path}"
        );
    }
}

#[actix_web::test]
async fn restricted_management_is_open_to_this_machine() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = TestGateway::start(&format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '{}', \
         restrict-management-to-localhost: true }}\n",
        upstream.origin
    ))
    .await;

    // A claim about the address is no address.
    let response =
        gateway.request("GET", "/api/user", &[("x-forwarded-for", "8.8.8.8")], b"").await;

    assert_eq!(response.status, 200);
}

/// A gateway's start with this configuration on this host, any free port.
async fn start_on(host: &str, yaml: &str) -> Result<Gateway, StartError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ampgate.yaml");
    std::fs::write(&file, yaml).unwrap();
    let loaded = load(&Sources {
        file: Some(file),
        environment: BTreeMap::from([("HOME".to_owned(), folder.path().display().to_string())]),
        overrides: Overrides { host: Some(host.to_owned()), port: Some(0) },
    })
    .unwrap();
    Gateway::start(Launch {
        settings: loaded.settings,
        amp_api_key: None,
        workers: 1,
        reload: None,
        wall_clock: WallClock::system(),
    })
    .await
}

#[actix_web::test]
async fn a_gateway_on_the_network_without_keys_does_not_start() {
    for host in ["0.0.0.0", "", "::"] {
        match start_on(host, "log: { level: info }\n").await {
            Err(StartError::OpenWithoutKeys { host: refused }) => assert_eq!(refused, host),
            Err(other) => panic!("{host}: {other}"),
            Ok(_) => panic!("{host}: it started"),
        }
    }
}

#[actix_web::test]
async fn a_gateway_on_this_machine_without_keys_makes_one_up() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let yaml = format!("ampcode: {{ upstream-url: '{}' }}\n", upstream.origin);
    let gateway = start_on("127.0.0.1", &yaml).await.unwrap();
    let address = gateway.addresses()[0];
    let key = gateway.generated_key().unwrap().to_owned();
    let (_stop, stops) = tokio::sync::mpsc::channel(1);
    actix_rt::spawn(gateway.run(stops));

    for (shown, status) in [(key.as_str(), 200), ("", 401), ("ampgate-", 401)] {
        let mut client = Client::connect(address).await;
        client.send("GET", "/api/user", &[("x-api-key", shown)], b"").await;
        assert_eq!(client.response().await.status, status, "{shown}");
    }
}

#[actix_web::test]
async fn configured_keys_leave_no_generated_one() {
    let gateway = start_on("127.0.0.1", "api-keys: [client-key-1]\n").await.unwrap();

    assert_eq!(gateway.generated_key(), None);
}
