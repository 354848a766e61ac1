//! A request, written: its settings here, its input and its tools below.
//!
//! What the model thought in earlier turns is left out: a proof of `OpenAI`'s is bound to the
//! organisation that made it, others are foreign, and without proof it is not taken.

mod input;
mod tools;

use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use self::input::{ItemOut, items_of, system_text};
use self::tools::{ToolChoiceOut, ToolOut, choice_of, tools_of};
use super::super::Outgoing;
use super::super::dropped::Dropped;
use super::super::request::{OutputFormat, Request};
use super::super::thinking::is_reasoning_model;

/// The API refuses less.
const LEAST_OUTPUT_TOKENS: u64 = 16;
/// The API refuses longer identifiers. As long as a SHA-256 in hexadecimal.
const MAX_IDENTIFIER_CHARS: usize = 64;

#[derive(Serialize)]
struct RequestOut<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    input: Vec<ItemOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ToolChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<String>,
    store: bool,
    stream: bool,
}

/// Only what is no level: that is set by whoever knows the model.
#[derive(Serialize)]
struct ReasoningOut {
    summary: &'static str,
}

#[derive(Serialize)]
struct TextOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
}

#[derive(Serialize)]
struct FormatOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

pub fn write_request(outgoing: &Outgoing<'_>, dropped: &mut Dropped) -> Vec<u8> {
    let request = outgoing.request;
    let (system, turns) = outgoing.split_system();
    let tools = tools_of(outgoing, dropped);
    let has_tools = !tools.is_empty();
    note_what_has_no_place(request, dropped);
    let (temperature, top_p) = sampling_of(outgoing, dropped);
    let written = RequestOut {
        model: outgoing.model.name,
        instructions: system.map(|system| system_text(system, dropped)),
        input: items_of(outgoing, turns, dropped),
        // Without tools, what is said of them is refused.
        tool_choice: request
            .tool_choice
            .as_ref()
            .filter(|_| has_tools)
            .map(|choice| choice_of(outgoing, choice)),
        parallel_tool_calls: request.parallel_tool_calls.filter(|_| has_tools),
        tools,
        reasoning: (request.shows_thinking == Some(true)
            && is_reasoning_model(outgoing.model.nature))
        .then_some(ReasoningOut { summary: "auto" }),
        text: text_of(request),
        max_output_tokens: request.max_output_tokens.map(|max| max.max(LEAST_OUTPUT_TOKENS)),
        temperature,
        top_p,
        prompt_cache_key: request.prompt_cache_key.as_deref().map(identifier),
        safety_identifier: request.user.as_deref().map(identifier),
        store: false,
        stream: request.streams,
    };
    serde_json::to_vec(&written).expect("strings, numbers and JSON always serialise")
}

fn note_what_has_no_place(request: &Request, dropped: &mut Dropped) {
    let sampling = &request.sampling;
    let members = [
        ("stop_sequences", !request.stop_sequences.is_empty()),
        ("top_k", sampling.top_k.is_some()),
        ("seed", sampling.seed.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
    ];
    for (member, _) in members.into_iter().filter(|(_, is_there)| *is_there) {
        dropped.note(member);
    }
}

/// Temperature and top-p. Reasoning models refuse both, even the values that they use themselves.
fn sampling_of(outgoing: &Outgoing<'_>, dropped: &mut Dropped) -> (Option<f64>, Option<f64>) {
    let sampling = &outgoing.request.sampling;
    if !is_reasoning_model(outgoing.model.nature) {
        return (sampling.temperature, sampling.top_p);
    }
    for (name, value) in [("temperature", sampling.temperature), ("top_p", sampling.top_p)] {
        // The default: nothing is lost.
        if value.is_some_and(|value| (value - 1.0).abs() > f64::EPSILON) {
            dropped.note(name);
        }
    }
    (None, None)
}

fn text_of(request: &Request) -> Option<TextOut<'_>> {
    let format = match &request.output {
        OutputFormat::Text => None,
        OutputFormat::Json => {
            Some(FormatOut { kind: "json_object", name: None, schema: None, strict: None })
        }
        OutputFormat::Schema { name, schema, strict } => Some(FormatOut {
            kind: "json_schema",
            name: Some(schema_name(name)),
            schema: Some(schema),
            strict: *strict,
        }),
    };
    let verbosity = request.verbosity.as_deref();
    (format.is_some() || verbosity.is_some()).then_some(TextOut { format, verbosity })
}

/// A schema must have a name, of letters, digits, `_` and `-`.
fn schema_name(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    match name {
        "" => "answer".to_owned(),
        name => name.chars().take(MAX_IDENTIFIER_CHARS).map(allowed).collect(),
    }
}

/// An identifier that is too long is told by its hash: it need only be the same every time.
fn identifier(id: &str) -> String {
    if id.chars().count() <= MAX_IDENTIFIER_CHARS {
        return id.to_owned();
    }
    let digest = Sha256::digest(id);
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reasoning_models_are_spared_a_temperature() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("gpt-5-mini",          true,  "the first generation"),
            ("gpt-5.3-codex",       true,  "a later one"),
            ("gpt-6-astra",         true,  "yet to come"),
            ("openai/gpt-5",        true,  "as OpenRouter calls it"),
            ("o3-mini",             true,  "o-series"),
            ("gpt-4.1",             false, "no reasoning"),
            ("gpt-4o",              false, "an o behind the number"),
            ("gpt-oss-120b",        false, "no generation"),
            ("openchat",            false, "an o without a number"),
            ("llama-3",             false, "another family"),
        ];
        for (model, expected, why) in cases {
            assert_eq!(is_reasoning_model(model), expected, "{model}: {why}");
        }
    }

    #[test]
    fn identifiers_fit_and_stay_distinct() {
        let long = |end: &str| format!("{}{end}", "u".repeat(80));
        assert_eq!(identifier("user-1"), "user-1");
        assert_eq!(identifier(&long("a")).len(), MAX_IDENTIFIER_CHARS);
        assert_eq!(identifier(&long("a")), identifier(&long("a")));
        assert_ne!(identifier(&long("a")), identifier(&long("b")));
    }
}
