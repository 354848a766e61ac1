//! What a YAML value may look like, before anybody asks what it means.
//!
//! These three never fail to deserialise: a list where a text belongs is kept as "a list", so that
//! the reader can name every problem of a file at once and not only serde's first. They go through
//! `deserialize_any` and hand maps on undisturbed, because an untagged enum would buffer them and
//! hide unknown keys from `serde_ignored`.
//!
//! Serialising one gives its *shape*, never its content: which keys may be written there. The
//! schema is made of that.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// One value. No `Debug`: it may be a secret.
#[derive(Clone, Default, PartialEq)]
pub enum Scalar {
    /// Not written, or null.
    #[default]
    Absent,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List,
    Map,
}

impl Scalar {
    /// As a problem names it: `is a number`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Absent => "empty",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }

    /// Not written, null, or an empty text: how users and templates say "none".
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }
}

/// A map with known keys, or whatever else stands in its place.
pub enum Section<T> {
    Map(T),
    Other(Scalar),
}

/// A list, or whatever else stands in its place.
pub enum List<T> {
    Items(Vec<T>),
    Other(Scalar),
}

impl<T> Default for Section<T> {
    fn default() -> Self {
        Self::Other(Scalar::Absent)
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::Other(Scalar::Absent)
    }
}

/// How a shape takes what the visitor finds.
trait Shape<'de>: Sized {
    fn of_scalar(scalar: Scalar) -> Self;

    // What stands inside is read to its end, as some deserialisers demand, but not as ignored: it
    // is one problem already, and its keys must not become more.
    fn of_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<String, Scalar>()?.is_some() {}
        Ok(Self::of_scalar(Scalar::Map))
    }

    fn of_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Scalar>()?.is_some() {}
        Ok(Self::of_scalar(Scalar::List))
    }
}

impl Shape<'_> for Scalar {
    fn of_scalar(scalar: Scalar) -> Self {
        scalar
    }
}

impl<'de, T: Deserialize<'de>> Shape<'de> for Section<T> {
    fn of_scalar(scalar: Scalar) -> Self {
        Self::Other(scalar)
    }

    fn of_map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Self::Map)
    }
}

impl<'de, T: Deserialize<'de>> Shape<'de> for List<T> {
    fn of_scalar(scalar: Scalar) -> Self {
        Self::Other(scalar)
    }

    fn of_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Self::Items(items))
    }
}

struct ShapeVisitor<S>(PhantomData<S>);

impl<'de, S: Shape<'de>> Visitor<'de> for ShapeVisitor<S> {
    type Value = S;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<S, E> {
        Ok(S::of_scalar(Scalar::Absent))
    }

    fn visit_bool<E>(self, value: bool) -> Result<S, E> {
        Ok(S::of_scalar(Scalar::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<S, E> {
        Ok(S::of_scalar(Scalar::Integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<S, E> {
        #[expect(clippy::cast_precision_loss, reason = "no key takes a number as large as this")]
        let float = Scalar::Float(value as f64);
        Ok(S::of_scalar(i64::try_from(value).map_or(float, Scalar::Integer)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<S, E> {
        Ok(S::of_scalar(Scalar::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<S, E> {
        Ok(S::of_scalar(Scalar::Text(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<S, A::Error> {
        S::of_list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<S, A::Error> {
        S::of_map(map)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Section<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor(PhantomData))
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<T: Default + Serialize> Serialize for Section<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::default().serialize(serializer)
    }
}

impl<T: Default + Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq([T::default()])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Default, serde::Deserialize, serde::Serialize)]
    #[serde(default, rename_all = "kebab-case")]
    struct Inner {
        one_key: Scalar,
    }

    #[test]
    fn no_value_is_refused_and_its_kind_is_kept() {
        let cases = [
            (json!(null), "empty"),
            (json!(true), "a boolean"),
            (json!(1), "a number"),
            (json!(1.5), "a number"),
            (json!(u64::MAX), "a number"),
            (json!("x"), "a text"),
            (json!([1, [2]]), "a list"),
            (json!({"a": {"b": 1}}), "a map"),
        ];
        for (value, kind) in cases {
            let scalar: Scalar = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(scalar.kind(), kind, "{value}");
        }
    }

    #[test]
    fn unknown_keys_inside_a_section_of_a_list_are_still_reported() {
        let mut ignored = Vec::new();
        let value = json!([{"one-key": 1, "two-key": 2}, "text"]);

        let list: List<Section<Inner>> =
            serde_ignored::deserialize(value, |path| ignored.push(path.to_string())).unwrap();

        let List::Items(items) = list else { panic!("a list was written") };
        assert!(matches!(&items[0], Section::Map(inner) if inner.one_key == Scalar::Integer(1)));
        assert!(matches!(&items[1], Section::Other(Scalar::Text(text)) if text == "text"));
        assert_eq!(ignored, ["0.two-key"]);
    }

    #[test]
    fn serialising_gives_the_shape_and_no_content() {
        let list: List<Section<Inner>> = serde_json::from_value(json!([{"one-key": "s"}])).unwrap();

        assert_eq!(serde_json::to_value(&list).unwrap(), json!([{"one-key": null}]));
    }
}
