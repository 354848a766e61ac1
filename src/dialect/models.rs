//! Lists of models: four shapes, the pages in which upstreams give theirs, and one list made of
//! several. Ours have one page.
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

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub use entry::ModelEntry;
use entry::{read_page, write_list};

/// As many entries as Anthropic gives in a page; its default is 20.
const ANTHROPIC_PAGE: usize = 1000;

/// What Google's own SDK asks for, at both of its APIs.
const GOOGLE_PAGE: usize = 100;

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

/// One page of an upstream's list.
#[derive(Debug)]
pub struct ModelsPage {
    pub entries: Vec<ModelEntry>,
    /// Where the next page begins, for [`page_query`]; `None` on the last.
    pub next: Option<String>,
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

/// The query that asks an upstream for a page: the first, or the one that begins at `after`. Empty
/// where lists have no pages.
#[must_use]
pub fn page_query(shape: ModelListShape, after: Option<&str>) -> String {
    let (size, cursor) = match shape {
        ModelListShape::Anthropic => (format!("limit={ANTHROPIC_PAGE}"), "after_id"),
        ModelListShape::Gemini => (format!("pageSize={GOOGLE_PAGE}"), "pageToken"),
        ModelListShape::OpenAi | ModelListShape::Codex => return String::new(),
    };
    match after {
        Some(after) => format!("{size}&{cursor}={}", utf8_percent_encode(after, NON_ALPHANUMERIC)),
        None => size,
    }
}

/// Reads a page of an upstream's list.
pub fn read_models_page(
    shape: ModelListShape,
    body: &[u8],
) -> Result<ModelsPage, serde_json::Error> {
    read_page(shape, body)
}

/// A whole list, the entries byte for byte.
#[must_use]
pub fn models_list<'a>(
    shape: ModelListShape,
    entries: impl IntoIterator<Item = &'a ModelEntry>,
) -> String {
    write_list(shape, &entries.into_iter().collect::<Vec<_>>())
}

/// The member of an entry that names its model, and its value for `id`.
#[must_use]
pub fn naming_member(shape: ModelListShape, id: &str) -> (&'static str, String) {
    match shape {
        ModelListShape::Anthropic | ModelListShape::OpenAi => ("id", id.to_owned()),
        ModelListShape::Gemini => ("name", format!("models/{id}")),
        ModelListShape::Codex => ("slug", id.to_owned()),
    }
}
