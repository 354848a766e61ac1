//! First lines: which path it is, whose host, and which doors need no key.

use super::Outcome::{Answered, Dropped, Goes, Refused};
use super::{Outcome, assert_outcomes};

const KEY: &str = "authorization: Bearer client-key-1\r\n";

async fn assert_rows(rows: &[(&str, &str, Outcome, &str)]) {
    let rows: Vec<_> = rows
        .iter()
        .map(|(first, rest, outcome, why)| (format!("{first}\r\n{rest}\r\n"), *outcome, *why))
        .collect();
    assert_outcomes(&rows).await;
}

#[actix_web::test]
async fn a_first_line_has_one_reading() {
    let host = &*format!("host: g\r\n{KEY}");
    // The empty line behind it is none of the body's (RFC 9112, 2.2).
    let body = &*format!("{host}content-length: 5\r\n\r\nhello");
    let long_target = &*format!("GET /api/{} HTTP/1.1", "x".repeat(140_000));
    let long_method = &*format!("{} /api/x HTTP/1.1", "M".repeat(140_000));
    #[rustfmt::skip] // columns are easier to proofread
    let rows = [
        // first line,                        fields, outcome,                  why
        ("GET /api/x HTTP/1.1",               host,   Goes("GET /api/x"),       "plain"),
        ("\r\n\r\nGET /api/x HTTP/1.1",       host,   Goes("GET /api/x"),       "empty lines before it (RFC 9112, 2.2)"),
        ("get /api/x HTTP/1.1",               host,   Goes("get /api/x"),       "methods know case; the upstream judges (RFC 9110, 9.1)"),
        ("GET  /api/x HTTP/1.1",              host,   Refused(400),             "two spaces (RFC 9112, 3)"),
        ("GET\t/api/x HTTP/1.1",              host,   Refused(400),             "a tab"),
        ("GET /api/x  HTTP/1.1",              host,   Refused(400),             "two spaces behind the target"),
        (" GET /api/x HTTP/1.1",              host,   Refused(400),             "space before the method"),
        ("GET /api/x HTTP/1.1 ",              host,   Refused(400),             "space behind the version"),
        ("GET /api/x y HTTP/1.1",             host,   Refused(400),             "space in the target"),
        ("GET /api/x\tHTTP/1.1",              host,   Refused(400),             "a tab in the target"),
        ("GET /api/\0x HTTP/1.1",             host,   Refused(400),             "NUL in the target"),
        ("GET /api/x\rHTTP/1.1",              host,   Refused(400),             "CR in the target"),
        ("G\0T /api/x HTTP/1.1",              host,   Refused(400),             "NUL in the method"),
        ("G(T /api/x HTTP/1.1",               host,   Refused(400),             "a method that is no token"),
        ("/api/x HTTP/1.1",                   host,   Refused(400),             "no method"),
        ("GET HTTP/1.1",                      host,   Refused(400),             "no target"),
        ("GET /api/x",                        host,   Refused(400),             "no version: HTTP/0.9"),
        ("GET /api/x HTTP/0.9",               host,   Refused(400),             "HTTP/0.9"),
        ("GET /api/x HTTP/1.2",               host,   Refused(400),             "a version there is not"),
        ("GET /api/x HTTP/2.0",               host,   Refused(400),             "HTTP/2 in HTTP/1 clothes"),
        ("GET /api/x http/1.1",               host,   Refused(400),             "the version knows case (RFC 9112, 2.3)"),
        ("GET /api/x HTTP/01.1",              host,   Refused(400),             "a zero before the version"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n",      host,   Refused(400),             "the preface of HTTP/2 on an open port (RFC 9113, 3.4)"),
        (long_target,                         host,   Dropped,                  "a target without end (RFC 9112, 3)"),
        (long_method,                         host,   Dropped,                  "a method without end"),
        ("GET /api/x HTTP/1.1",               body,   Goes("GET /api/x | content-length: 5 | hello"), "a GET may have a body (RFC 9110, 9.3.1)"),
    ];
    assert_rows(&rows).await;
}

#[actix_web::test]
async fn the_host_is_the_upstreams_whatever_the_client_calls_it() {
    let two = &*format!("host: a\r\nhost: b\r\n{KEY}");
    let same = &*format!("host: a\r\nhost: a\r\n{KEY}");
    let one = &*format!("host: a\r\n{KEY}");
    let old = &*format!("{KEY}connection: keep-alive\r\n");
    #[rustfmt::skip] // columns are easier to proofread
    let rows = [
        // first line,                        fields, outcome,            why
        ("GET /api/x HTTP/1.1",               KEY,    Refused(400),       "no host (RFC 9112, 3.2)"),
        ("GET /api/x HTTP/1.1",               two,    Refused(400),       "two hosts (RFC 9112, 3.2)"),
        ("GET /api/x HTTP/1.1",               same,   Refused(400),       "twice the same"),
        ("GET http://a/api/x HTTP/1.1",       one,    Goes("GET /api/x"), "absolute form (RFC 9112, 3.2.2)"),
        ("GET http://b/api/x HTTP/1.1",       one,    Goes("GET /api/x"), "absolute form of another host: neither is asked"),
        ("GET https://b:1/api/x?y HTTP/1.1",  one,    Goes("GET /api/x?y"), "of another scheme and port"),
        ("GET http://u:p@b/api/x HTTP/1.1",   one,    Goes("GET /api/x"), "with a user's name"),
        ("GET file:///api/x HTTP/1.1",        one,    Refused(400),       "no host in it"),
        ("GET a:80 HTTP/1.1",                 one,    Answered(404),      "authority form is for CONNECT (RFC 9112, 3.2.3)"),
        ("OPTIONS * HTTP/1.1",                one,    Answered(404),      "asterisk form (RFC 9112, 3.2.4)"),
        ("GET * HTTP/1.1",                    one,    Answered(404),      "asterisk form without OPTIONS"),
        ("CONNECT a:80 HTTP/1.1",             one,    Refused(400),       "no tunnel to anywhere (RFC 9110, 9.3.6)"),
        ("CONNECT /api/x HTTP/1.1",           one,    Refused(400),       "CONNECT with a path: behind it lies a tunnel"),
        ("GET /api/x HTTP/1.0",               KEY,    Goes("GET /api/x"), "HTTP/1.0 needs no host"),
        ("GET /api/x HTTP/1.0",               old,    Goes("GET /api/x"), "HTTP/1.0 kept alive"),
    ];
    assert_rows(&rows).await;
}

/// Open doors carry no key, and what they pass on is what was written. Nothing is decoded or
/// resolved here, so that no path is one thing to the gateway's table and another to its writer.
#[actix_web::test]
async fn a_path_goes_on_as_written_or_nowhere() {
    const HOST: &str = "host: g\r\n";
    #[rustfmt::skip] // columns are easier to proofread
    let rows = [
        // first line,                           fields, outcome,                            why
        ("GET /auth/x HTTP/1.1",                 HOST, Goes("GET /auth/x"),                  "an open door"),
        ("GET /auth/../api/user HTTP/1.1",       HOST, Goes("GET /auth/../api/user"),        "dot segments"),
        ("GET /auth/%2e%2e/api/user HTTP/1.1",   HOST, Goes("GET /auth/%2e%2e/api/user"),    "dots encoded"),
        ("GET /auth/..%2fapi/user HTTP/1.1",     HOST, Goes("GET /auth/..%2fapi/user"),      "slash encoded"),
        ("GET /auth/..%5capi/user HTTP/1.1",     HOST, Goes("GET /auth/..%5capi/user"),      "backslash encoded"),
        ("GET /auth/..%252fapi HTTP/1.1",        HOST, Goes("GET /auth/..%252fapi"),         "encoded twice"),
        ("GET /auth/..;/api/user HTTP/1.1",      HOST, Goes("GET /auth/..;/api/user"),       "a parameter of a segment"),
        ("GET /auth//../api HTTP/1.1",           HOST, Goes("GET /auth//../api"),            "an empty segment"),
        ("GET /actors/../api/user HTTP/1.1",     HOST, Goes("GET /actors/../api/user"),      "dot segments at the other open door"),
        ("GET /auth/x%0d%0aA:%20b HTTP/1.1",     HOST, Goes("GET /auth/x%0d%0aA:%20b"),      "CRLF encoded stays so"),
        ("GET /auth/x?a=%0d%0aB:c HTTP/1.1",     HOST, Goes("GET /auth/x?a=%0d%0aB:c"),      "CRLF encoded in the query"),
        ("GET /auth/x?a=%0a HTTP/1.1",           HOST, Goes("GET /auth/x?a=%0a"),            "LF encoded in the query"),
        ("GET /auth/%00 HTTP/1.1",               HOST, Goes("GET /auth/%00"),                "NUL encoded"),
        ("GET /auth/x?a#b HTTP/1.1",             HOST, Goes("GET /auth/x?a"),                "a fragment is no part of a target (RFC 9112, 3.2)"),
        ("GET /api/../auth/x HTTP/1.1",          HOST, Answered(401),                        "a guarded door stays one"),
        ("GET /api;x/user HTTP/1.1",             HOST, Answered(404),                        "another word"),
        ("GET /api%2fuser HTTP/1.1",             HOST, Answered(404),                        "another word"),
        ("GET /%61pi/user HTTP/1.1",             HOST, Answered(404),                        "not decoded"),
        ("GET //api/user HTTP/1.1",              HOST, Answered(404),                        "not merged"),
        ("GET /./api/user HTTP/1.1",             HOST, Answered(404),                        "not resolved"),
        ("GET /healthz/../api/user HTTP/1.1",    HOST, Answered(404),                        "a probe has one path"),
        ("GET /API/user HTTP/1.1",               HOST, Answered(404),                        "paths know case"),
        ("GET /api\\user HTTP/1.1",              HOST, Answered(404),                        "a backslash is no slash"),
        ("GET \\api\\user HTTP/1.1",            HOST, Refused(400),                         "a target begins with a slash"),
        ("GET api/user HTTP/1.1",                HOST, Refused(400),                         "a target begins with a slash"),
        ("GET /healthz?/api/user HTTP/1.1",      HOST, Answered(200),                        "the query decides nothing"),
    ];
    assert_rows(&rows).await;
}
