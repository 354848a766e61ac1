//! Amp's own traffic goes through to the Amp server, byte for byte, with the team's key.

use std::io::Write as _;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::support::{Response, StubUpstream, TestGateway};

const KEY: (&str, &str) = ("authorization", "Bearer client-key-1");

/// Every byte value, over and over.
fn binary(length: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(length).collect()
}

fn gzipped(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn chunked(body: &[u8], piece: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    for chunk in body.chunks(piece) {
        wire.extend(format!("{:x}\r\n", chunk.len()).bytes());
        wire.extend(chunk);
        wire.extend(b"\r\n");
    }
    wire.extend(b"0\r\n\r\n");
    wire
}

/// An upstream that says the same bytes to every request, and closes the connection if asked to.
async fn upstream_saying(bytes: impl Into<Vec<u8>>, closes: bool) -> StubUpstream {
    let bytes: Rc<[u8]> = bytes.into().into();
    StubUpstream::answering(move |mut conversation| {
        let bytes = bytes.clone();
        async move {
            conversation.say(&bytes).await;
            (!closes).then_some(conversation)
        }
    })
    .await
}

/// What a client gets when the upstream says these bytes to a GET and then closes.
async fn relayed(bytes: impl Into<Vec<u8>>) -> Response {
    let upstream = upstream_saying(bytes, true).await;
    TestGateway::relaying_to(&upstream.origin).await.get("/api/user").await
}

#[actix_web::test]
async fn client_key_is_replaced_by_the_upstream_key() {
    let upstream = StubUpstream::replying(200, "application/json", r#"{"id":"user-1"}"#).await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;

    let response = gateway.get("/api/user").await;

    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.text(), r#"{"id":"user-1"}"#);
    let seen = upstream.only_request();
    assert_eq!(seen.field("authorization"), Some("Bearer team-key"));
    assert_eq!(seen.field("x-api-key"), Some("team-key"));
    assert!(!seen.mentions("client-key-1"), "client key leaked: {seen:?}");
}

#[actix_web::test]
async fn every_method_crosses_as_it_is() {
    let upstream = StubUpstream::replying(200, "text/plain", "done").await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;

    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        let response = gateway.request(method, "/api/threads", &[], b"").await;
        assert_eq!((response.status, response.text().as_str()), (200, "done"), "{method}");
    }

    let seen: Vec<_> = upstream.requests().into_iter().map(|request| request.method).collect();
    assert_eq!(seen, ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"]);
}

#[actix_web::test]
async fn request_bodies_arrive_byte_for_byte() {
    let upstream = StubUpstream::replying(200, "text/plain", "done").await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // length,  chunked, why
        (0,         false,   "POST with Content-Length: 0"),
        (1,         false,   "one byte"),
        (1 << 20,   false,   "one megabyte of every byte value"),
        (0,         true,    "chunked and empty"),
        (300_000,   true,    "chunked in odd pieces"),
    ];
    for (number, (length, is_chunked, why)) in cases.into_iter().enumerate() {
        let body = binary(length);
        let mut client = gateway.connect().await;
        if is_chunked {
            let head = "POST /api/x HTTP/1.1\r\nhost: g\r\nx-api-key: client-key-1\r\n\
                        transfer-encoding: chunked\r\n\r\n";
            client.say([head.as_bytes(), &chunked(&body, 7001)].concat()).await;
        } else {
            let length = length.to_string();
            let head = format!(
                "POST /api/x HTTP/1.1\r\nhost: g\r\nx-api-key: client-key-1\r\n\
                 content-length: {length}\r\n\r\n"
            );
            client.say([head.as_bytes(), &body].concat()).await;
        }
        assert_eq!(client.response().await.status, 200, "{why}");

        let seen = upstream.request(number).await;
        assert!(seen.body == body, "{why}: {} bytes came", seen.body.len());
        let declares = seen.field("content-length").is_some();
        assert_eq!(declares, !is_chunked || length == 0, "{why}");
    }
}

#[actix_web::test]
async fn answers_arrive_byte_for_byte() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // length,  chunked, why
        (0,         false,   "Content-Length: 0"),
        (1,         false,   "one byte"),
        (1 << 20,   false,   "one megabyte of every byte value"),
        (0,         true,    "chunked and empty"),
        (300_000,   true,    "chunked in odd pieces"),
    ];
    for (length, is_chunked, why) in cases {
        let body = binary(length);
        let (framing, wire) = if is_chunked {
            ("transfer-encoding: chunked".to_owned(), chunked(&body, 7001))
        } else {
            (format!("content-length: {length}"), body.clone())
        };
        let head = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n");
        let upstream = upstream_saying([head.as_bytes(), &wire].concat(), false).await;
        let gateway = TestGateway::relaying_to(&upstream.origin).await;

        let response = gateway.get("/api/x").await;

        assert!(response.body == body, "{why}: {} bytes came", response.body.len());
        let length = length.to_string();
        let declared = (!is_chunked).then_some(length.as_str());
        assert_eq!(response.field("content-length"), declared, "{why}");
    }
}

#[actix_web::test]
async fn path_and_query_cross_byte_for_byte_less_our_keys() {
    let upstream = StubUpstream::replying(200, "text/plain", "done").await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // asked,                              seen,                                  why
        ("/api/a%2Fb//c?x=%2F&x=&y&&z=1",      "/api/a%2Fb//c?x=%2F&x=&y&&z=1",       "nothing is normalised"),
        ("/api/x?",                            "/api/x?",                             "an empty query is a query"),
        ("/api/some-new-thing/deep?a=1",       "/api/some-new-thing/deep?a=1",        "unknown paths are Amp's business"),
        ("/api/../threads/./x",                "/api/../threads/./x",                 "dot segments are not resolved"),
        ("/api/x?key=client-key-1",            "/api/x",                              "our key alone"),
        ("/api/x?a=%20&key=client-key-1&b=+",  "/api/x?a=%20&b=+",                    "our key, the rest kept"),
        ("/api/x?auth_token=client-key-1&b",   "/api/x?b",                            "Amp's parameter"),
        ("/api/x?key=client%2Dkey-1&b",        "/api/x?b",                            "our key, encoded"),
        ("/api/x?key=sort-key&auth_token=",    "/api/x?key=sort-key&auth_token=",     "no key of ours"),
        ("/api/x?monkey=client-key-2",         "/api/x?monkey=client-key-2",          "another parameter"),
    ];
    for (number, (asked, expected, why)) in cases.into_iter().enumerate() {
        assert_eq!(gateway.get(asked).await.status, 200, "{why}");
        assert_eq!(upstream.request(number).await.target, expected, "{why}");
    }
}

#[actix_web::test]
async fn a_client_that_expects_100_continue_gets_it_from_us() {
    let upstream = StubUpstream::replying(200, "text/plain", "done").await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    let mut client = gateway.connect().await;

    let fields = [KEY, ("expect", "100-continue"), ("content-length", "5")];
    client.send("POST", "/api/x", &fields, b"").await;
    assert_eq!(client.head().await.status, 100);
    client.say("hello").await;

    assert_eq!(client.response().await.status, 200);
    let seen = upstream.only_request();
    assert_eq!(seen.body, b"hello");
    assert_eq!(seen.field("expect"), None);
}

#[actix_web::test]
async fn answers_without_a_body_have_none_and_keep_their_fields() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // method, answer,                                                         field,            value
        ("HEAD",   "HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n",              "content-length", Some("1234")),
        ("HEAD",   "HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-length: 0\r\n\r\n",  "etag",           Some("\"e\"")),
        ("GET",    "HTTP/1.1 204 No Content\r\nx-a: b\r\n\r\n",                    "x-a",            Some("b")),
        ("GET",    "HTTP/1.1 204 No Content\r\n\r\n",                              "content-length", None),
        ("GET",    "HTTP/1.1 304 Not Modified\r\netag: \"e\"\r\n\r\n",             "etag",           Some("\"e\"")),
    ];
    for (method, answer, field, value) in cases {
        let upstream = upstream_saying(answer, false).await;
        let gateway = TestGateway::relaying_to(&upstream.origin).await;
        let mut client = gateway.connect().await;

        client.send(method, "/api/x", &[KEY], b"").await;
        let first = client.head().await;
        // A body that should not be there would stand where the next head begins.
        client.send(method, "/api/x", &[KEY], b"").await;
        let second = client.head().await;

        assert_eq!(first.field(field), value, "{method}: {answer}");
        assert_eq!(second.status, first.status, "{method}: {answer}");
        assert_eq!(upstream.connections(), 1, "the connection is good for another: {answer}");
    }
}

#[actix_web::test]
async fn cookies_cross_one_by_one_in_their_order() {
    let answer = "HTTP/1.1 200 OK\r\nset-cookie: b=2; Path=/\r\nset-cookie: a=1, x\r\n\
                  set-cookie: b=3\r\ncontent-length: 0\r\n\r\n";

    let response = relayed(answer).await;

    assert_eq!(response.fields.all("set-cookie"), ["b=2; Path=/", "a=1, x", "b=3"]);
}

#[actix_web::test]
async fn a_redirect_is_the_clients_to_follow() {
    let answer =
        "HTTP/1.1 302 Found\r\nlocation: /api/elsewhere?a=1\r\ncontent-length: 4\r\n\r\nmove";
    let upstream = upstream_saying(answer, false).await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;

    let response = gateway.get("/api/x").await;

    assert_eq!((response.status, response.text().as_str()), (302, "move"));
    assert_eq!(response.field("location"), Some("/api/elsewhere?a=1"));
    assert_eq!(upstream.requests().len(), 1);
}

#[actix_web::test]
async fn declared_encodings_cross_untouched() {
    let gzip = gzipped(&b"some text ".repeat(1000));
    let cases: [(&str, &[u8]); 4] = [
        ("gzip", &gzip),
        ("br", &[0x0b, 2, 0x80]),
        ("zstd", &[0x28, 0xb5, 0x2f]),
        ("x-own", &gzip),
    ];
    for (coding, body) in cases {
        for (framing, wire) in [
            (format!("content-length: {}", body.len()), body.to_vec()),
            ("transfer-encoding: chunked".to_owned(), chunked(body, 11)),
        ] {
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\n{framing}\r\n\r\n");

            let response = relayed([head.as_bytes(), &wire].concat()).await;

            assert_eq!(response.field("content-encoding"), Some(coding), "{framing}");
            assert_eq!(response.body, body, "{coding}, {framing}");
        }
    }
}

#[actix_web::test]
async fn gzip_that_is_not_declared_is_decompressed() {
    let plain = b"some text ".repeat(1000);
    let body = gzipped(&plain);
    for (framing, wire) in [
        (format!("content-length: {}", body.len()), body.clone()),
        ("transfer-encoding: chunked".to_owned(), chunked(&body, 11)),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n{framing}\r\n\r\n");

        let response = relayed([head.as_bytes(), &wire].concat()).await;

        assert!(response.body == plain, "{framing}: {} bytes came", response.body.len());
    }
}

#[actix_web::test]
async fn what_only_looks_like_gzip_crosses_intact() {
    let mut corrupt = gzipped(&b"some text ".repeat(1000));
    corrupt.truncate(20);
    corrupt.extend(b"this was never compressed");
    for body in [corrupt, vec![0x1f, 0x8b], vec![0x1f, 0x8b, 8]] {
        for (framing, wire) in [
            (format!("content-length: {}", body.len()), body.clone()),
            ("transfer-encoding: chunked".to_owned(), chunked(&body, 2)),
        ] {
            let head = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n");

            let response = relayed([head.as_bytes(), &wire].concat()).await;

            assert_eq!(response.body, body, "{framing}");
        }
    }
}

#[actix_web::test]
async fn an_event_reaches_the_client_before_the_next_is_sent() {
    let gate = Rc::new(Notify::new());
    let opens = gate.clone();
    let upstream = StubUpstream::answering(move |mut conversation| {
        let gate = gate.clone();
        async move {
            conversation.begin(200, &[("content-type", "text/event-stream")]).await;
            conversation.chunk("data: 1\n\n").await;
            gate.notified().await;
            conversation.chunk("data: 2\n\n").await;
            gate.notified().await;
            conversation.end().await;
            Some(conversation)
        }
    })
    .await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    let mut client = gateway.connect().await;

    client.send("GET", "/api/events", &[KEY], b"").await;

    let head = client.head().await;
    assert_eq!(head.field("content-type"), Some("text/event-stream"));
    assert_eq!(client.chunk().await.unwrap().unwrap(), b"data: 1\n\n");
    opens.notify_one();
    assert_eq!(client.chunk().await.unwrap().unwrap(), b"data: 2\n\n");
    opens.notify_one();
    assert_eq!(client.chunk().await.unwrap(), None);
}

#[actix_web::test]
async fn events_that_come_at_once_go_on_together_and_whole() {
    const EVENTS: usize = 40;
    let events: Vec<String> =
        (10..10 + EVENTS).map(|number| format!("data: {number}\n\n")).collect();
    let sent = events.concat();
    let upstream = StubUpstream::answering(move |mut conversation| {
        let events = events.clone();
        async move {
            let mut answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
             transfer-encoding: chunked\r\n\r\n"
                .to_owned();
            for event in &events {
                answer.push_str(&format!("{:x}\r\n{event}\r\n", event.len()));
            }
            conversation.say(answer + "0\r\n\r\n").await;
            Some(conversation)
        }
    })
    .await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    let mut client = gateway.connect().await;

    client.send("GET", "/api/events", &[KEY], b"").await;

    client.head().await;
    let mut chunks = Vec::new();
    while let Some(chunk) = client.chunk().await.unwrap() {
        chunks.push(String::from_utf8(chunk).unwrap());
    }
    assert_eq!(chunks.concat(), sent);
    assert!(chunks.len() < EVENTS / 2, "{} chunks", chunks.len());
}

#[actix_web::test]
async fn the_head_of_a_stream_does_not_wait_for_its_first_event() {
    let gate = Rc::new(Notify::new());
    let opens = gate.clone();
    let upstream = StubUpstream::answering(move |mut conversation| {
        let gate = gate.clone();
        async move {
            conversation.begin(200, &[("content-type", "text/event-stream")]).await;
            gate.notified().await;
            conversation.end().await;
            Some(conversation)
        }
    })
    .await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    let mut client = gateway.connect().await;

    client.send("GET", "/api/events", &[KEY], b"").await;

    assert_eq!(client.head().await.status, 200);
    opens.notify_one();
    assert_eq!(client.chunk().await.unwrap(), None);
}

#[actix_web::test]
async fn the_amp_servers_key_comes_from_the_first_place_that_has_one() {
    let upstream = StubUpstream::replying(200, "text/plain", "done").await;
    let origin = &upstream.origin;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.json");
    std::fs::write(&path, format!(r#"{{"apiKey@{origin}/":"file-key"}}"#)).unwrap();
    let file = format!("secrets-file: '{}'", path.display());
    let own = "upstream-api-keys: [{ upstream-api-key: own-key, api-keys: [client-key-1] }]";
    let others = "upstream-api-keys: [{ upstream-api-key: own-key, api-keys: [client-key-2] }]";
    let team = "upstream-api-key: team-key";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // configured,                              AMP_API_KEY,     the key,         why
        (format!("{own}, {team}, {file}"),          Some("env-key"), "own-key",  "the client's own"),
        (format!("{others}, {team}, {file}"),       Some("env-key"), "team-key", "another client's own"),
        (file.clone(),                              Some("env-key"), "env-key",  "the environment before the file"),
        (file.clone(),                              None,            "file-key", "the file at last"),
    ];
    for (number, (configured, environment, expected, why)) in cases.into_iter().enumerate() {
        let yaml = format!(
            "api-keys: [client-key-1, client-key-2]\n\
             ampcode: {{ upstream-url: '{origin}', {configured} }}\n"
        );
        let gateway = TestGateway::start_with(&yaml, environment).await;

        assert_eq!(gateway.get("/api/user").await.status, 200, "{why}");

        let seen = upstream.request(number).await;
        assert_eq!(seen.field("x-api-key"), Some(expected), "{why}");
        assert_eq!(
            seen.field("authorization"),
            Some(format!("Bearer {expected}").as_str()),
            "{why}"
        );
    }
}

#[actix_web::test]
async fn without_any_key_the_amp_servers_401_comes_back() {
    let upstream = StubUpstream::replying(401, "application/json", r#"{"error":"who?"}"#).await;
    let yaml =
        format!("api-keys: [client-key-1]\nampcode: {{ upstream-url: '{}' }}", upstream.origin);
    let gateway = TestGateway::start(&yaml).await;

    let response = gateway.get("/api/user").await;

    assert_eq!((response.status, response.text().as_str()), (401, r#"{"error":"who?"}"#));
    let seen = upstream.only_request();
    assert_eq!((seen.field("authorization"), seen.field("x-api-key")), (None, None));
}

#[actix_web::test]
async fn a_broken_secrets_file_sends_the_request_without_a_key() {
    let upstream = StubUpstream::replying(401, "text/plain", "who?").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.json");
    std::fs::write(&path, "{ not json").unwrap();
    let yaml = format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '{}', secrets-file: '{}' }}",
        upstream.origin,
        path.display()
    );
    let gateway = TestGateway::start(&yaml).await;

    assert_eq!(gateway.get("/api/user").await.status, 401);

    assert_eq!(upstream.only_request().field("x-api-key"), None);
}

#[actix_web::test]
async fn no_cross_origin_grant_leaves_a_management_route() {
    let answer = "HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\n\
                  Access-Control-Allow-Credentials: true\r\nvary: origin\r\n\
                  content-length: 2\r\n\r\nok";

    let response = relayed(answer).await;

    assert_eq!(response.field("access-control-allow-origin"), None);
    assert_eq!(response.field("access-control-allow-credentials"), None);
    assert_eq!(response.field("vary"), Some("origin"));
}

#[actix_web::test]
async fn unusual_but_valid_answers_arrive_whole() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nwhole",                      "ends with the connection"),
        ("HTTP/1.1 200 OK\r\n\r\nwhole",                                           "and does not say so"),
        ("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nwhole",                      "HTTP/1.0"),
        ("HTTP/1.0 200 OK\r\n\r\nwhole",                                           "HTTP/1.0 without a length"),
        ("HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\nwhole",                        "no reason"),
        ("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n\
          HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole",                      "early hints come before"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n\
          HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole",                      "two interim answers"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
          5;ext=\"1\"\r\nwhole\r\n0\r\nx-trailer: 1\r\n\r\n",                      "chunk extension and trailer"),
    ];
    for (answer, why) in cases {
        let response = relayed(answer).await;

        assert_eq!((response.status, response.text().as_str()), (200, "whole"), "{why}");
        assert_eq!(response.field("link"), None, "{why}");
    }
}

#[actix_web::test]
async fn fields_about_the_clients_connection_and_address_end_here() {
    let upstream = StubUpstream::replying(200, "text/plain", "done").await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // name,               value,              reaches it, why
        ("connection",         "x-debug, close",   false, "hop-by-hop"),
        ("x-debug",            "1",                false, "nominated by Connection"),
        ("keep-alive",         "timeout=5",        false, "hop-by-hop"),
        ("proxy-connection",   "keep-alive",       false, "hop-by-hop in practice"),
        ("proxy-authorization", "Basic x",         false, "for this hop"),
        ("te",                 "trailers",         false, "hop-by-hop"),
        ("upgrade",            "h2c",              false, "hop-by-hop"),
        ("forwarded",          "for=1.2.3.4",      false, "a claim about the client's address"),
        ("x-forwarded-for",    "1.2.3.4",          false, "a claim about the client's address"),
        ("x-forwarded-proto",  "https",            false, "a claim about the client's address"),
        ("x-real-ip",          "1.2.3.4",          false, "a claim about the client's address"),
        ("via",                "1.1 proxy",        false, "a claim about the client's address"),
        ("true-client-ip",     "1.2.3.4",          false, "a claim about the client's address"),
        ("cf-connecting-ip",   "1.2.3.4",          false, "a claim about the client's address"),
        ("x-goog-api-key",     "someone-elses",    false, "a credential, whoever's"),
        ("anthropic-beta",     "context-1m-2025-08-07,b", true, "Amp's users pay for all features"),
        ("x-amp-thread-id",    "T-1",              true,  "end-to-end"),
        ("user-agent",         "amp/1",            true,  "the client's own"),
        ("cookie",             "a=1",              true,  "end-to-end"),
        ("accept-encoding",    "gzip, br",         true,  "end-to-end"),
        ("accept",             "*/*",              true,  "end-to-end"),
    ];
    let fields: Vec<_> = cases.iter().map(|(name, value, ..)| (*name, *value)).collect();

    gateway.request("GET", "/api/x", &fields, b"").await;

    let seen = upstream.only_request();
    for (name, value, reaches, why) in cases {
        assert_eq!(seen.field(name), reaches.then_some(value), "{name}: {why}");
    }
    let host = upstream.origin.trim_start_matches("http://");
    assert_eq!(seen.fields.all("host"), [host], "the upstream's, not ours");
}

#[actix_web::test]
async fn nothing_is_added_to_a_relayed_request_but_the_key() {
    let upstream = StubUpstream::replying(200, "text/plain", "done").await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;

    gateway.request("GET", "/api/x", &[("x-own", "1")], b"").await;

    let seen = upstream.only_request();
    let mut names: Vec<_> =
        seen.fields.0.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    // actix-http dates every message.
    assert_eq!(names, ["authorization", "date", "host", "x-api-key", "x-own"], "{seen:?}");
}

#[actix_web::test]
async fn fields_about_the_upstreams_connection_end_here() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // name,               value,              reaches the client, why
        ("connection",         "x-debug",          false, "hop-by-hop"),
        ("x-debug",            "1",                false, "nominated by Connection"),
        ("keep-alive",         "timeout=5",        false, "hop-by-hop"),
        ("proxy-authenticate", "Basic",            false, "for this hop"),
        ("upgrade",            "h2c",              false, "hop-by-hop"),
        ("server",             "amp",              true,  "end-to-end"),
        ("x-request-id",       "u-1",              true,  "end-to-end"),
        ("www-authenticate",   "Bearer",           true,  "end-to-end"),
        ("date",               "Thu, 01 Jan 1970 00:00:00 GMT", true, "the upstream's own date"),
    ];
    let mut answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n".to_owned();
    for (name, value, ..) in cases {
        answer.push_str(&format!("{name}: {value}\r\n"));
    }

    let response = relayed(answer + "\r\n").await;

    for (name, value, reaches, why) in cases {
        let expected: &[&str] = if reaches { &[value] } else { &[] };
        assert_eq!(response.fields.all(name), expected, "{name}: {why}");
    }
}
