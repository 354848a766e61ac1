//! A request for an upstream that speaks Chat, which is nearly always a compatible server.
//!
//! `OpenAI`'s own reasoning models refuse what all others take: `max_tokens`, stop sequences, any
//! sampling but the default. They are known by their names; a server that serves none of them never
//! sees a member that only they have.

use serde::Serialize;
use serde_json::value::RawValue;

use super::super::Outgoing;
use super::super::dropped::Dropped;
use super::super::request::{CUSTOM_INPUT, Function, OutputFormat, Tool, ToolChoice};
use super::super::thinking::is_reasoning_model;
use super::schema;
use super::write_messages::{MessageOut, Messages};

/// `OpenAI` refuses longer lists.
const MAX_STOP_SEQUENCES: usize = 4;

/// `OpenAI` refuses longer ones; Claude Code's own are about 150.
const MAX_ID_CHARACTERS: usize = 64;

/// `OpenAI` wants a name for a schema; not every dialect has one.
const SCHEMA_NAME: &str = "answer";

#[derive(Serialize)]
struct RequestOut<'a> {
    model: &'a str,
    messages: Vec<MessageOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(flatten)]
    limits: LimitsOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ToolChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<FormatOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptionsOut>,
}

#[derive(Serialize)]
struct ToolOut<'a> {
    r#type: &'static str,
    function: FunctionOut<'a>,
}

#[derive(Serialize)]
struct FunctionOut<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Default, Serialize)]
struct LimitsOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
}

#[derive(Serialize)]
#[serde(untagged)]
enum ToolChoiceOut<'a> {
    Mode(&'static str),
    Function { r#type: &'static str, function: NamedOut<'a> },
}

#[derive(Serialize)]
struct NamedOut<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct FormatOut<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<SchemaOut<'a>>,
}

#[derive(Serialize)]
struct SchemaOut<'a> {
    name: String,
    schema: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
struct StreamOptionsOut {
    include_usage: bool,
}

pub fn write_request(outgoing: &Outgoing<'_>, dropped: &mut Dropped) -> Vec<u8> {
    let request = outgoing.request;
    let is_openai_reasoning = is_reasoning_model(outgoing.model.nature);
    let messages = Messages::write(outgoing, is_openai_reasoning, dropped);
    let tools = tools(outgoing, dropped);
    let has_tools = !tools.is_empty();
    let limits = if is_openai_reasoning {
        limits_of_reasoning(outgoing, dropped)
    } else {
        limits(outgoing, dropped)
    };
    let body = RequestOut {
        model: outgoing.model.name,
        messages,
        limits,
        tool_choice: request.tool_choice.as_ref().filter(|_| has_tools).map(
            |choice| match choice {
                ToolChoice::Auto => ToolChoiceOut::Mode("auto"),
                ToolChoice::None => ToolChoiceOut::Mode("none"),
                ToolChoice::Required => ToolChoiceOut::Mode("required"),
                ToolChoice::Named(name) => {
                    let function = NamedOut { name: outgoing.names.tool(name) };
                    ToolChoiceOut::Function { r#type: "function", function }
                }
            },
        ),
        // Without tools `OpenAI` refuses it.
        parallel_tool_calls: request.parallel_tool_calls.filter(|_| has_tools),
        tools,
        response_format: format(&request.output),
        verbosity: request.verbosity.as_deref(),
        user: short(request.user.as_ref(), "user", dropped),
        prompt_cache_key: short(request.prompt_cache_key.as_ref(), "prompt_cache_key", dropped),
        stream: request.streams.then_some(true),
        // Always: other dialects cannot do without, and a Chat client that did not ask gets none.
        stream_options: request.streams.then_some(StreamOptionsOut { include_usage: true }),
    };
    serde_json::to_vec(&body).expect("strings, numbers and JSON always serialise")
}

fn tools<'a>(outgoing: &Outgoing<'a>, dropped: &mut Dropped) -> Vec<ToolOut<'a>> {
    let mut written = Vec::with_capacity(outgoing.request.tools.len());
    for tool in &outgoing.request.tools {
        let function = match tool {
            Tool::Function(function) => {
                if function.cache.is_some() {
                    dropped.note("cache_control");
                }
                described(outgoing, function)
            }
            Tool::Custom { name, description } => FunctionOut {
                name: outgoing.names.tool(name),
                description: description.as_deref(),
                parameters: schema::of_text(CUSTOM_INPUT),
                strict: None,
            },
            Tool::WebSearch => {
                dropped.note("web_search");
                continue;
            }
        };
        written.push(ToolOut { r#type: "function", function });
    }
    written
}

fn described<'a>(outgoing: &Outgoing<'a>, function: &'a Function) -> FunctionOut<'a> {
    FunctionOut {
        name: outgoing.names.tool(&function.name),
        description: function.description.as_deref(),
        parameters: schema::of_object(function.schema.as_deref()),
        strict: function.strict,
    }
}

fn limits<'a>(outgoing: &Outgoing<'a>, dropped: &mut Dropped) -> LimitsOut<'a> {
    let request = outgoing.request;
    let sampling = &request.sampling;
    let stop = request.stop_sequences.as_slice();
    if stop.len() > MAX_STOP_SEQUENCES {
        dropped.note("stop_sequences");
    }
    if sampling.top_k.is_some() {
        dropped.note("top_k");
    }
    LimitsOut {
        max_completion_tokens: None,
        max_tokens: request.max_output_tokens,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        presence_penalty: sampling.presence_penalty,
        frequency_penalty: sampling.frequency_penalty,
        seed: sampling.seed,
        stop: &stop[..stop.len().min(MAX_STOP_SEQUENCES)],
    }
}

/// What they refuse is left out; what says no more than their default is not missed.
fn limits_of_reasoning<'a>(outgoing: &Outgoing<'a>, dropped: &mut Dropped) -> LimitsOut<'a> {
    let request = outgoing.request;
    let sampling = &request.sampling;
    let is_other = |value: Option<f64>, default: f64| {
        value.is_some_and(|value| (value - default).abs() > f64::EPSILON)
    };
    let refused = [
        ("temperature", is_other(sampling.temperature, 1.0)),
        ("top_p", is_other(sampling.top_p, 1.0)),
        ("presence_penalty", is_other(sampling.presence_penalty, 0.0)),
        ("frequency_penalty", is_other(sampling.frequency_penalty, 0.0)),
        ("top_k", sampling.top_k.is_some()),
        ("stop_sequences", !request.stop_sequences.is_empty()),
    ];
    for (name, _) in refused.iter().filter(|(_, is_missed)| *is_missed) {
        dropped.note(name);
    }
    LimitsOut {
        max_completion_tokens: request.max_output_tokens,
        seed: sampling.seed,
        ..LimitsOut::default()
    }
}

fn format(output: &OutputFormat) -> Option<FormatOut<'_>> {
    match output {
        OutputFormat::Text => None,
        OutputFormat::Json => Some(FormatOut { r#type: "json_object", json_schema: None }),
        OutputFormat::Schema { name, schema, strict } => {
            let json_schema = SchemaOut { name: schema_name(name), schema, strict: *strict };
            Some(FormatOut { r#type: "json_schema", json_schema: Some(json_schema) })
        }
    }
}

fn schema_name(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = name.chars().take(MAX_ID_CHARACTERS).map(fit).collect();
    if name.is_empty() { SCHEMA_NAME.to_owned() } else { name }
}

fn short<'a>(id: Option<&'a String>, name: &str, dropped: &mut Dropped) -> Option<&'a str> {
    let id = id?;
    if id.chars().count() > MAX_ID_CHARACTERS {
        dropped.note(name);
        return None;
    }
    Some(id)
}
