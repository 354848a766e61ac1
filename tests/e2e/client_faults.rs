//! Clients leave, dawdle and lie; the upstream is let go at once, and memory stays where it is.

use std::rc::Rc;

use tokio::io::AsyncWriteExt as _;
use tokio::sync::Notify;

use crate::support::{Client, GatewayProcess, StubUpstream, TestGateway, expect};

const KEY: (&str, &str) = ("authorization", "Bearer client-key-1");

/// How much the process may grow while a body many times as large passes: socket buffers, and room
/// for the allocator.
const ROOM_KIB: u64 = 24 << 10;

#[actix_web::test]
async fn a_client_that_leaves_before_the_head_closes_the_upstream() {
    for (target, body) in [("/api/slow", &b""[..]), ("/v1/messages", br#"{"model":"claude-x"}"#)] {
        let upstream = StubUpstream::answering(|mut conversation| async move {
            conversation.gateway_leaves().await;
            None
        })
        .await;
        let gateway = both_doors(&upstream.origin).await;
        let mut client = gateway.connect().await;
        client.send("POST", target, &[KEY], body).await;
        upstream.request(0).await;

        drop(client);

        upstream.all_closed().await;
    }
}

#[actix_web::test]
async fn a_client_that_leaves_in_mid_stream_closes_the_upstream() {
    for (target, body) in [("/api/events", &b""[..]), ("/v1/messages", br#"{"model":"claude-x"}"#)]
    {
        let upstream = StubUpstream::answering(|mut conversation| async move {
            conversation.begin(200, &[("content-type", "text/event-stream")]).await;
            conversation.chunk("event: ping\ndata: {}\n\n").await;
            conversation.gateway_leaves().await;
            None
        })
        .await;
        let gateway = both_doors(&upstream.origin).await;
        let mut client = gateway.connect().await;
        client.send("POST", target, &[KEY], body).await;
        client.head().await;
        client.chunk().await.unwrap();

        drop(client);

        upstream.all_closed().await;
    }
}

#[actix_web::test]
async fn a_client_that_leaves_in_mid_upload_closes_the_upstream() {
    let upstream = StubUpstream::replying(200, "text/plain", "never").await;
    let gateway = both_doors(&upstream.origin).await;
    let mut client = gateway.connect().await;
    client
        .say(format!(
            "POST /api/x HTTP/1.1\r\nhost: g\r\n{}: {}\r\ncontent-length: 1000000\r\n\r\nonly this",
            KEY.0, KEY.1
        ))
        .await;
    let connected = async {
        while upstream.connections() == 0 {
            tokio::task::yield_now().await;
        }
    };
    expect(connected, "the upload to begin").await;

    drop(client);

    upstream.all_closed().await;
    assert_eq!(upstream.requests().len(), 0, "half a request is none");
}

#[actix_web::test]
async fn a_slow_reader_does_not_fill_the_gateway() {
    const ANSWER_BYTES: usize = 100 << 20;
    let stuck = Rc::new(Notify::new());
    let told = stuck.clone();
    let upstream = StubUpstream::answering(move |mut conversation| {
        let stuck = stuck.clone();
        async move {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {ANSWER_BYTES}\r\n\r\n");
            conversation.say(head).await;
            let piece = vec![b'x'; 1 << 20];
            for _ in 0..ANSWER_BYTES >> 20 {
                let wait = std::time::Duration::from_millis(500);
                let mut write = std::pin::pin!(conversation.writer.write_all(&piece));
                if tokio::time::timeout(wait, &mut write).await.is_err() {
                    stuck.notify_one(); // held back: nobody reads
                    let _ = write.await;
                }
            }
            Some(conversation)
        }
    })
    .await;
    let gateway = GatewayProcess::start(&settings(&upstream.origin));
    let before = gateway.resident_kib();
    let mut client = gateway.connect().await;
    client.send("GET", "/api/big", &[KEY], b"").await;
    let head = client.head().await;

    expect(told.notified(), "the upstream to be held back").await;

    let grown = gateway.peak_resident_kib().saturating_sub(before);
    assert!(grown < ROOM_KIB, "{grown} KiB while nobody reads");
    let body = expect(client.rest(&head.fields), "all of it").await.unwrap();
    assert_eq!(body.len(), ANSWER_BYTES);
}

#[actix_web::test]
async fn a_large_upload_passes_in_flat_memory() {
    const UPLOAD_BYTES: usize = 50 << 20;
    let upstream = StubUpstream::answering(|mut conversation| async move {
        let length = conversation.request.body.len().to_string();
        conversation.reply(200, &[], length).await;
        Some(conversation)
    })
    .await;
    let gateway = GatewayProcess::start(&settings(&upstream.origin));
    let before = gateway.resident_kib();
    let Client { mut reader, mut writer } = gateway.connect().await;
    let head = format!(
        "POST /api/attachments HTTP/1.1\r\nhost: g\r\n{}: {}\r\ncontent-length: {UPLOAD_BYTES}\r\n\r\n",
        KEY.0, KEY.1
    );
    let upload = async {
        writer.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..UPLOAD_BYTES >> 20 {
            writer.write_all(&piece).await.unwrap();
        }
    };

    let ((), answer) = expect(
        futures::future::join(upload, async {
            let (_, fields, _) = reader.head().await.unwrap().unwrap();
            reader.body(&fields).await.unwrap().unwrap()
        }),
        "the upload",
    )
    .await;

    assert_eq!(answer, UPLOAD_BYTES.to_string().as_bytes());
    let grown = gateway.peak_resident_kib().saturating_sub(before);
    assert!(grown < ROOM_KIB, "{grown} KiB for an upload that only passes");
}

#[actix_web::test]
async fn a_head_that_never_ends_is_not_waited_for() {
    let gateway =
        TestGateway::start("api-keys: [client-key-1]\ntimeouts: { client-head: 1s }\n").await;
    let mut client = gateway.connect().await;

    client.say("GET /api/x HTTP/1.1\r\nhost: g\r\nx-half: ").await;

    let last = String::from_utf8(client.to_end().await).unwrap();
    assert!(last.is_empty() || last.starts_with("HTTP/1.1 408"), "{last}");
}

#[actix_web::test]
async fn a_head_over_the_limit_is_refused() {
    let gateway =
        TestGateway::start("api-keys: [client-key-1]\nlimits: { header-bytes: 4KiB }\n").await;
    let large = "x".repeat(5000);

    let response = gateway.request("GET", "/healthz", &[("x-large", &large)], b"").await;

    assert_eq!(response.status, 431, "{}", response.text());
    assert_eq!(response.json()["error"]["code"], "head_too_large");
}

#[actix_web::test]
async fn a_body_over_the_limit_is_refused_however_it_is_framed() {
    let upstream = StubUpstream::replying(200, "text/plain", "never").await;
    let yaml = settings(&upstream.origin) + "limits: { request-body: 1KiB }\n";
    let gateway = TestGateway::start(&yaml).await;
    let body = vec![b'x'; 2000];
    let chunked = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    for (target, code) in [("/api/x", "/error/code"), ("/v1/messages", "/error/type")] {
        for is_chunked in [false, true] {
            let mut client = gateway.connect().await;
            if is_chunked {
                let head = format!(
                    "POST {target} HTTP/1.1\r\nhost: g\r\n{}: {}\r\ntransfer-encoding: chunked\r\n\r\n",
                    KEY.0, KEY.1
                );
                client.say([head.as_bytes(), &chunked].concat()).await;
            } else {
                client.send("POST", target, &[KEY], &body).await;
            }

            let response = client.response().await;

            let case = format!("{target} chunked: {is_chunked}: {}", response.text());
            assert_eq!(response.status, 413, "{case}");
            assert!(response.json().pointer(code).is_some(), "{case}");
        }
    }
    assert_eq!(upstream.requests().len(), 0, "no whole request reached it");
}

/// A request that two servers could read in two ways is refused, and nothing of it goes on.
#[actix_web::test]
async fn an_ambiguous_request_goes_nowhere() {
    let upstream = StubUpstream::replying(200, "text/plain", "never").await;
    let gateway = both_doors(&upstream.origin).await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "CL and TE"),
        ("transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", "TE and CL"),
        ("content-length: 5\r\ncontent-length: 5\r\n\r\nhello",              "CL twice"),
        ("content-length: 5\r\ncontent-length: 6\r\n\r\nhello",              "two CLs"),
        ("content-length: +5\r\n\r\nhello",                                  "a sign"),
        ("content-length: 5, 5\r\n\r\nhello",                                "a list of lengths"),
        ("transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",                "a coding we do not undo"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "TE twice"),
        ("transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",       "a chunk size that is none"),
        ("content-length : 5\r\n\r\nhello",                                  "space before the colon"),
        ("x-folded: a\r\n b\r\ncontent-length: 0\r\n\r\n",                   "obs-fold"),
        ("x-nul: a\0b\r\n\r\n",                                              "NUL in a value"),
        ("no colon\r\n\r\n",                                                 "no field at all"),
    ];
    for (rest, why) in cases {
        let mut client = gateway.connect().await;
        client
            .say(format!("POST /api/x HTTP/1.1\r\nhost: g\r\n{}: {}\r\n{rest}", KEY.0, KEY.1))
            .await;
        let answer = String::from_utf8_lossy(&client.to_end().await).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{why}: {answer}");
    }
    assert_eq!(upstream.requests().len(), 0, "nothing of it went on");
    assert_eq!(gateway.get("/healthz").await.status, 200, "and the gateway lives");
}

fn settings(origin: &str) -> String {
    format!(
        "api-keys: [client-key-1]\n\
         ampcode: {{ upstream-url: '{origin}', upstream-api-key: team-key }}\n\
         claude-api-key: [{{ api-key: provider-key, base-url: '{origin}' }}]\n"
    )
}

async fn both_doors(origin: &str) -> TestGateway {
    TestGateway::start(&settings(origin)).await
}
