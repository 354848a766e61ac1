//! What is ours on the way of a request, piece by piece: `just bench`.
//!
//! For looking, not for gating: times belong to the machine that took them. What gates is the count
//! of instructions of a whole request (`benches/count`).

use std::hint::black_box;
use std::time::{Duration, Instant};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use ampgate::actors::clock::Clock;
use ampgate::actors::router::{
    Attempts, Choice, Fallbacks, LocalPlan, ModelRequest, ProviderRouter, Reach, RouterSettings,
    Rules,
};
use ampgate::body::{AnswerRewriter, SseTail, find_model, replace_model};
use ampgate::config::{Sources, load_text};
use ampgate::dialect::{FirstEvent, first_event, model_paths, session_key};
use ampgate::headers::{ForUpstream, UpstreamCredential, presented_keys};
use ampgate::metrics::{EndedRequest, GenAi, Metrics};
use ampgate::translate::{ClientNames, Envelope, StreamTranslator};
use ampgate::types::{
    ApiKey, ClientId, ClientKey, CredentialId, Dialect, Keyring, ModelName, ProviderName, Route,
    TokenUsage, Ways,
};
use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KIB: usize = 1024;
const MODEL: &str = "claude-sonnet-4-5-20250929";
const STREAM: &[u8] = include_bytes!("../tests/fixtures/anthropic/a02-text.stream.sse");

/// The fields that an Anthropic SDK sends.
fn client_fields() -> HeaderMap {
    let fields = [
        ("host", "gateway:8317"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate"),
        ("connection", "keep-alive"),
        ("user-agent", "Anthropic/Python 0.75.0"),
        ("x-api-key", "key-of-client-7"),
        ("content-type", "application/json"),
        ("content-length", "1024"),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "context-1m-2025-08-07,interleaved-thinking-2025-05-14"),
        ("x-stainless-lang", "python"),
        ("x-stainless-package-version", "0.75.0"),
        ("x-stainless-os", "Linux"),
        ("x-stainless-arch", "x64"),
        ("x-stainless-runtime", "CPython"),
        ("x-stainless-retry-count", "0"),
        ("x-stainless-timeout", "600"),
    ];
    fields
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

/// A call of `size` bytes: text with escapes and an umlaut here and there, as conversations have.
fn call(size: usize, model_comes_first: bool) -> Bytes {
    let model = format!(r#""model":"{MODEL}""#);
    let paragraph = r#"A line of text, a \"quoted\" word, \u00fc and ü.\n"#;
    let mut messages = String::from(r#""messages":[{"role":"user","content":""#);
    while messages.len() + paragraph.len() + model.len() < size {
        messages.push_str(paragraph);
    }
    messages.push_str(r#""}]"#);
    let (first, last) = if model_comes_first { (&model, &messages) } else { (&messages, &model) };
    Bytes::from(format!("{{{first},\"max_tokens\":1024,\"stream\":true,{last}}}"))
}

fn key_check(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("key check");
    let fields = client_fields();
    for count in [1, 10, 100] {
        let client = |number| {
            let key = ClientKey::parse(&format!("key-of-client-{number}"));
            (ClientId::new(&format!("client-{number}")), key.expect("the key is not empty"))
        };
        let keyring = Keyring::new((7..7 + count).map(client).collect());
        assert!(presented_keys(&fields, None).any(|key| keyring.find(&key).is_some()));
        group.bench_with_input(BenchmarkId::new("keys", count), &keyring, |bencher, keyring| {
            bencher.iter(|| {
                presented_keys(black_box(&fields), None).any(|key| keyring.find(&key).is_some())
            });
        });
    }
}

fn header_policy(criterion: &mut Criterion) {
    let fields = client_fields();
    let key = ApiKey::parse("sk-ant-key").expect("the key is not empty");
    let for_upstream = ForUpstream {
        authority: "api.anthropic.com",
        credential: UpstreamCredential::Anthropic(&key),
        strip_long_context: true,
        ask_for_identity: false,
        body_was_decoded: false,
        own_fields: &[],
    };
    criterion.bench_function("header policy/model call, 17 fields", |bencher| {
        bencher.iter(|| for_upstream.fields(black_box(&fields)));
    });
}

fn model_in_body(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("find model");
    let sizes =
        [("1 KiB", KIB), ("48 KiB", 48 * KIB), ("512 KiB", 512 * KIB), ("2 MiB", 2048 * KIB)];
    for (name, size) in sizes {
        for (place, model_comes_first) in [("first", true), ("last", false)] {
            let body = call(size, model_comes_first);
            group.throughput(Throughput::Bytes(body.len() as u64));
            group.bench_with_input(BenchmarkId::new(place, name), &body, |bencher, body| {
                bencher.iter(|| find_model(black_box(body)).expect("the call names its model"));
            });
        }
    }
    // A key with an escape is the surprise at which the scanner leaves the rest to a full parse.
    let surprise =
        Bytes::from(format!(r#"{{"m\u0065ta":1,{}"#, &str_of(&call(48 * KIB, true))[1..]));
    group.throughput(Throughput::Bytes(surprise.len() as u64));
    group.bench_with_input(BenchmarkId::new("surprise", "48 KiB"), &surprise, |bencher, body| {
        bencher.iter(|| find_model(black_box(body)).expect("the call names its model"));
    });
    group.finish();

    let body = call(48 * KIB, false);
    let found = find_model(&body).expect("the call names its model");
    criterion.bench_function("replace model/48 KiB", |bencher| {
        bencher.iter(|| replace_model(black_box(&body), &found.span, "claude-opus-4-5"));
    });
}

fn str_of(body: &Bytes) -> &str {
    std::str::from_utf8(body).expect("the body was made of text")
}

/// Chunks as providers send them, one event each.
fn chunks() -> Vec<Bytes> {
    let text = std::str::from_utf8(STREAM).expect("the fixture is text");
    text.split_inclusive("\n\n").map(|event| Bytes::from_static(event.as_bytes())).collect()
}

fn event_stream(criterion: &mut Criterion) {
    let chunks = chunks();
    let mut group = criterion.benchmark_group(format!("event stream of {} events", chunks.len()));
    group.throughput(Throughput::Bytes(STREAM.len() as u64));
    group.bench_function("watched for its end", |bencher| {
        bencher.iter(|| {
            let mut tail = SseTail::default();
            for chunk in black_box(&chunks) {
                tail.push(chunk);
            }
            tail.is_at_event_boundary()
        });
    });
    group.bench_function("model name put back", |bencher| {
        bencher.iter(|| {
            let paths = model_paths(Dialect::Anthropic);
            let mut rewriter = AnswerRewriter::sse(paths, "opus");
            let mut out = BytesMut::new();
            for chunk in black_box(&chunks) {
                rewriter.push(chunk, &mut out);
            }
            out
        });
    });
    let first = &chunks[0];
    assert_eq!(first_event(Dialect::Anthropic, first, false), FirstEvent::Fine);
    group.bench_function("first event judged", |bencher| {
        bencher.iter(|| first_event(Dialect::Anthropic, black_box(first), false));
    });
}

/// An answer in so many events, one chunk each: text in pieces of some words, as models say it.
fn answer_of(upstream: Dialect, events: usize) -> Vec<Bytes> {
    let piece = "a line of \\\"code\\\" and then";
    let (head, text, tail): (&[&str], String, &[&str]) = match upstream {
        Dialect::Anthropic => (
            &[
                r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"usage":{"input_tokens":25,"output_tokens":1}}}"#,
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            ],
            format!(
                r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{piece}"}}}}"#
            ),
            &[
                r#"{"type":"content_block_stop","index":0}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":12}}"#,
                r#"{"type":"message_stop"}"#,
            ],
        ),
        _ => (
            &[
                r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795000000,"model":"gpt-5","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
            ],
            format!(
                r#"{{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795000000,"model":"gpt-5","choices":[{{"index":0,"delta":{{"content":"{piece}"}},"finish_reason":null}}],"usage":null}}"#
            ),
            &[
                r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795000000,"model":"gpt-5","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
                r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795000000,"model":"gpt-5","choices":[],"usage":{"prompt_tokens":25,"completion_tokens":12,"total_tokens":37}}"#,
                "[DONE]",
            ],
        ),
    };
    let texts = std::iter::repeat_n(text.as_str(), events - head.len() - tail.len());
    let all = head.iter().copied().chain(texts).chain(tail.iter().copied());
    all.map(|data| Bytes::from(format!("data: {data}\n\n"))).collect()
}

/// What a translated event costs, for each dialect that a client can speak, beside one that passes.
fn translated_stream(criterion: &mut Criterion) {
    let pairs = [
        ("Chat to Anthropic", Dialect::OpenAiChat, Dialect::Anthropic),
        ("Anthropic to Chat", Dialect::Anthropic, Dialect::OpenAiChat),
        ("Chat to Responses", Dialect::OpenAiChat, Dialect::OpenAiResponses),
        ("Chat to Gemini", Dialect::OpenAiChat, Dialect::Gemini),
    ];
    for events in [8, 200] {
        let mut group = criterion.benchmark_group(format!("translated stream of {events} events"));
        group.throughput(Throughput::Elements(events as u64)); // so the time of one event is told
        for upstream in [Dialect::OpenAiChat, Dialect::Anthropic] {
            let chunks = answer_of(upstream, events);
            group.bench_function(format!("{upstream} as it is"), |bencher| {
                bencher.iter(|| {
                    let mut tail = SseTail::default();
                    for chunk in black_box(&chunks) {
                        tail.push(chunk);
                    }
                    tail.is_at_event_boundary()
                });
            });
        }
        for (pair, upstream, client) in pairs {
            let chunks = answer_of(upstream, events);
            let translate = || {
                let mut translator = translator(upstream, client);
                for chunk in black_box(&chunks) {
                    let mut out = BytesMut::with_capacity(chunk.len() * 2);
                    translator.push(chunk, &mut out);
                    black_box(out);
                }
                translator
            };
            assert!(!translate().has_failed(), "{pair}: the answer came to its end");
            group.bench_function(pair, |bencher| bencher.iter(translate));
        }
        group.finish();
    }
}

fn translator(upstream: Dialect, client: Dialect) -> StreamTranslator {
    let envelope = Envelope {
        id: "0198c2f0a1b27c3d8e4f5a6b7c8d9e0f".to_owned(),
        model: MODEL.to_owned(),
        created: 1_795_000_000,
        wants_usage: true,
        as_array: false,
    };
    StreamTranslator::new(upstream, client, ClientNames::default(), envelope)
}

/// A router over so many Claude credentials. Runs inside an actix system.
fn router(credentials: u32) -> ProviderRouter {
    let list: Vec<String> =
        (0..credentials).map(|number| format!("  - api-key: key-{number}\n")).collect();
    let text = format!("claude-api-key:\n{}", list.concat());
    let loaded = load_text(&text, &Sources::default());
    let settings = loaded.expect("the configuration is good").settings;
    let rules = Rules {
        fallback: Fallbacks::Impossible,
        mappings: Vec::new(),
        force_mappings: false,
        force_prefix: false,
    };
    let (credentials, routing) = (settings.credentials, settings.routing);
    let settings = RouterSettings { credentials, rules, routing, disable_cooling: false };
    ProviderRouter::start(settings, Clock::system())
}

fn choose(
    router: &ProviderRouter,
    model: &ModelName,
    conversation: Option<&HeaderMap>,
) -> LocalPlan {
    let dialect = Dialect::Anthropic;
    let request = ModelRequest {
        dialect,
        model,
        came_through_amp_door: false,
        reach: Reach::SameDialect,
        ways: Ways::ALL,
        brings_login: false,
        leans_on_a_response: false,
    };
    let session = || conversation.and_then(|fields| session_key(fields, dialect, b""));
    match router.choose(&request, &Attempts::default(), session) {
        Ok(Choice::Local(plan)) => plan,
        other => panic!("nobody serves {model}: {other:?}"),
    }
}

fn routing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("routing decision");
    let system = actix_rt::System::new();
    let model = ModelName::parse(MODEL).expect("the name is not empty");
    let conversation: HeaderMap = std::iter::once((
        HeaderName::from_static("x-amp-thread-id"),
        HeaderValue::from_static("T-5928a90d-d53b-488f-a829-4e36442142ee"),
    ))
    .collect();
    for count in [1, 8] {
        let router = system.block_on(async {
            let router = router(count);
            // Bound as by the first good answer, once the actor has heard of it.
            let mut plan = choose(&router, &model, Some(&conversation));
            router.succeeded(&mut plan, Instant::now());
            while count > 1 && is_unbound(&router, &model, &conversation) {
                tokio::task::yield_now().await;
            }
            router
        });
        group.bench_function(BenchmarkId::new("no conversation", count), |bencher| {
            bencher.iter(|| choose(black_box(&router), &model, None));
        });
        group.bench_function(BenchmarkId::new("in a conversation", count), |bencher| {
            bencher.iter(|| choose(black_box(&router), &model, Some(&conversation)));
        });
    }
}

/// Whether two calls of one conversation still go to two credentials in turn.
fn is_unbound(router: &ProviderRouter, model: &ModelName, conversation: &HeaderMap) -> bool {
    let one = choose(router, model, Some(conversation));
    let other = choose(router, model, Some(conversation));
    one.credential().id != other.credential().id
}

/// What it costs to count a model call in all of its families, once its series are found.
fn counting(criterion: &mut Criterion) {
    let metrics = Metrics::new();
    let (client, credential) = (ClientId::new("client-7"), CredentialId::new("claude-1"));
    let (provider, anthropic) = (ProviderName::new("claude"), ProviderName::new("anthropic"));
    let model = ModelName::parse(MODEL).expect("the name is not empty");
    let usage = TokenUsage { input: 900, cached_input: 700, output: 80, ..TokenUsage::default() };
    let ended = EndedRequest {
        client: Some(&client),
        provider: Some(&provider),
        credential: Some(&credential),
        model: Some(&model),
        route: Some(Route::Local),
        status: 200,
        outcome: "complete",
        usage: Some(usage),
        cost_usd: Some(0.004),
        duration: Duration::from_millis(4200),
        gen_ai: GenAi {
            operation: "chat",
            provider: Some(&anthropic),
            upstream_model: Some(&model),
            first_token: Some(Duration::from_millis(600)),
        },
        ..EndedRequest::default()
    };
    criterion.bench_function("count a request/model call", |bencher| {
        bencher.iter(|| metrics.request_ended(black_box(&ended)));
    });
    criterion.bench_function("count a request/a stream opens and ends", |bencher| {
        bencher.iter(|| metrics.stream_opens());
    });
}

criterion_group!(
    benches,
    counting,
    key_check,
    header_policy,
    model_in_body,
    event_stream,
    translated_stream,
    routing
);
criterion_main!(benches);
