//! The configuration as a JSON schema (draft 2020-12), for editors: what `ampgate schema` prints.
//!
//! Each part has its one source: the raw structs say which keys there are, the built-in layer their
//! defaults, `config/ampgate.example.yaml` what they mean, `foreign` which keys of CLIProxyAPI have
//! no effect. Only what a value looks like is written down here, in [`kinds`]. Tests fail when a key
//! has no kind or no explanation, and when the schema refuses what the reader takes.

mod explanations;
mod kinds;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::explanations::Explanations;
use super::aliases::ALIASES;
use super::schema::{KeyPath, root};
use super::{foreign, layers};

/// Sections, and entries of lists, that may be a text instead of a map.
const TEXT_OR_MAP: [&str; 2] = ["api-keys", "state"];

/// The schema of the whole configuration.
#[must_use]
pub fn json_schema() -> Value {
    let mut builder = Builder {
        explanations: Explanations::of_example_file(),
        defaults: layers::defaults(),
        definitions: Map::new(),
    };
    let mut top = builder.section(root(), "");
    let properties = top["properties"].as_object_mut().expect("a section has properties");
    for (old, path) in ALIASES {
        let mut value = kinds::find(path).map_or_else(|| json!({}), kinds::Kind::schema);
        value["description"] = format!("Older name of `{path}`.").into();
        value["deprecated"] = true.into();
        properties.insert(old.to_owned(), value);
    }
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of ampgate",
        "description": "config/ampgate.example.yaml explains every key with its unit and limits.",
    });
    let whole = schema.as_object_mut().expect("just written as an object");
    // Nothing at all is a configuration, too: it has the defaults.
    whole.extend(std::mem::take(top.as_object_mut().expect("a section is an object")));
    whole.insert("$defs".to_owned(), builder.definitions.into());
    schema
}

struct Builder {
    explanations: Explanations,
    defaults: BTreeMap<&'static str, &'static str>,
    /// What entries of lists look like. Lists with like entries share one.
    definitions: Map<String, Value>,
}

impl Builder {
    /// The schema of what stands at `path`, as far as its shape goes: null is a value, an array a list
    /// of what it holds, an object a section.
    fn value(&mut self, shape: &Value, path: &str) -> Value {
        match shape {
            Value::Object(keys) if keys.is_empty() => {
                json!({ "type": ["object", "null"], "additionalProperties": { "type": "string" } })
            }
            Value::Object(_) => or_text(path, self.section(shape, path)),
            Value::Array(items) => {
                let item = items.first().unwrap_or(&Value::Null);
                let entry = match item {
                    Value::Object(_) => self.entry(item, path),
                    _ => self.value(item, path),
                };
                json!({ "type": ["array", "null"], "items": entry })
            }
            _ => {
                let kind = kinds::find(path);
                let mut schema = kind.map_or_else(|| json!({}), kinds::Kind::schema);
                if let (Some(default), Some(kind)) = (self.defaults.get(path), kind) {
                    schema["default"] = kind.written(default);
                }
                schema
            }
        }
    }

    fn section(&mut self, shape: &Value, path: &str) -> Value {
        let mut properties = Map::new();
        for (key, inner) in shape.as_object().into_iter().flatten() {
            let inner_path = join(path, key);
            let mut value = self.value(inner, &inner_path);
            if let Some(explanation) = self.explanations.find(&inner_path) {
                value["description"] = explanation.into();
            }
            properties.insert(key.clone(), value);
        }
        for (key, reason) in foreign::in_section(&key_path(path)) {
            let description = format!("CLIProxyAPI's; it has no effect in ampgate: {reason}.");
            properties
                .insert(key.to_owned(), json!({ "description": description, "deprecated": true }));
        }
        json!({
            "type": ["object", "null"],
            "additionalProperties": false,
            "properties": properties,
        })
    }

    /// An entry of a list of maps, by reference.
    fn entry(&mut self, shape: &Value, path: &str) -> Value {
        let section = self.section(shape, path);
        let known = self.definitions.iter().find(|(_, definition)| **definition == section);
        let name = known.map_or_else(|| path.replace('.', "-"), |(name, _)| name.clone());
        let reference = json!({ "$ref": format!("#/$defs/{name}") });
        self.definitions.insert(name, section);
        or_text(path, reference)
    }
}

fn or_text(path: &str, map: Value) -> Value {
    if TEXT_OR_MAP.contains(&path) { json!({ "anyOf": [{ "type": "string" }, map] }) } else { map }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The path without indexes; what is known of a place does not depend on them.
fn key_path(path: &str) -> KeyPath {
    let keys = path.split('.').filter(|key| !key.is_empty()).map(str::to_owned);
    KeyPath::of_keys(&keys.collect::<Vec<_>>())
}
