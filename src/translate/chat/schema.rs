//! A function's schema, as `OpenAI` takes it: an object that says so and lists its properties.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A function without a schema takes nothing.
const NOTHING: &str = r#"{"type":"object","properties":{}}"#;

#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
}

/// `schema` with the members that must be there; every byte that is there stays.
pub(super) fn of_object(schema: Option<&RawValue>) -> Box<RawValue> {
    let Some(schema) = schema else { return raw(NOTHING.to_owned()) };
    let json = schema.get();
    let (Ok(top), Some(members)) = (serde_json::from_str::<Top<'_>>(json), json.strip_prefix('{'))
    else {
        // `true` is a schema too, of anything: a function takes objects all the same.
        return raw(NOTHING.to_owned());
    };
    let mut missing = Vec::new();
    if top.kind.is_none() {
        missing.push(r#""type":"object""#);
    }
    if top.properties.is_none() && top.kind.is_none_or(|kind| kind.get() == r#""object""#) {
        missing.push(r#""properties":{}"#);
    }
    if missing.is_empty() {
        return schema.to_owned();
    }
    let comma = if members.trim_start() == "}" { "" } else { "," };
    raw(format!("{{{}{comma}{members}", missing.join(",")))
}

/// The schema of a function that stands for a custom tool, whose text is its `member`.
pub(super) fn of_text(member: &str) -> Box<RawValue> {
    let schema = serde_json::json!({
        "type": "object",
        "properties": { member: { "type": "string" } },
        "required": [member],
    });
    raw(schema.to_string())
}

fn raw(json: String) -> Box<RawValue> {
    RawValue::from_string(json).expect("JSON with whole members put in is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_schema_lists_its_properties() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (r#"{"type":"object"}"#,                       r#"{"properties":{},"type":"object"}"#,           "no properties"),
            ("{ }",                                        r#"{"type":"object","properties":{} }"#,          "nothing at all"),
            (r#"{"properties":{"a":{}}}"#,                 r#"{"type":"object","properties":{"a":{}}}"#,     "no type"),
            (r#"{"type":"object","properties":{"n":1.0}}"#, r#"{"type":"object","properties":{"n":1.0}}"#,   "whole: every byte stays"),
            (r#"{"type":["object","null"]}"#,              r#"{"type":["object","null"]}"#,                  "its own affair"),
            ("true",                                       NOTHING,                                          "a schema of anything"),
        ];
        for (written, expected, why) in cases {
            let schema = RawValue::from_string(written.to_owned()).unwrap();
            assert_eq!(of_object(Some(&schema)).get(), expected, "{why}");
        }
        assert_eq!(of_object(None).get(), NOTHING);
    }
}
