use std::io::Write as _;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::body::Coding;

static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"usage"));
const PATHS: &[&[&str]] = &[&["usage"], &["usageMetadata"], &["response", "usage"]];

fn read(mut watch: ValueWatch, chunks: impl Iterator<Item = impl AsRef<[u8]>>) -> Vec<String> {
    let mut values = Vec::new();
    for chunk in chunks {
        watch.push(chunk.as_ref(), &mut |value| {
            values.push(String::from_utf8(value.to_vec()).unwrap());
        });
    }
    values
}

fn json() -> ValueWatch {
    ValueWatch::json(PATHS)
}

fn events() -> ValueWatch {
    ValueWatch::events(PATHS, &MARK)
}

#[test]
fn values_are_found_at_their_depth_only() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(&str, &[&str], &str)] = &[
        (r#"{"usage":{"a":1}}"#,                             &[r#"{"a":1}"#],            "plain"),
        (r#"{"x":"\"usage\":{\"a\":1}","usage" : { "a" : {} } }"#, &[r#"{ "a" : {} }"#], "in a string it is text"),
        (r#"{"input":{"usage":{"a":1}},"b":[{"usage":{}}]}"#, &[],                       "deeper it is the model's"),
        (r#"{"usage":null,"usageMetadata":7}"#,              &[],                        "no object"),
        (r#"{"usage":{"a":"}\"{"}}"#,                        &[r#"{"a":"}\"{"}"#],       "brackets in a string"),
        (r#"{"usage":{"a":1},"usage":{"a":2}}"#,             &[r#"{"a":1}"#, r#"{"a":2}"#], "both of two"),
        (r#"{"response":{"usage":{"a":1},"output":[]}}"#,    &[r#"{"a":1}"#],            "a level down"),
        (r#"{"response":{"response":{"usage":{"a":1}}}}"#,   &[],                        "two levels down"),
        (r#"{"\u0075sage":{"a":1}}"#,                        &[r#"{"a":1}"#],            "however it is spelt"),
        (r#"[{"usageMetadata":{"a":1}}, {"usageMetadata":{"a":2}}]"#, &[r#"{"a":1}"#, r#"{"a":2}"#], "in each of a list"),
        (r#"{"usage":{"a":1}"#,                              &[r#"{"a":1}"#],            "cut behind it"),
        (r#"{"usage":{"a":1"#,                               &[],                        "cut in it"),
        ("<html>\"usage\":{}",                               &[],                        "no JSON"),
    ];
    for (text, expected, why) in cases {
        for size in 1..=text.len() {
            assert_eq!(read(json(), text.as_bytes().chunks(size)), *expected, "{why}, by {size}");
        }
    }
}

#[test]
fn values_are_found_in_events_at_any_cut() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(&str, &[&str], &str)] = &[
        ("data: {\"usage\":{\"a\":1}}\n\n",                   &["{\"a\":1}"],              "plain"),
        ("event: x\ndata: {\"a\":1}\n\ndata: {\"usage\":{\"a\":2}}\n\ndata: [DONE]\n\n", &["{\"a\":2}"], "in the middle"),
        ("data: {\"usage\":null}\n\ndata: {\"usage\":{}}\n\ndata: {\"usage\": null}\n\n", &["{}"], "null says nothing"),
        ("data: {\"x\":\"\\\"usage\\\":{}\"}\n\n",            &[],                         "said by the model"),
        ("data: {\"x\":{\"usage\":null},\"usage\":{\"a\":1}}\n\n", &["{\"a\":1}"],         "a null that is not the event's"),
        ("data: {\"usage\":\ndata: {\"a\":1}}\n\n",           &["{\"a\":1}"],              "two lines of data"),
        ("data:{\"usage\":{\"a\":1}}\r\n\r\ndata: {\"usage\":{\"a\":2}}\r\n\r\n", &["{\"a\":1}", "{\"a\":2}"], "CRLF"),
        ("data: {\"b\":1}\r\rdata: {\"usage\":{\"a\":1}}\r\r", &["{\"a\":1}"],             "CR"),
        ("\u{feff}data: {\"usage\":{\"a\":1}}\n\n",           &["{\"a\":1}"],              "a byte order mark"),
        (": usage\n\n: \"usage\":{}\n\ndata: {\"usage\":{\"a\":1}}\n\n", &["{\"a\":1}"],   "comments"),
        ("data: {\"usage\":{\"a\":1}}\n",                     &["{\"a\":1}"],              "an event that never ends"),
        ("data: {\"usage\":{\"a\":1\n\ndata: {\"usage\":{\"a\":2}}\n\n", &["{\"a\":2}"],   "one that breaks off"),
        ("id: \"usage\n\ndata: {\"a\":1}\n\n",                &[],                         "in another field"),
        ("data: {}\n\n\n\n\ndata: {\"usage\":{\"a\":1}}\n\n", &["{\"a\":1}"],              "blank lines more"),
    ];
    for (stream, expected, why) in cases {
        for size in 1..=stream.len() {
            assert_eq!(
                read(events(), stream.as_bytes().chunks(size)),
                *expected,
                "{why}, by {size}"
            );
        }
    }
}

#[test]
fn a_value_without_end_is_not_held() {
    let long = "x".repeat(MAX_VALUE_BYTES);
    let text = format!(r#"{{"usage":{{"a":"{long}"}},"usageMetadata":{{"b":1}}}}"#);
    for size in [1, 1000, text.len()] {
        let mut watch = json();
        let mut values = Vec::new();
        for chunk in text.as_bytes().chunks(size) {
            watch.push(chunk, &mut |value| values.push(value.to_vec()));
            assert!(watch.value.len() <= MAX_VALUE_BYTES);
        }
        assert_eq!(values, [br#"{"b":1}"#], "by {size}");
    }
}

#[test]
fn events_without_the_mark_are_not_walked() {
    let mut watch = events();
    watch.push(b"event: a\ndata: {\"delta\":\"x\"}\n\ndata: {\"usage\":null}\n\n", &mut |_| {});
    assert_eq!(watch.walk, JsonWalk::new(PATHS, Wanted::Objects), "as it was made");
}

fn encoded(coding: Coding, text: &[u8], zlib: bool) -> Vec<u8> {
    let level = flate2::Compression::default();
    match coding {
        Coding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Deflate if zlib => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Deflate => {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Brotli => {
            let mut out = Vec::new();
            let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 5, 22);
            encoder.write_all(text).unwrap();
            drop(encoder);
            out
        }
        Coding::Zstd => zstd::encode_all(text, 3).unwrap(),
    }
}

const CODINGS: [(Coding, bool); 5] = [
    (Coding::Gzip, false),
    (Coding::Deflate, true),
    (Coding::Deflate, false),
    (Coding::Brotli, false),
    (Coding::Zstd, false),
];

fn read_encoded(coding: Coding, limit: u64, body: &[u8], size: usize) -> Vec<String> {
    let mut watch = EncodedWatch::new(coding, events(), limit);
    let mut values = Vec::new();
    for chunk in body.chunks(size) {
        watch.push(chunk, &mut |value| {
            values.push(String::from_utf8(value.to_vec()).unwrap());
        });
    }
    values
}

#[test]
fn values_are_found_in_every_coding_at_any_cut() {
    let stream = b"data: {\"x\":1}\n\ndata: {\"usage\":{\"a\":1}}\n\n";
    for (coding, zlib) in CODINGS {
        let body = encoded(coding, stream, zlib);
        for size in 1..=body.len() {
            let found = read_encoded(coding, 1024, &body, size);
            assert_eq!(found, [r#"{"a":1}"#], "{coding}, by {size}");
        }
    }
}

#[test]
fn a_copy_that_grows_past_its_limit_or_is_corrupt_is_given_up() {
    let mut stream = b"data: {\"usage\":{\"a\":1}}\n\n".to_vec();
    stream.resize(200_000, b'\n');
    stream.extend_from_slice(b"data: {\"usage\":{\"a\":2}}\n\n");
    for (coding, zlib) in CODINGS {
        let body = encoded(coding, &stream, zlib);
        let all = read_encoded(coding, 1 << 20, &body, 64);
        assert_eq!(all, [r#"{"a":1}"#, r#"{"a":2}"#], "{coding}");
        let few = read_encoded(coding, 150_000, &body, 64);
        assert_eq!(few, [r#"{"a":1}"#], "{coding}: what came before the limit");
        let none = read_encoded(coding, 1 << 20, b"data: {\"usage\":{\"a\":1}}\n\n", 7);
        assert_eq!(none, [""; 0], "{coding}: not encoded at all");
    }
}

#[test]
fn a_piece_that_inflates_a_thousandfold_does_not_hold_the_worker() {
    let mut stream = b"data: {\"usage\":{\"a\":1}}\n\n".to_vec();
    stream.resize(8 << 20, b'\n');
    stream.extend_from_slice(b"data: {\"usage\":{\"a\":2}}\n\n");
    for (coding, zlib) in CODINGS {
        let body = encoded(coding, &stream, zlib);
        let found = read_encoded(coding, 64 << 20, &body, body.len());
        assert_eq!(found, [r#"{"a":1}"#], "{coding}: no more than a mebibyte at once");
    }
    // More than as much of an answer, as a connection brings it.
    let event =
        |n: u32| format!("data: {{\"usage\":{{\"a\":{}}}}}\n\n", n.wrapping_mul(2_654_435_761));
    let answer: String = (0..80_000).map(event).collect();
    assert!(answer.len() > 2 << 20);
    // Brotli's decoder tells as much as its window at once, unless the server flushes as streams do.
    for (coding, zlib) in CODINGS.into_iter().filter(|(coding, _)| *coding != Coding::Brotli) {
        let body = encoded(coding, answer.as_bytes(), zlib);
        let found = read_encoded(coding, 64 << 20, &body, 32 * 1024);
        assert_eq!(found.len(), 80_000, "{coding}: each piece is little enough");
    }
}

/// What a reader finds that has each event whole.
fn expected_of(events: &[(String, Option<String>)]) -> Vec<String> {
    events.iter().filter_map(|(_, value)| value.clone()).collect()
}

fn event() -> impl Strategy<Value = (String, Option<String>)> {
    let value = prop_oneof![
        Just(None),
        Just(Some("null".to_owned())),
        (0..1000u32).prop_map(|n| Some(format!("{{\"n\":{n},\"d\":{{\"m\":[1]}}}}"))),
    ];
    let said = prop_oneof!["[a-z \\\\\"{}\n]{0,20}", Just("\"usage\":{\"n\":7}".to_owned())];
    let end = prop_oneof![Just("\n\n"), Just("\r\n\r\n"), Just("\r\r")];
    (value, said, end, any::<bool>()).prop_map(|(value, said, end, is_first)| {
        let said = serde_json::Value::from(said).to_string();
        let usage = value.as_ref().map(|value| format!("\"usage\":{value}"));
        let text = format!("\"text\":{said},\"input\":{{\"usage\":{{\"n\":9}}}}");
        let members: Vec<String> = if is_first {
            usage.into_iter().chain([text]).collect()
        } else {
            [text].into_iter().chain(usage).collect()
        };
        (format!("data: {{{}}}{end}", members.join(",")), value.filter(|value| value != "null"))
    })
}

proptest! {
    #[test]
    fn any_cut_finds_the_same(
        parts in prop::collection::vec(event(), 0..12),
        cuts in prop::collection::vec(0..400usize, 0..12),
    ) {
        let stream: String = parts.iter().map(|(text, _)| text.as_str()).collect();
        let mut rest = stream.as_bytes();
        let mut chunks = Vec::new();
        for cut in cuts {
            let (chunk, behind) = rest.split_at(cut.min(rest.len()));
            chunks.push(chunk);
            rest = behind;
        }
        chunks.push(rest);
        prop_assert_eq!(read(events(), chunks.into_iter()), expected_of(&parts));
    }
}
