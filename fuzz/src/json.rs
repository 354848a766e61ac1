//! JSON as text in places: every value knows what it is made of and where it stands.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object in their order, keys unescaped; `None` when `text` is no object.
#[must_use]
pub fn members(text: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    serde_json::from_str::<Members<'_>>(text).ok().map(|members| members.0)
}

/// The elements of an array; `None` when `text` is none.
#[must_use]
pub fn elements(text: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}

/// A whole JSON text without the white space around it; `None` when it is not JSON.
#[must_use]
pub fn whole(text: &[u8]) -> Option<&str> {
    serde_json::from_slice::<&RawValue>(text).ok().map(RawValue::get)
}

/// Where `part` stands in `text`, of which it is a part.
#[must_use]
pub fn place(text: &[u8], part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    start..start + part.len()
}

/// `text` with other bytes in some places.
#[must_use]
pub fn with(text: &[u8], mut changes: Vec<(Range<usize>, &str)>) -> Vec<u8> {
    changes.sort_by_key(|(range, _)| range.start);
    let mut changed = Vec::new();
    let mut copied = 0;
    for (range, replacement) in changes {
        changed.extend_from_slice(&text[copied..range.start]);
        changed.extend_from_slice(replacement.as_bytes());
        copied = range.end;
    }
    changed.extend_from_slice(&text[copied..]);
    changed
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(Cow<'de, str>, &'de str)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    members.push((Cow::Owned(key), value.get()));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Self)
    }
}
