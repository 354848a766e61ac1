//! What a list and its entries look like on the wire, in each shape.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{ListedModel, ModelListShape, ModelsPage};

/// When our own entries came to be is not known, but the field is required: the Unix epoch.
const CREATED: u64 = 0;
const CREATED_AT: &str = "1970-01-01T00:00:00Z";

/// One model in a list.
#[derive(Clone, Debug)]
pub struct ModelEntry {
    id: Option<String>,
    json: Box<RawValue>,
}

impl ModelEntry {
    /// An entry of our own. Only what we know: limits and abilities are not ours to invent. `None`
    /// where an entry would have to hold more than that.
    #[must_use]
    pub fn own(shape: ModelListShape, model: &ListedModel<'_>) -> Option<Self> {
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
    pub fn parse(shape: ModelListShape, json: String) -> Result<Self, serde_json::Error> {
        Self::read(shape, RawValue::from_string(json)?)
    }

    fn read(shape: ModelListShape, json: Box<RawValue>) -> Result<Self, serde_json::Error> {
        let names: Names<'_> = serde_json::from_str(json.get())?;
        let name = match shape {
            ModelListShape::Anthropic | ModelListShape::OpenAi => names.id,
            ModelListShape::Gemini => names.name,
            ModelListShape::Codex => names.slug,
        };
        let name = name.and_then(|name| serde_json::from_str::<String>(name.get()).ok());
        let id = match shape {
            ModelListShape::Gemini => name.map(|name| {
                // Vertex AI says `publishers/google/models/`, the Gemini API `models/`.
                let rest = name.strip_prefix("publishers/google/").unwrap_or(&name);
                rest.strip_prefix("models/").unwrap_or(rest).to_owned()
            }),
            _ => name,
        };
        Ok(Self { id, json })
    }

    /// What the model is called, without `models/` before it; `None` when the entry does not say.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    #[must_use]
    pub fn as_json(&self) -> &str {
        self.json.get()
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

/// What tells entries apart. Servers that are compatible with several APIs may send all of them, and
/// not always as text.
#[derive(Deserialize)]
struct Names<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    slug: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OpenAiPage {
    data: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct AnthropicPage {
    data: Vec<Box<RawValue>>,
    has_more: Option<bool>,
    last_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModelsOfPage {
    #[serde(alias = "publisherModels")]
    models: Vec<Box<RawValue>>,
    next_page_token: Option<String>,
}

/// Google leaves out what is empty: a page without models is `{}`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EmptyGooglePage {
    next_page_token: Option<String>,
}

pub(super) fn read_page(
    shape: ModelListShape,
    body: &[u8],
) -> Result<ModelsPage, serde_json::Error> {
    let (entries, next) = match shape {
        ModelListShape::Anthropic => {
            let page: AnthropicPage = serde_json::from_slice(body)?;
            (page.data, page.last_id.filter(|_| page.has_more == Some(true)))
        }
        ModelListShape::OpenAi => (serde_json::from_slice::<OpenAiPage>(body)?.data, None),
        ModelListShape::Codex => (serde_json::from_slice::<ModelsOfPage>(body)?.models, None),
        ModelListShape::Gemini => {
            if let Ok(empty) = serde_json::from_slice::<EmptyGooglePage>(body) {
                (Vec::new(), empty.next_page_token)
            } else {
                let page: ModelsOfPage = serde_json::from_slice(body)?;
                (page.models, page.next_page_token)
            }
        }
    };
    let entries = entries.into_iter().map(|json| ModelEntry::read(shape, json));
    Ok(ModelsPage {
        entries: entries.collect::<Result<_, _>>()?,
        next: next.filter(|next| !next.is_empty()),
    })
}

pub(super) fn write_list(shape: ModelListShape, entries: &[&ModelEntry]) -> String {
    let data: Vec<&RawValue> = entries.iter().map(|entry| entry.json.as_ref()).collect();
    let list = match shape {
        ModelListShape::Anthropic => {
            let id = |entry: Option<&&ModelEntry>| entry.and_then(|entry| entry.id.clone());
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
