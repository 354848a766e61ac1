use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::body::json_string;

/// Independent of the code under test: derived, refuses duplicates, reads the whole body.
#[derive(Deserialize)]
struct Oracle {
    model: String,
    #[serde(default)]
    stream: serde_json::Value,
}

#[test]
fn the_model_is_found_where_it_stands() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // body,                                             name,     raw,               stream, why
        (r#"{"model":"m"}"#,                                 "m",      r#""m""#,          false, "only"),
        (r#"{"model":"m","stream":true}"#,                   "m",      r#""m""#,          true,  "first"),
        (r#"{"stream":true,"model":"m"}"#,                   "m",      r#""m""#,          true,  "last"),
        (r#"{"model":"m","stream":false}"#,                  "m",      r#""m""#,          false, "no stream"),
        (r#"{"model":"m","stream":"true"}"#,                 "m",      r#""m""#,          false, "a string is not true"),
        (r#"{"model":"m","o":{"stream":true}}"#,             "m",      r#""m""#,          false, "nested stream"),
        (r#"{"o":{"model":"x"},"a":[{"model":"y"}],"model":"m"}"#, "m", r#""m""#,         false, "nested models"),
        (r#"{"s":"\"model\":\"x\"","model":"m"}"#,           "m",      r#""m""#,          false, "model inside a string"),
        (r#"{"s":"\\","model":"m"}"#,                        "m",      r#""m""#,          false, "string ends in a backslash"),
        (" \r\n\t{ \"model\" \n:\t\"m\" } ",                 "m",      r#""m""#,          false, "white space"),
        (r#"{"mod\u0065l":"m"}"#,                            "m",      r#""m""#,          false, "escaped key"),
        (r#"{"model":"m\u0041\/x"}"#,                        "mA/x",   r#""m\u0041\/x""#, false, "escaped name"),
        (r#"{"mödel":"x","model":"é模"}"#,                   "é模",    r#""é模""#,        false, "unicode"),
        (r#"{"model":" m "}"#,                               " m ",    r#"" m ""#,        false, "not trimmed"),
        (r#"{"n":-0.5e+3,"b":[true,false,null,[],{}],"model":"m"}"#, "m", r#""m""#,       false, "every kind of value"),
        (r#"{"Model":"x","model":"m"}"#,                     "m",      r#""m""#,          false, "keys differ in case"),
    ];
    for (body, name, raw, stream, why) in cases {
        let field = find_model(body.as_bytes()).unwrap();
        assert_eq!((field.name.as_str(), field.stream), (name, stream), "{why}");
        assert_eq!(&body[field.span], raw, "{why}");
    }
}

#[test]
fn a_body_without_one_model_is_refused_with_its_reason() {
    use ModelFieldError::{Empty, GivenTwice, Missing, NotAString, NotAnObject};
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("[]",                                   NotAnObject, "array"),
        ("\"model\"",                            NotAnObject, "string"),
        ("null",                                 NotAnObject, "null"),
        ("{}",                                   Missing,     "empty object"),
        (r#"{"o":{"model":"m"}}"#,               Missing,     "only a nested one"),
        (r#"{"model":null}"#,                    NotAString,  "null"),
        (r#"{"model":["m"]}"#,                   NotAString,  "array"),
        (r#"{"model":""}"#,                      Empty,       "empty"),
        (r#"{"model":" \n"}"#,                   Empty,       "blank, escaped"),
        (r#"{"model":"  "}"#,                    Empty,       "blank"),
        (r#"{"model":"a","model":"b"}"#,         GivenTwice,  "plain duplicate"),
        (r#"{"model":"a","model":"a"}"#,         GivenTwice,  "same value"),
        (r#"{"model":"a","x":1,"mod\u0065l":"b"}"#, GivenTwice, "escaped duplicate after it"),
        (r#"{"\u006dodel":"a","model":"b"}"#,    GivenTwice,  "escaped duplicate before it"),
        (r#"{"model":"a","model":null}"#,        GivenTwice,  "second one is null"),
    ];
    for (body, error, why) in cases {
        assert_eq!(find_model(body.as_bytes()), Err(error), "{why}");
    }
}

#[test]
fn what_is_not_json_is_refused() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&[u8], &str); 17] = [
        (b"",                                  "empty"),
        (b"model=m",                           "form"),
        (b"\xef\xbb\xbf{\"model\":\"m\"}",     "byte order mark"),
        (br#"{"model":"m""#,                   "cut off"),
        (br#"{"model":"m"}}"#,                 "brace too many"),
        (br#"{"model":"m"} {}"#,               "second document"),
        (br#"{"model":"m",}"#,                 "comma at the end"),
        (br#"{"model":"m" "x":1}"#,            "no comma"),
        (br#"{"model":"m","x":[1,]}"#,         "comma at the end of an array"),
        (br#"{"model":"m","x":[}"#,            "wrong bracket"),
        (br#"{"model":"m","x":01}"#,           "leading zero"),
        (br#"{"model":"m","x":1.}"#,           "fraction without digits"),
        (br#"{"model":"m","x":tru}"#,          "unknown word"),
        (br#"{"model":"m","x":"\x"}"#,         "unknown escape"),
        (b"{\"model\":\"m\",\"x\":\"a\nb\"}",  "raw line end in a string"),
        (br"{'model':'m'}",                    "single quotes"),
        (b"{\"model\":\"\xff\"}",              "not UTF-8"),
    ];
    for (body, why) in cases {
        let error = find_model(body).unwrap_err();
        assert!(matches!(error, ModelFieldError::NotJson(_)), "{why}: {error:?}");
    }
}

#[test]
fn nesting_of_any_depth_overflows_no_stack() {
    for depth in [63, 64, 65, 100_000] {
        let body = format!(r#"{{"x":{}{},"model":"m"}}"#, "[".repeat(depth), "]".repeat(depth));
        assert_eq!(find_model(body.as_bytes()).unwrap().name, "m", "{depth}");
    }
}

#[test]
fn a_string_is_read_whole_however_its_windows_fall() {
    for length in scan::WINDOW - 3..scan::WINDOW + 4 {
        let text = "x".repeat(length);
        for inner in ["", r"\n", r#"\""#, r"\u0041"] {
            let body = format!(r#"{{"s":"{text}{inner}{text}","model":"m"}}"#);
            // Not by the full parse, which would find it whatever the scanner does.
            let found = scan::model_field(body.as_bytes()).ok().map(|field| field.name);
            assert_eq!(found.as_deref(), Some("m"), "{inner} behind {length}");
        }
        for (inner, why) in [("\n", "a raw line end"), (r"\x", "no escape")] {
            let body = format!(r#"{{"s":"{text}{inner}{text}","model":"m"}}"#);
            let error = find_model(body.as_bytes()).unwrap_err();
            assert!(matches!(error, ModelFieldError::NotJson(_)), "{why} behind {length}");
        }
        let cut = format!(r#"{{"model":"m","s":"{text}"#);
        assert!(find_model(cut.as_bytes()).is_err(), "cut behind {length}");
    }
}

fn any_string() -> impl Strategy<Value = String> {
    // Half of the strings hold what may confuse a scanner.
    prop_oneof![
        "\\PC{0,12}",
        r#"(model|stream|"|\\|\{|\}|\[|\]|:|,|\n|é|😀){0,8}"#,
        Just("model".to_owned()),
    ]
}

/// A JSON string, each character written plainly or as `\u` escapes.
fn any_json_string() -> impl Strategy<Value = String> {
    (any_string(), vec(any::<bool>(), 12)).prop_map(|(text, escaped)| {
        let mut json = String::from("\"");
        for (i, c) in text.chars().enumerate() {
            if escaped[i % escaped.len()] && i % 5 == 0 {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(json, "\\u{unit:04x}").unwrap();
                }
            } else {
                let quoted = json_string(&c.to_string());
                json.push_str(&quoted[1..quoted.len() - 1]);
            }
        }
        json + "\""
    })
}

fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any_json_string(),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        "(true|false|null)",
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" , "))),
            any_object(inner),
        ]
    })
}

fn any_object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    #[rustfmt::skip]
    let key = prop_oneof![
        3 => any_json_string(),
        2 => Just(r#""model""#.to_owned()),
        1 => Just(r#""mod\u0065l""#.to_owned()),
        1 => Just(r#""stream""#.to_owned()),
    ];
    vec((key, value, "[ \t\r\n]{0,2}"), 0..5).prop_map(|members| {
        let members: Vec<_> = members
            .iter()
            .map(|(key, value, space)| format!("{space}{key}{space}:{value}{space}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

fn agrees_with_the_oracle(body: &[u8]) -> Result<(), TestCaseError> {
    let oracle = serde_json::from_slice::<Oracle>(body);
    match (find_model(body), oracle) {
        (Ok(field), Ok(oracle)) => {
            prop_assert_eq!(&field.name, &oracle.model);
            prop_assert_eq!(field.stream, oracle.stream == serde_json::Value::Bool(true));
            let raw = serde_json::from_slice::<String>(&body[field.span]);
            prop_assert_eq!(raw.unwrap(), oracle.model);
        }
        (Ok(field), Err(error)) => {
            // The oracle also refuses a second `stream`, which names no other model.
            let twice = error.to_string().contains("duplicate field `stream`");
            prop_assert!(twice, "{field:?} though {error}");
        }
        (Err(ModelFieldError::Empty), Ok(oracle)) => prop_assert!(oracle.model.trim().is_empty()),
        (Err(error), Ok(_)) => prop_assert!(false, "refused: {}", error),
        (Err(_), Err(_)) => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_full_parse_names_the_same_model(body in any_object(any_value())) {
        agrees_with_the_oracle(body.as_bytes())?;
    }

    #[test]
    fn a_full_parse_agrees_on_broken_bodies(
        body in any_object(any_value()),
        edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut body = format!(r#"{{"model":"m","rest":{body}}}"#).into_bytes();
        for (place, byte, kind) in edits {
            let at = place.index(body.len());
            match kind {
                0 => body[at] = byte,
                1 => body.insert(at, b"\"\\{}[]:,01e. "[usize::from(byte) % 13]),
                _ => { body.remove(at); }
            }
        }
        agrees_with_the_oracle(&body)?;
    }

    #[test]
    fn no_bytes_make_it_panic(body in vec(any::<u8>(), 0..64)) {
        agrees_with_the_oracle(&body)?;
    }
}
