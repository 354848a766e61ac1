//! A call of Anthropic's Messages API as Vertex AI wants it.

use std::borrow::Cow;

use bytes::Bytes;

use crate::body::{Edits, JsonPart};

/// The version of the API that Vertex AI has, whatever the client asked for.
const VERSION: &str = r#""vertex-2023-10-16""#;

/// The body with Vertex AI's version, and without the model, which stands in the path. To count tokens it
/// is the other way round: there `counted` is the model.
pub fn vertex_claude_body(body: &Bytes, counted: Option<&str>) -> Result<Bytes, serde_json::Error> {
    let request = JsonPart::parse(body)?;
    let mut edits = Edits::default();
    let model = counted.map(|model| serde_json::Value::from(model).to_string());
    let mut set = vec![("anthropic_version", VERSION)];
    set.extend(model.as_deref().map(|model| ("model", model)));
    edits.change_members(body, request, &set, |key| key == "model");
    Ok(edits.apply(body))
}

/// What Vertex AI calls a model: Anthropic's `claude-x-20251101` is `claude-x@20251101` there.
#[must_use]
pub fn vertex_claude_name(model: &str) -> Cow<'_, str> {
    const DATE: usize = 8;
    let dash = model.len().checked_sub(DATE + 1);
    let parts = dash.and_then(|at| Some((model.get(..at)?, model.get(at..)?)));
    match parts.and_then(|(name, date)| Some((name, date.strip_prefix('-')?))) {
        Some((name, date)) if date.bytes().all(|byte| byte.is_ascii_digit()) => {
            Cow::Owned(format!("{name}@{date}"))
        }
        _ => Cow::Borrowed(model),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_model_and_the_version_change() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // body,                                         counted,          becomes,                                                                why
            (r#"{"model":"m", "n": 1.0,"stream":true}"#,     None,             r#"{"anthropic_version":"vertex-2023-10-16", "n": 1.0,"stream":true}"#,  "the rest byte for byte"),
            (r#"{"n":1,"model":"m"}"#,                       None,             r#"{"anthropic_version":"vertex-2023-10-16","n":1}"#,                   "the model last"),
            (r#"{"model":"m"}"#,                             None,             r#"{"anthropic_version":"vertex-2023-10-16"}"#,                         "nothing else"),
            (r#"{"anthropic_version":"x","model":"m"}"#,     None,             r#"{"anthropic_version":"vertex-2023-10-16"}"#,                         "a client's own"),
            (r#"{"model":"a","model":"b","n":1}"#,           None,             r#"{"anthropic_version":"vertex-2023-10-16","n":1}"#,                   "written twice"),
            (r#"{"model":"m","n":1}"#,                       Some("m@\"2"),    r#"{"anthropic_version":"vertex-2023-10-16","model":"m@\"2","n":1}"#,   "a count names it in the body"),
        ];
        for (body, counted, expected, why) in cases {
            let changed =
                vertex_claude_body(&Bytes::from_static(body.as_bytes()), counted).unwrap();
            assert_eq!(std::str::from_utf8(&changed).unwrap(), expected, "{why}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        assert!(vertex_claude_body(&Bytes::from_static(b"{"), None).is_err());
    }

    #[test]
    fn a_date_stands_behind_an_at() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("claude-opus-4-5-20251101", "claude-opus-4-5@20251101", "Anthropic's name"),
            ("claude-opus-4-5@20251101", "claude-opus-4-5@20251101", "Vertex AI's name"),
            ("claude-opus-4-6",          "claude-opus-4-6",          "no date"),
            ("claude-2025-1101",         "claude-2025-1101",         "no date"),
            ("20251101",                 "20251101",                 "nothing before it"),
            ("-20251101",                "@20251101",                "odd, and no panic"),
            ("ü1234567",                 "ü1234567",                 "no panic in a letter"),
        ];
        for (model, expected, why) in cases {
            assert_eq!(vertex_claude_name(model), expected, "{why}");
        }
    }
}
