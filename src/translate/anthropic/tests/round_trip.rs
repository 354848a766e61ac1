//! What is written is read as it was.

use proptest::prelude::*;

use super::super::super::request::{Signature, Thought, ToolResult};
use super::super::super::whole::translate_answer;
use super::*;

/// Text that says something.
fn words() -> impl Strategy<Value = String> {
    "[a-z🗼\"\\\\\n]{0,6}[a-z]"
}

fn texts() -> impl Strategy<Value = Vec<Part>> {
    prop::collection::vec(words().prop_map(|words| text(&words)), 1..3)
}

/// One round: a user's turn, and a model's with up to two calls. Results follow in `conversation`.
fn round() -> impl Strategy<Value = (Vec<Part>, Option<String>, Vec<Part>, Vec<(String, bool)>)> {
    (
        texts(),
        prop::option::of(words()),
        texts(),
        prop::collection::vec((words(), any::<bool>()), 0..3),
    )
}

fn conversation() -> impl Strategy<Value = Vec<Turn>> {
    (prop::option::of(texts()), prop::collection::vec(round(), 1..4)).prop_map(
        |(system, rounds)| {
            let mut turns = Vec::new();
            turns.extend(system.map(|parts| turn(Role::System, &parts)));
            let mut results = Vec::new();
            for (number, (asks, thinks, mut says, calls)) in rounds.into_iter().enumerate() {
                turns.push(turn(Role::User, &[std::mem::take(&mut results), asks].concat()));
                if let Some(thinks) = thinks {
                    let value = format!("signature {number}");
                    let signature = Some(Signature { made_by: Dialect::Anthropic, value });
                    says.insert(0, Part::Thinking(Thought { text: thinks, signature }));
                }
                for (at, (result, is_error)) in calls.into_iter().enumerate() {
                    let id = format!("call_{number}_{at}");
                    let input = ToolInput::from_json_text(&format!("{{\"n\": {at}.50}}"));
                    says.push(Part::ToolCall(ToolCall {
                        id: id.clone(),
                        name: "t".to_owned(),
                        input,
                    }));
                    let parts = vec![text(&result)];
                    results.push(Part::ToolResult(ToolResult {
                        id,
                        name: None,
                        parts,
                        is_error,
                        cache: None,
                    }));
                }
                turns.push(turn(Role::Assistant, &says));
            }
            turns.push(turn(Role::User, &[results, vec![text("end")]].concat()));
            turns
        },
    )
}

fn blocks() -> impl Strategy<Value = Vec<WholeBlock>> {
    let one = (words(), words(), 0_u8..3).prop_map(|(a, b, kind)| match kind {
        0 => WholeBlock::Text(a),
        1 => WholeBlock::Thinking { text: a, signature: Some(b) },
        _ => WholeBlock::Call {
            id: String::new(),
            name: b,
            input: format!("{{\"a\":{:?}}}", a.len()),
            kind: InputKind::Json,
        },
    });
    prop::collection::vec(one, 1..6).prop_map(|mut blocks| {
        // Neighbouring texts are one text, and ids are unique.
        blocks.dedup_by(|a, b| matches!((a, b), (WholeBlock::Text(_), WholeBlock::Text(_))));
        for (number, block) in blocks.iter_mut().enumerate() {
            if let WholeBlock::Call { id, .. } = block {
                *id = format!("call_{number}");
            }
        }
        blocks
    })
}

proptest! {
    #[test]
    fn a_conversation_comes_back_as_it_was(turns in conversation(), tokens in 1_u64..1_000_000) {
        let mut request = saying(&turns);
        request.max_output_tokens = Some(tokens);
        request.streams = true;
        let mut back = read(&write(&request, "claude-sonnet-4-5").body).unwrap();
        // Breakpoints are ours: one on the system prompt, one at the end.
        for part in back.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
            if let Part::Text(text) = part {
                text.cache = None;
            }
        }
        prop_assert_eq!(sketch_turns(&back.turns), sketch_turns(&turns));
        prop_assert_eq!((back.max_output_tokens, back.streams), (Some(tokens), true));
        prop_assert!(back.dropped.is_empty());
    }

    #[test]
    fn an_answer_comes_back_as_it_was(blocks in blocks(), counts in any::<[u32; 5]>()) {
        let has_call = blocks.iter().any(|block| matches!(block, WholeBlock::Call { .. }));
        let [input, cache_read, cache_write, output, reasoning] = counts.map(|count| Some(u64::from(count)));
        let usage = Usage { input, cache_read, cache_write, output, reasoning };
        let stop = if has_call { StopReason::ToolUse } else { StopReason::MaxTokens };
        let written = write_answer(&Answer { blocks, stop, usage }, &envelope());
        let (from, to) = (Dialect::Anthropic, Dialect::Anthropic);
        let back = translate_answer(from, to, ClientNames::default(), &envelope(), &written).unwrap();
        prop_assert_eq!(pretty(&back), pretty(&written));
    }
}
