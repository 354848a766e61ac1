//! Which JSON value stands where in a buffered body.
//!
//! Nothing is converted: a [`JsonPart`] is the text of a value as it was written, so that a number
//! keeps its digits and an object its order, and it knows its place, so that [`super::Edits`] can
//! change it and leave the rest alone. A container is read one level at a time; what nobody asks
//! about is only checked for syntax.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One JSON value as it is written in a body.
#[derive(Clone, Copy, Debug)]
pub struct JsonPart<'a>(&'a RawValue);

/// A key of an object and its value.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// Unescaped.
    pub key: Cow<'a, str>,
    pub value: JsonPart<'a>,
}

impl<'a> JsonPart<'a> {
    /// Reads a whole body. Its syntax is checked to the end.
    pub fn parse(body: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body).map(Self)
    }

    /// The members of an object in their order, a key that is written twice twice; `None` when this
    /// is no object, or a key in it is no text (half of a surrogate pair).
    #[must_use]
    pub fn members(self) -> Option<Vec<Member<'a>>> {
        serde_json::from_str(self.raw()).ok().map(|Members(members)| members)
    }

    /// The elements of an array; `None` when this is none.
    #[must_use]
    pub fn elements(self) -> Option<Vec<Self>> {
        let elements: Vec<&'a RawValue> = serde_json::from_str(self.raw()).ok()?;
        Some(elements.into_iter().map(Self).collect())
    }

    /// The value of a key of an object. Of a key that is written twice the last value counts, as
    /// most readers have it.
    #[must_use]
    pub fn get(self, key: &str) -> Option<Self> {
        self.members()?.into_iter().rfind(|member| member.key == key).map(|member| member.value)
    }

    /// A string's text, unescaped; `None` when this is no string.
    #[must_use]
    pub fn text(self) -> Option<Cow<'a, str>> {
        serde_json::from_str::<Text<'a>>(self.raw()).ok().map(|Text(text)| text)
    }

    #[must_use]
    pub fn is_object(self) -> bool {
        self.raw().starts_with('{')
    }

    /// The value as it is written, without white space around it.
    #[must_use]
    pub fn raw(self) -> &'a str {
        self.0.get()
    }

    /// Where in `body`, from which it was read, the value stands.
    #[must_use]
    pub fn span_in(self, body: &[u8]) -> Range<usize> {
        let start = self.raw().as_ptr() as usize - body.as_ptr() as usize;
        start..start + self.raw().len()
    }
}

struct Members<'a>(Vec<Member<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<Member<'de>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(key), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    members.push(Member { key, value: JsonPart(value) });
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Self)
    }
}

/// Borrows where there is no escape; serde's own `Cow` always copies.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_text_and_its_place() {
        let body =
            br#" { "a" : 1.50 , "b\u0063":[ "x\n" , {"d":12345678901234567890} ], "a":null } "#;
        let whole = JsonPart::parse(body).unwrap();

        let members = whole.members().unwrap();
        let keys: Vec<&str> = members.iter().map(|member| member.key.as_ref()).collect();
        assert_eq!(keys, ["a", "bc", "a"], "in order, unescaped, twice where it is twice");
        assert_eq!(members[0].value.raw(), "1.50", "digits as written");
        assert_eq!(whole.get("a").unwrap().raw(), "null", "the last of two counts");
        let elements = whole.get("bc").unwrap().elements().unwrap();
        assert_eq!(elements[0].text().unwrap(), "x\n");
        let big = elements[1].get("d").unwrap();
        assert_eq!(&body[big.span_in(body)], b"12345678901234567890");
        assert_eq!(&body[whole.span_in(body)], &body[1..body.len() - 1]);
    }

    #[test]
    fn a_value_is_only_what_it_is() {
        let number = JsonPart::parse(b"7").unwrap();
        assert!(number.members().is_none() && number.elements().is_none());
        assert!(number.text().is_none() && number.get("a").is_none());
        for (broken, why) in [("{\"a\":1", "not closed"), ("{} {}", "two values"), ("", "nothing")]
        {
            assert!(JsonPart::parse(broken.as_bytes()).is_err(), "{why}");
        }
    }
}
