//! One conversation, recorded in four dialects: read, it is one; written, it is its sister.

use super::*;

/// A conversation with two tools, two calls, a result and a failure, as each dialect says it.
const SISTERS: [(Dialect, &[u8]); 4] = [
    (Anthropic, fixture!("anthropic/a03-tools.request.json")),
    (Chat, fixture!("openai-chat/c03-tools-image.request.json")),
    (Responses, fixture!("openai-responses/r03-tools-reasoning.request.json")),
    (Gemini, fixture!("gemini/g03-tools.request.json")),
];

/// What all four recordings share. The rest differs on purpose: who asks for what, and pictures.
#[derive(Debug, PartialEq)]
struct Shared {
    prompt_begins_well: bool,
    tools: Vec<(String, Option<String>, serde_json::Value)>,
    calls: Vec<(String, serde_json::Value)>,
    results: Vec<String>,
}

fn shared(request: &Request) -> Shared {
    let turns = settle(&request.turns);
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let parts = || turns.iter().flat_map(|turn| &turn.parts);
    let tools = request.tools.iter().filter_map(|tool| match tool {
        Tool::Function(function) if function.name.starts_with("get_") => {
            let schema = json(function.schema.as_ref()?.get());
            Some((function.name.clone(), function.description.clone(), schema))
        }
        _ => None,
    });
    // The Responses recording has a third call, of a tool that the others do not have.
    let calls = parts().filter_map(|part| match part {
        Part::ToolCall(call) if call.name.starts_with("get_") => {
            Some((call.name.clone(), json(&call.input.to_json())))
        }
        _ => None,
    });
    let results = parts().filter_map(|part| match part {
        Part::ToolResult(result) => {
            let said = result_text(result, &mut Vec::new());
            // Only two of the dialects have a mark for a failure.
            let (_, said) = said.split_once(": ").unwrap();
            Some(said.to_owned())
        }
        _ => None,
    });
    Shared {
        prompt_begins_well: sketch(&turns).lines[0].starts_with("System: You are a coding agent."),
        tools: tools.collect(),
        calls: calls.collect(),
        results: results.take(2).collect(),
    }
}

#[test]
fn sisters_are_read_as_one_conversation() {
    let (_, first) = SISTERS[0];
    let expected = shared(&read(Anthropic, first));
    assert!(expected.prompt_begins_well);
    assert_eq!((expected.tools.len(), expected.calls.len()), (2, 2));
    assert_eq!(expected.results, ["18 C, sunny", "time service unavailable"]);
    for (dialect, json) in SISTERS {
        assert_eq!(shared(&read(dialect, json)), expected, "{dialect}");
    }
}

#[test]
fn each_is_written_as_its_sister() {
    for (from, json) in SISTERS {
        let request = read(from, json);
        for (to, sister) in SISTERS.into_iter().filter(|(to, _)| *to != from) {
            let written = write_request(&request, to, model_of(to));
            let back = read_back(&written, to);
            let expected = shared(&read(to, sister));
            assert_eq!(shared(&back), expected, "{from} to {to}: {}", text(&written.body));
        }
    }
}

/// Whether the second result failed, as far as a dialect can say it.
#[test]
fn a_failed_result_stays_failed_wherever_it_can_be_said() {
    for (from, json) in SISTERS {
        let request = read(from, json);
        let failed = |request: &Request| {
            sketch(&request.turns).lines.contains(&"failed: time service unavailable".to_owned())
        };
        // Chat and Responses have only words for it, and theirs were recorded without them.
        assert_eq!(failed(&request), matches!(from, Anthropic | Gemini), "{from}");
        for (to, _) in SISTERS.into_iter().filter(|(to, _)| *to != from) {
            let back = read_back(&write_request(&request, to, model_of(to)), to);
            assert_eq!(failed(&back), failed(&request), "{from} to {to}");
        }
    }
}
