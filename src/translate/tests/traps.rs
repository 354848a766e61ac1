//! Traps that other gateways fell into and that more than one dialect has a part in. Those of one
//! dialect are tested, under their names, beside it.

use serde_json::{Value, json};

use super::*;

/// What a provider gets of a client's body, and what of it is named as left out.
fn asked(client: Dialect, body: &Value, upstream: Dialect) -> (Value, String) {
    let request = read(client, body.to_string().as_bytes());
    let written = write_request(&request, upstream, model_of(upstream));
    let dropped = written.dropped.to_field().unwrap_or_default();
    (serde_json::from_slice(&written.body).unwrap(), dropped)
}

/// A question, a call of `f` whose result never came, and a next question.
fn without_result(client: Dialect) -> Value {
    match client {
        Anthropic => json!({ "max_tokens": 9, "messages": [
            { "role": "user", "content": "q" },
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "i", "name": "f", "input": {} }] },
            { "role": "user", "content": "never mind" },
        ] }),
        Chat => json!({ "messages": [
            { "role": "user", "content": "q" },
            { "role": "assistant", "content": "", "tool_calls": [
                { "id": "i", "type": "function", "function": { "name": "f", "arguments": "" } }] },
            { "role": "user", "content": "never mind" },
        ] }),
        Responses => json!({ "input": [
            { "role": "user", "content": "q" },
            { "type": "function_call", "call_id": "i", "name": "f", "arguments": "" },
            { "role": "user", "content": "never mind" },
        ] }),
        Gemini => json!({ "contents": [
            { "role": "user", "parts": [{ "text": "q" }] },
            { "role": "model", "parts": [{ "functionCall": { "name": "f", "args": {} } }] },
            { "role": "user", "parts": [{ "text": "never mind" }] },
        ] }),
    }
}

#[test]
fn tool_use_without_results_gets_one_for_every_pair() {
    for (client, upstream) in pairs() {
        let request = read(client, without_result(client).to_string().as_bytes());
        let back = read_back(&write_request(&request, upstream, model_of(upstream)), upstream);
        let expected =
            ["User: q", "call f {}", "failed: The tool gave no result.", "User: never mind"];
        assert_eq!(sketch(&back.turns).lines, expected, "{client} to {upstream}");
    }
}

/// All that one gateway lost on the way from Chat to Claude.
#[test]
fn developer_role_dropped_and_four_settings_with_it() {
    let schema = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    let body = json!({
        "messages": [{ "role": "developer", "content": "d" }, { "role": "user", "content": "q" }],
        "max_completion_tokens": 77, "tool_choice": "none", "parallel_tool_calls": false,
        "tools": [{ "type": "function", "function": { "name": "f" } }],
        "response_format": { "type": "json_schema", "json_schema": { "name": "n", "schema": schema } },
    });
    let (written, _) = asked(Chat, &body, Anthropic);
    assert_eq!(written["system"][0]["text"], "d");
    assert_eq!(written["max_tokens"], 77);
    assert_eq!(written["tool_choice"]["type"], "none");
    assert_eq!(written["output_config"]["format"]["schema"], schema);
    let again = json!({ "tool_choice": "auto" });
    let mut body = body;
    body["tool_choice"] = again["tool_choice"].clone();
    let (written, _) = asked(Chat, &body, Anthropic);
    assert_eq!(written["tool_choice"]["disable_parallel_tool_use"], true);
}

/// Thinking as each dialect's client sends it back.
fn with_thinking(client: Dialect, proof: &str) -> Value {
    match client {
        Anthropic => json!({ "max_tokens": 9, "messages": [
            { "role": "user", "content": "q" },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "secret thought", "signature": proof },
                { "type": "text", "text": "a" }] },
            { "role": "user", "content": "next" },
        ] }),
        Chat => json!({ "messages": [
            { "role": "user", "content": "q" },
            { "role": "assistant", "content": "a", "reasoning_content": "secret thought" },
            { "role": "user", "content": "next" },
        ] }),
        Responses => json!({ "input": [
            { "role": "user", "content": "q" },
            { "type": "reasoning", "encrypted_content": proof,
              "summary": [{ "type": "summary_text", "text": "secret thought" }] },
            { "role": "assistant", "content": "a" },
            { "role": "user", "content": "next" },
        ] }),
        Gemini => json!({ "contents": [
            { "role": "user", "parts": [{ "text": "q" }] },
            { "role": "model", "parts": [
                { "text": "secret thought", "thought": true, "thoughtSignature": proof },
                { "text": "a" }] },
            { "role": "user", "parts": [{ "text": "next" }] },
        ] }),
    }
}

#[test]
fn cross_provider_reasoning_stays_where_it_was_made() {
    for (client, upstream) in pairs() {
        let (written, dropped) = asked(client, &with_thinking(client, "cHJvb2Y="), upstream);
        let case = format!("{client} to {upstream}: {written}");
        assert!(!written.to_string().contains("cHJvb2Y="), "{case}");
        // Servers behind Chat may read what was thought, as text; nobody else may.
        let is_kept = written.to_string().contains("secret thought");
        let is_named = dropped.contains("thinking_history");
        assert!(is_kept != is_named, "{case}; dropped: {dropped}");
        assert!(!is_kept || upstream == Chat, "{case}");
    }
}

/// A Responses client keeps Claude's proof, marked; it goes back to Claude, first in its turn.
#[test]
fn claude_thinking_comes_back_signed_through_a_client_of_another_dialect() {
    let kept = signature::to_foreign("EqQB");
    let (written, dropped) = asked(Responses, &with_thinking(Responses, &kept), Anthropic);
    let thinking = json!({ "type": "thinking", "thinking": "secret thought", "signature": "EqQB" });
    assert_eq!(written["messages"][1]["content"][0], thinking);
    assert_eq!(dropped, "");
    // Unsigned it would be refused, and a proof cannot be made up.
    for client in [Chat, Gemini] {
        let (written, dropped) = asked(client, &with_thinking(client, &kept), Anthropic);
        assert!(!written.to_string().contains("\"thinking\""), "{client}: {written}");
        assert_eq!(dropped, "thinking_history", "{client}");
    }
}

/// The two halves of the way: the stream that brings the proof, and the request that takes it back.
#[test]
fn claude_thinking_without_text_keeps_its_signature_on_the_way() {
    let body = exchange(fixture!("anthropic/a06-thinking-omitted-cache.exchange.json"));
    let body = body.response.body.get().as_bytes();
    let names = ClientNames::default();
    let told = translate_answer(Anthropic, Responses, names, &envelope(), body).unwrap();
    let mut told: Value = serde_json::from_slice(&told).unwrap();
    let mut input = vec![json!({ "role": "user", "content": "q" })];
    input.append(told["output"].as_array_mut().unwrap());
    input.push(json!({ "role": "user", "content": "next" }));
    let (written, _) = asked(Responses, &json!({ "input": input }), Anthropic);
    let original: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(written["messages"][1]["content"][0], original["content"][0]);
}

#[test]
fn claude_code_attribution_block_reaches_no_other_provider() {
    let body = json!({
        "max_tokens": 9,
        "system": [
            { "type": "text", "text": "x-anthropic-billing-header: cc_version=2.1" },
            { "type": "text", "text": "You are a coding agent." },
        ],
        "messages": [{ "role": "user", "content": "q" }],
    });
    for upstream in [Chat, Responses, Gemini] {
        let (written, dropped) = asked(Anthropic, &body, upstream);
        let written = written.to_string();
        assert!(!written.contains("billing-header"), "{upstream}: {written}");
        assert!(written.contains("You are a coding agent."), "{upstream}: {written}");
        assert_eq!(dropped, "", "{upstream}");
    }
}

/// Compatible servers let clients mark as many places as they like; Claude takes four.
#[test]
fn cache_control_over_4_or_in_the_wrong_order_is_mended() {
    let marked = |number: usize| {
        // One with an hour at the very end: it may not stand behind one with five minutes.
        let ttl = if number == 5 { "1h" } else { "5m" };
        let mark = json!({ "type": "ephemeral", "ttl": ttl });
        json!({ "type": "text", "text": format!("part {number}"), "cache_control": mark })
    };
    let parts: Vec<Value> = (0..6).map(marked).collect();
    let body = json!({ "messages": [{ "role": "user", "content": parts }] });
    let (written, _) = asked(Chat, &body, Anthropic);
    let content = written["messages"][0]["content"].as_array().unwrap();
    let marks: Vec<&Value> = content.iter().filter_map(|part| part.get("cache_control")).collect();
    assert_eq!(marks.len(), 4, "{written}");
    let is_hour = |mark: &&Value| mark["ttl"] == "1h";
    let last_hour = marks.iter().rposition(is_hour);
    let first_short = marks.iter().position(|mark| !is_hour(mark));
    let in_order = last_hour.is_none_or(|hour| first_short.is_none_or(|short| hour < short));
    assert!(in_order, "{written}");
}

#[test]
fn server_tools_become_a_search_or_a_word_but_never_a_function() {
    let searching = |client: Dialect| match client {
        Anthropic => json!({ "max_tokens": 9, "messages": [{ "role": "user", "content": "q" }],
            "tools": [{ "type": "web_search_20250305", "name": "web_search" }] }),
        Chat => json!({ "messages": [{ "role": "user", "content": "q" }],
            "web_search_options": {} }),
        Responses => json!({ "input": "q", "tools": [{ "type": "web_search" }] }),
        Gemini => json!({ "contents": [{ "role": "user", "parts": [{ "text": "q" }] }],
            "tools": [{ "googleSearch": {} }] }),
    };
    for (client, upstream) in pairs() {
        let (written, dropped) = asked(client, &searching(client), upstream);
        let case = format!("{client} to {upstream}: {written}");
        let search = match upstream {
            Anthropic => written["tools"][0]["type"] == "web_search_20250305",
            Responses => written["tools"][0]["type"] == "web_search",
            Gemini => written["tools"][0].get("googleSearch").is_some(),
            Chat => dropped == "web_search" && written.get("tools").is_none(),
        };
        assert!(search, "{case}; dropped: {dropped}");
        assert!(!written.to_string().contains("function"), "{case}");
    }
}

/// Twice the same name upstream would be two tools for one.
#[test]
fn tool_names_stay_apart_and_come_back_for_every_pair() {
    let long = |end: &str| format!("mcp__{}__{end}", "server".repeat(14));
    let names =
        [long("read"), long("write"), "Bash".to_owned(), "bash".to_owned(), "a.b".to_owned()];
    let tools =
        names.clone().map(|name| json!({ "name": name, "input_schema": { "type": "object" } }));
    let body = json!({ "max_tokens": 9, "tools": tools,
        "messages": [{ "role": "user", "content": "q" }] });
    let request = read(Anthropic, body.to_string().as_bytes());
    for upstream in ALL {
        let written = write_request(&request, upstream, model_of(upstream));
        let sent = read(upstream, &written.body);
        let sent: Vec<&str> = sent
            .tools
            .iter()
            .map(|tool| match tool {
                Tool::Function(function) => function.name.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        let back: Vec<&str> = sent.iter().map(|name| written.names.client_name(name)).collect();
        assert_eq!(back, names, "{upstream}: {sent:?}");
        let max = if upstream == Anthropic { 128 } else { 64 };
        assert!(sent.iter().all(|name| name.len() <= max), "{upstream}: {sent:?}");
        assert!(sent.contains(&"Bash") && sent.contains(&"bash"), "{upstream}: casing");
    }
}
