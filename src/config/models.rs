//! Which models a credential serves, and which it does not.

use crate::types::{ModelName, ModelPattern};

use super::raw::RawModel;
use super::reader::Reader;
use super::shapes::{List, Scalar, Section};

/// A model a credential serves. Several with one alias are a pool: one name for clients, answered by
/// any of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// What the provider calls it.
    pub name: ModelName,
    /// What clients call it. Default: the same.
    pub alias: ModelName,
}

impl Reader<'_> {
    pub fn models(&mut self, path: &str, list: List<Section<RawModel>>) -> Vec<Model> {
        let mut models = Vec::new();
        for (index, entry) in self.items(path, list).into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Section::Map(raw) = entry else {
                self.problem(&path, "must be a map with `name` and, if it differs, `alias`");
                continue;
            };
            let name = self.required_text(&format!("{path}.name"), &raw.name);
            let alias = self.text(&format!("{path}.alias"), &raw.alias);
            let name = name.and_then(|name| self.model_name(&format!("{path}.name"), &name));
            let alias = alias.and_then(|alias| self.model_name(&format!("{path}.alias"), &alias));
            let Some(name) = name else { continue };
            models.push(Model { alias: alias.unwrap_or_else(|| name.clone()), name });
        }
        models
    }

    fn model_name(&mut self, path: &str, text: &str) -> Option<ModelName> {
        let name = ModelName::parse(text);
        if name.is_none() {
            self.problem(path, ModelName::fault(text));
        }
        name
    }

    pub fn excluded_models(&mut self, path: &str, list: List<Scalar>) -> Vec<ModelPattern> {
        let mut patterns = Vec::new();
        for (index, item) in self.items(path, list).into_iter().enumerate() {
            let text = self.required_text(&format!("{path}[{index}]"), &item);
            patterns.extend(text.and_then(|text| ModelPattern::parse(&text)));
        }
        patterns
    }
}
