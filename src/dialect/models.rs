//! Lists of models: four shapes, and one list made of several.
//!
//! Codex's catalogue is the odd one: an entry there is no name but instructions. Codex replaces
//! what it ships for a model with the entry whose `slug` begins the model's name, its system prompt
//! included (models-manager `manager.rs` at 0301b5865b; signed in with `ChatGPT`, one entry to show
//! replaces the whole catalogue). An entry without a prompt is refused, and all others with it; one
//! with an empty prompt is obeyed (protocol `openai_models.rs` at 0d4367d0e6 requires
//! `base_instructions`, at e4490eff65 that or `model_messages.instructions_template`; seen up to
//! 0.153.4, 2026-09). A gateway has no prompt to give, and one that wrote a short one made every
//! session worse (NVIDIA-NeMo/Switchyard #565). So our own models are not in the catalogue: an
//! empty one is read by every release, and leaves Codex what it knows, for models it does not know
//! its default. `codex --model NAME` works for all. What an upstream writes in this shape is passed
//! on.

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
    /// The catalogue of Codex CLI, which asks for it with `?client_version=`.
    Codex,
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
/// clients at one path; what each must send tells them apart. `has_client_version` means
/// `?client_version=`, which goes first: it cannot come from a default header of an SDK.
/// `has_goog_key` means `x-goog-api-key` or `?key=`.
#[must_use]
pub fn list_shape(
    path_provider: Option<&str>,
    has_client_version: bool,
    has_anthropic_version: bool,
    has_goog_key: bool,
) -> ModelListShape {
    match path_provider {
        Some("anthropic") => ModelListShape::Anthropic,
        Some("google") => ModelListShape::Gemini,
        None if has_client_version => ModelListShape::Codex,
        None if has_anthropic_version => ModelListShape::Anthropic,
        None if has_goog_key => ModelListShape::Gemini,
        Some(_) | None => ModelListShape::OpenAi,
    }
}

/// A whole list of our own models.
#[must_use]
pub fn models_list(shape: ModelListShape, models: &[ListedModel<'_>]) -> String {
    write_list(shape, &own_entries(shape, models))
}

/// One model, as asked for by its id. Codex asks for no single one; who does with its query gets
/// what `OpenAI` answers there.
#[must_use]
pub fn model_entry(shape: ModelListShape, model: &ListedModel<'_>) -> String {
    let own = Entry::own(shape, model).or_else(|| Entry::own(ModelListShape::OpenAi, model));
    own.map_or_else(String::new, Entry::into_json)
}

fn own_entries(shape: ModelListShape, models: &[ListedModel<'_>]) -> Vec<Entry> {
    models.iter().filter_map(|model| Entry::own(shape, model)).collect()
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
    let mut entries = own_entries(shape, own);
    for (index, body) in upstream_bodies.iter().enumerate() {
        let upstream = read_list(shape, body).map_err(|cause| NotAModelsList { index, cause })?;
        entries.extend(upstream);
    }
    let mut seen = HashSet::new();
    entries.retain(|entry| entry.id.is_none() || seen.insert(entry.id.clone()));
    Ok(write_list(shape, &entries))
}
