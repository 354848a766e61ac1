use actix_web::http::header::HeaderValue;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};

const UUID: &str = "3f2a9c1e-0b1d-4c55-9a77-2f6d1f0c8b10";

fn key(fields: &[(&'static str, &str)], dialect: Dialect, body: &Value) -> Option<SessionKey> {
    let fields: HeaderMap = fields
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect();
    session_key(&fields, dialect, body.to_string().as_bytes())
}

fn id(id: &str) -> SessionKey {
    SessionKey::of(Source::Id, &[id.as_bytes()])
}

#[test]
fn the_first_source_that_says_something_counts() {
    let words = json!([{ "role": "user", "content": "hello" }]);
    let of_json = format!(r#"{{"device_id":"d","account_uuid":"","session_id":"{UUID}"}}"#);
    let of_suffix = format!("user_ab_account__session_{UUID}");
    let cache_key = Some(SessionKey::of(Source::CacheKey, &[b"k"]));
    let user = Some(SessionKey::of(Source::User, &[b"u"]));
    let chat = |more: Value| {
        let mut body = json!({ "messages": words });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // fields,                                      body says,                                  key, why
        (vec![("x-claude-code-session-id", UUID)],      json!({}),                                  Some(id(UUID)), "Claude Code"),
        (vec![("x-session-id", "a")],                   json!({}),                                  Some(id("a")), "a wrapper"),
        (vec![("session-id", "a"), ("thread-id", "b")], json!({}),                                  Some(id("a")), "Codex: the session before its thread"),
        (vec![("session_id", "a")],                     json!({}),                                  Some(id("a")), "Codex before"),
        (vec![("thread-id", "b")],                      json!({}),                                  Some(id("b")), "a thread alone"),
        (vec![("x-amp-thread-id", "T-1")],              json!({}),                                  Some(id("T-1")), "Amp"),
        (vec![("x-session-id", " "), ("thread-id", "b")], json!({}),                                Some(id("b")), "an empty field says nothing"),
        (vec![("x-session-id", "a")],                   json!({ "metadata": { "user_id": of_json } }), Some(id("a")), "a field before the body"),
        (vec![],                                        json!({ "metadata": { "user_id": of_json } }), Some(id(UUID)), "Claude Code's JSON"),
        (vec![],                                        json!({ "metadata": { "user_id": of_suffix } }), Some(id(UUID)), "Claude Code before"),
        (vec![],                                        json!({ "conversation": "c" }),             Some(id("c")), "Responses"),
        (vec![],                                        json!({ "conversation": { "id": "c" } }),   Some(id("c")), "Responses, as an object"),
        (vec![],                                        json!({ "conversation_id": "c" }),          Some(id("c")), "others"),
        (vec![],                                        json!({ "prompt_cache_key": "k", "metadata": { "user_id": "u" } }), cache_key, "the cache before the user"),
        (vec![],                                        json!({ "prompt_cache_key": "k", "conversation": "c" }), Some(id("c")), "the conversation before the cache"),
        (vec![],                                        json!({ "metadata": { "user_id": "u" } }),  user, "the user before words"),
        (vec![("session-id", UUID)],                    json!({ "metadata": { "user_id": "u" } }),  Some(id(UUID)), "the session before the user"),
        (vec![],                                        json!({ "previous_response_id": "r" }),     None, "other words in every turn"),
    ];
    for (fields, says, expected, why) in cases {
        assert_eq!(key(&fields, OpenAiChat, &chat(says)), expected, "{why}");
    }
    let guessed = key(&[], OpenAiChat, &chat(json!({})));
    let empty =
        json!({ "metadata": { "user_id": " " }, "prompt_cache_key": "", "conversation": null });
    assert_eq!(key(&[], OpenAiChat, &chat(empty)), guessed, "what is empty says nothing");
    let request = [("x-client-request-id", UUID)];
    assert_eq!(key(&request, OpenAiChat, &chat(json!({}))), guessed, "names a request");
    assert!(guessed.is_some());
}

/// A conversation in each dialect: what it holds at its first, second and third turn.
fn conversation(dialect: Dialect, system: &str, first: &str) -> [Value; 3] {
    let (turns, system_at, system) = match dialect {
        Anthropic => (
            vec![
                // `cache_control` wanders to the last message, and the billing block changes.
                json!([{ "role": "user", "content": [{ "type": "text", "text": first, "cache_control": { "type": "ephemeral" } }] }]),
                json!([{ "role": "user", "content": [{ "type": "text", "text": first }] }, { "role": "assistant", "content": "a" }, { "role": "user", "content": "b" }]),
                json!([{ "role": "user", "content": first }, { "role": "assistant", "content": "a" }, { "role": "user", "content": "b" }, { "role": "assistant", "content": "c" }]),
            ],
            "system",
            json!([{ "type": "text", "text": system }]),
        ),
        OpenAiChat => (
            vec![
                json!([{ "role": "developer", "content": system }, { "role": "user", "content": first }]),
                json!([{ "role": "developer", "content": system }, { "role": "user", "content": first }, { "role": "assistant", "content": null }]),
                json!([{ "role": "system", "content": system }, { "role": "user", "content": [{ "type": "text", "text": first }] }, { "role": "tool", "content": "r" }]),
            ],
            "unused",
            Value::Null,
        ),
        OpenAiResponses => (
            vec![
                json!(first),
                json!([{ "role": "user", "content": first }, { "type": "function_call", "name": "f" }]),
                json!([{ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": first }] }, { "type": "reasoning" }]),
            ],
            "instructions",
            json!(system),
        ),
        Gemini => (
            vec![
                json!([{ "parts": [{ "text": first }] }]),
                json!([{ "role": "user", "parts": [{ "text": first }] }, { "role": "model", "parts": [{ "text": "a" }] }]),
                json!([{ "role": "user", "parts": [{ "text": first }] }, { "role": "model", "parts": [] }, { "role": "user", "parts": [{ "text": "b" }] }]),
            ],
            "systemInstruction",
            json!({ "parts": [{ "text": system }] }),
        ),
    };
    let turns_at = match dialect {
        Anthropic | OpenAiChat => "messages",
        OpenAiResponses => "input",
        Gemini => "contents",
    };
    let bodies: Vec<Value> = turns
        .into_iter()
        .enumerate()
        .map(|(turn, turns)| {
            let mut system = system.clone();
            if dialect == Anthropic {
                let billing = format!("x-anthropic-billing-header: cch={turn};");
                system
                    .as_array_mut()
                    .unwrap()
                    .insert(0, json!({ "type": "text", "text": billing }));
            }
            json!({ "model": "m", system_at: system, turns_at: turns })
        })
        .collect();
    bodies.try_into().unwrap()
}

#[test]
fn words_give_one_key_to_a_conversation_and_others_to_others() {
    let long_system = "s".repeat(200);
    for dialect in [Anthropic, OpenAiChat, OpenAiResponses, Gemini] {
        let keys = conversation(dialect, "be brief", "hello").map(|body| key(&[], dialect, &body));
        assert!(keys[0].is_some(), "{dialect}");
        assert_eq!(keys[0], keys[1], "{dialect}: the second turn");
        assert_eq!(keys[0], keys[2], "{dialect}: the third turn");

        let of =
            |system: &str, first: &str| key(&[], dialect, &conversation(dialect, system, first)[1]);
        assert_ne!(keys[0], of("be brief", "good morning"), "{dialect}: another conversation");
        assert_ne!(keys[0], of("be long", "hello"), "{dialect}: another agent");
        assert_ne!(of("be", "brief hello"), of("be brief ", "hello"), "{dialect}: where one ends");
        let (page, other) = ("p".repeat(5000) + "a", "p".repeat(5000) + "b");
        assert_ne!(of("", &page), of("", &other), "{dialect}: the same page in front");
        let dated = format!("{long_system} 2026-11-24");
        assert_eq!(of(&long_system, "hello"), of(&dated, "hello"), "{dialect}: a date further on");
    }
}

#[test]
fn a_call_without_words_has_no_key() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // dialect,       body,                                                       why
        (OpenAiChat,      json!({ "model": "m", "prompt": "p" }),                     "older Completions"),
        (OpenAiChat,      json!({ "messages": [] }),                                  "no turn"),
        (OpenAiChat,      json!({ "messages": [{ "role": "system", "content": "s" }] }), "no user"),
        (OpenAiChat,      json!({ "messages": [{ "content": "s" }, 7, "x", null] }),  "nobody said it"),
        (Anthropic,       json!({ "messages": [{ "role": "user", "content": [{ "type": "image" }] }] }), "no text"),
        (OpenAiResponses, json!({ "input": [{ "type": "function_call_output" }] }),   "only a tool's answer"),
        (OpenAiResponses, json!({ "input": "" }),                                     "empty"),
        (Gemini,          json!({ "requests": [{ "content": {} }] }),                 "embeddings"),
        (Gemini,          json!([]),                                                  "no object"),
    ];
    for (dialect, body, why) in cases {
        assert_eq!(key(&[], dialect, &body), None, "{why}");
    }
    assert_eq!(session_key(&HeaderMap::new(), Anthropic, b"{\"messages\":"), None, "no JSON");
}

#[test]
fn replicas_agree_on_a_key() {
    // Fixed: a gateway of the next release must find what this one has bound.
    let SessionKey(bytes) = id("session");
    assert_eq!(format!("{:032x}", u128::from_be_bytes(bytes)), "b7c455cf5d3743d5b03a08603d2646af");
}

proptest! {
    #[test]
    fn later_turns_do_not_change_the_key(
        first in ".{1,40}",
        later in prop::collection::vec((prop::sample::select(vec!["user", "assistant", "tool"]), ".{0,20}"), 0..6),
    ) {
        let mut turns = vec![json!({ "role": "user", "content": first })];
        let at_first = key(&[], Anthropic, &json!({ "messages": turns }));
        turns.extend(later.iter().map(|(role, text)| json!({ "role": role, "content": text })));
        prop_assert!(at_first.is_some());
        prop_assert_eq!(key(&[], Anthropic, &json!({ "messages": turns })), at_first);
    }
}
