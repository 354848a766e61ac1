//! Lists of models: three shapes, and one list made of several.

mod entry;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use bytes::Bytes;

use entry::{Entry, read_list, write_list};

/// A model that the gateway itself offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedModel<'a> {
    pub id: &'a str,
    pub owned_by: &'a str,
}

/// How a list of models is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelListShape {
    Anthropic,
    OpenAi,
    Gemini,
}

/// An upstream's list cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("upstream list {index} is not a list of models: {cause}")]
pub struct NotAModelsList {
    /// Which of the bodies.
    pub index: usize,
    pub cause: serde_json::Error,
}

/// The shape that a client expects.
///
/// On `/api/provider/{provider}` the path says it. Direct routes serve several families of
/// clients at one path; the header fields that each must send tell them apart. `has_goog_key`
/// means `x-goog-api-key` or `?key=`.
#[must_use]
pub fn list_shape(
    path_provider: Option<&str>,
    has_anthropic_version: bool,
    has_goog_key: bool,
) -> ModelListShape {
    match path_provider {
        Some("anthropic") => ModelListShape::Anthropic,
        Some("google") => ModelListShape::Gemini,
        None if has_anthropic_version => ModelListShape::Anthropic,
        None if has_goog_key => ModelListShape::Gemini,
        Some(_) | None => ModelListShape::OpenAi,
    }
}

/// A whole list of our own models.
#[must_use]
pub fn models_list(shape: ModelListShape, models: &[ListedModel<'_>]) -> String {
    let entries: Vec<Entry> = models.iter().map(|model| Entry::own(shape, model)).collect();
    write_list(shape, &entries)
}

/// One model, as asked for by its id.
#[must_use]
pub fn model_entry(shape: ModelListShape, model: &ListedModel<'_>) -> String {
    Entry::own(shape, model).into_json()
}

/// One list of our own models, then those of the upstreams, their entries byte for byte. Of two
/// entries with one id the first stays.
///
/// The list has one page: ask upstreams for theirs in one page too.
pub fn merge_models_lists(
    shape: ModelListShape,
    own: &[ListedModel<'_>],
    upstream_bodies: &[Bytes],
) -> Result<String, NotAModelsList> {
    let mut entries: Vec<Entry> = own.iter().map(|model| Entry::own(shape, model)).collect();
    for (index, body) in upstream_bodies.iter().enumerate() {
        let upstream = read_list(shape, body).map_err(|cause| NotAModelsList { index, cause })?;
        entries.extend(upstream);
    }
    let mut seen = HashSet::new();
    entries.retain(|entry| entry.id.is_none() || seen.insert(entry.id.clone()));
    Ok(write_list(shape, &entries))
}
