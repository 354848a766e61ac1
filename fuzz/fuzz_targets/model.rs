//! The model that the gateway routes by is the one that a full parse finds, and putting another name
//! there changes nothing else.
//!
//! Input: the body of a model call.

#![no_main]

use ampgate::body::{ModelFieldError, find_model, replace_model};
use ampgate_fuzz::json;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const NEW: &str = "other \"name\"\n\u{e9}";

fuzz_target!(|body: &[u8]| {
    let found = find_model(body);
    // What nobody can read as JSON names no model. `whole` reads text only; the scanner leaves bytes
    // that are no text inside other values to the upstream, which must still agree on the model.
    let readable = String::from_utf8_lossy(body);
    let members = json::whole(readable.as_bytes()).and_then(json::members);
    match &found {
        Ok(field) => {
            let members = members.expect("only an object names a model");
            let named: Vec<_> = members.iter().filter(|(key, _)| key == "model").collect();
            assert_eq!(named.len(), 1, "the model is given {} times", named.len());
            let name: String = serde_json::from_str(named[0].1).expect("the model is a string");
            assert_eq!(field.name, name);
            let span: String = serde_json::from_slice(&body[field.span.clone()]).expect("a string");
            assert_eq!(span, name, "the span is not the name");
            let stream = members.iter().rfind(|(key, _)| key == "stream");
            assert_eq!(field.stream, stream.is_some_and(|(_, value)| *value == "true"));
            if let Ok(value) = serde_json::from_slice::<Value>(body) {
                assert_eq!(value["model"], *field.name);
                replaced(body, &field.span, value);
            }
        }
        Err(error) => {
            let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
            let expected = match value {
                Value::Object(top) => match top.get("model") {
                    None => ModelFieldError::Missing,
                    Some(Value::String(name)) if name.trim().is_empty() => ModelFieldError::Empty,
                    Some(Value::String(_)) => ModelFieldError::GivenTwice,
                    Some(_) => ModelFieldError::NotAString,
                },
                _ => ModelFieldError::NotAnObject,
            };
            assert!(*error == expected || *error == ModelFieldError::GivenTwice, "{error}");
            if *error == ModelFieldError::GivenTwice {
                let named =
                    members.expect("an object").into_iter().filter(|(key, _)| key == "model");
                assert!(named.count() > 1);
            }
        }
    }
});

fn replaced(body: &[u8], span: &std::ops::Range<usize>, mut value: Value) {
    let body = Bytes::copy_from_slice(body);
    let [before, name, after] = replace_model(&body, span, NEW);
    assert_eq!((&before[..], &after[..]), (&body[..span.start], &body[span.end..]));
    let sent = [before, name, after].concat();
    value["model"] = NEW.into();
    assert_eq!(serde_json::from_slice::<Value>(&sent).expect("still JSON"), value);
}
