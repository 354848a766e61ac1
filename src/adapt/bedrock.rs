//! Claude's Messages API as Amazon Bedrock hosts it.
//!
//! | Anthropic                           | Bedrock                                                 |
//! | ----------------------------------- | ------------------------------------------------------- |
//! | `model` in the body                 | in the path, as one segment                             |
//! | `stream` in the body                | another path                                            |
//! | field `anthropic-version`           | `anthropic_version` in the body, with a value of its own |
//! | field `anthropic-beta`              | `anthropic_beta` in the body, with fewer flags          |
//! | a stream of server-sent events      | AWS's event stream, an event in each frame: [`EventFrames`] |
//! | errors with a type and a message    | a type in a field, a message in the body                |
//!
//! Everything else in a body is the same, and stays byte for byte.

mod error;
mod frames;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use error::{error_body, is_about_the_signature, status_of_error};
pub use frames::{EventFrames, FrameError};

use crate::body::{Edits, JsonPart};

/// The one version there is.
const VERSION: &str = "\"bedrock-2023-05-31\"";

/// The flags that Bedrock documents, without their dates. It answers 400 to a request with any other
/// flag, and Claude Code sends those of Anthropic's own API whatever stands behind the address it is
/// given.
const KNOWN_FLAGS: [&str; 10] = [
    "computer-use",
    "context-1m",
    "context-management",
    "dev-full-thinking",
    "effort",
    "interleaved-thinking",
    "output-128k",
    "token-efficient-tools",
    "tool-examples",
    "tool-search-tool",
];

/// RFC 3986, section 2.3: everything else is encoded, as AWS's own clients do it. The ids of models
/// have colons, those of inference profiles may have slashes.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a model is called.
#[must_use]
pub fn path(base_path: &str, model: &str, streams: bool) -> String {
    let model = utf8_percent_encode(model, SEGMENT);
    let method = if streams { "invoke-with-response-stream" } else { "invoke" };
    format!("{base_path}/model/{model}/{method}")
}

/// The flags of an `anthropic-beta` field that Bedrock knows.
pub fn known_flags(list: &str) -> impl Iterator<Item = &str> {
    flags(list).filter(|flag| {
        let is_dated = |rest: &str| rest.starts_with('-') && rest[1..].starts_with("20");
        KNOWN_FLAGS.iter().any(|known| flag.strip_prefix(known).is_some_and(is_dated))
    })
}

/// All flags of an `anthropic-beta` field.
pub fn flags(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|flag| !flag.is_empty())
}

/// The body of a Messages call as Bedrock wants it, or why it cannot be read. What the body itself says
/// in `anthropic_beta` is kept, `flags` come behind it.
pub fn request_body(body: &Bytes, flags: &[&str]) -> Result<Bytes, String> {
    let whole = JsonPart::parse(body).map_err(|error| error.to_string())?;
    if whole.members().is_none() {
        return Err("it is no object that can be read".to_owned());
    }
    let written = whole.get("anthropic_beta").and_then(JsonPart::elements).unwrap_or_default();
    let mut all: Vec<String> = written.iter().map(|flag| flag.raw().to_owned()).collect();
    for flag in flags {
        let flag = serde_json::Value::from(*flag).to_string();
        if !all.contains(&flag) {
            all.push(flag);
        }
    }
    let betas = format!("[{}]", all.join(","));
    let mut set = vec![("anthropic_version", VERSION)];
    if !all.is_empty() {
        set.push(("anthropic_beta", &betas));
    }
    let mut edits = Edits::default();
    edits.change_members(body, whole, &set, |key| matches!(key, "model" | "stream"));
    Ok(edits.apply(body))
}
