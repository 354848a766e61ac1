//! Heads and bodies of requests: where they end, and which fields are about the connection.

use tokio::io::AsyncWriteExt as _;

use super::Outcome::{Answered, Dropped, Goes, Refused};
use super::{Outcome, SECOND, assert_outcomes, essence, statuses};
use crate::support::{StubUpstream, TestGateway};

/// A guarded route whose body is streamed; what follows is the rest of the head.
const HEAD: &str = "POST /api/x HTTP/1.1\r\nhost: g\r\nauthorization: Bearer client-key-1\r\n";

async fn assert_rows(head: &str, rows: &[(&str, Outcome, &str)]) {
    let rows: Vec<_> =
        rows.iter().map(|(rest, outcome, why)| (format!("{head}{rest}"), *outcome, *why)).collect();
    assert_outcomes(&rows).await;
}

#[actix_web::test]
async fn a_request_body_has_one_end() {
    const FIVE: Outcome = Goes("POST /api/x | content-length: 5 | hello");
    const CHUNKED: Outcome = Goes("POST /api/x | transfer-encoding: chunked | hello");
    #[rustfmt::skip] // columns are easier to proofread
    let rows = [
        // Content-Length
        ("content-length: 5\r\n\r\nhello",                             FIVE,         "plain (RFC 9112, 6.2)"),
        ("content-length:5\r\n\r\nhello",                              FIVE,         "no space is asked for (RFC 9112, 5)"),
        ("content-length: \t5 \r\n\r\nhello",                          FIVE,         "space around a value is not of it (RFC 9112, 5.1)"),
        ("content-length: 05\r\n\r\nhello",                            FIVE,         "digits, made anew (RFC 9110, 8.6)"),
        ("content-length: 0\r\n\r\n",                                  Goes("POST /api/x | content-length: 0"), "empty"),
        ("\r\n",                                                       Goes("POST /api/x"), "no field, no body (RFC 9112, 6.3)"),
        ("content-length: 5\r\ncontent-length: 5\r\n\r\nhello",        Refused(400), "twice the same (RFC 9112, 6.3)"),
        ("content-length: 5\r\ncontent-length: 6\r\n\r\nhello",        Refused(400), "two lengths (RFC 9112, 6.3)"),
        ("content-length: 5\r\nContent-Length: 0\r\n\r\nhello",        Refused(400), "two lengths in two cases"),
        ("content-length: 5, 5\r\n\r\nhello",                          Refused(400), "a list (RFC 9112, 6.3)"),
        ("content-length: +5\r\n\r\nhello",                            Refused(400), "a sign (RFC 9110, 8.6)"),
        ("content-length: -5\r\n\r\nhello",                            Refused(400), "negative (RFC 9110, 8.6)"),
        ("content-length: 5_0\r\n\r\nhello",                           Refused(400), "underscore (RFC 9110, 8.6)"),
        ("content-length: 0x5\r\n\r\nhello",                           Refused(400), "hexadecimal (RFC 9110, 8.6)"),
        ("content-length: 5.0\r\n\r\nhello",                           Refused(400), "a fraction (RFC 9110, 8.6)"),
        ("content-length: \"5\"\r\n\r\nhello",                         Refused(400), "quoted (RFC 9110, 8.6)"),
        ("content-length:\r\n\r\nhello",                               Refused(400), "empty (RFC 9110, 8.6)"),
        ("content-length: 5 5\r\n\r\nhello",                           Refused(400), "two numbers (RFC 9110, 8.6)"),
        ("content-length: 18446744073709551621\r\n\r\nhello",          Refused(400), "5 more than 64 bits hold (RFC 9110, 8.6)"),
        ("content-length: 18446744073709551615\r\n\r\nhello",          Refused(413), "the most that 64 bits hold: over our limit"),
        // Both
        ("content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", Refused(400), "both (RFC 9112, 6.1)"),
        ("transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", Refused(400), "both, the other way round"),
        ("transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n0\r\n\r\n", Refused(400), "both, no length"),
        ("transfer-encoding: identity\r\ncontent-length: 5\r\n\r\nhello",    Refused(400), "both, in the coding that is none"),
        // Transfer-Encoding
        ("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",  CHUNKED,      "plain (RFC 9112, 7.1)"),
        ("Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",  CHUNKED,      "codings know no case (RFC 9112, 7)"),
        ("transfer-encoding:\t chunked \r\n\r\n5\r\nhello\r\n0\r\n\r\n", CHUNKED,    "space around a value is not of it"),
        ("transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",               Refused(400), "another coding (RFC 9112, 6.1)"),
        ("transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",      Refused(400), "not chunked in the end (RFC 9112, 6.3)"),
        ("transfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n",      Refused(400), "a list"),
        ("transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",          Refused(400), "a coding we do not undo (RFC 9112, 6.1)"),
        ("transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",       Refused(400), "chunked twice (RFC 9112, 7.1)"),
        ("transfer-encoding: identity\r\n\r\nhello",                   Refused(400), "the coding that is none (RFC 9112, 7)"),
        ("transfer-encoding: \"chunked\"\r\n\r\n0\r\n\r\n",            Refused(400), "quoted"),
        ("transfer-encoding: chunked;q=1\r\n\r\n0\r\n\r\n",            Refused(400), "chunked has no parameters (RFC 9112, 7.1)"),
        ("transfer-encoding:\r\n\r\nhello",                            Refused(400), "empty"),
        ("transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n",            Refused(400), "vertical tab (RFC 9110, 5.5)"),
        ("transfer-encoding: chunked\x0c\r\n\r\n0\r\n\r\n",            Refused(400), "form feed (RFC 9110, 5.5)"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",  Refused(400), "twice"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n", Refused(400), "two codings"),
        // An upgrade is no framing
        ("upgrade: websocket\r\ncontent-length: 5\r\n\r\nhello",       Refused(400), "a body behind an upgrade (RFC 6455, 4.1)"),
        ("upgrade: websocket\r\n\r\n",                                 Refused(400), "an upgrade that is no handshake (RFC 6455, 4.1)"),
        ("connection: upgrade\r\nupgrade: websocket\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", Answered(400), "a chunked body behind an upgrade: its end is known"),
        ("connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\ncontent-length: 5\r\n\r\nhello", FIVE, "h2c is not spoken (RFC 9113, 3.1)"),
    ];
    assert_rows(HEAD, &rows).await;
}

#[actix_web::test]
async fn a_chunk_has_one_reading() {
    const HELLO: Outcome = Goes("POST /api/x | transfer-encoding: chunked | hello");
    #[rustfmt::skip] // columns are easier to proofread
    let rows = [
        ("5;a=b\r\nhello\r\n0;c\r\n\r\n",              HELLO,        "extensions end here (RFC 9112, 7.1.1)"),
        ("5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n",          HELLO,        "a quoted extension (RFC 9112, 7.1.1)"),
        ("5 \t\r\nhello\r\n0\r\n\r\n",                 HELLO,        "space behind the size (RFC 9112, 7.1.1)"),
        ("0005\r\nhello\r\n000\r\n\r\n",               HELLO,        "zeros before the size"),
        ("5\r\nhello\r\n0\r\ntransfer-encoding: x\r\ncontent-length: 9\r\nauthorization: Bearer x\r\n\r\n", HELLO, "trailers end here (RFC 9110, 6.5.1)"),
        ("5;a\nb\r\nhello\r\n0\r\n\r\n",               Dropped, "LF in an extension"),
        ("5\nhello\r\n0\r\n\r\n",                      Dropped, "LF behind a size (RFC 9112, 2.2)"),
        ("5\r\nhello\n0\r\n\r\n",                      Dropped, "LF behind a chunk"),
        ("5\rhello\r\n0\r\n\r\n",                      Dropped, "CR behind a size"),
        ("5\r\nhello0\r\n\r\n",                        Dropped, "nothing behind a chunk"),
        ("4\r\nhello\r\n0\r\n\r\n",                    Dropped, "a chunk longer than it says"),
        ("0x5\r\nhello\r\n0\r\n\r\n",                  Dropped, "0x"),
        ("0_5\r\nhello\r\n0\r\n\r\n",                  Dropped, "underscore"),
        ("-5\r\nhello\r\n0\r\n\r\n",                   Dropped, "negative"),
        ("+5\r\nhello\r\n0\r\n\r\n",                   Dropped, "a sign"),
        (" 5\r\nhello\r\n0\r\n\r\n",                   Dropped, "space before the size"),
        ("\r\nhello\r\n0\r\n\r\n",                     Dropped, "no size"),
        ("5 5\r\nhello\r\n0\r\n\r\n",                  Dropped, "two sizes"),
        ("g\r\nhello\r\n0\r\n\r\n",                    Dropped, "no digit"),
        ("10000000000000005\r\nhello\r\n0\r\n\r\n",    Dropped, "5 more than 64 bits hold (RFC 9112, 7.1)"),
    ];
    let head = format!("{HEAD}transfer-encoding: chunked\r\n\r\n");
    assert_rows(&head, &rows).await;
}

#[actix_web::test]
async fn a_field_line_has_one_reading() {
    #[rustfmt::skip] // columns are easier to proofread
    let rows = [
        ("x-a: b\r\n\r\n",                         Goes("POST /api/x | x-a: b"), "plain"),
        ("x-a: b\tc \r\n\r\n",                     Goes("POST /api/x | x-a: b\tc"), "tab within a value (RFC 9110, 5.5)"),
        ("x-a: b\nx-c: d\r\n\r\n",                 Goes("POST /api/x | x-a: b | x-c: d"), "LF ends a line, and goes on as CRLF (RFC 9112, 2.2)"),
        ("x-a: b\r\n\n",                           Goes("POST /api/x | x-a: b"), "LF for the last line"),
        ("x-a: b\ncontent-length: 5\n\nhello",     Goes("POST /api/x | content-length: 5 | x-a: b | hello"), "LF everywhere"),
        ("content-length: 5\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", Refused(400), "both, one behind an LF"),
        ("x-a: b\r\n c\r\n\r\n",                   Refused(400), "obs-fold (RFC 9112, 5.2)"),
        ("x-a: b\r\n\tc\r\n\r\n",                  Refused(400), "obs-fold with a tab"),
        ("transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n", Refused(400), "a folded framing"),
        (" content-length: 5\r\n\r\nhello",        Refused(400), "space before a name (RFC 9112, 2.2)"),
        ("content-length : 5\r\n\r\nhello",        Refused(400), "space before the colon (RFC 9112, 5.1)"),
        ("transfer-encoding\t: chunked\r\n\r\n0\r\n\r\n", Refused(400), "tab before the colon"),
        ("x-a: b\rcontent-length: 5\r\n\r\nhello", Refused(400), "CR alone (RFC 9112, 2.2)"),
        ("x-a: b\r\r\n\r\n",                       Refused(400), "CR twice"),
        ("x-a: b\0c\r\n\r\n",                      Refused(400), "NUL in a value (RFC 9110, 5.5)"),
        ("x-\0a: b\r\n\r\n",                       Refused(400), "NUL in a name (RFC 9110, 5.1)"),
        ("x-a: b\x7fc\r\n\r\n",                    Refused(400), "DEL in a value (RFC 9110, 5.5)"),
        (": b\r\n\r\n",                            Refused(400), "no name"),
        ("no colon\r\n\r\n",                       Refused(400), "no field"),
        ("x-\u{e4}: b\r\n\r\n",                    Refused(400), "a name that is no token"),
        ("x(a): b\r\n\r\n",                        Refused(400), "a delimiter in a name (RFC 9110, 5.6.2)"),
        ("content_length: 5\r\n\r\n",              Goes("POST /api/x | content_length: 5"), "an underscore is another name, and goes on as one"),
    ];
    assert_rows(HEAD, &rows).await;
}

#[actix_web::test]
async fn no_field_is_named_away() {
    const FIVE: Outcome = Goes("POST /api/x | content-length: 5 | hello");
    #[rustfmt::skip] // columns are easier to proofread
    let rows = [
        ("connection: authorization\r\ncontent-length: 5\r\n\r\nhello",   FIVE, "our own key is put in behind (RFC 9110, 7.6.1)"),
        ("connection: x-api-key\r\ncontent-length: 5\r\n\r\nhello",       FIVE, "the same for the other place"),
        ("connection: content-length\r\ncontent-length: 5\r\n\r\nhello",  FIVE, "framing is not for the client to name"),
        ("connection: transfer-encoding\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Goes("POST /api/x | transfer-encoding: chunked | hello"), "framing is not for the client to name"),
        ("connection: host\r\ncontent-length: 5\r\n\r\nhello",            FIVE, "the host is the upstream's"),
        ("connection: x-ampgate-client\r\nx-ampgate-client: bob\r\ncontent-length: 5\r\n\r\nhello", FIVE, "named, so gone; nothing of ours depends on it"),
        ("connection: keep-alive, X-A\r\nx-a: b\r\ncontent-length: 5\r\n\r\nhello", FIVE, "named in another case"),
        ("connection: x-a\r\nconnection: x-b\r\nx-a: b\r\nx-b: c\r\ncontent-length: 5\r\n\r\nhello", FIVE, "named in two lines"),
        ("proxy-connection: x-a\r\nte: trailers\r\nkeep-alive: timeout=5\r\ntrailer: x\r\ncontent-length: 5\r\n\r\nhello", FIVE, "fields of this hop (RFC 9110, 7.6.1)"),
        ("authorization: Bearer wrong\r\ncontent-length: 5\r\n\r\nhello", FIVE, "two keys, one of them known: neither goes on"),
        ("AUTHORIZATION: Bearer wrong\r\nX-API-KEY: wrong\r\nx-goog-api-key: wrong\r\ncontent-length: 5\r\n\r\nhello", FIVE, "in every place and case"),
        ("x-forwarded-for: 127.0.0.1\r\nforwarded: for=127.0.0.1\r\ncontent-length: 5\r\n\r\nhello", FIVE, "claims about where it came from"),
        ("x-http-method-override: DELETE\r\ncontent-length: 5\r\n\r\nhello", Goes("POST /api/x | content-length: 5 | x-http-method-override: DELETE | hello"), "an override means nothing here; it is the upstream's to judge"),
        ("x_api_key: wrong\r\ncontent-length: 5\r\n\r\nhello", Goes("POST /api/x | content-length: 5 | x_api_key: wrong | hello"), "with underscores it is another field"),
        ("connection: close\r\ncontent-length: 5\r\n\r\nhello", FIVE, "what was sent behind it is a request of its own, with its own key"),
    ];
    assert_rows(HEAD, &rows).await;
}

#[actix_web::test]
async fn a_key_is_looked_for_in_its_own_fields_only() {
    #[rustfmt::skip] // columns are easier to proofread
    let rows = [
        ("x_api_key: client-key-1\r\ncontent-length: 0\r\n\r\n",            Answered(401), "an underscore is another name"),
        ("authorization_: Bearer client-key-1\r\ncontent-length: 0\r\n\r\n", Answered(401), "another name"),
        ("x-api-key: wrong\r\nx-api-key: client-key-1\r\n\r\n",             Goes("POST /api/x"), "two, the second known: neither goes on"),
        ("x-api-key: client-key-1\r\nx-api-key: wrong\r\n\r\n",             Goes("POST /api/x"), "two, the first known"),
        ("X-Api-Key: client-key-1\r\nauthorization: Basic eA==\r\n\r\n",    Goes("POST /api/x"), "another scheme does not go on either"),
        ("x-api-key: client-key-1, wrong\r\n\r\n",                          Answered(401), "a list is no key"),
        ("content-length: 104\r\n\r\nGET /api/stolen HTTP/1.1\r\nhost: g\r\nauthorization: Bearer client-key-1\r\nx-pad: 0123456789012345678901\r\n\r\n", Answered(401), "the body of a refused request is not the next request"),
    ];
    assert_rows("POST /api/x HTTP/1.1\r\nhost: g\r\n", &rows).await;
}

#[actix_web::test]
async fn an_expectation_ends_here() {
    const FIVE: Outcome = Goes("POST /api/x | content-length: 5 | hello");
    #[rustfmt::skip] // columns are easier to proofread
    let rows = [
        ("expect: 100-continue\r\ncontent-length: 5\r\n\r\nhello", FIVE, "answered here, sent on without (RFC 9110, 10.1.1)"),
        ("expect: 100-Continue, x\r\ncontent-length: 5\r\n\r\nhello", FIVE, "with another beside it"),
        ("expect: 100-continue\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\nhello", FIVE, "twice"),
        ("expect: x\r\ncontent-length: 5\r\n\r\nhello",            FIVE, "one that nobody knows"),
        ("expect: 100-continue\r\n\r\n",                            Goes("POST /api/x"), "without a body to wait for"),
    ];
    assert_rows(HEAD, &rows).await;
}

/// actix takes a line end without CR in the trailers for a part of a trailer, so what stands behind
/// is swallowed as trailers too. That loses a request; it never makes one.
#[actix_web::test]
async fn a_trailer_without_an_end_swallows_and_never_splits() {
    for last in ["0\r\n\n", "0\r\nx: y\n\r\n", "0\r\n\nx: y\r\n"] {
        let upstream = StubUpstream::replying(200, "text/plain", "ok").await;
        let gateway = TestGateway::relaying_to(&upstream.origin).await;
        let mut client = gateway.connect().await;

        client
            .say(format!("{HEAD}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n{last}{SECOND}"))
            .await;
        let first = client.response().await;
        client.writer.shutdown().await.unwrap();

        assert_eq!(first.status, 200, "{last:?}");
        assert!(statuses(&client.to_end().await).is_empty(), "{last:?}");
        let seen = essence(&upstream.only_request());
        assert_eq!(seen, "POST /api/x | transfer-encoding: chunked | hello", "{last:?}");
    }
}
