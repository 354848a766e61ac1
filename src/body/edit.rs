//! Changes single values of a buffered JSON body; every byte that is not part of one stays.

use std::ops::Range;

use bytes::Bytes;

use super::json_string;
use super::outline::JsonPart;

/// Changes to one body, noted first and made together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes `json` in place of a value.
    pub fn replace(&mut self, body: &[u8], value: JsonPart<'_>, json: impl Into<String>) {
        self.0.push((value.span_in(body), json.into()));
    }

    /// Gives a member of an object another value, or adds it in front of the others. Of a key that
    /// is written twice both get the value: no two readers may disagree. To add two keys to an
    /// object that may be empty, use [`Self::change_members`]: neither call would know that a comma
    /// is due.
    pub fn set_member(&mut self, body: &[u8], object: JsonPart<'_>, key: &str, json: &str) {
        self.change_members(body, object, &[(key, json)], |_| false);
    }

    /// Sets members of one object and removes others. What `set` names is not removed. What is no
    /// object, or has a key that no text can be (half of a surrogate pair), stays as it is.
    pub fn change_members(
        &mut self,
        body: &[u8],
        object: JsonPart<'_>,
        set: &[(&str, &str)],
        mut is_removed: impl FnMut(&str) -> bool,
    ) {
        let Some(members) = object.members() else { return };
        let is_set = |key: &str| set.iter().any(|(set, _)| *set == key);
        let mut added: Vec<String> = Vec::new();
        for (key, json) in set {
            let mut found = false;
            for member in members.iter().filter(|member| member.key == *key) {
                self.replace(body, member.value, *json);
                found = true;
            }
            if !found {
                added.push(format!("{}:{json}", json_string(key)));
            }
        }
        let values: Vec<_> = members
            .iter()
            .map(|member| {
                let is_removed = !is_set(&member.key) && is_removed(&member.key);
                (member.value.span_in(body), is_removed)
            })
            .collect();
        if !added.is_empty() {
            let at = object.span_in(body).start + 1;
            let comma = if values.iter().all(|(_, removed)| *removed) { "" } else { "," };
            self.0.push((at..at, added.join(",") + comma));
        }
        self.remove(body, &object.span_in(body), &values);
    }

    /// Removes the members of an object for which `is_removed` says so.
    pub fn remove_members(
        &mut self,
        body: &[u8],
        object: JsonPart<'_>,
        is_removed: impl FnMut(&str) -> bool,
    ) {
        self.change_members(body, object, &[], is_removed);
    }

    /// Removes the elements of an array that stand at the places for which `is_removed` says so.
    pub fn remove_elements(
        &mut self,
        body: &[u8],
        array: JsonPart<'_>,
        mut is_removed: impl FnMut(usize) -> bool,
    ) {
        let elements = array.elements().unwrap_or_default();
        let values: Vec<_> = elements
            .iter()
            .enumerate()
            .map(|(index, element)| (element.span_in(body), is_removed(index)))
            .collect();
        self.remove(body, &array.span_in(body), &values);
    }

    /// What goes is cut from the end of the value before it, comma and key included; at the front of
    /// the container, up to the comma behind it.
    fn remove(&mut self, body: &[u8], container: &Range<usize>, values: &[(Range<usize>, bool)]) {
        let first_kept = values.iter().position(|(_, removed)| !removed);
        let Some(first_kept) = first_kept else {
            if !values.is_empty() {
                self.0.push((container.start + 1..container.end - 1, String::new()));
            }
            return;
        };
        if let Some((last_in_front, _)) = first_kept.checked_sub(1).map(|index| &values[index]) {
            let behind = &body[last_in_front.end..];
            let comma = memchr::memchr(b',', behind).unwrap_or(0);
            self.0.push((container.start + 1..last_in_front.end + comma + 1, String::new()));
        }
        for pair in values[first_kept..].windows(2) {
            let ((before, _), (value, removed)) = (&pair[0], &pair[1]);
            if *removed {
                self.0.push((before.end..value.end, String::new()));
            }
        }
    }

    /// The body with every change made.
    ///
    /// # Panics
    ///
    /// When the changes were noted for another body, or touch the same bytes.
    #[must_use]
    pub fn apply(mut self, body: &Bytes) -> Bytes {
        if self.is_empty() {
            return body.clone();
        }
        self.0.sort_by_key(|(span, _)| (span.start, span.end));
        let added: usize = self.0.iter().map(|(_, json)| json.len()).sum();
        let mut edited = Vec::with_capacity(body.len() + added);
        let mut copied = 0;
        for (span, json) in &self.0 {
            edited.extend_from_slice(&body[copied..span.start]);
            edited.extend_from_slice(json.as_bytes());
            copied = span.end;
        }
        edited.extend_from_slice(&body[copied..]);
        edited.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn edited(text: &str, note: impl FnOnce(&mut Edits, &[u8], JsonPart<'_>)) -> String {
        let body = Bytes::copy_from_slice(text.as_bytes());
        let mut edits = Edits::default();
        note(&mut edits, &body, JsonPart::parse(&body).unwrap());
        String::from_utf8(edits.apply(&body).to_vec()).unwrap()
    }

    #[test]
    fn a_member_is_set_and_nothing_else_changes() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // body,                      becomes,                          why
            (r#"{"a": 1.0 , "k":2}"#,     r#"{"a": 1.0 , "k":7}"#,          "replaced in its place"),
            (r#"{"a": 1.0 }"#,            r#"{"k":7,"a": 1.0 }"#,           "added in front"),
            (" { } ",                     " {\"k\":7 } ",                   "added to nothing"),
            (r#"{"k":1,"x":{"k":2},"k":3}"#, r#"{"k":7,"x":{"k":2},"k":7}"#, "both of two, and not a nested one"),
            (r#"{"\u006b":1}"#,           r#"{"\u006b":7}"#,                "however it is spelt"),
        ];
        for (body, expected, why) in cases {
            let seen = edited(body, |edits, body, whole| edits.set_member(body, whole, "k", "7"));
            assert_eq!(seen, expected, "{why}");
        }
    }

    #[test]
    fn members_are_removed_with_their_commas() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // body,                            becomes,                why
            (r#"{"x":1, "a": 2 }"#,             r#"{ "a": 2 }"#,        "the first"),
            (r#"{"a": 2 , "x":1}"#,             r#"{"a": 2}"#,          "the last"),
            (r#"{"a":1, "x" : [1,2] , "b":2}"#, r#"{"a":1 , "b":2}"#,   "in the middle"),
            (r#"{"x":1,"y":2,"a":3}"#,          r#"{"a":3}"#,           "two in front"),
            (r#"{"x":1,"a":3,"y":2,"x":4,"b":5}"#, r#"{"a":3,"b":5}"#,  "in front and in the middle"),
            (r#"{ "x":1 , "y":2 }"#,            "{}",                   "all"),
            (r#"{"a":1}"#,                      r#"{"a":1}"#,           "none"),
            ("{}",                              "{}",                   "nothing there"),
        ];
        for (body, expected, why) in cases {
            let seen = edited(body, |edits, body, whole| {
                edits.remove_members(body, whole, |key| matches!(key, "x" | "y"));
            });
            assert_eq!(seen, expected, "{why}");
        }
    }

    #[test]
    fn members_are_set_and_removed_in_one_go() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // body,                       becomes,                        why
            ("{}",                         r#"{"k":7,"l":8}"#,             "two in an empty object"),
            (r#"{"a":1}"#,                 r#"{"k":7,"l":8,"a":1}"#,       "two in front"),
            (r#"{"x":1, "a": 2 }"#,        r#"{"k":7,"l":8, "a": 2 }"#,    "in the place of the first"),
            (r#"{ "x":1 , "y":2 }"#,       r#"{"k":7,"l":8}"#,             "in the place of all"),
            (r#"{"x":1,"l":2,"y":3}"#,     r#"{"k":7,"l":8}"#,             "one replaced, its neighbours removed"),
            (r#"{"k":1,"a":{"x":1},"l":2}"#, r#"{"k":7,"a":{"x":1},"l":8}"#, "nothing to add or to remove"),
        ];
        for (body, expected, why) in cases {
            let seen = edited(body, |edits, body, whole| {
                let is_removed = |key: &str| matches!(key, "x" | "y" | "k");
                edits.change_members(body, whole, &[("k", "7"), ("l", "8")], is_removed);
            });
            assert_eq!(seen, expected, "{why}");
        }
    }

    #[test]
    fn an_object_with_a_key_that_cannot_be_read_is_not_broken_by_an_added_member() {
        for text in [r#"{"\ud83d":1}"#, r#"{"a":1,"\ude00":2}"#, "[1]", "7"] {
            let seen = edited(text, |edits, body, whole| edits.set_member(body, whole, "k", "7"));
            assert_eq!(seen, text);
        }
    }

    proptest! {
        #[test]
        fn removing_elements_leaves_the_others_as_they_were(
            elements in prop::collection::vec(("[ \t]{0,2}", 0..1000u32, any::<bool>()), 0..8),
        ) {
            let parts: Vec<String> =
                elements.iter().map(|(space, number, _)| format!("{space}{number}.0{space}")).collect();
            let text = format!("[{}]", parts.join(","));
            let seen = edited(&text, |edits, body, whole| {
                edits.remove_elements(body, whole, |index| elements[index].2);
            });
            let kept: Vec<f64> = elements
                .iter()
                .filter(|(_, _, removed)| !removed)
                .map(|(_, number, _)| f64::from(*number))
                .collect();
            prop_assert_eq!(serde_json::from_str::<Value>(&seen).unwrap(), Value::from(kept));
        }
    }
}
