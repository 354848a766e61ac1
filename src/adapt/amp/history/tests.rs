use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const SIGNED: &str = r#"{"type":"thinking","thinking":"a","signature":"EqkB+/-_=="}"#;
const UNSIGNED: &str = r#"{"type":"thinking","thinking":"b"}"#;
const TEXT: &str = r#"{"type":"text","text":"c"}"#;

fn cleaned(body: &str) -> Option<String> {
    let cleaned = clean_history(&Bytes::copy_from_slice(body.as_bytes()))?;
    Some(String::from_utf8(cleaned.to_vec()).unwrap())
}

fn assistant(blocks: &[&str]) -> String {
    format!(r#"{{"role":"assistant","content":[{}]}}"#, blocks.join(","))
}

fn thread(messages: &[&str]) -> String {
    format!(r#"{{"model":"m","messages":[{}],"max_tokens":1}}"#, messages.join(","))
}

#[test]
fn a_block_that_would_be_refused_is_taken_out() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, Option<&str>, &str); 18] = [
        // block,                                                         becomes, nothing when it goes, why
        (UNSIGNED,                                                        Some(""), "no signature"),
        (r#"{"type":"thinking","thinking":"b","signature":""}"#,          Some(""), "our own empty one"),
        (r#"{"type":"thinking","signature":"  "}"#,                       Some(""), "white space"),
        (r#"{"type":"thinking","signature":null}"#,                       Some(""), "null"),
        (r#"{"type":"thinking","signature":["Eq"]}"#,                     Some(""), "no string"),
        (r#"{"type":"thinking","signature":"gemini#Eq=="}"#,              Some(""), "another gateway's mark"),
        (r#"{"cache_control":{"x":1} , "type" : "thinking"}"#,            Some(""), "with all its members"),
        (r#"{"type":"thinking","signature":"x","signature":""}"#,         Some(""), "the last of two counts"),
        (SIGNED,                                                          None,     "signed"),
        (r#"{"type":"thinking","thinking":"","signature":"Eq"}"#,         None,     "signed, its text left out by the provider"),
        (r#"{"type":"redacted_thinking","data":"Em"}"#,                   None,     "signed in another way"),
        (r#"{"type":"\u0074hinking","thinking":"b"}"#,                    Some(""), "the value may be spelt with escapes"),
        (r#"{"type":"\u0074hinking"}"#,                                   None,     "unseen by the quick look, forwarded"),
        (r#"{"type":"text","text":"a \"thinking\" \"signature\""}"#,      None,     "words in a text"),
        (r#"{"type":"tool_use","signature":"","input":{"signature":1}}"#, Some(r#"{"type":"tool_use","input":{"signature":1}}"#), "on tool_use, not in its input"),
        (r#"{ "signature":"x" , "type":"tool_use","signature":1}"#,       Some(r#"{ "type":"tool_use"}"#), "any signature, each of them"),
        (r#"{"type":"tool_use","input":{"signature":"","n":12345678901234567890123}}"#, None, "an input may have one"),
        (r#"{"type":"server_tool_use","signature":""}"#,                  None,     "nobody adds one there"),
    ];
    for (block, expected, why) in cases {
        let before = thread(&[&assistant(&[TEXT, block, TEXT])]);
        let expected = expected.map(|block| {
            let blocks = [TEXT, block, TEXT].into_iter().filter(|block| !block.is_empty());
            thread(&[&assistant(&blocks.collect::<Vec<_>>())])
        });
        assert_eq!(cleaned(&before), expected, "{why}");
    }
}

#[test]
fn a_message_of_nothing_but_refused_thinking_goes_whole() {
    let user = r#"{"role":"user","content":"hi"}"#;
    let only_unsigned = assistant(&[UNSIGNED, UNSIGNED]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&[&str], &[&str], &str); 5] = [
        // messages,                               becomes,                        why
        (&[user, &only_unsigned, user],            &[user, user],                  "two users in a row are one"),
        (&[user, &only_unsigned],                  &[user],                        "the last"),
        (&[&only_unsigned, user],                  &[user],                        "the first"),
        (&[user, &assistant(&[UNSIGNED, SIGNED])], &[user, &assistant(&[SIGNED])], "something is left"),
        (&[&assistant(&[]), &only_unsigned],       &[&assistant(&[])],             "empty before we came: not ours to judge"),
    ];
    for (messages, expected, why) in cases {
        assert_eq!(cleaned(&thread(messages)), Some(thread(expected)), "{why}");
    }
}

#[test]
fn what_is_not_the_assistants_is_forwarded_as_it_is() {
    let user =
        format!(r#"{{"role":"user","content":[{UNSIGNED},{{"type":"tool_use","signature":""}}]}}"#);
    let signed = assistant(&[TEXT, SIGNED, r#"{"type":"redacted_thinking","data":"E"}"#]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (thread(&[&user]),                                                           "a user's message"),
        (thread(&[&user.replace("user", "system")]),                                 "another role"),
        (format!(r#"{{"system":[{UNSIGNED}],"tools":[{UNSIGNED}],"messages":[]}}"#), "system and tools"),
        (r#"{"thinking":{"type":"enabled"},"messages":[]}"#.into(),                  "the setting"),
        (thread(&[r#"{"role":"assistant","content":{"type":"thinking"}}"#]),         "content of no known shape"),
        (thread(&[r#""thinking""#, r#"{"role":"assistant","thinking":1}"#]),         "messages of no known shape"),
        (format!(r#"{{"messages":{UNSIGNED}}}"#),                                    "messages that are no list"),
        (format!("[{UNSIGNED}]"),                                                    "no object"),
        (thread(&[&assistant(&[UNSIGNED])]).replace("}],", "}]"),                    "broken JSON"),
        (thread(&[&signed]),                                                         "all signed"),
    ];
    for (body, why) in cases {
        assert_eq!(cleaned(&body), None, "{why}");
    }
}

#[test]
fn real_requests_are_forwarded_as_they_are() {
    let requests = [
        include_str!("../../../../tests/fixtures/anthropic/a03-tools.request.json"),
        include_str!("../../../../tests/fixtures/anthropic/a07-image.request.json"),
    ];
    for request in requests {
        assert_eq!(cleaned(request), None);
    }
}

/// A block as it is written, and as it must be written afterwards; `None` when it must go.
fn any_block() -> impl Strategy<Value = (String, Option<String>)> {
    let kept = prop_oneof![
        Just(r#"{ "type" : "text","n":12345678901234567890123456789, "a":1.50 }"#),
        Just(SIGNED),
        Just(r#"{"b":[{"type":"thinking"}],"type":"redacted_thinking"}"#),
        Just(r#"{"type":"tool_result","content":[{"type":"tool_use","signature":""}]}"#),
    ];
    let unsigned = r#"\{("[a-z]{1,3}":[1-9][0-9]{1,30},)?"type": ?"thinking"(,"signature": ?("[ .#]{0,2}"|null|7))?\}"#;
    let tool_use = r#""type": ?"tool_use","input": ?\{"n":[1-9][0-9]{0,40}\}"#;
    prop_oneof![
        kept.prop_map(|block| (block.to_owned(), Some(block.to_owned()))),
        unsigned.prop_map(|block| (block, None)),
        (tool_use, any::<bool>(), any::<bool>()).prop_map(|(members, in_front, behind)| {
            let in_front = if in_front { r#""signature":"x","# } else { "" };
            let behind = if behind { r#" ,"signature" : """# } else { "" };
            let clean = format!("{{{members}\n}}");
            (format!("{{{in_front}{members}{behind}\n}}"), Some(clean))
        }),
    ]
}

proptest! {
    #[test]
    fn nothing_else_changes_and_once_is_enough(
        messages in vec((any::<bool>(), vec(any_block(), 0..5)), 0..5),
    ) {
        let mut before = Vec::new();
        let mut after = Vec::new();
        for (is_user, blocks) in &messages {
            let role = if *is_user { "user" } else { "assistant" };
            let message = |blocks: &[&str]| {
                format!(r#"{{"z":1e400, "role":"{role}","content":[{}],"a":-0}}"#, blocks.join(","))
            };
            let written: Vec<&str> = blocks.iter().map(|(block, _)| block.as_str()).collect();
            let left: Vec<&str> = blocks.iter().filter_map(|(_, after)| after.as_deref()).collect();
            before.push(message(&written));
            if *is_user {
                after.push(message(&written));
            } else if written.is_empty() || !left.is_empty() {
                after.push(message(&left));
            }
        }
        let thread = |messages: &[String]| {
            thread(&messages.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let (before, after) = (thread(&before), thread(&after));

        let expected = (before != after).then(|| after.clone());
        prop_assert_eq!(cleaned(&before), expected);
        prop_assert_eq!(cleaned(&after), None, "clean already");
    }
}
