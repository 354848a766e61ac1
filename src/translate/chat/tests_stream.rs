use bytes::BytesMut;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::event::{Block, Envelope, Event, InputKind, Step};
use super::super::frames::{Frame, Frames};
use super::super::names::ClientNames;
use super::super::order::Order;
use super::super::stream::{ReadStream as _, StreamTranslator};
use super::StreamReader;
use crate::types::Dialect;

const TEXT: &[u8] = include_bytes!("../../../tests/fixtures/openai-chat/c02-text.stream.sse");
const PARALLEL: &[u8] =
    include_bytes!("../../../tests/fixtures/openai-chat/c04-tools-parallel.stream.sse");
const COMPAT: &[u8] =
    include_bytes!("../../../tests/fixtures/openai-chat/c05-reasoning-compat.stream.sse");
const BROKEN: &[u8] =
    include_bytes!("../../../tests/fixtures/openai-chat/c07-error-midstream.stream.sse");

/// What the reader tells of a stream that comes in these pieces, an event a line.
fn events(pieces: &[&[u8]]) -> Vec<String> {
    let mut frames = Frames::default();
    let mut reader = StreamReader::default();
    let mut told = Vec::new();
    let mut tell = |frame: Frame<'_>| {
        reader.read(frame, &mut |event: Event<'_>| told.push(format!("{event:?}")));
    };
    for piece in pieces {
        frames.push(piece, &mut tell).unwrap();
    }
    frames.finish(&mut tell);
    told
}

#[test]
fn a_text_is_read() {
    insta::assert_snapshot!(events(&[TEXT]).join("\n"));
}

#[test]
fn parallel_calls_are_read() {
    insta::assert_snapshot!(events(&[PARALLEL]).join("\n"));
}

#[test]
fn a_compatible_server_is_read() {
    insta::assert_snapshot!(events(&[COMPAT]).join("\n"));
}

#[test]
fn an_error_in_midstream_is_read() {
    insta::assert_snapshot!(events(&[BROKEN]).join("\n"));
}

#[test]
fn a_stream_is_the_same_wherever_it_is_cut() {
    for stream in [TEXT, PARALLEL, COMPAT, BROKEN] {
        let whole = events(&[stream]);
        for cut in 1..stream.len() {
            let (before, after) = stream.split_at(cut);
            assert_eq!(events(&[before, after]), whole, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(events(&bytes), whole, "byte by byte");
    }
}

pub(super) fn envelope(wants_usage: bool) -> Envelope {
    Envelope {
        id: "1".to_owned(),
        model: "alias".to_owned(),
        created: 1_795_000_000,
        wants_usage,
        as_array: false,
    }
}

/// A stream of Chat, read and written again.
fn rewritten(stream: &[u8], wants_usage: bool) -> String {
    let chat = Dialect::OpenAiChat;
    let mut translator =
        StreamTranslator::new(chat, chat, ClientNames::default(), envelope(wants_usage));
    let mut out = BytesMut::new();
    translator.push(stream, &mut out);
    translator.finish(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn parallel_calls_are_written() {
    insta::assert_snapshot!(rewritten(PARALLEL, true));
}

#[test]
fn thinking_text_and_a_call_are_written() {
    insta::assert_snapshot!(rewritten(COMPAT, false));
}

#[test]
fn an_error_in_midstream_is_written() {
    insta::assert_snapshot!(rewritten(BROKEN, true));
}

#[test]
fn what_was_written_says_the_same_when_read() {
    for stream in [TEXT, PARALLEL, COMPAT, BROKEN] {
        let again = rewritten(stream, true);
        assert_eq!(steps(&frames_of(again.as_bytes())), steps(&frames_of(stream)));
    }
}

fn frames_of(stream: &[u8]) -> Vec<String> {
    let mut frames = Frames::default();
    let mut data = Vec::new();
    let mut tell = |frame: Frame<'_>| data.push(frame.data.to_owned());
    frames.push(stream, &mut tell).unwrap();
    frames.finish(&mut tell);
    data
}

/// What a writer would be told of a stream of these events, in short.
fn steps(data: &[String]) -> Vec<String> {
    let mut reader = StreamReader::default();
    let mut order = Order::new(ClientNames::default(), "x".to_owned());
    let mut seen: Vec<String> = Vec::new();
    let mut sink = |step: Step<'_>| {
        let line = match step {
            Step::Start(_) | Step::Close => return,
            Step::Open(Block::Text) => "text: ".to_owned(),
            Step::Open(Block::Thinking) => "thinking: ".to_owned(),
            Step::Open(Block::Call { id, name, input: InputKind::Json }) => {
                format!("{name} {id}: ")
            }
            Step::Open(Block::Call { id, name, .. }) => format!("custom {name} {id}: "),
            Step::Piece(piece) => {
                seen.last_mut().unwrap().push_str(piece);
                return;
            }
            Step::Signature(signature) => format!("signed {signature}"),
            Step::Stop(reason, _) => format!("{reason:?}"),
            Step::Fail(failure) => {
                format!("{} {:?} {}", failure.status.as_u16(), failure.code, failure.message)
            }
        };
        seen.push(line);
    };
    for data in data {
        reader.read(Frame { event: "", data }, &mut |event| order.push(event, &mut sink));
    }
    order.finish(&mut sink);
    seen
}

/// An event of choice 0 with these deltas.
fn deltas(deltas: &[&str]) -> Vec<String> {
    deltas.iter().map(|delta| format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#)).collect()
}

#[test]
fn calls_are_told_apart_however_a_server_numbers_them() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (&[r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]}"#,
           r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{\"y\":"}}]}"#,
           r#"{"tool_calls":[{"index":0,"function":{"arguments":"1}"}},{"index":1,"function":{"arguments":"2}"}}]}"#][..],
         &[r#"f a: {"x":1}"#, r#"g b: {"y":2}"#][..], "interleaved parallel pieces"),
        (&[r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}"#,
           r#"{"tool_calls":[{"function":{"arguments":"}"}}]}"#,
           r#"{"tool_calls":[{"id":"b","function":{"name":"g","arguments":"{}"}}]}"#],
         &["f a: {}", "g b: {}"], "no index"),
        (&[r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
           r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"{}"}}]}"#],
         &["f a: {}", "f b: {}"], "one index for all, whole calls"),
        (&[r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]}"#,
           r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"1}"}}]}"#],
         &[r#"f a: {"x":1}"#], "id and name with every piece"),
        (&[r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}"#,
           r#"{"tool_calls":[{"index":0,"id":"chatcmpl-tool-2","function":{"name":null,"arguments":"{}"}}]}"#],
         &["f a: {}"], "another id with every piece, as old vLLM"),
        (&[r#"{"tool_calls":[{"function":{"name":"f","arguments":"{}"}},{"function":{"name":"f","arguments":"{}"}}]}"#],
         &["f call_x_0: {}", "f call_x_1: {}"], "no id: the name begins a call"),
        (&[r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":{"x":1}}}]}"#],
         &[r#"f call_x_0: {"x":1}"#], "arguments as JSON"),
        (&[r#"{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{\"x\""}}]}"#,
           r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":":1}"}}]}"#],
         &[r#"f a: {"x":1}"#], "the name comes late"),
        (&[r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":null}}]}"#],
         &["f a: {}"], "no arguments"),
        (&[r#"{"function_call":{"name":"f","arguments":""}}"#, r#"{"function_call":{"arguments":"{}"}}"#],
         &["f call_x_0: {}"], "the functions of 2023"),
        (&[r#"{"tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"p","input":"*** "}}]}"#,
           r#"{"tool_calls":[{"index":0,"custom":{"input":"Begin"}}]}"#],
         &["custom p a: *** Begin"], "a custom tool"),
    ];
    for (pieces, expected, why) in cases {
        let mut expected = expected.to_vec();
        expected.push("ToolUse");
        assert_eq!(steps(&deltas(pieces)), expected, "{why}");
    }
}

#[test]
fn texts_are_read_from_where_servers_put_them() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#"{"content":"a","reasoning_content":"t"}"#,                        &["thinking: t", "text: a"][..], "DeepSeek"),
        (r#"{"content":"","reasoning":"t","reasoning_details":[{"type":"reasoning.text","text":"t"}]}"#, &["thinking: t"], "OpenRouter says it twice"),
        (r#"{"reasoning_details":[{"type":"reasoning.summary","summary":"s"},{"type":"reasoning.encrypted","data":"x"}]}"#, &["thinking: s"], "a summary; what is sealed is not text"),
        (r#"{"reasoning_content":"t","reasoning":"t"}"#,                      &["thinking: t"],                "both names, one thought"),
        (r#"{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#, &["text: ab"],              "blocks"),
        (r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]}]}"#, &["thinking: t"],     "Mistral"),
        (r#"{"content":"caf\u00e9 \ud83e\udd80"}"#,                           &["text: café 🦀"],              "escapes"),
    ];
    for (delta, expected, why) in cases {
        let mut expected = expected.to_vec();
        expected.push("EndTurn");
        assert_eq!(steps(&deltas(&[delta])), expected, "{why}");
    }
}

/// Trap: compatible servers say `stop` although a tool was called.
#[test]
fn finish_stop_with_tools() {
    let finish = |members: &str| format!(r#"{{"choices":[{{"index":0,"delta":{{}},{members}}}]}}"#);
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#;
    let after_call = |members: &str| [deltas(&[call]), vec![finish(members)]].concat();
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (after_call(r#""finish_reason":"stop""#),                    "ToolUse",                         "trust the calls"),
        (after_call(r#""finish_reason":"length""#),                  "MaxTokens",                       "the call was cut"),
        (vec![finish(r#""finish_reason":"stop""#)],                  "EndTurn",                         "no call"),
        (vec![finish(r#""finish_reason":"tool_calls""#)],            "EndTurn",                         "no call whatever it says"),
        (vec![finish(r#""finish_reason":"content_filter""#)],        "Refusal",                         "a filter"),
        (vec![finish(r#""finish_reason":"stop","stop_reason":"END""#)], "StopSequence(Some(\"END\"))",  "vLLM says which"),
        (vec![finish(r#""finish_reason":"stop","stop_reason":151645"#)], "EndTurn",                     "or the number of a token"),
        (vec![finish(r#""finish_reason":"error""#)],                 "502 \"error\" the provider broke off the answer", "no end at all"),
    ];
    for (data, expected, why) in cases {
        assert_eq!(steps(&data).last().map(String::as_str), Some(expected), "{why}");
    }
}

#[test]
fn a_refusal_is_text_and_the_reason() {
    let mut data = deltas(&[r#"{"refusal":"I can"}"#, r#"{"refusal":"not."}"#]);
    data.push(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#.to_owned());
    assert_eq!(steps(&data), ["text: I cannot.", "Refusal"]);
}

/// Trap: what comes after `[DONE]` is not the answer's.
#[test]
fn done_in_the_middle() {
    let mut data = deltas(&[r#"{"content":"a"}"#]);
    data.extend(["[DONE]".to_owned()]);
    data.extend(deltas(&[r#"{"content":"b"}"#]));
    assert_eq!(steps(&data), ["text: a", "EndTurn"]);
}

#[test]
fn what_nobody_knows_is_passed_over() {
    let odd =
        ["", "null", "{", "[]", "{}", r#"{"choices":null,"usage":null}"#, r#"{"choices":[]}"#]
            .map(str::to_owned);
    let mut data = odd.to_vec();
    data.push(r#"{"choices":[{"index":1,"delta":{"content":"second choice"}}]}"#.to_owned());
    data.push(r#"{"x":1,"choices":[{"delta":{"content":"a","odd":[1]}}]}"#.to_owned());
    assert_eq!(steps(&data), ["text: a", "EndTurn"]);
}

/// Trap: an error in midstream is one, with the status it would have had.
#[test]
fn mid_stream_error() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#"{"error":{"message":"m","type":"server_error","code":null}}"#,                  r#"500 "server_error" m"#,             "OpenAI"),
        (r#"{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}"#,       r#"429 "rate_limit_exceeded" m"#,      "the code says more than the type"),
        (r#"{"error":{"message":"m","type":"invalid_request_error","code":"odd"}}"#,        r#"400 "odd" m"#,                      "the type says what the code does not"),
        (r#"{"error":{"message":"m","code":503},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}"#, r#"503 "" m"#,    "OpenRouter"),
        (r#"{"error":{"message":"m","code":"429"}}"#,                                       r#"429 "429" m"#,                      "a number in a string"),
        (r#"{"error":{"message":"m","code":200}}"#,                                         r#"502 "" m"#,                         "no status of an error"),
        (r#"{"error":"out of memory"}"#,                                                    r#"502 "" out of memory"#,             "Ollama"),
        (r#"{"error":{}}"#, r#"502 "" the provider reported an error without a message"#,                                          "nothing said"),
    ];
    for (error, expected, why) in cases {
        let mut data = deltas(&[r#"{"content":"a"}"#]);
        data.push(error.to_owned());
        assert_eq!(steps(&data), ["text: a", expected], "{why}");
    }
}

/// Deltas of whole and of cut texts, thoughts and calls.
fn answers() -> impl Strategy<Value = Vec<String>> {
    let word = || "[a-zé🦀\"\\\\ \n]{1,8}";
    let input = prop::collection::btree_map("[a-z]{1,4}", word(), 0..3);
    let piece = prop_oneof![
        word().prop_map(|text| vec![json!({ "content": text })]),
        word().prop_map(|text| vec![json!({ "reasoning_content": text })]),
        ("[a-zA-Z_]{1,8}", input, any::<prop::sample::Index>()).prop_map(|(name, input, cut)| {
            let input: Vec<char> = json!(input).to_string().chars().collect();
            let (before, after) = input.split_at(cut.index(input.len() + 1));
            let [before, after] = [before, after].map(|piece| piece.iter().collect::<String>());
            let call = |function: Value| json!({ "tool_calls": [{ "function": function }] });
            vec![
                call(json!({ "name": name, "arguments": before })),
                call(json!({ "arguments": after })),
            ]
        }),
    ];
    prop::collection::vec(piece, 1..8).prop_map(|pieces| {
        let deltas = pieces.into_iter().flatten();
        deltas.map(|delta| json!({ "choices": [{ "delta": delta }] }).to_string()).collect()
    })
}

proptest! {
    #[test]
    fn any_answer_says_the_same_when_written_and_read_again(data in answers()) {
        let stream = format!("data: {}\n\n", data.join("\n\ndata: "));
        let again = frames_of(rewritten(stream.as_bytes(), true).as_bytes());
        let named = |line: &String| line.replace("call_x_", "call_1_");
        let expected: Vec<String> = steps(&data).iter().map(named).collect();
        prop_assert_eq!(steps(&again), expected);
    }
}
