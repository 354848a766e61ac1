use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::telemetry::subscriber::JsonLines;

const FULL: RequestLine<'_> = RequestLine {
    id: "b850a8c3-d028-49b3-a684-6d62765c0a3a",
    route: "messages",
    client: Some("alice"),
    upstream: Some("claude"),
    credential: Some("claude-1"),
    attempts: Some(2),
    model: Some("claude-x"),
    paid_by: Some("local"),
    status: 200,
    bytes: 1024,
    first_byte_ms: Some(98),
    duration_ms: 104,
    outcome: "complete",
};

const BARE: RequestLine<'_> = RequestLine {
    client: None,
    upstream: None,
    credential: None,
    attempts: None,
    model: None,
    paid_by: None,
    first_byte_ms: None,
    ..FULL
};

fn written(line: &RequestLine<'_>, at: SystemTime) -> String {
    let mut paper = Paper::new();
    paper.set(line, at);
    String::from_utf8(paper.line).unwrap()
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tracing writes for the line.
fn as_event(line: &RequestLine<'_>) -> String {
    let kept = Kept::default();
    let writer = kept.clone();
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(move || writer.clone())
        .json()
        .event_format(JsonLines::new());
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || line.tell_as_event());
    let bytes = kept.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn behind_the_timestamp(line: &str) -> (&str, &str) {
    line.split_once(",\"level\"").unwrap()
}

#[test]
fn the_line_is_byte_for_byte_what_tracing_writes_for_the_event() {
    let model = |name| RequestLine { model: Some(name), ..FULL };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (FULL,                                                   "all there is"),
        (BARE,                                                   "as little as there can be"),
        (RequestLine { id: "", route: "", outcome: "", ..FULL }, "empty text is text"),
        (RequestLine { bytes: 0, status: 0, duration_ms: 0, ..FULL }, "nothing is a number, too"),
        (RequestLine { bytes: u64::MAX, first_byte_ms: Some(u64::MAX), ..FULL }, "the greatest numbers"),
        (model("a\"b\\c/d"),                                     "quote and backslash; a slash is as it is"),
        (model("\u{8}\u{c}\n\r\t"),                              "escapes that have a letter"),
        (model("\0\u{1}\u{1b}\u{1f}\u{7f}"),                     "escapes that have none; DEL needs none"),
        (model("größe \u{2028} 模型 🦀"),                         "text beyond ASCII is as it is"),
    ];
    for (line, why) in cases {
        let (ours, events) = (written(&line, SystemTime::now()), as_event(&line));
        let (our_time, our_rest) = behind_the_timestamp(&ours);
        let (event_time, event_rest) = behind_the_timestamp(&events);
        assert_eq!(our_rest, event_rest, "{why}");
        assert_eq!(our_time.len(), event_time.len(), "{why}: {our_time} {event_time}");
        assert!(serde_json::from_str::<serde_json::Value>(&ours).is_ok(), "{why}: {ours}");
    }
}

#[test]
fn the_timestamp_is_the_moment_in_utc_with_microseconds() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // seconds, nanoseconds, timestamp, why
        (0,             0,           "1970-01-01T00:00:00.000000Z", "the beginning"),
        (1_795_550_802, 7_000,       "2026-11-24T20:06:42.000007Z", "leading zeros"),
        (1_795_550_802, 999_999_999, "2026-11-24T20:06:42.999999Z", "cut, not rounded, as tracing does"),
        (1_795_550_803, 500_000_000, "2026-11-24T20:06:43.500000Z", "the next second"),
        (1_709_164_799, 0,           "2024-02-28T23:59:59.000000Z", "back again, before a leap day"),
        (1_709_164_800, 0,           "2024-02-29T00:00:00.000000Z", "on it"),
    ];
    let mut paper = Paper::new(); // one for all: what it has kept of the line before must not show
    for (seconds, nanoseconds, expected, why) in cases {
        paper.set(&FULL, UNIX_EPOCH + Duration::new(seconds, nanoseconds));
        let line = std::str::from_utf8(&paper.line).unwrap();
        let start = format!("{{\"timestamp\":\"{expected}\",\"level\"");
        assert!(line.starts_with(&start), "{why}: {line}");
    }
}

/// Each thread keeps its paper, as large as its longest line.
#[test]
fn no_line_is_long_whatever_a_client_calls_its_model() {
    let worst = "\u{1}".repeat(ModelName::MOST_BYTES);
    let model = ModelName::parse(&worst).unwrap();

    let line = written(&RequestLine { model: Some(model.as_str()), ..FULL }, UNIX_EPOCH);

    assert!(line.len() < 2048, "{} bytes", line.len());
}
