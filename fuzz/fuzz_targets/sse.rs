//! What is known of a stream of events does not depend on where it is cut, and an event of ours behind
//! it is read as one, whatever came before.
//!
//! Input: a stream of events.

#![no_main]

use ampgate::adapt::amp::{AmpAnswer, ToolNames};
use ampgate::body::SseTail;
use ampgate::dialect::{FirstEvent, first_event};
use ampgate::types::Dialect;
use ampgate_fuzz::events::{Event, events};
use ampgate_fuzz::{Dice, pushed};
use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const REQUEST: &[u8] = br#"{"tools":[{"name":"Bash"},{"name":"glob"},{"name":"x"},{"name":"X"}]}"#;

fuzz_target!(|input: &[u8]| {
    let mut dice = Dice::of(input);
    tail(input, &mut dice);
    beginning(input, &mut dice);
    adapted(input, &mut dice);
});

fn tail(input: &[u8], dice: &mut Dice) {
    let whole = tail_of(&[input]);
    let cut = tail_of(&dice.cut(input));
    assert_eq!(cut.is_at_event_boundary(), whole.is_at_event_boundary(), "where an event ends");
    assert_eq!(cut.uses_crlf(), whole.uses_crlf(), "what lines end in");
    let (head, rest) = input.split_at(dice.throw(input.len() + 1));
    assert_eq!(tail_of(&[head, rest]).next_sequence_number(), whole.next_sequence_number());

    // As `exchange::stream` ends a broken stream.
    let line_end = if whole.uses_crlf() { "\r\n" } else { "\n" };
    let close = if whole.is_at_event_boundary() { String::new() } else { line_end.repeat(2) };
    let ours = format!("{close}event: error{line_end}data: ours{line_end}{line_end}");
    let ended = events(&[input, ours.as_bytes()].concat(), false);
    let (last, before) = ended.split_last().expect("ours is there");
    assert_eq!(*last, Event { name: b"error".to_vec(), data: b"ours".to_vec() });
    let whole_events = events(input, false);
    assert!(before.starts_with(&whole_events), "an event before ours has changed");
    // What was left open is closed, and is one event at most.
    assert!(before.len() <= whole_events.len() + 1);
}

fn tail_of(pieces: &[&[u8]]) -> SseTail {
    let mut tail = SseTail::default();
    pushed(pieces.iter().copied(), |piece| tail.push(piece));
    tail
}

fn beginning(input: &[u8], dice: &mut Dice) {
    let dialects =
        [Dialect::Anthropic, Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Gemini];
    let dialect = *dice.pick(&dialects);
    let whole = first_event(dialect, input, false);
    let prefix = &input[..dice.throw(input.len() + 1)];
    let early = first_event(dialect, prefix, false);
    assert!(early == FirstEvent::Incomplete || early == whole, "decided before it could be known");
    let at_end = first_event(dialect, input, true);
    assert_ne!(at_end, FirstEvent::Incomplete, "an end decides");
    assert!(whole == FirstEvent::Incomplete || at_end == whole, "the end changed a decision");
}

fn adapted(input: &[u8], dice: &mut Dice) {
    let answer = AmpAnswer::stream(ToolNames::of_request(REQUEST));
    let whole = adapt(&answer, &[input]);
    assert_eq!(adapt(&answer, &dice.cut(input)), whole, "a cut changes what Amp reads");
    assert_eq!(adapt(&answer, &[&whole]), whole, "another pass changes it again");
    let wanted = b"content_block_start";
    if !input.windows(wanted.len()).any(|part| part == wanted) {
        assert!(whole == input, "a stream without blocks has changed");
    }
    let (before, after) = (events(input, true), events(&whole, true));
    assert_eq!(before.len(), after.len(), "events appear or vanish");
    for (before, after) in before.iter().zip(after) {
        assert_eq!(before.name, after.name);
        if before.data != after.data {
            let before: Value = serde_json::from_slice(&before.data).expect("only JSON changes");
            let after: Value = serde_json::from_slice(&after.data).expect("and stays JSON");
            assert_eq!(before["type"], "content_block_start");
            assert_eq!(stripped(before), stripped(after));
        }
    }
}

fn adapt(answer: &AmpAnswer, pieces: &[&[u8]]) -> Vec<u8> {
    let mut answer = answer.clone();
    let mut out = BytesMut::new();
    pushed(pieces.iter().copied(), |piece: &Bytes| answer.push(piece, &mut out));
    answer.finish(&mut out);
    out.to_vec()
}

/// An event without what may change in it.
fn stripped(mut event: Value) -> Value {
    if let Some(block) = event["content_block"].as_object_mut() {
        block.remove("signature");
        if let Some(name) = block.get_mut("name") {
            *name = name.as_str().unwrap_or_default().to_ascii_lowercase().into();
        }
    }
    event
}
