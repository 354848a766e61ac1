//! Every recorded request, written for each other dialect.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::*;

/// What a request says beside the conversation, under the names that `x-ampgate-dropped` uses.
fn settings(request: &Request) -> BTreeMap<&'static str, String> {
    let Request { sampling, tools, .. } = request;
    let mut found = BTreeMap::new();
    let mut say = |name: &'static str, value: Option<String>| {
        found.extend(value.map(|value| (name, value)));
    };
    say("max_tokens", request.max_output_tokens.map(|n| n.to_string()));
    say("temperature", sampling.temperature.map(|n| n.to_string()));
    say("top_p", sampling.top_p.map(|n| n.to_string()));
    say("top_k", sampling.top_k.map(|n| n.to_string()));
    say("seed", sampling.seed.map(|n| n.to_string()));
    say("presence_penalty", sampling.presence_penalty.map(|n| n.to_string()));
    say("frequency_penalty", sampling.frequency_penalty.map(|n| n.to_string()));
    let stops = &request.stop_sequences;
    say("stop_sequences", (!stops.is_empty()).then(|| stops.join(" ")));
    say("verbosity", request.verbosity.clone());
    say("user", request.user.clone());
    say("prompt_cache_key", request.prompt_cache_key.clone());
    say("web_search", tools.iter().any(|t| matches!(t, Tool::WebSearch)).then(String::new));
    // `auto` and `true` are what everybody does unless told otherwise.
    let choice = request.tool_choice.as_ref().filter(|choice| **choice != ToolChoice::Auto);
    say("tool_choice", choice.map(|choice| format!("{choice:?}")));
    let parallel = request.parallel_tool_calls.filter(|parallel| !parallel);
    say("parallel_tool_calls", parallel.map(|_| String::new()));
    let output = match &request.output {
        OutputFormat::Text => None,
        OutputFormat::Json => Some("any".to_owned()),
        OutputFormat::Schema { schema, .. } => Some(json(schema.get()).to_string()),
    };
    say("json_output", output);
    found
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

/// The functions by name, with what they are for and what they take. Free-text tools, which become
/// functions in most dialects, by name only.
fn functions(request: &Request, custom: &[String]) -> Vec<String> {
    let tools = request.tools.iter().filter_map(|tool| match tool {
        Tool::Function(function) if !custom.contains(&function.name) => {
            let description = function.description.as_deref().unwrap_or_default();
            let schema = function.schema.as_ref().map_or("{}", |schema| schema.get());
            let schema = json(schema);
            let takes = schema.get("properties").cloned().unwrap_or_default();
            let must = schema.get("required").cloned().unwrap_or_default();
            Some(format!("{} ({description}) takes {takes}, must {must}", function.name))
        }
        Tool::Function(function) => Some(function.name.clone()),
        Tool::Custom { name, .. } => Some(name.clone()),
        Tool::WebSearch => None,
    });
    tools.collect()
}

fn custom_tools(request: &Request) -> Vec<String> {
    let tools = request.tools.iter().filter_map(|tool| match tool {
        Tool::Custom { name, .. } => Some(name.clone()),
        Tool::Function(_) | Tool::WebSearch => None,
    });
    tools.collect()
}

/// The conversation as a dialect can hold it: without a place for a system turn in the middle, it is
/// what the user says.
pub(super) fn holdable(turns: &[Turn], upstream: Dialect) -> Vec<Turn> {
    let keeps = matches!(upstream, Chat | Responses);
    let place = |(at, mut turn): (usize, Turn)| {
        if turn.role == Role::System && at > 0 && !keeps {
            turn.role = Role::User;
        }
        turn
    };
    let settled = settle(turns);
    settled.into_iter().enumerate().map(place).collect()
}

#[test]
fn a_conversation_means_the_same_to_every_provider() {
    for (name, client, body) in recorded_requests() {
        let request = read(client, &body);
        for upstream in ALL.into_iter().filter(|upstream| *upstream != client) {
            let case = format!("{name} for {upstream}");
            let written = write_request(&request, upstream, model_of(upstream));
            let back = read_back(&written, upstream);
            let mut expected = sketch(&holdable(&request.turns, upstream));
            let dropped = written.dropped.to_field().unwrap_or_default();
            // Google fetches nothing from the web; the name says so.
            if dropped.contains("image_url") {
                assert_eq!(upstream, Gemini, "{case}");
                expected.media.retain(|picture| !picture.contains("https://"));
            }
            assert_eq!(sketch(&back.turns), expected, "{case}: {}", text(&written.body));
            // Our own breakpoint may stand on a picture, where no hint is read.
            let unread = back.dropped.to_field().filter(|names| names != "cache_control");
            assert_eq!(unread, None, "{case}: only what has a place is written");
        }
    }
}

#[test]
fn tools_mean_the_same_to_every_provider() {
    for (name, client, body) in recorded_requests() {
        let request = read(client, &body);
        let custom = custom_tools(&request);
        for upstream in ALL.into_iter().filter(|upstream| *upstream != client) {
            let written = write_request(&request, upstream, model_of(upstream));
            let back = read_back(&written, upstream);
            let (back, was) = (functions(&back, &custom), functions(&request, &custom));
            assert_eq!(back.len(), was.len(), "{name} for {upstream}");
            for (back, was) in back.iter().zip(&was) {
                assert_eq!(back, was, "{name} for {upstream}: {}", text(&written.body));
            }
        }
    }
}

/// What goes without a word, since the provider does the same by itself.
const SILENT: [(Dialect, &str); 2] = [
    (Anthropic, "prompt_cache_key"), // it caches by breakpoints, and we set them
    (Gemini, "prompt_cache_key"),    // it caches by itself
];

#[test]
fn no_setting_is_lost_without_a_word() {
    let mut seen = 0;
    for (name, client, body) in recorded_requests().into_iter().chain(demanding_requests()) {
        let request = read(client, &body);
        for upstream in ALL.into_iter().filter(|upstream| *upstream != client) {
            let written = write_request(&request, upstream, model_of(upstream));
            let dropped = written.dropped.to_field().unwrap_or_default();
            let back = settings(&read_back(&written, upstream));
            for (setting, value) in settings(&request) {
                seen += 1;
                let is_kept = back.get(setting) == Some(&value);
                let is_named = dropped.split(", ").any(|name| name == setting);
                let is_silent = SILENT.contains(&(upstream, setting));
                let case = format!("{name} for {upstream}: {setting} {value}");
                assert!(is_kept || is_named || is_silent, "{case} is lost; named: {dropped}");
                assert!(!(is_kept && is_named), "{case} is there and named");
            }
        }
    }
    assert!(seen > 100, "{seen} settings is too few to say anything");
}

/// Requests that ask for all that their dialect has.
fn demanding_requests() -> Vec<(&'static str, Dialect, Vec<u8>)> {
    let schema = r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#;
    let anthropic = format!(
        r#"{{"model":"m","max_tokens":100,"temperature":0.5,"top_k":40,"stop_sequences":["x","y"],
        "metadata":{{"user_id":"u"}},"output_config":{{"format":{{"type":"json_schema","schema":{schema}}}}},
        "tools":[{{"name":"f","input_schema":{schema}}},{{"type":"web_search_20250305","name":"web_search"}}],
        "tool_choice":{{"type":"any","disable_parallel_tool_use":true}},
        "messages":[{{"role":"user","content":"q"}}]}}"#
    );
    let chat = format!(
        r#"{{"model":"m","max_completion_tokens":100,"temperature":0.5,"seed":7,"presence_penalty":0.5,
        "frequency_penalty":0.25,"stop":["x","y"],"user":"u","verbosity":"low","prompt_cache_key":"k",
        "response_format":{{"type":"json_schema","json_schema":{{"name":"n","schema":{schema}}}}},
        "tools":[{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}],
        "web_search_options":{{}},"tool_choice":"required","parallel_tool_calls":false,
        "messages":[{{"role":"user","content":"q"}}]}}"#
    );
    let json_of_any_shape = r#"{"model":"m","top_p":0.5,"response_format":{"type":"json_object"},
        "messages":[{"role":"user","content":"q"}]}"#;
    let responses = format!(
        r#"{{"model":"m","max_output_tokens":100,"top_p":0.5,"safety_identifier":"u","prompt_cache_key":"k",
        "text":{{"verbosity":"low","format":{{"type":"json_schema","name":"n","schema":{schema}}}}},
        "tools":[{{"type":"function","name":"f","parameters":{schema},"strict":false}},{{"type":"web_search"}}],
        "tool_choice":{{"type":"function","name":"f"}},"parallel_tool_calls":false,"input":"q"}}"#
    );
    let gemini = format!(
        r#"{{"contents":[{{"role":"user","parts":[{{"text":"q"}}]}}],
        "generationConfig":{{"temperature":0.5,"topK":40,"seed":7,"presencePenalty":0.5,
        "frequencyPenalty":0.25,"maxOutputTokens":100,"stopSequences":["x","y"],
        "responseMimeType":"application/json","responseJsonSchema":{schema}}},
        "tools":[{{"functionDeclarations":[{{"name":"f","parametersJsonSchema":{schema}}}]}}],
        "toolConfig":{{"functionCallingConfig":{{"mode":"ANY","allowedFunctionNames":["f"]}}}}}}"#
    );
    vec![
        ("all of Anthropic", Anthropic, anthropic.into_bytes()),
        ("all of Chat", Chat, chat.into_bytes()),
        ("JSON of any shape", Chat, json_of_any_shape.as_bytes().to_vec()),
        ("all of Responses", Responses, responses.into_bytes()),
        ("all of Gemini", Gemini, gemini.into_bytes()),
    ]
}

#[test]
fn what_is_dropped_is_what_the_page_says() {
    let mut told = String::new();
    for (name, client, body) in recorded_requests().into_iter().chain(demanding_requests()) {
        let request = read(client, &body);
        for upstream in ALL.into_iter().filter(|upstream| *upstream != client) {
            let written = write_request(&request, upstream, model_of(upstream));
            let dropped = written.dropped.to_field().unwrap_or_else(|| "-".to_owned());
            writeln!(told, "{name:<18} {client} for {upstream}: {dropped}").unwrap();
        }
    }
    insta::assert_snapshot!(told);
}
