//! The way out: every upstream through its proxy, or through none, and nobody else's.

mod stub_proxy;

use tokio::net::TcpListener;

use self::stub_proxy::{Manners, StubProxy};
use crate::support::{
    Client, GatewayProcess, Response, SeenRequest, StubUpstream, TestGateway, expect,
};
use crate::tls::{Authority, http2_server};

const USER_AGENT: &str = concat!("ampgate/", env!("CARGO_PKG_VERSION"));
const HANDSHAKE: &[(&str, &str)] =
    &[("connection", "upgrade"), ("upgrade", "websocket"), ("x-api-key", "client-key-1")];
const SWITCHED: &str = "HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";

/// A gateway's configuration: Amp at `origin`, everything through one proxy.
fn amp_through(proxy_url: &str, origin: &str) -> String {
    format!(
        "api-keys: [client-key-1]\nproxy-url: '{proxy_url}'\n\
         ampcode: {{ upstream-url: '{origin}', upstream-api-key: team-key }}\n"
    )
}

/// What a proxy reads when it is asked the way to `authority`.
fn connect_head(authority: &str, authorization: &str) -> String {
    format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {USER_AGENT}\r\n\
         {authorization}\r\n"
    )
}

/// A request's head as sorted lines, and its body: what crossed, whatever the order of the fields.
fn content(seen: &SeenRequest) -> (Vec<String>, Vec<u8>) {
    let head = String::from_utf8(seen.raw[..seen.raw.len() - seen.body.len()].to_vec()).unwrap();
    let mut lines: Vec<String> = head.split("\r\n").map(str::to_owned).collect();
    lines.sort();
    (lines, seen.body.clone())
}

/// An upstream that switches protocols and then says every byte back.
async fn echoing() -> StubUpstream {
    StubUpstream::answering(|mut conversation| async move {
        conversation.say(SWITCHED).await;
        loop {
            let heard = std::mem::take(&mut conversation.reader.buffer);
            if !heard.is_empty() {
                conversation.say(heard).await;
            } else if !conversation.reader.fill().await.unwrap_or(false) {
                return None;
            }
        }
    })
    .await
}

async fn open_socket(gateway: &TestGateway) -> (Client, Response) {
    let mut client = gateway.connect().await;
    client.send("GET", "/actors/x", HANDSHAKE, b"").await;
    let head = client.head().await;
    (client, head)
}

#[actix_web::test]
async fn a_request_crosses_every_kind_of_proxy_unchanged() {
    let upstream = StubUpstream::replying(200, "text/plain", "ok").await;
    let fields = [("date", "today"), ("x-field", "a  b"), ("content-type", "text/plain")];
    let body = vec![b'x'; 100_000];
    let direct = TestGateway::start(&amp_through("", &upstream.origin)).await;
    direct.request("POST", "/api/x%2Fy?a=&a=1", &fields, &body).await;
    let authority = upstream.origin.trim_start_matches("http://");
    let basic = "Proxy-Authorization: Basic bWU6aHUvc2g=\r\n";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("http://",                Manners::Connect,     connect_head(authority, ""),    "CONNECT"),
        ("http://me:hu%2Fsh@",     Manners::Connect,     connect_head(authority, basic), "CONNECT with a login"),
        ("socks5://",              Manners::Socks5,      authority.to_owned(),           "SOCKS5"),
        ("socks5h://me:hu%2Fsh@",  Manners::Socks5Login, format!("{authority} me:hu/sh"), "SOCKS5 with a login"),
    ];
    for (number, (address, manners, asked, why)) in cases.into_iter().enumerate() {
        let proxy = StubProxy::before(&upstream.origin, manners).await;
        let url = format!("{address}{}", proxy.address);
        let gateway = TestGateway::start(&amp_through(&url, &upstream.origin)).await;

        let response = gateway.request("POST", "/api/x%2Fy?a=&a=1", &fields, &body).await;

        assert_eq!((response.status, response.text().as_str()), (200, "ok"), "{why}");
        assert_eq!(proxy.asked(), [asked], "{why}");
        let requests = upstream.requests();
        assert_eq!(requests.len(), number + 2, "{why}");
        assert_eq!(content(&requests[number + 1]), content(&requests[0]), "{why}");
    }
}

#[actix_web::test]
async fn a_proxy_resolves_the_names_of_upstreams() {
    let upstream = StubUpstream::replying(200, "text/plain", "ok").await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("http",    Manners::Connect, connect_head("upstream.invalid:80", "")),
        ("socks5",  Manners::Socks5,  "upstream.invalid:80".to_owned()),
        ("socks5h", Manners::Socks5,  "upstream.invalid:80".to_owned()),
    ];
    for (scheme, manners, asked) in cases {
        let proxy = StubProxy::before(&upstream.origin, manners).await;
        let url = format!("{scheme}://{}", proxy.address);
        let gateway = TestGateway::start(&amp_through(&url, "http://upstream.invalid")).await;

        assert_eq!(gateway.get("/api/x").await.text(), "ok", "{scheme}");
        assert_eq!(proxy.asked(), [asked], "{scheme}");
    }
}

#[actix_web::test]
async fn an_encrypted_upstream_shows_its_certificate_through_any_proxy_and_speaks_http2() {
    let authority = Authority::new();
    let config = authority.server_config("upstream.invalid", &[b"h2", b"http/1.1"]);
    let origin = format!("https://127.0.0.1:{}", http2_server(config));
    let own = authority.server_config("localhost", &[b"h2", b"http/1.1"]);
    let plain = StubProxy::before(&origin, Manners::Connect).await;
    let encrypted = StubProxy::encrypted(&origin, Manners::Connect, own).await;
    let socks = StubProxy::before(&origin, Manners::Socks5).await;
    let encrypted_url = format!("https://me:hush@localhost:{}", encrypted.address.port());
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (format!("http://{}", plain.address),  "https://upstream.invalid",    "HTTP/2.0 100000"),
        (encrypted_url,                        "https://upstream.invalid",    "HTTP/2.0 100000"),
        (format!("socks5://{}", socks.address), "https://upstream.invalid",   "HTTP/2.0 100000"),
        (format!("http://{}", plain.address),  "https://another.invalid",     "upstream_unreachable"),
    ];
    for (url, upstream, expected) in cases {
        let trust = format!("tls: {{ upstream-ca: '{}' }}\n", authority.ca_file());
        let gateway = TestGateway::start(&(amp_through(&url, upstream) + &trust)).await;

        let response = gateway.request("POST", "/api/x", &[], &vec![b'x'; 100_000]).await;

        let text = response.text();
        assert!(text.contains(expected), "{url} to {upstream}: {text}");
    }
    let basic = "Proxy-Authorization: Basic bWU6aHVzaA==\r\n";
    assert_eq!(encrypted.asked(), [connect_head("upstream.invalid:443", basic)]);
}

#[actix_web::test]
async fn a_credential_goes_its_own_way_and_the_rest_the_way_of_all() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let origin = &upstream.origin;
    let of_all = StubProxy::before(origin, Manners::Connect).await;
    let its_own = StubProxy::before(origin, Manners::Socks5).await;
    let gateway = TestGateway::start(&format!(
        "{}claude-api-key: [{{ api-key: k, base-url: '{origin}', proxy-url: 'socks5://{}' }}]\n\
         openai-api-key: [{{ api-key: k, base-url: '{origin}', proxy-url: direct }}]\n\
         gemini-api-key: [{{ api-key: k, base-url: '{origin}' }}]\n",
        amp_through(&format!("http://{}", of_all.address), origin),
        its_own.address,
    ))
    .await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // path,                                   model,      of all, its own, why
        ("/v1/messages",                           "claude-x", 0,      1,       "its own"),
        ("/v1/chat/completions",                   "gpt-x",    0,      1,       "none"),
        ("/v1beta/models/gemini-x:generateContent", "",        1,      1,       "that of all"),
        ("/api/internal",                          "",         1,      1,       "Amp: that of all, and its connection is kept"),
    ];
    for (path, model, through_that_of_all, through_its_own, why) in cases {
        let response = gateway.post_json(path, format!(r#"{{"model":"{model}"}}"#)).await;

        assert_eq!(response.status, 200, "{why}: {}", response.text());
        let asked = (of_all.asked().len(), its_own.asked().len());
        assert_eq!(asked, (through_that_of_all, through_its_own), "{why}");
    }
    assert_eq!(upstream.requests().len(), 4);
}

#[actix_web::test]
async fn what_no_proxy_names_is_reached_directly() {
    let upstream = StubUpstream::replying(200, "text/plain", "ok").await;
    let proxy = StubProxy::before(&upstream.origin, Manners::Connect).await;
    let url = format!("http://{}", proxy.address);
    let port = upstream.origin.rsplit(':').next().unwrap();
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("127.0.0.1".to_owned(),         0, "named"),
        (format!("127.0.0.0/8, x:{port}"), 0, "by its network"),
        ("example.com".to_owned(),       1, "another one is named"),
    ];
    for (no_proxy, asked, why) in cases {
        let before = proxy.asked().len();
        let yaml = amp_through(&url, &upstream.origin);
        let gateway = TestGateway::start_in(&yaml, &[("NO_PROXY", &no_proxy)]).await;

        assert_eq!(gateway.get("/api/x").await.text(), "ok", "{why}");
        assert_eq!(proxy.asked().len() - before, asked, "{why}");
    }
}

#[actix_web::test]
async fn a_proxy_of_the_environment_serves_when_none_is_configured() {
    let upstream = StubUpstream::replying(200, "text/plain", "ok").await;
    let proxy = StubProxy::before(&upstream.origin, Manners::Connect).await;
    let address = proxy.address.to_string();
    let away = "http://upstream.invalid";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (amp_through("", away),              200, 1, "used"),
        (amp_through("direct", away),        502, 0, "switched off"),
        (amp_through("", &upstream.origin),  200, 0, "not for this machine"),
    ];
    for (yaml, status, asked, why) in cases {
        let before = proxy.asked().len();
        let gateway = TestGateway::start_in(&yaml, &[("http_proxy", &address)]).await;

        assert_eq!(gateway.get("/api/x").await.status, status, "{why}");
        assert_eq!(proxy.asked().len() - before, asked, "{why}");
    }
}

/// The address of a port that nobody listens on.
async fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

#[actix_web::test]
async fn a_proxy_that_fails_is_blamed_without_being_named() {
    const FAILED: (u16, &str) = (502, "proxy_failed");
    const LATE: (u16, &str) = (504, "connect_timeout");
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("http",   Manners::Say("HTTP/1.1 407 Who\r\n\r\n"),      FAILED, "no entry"),
        ("http",   Manners::Say("HTTP/1.1 502 Bad\r\n\r\n"),      FAILED, "it cannot get there either"),
        ("http",   Manners::Say("SSH-2.0-OpenSSH\r\n\r\n"),       FAILED, "another protocol"),
        ("http",   Manners::SayAndClose("HTTP/1.1 200 OK\r\n"),   FAILED, "closed inside the head"),
        ("http",   Manners::SayAndClose(""),                      FAILED, "closed without an answer"),
        ("http",   Manners::EndlessHead,                          FAILED, "a head without an end"),
        ("http",   Manners::Close,                                FAILED, "closed at once"),
        ("http",   Manners::Hang,                                 LATE,   "no answer"),
        ("https",  Manners::Connect,                              FAILED, "a certificate nobody vouches for"),
        ("socks5", Manners::Close,                                FAILED, "closed at once"),
        ("socks5", Manners::Hang,                                 LATE,   "no answer"),
        ("socks5", Manners::SaySocks5(&[b"HTTP/1.1 400 Bad\r\n"]), FAILED, "another protocol"),
        ("socks5", Manners::SaySocks5(&[&[5, 255]]),              FAILED, "no method is good enough"),
        ("socks5", Manners::SaySocks5(&[&[5, 2], &[1, 1]]),       FAILED, "the login is refused"),
        ("socks5", Manners::SaySocks5(&[&[5, 0], &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]]), FAILED, "refused behind it"),
    ];
    let theirs = Authority::new();
    for (scheme, manners, (status, code), why) in cases {
        let proxy = match scheme {
            "https" => {
                let config = theirs.server_config("127.0.0.1", &[]);
                StubProxy::encrypted("http://127.0.0.1:1", manners, config).await
            }
            _ => StubProxy::before("http://127.0.0.1:1", manners).await,
        };
        let address = proxy.address.to_string();
        let url = format!("{scheme}://me:hush@{address}");
        assert_blames_the_proxy(&url, &address, status, code, why).await;
        proxy.all_closed().await;
    }
    let nobody = nobody().await;
    let refused = format!("http://me:hush@{nobody}");
    assert_blames_the_proxy(&refused, &nobody, 502, "proxy_failed", "nobody listens").await;
    let unknown = "socks5://me:hush@proxy.invalid:1080";
    assert_blames_the_proxy(unknown, "proxy.invalid", 502, "proxy_failed", "no such name").await;
}

/// Three ways of making a connection: for a pool, to learn the protocol, for a WebSocket.
async fn assert_blames_the_proxy(url: &str, address: &str, status: u16, code: &str, why: &str) {
    // Those that answer may take their time: a slow machine must not make them late.
    let hasty = if status == 504 { "timeouts: { connect: 200ms }\n" } else { "" };
    for origin in ["http://upstream.invalid", "https://upstream.invalid"] {
        let gateway = TestGateway::start(&(amp_through(url, origin) + hasty)).await;
        let mut client = gateway.connect().await;
        client.send("GET", "/actors/x", HANDSHAKE, b"").await;

        for response in [gateway.get("/api/x").await, client.response().await] {
            let text = response.text();
            assert_eq!(response.status, status, "{why}: {origin}: {text}");
            assert_eq!(response.json()["error"]["code"], code, "{why}: {origin}");
            for secret in [address, "hush", "upstream.invalid"] {
                assert!(!text.contains(secret), "{why}: {text} tells {secret}");
            }
        }
    }
}

#[actix_web::test]
async fn what_comes_right_behind_the_head_of_a_proxy_is_not_lost() {
    let answer = Manners::Say(
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    );
    let proxy = StubProxy::before("http://127.0.0.1:1", answer).await;
    let url = format!("http://{}", proxy.address);
    let gateway = TestGateway::start(&amp_through(&url, "http://upstream.invalid")).await;
    assert_eq!(gateway.get("/api/x").await.text(), "ok", "a 2xx to CONNECT has no body");

    let answer = Manners::Say(
        "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nhello",
    );
    let proxy = StubProxy::before("http://127.0.0.1:1", answer).await;
    let url = format!("http://{}", proxy.address);
    let gateway = TestGateway::start(&amp_through(&url, "http://upstream.invalid")).await;
    let (mut client, head) = open_socket(&gateway).await;
    assert_eq!(head.status, 101);
    let heard = expect(client.reader.exactly(5), "the first words").await.unwrap();
    assert_eq!(heard, b"hello");
}

#[actix_web::test]
async fn a_websocket_goes_through_the_proxy() {
    let upstream = echoing().await;
    for (scheme, manners) in [("http", Manners::Connect), ("socks5", Manners::Socks5)] {
        let proxy = StubProxy::before(&upstream.origin, manners).await;
        let url = format!("{scheme}://{}", proxy.address);
        let gateway = TestGateway::start(&amp_through(&url, "http://upstream.invalid")).await;
        let (mut client, head) = open_socket(&gateway).await;
        assert_eq!(head.status, 101, "{scheme}");

        client.say("there and back").await;

        let heard = expect(client.reader.exactly(14), "the echo").await.unwrap();
        assert_eq!(heard, b"there and back", "{scheme}");
        assert_eq!(proxy.asked().len(), 1, "{scheme}");
        drop(client);
        proxy.all_closed().await;
    }
}

#[actix_web::test]
async fn two_credentials_never_share_a_connection_unless_they_share_a_proxy() {
    let upstream = StubUpstream::replying(200, "application/json", "{}").await;
    let proxy = StubProxy::before(&upstream.origin, Manners::Socks5Login).await;
    let credential = |letter: &str, exit: &str| {
        format!(
            "  - {{ api-key: key-{letter}, base-url: '{}', models: [{{ name: {letter} }}], \
             proxy-url: 'socks5://{exit}:pw@{}' }}\n",
            upstream.origin, proxy.address
        )
    };
    let gateway = TestGateway::start(&format!(
        "api-keys: [client-key-1]\nclaude-api-key:\n{}{}{}",
        credential("a", "exit-1"),
        credential("b", "exit-2"),
        credential("c", "exit-1"),
    ))
    .await;

    for model in ["a", "b", "a", "b", "c"] {
        let call = format!(r#"{{"model":"{model}"}}"#);
        assert_eq!(gateway.post_json("/v1/messages", call).await.status, 200);
    }

    let authority = upstream.origin.trim_start_matches("http://");
    let exit = |user| format!("{authority} {user}:pw");
    assert_eq!(proxy.asked(), [exit("exit-1"), exit("exit-2")]);
    let connections: Vec<_> = upstream
        .requests()
        .iter()
        .map(|seen| (seen.field("x-api-key").unwrap().to_owned(), seen.connection))
        .collect();
    let expected = [("key-a", 0), ("key-b", 1), ("key-a", 0), ("key-b", 1), ("key-c", 0)];
    assert_eq!(connections, expected.map(|(key, at)| (key.to_owned(), at)));
}

#[actix_web::test]
async fn events_arrive_through_a_proxy_as_they_are_said() {
    let heard = std::rc::Rc::new(tokio::sync::Notify::new());
    let go_on = heard.clone();
    let upstream = StubUpstream::answering(move |mut conversation| {
        let go_on = go_on.clone();
        async move {
            conversation.begin(200, &[("content-type", "text/event-stream")]).await;
            for number in 0..3 {
                conversation.chunk(format!("data: {number}\n\n")).await;
                go_on.notified().await;
            }
            conversation.end().await;
            Some(conversation)
        }
    })
    .await;
    let proxy = StubProxy::before(&upstream.origin, Manners::Connect).await;
    let url = format!("http://{}", proxy.address);
    let gateway = TestGateway::start(&amp_through(&url, "http://upstream.invalid")).await;
    let mut client = gateway.connect().await;

    client.send("GET", "/api/events", &[("x-api-key", "client-key-1")], b"").await;
    assert_eq!(client.head().await.status, 200);

    for number in 0..3 {
        let chunk = client.chunk().await.unwrap().unwrap();
        assert_eq!(String::from_utf8(chunk).unwrap(), format!("data: {number}\n\n"));
        heard.notify_one();
    }
    assert_eq!(client.chunk().await.unwrap(), None);
}

#[actix_web::test]
async fn when_the_client_leaves_the_way_through_the_proxy_closes() {
    for manners in [Manners::Hang, Manners::Connect] {
        let upstream = StubUpstream::answering(|mut conversation| async move {
            conversation.gateway_leaves().await;
            None
        })
        .await;
        let proxy = StubProxy::before(&upstream.origin, manners).await;
        let url = format!("http://{}", proxy.address);
        let yaml = amp_through(&url, "http://upstream.invalid") + "timeouts: { connect: 1h }\n";
        let gateway = TestGateway::start(&yaml).await;
        let mut client = gateway.connect().await;
        client.send("GET", "/api/x", &[("x-api-key", "client-key-1")], b"").await;
        proxy.has_connections().await;

        drop(client);

        proxy.all_closed().await;
    }
}

#[actix_web::test]
async fn the_log_tells_what_a_proxy_did_and_never_its_login() {
    let upstream = StubUpstream::replying(200, "text/plain", "ok").await;
    let refusing = StubProxy::before(&upstream.origin, Manners::Say("HTTP/1.1 407 X\r\n\r\n"));
    let refusing = refusing.await;
    let good = StubProxy::before(&upstream.origin, Manners::Socks5Login).await;
    let mut gateway = GatewayProcess::start(&format!(
        "{}log: {{ level: trace }}\n\
         claude-api-key: [{{ api-key: k, base-url: '{}', proxy-url: 'socks5://user-hush:pw-hush@{}' }}]\n",
        amp_through(&format!("http://user-hush:pw-hush@{}", refusing.address), &upstream.origin),
        upstream.origin,
        good.address,
    ));
    let key = [("x-api-key", "client-key-1")];
    let mut client = gateway.connect().await;

    client.send("GET", "/api/x", &key, b"").await;
    assert_eq!(client.response().await.status, 502);
    client.send("POST", "/v1/messages", &key, br#"{"model":"claude-x"}"#).await;
    assert_eq!(client.response().await.status, 200);

    gateway.log_line_with("proxy: it refuses the user name and password (407)");
    gateway.signal("-TERM");
    assert!(gateway.wait().success());
    let log = gateway.log();
    assert!(log.contains("goes through a proxy"), "{log}");
    for secret in ["hush", "dXNlci1odXNo", "client-key-1"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
