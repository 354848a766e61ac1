//! Google's subset of `OpenAPI` 3.0 as the JSON schema that everybody else reads.
//!
//! | Google                        | JSON schema                          |
//! | ----------------------------- | ------------------------------------ |
//! | `"type": "STRING"`            | `"type": "string"`                   |
//! | `"nullable": true`            | `null` among the types and the values |
//! | `"minItems": "1"` (64 bits)   | a number                             |
//! | `propertyOrdering`, `example` | left out                             |
//!
//! The values of `properties` are schemas under names of the client's: a property may be called
//! `type` or `nullable`.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// What protobuf writes as a string though it is a number.
const COUNTS: [&str; 6] =
    ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"];

/// `schema` as JSON schema; what is no JSON object stays as it is.
pub(super) fn to_json_schema(schema: &RawValue) -> Box<RawValue> {
    let Ok(Value::Object(schema)) = serde_json::from_str(schema.get()) else {
        return schema.to_owned();
    };
    let converted = serde_json::value::to_raw_value(&object(schema));
    converted.expect("a JSON value always serialises")
}

fn object(schema: Map<String, Value>) -> Value {
    let is_nullable = schema.get("nullable") == Some(&Value::Bool(true));
    let mut converted = Map::new();
    for (keyword, value) in schema {
        let value = match (keyword.as_str(), value) {
            ("nullable" | "propertyOrdering" | "property_ordering" | "example", _) => continue,
            ("type", Value::String(name)) => typed(&name, is_nullable),
            ("enum", Value::Array(mut values)) => {
                if is_nullable && !values.contains(&Value::Null) {
                    values.push(Value::Null);
                }
                Value::Array(values)
            }
            ("properties" | "$defs" | "defs", Value::Object(named)) => {
                named.into_iter().map(|(name, value)| (name, schema_in(value))).collect()
            }
            ("anyOf" | "any_of" | "prefixItems", Value::Array(choices)) => {
                choices.into_iter().map(schema_in).collect()
            }
            ("items" | "additionalProperties", value) => schema_in(value),
            (count, Value::String(number)) if COUNTS.contains(&count) => {
                number.parse::<u64>().map_or(Value::String(number), Value::from)
            }
            (_, value) => value,
        };
        converted.insert(if keyword == "any_of" { "anyOf".to_owned() } else { keyword }, value);
    }
    Value::Object(converted)
}

fn schema_in(value: Value) -> Value {
    match value {
        Value::Object(schema) => object(schema),
        other => other,
    }
}

fn typed(name: &str, is_nullable: bool) -> Value {
    let name = name.to_ascii_lowercase();
    if is_nullable { Value::from(vec![name, "null".to_owned()]) } else { Value::String(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_can_read_googles_schema() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (r#"{"type":"STRING","description":"a STRING"}"#, r#"{"type":"string","description":"a STRING"}"#, "names of types only"),
            (r#"{"type":"OBJECT","properties":{"a":{"type":"INTEGER","format":"int32"}},"required":["a"]}"#,
             r#"{"type":"object","properties":{"a":{"type":"integer","format":"int32"}},"required":["a"]}"#, "properties"),
            (r#"{"type":"ARRAY","items":{"type":"NUMBER"},"minItems":"1"}"#, r#"{"type":"array","items":{"type":"number"},"minItems":1}"#, "items and counts"),
            (r#"{"type":"STRING","nullable":true,"enum":["A"]}"#, r#"{"type":["string","null"],"enum":["A",null]}"#, "null is a type"),
            (r#"{"type":"STRING","nullable":false}"#, r#"{"type":"string"}"#, "not nullable"),
            (r#"{"anyOf":[{"type":"STRING"},{"type":"BOOLEAN"}]}"#, r#"{"anyOf":[{"type":"string"},{"type":"boolean"}]}"#, "choices"),
            (r#"{"type":"OBJECT","properties":{"type":{"type":"STRING"},"nullable":{"type":"BOOLEAN"},"example":{"type":"STRING"}},"propertyOrdering":["type"]}"#,
             r#"{"type":"object","properties":{"type":{"type":"string"},"nullable":{"type":"boolean"},"example":{"type":"string"}}}"#, "properties named like keywords stay"),
            (r#"{"type":"STRING","enum":["STRING","OBJECT"]}"#, r#"{"type":"string","enum":["STRING","OBJECT"]}"#, "values are no types"),
            (r#"{"type":"object","additionalProperties":false}"#, r#"{"type":"object","additionalProperties":false}"#, "JSON schema is as it was"),
            ("true", "true", "no object"),
        ];
        for (schema, expected, why) in cases {
            let schema = RawValue::from_string(schema.to_owned()).unwrap();
            assert_eq!(to_json_schema(&schema).get(), expected, "{why}");
        }
    }
}
