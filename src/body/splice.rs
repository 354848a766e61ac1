//! Putting another model name into a buffered request body.

use std::ops::Range;

use bytes::Bytes;

use super::json_string;

/// `body` with the JSON string at `span` (quotes included) replaced by `model`, in three pieces
/// to be sent one after the other. What surrounds the name is shared with `body`, not copied.
///
/// # Panics
///
/// When `span` is not a range of `body`; take it from [`super::find_model`] on the same body.
#[must_use]
pub fn replace_model(body: &Bytes, span: &Range<usize>, model: &str) -> [Bytes; 3] {
    [body.slice(..span.start), Bytes::from(json_string(model)), body.slice(span.end..)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::body::find_model;

    #[test]
    fn only_the_model_name_changes() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // body,                             model,     expected,                            why
            (r#"{"model":"a","n":1}"#,           "b",       r#"{"model":"b","n":1}"#,            "plain"),
            (r#" { "n":1.0 , "model" : "a" } "#, "b",       r#" { "n":1.0 , "model" : "b" } "#,  "white space and numbers stay"),
            (r#"{"model":"\u0061"}"#,            "b",       r#"{"model":"b"}"#,                  "old name has an escape"),
            (r#"{"model":"a"}"#,                 "q\"\\\n", r#"{"model":"q\"\\\n"}"#,            "new name needs escapes"),
            (r#"{"x":{"model":"a"},"model":"a"}"#, "b",     r#"{"x":{"model":"a"},"model":"b"}"#, "nested one stays"),
        ];
        for (body, model, expected, why) in cases {
            let body = Bytes::from(body);
            let field = find_model(&body).unwrap();
            let pieces = replace_model(&body, &field.span, model);
            assert_eq!(pieces.concat(), expected.as_bytes(), "{why}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_the_model_differs_after_a_splice(
            before in "[a-z]{0,8}", old in "\\PC{1,20}", after in "\\PC*", new in "\\PC{1,20}",
        ) {
            prop_assume!(!old.trim().is_empty() && before != "model");
            let text = format!(
                r#"{{{}: [1.50, 2], "model" :{} ,"z":{}}}"#,
                json_string(&before), json_string(&old), json_string(&after),
            );
            let body = Bytes::from(text);
            let field = find_model(&body).unwrap();
            let spliced = replace_model(&body, &field.span, &new).concat();
            let mut expected: Value = serde_json::from_slice(&body).unwrap();
            expected["model"] = Value::from(new.clone());
            prop_assert_eq!(serde_json::from_slice::<Value>(&spliced).unwrap(), expected);
            prop_assert_eq!(&spliced[..field.span.start], &body[..field.span.start]);
            prop_assert!(spliced.ends_with(&body[field.span.end..]));
        }
    }
}
