//! What clients rely on in a stream beside its words: every dialect's own order and numbers.

use serde_json::Value;

use super::*;

fn events(stream: &[u8]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut frames = Frames::default();
    let mut tell = |frame: frames::Frame<'_>| {
        found.push((frame.event.to_owned(), frame.data.to_owned()));
    };
    frames.push(stream, &mut tell).unwrap();
    frames.finish(&mut tell);
    found
}

/// Holds a stream that ended well to the rules of its dialect.
pub(super) fn check_shape(client: Dialect, stream: &[u8], case: &str) {
    let events = events(stream);
    match client {
        Anthropic => anthropic(&events, case),
        Chat => chat(&events, case),
        Responses => responses(&events, case),
        Gemini => gemini(&events, case),
    }
}

fn json(data: &str) -> Value {
    serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"))
}

/// One block open at a time, numbered from 0 without a gap, each closed; the name of an event is its
/// type.
fn anthropic(events: &[(String, String)], case: &str) {
    let mut next = 0;
    let mut is_open = false;
    for (name, data) in events {
        let data = json(data);
        assert_eq!(data["type"], *name, "{case}");
        let is_at = |index: u64| data["index"] == index;
        match name.as_str() {
            "content_block_start" => {
                assert!(!is_open && is_at(next), "{case}: {data}");
                is_open = true;
            }
            "content_block_delta" => assert!(is_open && is_at(next), "{case}: {data}"),
            "content_block_stop" => {
                assert!(is_open && is_at(next), "{case}: {data}");
                (is_open, next) = (false, next + 1);
            }
            _ => assert_eq!(data.get("index"), None, "{case}"),
        }
    }
    assert!(!is_open, "{case}: a block was left open");
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.first(), Some(&"message_start"), "{case}");
    assert!(names.ends_with(&["message_delta", "message_stop"]), "{case}: {names:?}");
    assert_eq!(names.iter().filter(|name| **name == "message_delta").count(), 1, "{case}");
}

/// A role first, calls numbered from 0, id and name once for each, one reason, usage once, `[DONE]`.
fn chat(events: &[(String, String)], case: &str) {
    let Some(((name, done), chunks)) = events.split_last() else { panic!("{case}: nothing") };
    assert_eq!((name.as_str(), done.as_str()), ("", "[DONE]"), "{case}");
    let chunks: Vec<Value> = chunks.iter().map(|(_, data)| json(data)).collect();
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant", "{case}");
    let mut calls = 0;
    for call in chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"].get("tool_calls")) {
        let call = &call[0];
        let begins = call.get("id").is_some();
        assert_eq!(begins, call["function"].get("name").is_some(), "{case}: {call}");
        calls += u64::from(begins);
        assert_eq!(call["index"], calls - 1, "{case}: {call}");
    }
    let reasons = chunks.iter().filter(|c| c["choices"][0]["finish_reason"].is_string());
    assert_eq!(reasons.count(), 1, "{case}");
    assert_eq!(chunks.iter().filter(|c| c["usage"].is_object()).count(), 1, "{case}");
    assert!(chunks.iter().all(|c| c["id"] == chunks[0]["id"]), "{case}: one id");
}

/// Events numbered from 0, items too; each item added and done; ids of items are no ids of calls.
fn responses(events: &[(String, String)], case: &str) {
    let mut items = 0;
    let mut open = None;
    for (number, (name, data)) in events.iter().enumerate() {
        let data = json(data);
        assert_eq!(data["type"], *name, "{case}");
        assert_eq!(data["sequence_number"], number, "{case}");
        match name.as_str() {
            "response.output_item.added" => {
                assert_eq!((open, &data["output_index"]), (None, &items.into()), "{case}: {data}");
                open = Some(items);
                assert_ne!(data["item"]["id"], data["item"]["call_id"], "{case}: {data}");
            }
            "response.output_item.done" => {
                assert_eq!((open.take(), &data["output_index"]), (Some(items), &items.into()));
                items += 1;
            }
            "response.created" | "response.in_progress" => {}
            "response.completed" | "response.incomplete" => {
                let output = data["response"]["output"].as_array().unwrap();
                assert_eq!(output.len(), items, "{case}: the whole output");
            }
            _ => assert_eq!(data["output_index"], open.unwrap(), "{case}: {data}"),
        }
    }
    let (last, _) = events.last().unwrap();
    assert!(["response.completed", "response.incomplete"].contains(&last.as_str()), "{case}");
}

/// Whole responses, calls whole, one reason and one usage at most, both in the last.
fn gemini(events: &[(String, String)], case: &str) {
    let all: Vec<Value> = events.iter().map(|(_, data)| json(data)).collect();
    let Some((last, others)) = all.split_last() else { panic!("{case}: nothing") };
    assert!(last["candidates"][0]["finishReason"].is_string(), "{case}: {last}");
    // A provider that tells no usage leaves none to tell.
    let usage = last.get("usageMetadata");
    assert!(usage.is_none_or(|usage| usage["totalTokenCount"].is_u64()), "{case}: {last}");
    for one in others {
        assert_eq!(one["candidates"][0].get("finishReason"), None, "{case}");
        assert_eq!(one.get("usageMetadata"), None, "{case}");
    }
    let parts = all.iter().filter_map(|one| one["candidates"][0]["content"]["parts"].as_array());
    for call in parts.flatten().filter_map(|part| part.get("functionCall")) {
        assert!(call["args"].is_object() && call["name"].is_string(), "{case}: {call}");
    }
}
