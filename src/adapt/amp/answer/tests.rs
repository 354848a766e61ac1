mod streams;

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::whole::MAX_ANSWER_BYTES;
use super::*;
use crate::body::JsonPart;

/// What the request of every test lists.
fn tool_names() -> ToolNames {
    ToolNames::of_request(br#"{"tools":[{"name":"Get_Weather"},{"name":"edit"},{"name":"EDIT"}]}"#)
}

fn stream() -> AmpAnswer {
    AmpAnswer::stream(tool_names())
}

fn whole(crossed_providers: bool) -> AmpAnswer {
    AmpAnswer::whole(tool_names(), crossed_providers)
}

fn run(answer: &AmpAnswer, pieces: &[&[u8]]) -> String {
    let (mut answer, mut out) = step(answer, pieces);
    answer.finish(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

fn step(answer: &AmpAnswer, pieces: &[&[u8]]) -> (AmpAnswer, BytesMut) {
    let mut answer = answer.clone();
    let mut out = BytesMut::new();
    for piece in pieces {
        answer.push(&Bytes::copy_from_slice(piece), &mut out);
    }
    (answer, out)
}

/// Whole, byte by byte, and cut in two at every place.
///
/// To stay fast on long streams a cut is tried within its stretch only: the same must be written
/// and held as without the cut, so the rest goes the same way.
fn assert_adapts(answer: &AmpAnswer, input: &str, expected: &str, why: &str) {
    let input = input.as_bytes();
    assert_eq!(run(answer, &[input]), expected, "{why}: whole");
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(run(answer, &bytes), expected, "{why}: byte by byte");
    let mut before = answer.clone();
    for stretch in input.chunks(100) {
        let (after, written) = step(&before, &[stretch]);
        for cut in 1..stretch.len() {
            let (head, tail) = stretch.split_at(cut);
            let place = head.escape_ascii();
            let (after_cut, written_cut) = step(&before, &[head, tail]);
            assert_eq!(written_cut, written, "{why}: cut after {place}");
            assert_eq!(after_cut, after, "{why}: held when cut after {place}");
        }
        before = after;
    }
}

fn start(block: &str) -> String {
    format!(
        "event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{block}}}\n\n"
    )
}

fn message(blocks: &[&str]) -> String {
    format!(
        r#"{{"type":"message","id":"m","content":[{}],"usage":{{"n":12345678901234567890123}}}}"#,
        blocks.join(",")
    )
}

#[test]
fn a_block_gets_what_amp_needs_of_it() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // block,                                                    becomes,                                                                why
        (r#"{"type":"tool_use","name":"Get_Weather","input":{}}"#,   r#"{"signature":"","type":"tool_use","name":"Get_Weather","input":{}}"#, "no signature"),
        (r#"{"type":"thinking","thinking":""}"#,                     r#"{"signature":"","type":"thinking","thinking":""}"#,                  "no signature"),
        (r#"{"type":"thinking","signature":null}"#,                  r#"{"type":"thinking","signature":""}"#,                                "null has no length"),
        (r#"{"type":"thinking","thinking":"","signature":""}"#,      r#"{"type":"thinking","thinking":"","signature":""}"#,                  "an empty one is one"),
        (r#"{"type":"thinking","signature":"Eq=="}"#,                r#"{"type":"thinking","signature":"Eq=="}"#,                            "signed"),
        (r#"{"type":"redacted_thinking","data":"Em"}"#,              r#"{"type":"redacted_thinking","data":"Em"}"#,                          "has data instead"),
        (r#"{"type":"text","text":"\"tool_use\""}"#,                 r#"{"type":"text","text":"\"tool_use\""}"#,                             "a text"),
        (r#"{"type":"server_tool_use","name":"get_weather"}"#,       r#"{"type":"server_tool_use","name":"get_weather"}"#,                   "not run by Amp"),
        (r#"{"type":"tool_use","signature":"x","name":"get_weather"}"#, r#"{"type":"tool_use","signature":"x","name":"Get_Weather"}"#,       "listed in another casing"),
        (r#"{"name" : "GET_\u0057EATHER","type":"tool_use"}"#,       r#"{"signature":"","name" : "Get_Weather","type":"tool_use"}"#,         "however it is spelt"),
        (r#"{"type":"tool_use","signature":"","name":"Edit"}"#,      r#"{"type":"tool_use","signature":"","name":"Edit"}"#,                  "two listed names collide"),
        (r#"{"type":"tool_use","signature":"","name":"bash"}"#,      r#"{"type":"tool_use","signature":"","name":"Bash"}"#,                  "Amp's own"),
        (r#"{"type":"tool_use","signature":"","name":null}"#,        r#"{"type":"tool_use","signature":"","name":null}"#,                    "no name"),
        (r#"{"type":"tool_use","signature":"","input":{"name":"bash"}}"#, r#"{"type":"tool_use","signature":"","input":{"name":"bash"}}"#,   "a name within the input"),
    ];
    for (block, expected, why) in cases {
        assert_adapts(&stream(), &start(block), &start(expected), why);
        let text = r#"{"type":"text","text":"a"}"#;
        let expected = message(&[text, expected]);
        assert_adapts(&whole(false), &message(&[text, block]), &expected, why);
    }
}

#[test]
fn thinking_goes_from_an_answer_with_tools_when_providers_were_crossed() {
    let thinking = r#"{"type":"thinking","thinking":"a","signature":"E"}"#;
    let redacted = r#"{"type":"redacted_thinking","data":"E"}"#;
    let unsigned = r#"{"type":"thinking","thinking":"b"}"#;
    let text = r#"{"type":"text","text":"c"}"#;
    let tool = r#"{"type":"tool_use","signature":"","name":"x"}"#;
    let filled = r#"{"signature":"","type":"thinking","thinking":"b"}"#;
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&[&str], bool, &[&str], &str); 5] = [
        // blocks,                                  crossed, become,                                     why
        (&[thinking, redacted, text, unsigned, tool], true,  &[text, tool],                              "wherever it stands"),
        (&[tool, thinking],                           true,  &[tool],                                    "behind the tool too"),
        (&[thinking, redacted, text],                 true,  &[thinking, redacted, text],                "no tool is used"),
        (&[thinking, redacted, unsigned, tool],       false, &[thinking, redacted, filled, tool],        "the provider that was asked for"),
        (&[unsigned, text],                           true,  &[filled, text],                            "what stays gets its signature"),
    ];
    for (blocks, crossed, expected, why) in cases {
        assert_adapts(&whole(crossed), &message(blocks), &message(expected), why);
    }
}

#[test]
fn no_more_of_an_answer_is_held_than_may_be() {
    let answer = |bytes: usize| {
        let before = message(&[r#"{"type":"thinking","thinking":"X"}"#]);
        before.replace('X', &"x".repeat(bytes + 1 - before.len()))
    };
    let (fits, too_large) = (answer(MAX_ANSWER_BYTES), answer(MAX_ANSWER_BYTES + 1));
    let (head, tail) = too_large.as_bytes().split_at(MAX_ANSWER_BYTES);
    assert_eq!(run(&whole(true), &[fits.as_bytes()]).len(), fits.len() + 15, "as large as may be");
    let (answer, written) = step(&whole(true), &[head]);
    assert_eq!(written.len(), 0, "held as long as it may fit");
    assert_eq!(step(&answer, &[tail]).1.len(), too_large.len(), "all at once when it does not");
    assert!(run(&whole(true), &[head, tail]) == too_large, "larger by a byte");
}

#[test]
fn an_answer_that_is_no_message_crosses_as_it_is() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#"{"type":"error","error":{"type":"api_error","message":"tool_use"}}"#, "an error"),
        (r#"{"content":{"type":"thinking"}}"#,                          "content of no known shape"),
        (r#"{"content":["thinking",{"type":7},{"type":["tool_use"]}]}"#, "blocks of no known shape"),
        (r#"[{"content":[{"type":"thinking"}]}]"#,                      "no object"),
        (r#"{"content":[{"type":"thinking"}]"#,                         "broken off"),
        (r#"{"content":[{"type":"thinking"}]} x"#,                      "more than JSON"),
        ("<html>\"tool_use\"</html>",                                   "no JSON"),
        ("",                                                            "nothing"),
    ];
    for (body, why) in cases {
        assert_adapts(&whole(true), body, body, why);
    }
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
fn other_dialects_cross_as_they_are() {
    for folder in ["gemini", "openai-chat", "openai-completions", "openai-responses"] {
        for (name, events) in fixtures(folder, ".sse") {
            assert_eq!(run(&stream(), &[events.as_bytes()]), events, "{name}");
        }
    }
    for folder in ["gemini", "openai-chat", "openai-responses"] {
        for (name, exchange) in fixtures(folder, ".exchange.json") {
            let body = body_of_answer(&exchange);
            assert_eq!(run(&whole(true), &[body.as_bytes()]), body, "{name}");
        }
    }
}

#[test]
fn real_answers_without_needs_cross_as_they_are() {
    for (name, exchange) in fixtures("anthropic", ".exchange.json") {
        let body = body_of_answer(&exchange);
        assert_adapts(&whole(true), body, body, &name);
    }
}

fn body_of_answer(exchange: &str) -> &str {
    let exchange = JsonPart::parse(exchange.as_bytes()).unwrap();
    exchange.get("response").unwrap().get("body").unwrap().raw()
}

/// A block as it is written, and as Amp must see it.
fn any_block() -> impl Strategy<Value = (String, String)> {
    let others = r#"("[a-d]": ?(-?[1-9][0-9]{0,40}|1\.50|\{"name": "bash"\}), ?){0,3}"#;
    let kind = prop_oneof![
        Just(("text", false)),
        Just(("redacted_thinking", false)),
        Just(("thinking", true)),
        Just(("tool_use", true)),
    ];
    (others, kind, any::<bool>(), any::<bool>()).prop_map(
        |(others, (kind, needs_signature), is_signed, has_name)| {
            let name =
                |name: &str| if has_name { format!(r#", "name":"{name}""#) } else { String::new() };
            let signature = if is_signed { r#""signature" :"E","# } else { "" };
            let block = |added: &str, name: &str| {
                format!(r#"{{{added}{others}{signature}"type": "{kind}"{name} }}"#)
            };
            let added = if needs_signature && !is_signed { r#""signature":"","# } else { "" };
            let right = if kind == "tool_use" { "Grep" } else { "GREP" };
            (block("", &name("GREP")), block(added, &name(right)))
        },
    )
}

proptest! {
    #[test]
    fn nothing_else_changes_and_once_is_enough(blocks in vec(any_block(), 0..6)) {
        let join = |blocks: Vec<&String>| message(&blocks.into_iter().map(String::as_str).collect::<Vec<_>>());
        let before = join(blocks.iter().map(|(before, _)| before).collect());
        let after = join(blocks.iter().map(|(_, after)| after).collect());
        prop_assert_eq!(&run(&whole(false), &[before.as_bytes()]), &after);
        prop_assert_eq!(&run(&whole(false), &[after.as_bytes()]), &after);

        let before: String = blocks.iter().map(|(before, _)| start(before)).collect();
        let after: String = blocks.iter().map(|(_, after)| start(after)).collect();
        prop_assert_eq!(&run(&stream(), &[before.as_bytes()]), &after);
        prop_assert_eq!(&run(&stream(), &[after.as_bytes()]), &after);
    }

    #[test]
    fn cuts_never_matter_whatever_comes(
        soup in r#"(event: ?|data: ?|content_block_start|content_block_delta|\{"type":"content_block_start","content_block":\{"type":"thinking"\}\}|: x|\{|\}|"|\r|\n|\n\n|\r\n\r\n| |e|d){0,30}"#,
        cuts in vec(any::<Index>(), 0..6),
    ) {
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(soup.len() + 1)).collect();
        places.extend([0, soup.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> =
            places.windows(2).map(|ends| &soup.as_bytes()[ends[0]..ends[1]]).collect();
        for answer in [stream(), whole(true)] {
            let seen = run(&answer, &pieces);
            prop_assert_eq!(&seen, &run(&answer, &[soup.as_bytes()]));
            prop_assert_eq!(seen.replace(r#""signature":"","#, ""), soup.as_str());
        }
    }
}
