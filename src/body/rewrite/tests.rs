use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::value::RawValue;

use super::*;

type PathSet = &'static [&'static [&'static str]];

const ANTHROPIC: PathSet = &[&["model"], &["message", "model"]];
const CHAT: PathSet = &[&["model"]];
const RESPONSES: PathSet = &[&["model"], &["response", "model"]];
const GEMINI: PathSet = &[&["modelVersion"]];

const NEW: &str = "client's \"name\" é";

fn run(rewriter: &AnswerRewriter, pieces: &[&[u8]]) -> String {
    let (mut rewriter, mut out) = step(rewriter, pieces);
    rewriter.finish(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

/// Whole, byte by byte, and cut in two at every place.
///
/// To stay fast on long streams a cut is tried within its stretch only: the rewriter must write
/// the same and end in the same state as it does without the cut, so the rest goes the same way.
fn assert_rewrites(rewriter: &AnswerRewriter, input: &[u8], expected: &str, why: &str) {
    assert_eq!(run(rewriter, &[input]), expected, "{why}: whole");
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(run(rewriter, &bytes), expected, "{why}: byte by byte");
    let stretches: Vec<&[u8]> = input.chunks(100).collect();
    assert_eq!(run(rewriter, &stretches), expected, "{why}: in stretches");
    let mut before = rewriter.clone();
    for stretch in stretches {
        let (after, written) = step(&before, &[stretch]);
        for cut in 1..stretch.len() {
            let (head, tail) = stretch.split_at(cut);
            let place = head.escape_ascii();
            let (after_cut, written_cut) = step(&before, &[head, tail]);
            assert_eq!(written_cut, written, "{why}: cut after {place}");
            assert_eq!(after_cut, after, "{why}: state when cut after {place}");
        }
        before = after;
    }
}

fn step(rewriter: &AnswerRewriter, pieces: &[&[u8]]) -> (AnswerRewriter, BytesMut) {
    let mut rewriter = rewriter.clone();
    let mut out = BytesMut::new();
    for piece in pieces {
        rewriter.push(&Bytes::copy_from_slice(piece), &mut out);
    }
    (rewriter, out)
}

/// The same replacement another way: let `serde_json` point at the values in the whole text.
fn replaced(json: &str, paths: PathSet) -> String {
    let mut spans = Vec::new();
    if let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(json) {
        for element in elements {
            spans.extend(paths.iter().filter_map(|path| locate(element.get(), path)));
        }
    } else {
        spans.extend(paths.iter().filter_map(|path| locate(json, path)));
    }
    spans.sort_unstable();
    let mut text = String::new();
    let mut copied = 0;
    for (address, length) in spans {
        let start = address - json.as_ptr().addr();
        text += &json[copied..start];
        text += &serde_json::to_string(NEW).unwrap();
        copied = start + length;
    }
    text + &json[copied..]
}

fn locate(json: &str, path: &[&str]) -> Option<(usize, usize)> {
    let object: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
    let value = object.get(path[0])?.get();
    match &path[1..] {
        [] => value.starts_with('"').then(|| (value.as_ptr().addr(), value.len())),
        rest => locate(value, rest),
    }
}

/// Good for the fixtures only: one line of data for each event, each after `data: `.
fn replaced_in_stream(stream: &str, paths: PathSet) -> String {
    let lines = stream.split_inclusive('\n').map(|line| match line.strip_prefix("data: ") {
        Some(data) => {
            let json = data.trim_end_matches(['\r', '\n']);
            format!("data: {}{}", replaced(json, paths), &data[json.len()..])
        }
        None => line.to_owned(),
    });
    lines.collect()
}

fn fixtures(folder: &str, extension: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(extension) {
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(!files.is_empty(), "no {extension} fixture");
    files
}

#[test]
fn every_stream_is_rewritten_at_any_cut() {
    let folders = [
        ("anthropic", ANTHROPIC),
        ("openai-chat", CHAT),
        ("openai-completions", CHAT),
        ("openai-responses", RESPONSES),
        ("gemini", GEMINI),
    ];
    for (folder, paths) in folders {
        for (name, stream) in fixtures(folder, ".sse") {
            let expected = replaced_in_stream(&stream, paths);
            assert_ne!(expected, stream, "{name} names a model");
            let rewriter = AnswerRewriter::sse(paths, NEW);
            assert_rewrites(&rewriter, stream.as_bytes(), &expected, &name);
        }
    }
}

#[test]
fn every_json_answer_is_rewritten_at_any_cut() {
    let folders = [
        ("anthropic", ANTHROPIC),
        ("openai-chat", CHAT),
        ("openai-responses", RESPONSES),
        ("gemini", GEMINI),
    ];
    for (folder, paths) in folders {
        for (name, exchange) in fixtures(folder, ".exchange.json") {
            let exchange: BTreeMap<String, &RawValue> = serde_json::from_str(&exchange).unwrap();
            let response: BTreeMap<String, &RawValue> =
                serde_json::from_str(exchange["response"].get()).unwrap();
            let body = response["body"].get();
            let rewriter = AnswerRewriter::json(paths, NEW);
            assert_rewrites(&rewriter, body.as_bytes(), &replaced(body, paths), &name);
        }
    }
}

#[test]
fn each_element_of_a_gemini_array_is_rewritten() {
    let (name, array) = fixtures("gemini", "g06-stream-array.json").remove(0);
    let expected = replaced(&array, GEMINI);
    assert_eq!(expected.matches("client's").count(), 3);
    assert_rewrites(&AnswerRewriter::json(GEMINI, NEW), array.as_bytes(), &expected, &name);
}

#[test]
fn a_stream_that_names_no_model_crosses_unchanged() {
    let nowhere: PathSet = &[&["no", "such", "key"]];
    for folder in ["anthropic", "openai-chat", "openai-responses", "gemini"] {
        for (name, stream) in fixtures(folder, ".sse") {
            let rewriter = AnswerRewriter::sse(nowhere, NEW);
            assert_eq!(run(&rewriter, &[stream.as_bytes()]), stream, "{name}");
        }
    }
}

#[test]
fn only_strings_at_exactly_the_path_change() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // before,                                    after,                                    why
        (r#"{"model":"a"}"#,                          r#"{"model":"N"}"#,                       "plain"),
        (r#" { "model" : "a" , "n":1.50 } "#,         r#" { "model" : "N" , "n":1.50 } "#,      "white space"),
        (r#"{"model":"a\"b\\"}"#,                     r#"{"model":"N"}"#,                       "escapes in the old name"),
        (r#"{"model":null,"x":"a"}"#,                 r#"{"model":null,"x":"a"}"#,              "null stays"),
        (r#"{"model":5}"#,                            r#"{"model":5}"#,                         "number stays"),
        (r#"{"model":{"model":"a"}}"#,                r#"{"model":{"model":"a"}}"#,             "deeper than the path"),
        (r#"{"x":{"model":"a"},"model":"b"}"#,        r#"{"x":{"model":"a"},"model":"N"}"#,     "under another key"),
        (r#"{"x":[{"model":"a"},"]}"],"model":"b"}"#, r#"{"x":[{"model":"a"},"]}"],"model":"N"}"#, "in an array, brackets in a string"),
        (r#"{"message":{"n":-1e3,"model":"a"}}"#,     r#"{"message":{"n":-1e3,"model":"N"}}"#,  "second path"),
        (r#"{"message":{"message":{"model":"a"}}}"#,  r#"{"message":{"message":{"model":"a"}}}"#, "key twice on the way"),
        (r#"{"message":[{"model":"a"}]}"#,            r#"{"message":[{"model":"a"}]}"#,         "inner arrays are not transparent"),
        (r#"{"message":{},"model":"a"}"#,             r#"{"message":{},"model":"N"}"#,          "empty object on the way"),
        (r#"{"message":"model","model":"a"}"#,        r#"{"message":"model","model":"N"}"#,     "string where an object was expected"),
        (r#"{"t":true,"model":"a","model":"b"}"#,     r#"{"t":true,"model":"N","model":"N"}"#,  "given twice"),
        (r#"{"mod\u0065l":"a"}"#,                     r#"{"mod\u0065l":"N"}"#,                  "escaped key"),
        (r#"{"x\\":"model","model":"a"}"#,            r#"{"x\\":"model","model":"N"}"#,         "key ends in a backslash"),
        (r#"[{"model":"a"}, {"model":"b"}]"#,         r#"[{"model":"N"}, {"model":"N"}]"#,      "top-level array"),
        (r#"[[{"model":"a"}]]"#,                      r#"[[{"model":"a"}]]"#,                   "array in an array"),
        ("[]",                                        "[]",                                     "empty array"),
        ("{}",                                        "{}",                                     "empty object"),
        ("",                                          "",                                       "nothing"),
        (r#""model""#,                                r#""model""#,                             "a string"),
        (r#"{"model":"a"}{"model":"a"}"#,             r#"{"model":"N"}{"model":"a"}"#,          "after the text everything crosses"),
        (r#"model: {"model":"a"}"#,                   r#"model: {"model":"a"}"#,                "not JSON"),
        (r#"{"x" "model":"a"}"#,                      r#"{"x" "model":"a"}"#,                   "colon missing"),
        (r#"{"x":?,"model":"a"}"#,                    r#"{"x":?,"model":"a"}"#,                 "no value"),
        (r#"{"a":1,}"model":"a"}"#,                   r#"{"a":1,}"model":"a"}"#,                "comma before the brace"),
        (r#"{"model":"a","#,                          r#"{"model":"N","#,                       "cut off"),
    ];
    for (before, after, why) in cases {
        assert_rewrites(&AnswerRewriter::json(ANTHROPIC, "N"), before.as_bytes(), after, why);
    }
}

#[test]
fn a_long_key_is_read_without_being_kept() {
    let text = format!(r#"{{"{}":1,"model":"a"}}"#, "model".repeat(10_000));
    let mut rewriter = JsonRewriter::new(ANTHROPIC, "N");
    let mut out = BytesMut::new();
    rewriter.push(text.as_bytes(), &mut out);
    assert!(out.ends_with(br#""model":"N"}"#));
    assert!(format!("{rewriter:?}").len() < 1000);
}

#[test]
fn events_are_told_apart_whatever_ends_their_lines() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // before,                                              after,                                                 why
        ("data: {\"model\":\"a\"}\n\n",                         "data: {\"model\":\"N\"}\n\n",                         "LF"),
        ("data: {\"model\":\"a\"}\r\n\r\n",                     "data: {\"model\":\"N\"}\r\n\r\n",                     "CRLF"),
        ("data: {\"model\":\"a\"}\r\rdata: {\"model\":\"a\"}",  "data: {\"model\":\"N\"}\r\rdata: {\"model\":\"N\"}",  "CR"),
        ("data:{\"model\":\"a\"}\n\n",                          "data:{\"model\":\"N\"}\n\n",                          "no space"),
        ("data:  {\"model\":\"a\"}\n\n",                        "data:  {\"model\":\"N\"}\n\n",                        "two spaces"),
        ("\u{feff}data: {\"model\":\"a\"}\n\n",                 "\u{feff}data: {\"model\":\"N\"}\n\n",                 "byte order mark"),
        (": {\"model\":\"a\"}\n\n",                             ": {\"model\":\"a\"}\n\n",                             "comment"),
        (": ping\n\ndata: {\"model\":\"a\"}\n\n",               ": ping\n\ndata: {\"model\":\"N\"}\n\n",               "after a comment"),
        ("event: data: {\"model\":\"a\"}\n\n",                  "event: data: {\"model\":\"a\"}\n\n",                  "other field"),
        ("dat: {\"model\":\"a\"}\n\n",                          "dat: {\"model\":\"a\"}\n\n",                          "unknown field"),
        ("data\ndata: {\"model\":\"a\"}\n\n",                   "data\ndata: {\"model\":\"N\"}\n\n",                   "field without a colon"),
        ("id: 1\nevent: e\ndata: {\"model\":\"a\"}\n\n",        "id: 1\nevent: e\ndata: {\"model\":\"N\"}\n\n",        "fields before"),
        ("data: [DONE]\n\ndata: {\"model\":\"a\"}\n\n",         "data: [DONE]\n\ndata: {\"model\":\"N\"}\n\n",         "[DONE] stays"),
        ("data: oops {\"model\":\"a\"}\n\n",                    "data: oops {\"model\":\"a\"}\n\n",                    "not JSON"),
        ("data: {\"x\":1\n\ndata: {\"model\":\"a\"}\n\n",       "data: {\"x\":1\n\ndata: {\"model\":\"N\"}\n\n",       "one event cut off"),
        ("data: {\"n\":1\ndata: ,\"model\":\r\ndata:\"a\"}\n\n", "data: {\"n\":1\ndata: ,\"model\":\r\ndata:\"N\"}\n\n", "data over several lines"),
        ("data: {\"n\":1,\nid: 7\ndata: \"model\":\"a\"}\n\n",  "data: {\"n\":1,\nid: 7\ndata: \"model\":\"N\"}\n\n",  "another field between"),
        ("data: {\"model\":\"a\"}  \ndata: {\"model\":\"a\"}\n", "data: {\"model\":\"N\"}  \ndata: {\"model\":\"a\"}\n", "second text in one event"),
        ("\n\n\r\n",                                            "\n\n\r\n",                                            "blank lines"),
    ];
    for (before, after, why) in cases {
        assert_rewrites(&AnswerRewriter::sse(ANTHROPIC, "N"), before.as_bytes(), after, why);
    }
}

proptest! {
    #[test]
    fn cuts_never_matter_whatever_comes(
        soup in r#"(data:|data: |"model"|"message"|:|,|\{|\}|\[|\]|"a"|"|\\|\r|\n|\n\n| |1|x|[DONE]){0,40}"#,
        cuts in vec(any::<Index>(), 0..6),
    ) {
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(soup.len() + 1)).collect();
        places.extend([0, soup.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> =
            places.windows(2).map(|ends| &soup.as_bytes()[ends[0]..ends[1]]).collect();
        for rewriter in [AnswerRewriter::json(ANTHROPIC, "N"), AnswerRewriter::sse(ANTHROPIC, "N")] {
            prop_assert_eq!(run(&rewriter, &pieces), run(&rewriter, &[soup.as_bytes()]));
        }
    }
}
