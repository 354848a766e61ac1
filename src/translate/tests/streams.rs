//! Every recorded stream, translated for each other dialect.

use actix_web::http::StatusCode;

use super::shape::check_shape;
use super::*;
use crate::translate::event::StopReason;

fn answer(dialect: Dialect, stream: &[u8]) -> Answer {
    understood(dialect, stream).unwrap_or_else(|error| panic!("{error}: {}", text(stream)))
}

/// Sums that no dialect may change: all input, what of it came from a cache, all output, what of it
/// was thought.
pub(super) fn sums(answer: &Answer) -> [u64; 4] {
    let usage = &answer.usage;
    [usage.total_input(), usage.cache_read(), usage.output(), usage.reasoning()]
}

#[test]
fn a_stream_says_the_same_to_every_client() {
    for (name, upstream, stream) in STREAMS {
        let said = answer(upstream, stream);
        assert!(!said.blocks.is_empty(), "{name}");
        for client in ALL.into_iter().filter(|client| *client != upstream) {
            let case = format!("{name} for {client}");
            let told = translated(upstream, client, [stream]);
            let heard = answer(client, &told);
            let blocks = (sketch_blocks(&heard.blocks), sketch_blocks(&said.blocks));
            assert_eq!(blocks.0, blocks.1, "{case}: {}", text(&told));
            assert_eq!((&heard.stop, sums(&heard)), (&said.stop, sums(&said)), "{case}");
            check_shape(client, &told, &case);
        }
    }
}

/// `get_weather` is called with the same words in all four recordings, beside other calls.
#[test]
fn the_same_call_has_the_same_input_from_everywhere_to_everywhere() {
    for name in ["a04", "c04", "r04", "g05"] {
        let (_, upstream, stream) = STREAMS.into_iter().find(|(n, ..)| *n == name).unwrap();
        for client in ALL.into_iter().filter(|client| *client != upstream) {
            let heard = answer(client, &translated(upstream, client, [stream]));
            let calls: Vec<_> = heard
                .blocks
                .iter()
                .filter_map(|block| match block {
                    WholeBlock::Call { id, name, input, .. } => Some((id, name, input)),
                    _ => None,
                })
                .collect();
            let (_, name, input) = calls[0];
            let input: serde_json::Value = serde_json::from_str(input).unwrap();
            let expected = serde_json::json!({ "location": "Paris \"FR\"" });
            assert_eq!((name.as_str(), input), ("get_weather", expected), "{upstream} to {client}");
            let mut ids: Vec<_> = calls.iter().map(|(id, ..)| id).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), calls.len(), "{upstream} to {client}: one id for each call");
            assert_eq!(heard.stop, StopReason::ToolUse, "{upstream} to {client}");
        }
    }
}

/// Two calls whose pieces cross, as two dialects can tell them.
fn crossed(upstream: Dialect) -> String {
    let frame = |data: &str| format!("data: {data}\n\n");
    let chat = |index: u32, rest: &str| {
        frame(&format!(
            r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":{index},{rest}}}]}}}}]}}"#
        ))
    };
    let anthropic = |index: u32, piece: &str| {
        let piece = serde_json::to_string(piece).unwrap();
        frame(&format!(
            r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"input_json_delta","partial_json":{piece}}}}}"#
        ))
    };
    let start = |index: u32, name: &str| {
        frame(&format!(
            r#"{{"type":"content_block_start","index":{index},"content_block":{{"type":"tool_use","id":"id_{name}","name":"{name}","input":{{}}}}}}"#
        ))
    };
    let events = match upstream {
        Chat => vec![
            chat(0, r#""id":"id_a","function":{"name":"a","arguments":"{\"x\":"}"#),
            chat(1, r#""id":"id_b","function":{"name":"b","arguments":"{\"y\""}"#),
            chat(0, r#""function":{"arguments":"1"}"#),
            chat(1, r#""function":{"arguments":":"}"#),
            chat(0, r#""function":{"arguments":"}"}"#),
            chat(1, r#""function":{"arguments":"2}"}"#),
            frame(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#),
            frame("[DONE]"),
        ],
        _ => vec![
            start(0, "a"),
            anthropic(0, "{\"x\":"),
            start(1, "b"),
            anthropic(1, "{\"y\""),
            anthropic(0, "1"),
            anthropic(1, ":2}"),
            anthropic(0, "}"),
            frame(r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#),
            frame(r#"{"type":"message_stop"}"#),
        ],
    };
    events.concat()
}

#[test]
fn interleaved_parallel_calls_are_told_apart_by_every_writer() {
    for (upstream, client) in pairs().filter(|(upstream, _)| matches!(upstream, Chat | Anthropic)) {
        let case = format!("{upstream} to {client}");
        let told = translated(upstream, client, [crossed(upstream).as_bytes()]);
        let heard = answer(client, &told);
        let expected = [r#"calls a {"x":1} as id_a"#, r#"calls b {"y":2} as id_b"#];
        assert_eq!(sketch_blocks(&heard.blocks), expected, "{case}: {}", text(&told));
        check_shape(client, &told, &case);
    }
}

#[test]
fn an_upstream_that_fails_in_midstream_fails_in_every_clients_words() {
    const GEMINI: &[u8] = b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\ndata: {\"error\":{\"code\":503,\"message\":\"The model is overloaded.\",\"status\":\"UNAVAILABLE\"}}\n\n";
    let failing: [(&str, Dialect, &[u8]); 5] = [
        ("a11", Anthropic, fixture!("anthropic/a11-error-midstream.stream.sse")),
        ("c07", Chat, fixture!("openai-chat/c07-error-midstream.stream.sse")),
        ("r05", Responses, fixture!("openai-responses/r05-failed.stream.sse")),
        ("r07", Responses, fixture!("openai-responses/r07-error-event.stream.sse")),
        ("Gemini's", Gemini, GEMINI),
    ];
    let failure = |dialect: Dialect, stream: &[u8]| match understood(dialect, stream) {
        Err(NoAnswer::Failed(failure)) => failure,
        other => panic!("no failure: {other:?} in {}", text(stream)),
    };
    for (name, upstream, stream) in failing {
        let failed = failure(upstream, stream);
        assert!(!failed.message.is_empty(), "{name}");
        for client in ALL.into_iter().filter(|client| *client != upstream) {
            let told = translated(upstream, client, [stream]);
            let heard = failure(client, &told);
            assert_eq!(heard.message, failed.message, "{name} for {client}");
            let is_ours = |status: StatusCode| status.is_client_error();
            let fault = (is_ours(heard.status), is_ours(failed.status));
            assert_eq!(fault.0, fault.1, "{name} for {client}: whose fault: {}", text(&told));
            let ends: &[&str] = &["[DONE]", "message_stop", "response.completed", "finishReason"];
            assert!(!ends.iter().any(|end| text(&told).contains(end)), "{name}: {}", text(&told));
        }
    }
}

/// The stream up to its dialect's own end: the last event, or in Gemini nothing.
fn without_end(upstream: Dialect, stream: &'static [u8]) -> &'static [u8] {
    let end: &str = match upstream {
        Anthropic => "event: message_stop",
        Chat => "data: [DONE]",
        Responses => "event: response.completed",
        Gemini => return stream,
    };
    let at = text(stream).find(end).unwrap();
    &stream[..at]
}

#[test]
fn a_clean_end_without_a_terminator_is_an_end_and_a_cut_is_none() {
    for (name, upstream, stream) in STREAMS {
        if !matches!(name, "a02" | "c02" | "r02" | "g02") {
            continue;
        }
        let stream = without_end(upstream, stream);
        for client in ALL.into_iter().filter(|client| *client != upstream) {
            let case = format!("{name} for {client}");
            let told = translated(upstream, client, [stream]);
            let heard = answer(client, &told);
            let says = ["says The capital of France is Paris. 🗼"];
            assert_eq!(sketch_blocks(&heard.blocks), says, "{case}");
            check_shape(client, &told, &case);

            let names = ClientNames::default();
            let mut translator = StreamTranslator::new(upstream, client, names, envelope());
            let mut out = BytesMut::new();
            translator.push(stream, &mut out);
            let failure = Failure {
                status: StatusCode::BAD_GATEWAY,
                code: "upstream_broke".to_owned(),
                message: "cut".to_owned(),
            };
            translator.fail(failure, &mut out);
            translator.finish(&mut out);
            match understood(client, &out) {
                Err(NoAnswer::Failed(failure)) => assert_eq!(failure.message, "cut", "{case}"),
                other => panic!("{case}: {other:?} in {}", text(&out)),
            }
        }
    }
}
