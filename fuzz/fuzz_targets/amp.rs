//! What is changed for Amp and by a thinking suffix: JSON stays JSON, a second pass finds nothing to do,
//! and no cut matters.
//!
//! Input: a body, a request or an answer; up to the first line end also a model's name.

#![no_main]

use ampgate::adapt::amp::{AmpAnswer, ToolNames, clean_history};
use ampgate::adapt::set_thinking;
use ampgate::types::{Dialect, ModelName, Thinking, ThinkingLevel};
use ampgate_fuzz::{Dice, json, pushed};
use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let mut dice = Dice::of(input);
    let body = Bytes::copy_from_slice(input);
    let line = input.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let name = ModelName::parse(&String::from_utf8_lossy(line));
    let name = name.unwrap_or_else(|| ModelName::parse("claude-opus-4-6(high)").expect("a name"));
    let asked = suffix(&name);
    history(&body);
    answer(&body, &mut dice);
    thinking(&body, &name, asked, &mut dice);
});

fn suffix(name: &ModelName) -> Option<Thinking> {
    let (bare, thinking) = name.split_thinking();
    let rest = name.as_str().strip_prefix(bare.as_str()).expect("a name loses its end only");
    match thinking {
        None => assert_eq!(rest, ""),
        Some(_) => {
            let setting =
                rest.trim_start().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
            assert!(setting.is_some_and(|setting| !setting.contains(['(', ')'])), "{rest}");
        }
    }
    thinking
}

fn history(body: &Bytes) {
    let Some(cleaned) = clean_history(body) else { return };
    assert!(json::whole(&cleaned).is_some(), "no longer JSON");
    assert_eq!(clean_history(&cleaned), None, "something was left");
    let outside = |body: &[u8]| {
        let members = json::members(json::whole(body).expect("JSON")).expect("an object");
        let others = members.into_iter().filter(|(key, _)| key != "messages");
        others.map(|(key, raw)| (key.into_owned(), raw.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(outside(body), outside(&cleaned), "more than the messages has changed");
}

fn answer(body: &Bytes, dice: &mut Dice) {
    let names = ToolNames::of_request(body);
    let answer = AmpAnswer::whole(names, dice.flip());
    let whole = adapted(&answer, &[body]);
    assert_eq!(adapted(&answer, &dice.cut(body)), whole, "a cut changes what Amp reads");
    assert_eq!(adapted(&answer, &[&whole]), whole, "another pass changes it again");
    match serde_json::from_slice::<Value>(body) {
        Ok(mut before) => {
            let mut after: Value = serde_json::from_slice(&whole).expect("still JSON");
            for value in [&mut before, &mut after] {
                value.as_object_mut().map(|top| top.remove("content"));
            }
            assert_eq!(before, after, "more than the content has changed");
        }
        Err(_) if json::whole(body).is_some() => assert!(json::whole(&whole).is_some()),
        Err(_) => assert_eq!(whole, body[..], "what is no JSON has changed"),
    }
}

fn adapted(answer: &AmpAnswer, pieces: &[&[u8]]) -> Vec<u8> {
    let mut answer = answer.clone();
    let mut out = BytesMut::new();
    pushed(pieces.iter().copied(), |piece| answer.push(piece, &mut out));
    answer.finish(&mut out);
    out.to_vec()
}

fn thinking(body: &Bytes, name: &ModelName, asked: Option<Thinking>, dice: &mut Dice) {
    let settings = [
        Thinking::Off,
        Thinking::Auto,
        Thinking::Level(ThinkingLevel::Minimal),
        Thinking::Level(ThinkingLevel::Max),
        Thinking::Budget(1024),
        Thinking::Budget(u32::MAX),
    ];
    let setting = asked.unwrap_or_else(|| *dice.pick(&settings));
    for dialect in
        [Dialect::Anthropic, Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Gemini]
    {
        let set = set_thinking(dialect, name.as_str(), setting, body);
        let Some(before) = json::whole(body).filter(|whole| whole.starts_with('{')) else {
            assert_eq!(set, body, "what is no object has changed");
            continue;
        };
        let after = json::whole(&set).expect("still JSON");
        assert_eq!(
            set_thinking(dialect, name.as_str(), setting, &set),
            set,
            "a second setting differs"
        );
        if let (Some(before), Some(after)) = (json::members(before), json::members(after)) {
            let messages = |members: &[(std::borrow::Cow<'_, str>, &str)]| {
                let kept = members.iter().filter(|(key, _)| key == "messages" || key == "contents");
                kept.map(|(_, raw)| (*raw).to_owned()).collect::<Vec<_>>()
            };
            assert_eq!(messages(&before), messages(&after), "what was said has changed");
        }
    }
}
