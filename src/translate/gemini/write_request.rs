//! A request for Google: the tools and their choice; turns are in `contents`, the rest in `settings`.
//!
//! What Google refuses is not written: web search beside functions, and a choice without functions.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::contents::{Content, ContentsWriter};
use super::model::Model;
use super::schema::{stripped, to_open_api};
use super::settings::GenerationConfig;
use crate::translate::Outgoing;
use crate::translate::dropped::Dropped;
use crate::translate::names::UpstreamNames;
use crate::translate::request::{CUSTOM_INPUT, Function, Request, Tool, ToolChoice};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[Tools<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "GenerationConfig::says_nothing")]
    generation_config: GenerationConfig<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Tools<'a> {
    FunctionDeclarations(Vec<Declaration<'a>>),
    GoogleSearch(Nothing),
}

/// `{}`.
#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'a> {
    function_calling_config: CallingConfig<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallingConfig<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'a str; 1]>,
}

pub(in crate::translate) fn write_request(
    outgoing: &Outgoing<'_>,
    dropped: &mut Dropped,
) -> Vec<u8> {
    let Outgoing { request, names, .. } = *outgoing;
    let model = Model::of(outgoing.model.nature);
    let (system, turns) = match outgoing.split_system() {
        // Google wants to be asked something.
        (Some(_), []) => (None, outgoing.turns),
        split => split,
    };
    let mut writer = ContentsWriter { names, model, dropped };
    let system_instruction = system.and_then(|turn| writer.system(turn));
    let contents = writer.contents(turns);
    let tools = tools(request, names, model, dropped);
    let has_functions = matches!(tools, Some(Tools::FunctionDeclarations(_)));
    let body = Body {
        system_instruction,
        contents,
        tools: tools.map(|tools| [tools]),
        tool_config: tool_config(request, names).filter(|_| has_functions),
        generation_config: GenerationConfig::new(request, model, has_functions, dropped),
    };
    note_the_unsaid(request, dropped);
    serde_json::to_vec(&body).expect("strings, numbers and JSON always serialise")
}

fn tools<'a>(
    request: &'a Request,
    names: &'a UpstreamNames,
    model: Model,
    dropped: &mut Dropped,
) -> Option<Tools<'a>> {
    let mut declarations = Vec::new();
    let mut searches = false;
    for tool in &request.tools {
        match tool {
            Tool::Function(function) => {
                note_unknown_to_google(function, dropped);
                let schema = function.schema.as_deref();
                let declaration = declaration(&function.name, function.description.as_ref(), names);
                declarations.push(declaration.with_schema(schema, model));
            }
            Tool::Custom { name, description } => {
                let declaration = declaration(name, description.as_ref(), names);
                declarations.push(declaration.with_schema(Some(&custom_schema()), model));
            }
            Tool::WebSearch => searches = true,
        }
    }
    if declarations.is_empty() {
        return searches.then_some(Tools::GoogleSearch(Nothing {}));
    }
    if searches {
        dropped.note("web_search");
    }
    Some(Tools::FunctionDeclarations(declarations))
}

fn note_unknown_to_google(function: &Function, dropped: &mut Dropped) {
    if function.strict == Some(true) {
        dropped.note("strict");
    }
    if function.cache.is_some() {
        dropped.note("cache_control");
    }
}

fn declaration<'a>(
    name: &'a str,
    description: Option<&'a String>,
    names: &'a UpstreamNames,
) -> Declaration<'a> {
    Declaration {
        name: names.tool(name),
        description: description.map(String::as_str),
        parameters_json_schema: None,
        parameters: None,
    }
}

impl Declaration<'_> {
    fn with_schema(mut self, schema: Option<&RawValue>, model: Model) -> Self {
        match schema {
            Some(schema) if model.takes_json_schema() => {
                self.parameters_json_schema = Some(stripped(schema));
            }
            Some(schema) => self.parameters = to_open_api(schema),
            None => {}
        }
        self
    }
}

/// What wraps the text that a custom tool takes.
fn custom_schema() -> Box<RawValue> {
    let schema = serde_json::json!({
        "type": "object",
        "properties": { CUSTOM_INPUT: { "type": "string" } },
        "required": [CUSTOM_INPUT],
    });
    to_raw_value(&schema).expect("a JSON value always serialises")
}

fn tool_config<'a>(request: &'a Request, names: &'a UpstreamNames) -> Option<ToolConfig<'a>> {
    let (mode, allowed_function_names) = match request.tool_choice.as_ref()? {
        ToolChoice::Auto => ("AUTO", None),
        ToolChoice::None => ("NONE", None),
        ToolChoice::Required => ("ANY", None),
        ToolChoice::Named(name) => ("ANY", Some([names.tool(name)])),
    };
    Some(ToolConfig { function_calling_config: CallingConfig { mode, allowed_function_names } })
}

/// A key for the prompt cache is no loss: Google's caches by itself.
fn note_the_unsaid(request: &Request, dropped: &mut Dropped) {
    if request.parallel_tool_calls == Some(false) && !request.tools.is_empty() {
        dropped.note("parallel_tool_calls");
    }
    if request.verbosity.is_some() {
        dropped.note("verbosity");
    }
    if request.user.is_some() {
        dropped.note("user");
    }
}
