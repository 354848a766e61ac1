//! An edit of one container leaves JSON, does what it says, and keeps every byte outside of it and
//! every member that it does not name.
//!
//! Input: a JSON body.

#![no_main]

use ampgate::body::{Edits, JsonPart};
use ampgate_fuzz::{Dice, json};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let body = Bytes::copy_from_slice(input);
    let Ok(mut part) = JsonPart::parse(&body) else {
        assert!(json::whole(input).is_none(), "not read as JSON");
        return;
    };
    let mut dice = Dice::of(input);
    while dice.throw(4) != 0 {
        let members = part.members().unwrap_or_default().into_iter().map(|member| member.value);
        let inside: Vec<_> = members.chain(part.elements().unwrap_or_default()).collect();
        if inside.is_empty() {
            break;
        }
        part = *dice.pick(&inside);
    }
    let span = part.span_in(&body);
    assert_eq!(&body[span.clone()], part.raw().as_bytes());

    let mut edits = Edits::default();
    let expected = if part.members().is_some() {
        of_object(&mut edits, &body, part, &mut dice)
    } else if let Some(elements) = json::elements(part.raw()) {
        let removed: Vec<bool> = elements.iter().map(|_| dice.flip()).collect();
        edits.remove_elements(&body, part, |index| removed[index]);
        let kept = elements.into_iter().zip(removed).filter(|(_, removed)| !removed);
        Container::Array(kept.map(|(element, _)| element.to_owned()).collect())
    } else {
        edits.replace(&body, part, "[7]");
        Container::Array(vec!["7".to_owned()])
    };
    let edited = edits.apply(&body);

    assert!(edited.starts_with(&body[..span.start]), "what stands before it has changed");
    assert!(edited.ends_with(&body[span.end..]), "what stands behind it has changed");
    let inner = &edited[span.start..edited.len() - (body.len() - span.end)];
    let inner = std::str::from_utf8(inner).expect("text stays text");
    match expected {
        Container::Array(elements) => {
            assert_eq!(json::elements(inner).expect("an array"), elements);
        }
        Container::Object(expected) => {
            let members = json::members(inner).expect("an object").into_iter();
            let members: Vec<_> =
                members.map(|(key, raw)| (key.into_owned(), raw.to_owned())).collect();
            assert_eq!(members, expected);
        }
    }
    assert!(JsonPart::parse(&edited).is_ok(), "no longer JSON");
});

enum Container {
    Array(Vec<String>),
    Object(Vec<(String, String)>),
}

/// Notes a change of an object's members, and says what they must be afterwards.
fn of_object(edits: &mut Edits, body: &[u8], part: JsonPart<'_>, dice: &mut Dice) -> Container {
    let members = json::members(part.raw()).expect("it has members");
    let mut keys: Vec<String> = members.iter().map(|(key, _)| key.to_string()).collect();
    keys.extend(["new\n".to_owned(), String::new()]);
    let first = dice.pick(&keys).clone();
    let second = dice.pick(&keys).clone();
    let mut set = vec![(first.as_str(), "{\"a\":1}"), (second.as_str(), "null")];
    set.truncate(if first == second { 1 } else { dice.throw(3) });
    let removed: Vec<&String> = keys.iter().filter(|_| dice.flip()).collect();
    edits.change_members(body, part, &set, |key| removed.iter().any(|removed| *removed == key));

    let set_to = |key: &str| set.iter().find(|(set, _)| *set == key).map(|(_, json)| *json);
    let added = set.iter().filter(|(key, _)| !members.iter().any(|(member, _)| member == key));
    let added = added.map(|(key, json)| ((*key).to_owned(), (*json).to_owned()));
    let kept = members.iter().filter_map(|(key, raw)| match set_to(key) {
        Some(json) => Some((key.to_string(), json.to_owned())),
        None if removed.iter().any(|removed| *removed == key) => None,
        None => Some((key.to_string(), (*raw).to_owned())),
    });
    Container::Object(added.chain(kept).collect())
}
