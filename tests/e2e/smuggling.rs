//! No byte of one request is ever taken for another's, on either side of the gateway.
//!
//! Each row of `requests` and `targets` is sent as it stands, with a good request right behind it on
//! the same connection. Either the row is refused and the connection ends, or it goes on in one
//! reading only: then the upstream has seen exactly what the row says, and the good request after it
//! as it was sent. `answers` is the same for what upstreams say, and `shared` for two clients whose
//! requests share an upstream connection.

mod answers;
mod requests;
mod shared;
mod targets;

use crate::support::{SeenRequest, StubUpstream, TestGateway};

/// The good request behind each row. It ends its connection, so that what was answered can be counted.
const SECOND: &str = "GET /api/second HTTP/1.1\r\nhost: g\r\nauthorization: Bearer client-key-1\r\n\
                      connection: close\r\n\r\n";

/// The good request as the upstream sees it; see [`essence`].
const SECOND_SEEN: &str = "GET /api/second";

/// What becomes of a row.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// Refused with this status; the connection ends and nothing whole has reached the upstream.
    Refused(u16),
    /// The connection ends without a word, and nothing whole has reached the upstream.
    Dropped,
    /// Answered with this status without the upstream; the connection goes on.
    Answered(u16),
    /// The upstream sees this, and then the good request.
    Goes(&'static str),
}

/// What an upstream saw, less what is the same in every request: the first line without its version,
/// then the fields in order of their names, then the body.
fn essence(seen: &SeenRequest) -> String {
    let head_ends = memchr::memmem::find(&seen.raw, b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&seen.raw[..head_ends]).into_owned();
    let (first, fields) = head.split_once("\r\n").unwrap();
    let first = first.strip_suffix(" HTTP/1.1").unwrap_or(first);
    let mut fields: Vec<&str> = fields.split("\r\n").collect();
    fields.retain(|line| !line.starts_with("host: 127.0.0.1:") && !line.starts_with("date: "));
    fields.retain(|line| !["authorization: Bearer team-key", "x-api-key: team-key"].contains(line));
    fields.sort_unstable();
    let body = String::from_utf8_lossy(&seen.raw[head_ends + 4..]).into_owned();
    let parts =
        std::iter::once(first).chain(fields).chain(Some(&*body).filter(|body| !body.is_empty()));
    parts.collect::<Vec<_>>().join(" | ")
}

/// The statuses of all answers on a connection, interim ones left out.
fn statuses(received: &[u8]) -> Vec<u16> {
    let starts = memchr::memmem::find_iter(received, b"HTTP/1.1 ");
    let digits = starts.filter_map(|at| received.get(at + 9..at + 12));
    let statuses = digits.filter_map(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    statuses.filter(|status| *status >= 200).collect()
}

/// Sends each row and the good request behind it, and compares what came of it.
async fn assert_outcomes(rows: &[(String, Outcome, &str)]) {
    let upstream = StubUpstream::replying(200, "text/plain", "ok").await;
    let gateway = TestGateway::start(&format!(
        "api-keys: [client-key-1]\n\
         ampcode: {{ upstream-url: '{}', upstream-api-key: team-key }}\n",
        upstream.origin
    ))
    .await;
    let mut wrong = Vec::new();
    for (row, expected, why) in rows {
        let before = upstream.requests().len();
        let mut client = gateway.connect().await;
        client.say([row, SECOND].concat()).await;
        let answered = statuses(&client.to_end().await);
        // What the gateway still had for the upstream is there before this.
        assert_eq!(gateway.get("/api/fence").await.status, 200, "the gateway lives");
        let seen: Vec<String> = upstream.requests()[before..].iter().map(essence).collect();
        let seen: Vec<&str> =
            seen.iter().map(|seen| &**seen).filter(|seen| *seen != "GET /api/fence").collect();
        let (statuses, reached) = match *expected {
            Outcome::Refused(status) => (vec![status], vec![]),
            Outcome::Dropped => (vec![], vec![]),
            Outcome::Answered(status) => (vec![status, 200], vec![SECOND_SEEN]),
            Outcome::Goes(first) => (vec![200, 200], vec![first, SECOND_SEEN]),
        };
        if (&answered, &seen) != (&statuses, &reached) {
            let row: String = row.chars().take(300).collect();
            wrong
                .push(format!("{why}\n  {row:?}\n  answered {answered:?}, upstream saw {seen:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}
