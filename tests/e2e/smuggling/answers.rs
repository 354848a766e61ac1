//! What upstreams say: where an answer ends, and what comes behind it.

use crate::support::{Client, StubUpstream, TestGateway, expect};

/// What a client sees of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// A status of ours: nothing the upstream said went on.
    Garbled,
    /// The upstream's status and body; the next request goes over the same connection.
    Kept(u16, &'static str),
    /// The upstream's status and body; the next request gets a new connection.
    Left(u16, &'static str),
    /// The upstream's status, and a body that ends early for all to see.
    Cut(u16),
}

/// One request: its status and its body, `None` when that was cut.
async fn ask(client: &mut Client, method: &str, path: &str) -> (u16, Option<Vec<u8>>) {
    client.send(method, path, &[("x-api-key", "client-key-1")], b"").await;
    let head = client.head().await;
    if method == "HEAD" || matches!(head.status, 204 | 304) {
        return (head.status, Some(Vec::new()));
    }
    let body = expect(client.rest(&head.fields), "a body, or its early end").await;
    (head.status, body.ok())
}

/// Each row answers one request; the next request must get its own answer and no byte of the row's.
async fn assert_answers(rows: &[(&str, &'static str, Seen, &str)]) {
    let mut wrong = Vec::new();
    for (method, answer, expected, why) in rows {
        let answer: &'static str = answer;
        let upstream = StubUpstream::answering(move |mut conversation| async move {
            if conversation.request.target == "/api/first" {
                conversation.say(answer).await;
            } else {
                conversation.reply(200, &[], "second").await;
            }
            Some(conversation)
        })
        .await;
        let gateway = TestGateway::relaying_to(&upstream.origin).await;
        let mut client = gateway.connect().await;

        let (status, body) = ask(&mut client, method, "/api/first").await;

        let mut other = gateway.connect().await;
        let second = ask(&mut other, "GET", "/api/second").await;
        assert_eq!(second, (200, Some(b"second".to_vec())), "{why}: the next request: {answer:?}");
        let on_a_new_one = upstream.request(1).await.connection == 1;
        let body = body.map(|body| String::from_utf8(body).unwrap());
        let seen = match (status, body.as_deref()) {
            (502, Some(body)) if body.contains("upstream_garbled") => {
                on_a_new_one && *expected == Seen::Garbled
            }
            (status, None) => on_a_new_one && *expected == Seen::Cut(status),
            (status, Some(body)) => match expected {
                Seen::Kept(s, b) => !on_a_new_one && (*s, *b) == (status, body),
                Seen::Left(s, b) => on_a_new_one && (*s, *b) == (status, body),
                _ => false,
            },
        };
        if !seen {
            wrong.push(format!("{why}: {expected:?}, not {status} {body:?}, new: {on_a_new_one}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[actix_web::test]
async fn an_answer_has_one_end() {
    use Seen::{Cut, Garbled, Kept, Left};
    #[rustfmt::skip] // columns are easier to proofread
    let rows = [
        ("GET",  "HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nok",                                     Kept(200, "ok"), "plain"),
        ("GET",  "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",        Kept(200, "ok"), "plain chunks"),
        ("GET",  "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nx: y\r\n\r\n", Kept(200, "ok"), "an extension and a trailer"),
        ("GET",  "HTTP/1.1 200 X\r\ncontent-length : 2\r\n\r\nok",                                    Kept(200, "ok"), "space before the colon is taken away (RFC 9112, 5.1)"),
        ("GET",  "HTTP/1.1 200 X\r\ntransfer-encoding : chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",       Kept(200, "ok"), "the same before chunks"),
        ("GET",  "HTTP/1.1 200 X\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",                Left(200, "ok"), "the upstream wants no more"),
        ("GET",  "HTTP/1.1 200 X\r\ncontent-length: 2\r\nconnection: content-length, x-a\r\nx-a: b\r\n\r\nok", Kept(200, "ok"), "framing is not named away"),
        ("GET",  "HTTP/1.0 200 X\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",           Kept(200, "ok"), "HTTP/1.0 kept alive"),
        ("GET",  "HTTP/1.1 200 X\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", Garbled, "both (RFC 9112, 6.1)"),
        ("GET",  "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\ncontent-length: 99\r\n\r\n2\r\nok\r\n0\r\n\r\n", Garbled, "both, the other way round"),
        ("GET",  "HTTP/1.0 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",        Garbled, "HTTP/1.0 knows no coding (RFC 9112, 6.1)"),
        ("GET",  "HTTP/1.1 200 X\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",                Garbled, "two lengths (RFC 9112, 6.3)"),
        ("GET",  "HTTP/1.1 200 X\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",                Garbled, "twice the same"),
        ("GET",  "HTTP/1.1 200 X\r\ncontent-length: 2, 2\r\n\r\nok",                                  Garbled, "a list"),
        ("GET",  "HTTP/1.1 200 X\r\ncontent-length: +2\r\n\r\nok",                                    Garbled, "a sign"),
        ("GET",  "HTTP/1.1 200 X\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",               Garbled, "a coding nobody asked for"),
        ("GET",  "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n",           Cut(200), "LF behind a size"),
        ("GET",  "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\nokX0\r\n\r\n",           Cut(200), "a chunk longer than it says"),
    ];
    assert_answers(&rows).await;
}

#[actix_web::test]
async fn the_head_of_an_answer_has_one_reading() {
    use Seen::{Garbled, Kept};
    let flood: &'static str = Box::leak(
        ("HTTP/1.1 103 X\r\nlink: a\r\n\r\n".repeat(2_000)
            + "HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nok")
            .into_boxed_str(),
    );
    #[rustfmt::skip] // columns are easier to proofread
    let rows = [
        ("GET", "HTTP/1.1 200 X\r\nx-a: b\r\n c\r\ncontent-length: 2\r\n\r\nok",   Garbled, "obs-fold (RFC 9112, 5.2)"),
        ("GET", "HTTP/1.1 200 X\ncontent-length: 2\n\nok",                         Garbled, "LF alone (RFC 9112, 2.2)"),
        ("GET", "HTTP/1.1 200 X\r\nset-cookie: a\ncontent-length: 0\r\ncontent-length: 2\r\n\r\nok", Garbled, "a line smuggled into a field by an LF"),
        ("GET", "HTTP/1.1 100 X\n\nHTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nok", Garbled, "an interim answer with LF alone"),
        ("GET", "HTTP/1.1 200 X\r\nx-a: b\rc\r\ncontent-length: 2\r\n\r\nok",     Garbled, "CR alone"),
        ("GET", "HTTP/1.1 200 X\r\nx-a: b\0c\r\ncontent-length: 2\r\n\r\nok",     Garbled, "NUL in a value (RFC 9110, 5.5)"),
        ("GET", "HTTP/1.1 200 X\r\nx-\0a: b\r\ncontent-length: 2\r\n\r\nok",      Garbled, "NUL in a name"),
        ("GET", "HTTP/1.1 200 X\r\nno colon\r\ncontent-length: 2\r\n\r\nok",      Garbled, "no field"),
        ("GET", "HTTP/1.1 2000 X\r\ncontent-length: 2\r\n\r\nok",                 Garbled, "four digits"),
        ("GET", "HTTP/1.1 99 X\r\ncontent-length: 2\r\n\r\nok",                   Garbled, "two digits"),
        ("GET", "HTTP/1.1 abc X\r\ncontent-length: 2\r\n\r\nok",                  Garbled, "no digits"),
        ("GET", "HTTP/2.0 200 X\r\ncontent-length: 2\r\n\r\nok",                  Garbled, "another version"),
        ("GET", "http/1.1 200 X\r\ncontent-length: 2\r\n\r\nok",                  Garbled, "the version knows case"),
        ("GET", "SSH-2.0-x\r\n\r\n",                                              Garbled, "another protocol"),
        ("GET", "HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", Garbled, "a tunnel nobody asked for"),
        ("GET", flood,                                                            Kept(200, "ok"), "interim answers without end"),
    ];
    assert_answers(&rows).await;
}

#[actix_web::test]
async fn what_comes_behind_an_answer_is_nobodys() {
    use Seen::Left;
    #[rustfmt::skip] // columns are easier to proofread
    let rows = [
        ("GET",  "HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 X\r\ncontent-length: 6\r\n\r\nstolen",  Left(200, "ok"), "a second answer"),
        ("GET",  "HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 X\r\ncontent-length: 6\r\n",             Left(200, "ok"), "half a second answer"),
        ("GET",  "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 X\r\ncontent-length: 6\r\n\r\nstolen", Left(200, "ok"), "behind chunks"),
        ("GET",  "HTTP/1.1 204 X\r\n\r\nHTTP/1.1 200 X\r\ncontent-length: 6\r\n\r\nstolen",                      Left(204, ""), "behind a 204"),
        ("GET",  "HTTP/1.1 204 X\r\ncontent-length: 6\r\n\r\nstolen",                                           Left(204, ""), "a 204 with a body"),
        ("GET",  "HTTP/1.1 304 X\r\ncontent-length: 6\r\n\r\nstolen",                                           Left(304, ""), "a 304 with a body"),
        ("GET",  "HTTP/1.1 304 X\r\n\r\nstolen",                                                                Left(304, ""), "a 304 with bytes"),
        ("HEAD", "HTTP/1.1 200 X\r\ncontent-length: 6\r\n\r\nstolen",                                           Left(200, ""), "a HEAD with a body"),
        ("HEAD", "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n6\r\nstolen\r\n0\r\n\r\n",                Left(200, ""), "a HEAD with chunks"),
    ];
    assert_answers(&rows).await;
}
