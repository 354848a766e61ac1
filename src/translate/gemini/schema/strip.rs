//! JSON schema without the two kinds of keywords that even `parametersJsonSchema` refuses.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::raw;

/// `schema` without `$schema` and `x-` keywords; the same bytes where it has none.
pub(in crate::translate::gemini) fn stripped(schema: &RawValue) -> Box<RawValue> {
    let json = schema.get();
    if !json.contains("\"$schema\"") && !json.contains("\"x-") {
        return schema.to_owned();
    }
    match serde_json::from_str(json) {
        Ok(value) => raw(&strip(value)),
        Err(_) => schema.to_owned(),
    }
}

fn strip(value: Value) -> Value {
    let Value::Object(schema) = value else { return value };
    let mut kept = Map::new();
    for (keyword, value) in schema {
        let value = match (keyword.as_str(), value) {
            (keyword, _) if keyword == "$schema" || keyword.starts_with("x-") => continue,
            // Names of the client's, with schemas behind them.
            (
                "properties" | "$defs" | "definitions" | "patternProperties" | "dependentSchemas",
                Value::Object(named),
            ) => named.into_iter().map(|(name, value)| (name, strip(value))).collect(),
            // Values, not schemas.
            ("enum" | "const" | "default" | "example" | "examples", value) => value,
            (_, Value::Array(list)) => list.into_iter().map(strip).collect(),
            (_, value) => strip(value),
        };
        kept.insert(keyword, value);
    }
    Value::Object(kept)
}
