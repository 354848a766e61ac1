use std::cell::RefCell;

use actix_web::test::TestRequest;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::body::Coding;
use crate::telemetry::InnerCall;
use crate::types::Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};

macro_rules! sample {
    ($path:literal) => {
        include_str!(concat!("../../../tests/fixtures/", $path))
    };
}

type Sample = (Dialect, &'static str, Option<[u64; 5]>);

/// What each sample says, by hand: input, cached, written to the cache, output, reasoning.
#[rustfmt::skip] // columns are easier to proofread
const SAMPLES: &[Sample] = &[
        (Anthropic,       sample!("anthropic/a01-text.exchange.json"),                 Some([25, 0, 0, 10, 0])),
        (Anthropic,       sample!("anthropic/a02-text.stream.sse"),                    Some([25, 0, 0, 12, 0])),
        (Anthropic,       sample!("anthropic/a05-thinking-tool.stream.sse"),           Some([2136, 2048, 0, 143, 61])),
        (Anthropic,       sample!("anthropic/a06-thinking-omitted-cache.exchange.json"), Some([19732, 18200, 1520, 64, 48])),
        (Anthropic,       sample!("anthropic/a08-count-tokens.exchange.json"),         None),
        (Anthropic,       sample!("anthropic/a11-error-midstream.stream.sse"),         Some([25, 0, 0, 1, 0])),
        (OpenAiChat,      sample!("openai-chat/c01-text.exchange.json"),               Some([1830, 1536, 0, 22, 0])),
        (OpenAiChat,      sample!("openai-chat/c02-text.stream.sse"),                  Some([1830, 1536, 0, 22, 0])),
        (OpenAiChat,      sample!("openai-chat/c05-reasoning-compat.stream.sse"),      Some([9, 0, 0, 12, 0])),
        (OpenAiChat,      sample!("openai-chat/c07-error-midstream.stream.sse"),       None),
        (OpenAiChat,      sample!("openai-completions/p01-completion.stream.sse"),     Some([14, 0, 0, 5, 0])),
        (OpenAiResponses, sample!("openai-responses/r01-text.exchange.json"),          Some([1830, 1536, 0, 90, 64])),
        (OpenAiResponses, sample!("openai-responses/r02-text.stream.sse"),             Some([1830, 1536, 0, 90, 64])),
        (OpenAiResponses, sample!("openai-responses/r04-tools-reasoning.stream.sse"),  Some([1830, 1536, 0, 90, 64])),
        (OpenAiResponses, sample!("openai-responses/r05-failed.stream.sse"),           None),
        (OpenAiResponses, sample!("openai-responses/r06-incomplete.stream.sse"),       Some([1830, 1536, 0, 16, 0])),
        (Gemini,          sample!("gemini/g01-text.exchange.json"),                    Some([9, 0, 0, 8, 0])),
        (Gemini,          sample!("gemini/g02-text.stream.sse"),                       Some([9, 0, 0, 9, 0])),
        (Gemini,          sample!("gemini/g05-thinking-tools.stream.sse"),             Some([60, 40, 0, 72, 48])),
        (Gemini,          sample!("gemini/g06-stream-array.json"),                     Some([9, 0, 0, 9, 0])),
        (Gemini,          sample!("gemini/g07-count-tokens.exchange.json"),            None),
];

/// An answer as it comes, and its kind.
fn answer(sample: &str) -> (Vec<u8>, Kind) {
    let exchange = serde_json::from_str::<Value>(sample).ok();
    let is_stream = exchange.is_none();
    let kind = Kind { is_stream, is_json: !is_stream, is_encoded: false, coding: None };
    let body = exchange.as_ref().and_then(|exchange| exchange.pointer("/response/body"));
    (body.map_or(sample.to_owned(), Value::to_string).into_bytes(), kind)
}

/// What the record of a call says at its end.
fn metered(dialect: Dialect, kind: Kind, chunks: &[&[u8]]) -> Option<[u64; 5]> {
    let outer = RequestRecord::of(&TestRequest::default().to_http_request());
    let call = InnerCall::within(&outer, "messages");
    let said = Rc::new(RefCell::new(None));
    let told = said.clone();
    call.record().at_its_end(move |ended| *told.borrow_mut() = ended.usage);
    let metering = Metering { price: None, measures_text: false };
    let mut meter = metering.meter(dialect, StatusCode::OK, kind, call.record()).unwrap();
    for chunk in chunks {
        meter.push(chunk);
    }
    drop((meter, call));
    let said = *said.borrow();
    said.map(|usage| {
        [usage.input, usage.cached_input, usage.cache_write, usage.output, usage.reasoning]
    })
}

#[test]
fn every_sample_says_what_it_cost_however_it_is_cut() {
    for (number, (dialect, sample, expected)) in SAMPLES.iter().enumerate() {
        let (body, kind) = answer(sample);
        for size in [1, 2, 3, 7, 64, 1000, body.len()] {
            let chunks: Vec<&[u8]> = body.chunks(size).collect();
            let said = metered(*dialect, kind, &chunks);
            assert_eq!(said, *expected, "{dialect}, sample {number}, by {size}");
        }
    }
}

#[test]
fn a_whole_answer_is_read_the_same() {
    let (dialect, sample, expected) = SAMPLES[0];
    let (body, _) = answer(sample);
    let outer = RequestRecord::of(&TestRequest::default().to_http_request());
    let call = InnerCall::within(&outer, "messages");
    let said = Rc::new(RefCell::new(None));
    let told = said.clone();
    call.record()
        .at_its_end(move |ended| *told.borrow_mut() = ended.usage.map(|u| (u.input, u.output)));
    Metering { price: None, measures_text: false }.note_whole(dialect, &body, call.record());
    drop(call);
    assert_eq!(*said.borrow(), expected.map(|[input, .., output, _]| (input, output)));
}

#[test]
fn the_text_of_every_dialect_is_measured_however_it_is_cut() {
    const PARIS: &str = "The capital of France is Paris. 🗼";
    const TOOL: &str =
        r#"The user wants the weather, so I call the tool.Let me check.{\"location\":\"Paris\"}"#;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (Anthropic,       sample!("anthropic/a02-text.stream.sse"),                PARIS),
        (Anthropic,       sample!("anthropic/a05-thinking-tool.stream.sse"),       TOOL),
        (OpenAiChat,      sample!("openai-chat/c01-text.exchange.json"),           "The capital of France is Paris."),
        (OpenAiChat,      sample!("openai-chat/c02-text.stream.sse"),              PARIS),
        (OpenAiChat,      sample!("openai-chat/c05-reasoning-compat.stream.sse"),  r#"Let me think.42{\"tz\":\"UTC\"}"#),
        (OpenAiChat,      sample!("openai-completions/p01-completion.stream.sse"), "return a + b"),
        (OpenAiResponses, sample!("openai-responses/r02-text.stream.sse"),         PARIS),
        (Gemini,          sample!("gemini/g02-text.stream.sse"),                   PARIS),
    ];
    for (number, (dialect, sample, expected)) in cases.into_iter().enumerate() {
        let (body, kind) = answer(sample);
        for size in [1, 7, body.len()] {
            let outer = RequestRecord::of(&TestRequest::default().to_http_request());
            let call = InnerCall::within(&outer, "messages");
            let said = Rc::new(RefCell::new(0));
            let told = said.clone();
            call.record().at_its_end(move |ended| *told.borrow_mut() = ended.text_bytes);
            let metering = Metering { price: None, measures_text: true };
            let mut meter = metering.meter(dialect, StatusCode::OK, kind, call.record()).unwrap();
            body.chunks(size).for_each(|chunk| meter.push(chunk));
            drop((meter, call));
            let length = expected.len() as u64;
            assert_eq!(*said.borrow(), length, "{dialect}, sample {number}, by {size}");
        }
    }
}

#[test]
fn what_cannot_say_its_tokens_is_not_watched() {
    let record = RequestRecord::of(&TestRequest::default().to_http_request());
    let json = Kind { is_stream: false, is_json: true, is_encoded: false, coding: None };
    let metering = Metering { price: None, measures_text: false };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json, StatusCode::OK, true, "an answer"),
        (json, StatusCode::TOO_MANY_REQUESTS, false, "an error"),
        (Kind { is_json: false, ..json }, StatusCode::OK, false, "a page"),
        (Kind { is_encoded: true, coding: Some(Coding::Brotli), ..json }, StatusCode::OK, true, "encoded"),
        (Kind { is_encoded: true, ..json }, StatusCode::OK, false, "encoded in a way nobody knows"),
    ];
    for (kind, status, expected, why) in cases {
        let meter = metering.meter(Anthropic, status, kind, &record);
        assert_eq!(meter.is_some(), expected, "{why}");
    }
}

proptest! {
    #[test]
    fn any_cut_of_any_sample_says_the_same(
        number in 0..SAMPLES.len(),
        encoded in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let (dialect, sample, expected) = SAMPLES[number];
        let (mut body, mut kind) = answer(sample);
        if encoded {
            body = zstd::encode_all(body.as_slice(), 3).unwrap();
            kind = Kind { is_encoded: true, coding: Some(Coding::Zstd), ..kind };
        }
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        places.extend([0, body.len()]);
        places.sort_unstable();
        let chunks: Vec<&[u8]> = places.windows(2).map(|ends| &body[ends[0]..ends[1]]).collect();
        prop_assert_eq!(metered(dialect, kind, &chunks), expected);
    }
}
