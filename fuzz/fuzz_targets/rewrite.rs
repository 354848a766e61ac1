//! The client's model name is put back at the dialect's paths and nowhere else, byte for byte, at any
//! cut.
//!
//! Input: an answer, JSON or a stream of events.

#![no_main]

use ampgate::body::AnswerRewriter;
use ampgate::dialect::model_paths;
use ampgate::types::Dialect;
use ampgate_fuzz::events::{Event, events};
use ampgate_fuzz::{Dice, json, pushed};
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;

type Paths = &'static [&'static [&'static str]];

const NEW: &str = "client's \"name\"";
const NEW_JSON: &str = r#""client's \"name\"""#;

fuzz_target!(|input: &[u8]| {
    let mut dice = Dice::of(input);
    let dialects =
        [Dialect::Anthropic, Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Gemini];
    let paths = model_paths(*dice.pick(&dialects));

    let json = AnswerRewriter::json(paths, NEW);
    let whole = rewritten(&json, &[input]);
    assert_eq!(rewritten(&json, &dice.cut(input)), whole, "a cut changes JSON");
    if let Some(expected) = replaced(input, paths) {
        assert_eq!(whole, expected, "JSON");
    }

    let sse = AnswerRewriter::sse(paths, NEW);
    let whole = rewritten(&sse, &[input]);
    assert_eq!(rewritten(&sse, &dice.cut(input)), whole, "a cut changes a stream");
    let (before, after) = (events(input, true), events(&whole, true));
    assert_eq!(before.len(), after.len(), "events appear or vanish");
    for (before, after) in before.into_iter().zip(after) {
        let data = match replaced(&before.data, paths) {
            Some(replaced) => replaced,
            // No JSON: how far it is followed is for the rewriter to say.
            None => after.data.clone(),
        };
        assert_eq!(after, Event { data, ..before });
    }
});

fn rewritten(rewriter: &AnswerRewriter, pieces: &[&[u8]]) -> Vec<u8> {
    let mut rewriter = rewriter.clone();
    let mut out = BytesMut::new();
    pushed(pieces.iter().copied(), |piece| rewriter.push(piece, &mut out));
    rewriter.finish(&mut out);
    out.to_vec()
}

/// The same by another way: find the places in the whole text. `None` when it is not JSON.
fn replaced(text: &[u8], paths: Paths) -> Option<Vec<u8>> {
    let whole = json::whole(text)?;
    let objects = match json::elements(whole) {
        // An array of objects ends for us where something else stands in it.
        Some(elements) => {
            elements.into_iter().take_while(|element| element.starts_with('{')).collect()
        }
        None => vec![whole],
    };
    let mut places = Vec::new();
    for object in objects {
        for path in paths {
            find(object, path, &mut places)?;
        }
    }
    let changes = places.into_iter().map(|found| (json::place(text, found), NEW_JSON));
    Some(json::with(text, changes.collect()))
}

/// The strings at `path`, with a key that is written twice both.
fn find<'a>(value: &'a str, path: &[&str], places: &mut Vec<&'a str>) -> Option<()> {
    match path {
        [] if value.starts_with('"') => places.push(value),
        [key, rest @ ..] if value.starts_with('{') => {
            let Some(members) = json::members(value) else {
                return None; // a key that is no text, such as half of a surrogate pair
            };
            // A key borrows from the members, a value from the text.
            for (member, inner) in members {
                if member == *key {
                    find(inner, rest, places)?;
                }
            }
        }
        _ => {}
    }
    Some(())
}
