//! Any conversation, through one dialect and then another.

use proptest::collection::vec;
use proptest::prelude::*;

use super::requests::holdable;
use super::*;
use crate::translate::request::{Function, ToolCall, ToolInput};

/// Text that says something, with what has to be escaped.
fn says() -> impl Strategy<Value = String> {
    "[a-z🗼\"\\\\\n ]{0,8}[a-z]"
}

/// What no dialect allows as it is: too long, too odd, or both.
fn odd_name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_.:/ é-]{1,90}"
}

#[derive(Clone, Debug)]
struct Round {
    asks: String,
    note: Option<String>,
    says: Option<String>,
    /// Which tool, under which id, what came of it, and whether that was a failure.
    calls: Vec<(usize, String, String, bool)>,
}

fn round() -> impl Strategy<Value = Round> {
    let call = (0_usize..4, odd_name(), says(), any::<bool>());
    (says(), prop::option::of(says()), prop::option::of(says()), vec(call, 0..3))
        .prop_map(|(asks, note, says, calls)| Round { asks, note, says, calls })
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

fn said(text: String) -> Part {
    Part::Text(text.into())
}

fn request(prompt: Option<String>, names: &[String], rounds: Vec<Round>) -> Request {
    let schema = r#"{"type":"object","properties":{"n":{"type":"number"}}}"#;
    let function = |name: &String| {
        Tool::Function(Function {
            name: name.clone(),
            description: Some("what it does".to_owned()),
            schema: Some(RawValue::from_string(schema.to_owned()).unwrap()),
            strict: None,
            cache: None,
        })
    };
    let mut turns: Vec<Turn> =
        prompt.into_iter().map(|prompt| turn(Role::System, vec![said(prompt)])).collect();
    for round in rounds {
        turns.push(turn(Role::User, vec![said(round.asks)]));
        turns.extend(round.note.map(|note| turn(Role::System, vec![said(note)])));
        let mut parts: Vec<Part> = round.says.into_iter().map(said).collect();
        let mut results = Vec::new();
        for (at, (tool, id, result, is_error)) in round.calls.into_iter().enumerate() {
            // Numbers keep their zeros, and blanks their places.
            let input = ToolInput::from_json_text(&format!("{{ \"n\": {at}.50 }}"));
            let name = names[tool % names.len()].clone();
            parts.push(Part::ToolCall(ToolCall { id: id.clone(), name, input }));
            let parts = vec![said(result)];
            let result = ToolResult { id, name: None, parts, is_error, cache: None };
            results.push(Part::ToolResult(result));
        }
        turns.push(turn(Role::Assistant, parts));
        turns.push(turn(Role::User, results));
    }
    turns.push(turn(Role::User, vec![said("end".to_owned())]));
    Request { turns, tools: names.iter().map(function).collect(), ..Request::default() }
}

fn requests() -> impl Strategy<Value = Request> {
    (prop::option::of(says()), prop::collection::hash_set(odd_name(), 1..4), vec(round(), 1..4))
        .prop_map(|(prompt, names, rounds)| {
            let mut names: Vec<String> = names.into_iter().collect();
            names.sort_unstable();
            request(prompt, &names, rounds)
        })
}

fn tool_names(request: &Request) -> Vec<&str> {
    let tools = request.tools.iter().map(|tool| match tool {
        Tool::Function(function) => function.name.as_str(),
        other => panic!("functions only: {other:?}"),
    });
    tools.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A client of `first` asks a provider of `second`: names and ids that neither allows included.
    #[test]
    fn a_conversation_comes_through_two_dialects_as_it_was(request in requests()) {
        for (first, second) in pairs() {
            let asked = read_back(&write_request(&request, first, model_of(first)), first);
            let back = read_back(&write_request(&asked, second, model_of(second)), second);
            let expected = holdable(&holdable(&request.turns, first), second);
            prop_assert_eq!(sketch(&back.turns), sketch(&expected), "{} to {}", first, second);
            prop_assert_eq!(tool_names(&back), tool_names(&request), "{} to {}", first, second);
        }
    }

    /// What the conversation gets longer by changes nothing that was sent before: providers cache by
    /// what stands first, and Claude binds its thinking to it.
    #[test]
    fn conversation_binding_is_kept_while_a_conversation_grows(mut longer in requests()) {
        longer.turns.pop(); // "end", which ends the shorter one only
        let mut shorter = longer.clone();
        let keep = longer.turns.iter().rposition(|turn| turn.role == Role::Assistant).unwrap();
        shorter.turns.truncate(keep);
        for upstream in ALL {
            let (before, after) = (turns_in(upstream, &shorter), turns_in(upstream, &longer));
            let (_, settled) = before.split_last().unwrap();
            prop_assert!(after.starts_with(settled), "{}: {:?} and {:?}", upstream, before, after);
        }
    }
}

/// The turns as they are sent, without the marks of a cache.
fn turns_in(upstream: Dialect, request: &Request) -> Vec<serde_json::Value> {
    let written = write_request(request, upstream, model_of(upstream));
    let body: serde_json::Value = serde_json::from_slice(&written.body).unwrap();
    let member = match upstream {
        Anthropic | Chat => "messages",
        Responses => "input",
        Gemini => "contents",
    };
    let mut turns = body[member].clone();
    forget_marks(&mut turns);
    turns.as_array().unwrap().clone()
}

fn forget_marks(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            members.remove("cache_control");
            members.values_mut().for_each(forget_marks);
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(forget_marks),
        _ => {}
    }
}
