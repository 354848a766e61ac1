//! The slow way: a full parse, which also knows what to tell the client.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{ModelField, ModelFieldError};

pub(super) fn model_field(body: &[u8]) -> Result<ModelField, ModelFieldError> {
    let top: TopLevel = serde_json::from_slice(body).map_err(|e| not_json_or_object(body, &e))?;
    if top.models > 1 {
        return Err(ModelFieldError::GivenTwice);
    }
    let raw = top.model.ok_or(ModelFieldError::Missing)?.get();
    if !raw.starts_with('"') {
        return Err(ModelFieldError::NotAString);
    }
    let name: String =
        serde_json::from_str(raw).map_err(|e| ModelFieldError::NotJson(e.to_string()))?;
    if name.trim().is_empty() {
        return Err(ModelFieldError::Empty);
    }
    // A raw value borrows from the body, so its address tells its place.
    let start = raw.as_ptr().addr() - body.as_ptr().addr();
    Ok(ModelField { name, span: start..start + raw.len(), stream: top.stream })
}

fn not_json_or_object(body: &[u8], error: &serde_json::Error) -> ModelFieldError {
    // An array or a number is JSON, though not an object.
    if error.is_data() && serde_json::from_slice::<IgnoredAny>(body).is_ok() {
        return ModelFieldError::NotAnObject;
    }
    ModelFieldError::NotJson(error.to_string())
}

struct TopLevel<'a> {
    model: Option<&'a RawValue>,
    models: usize,
    stream: bool,
}

impl<'de> Deserialize<'de> for TopLevel<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TopLevelVisitor)
    }
}

struct TopLevelVisitor;

impl<'de> Visitor<'de> for TopLevelVisitor {
    type Value = TopLevel<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut top = TopLevel { model: None, models: 0, stream: false };
        while let Some(Key(key)) = map.next_key()? {
            match key.as_ref() {
                "model" => {
                    top.model = Some(map.next_value()?);
                    top.models += 1;
                }
                "stream" => top.stream = map.next_value::<&RawValue>()?.get() == "true",
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(top)
    }
}

/// Borrowed where it can be; a plain `Cow` would always be copied.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
