//! The tools, and the choice among them.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::super::Outgoing;
use super::super::super::dropped::Dropped;
use super::super::super::request::{Function, Tool, ToolChoice};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToolOut<'a> {
    Function {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        parameters: Box<RawValue>,
        strict: bool,
    },
    Custom {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
    },
    WebSearch,
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum ToolChoiceOut<'a> {
    Mode(&'static str),
    Named {
        #[serde(rename = "type")]
        kind: &'static str,
        name: &'a str,
    },
}

pub fn tools_of<'a>(outgoing: &Outgoing<'a>, dropped: &mut Dropped) -> Vec<ToolOut<'a>> {
    let names = outgoing.names;
    let tools = outgoing.request.tools.iter();
    let write = |tool: &'a Tool| match tool {
        Tool::Function(function) => {
            if function.cache.is_some() {
                dropped.note("cache_control");
            }
            function_of(function, names.tool(&function.name))
        }
        Tool::Custom { name, description } => {
            ToolOut::Custom { name: names.tool(name), description: description.as_deref() }
        }
        Tool::WebSearch => ToolOut::WebSearch,
    };
    tools.map(write).collect()
}

/// Here `strict` is the default, and would change what a schema means that was not written for it.
fn function_of<'a>(function: &'a Function, name: &'a str) -> ToolOut<'a> {
    ToolOut::Function {
        name,
        description: function.description.as_deref(),
        parameters: parameters_of(function.schema.as_deref()),
        strict: function.strict.unwrap_or(false),
    }
}

/// A schema as it came. The API refuses an object without `properties`, so those get some.
fn parameters_of(schema: Option<&RawValue>) -> Box<RawValue> {
    #[derive(Deserialize)]
    struct Outline {
        #[serde(rename = "type")]
        kind: Option<IgnoredAny>,
        properties: Option<IgnoredAny>,
    }

    let json = schema.map_or("{}", RawValue::get);
    let written = match serde_json::from_str::<Outline>(json) {
        Ok(Outline { kind, properties: None }) if json.trim_start().starts_with('{') => {
            let mut missing = String::from("{");
            if kind.is_none() {
                missing.push_str(r#""type":"object","#);
            }
            missing.push_str(r#""properties":{}"#);
            let rest = json.trim_start().trim_start_matches('{').trim_start();
            if !rest.starts_with('}') {
                missing.push(',');
            }
            missing + rest
        }
        _ => json.to_owned(),
    };
    RawValue::from_string(written).expect("an object with one member more is JSON")
}

pub fn choice_of<'a>(outgoing: &Outgoing<'a>, choice: &'a ToolChoice) -> ToolChoiceOut<'a> {
    let is_custom = |chosen: &str| {
        outgoing
            .request
            .tools
            .iter()
            .any(|tool| matches!(tool, Tool::Custom { name, .. } if name == chosen))
    };
    match choice {
        ToolChoice::Auto => ToolChoiceOut::Mode("auto"),
        ToolChoice::None => ToolChoiceOut::Mode("none"),
        ToolChoice::Required => ToolChoiceOut::Mode("required"),
        ToolChoice::Named(name) => ToolChoiceOut::Named {
            kind: if is_custom(name) { "custom" } else { "function" },
            name: outgoing.names.tool(name),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_is_of_an_object_with_properties() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (None,                                                     r#"{"type":"object","properties":{}}"#,                          "no schema"),
            (Some(r"{ }"),                                             r#"{"type":"object","properties":{}}"#,                          "an empty one"),
            (Some(r#"{"type":"object"}"#),                             r#"{"properties":{},"type":"object"}"#,                          "no properties"),
            (Some(r#" {"type":"object","additionalProperties":1e1}"#), r#"{"properties":{},"type":"object","additionalProperties":1e1}"#, "the rest byte for byte"),
            (Some(r#"{"type":"object", "properties":{"a":{}}}"#),      r#"{"type":"object", "properties":{"a":{}}}"#,                   "as it came"),
            (Some("[1,null]"),                                         "[1,null]",                                                      "nor a list"),
        (Some("true"),                                             "true",                                                          "no object at all"),
        ];
        for (schema, expected, why) in cases {
            let schema = schema.map(|json| RawValue::from_string(json.to_owned()).unwrap());
            assert_eq!(parameters_of(schema.as_deref()).get(), expected, "{why}");
        }
    }
}
