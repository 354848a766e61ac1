//! Which model a request body names, and where.
//!
//! The gateway routes on the name but forwards the body as it came, so the name it reads must be
//! the one the upstream will read. A fast scanner (`scan`) answers when the body holds no
//! surprise; at the first one it gives up, and a full parse (`strict`) decides.

mod scan;
mod strict;
#[cfg(test)]
mod tests;

use std::ops::Range;

/// What the top level of a request body says about the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelField {
    /// Unescaped, and otherwise as the client wrote it: not trimmed.
    pub name: String,
    /// Where the JSON string is in the body, its quotes included.
    pub span: Range<usize>,
    /// Whether the top level says `"stream": true`.
    pub stream: bool,
}

/// Why a body does not name a model. The client reads this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelFieldError {
    #[error("the request body is not valid JSON: {0}")]
    NotJson(String),
    #[error("the request body must be a JSON object")]
    NotAnObject,
    #[error("the request body has no `model`; name the model to call")]
    Missing,
    #[error("`model` must be a string")]
    NotAString,
    #[error("`model` is empty; name the model to call")]
    Empty,
    #[error("`model` is given twice; give it once")]
    GivenTwice,
}

/// Finds the model that `body` names at its top level.
///
/// SECURITY: the whole body is read, even when `model` is its first key. Of two `model` keys we
/// might route (and bill, and permit) by one while the upstream answers by the other; so two are
/// an error, however the second is spelt (`"mod\u0065l"`), and so is a body that is not JSON.
pub fn find_model(body: &[u8]) -> Result<ModelField, ModelFieldError> {
    match scan::model_field(body) {
        Ok(field) => Ok(field),
        Err(scan::Surprise) => strict::model_field(body),
    }
}
