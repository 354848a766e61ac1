//! Answers that are not streamed, and the sums of every answer.

use proptest::prelude::*;
use serde_json::Value;

use super::streams::sums;
use super::*;
use crate::translate::event::{StopReason, Usage};
use crate::translate::whole::read_answer;

/// A whole answer, as its dialect's reader understands it.
fn answer(dialect: Dialect, body: &[u8]) -> Answer {
    let mut order = Order::new(ClientNames::default(), "x".to_owned());
    let mut collector = Collector::default();
    let mut tell = |event: Event<'_>| order.push(event, &mut |step| collector.take(step));
    read_answer(dialect, body, &mut tell).unwrap();
    order.finish(&mut |step| collector.take(step));
    collector.finish().unwrap()
}

fn write_answer(dialect: Dialect, answer: &Answer) -> Vec<u8> {
    match dialect {
        Anthropic => anthropic::write_answer(answer, &envelope()),
        Chat => chat::write_answer(answer, &envelope()),
        Responses => responses::write_answer(answer, &envelope()),
        Gemini => gemini::write_answer(answer, &envelope()),
    }
}

fn translated_whole(upstream: Dialect, client: Dialect, body: &[u8]) -> Vec<u8> {
    translate_answer(upstream, client, ClientNames::default(), &envelope(), body).unwrap()
}

#[test]
fn a_whole_answer_says_the_same_to_every_client() {
    for (name, upstream, json) in EXCHANGES {
        let body = exchange(json).response.body;
        let said = answer(upstream, body.get().as_bytes());
        for client in ALL.into_iter().filter(|client| *client != upstream) {
            let told = translated_whole(upstream, client, body.get().as_bytes());
            let heard = answer(client, &told);
            let case = format!("{name} for {client}: {}", text(&told));
            assert_eq!(sketch_blocks(&heard.blocks), sketch_blocks(&said.blocks), "{case}");
            assert_eq!((&heard.stop, sums(&heard)), (&said.stop, sums(&said)), "{case}");
        }
    }
}

/// Reasons, and what is left of each where a dialect has no word for it.
#[test]
fn a_reason_to_stop_is_the_nearest_that_a_client_knows() {
    use StopReason::{ContextWindow, EndTurn, MaxTokens, Pause, Refusal, StopSequence};
    let stopped = || StopSequence(Some("###".to_owned()));
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // reason,       Anthropic,     Chat,      Responses, Gemini
        (EndTurn,       [EndTurn,       EndTurn,   EndTurn,   EndTurn]),
        (MaxTokens,     [MaxTokens,     MaxTokens, MaxTokens, MaxTokens]),
        (ContextWindow, [ContextWindow, MaxTokens, MaxTokens, MaxTokens]),
        (stopped(),     [stopped(),     EndTurn,   EndTurn,   EndTurn]),
        (Refusal,       [Refusal,       Refusal,   Refusal,   Refusal]),
        (Pause,         [Pause,         EndTurn,   EndTurn,   EndTurn]),
    ];
    for (stop, expected) in cases {
        let blocks = vec![WholeBlock::Text("a".to_owned())];
        let said = Answer { blocks, stop: stop.clone(), usage: Usage::default() };
        for (client, expected) in ALL.into_iter().zip(expected) {
            let heard = answer(client, &write_answer(client, &said));
            assert_eq!(heard.stop, expected, "{stop:?} for {client}");
        }
    }
}

/// The counts of an answer under the names of its dialect: all input, what of it was cached, all
/// output, the sum.
fn counts(dialect: Dialect, body: &[u8]) -> [Option<u64>; 4] {
    let body: Value = serde_json::from_slice(body).unwrap();
    let usage = body.get("usage").or_else(|| body.get("usageMetadata")).unwrap();
    let count = |path: &str| usage.pointer(path).map(|count| count.as_u64().unwrap_or(u64::MAX));
    match dialect {
        Anthropic => [
            Some(
                count("/input_tokens").unwrap()
                    + count("/cache_read_input_tokens").unwrap_or(0)
                    + count("/cache_creation_input_tokens").unwrap_or(0),
            ),
            count("/cache_read_input_tokens"),
            count("/output_tokens"),
            None,
        ],
        Chat => [
            count("/prompt_tokens"),
            count("/prompt_tokens_details/cached_tokens"),
            count("/completion_tokens"),
            count("/total_tokens"),
        ],
        Responses => [
            count("/input_tokens"),
            count("/input_tokens_details/cached_tokens"),
            count("/output_tokens"),
            count("/total_tokens"),
        ],
        Gemini => [
            count("/promptTokenCount"),
            count("/cachedContentTokenCount"),
            Some(
                count("/candidatesTokenCount").unwrap_or(0)
                    + count("/thoughtsTokenCount").unwrap_or(0),
            ),
            count("/totalTokenCount"),
        ],
    }
}

fn usages() -> impl Strategy<Value = Usage> {
    any::<[u32; 4]>().prop_flat_map(|[input, cache_read, cache_write, output]| {
        (0..=output).prop_map(move |reasoning| Usage {
            input: Some(input.into()),
            cache_read: Some(cache_read.into()),
            cache_write: Some(cache_write.into()),
            output: Some(output.into()),
            reasoning: Some(reasoning.into()),
        })
    })
}

/// Usage as a careless server might count it: parts bigger than the whole.
fn careless(dialect: Dialect, [a, b, c, d]: [u32; 4]) -> String {
    match dialect {
        Anthropic => format!(
            r#"{{"type":"message","role":"assistant","content":[{{"type":"text","text":"t"}}],"stop_reason":"end_turn",
            "usage":{{"input_tokens":{a},"cache_read_input_tokens":{b},"output_tokens":{c},"output_tokens_details":{{"thinking_tokens":{d}}}}}}}"#
        ),
        Chat => format!(
            r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","content":"t"}},"finish_reason":"stop"}}],
            "usage":{{"prompt_tokens":{a},"completion_tokens":{c},"prompt_tokens_details":{{"cached_tokens":{b}}},"completion_tokens_details":{{"reasoning_tokens":{d}}}}}}}"#
        ),
        Responses => format!(
            r#"{{"object":"response","status":"completed","output":[{{"type":"message","role":"assistant","content":[{{"type":"output_text","text":"t"}}]}}],
            "usage":{{"input_tokens":{a},"input_tokens_details":{{"cached_tokens":{b}}},"output_tokens":{c},"output_tokens_details":{{"reasoning_tokens":{d}}}}}}}"#
        ),
        Gemini => format!(
            r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"text":"t"}}]}},"finishReason":"STOP"}}],
            "usageMetadata":{{"promptTokenCount":{a},"cachedContentTokenCount":{b},"candidatesTokenCount":{c},"thoughtsTokenCount":{d}}}}}"#
        ),
    }
}

proptest! {
    #[test]
    fn usage_adds_up_to_the_same_through_any_pair(usage in usages()) {
        let blocks = vec![WholeBlock::Text("a".to_owned())];
        let said = Answer { blocks, stop: StopReason::EndTurn, usage };
        for (upstream, client) in pairs() {
            let told = translated_whole(upstream, client, &write_answer(upstream, &said));
            let [input, cached, output, total] = counts(client, &told);
            prop_assert_eq!(input, Some(usage.total_input()), "{} to {}", upstream, client);
            prop_assert_eq!(cached.unwrap_or(0), usage.cache_read(), "{} to {}", upstream, client);
            prop_assert_eq!(output, Some(usage.output()), "{} to {}", upstream, client);
            let sum = usage.total_input() + usage.output();
            prop_assert!(total.is_none_or(|total| total == sum), "{} to {}", upstream, client);
            prop_assert_eq!(sums(&answer(client, &told)), sums(&said), "{} to {}", upstream, client);
        }
    }

    #[test]
    fn usage_is_never_negative_however_a_server_counts(numbers in any::<[u32; 4]>()) {
        for (upstream, client) in pairs() {
            let told = translated_whole(upstream, client, careless(upstream, numbers).as_bytes());
            let [input, cached, output, total] = counts(client, &told);
            // A count that is no whole number above zero would have been read as the biggest.
            let (input, output) = (input.unwrap(), output.unwrap());
            prop_assert!(input < 1 << 40 && output < 1 << 40, "{}", text(&told));
            prop_assert!(cached.unwrap_or(0) <= input, "{}", text(&told));
            prop_assert!(total.is_none_or(|total| total == input + output), "{}", text(&told));
        }
    }
}
