//! What a list and its entries look like on the wire, in each shape.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{ListedModel, ModelListShape};

/// When our own entries came to be is not known, but the field is required: the Unix epoch.
const CREATED: u64 = 0;
const CREATED_AT: &str = "1970-01-01T00:00:00Z";

/// One model in a list.
pub(super) struct Entry {
    /// Without `models/` before it; `None` when the entry has none.
    pub(super) id: Option<String>,
    json: Box<RawValue>,
}

impl Entry {
    /// An entry of our own. Only what we know: limits and abilities are not ours to invent. `None`
    /// where an entry would have to hold more than that.
    pub(super) fn own(shape: ModelListShape, model: &ListedModel<'_>) -> Option<Self> {
        let ListedModel { id, owned_by } = *model;
        let json = match shape {
            ModelListShape::Anthropic => to_raw(&AnthropicModel {
                r#type: "model",
                id,
                display_name: id,
                created_at: CREATED_AT,
            }),
            ModelListShape::OpenAi => {
                to_raw(&OpenAiModel { id, object: "model", created: CREATED, owned_by })
            }
            ModelListShape::Gemini => to_raw(&GeminiModel {
                name: &format!("models/{id}"),
                display_name: id,
                // Clients filter by it, and what we list we serve by this method.
                supported_generation_methods: ["generateContent"],
            }),
            ModelListShape::Codex => return None,
        };
        Some(Self { id: Some(id.to_owned()), json })
    }

    /// An entry as an upstream wrote it.
    fn read(shape: ModelListShape, json: Box<RawValue>) -> Result<Self, serde_json::Error> {
        let names: Names = serde_json::from_str(json.get())?;
        let id = match shape {
            ModelListShape::Anthropic | ModelListShape::OpenAi => names.id,
            // Vertex AI says `publishers/google/models/`, the Gemini API `models/`.
            ModelListShape::Gemini => names.name.map(|name| match name.rsplit_once("models/") {
                Some((_, id)) => id.to_owned(),
                None => name,
            }),
            ModelListShape::Codex => names.slug,
        };
        Ok(Self { id, json })
    }

    pub(super) fn into_json(self) -> String {
        Box::<str>::from(self.json).into()
    }
}

#[derive(Serialize)]
struct AnthropicModel<'a> {
    r#type: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: &'static str,
}

#[derive(Serialize)]
struct AnthropicList<'a> {
    data: Vec<&'a RawValue>,
    has_more: bool,
    first_id: Option<String>,
    last_id: Option<String>,
}

#[derive(Serialize)]
struct OpenAiModel<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
}

#[derive(Serialize)]
struct OpenAiList<'a> {
    object: &'static str,
    data: Vec<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GeminiModel<'a> {
    name: &'a str,
    display_name: &'a str,
    supported_generation_methods: [&'static str; 1],
}

/// The list of Gemini and of Codex.
#[derive(Serialize)]
struct ModelsListOf<'a> {
    models: Vec<&'a RawValue>,
}

/// What tells entries apart; OpenAI-compatible servers may send several.
#[derive(Deserialize)]
struct Names {
    id: Option<String>,
    name: Option<String>,
    slug: Option<String>,
}

#[derive(Deserialize)]
struct DataList {
    data: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct ModelsList {
    #[serde(alias = "publisherModels")]
    models: Vec<Box<RawValue>>,
}

pub(super) fn read_list(
    shape: ModelListShape,
    body: &[u8],
) -> Result<Vec<Entry>, serde_json::Error> {
    let entries = match shape {
        ModelListShape::Anthropic | ModelListShape::OpenAi => {
            serde_json::from_slice::<DataList>(body)?.data
        }
        ModelListShape::Gemini | ModelListShape::Codex => {
            serde_json::from_slice::<ModelsList>(body)?.models
        }
    };
    entries.into_iter().map(|json| Entry::read(shape, json)).collect()
}

pub(super) fn write_list(shape: ModelListShape, entries: &[Entry]) -> String {
    let data: Vec<&RawValue> = entries.iter().map(|entry| entry.json.as_ref()).collect();
    let list = match shape {
        ModelListShape::Anthropic => {
            let id = |entry: Option<&'_ Entry>| entry.and_then(|entry| entry.id.clone());
            let (first_id, last_id) = (id(entries.first()), id(entries.last()));
            to_raw(&AnthropicList { data, has_more: false, first_id, last_id })
        }
        ModelListShape::OpenAi => to_raw(&OpenAiList { object: "list", data }),
        ModelListShape::Gemini | ModelListShape::Codex => to_raw(&ModelsListOf { models: data }),
    };
    Box::<str>::from(list).into()
}

fn to_raw(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).expect("strings, numbers and lists of them always serialise")
}
