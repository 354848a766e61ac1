//! How a Gemini request stands in JSON.
//!
//! Google reads `camelCase` and `snake_case`, so both are read here. Members without a place in
//! these types are noted as dropped.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::lenient::{Many, Taken, Whole};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body {
    pub contents: Many<Content>,
    #[serde(default, alias = "system_instruction")]
    pub system_instruction: Option<Instruction>,
    #[serde(default)]
    pub tools: Many<ToolSet>,
    #[serde(default, alias = "tool_config")]
    pub tool_config: Option<ToolConfig>,
    #[serde(default, alias = "generation_config")]
    pub generation_config: Option<GenerationConfig>,
    #[serde(default, alias = "cached_content")]
    pub cached_content: Option<String>,
    // The path names the model; the others say how Google is to bill and keep the call.
    #[serde(default, rename = "model")]
    _model: Option<Taken>,
    #[serde(default, rename = "serviceTier", alias = "service_tier")]
    _service_tier: Option<Taken>,
    #[serde(default, rename = "store")]
    _store: Option<Taken>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Content {
    #[serde(default)]
    pub role: Option<String>,
    #[serde(default)]
    pub parts: Many<Part>,
}

/// `systemInstruction`: a content, a list of parts, one part, or a text.
#[derive(Debug)]
pub(super) struct Instruction(pub Vec<Part>);

impl<'de> Deserialize<'de> for Instruction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InstructionVisitor)
    }
}

struct InstructionVisitor;

impl<'de> Visitor<'de> for InstructionVisitor {
    type Value = Instruction;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a content or a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Instruction, E> {
        Ok(Instruction(vec![Part::from_text(text.to_owned())]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Instruction, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = list.next_element()? {
            parts.push(part);
        }
        Ok(Instruction(parts))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Instruction, A::Error> {
        /// A content or a part.
        #[derive(Deserialize)]
        struct Either {
            #[serde(default, rename = "role")]
            _role: Option<Taken>,
            #[serde(default)]
            parts: Many<Part>,
            #[serde(default)]
            text: Option<String>,
        }
        let Either { parts: Many(mut parts), text, .. } =
            Either::deserialize(MapAccessDeserializer::new(map))?;
        parts.extend(text.map(Part::from_text));
        Ok(Instruction(parts))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub thought: Option<bool>,
    // Google's proof is worth nothing to another provider.
    #[serde(default, rename = "thoughtSignature", alias = "thought_signature")]
    _signature: Option<Taken>,
    #[serde(default, alias = "inline_data")]
    pub inline_data: Option<Blob>,
    #[serde(default, alias = "file_data")]
    pub file_data: Option<FileData>,
    #[serde(default, alias = "function_call")]
    pub function_call: Option<Call>,
    #[serde(default, alias = "function_response")]
    pub function_response: Option<FunctionResponse>,
}

impl Part {
    fn from_text(text: String) -> Self {
        Self { text: Some(text), ..Self::default() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob {
    #[serde(alias = "mime_type")]
    pub mime_type: String,
    pub data: String,
    #[serde(default, alias = "display_name")]
    pub display_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData {
    #[serde(default, alias = "mime_type")]
    pub mime_type: Option<String>,
    #[serde(alias = "file_uri")]
    pub file_uri: String,
    #[serde(default, alias = "display_name")]
    pub display_name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Call {
    #[serde(default)]
    pub id: Option<String>,
    pub name: String,
    #[serde(default)]
    pub args: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FunctionResponse {
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub response: Option<Box<RawValue>>,
    /// Images and files only.
    #[serde(default)]
    pub parts: Many<Part>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolSet {
    #[serde(default, alias = "function_declarations")]
    pub function_declarations: Many<Declaration>,
    #[serde(default, alias = "google_search")]
    pub google_search: Option<Taken>,
    #[serde(default, alias = "google_search_retrieval")]
    pub google_search_retrieval: Option<Taken>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Declaration {
    pub name: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub parameters: Option<Box<RawValue>>,
    #[serde(default, alias = "parameters_json_schema")]
    pub parameters_json_schema: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig {
    #[serde(default, alias = "function_calling_config")]
    pub function_calling_config: Option<CallingConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallingConfig {
    #[serde(default)]
    pub mode: Option<String>,
    #[serde(default, alias = "allowed_function_names")]
    pub allowed_function_names: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct GenerationConfig {
    #[serde(alias = "max_output_tokens")]
    pub max_output_tokens: Option<Whole>,
    pub temperature: Option<f64>,
    #[serde(alias = "top_p")]
    pub top_p: Option<f64>,
    #[serde(alias = "top_k")]
    pub top_k: Option<Whole>,
    pub seed: Option<Whole>,
    #[serde(alias = "presence_penalty")]
    pub presence_penalty: Option<f64>,
    #[serde(alias = "frequency_penalty")]
    pub frequency_penalty: Option<f64>,
    #[serde(alias = "stop_sequences")]
    pub stop_sequences: Option<Vec<String>>,
    #[serde(alias = "candidate_count")]
    pub candidate_count: Option<Whole>,
    #[serde(alias = "response_mime_type")]
    pub response_mime_type: Option<String>,
    #[serde(alias = "response_schema")]
    pub response_schema: Option<Box<RawValue>>,
    #[serde(alias = "response_json_schema")]
    pub response_json_schema: Option<Box<RawValue>>,
    #[serde(alias = "response_modalities")]
    pub response_modalities: Option<Vec<String>>,
    #[serde(alias = "thinking_config")]
    pub thinking_config: Option<ThinkingConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThinkingConfig {
    #[serde(default, rename = "thinkingBudget", alias = "thinking_budget")]
    pub budget: Option<Whole>,
    #[serde(default, rename = "thinkingLevel", alias = "thinking_level")]
    pub level: Option<String>,
    #[serde(default, alias = "include_thoughts")]
    pub include_thoughts: Option<bool>,
}
