//! Which keys of the file take effect without a restart: all but where we listen.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::reload::{JSON, amp, ask, relaying, status, write_in_place};
use crate::support::{ANY_PORT, Client, GatewayProcess, StubUpstream, expect};
use crate::tls::{Authority, http2_server};

const AMP_DOOR: &str = "/api/provider/anthropic/v1/messages";

#[actix_web::test]
async fn credentials_models_mappings_and_fallback_follow_the_file() {
    let (one, two) = (amp().await, amp().await);
    let amp = amp().await;
    let base = format!("api-keys: [k]\nampcode:\n  upstream-url: '{}'\n", amp.origin);
    let mut gateway = GatewayProcess::start(&format!(
        "{base}  fallback: never\nclaude-api-key: [{{ api-key: p-1, base-url: '{}' }}]\n",
        one.origin
    ));
    let call = async |model: &str| {
        let body = format!(r#"{{"model":"{model}"}}"#);
        let answer = ask(gateway.address, "k", "POST", AMP_DOOR, &body).await;
        (answer.status, answer.field("x-ampgate-route").map(str::to_owned))
    };
    let route = |name: &str| Some(name.to_owned());
    assert_eq!(call("claude-x").await, (200, route("local")));
    assert_eq!(call("opus").await.0, 404);

    gateway.reload(&format!(
        "{base}  fallback: never\n  model-mappings: [{{ from: gpt-x, to: opus }}]\n\
         claude-api-key:\n  - {{ api-key: p-2, base-url: '{}', models: [{{ name: big, alias: opus }}] }}\n",
        two.origin
    ));
    let address = gateway.address;
    let call = async |model: &str| {
        let body = format!(r#"{{"model":"{model}"}}"#);
        let answer = ask(address, "k", "POST", AMP_DOOR, &body).await;
        (answer.status, answer.field("x-ampgate-route").map(str::to_owned))
    };
    assert_eq!(call("opus").await.0, 200, "a new model");
    assert_eq!(call("gpt-x").await, (200, route("mapped")), "a new mapping");
    assert_eq!(call("claude-x").await.0, 404, "a model that is gone");
    assert_eq!((one.requests().len(), amp.requests().len()), (1, 0));
    for seen in two.requests() {
        assert_eq!(seen.field("x-api-key"), Some("p-2"), "a new key");
        assert!(seen.mentions("big"), "a new name");
    }

    gateway.reload(&base);
    assert_eq!(call("claude-x").await, (200, route("amp")), "another fallback");
}

/// Credentials are called by their places: when the first one goes, the second is called as it was.
#[actix_web::test]
async fn the_counts_of_a_credential_that_is_taken_out_are_not_told_of_the_next() {
    let answer = r#"{"usage":{"input_tokens":40,"output_tokens":2}}"#;
    let provider = StubUpstream::replying(200, "application/json", answer).await;
    let entry = |key: &str| {
        let origin = &provider.origin;
        format!(
            "  - {{ api-key: {key}, base-url: '{origin}', models: [{{ name: {key}-model }}] }}\n"
        )
    };
    let base = "api-keys: [k]\nampcode: { upstream-url: '' }\nclaude-api-key:\n";
    let mut gateway =
        GatewayProcess::start(&format!("{base}{}{}{}", entry("a"), entry("b"), entry("c")));
    let (address, admin) = (gateway.address, gateway.admin());
    let call = async |key: &str| {
        let body = format!(r#"{{"model":"{key}-model","max_tokens":9}}"#);
        assert_eq!(ask(address, "k", "POST", "/v1/messages", &body).await.status, 200);
    };
    let told = async || {
        let status = Client::connect(admin).await.ask("GET", "/status", &[], b"").await.json();
        let of = |one: &serde_json::Value| {
            let tokens = one["tokens"]["input"].as_u64().unwrap();
            (one["id"].as_str().unwrap().to_owned(), one["requests"].as_u64().unwrap(), tokens)
        };
        status["credentials"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    // The client has its answer a moment before it is counted.
    let eventually_told = async |expected: &[(&str, u64, u64)]| {
        let seen = async || {
            let is_one =
                |(one, (id, requests, tokens)): (&(String, u64, u64), &(&str, u64, u64))| {
                    (one.0.as_str(), one.1, one.2) == (*id, *requests, *tokens)
                };
            let told = told().await;
            told.len() == expected.len() && told.iter().zip(expected).all(is_one)
        };
        let waited = async {
            while !seen().await {
                tokio::task::yield_now().await;
            }
        };
        expect(waited, &format!("{expected:?}")).await;
    };
    for key in ["a", "a", "b", "c"] {
        call(key).await;
    }
    eventually_told(&[("claude-1", 2, 80), ("claude-2", 1, 40), ("claude-3", 1, 40)]).await;

    gateway.reload(&format!("{base}{}{}", entry("b"), entry("c")));

    eventually_told(&[("claude-1", 0, 0), ("claude-2", 0, 0)]).await;
    call("b").await;
    eventually_told(&[("claude-1", 1, 40), ("claude-2", 0, 0)]).await;
    gateway.reload(&format!("{base}{}{}{}", entry("b"), entry("d"), entry("c")));
    eventually_told(&[("claude-1", 1, 40), ("claude-2", 0, 0), ("claude-3", 0, 0)]).await;
}

#[actix_web::test]
async fn limits_timeouts_and_cors_follow_the_file() {
    let upstream = StubUpstream::answering(|mut conversation| async move {
        if conversation.request.mentions("slow") {
            conversation.gateway_leaves().await;
            return None;
        }
        conversation.reply(200, &[("content-type", "application/json")], "{}").await;
        Some(conversation)
    })
    .await;
    let yaml = format!(
        "{}claude-api-key: [{{ api-key: p, base-url: '{}' }}]\nrequest-retry: 0\n",
        relaying("k", &upstream.origin),
        upstream.origin
    );
    let mut gateway = GatewayProcess::start(&yaml);
    let address = gateway.address;
    let large = format!(r#"{{"model":"claude-x","text":"{}"}}"#, "x".repeat(2048));
    let preflight = async || {
        let mut client = Client::connect(address).await;
        let fields = [("origin", "https://app.example"), ("access-control-request-method", "POST")];
        client.send("OPTIONS", "/v1/messages", &fields, b"").await;
        client.response().await.field("access-control-allow-origin").map(str::to_owned)
    };
    let post = async |body: &str| ask(address, "k", "POST", "/v1/messages", body).await.status;
    assert_eq!(post(&large).await, 200);
    assert_eq!(preflight().await, None);

    gateway.reload(&format!(
        "{yaml}limits: {{ request-body: 1KiB }}\n\
         timeouts: {{ first-byte: 50ms, relay-first-byte: 50ms }}\n\
         cors: {{ allowed-origins: ['https://app.example'] }}\n"
    ));

    assert_eq!(post(&large).await, 413, "limits.request-body");
    assert_eq!(post(r#"{"model":"claude-slow"}"#).await, 504, "timeouts.first-byte");
    let relayed = ask(address, "k", "GET", "/api/slow", "").await;
    assert_eq!(relayed.status, 504, "timeouts.relay-first-byte");
    assert_eq!(preflight().await.as_deref(), Some("https://app.example"), "cors");
}

#[actix_web::test]
async fn a_new_limit_of_connections_counts_from_the_reload() {
    let upstream = StubUpstream::answering(|mut conversation| async move {
        conversation.begin(200, &[("content-type", "text/event-stream")]).await;
        conversation.chunk("data: 1\n\n").await;
        conversation.gateway_leaves().await;
        None
    })
    .await;
    let yaml = relaying("k", &upstream.origin);
    let mut gateway = GatewayProcess::start(&yaml);
    let mut held = Vec::new();
    let mut open = async |gateway: &GatewayProcess| {
        let mut client = gateway.connect().await;
        client.send("GET", "/api/events", &[("x-api-key", "k")], b"").await;
        let status = client.head().await.status;
        held.push(client);
        status
    };
    assert_eq!([open(&gateway).await, open(&gateway).await], [200, 200], "no limit");

    gateway.reload(&format!("{yaml}limits: {{ connections-per-upstream: 1 }}\n"));
    assert_eq!([open(&gateway).await, open(&gateway).await], [200, 503], "room for one");

    gateway.reload(&format!("{yaml}limits: {{ connections-per-upstream: 1 }}\n# the same\n"));
    assert_eq!(open(&gateway).await, 503, "the one of before still counts");
}

#[actix_web::test]
async fn the_log_follows_the_file() {
    let amp = amp().await;
    let yaml = |log: &str| format!("{}log: {{ {log} }}\n", relaying("k", &amp.origin));
    let folder = tempfile::tempdir().unwrap();
    write_in_place(folder.path(), &yaml("format: json"));
    let mut gateway = GatewayProcess::start_in(folder, ANY_PORT, &[]);

    let said = gateway.reload(&yaml("format: human"));
    assert!(said.contains("INFO configuration reloaded"), "{said}");
    assert_eq!(status(&gateway, "k").await, 200);
    let said = gateway.log_until("outcome=");
    assert!(said.contains("INFO") && !said.contains('{'), "{said}");

    let said = gateway.reload(&yaml("format: json, level: debug"));
    assert!(said.contains(r#""message":"configuration reloaded""#), "{said}");

    // At this level even the reload is not told; that another key opens tells it.
    gateway.save(&yaml("format: json, level: error").replace("[k]", "[quiet]"));
    let in_use = async { while status(&gateway, "quiet").await != 200 {} };
    expect(in_use, "the reload").await;
    assert_eq!(status(&gateway, "quiet").await, 200);
    let said = gateway.reload(&yaml("format: json"));
    assert!(!said.contains(r#""status":200"#), "{said}");
}

/// The line of a stream stands in a span that began under another format.
#[actix_web::test]
async fn a_stream_ends_well_when_the_format_of_the_log_changes_under_it() {
    let go_on = std::rc::Rc::new(tokio::sync::Notify::new());
    let gate = go_on.clone();
    let upstream = StubUpstream::answering(move |mut conversation| {
        let gate = gate.clone();
        async move {
            conversation.begin(200, &[("content-type", "text/event-stream")]).await;
            conversation.chunk("data: 1\n\n").await;
            gate.notified().await;
            conversation.say("5\r\ncut").await;
            None
        }
    })
    .await;
    let yaml = |format: &str| {
        format!("{}log: {{ format: {format}, level: trace }}\n", relaying("k", &upstream.origin))
    };
    let folder = tempfile::tempdir().unwrap();
    write_in_place(folder.path(), &yaml("json"));
    let mut gateway = GatewayProcess::start_in(folder, ANY_PORT, &[]);
    gateway.reload(&yaml("human"));
    let mut client = gateway.connect().await;
    client.send("GET", "/api/events", &[("x-api-key", "k")], b"").await;
    client.head().await;
    client.chunk().await.unwrap();

    gateway.reload(&yaml("json"));
    go_on.notify_one();
    client.to_end().await;

    let line = gateway.log_line_with(r#""message":"request""#);
    assert!(line.contains("upstream_broke"), "{line}");
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
    assert_eq!(status(&gateway, "wrong").await, 401, "the worker lives");
}

#[actix_web::test]
async fn amps_own_secrets_file_is_read_anew() {
    let amp = amp().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secrets.json");
    let write = |key: &str| {
        let entry = format!("apiKey@{}/", amp.origin);
        fs::write(&file, serde_json::json!({ entry: key }).to_string()).unwrap();
    };
    let yaml = |ttl: &str| {
        format!(
            "api-keys: [k]\nampcode: {{ upstream-url: '{}', secrets-file: '{}', secret-ttl: {ttl} }}\n",
            amp.origin,
            file.display()
        )
    };
    write("team-1");
    write_in_place(folder.path(), &yaml("24h"));
    let mut gateway = GatewayProcess::start_in(folder, ANY_PORT, JSON);
    let key_at_amp = async |gateway: &GatewayProcess| {
        status(gateway, "k").await;
        amp.requests().last().unwrap().field("authorization").map(str::to_owned)
    };
    let bearer = |key: &str| Some(format!("Bearer {key}"));
    assert_eq!(key_at_amp(&gateway).await, bearer("team-1"));

    write("team-2");
    assert_eq!(key_at_amp(&gateway).await, bearer("team-1"), "kept for a day");
    gateway.signal("-HUP");
    gateway.log_line_with("asked by signal");
    assert_eq!(key_at_amp(&gateway).await, bearer("team-2"), "a signal means all files");

    write("team-3");
    gateway.reload(&yaml("1s"));
    assert_eq!(key_at_amp(&gateway).await, bearer("team-3"));
    write("team-4");
    let followed = async { while key_at_amp(&gateway).await != bearer("team-4") {} };
    expect(followed, "the file to be read again after a second").await;
}

#[actix_web::test]
async fn the_time_to_drain_follows_the_file() {
    let upstream = StubUpstream::answering(|mut conversation| async move {
        conversation.begin(200, &[("content-type", "text/event-stream")]).await;
        conversation.chunk("data: 1\n\n").await;
        conversation.gateway_leaves().await;
        None
    })
    .await;
    let yaml = relaying("k", &upstream.origin);
    let mut gateway = GatewayProcess::start(&format!("{yaml}timeouts: {{ drain: 1h }}\n"));
    let mut client = gateway.connect().await;
    client.send("GET", "/api/events", &[("x-api-key", "k")], b"").await;
    client.head().await;

    gateway.reload(&format!("{yaml}timeouts: {{ drain: 50ms }}\n"));
    gateway.signal("-TERM");

    client.to_end().await;
    assert_eq!(gateway.wait().code(), Some(0));
}

#[actix_web::test]
async fn a_new_authority_is_trusted_for_upstreams() {
    let authority = Authority::new();
    let port = http2_server(authority.server_config("127.0.0.1", &[b"h2", b"http/1.1"]));
    let yaml = relaying("k", &format!("https://127.0.0.1:{port}"));
    let mut gateway = GatewayProcess::start(&yaml);
    assert_eq!(status(&gateway, "k").await, 502);

    gateway.reload(&format!("{yaml}tls: {{ upstream-ca: '{}' }}\n", authority.ca_file()));

    assert_eq!(status(&gateway, "k").await, 200);
}

/// Copies what an authority has signed to where the gateway reads it.
fn show(authority: &Authority, folder: &Path) {
    let _ = authority.server_config("127.0.0.1", &[]); // writes cert.pem and key.pem
    for name in ["cert.pem", "key.pem"] {
        fs::copy(authority.ca_file().replace("ca.pem", name), folder.join(name)).unwrap();
    }
}

/// A connection that trusts nobody but one authority.
async fn connect_trusting(
    authority: &Authority,
    address: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.ca_file()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(address).await?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    expect(connector.connect("127.0.0.1".try_into().unwrap(), socket), "a handshake").await
}

async fn is_served(socket: &mut TlsStream<TcpStream>) -> bool {
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    expect(socket.read_exact(&mut answer), "an answer").await.unwrap();
    let mut reader = crate::support::Reader::new(socket);
    // The rest of the head and the body, so that the next answer begins where it begins.
    let (_, fields, _) = expect(reader.head(), "the rest of the head").await.unwrap().unwrap();
    reader.body(&fields).await.unwrap();
    &answer == b"HTTP/1.1 200 OK"
}

#[actix_web::test]
async fn a_new_certificate_is_shown_to_new_connections_and_old_ones_live_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    show(&old, folder.path());
    write_in_place(folder.path(), "api-keys: [k]\ntls: { cert: cert.pem, key: key.pem }\n");
    let mut gateway = GatewayProcess::start_in(folder, ANY_PORT, JSON);
    let mut before = connect_trusting(&old, gateway.address).await.unwrap();
    assert!(is_served(&mut before).await);

    show(&new, gateway.folder());
    gateway.log_line_with("configuration reloaded");

    let mut after = connect_trusting(&new, gateway.address).await.unwrap();
    assert!(is_served(&mut after).await);
    assert!(is_served(&mut before).await, "the old connection");
    assert!(connect_trusting(&old, gateway.address).await.is_err(), "the old certificate is gone");
}
