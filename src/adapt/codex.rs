//! What the backend of `ChatGPT` plans wants of a call in the dialect of Responses.
//!
//! It is made for the Codex command line, and refuses what that never sends:
//!
//! | of the request                                  | the backend                                    | here                   |
//! | ----------------------------------------------- | ---------------------------------------------- | ---------------------- |
//! | `stream` is not true                            | 400 "Stream must be set to true"               | true; gathered         |
//! | `store` is not false                            | 400 "Store must be set to false"               | false                  |
//! | no `instructions`                               | 400 "Instructions are required"                | an empty text          |
//! | `input` is a text                               | 400 "Input must be a list"                     | one message with it    |
//! | items of the role `system`                      | 400                                            | `developer`            |
//! | `max_output_tokens`, `temperature` and others   | 400 "Unsupported parameter: ..."               | left out, and said so  |
//! | `previous_response_id`                          | 400: it keeps no response                      | refused, with a reason |
//!
//! A body with nothing to change passes byte for byte: Codex's own always does.

#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::body::{Edits, JsonPart};

/// What the backend refuses and a call can do without.
const UNSUPPORTED: &[&str] = &[
    "max_output_tokens",
    "metadata",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "stream_options",
    "temperature",
    "top_p",
    "truncation",
    "user",
];

/// Names the response to go on from.
const PREVIOUS: &str = "previous_response_id";

/// A body as the backend takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodexBody {
    pub body: Bytes,
    /// Members that the client asked for and that were left out.
    pub dropped: Vec<&'static str>,
}

/// Why a body cannot be asked of the backend. Follows the name of the dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotForCodex {
    #[error("it is no JSON object")]
    NoObject,
    /// To go on without it would answer another question than was asked.
    #[error(
        "previous_response_id: the backend of ChatGPT plans keeps no response over HTTP; send the whole input"
    )]
    LeansOnAResponse,
}

/// Whether a body in the dialect of Responses goes on from a response that its provider has kept.
#[must_use]
pub fn leans_on_a_response(body: &[u8]) -> bool {
    // Most bodies do not, and are not walked for it.
    if memchr::memmem::find(body, PREVIOUS.as_bytes()).is_none() {
        return false;
    }
    let members = JsonPart::parse(body).ok().and_then(JsonPart::members).unwrap_or_default();
    members.iter().rfind(|member| member.key == PREVIOUS).is_some_and(|id| id.value.raw() != "null")
}

/// Puts a body in the dialect of Responses right for the backend, which calls the model `model`.
pub fn for_codex_backend(body: &Bytes, model: &str) -> Result<CodexBody, NotForCodex> {
    let whole = JsonPart::parse(body).map_err(|_no_json| NotForCodex::NoObject)?;
    let members = whole.members().ok_or(NotForCodex::NoObject)?;
    let of = |key: &str| members.iter().rfind(|member| member.key == key).map(|found| found.value);
    let is_given = |key: &str| of(key).is_some_and(|value| value.raw() != "null");
    if is_given(PREVIOUS) {
        return Err(NotForCodex::LeansOnAResponse);
    }
    let is_unsupported = |key: &str| key == PREVIOUS || UNSUPPORTED.contains(&key);
    let quoted_model = serde_json::Value::from(model).to_string();
    let mut set: Vec<(&str, &str)> = Vec::new();
    if of("model").and_then(JsonPart::text).as_deref() != Some(model) {
        set.push(("model", &quoted_model));
    }
    for (key, wanted) in [("stream", "true"), ("store", "false")] {
        if of(key).is_none_or(|value| value.raw() != wanted) {
            set.push((key, wanted));
        }
    }
    if !is_given("instructions") {
        set.push(("instructions", "\"\""));
    }
    let mut edits = Edits::default();
    edits.change_members(body, whole, &set, is_unsupported);
    for input in members.iter().filter(|member| member.key == "input") {
        list_input(body, input.value, &mut edits);
    }
    let dropped = UNSUPPORTED.iter().copied().filter(|key| is_given(key)).collect();
    Ok(CodexBody { body: edits.apply(body), dropped })
}

/// Makes a list of a text, and developers of systems.
fn list_input(body: &Bytes, input: JsonPart<'_>, edits: &mut Edits) {
    let Some(items) = input.elements() else {
        if input.text().is_some() {
            let text = input.raw();
            let item = format!(
                r#"[{{"type":"message","role":"user","content":[{{"type":"input_text","text":{text}}}]}}]"#
            );
            edits.replace(body, input, item);
        }
        return;
    };
    for item in items {
        for member in item.members().unwrap_or_default() {
            if member.key == "role" && member.value.text().as_deref() == Some("system") {
                edits.replace(body, member.value, "\"developer\"");
            }
        }
    }
}
