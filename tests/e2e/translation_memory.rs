//! What a translated stream costs in memory: a tool's input of 20 MB passes in small pieces, and
//! nobody between the two ends keeps it.
//!
//! Clients of Responses and Gemini are not here: their dialects want it whole at the end, so the
//! gateway has to keep one answer, or one call (`docs/translation.md`).

use crate::support::{GatewayProcess, StubUpstream, expect};

const KEY: (&str, &str) = ("authorization", "Bearer client-key-1");

const INPUT_BYTES: usize = 20 << 20;
const PIECE_BYTES: usize = 1 << 10;

/// How much the process may grow meanwhile: socket buffers, one event, and room for the allocator.
const ROOM_KIB: u64 = 8 << 10;

/// A byte that stands in a stream only where a piece of the input does.
const FILLING: &str = "~";

/// An answer that calls a tool with one long text, in the provider's words.
struct Answer {
    head: &'static str,
    /// What stands before and behind each piece.
    piece: (&'static str, &'static str),
    tail: &'static str,
}

const ANTHROPIC: Answer = Answer {
    head: r#"data: {"type":"message_start","message":{"role":"assistant","content":[],"usage":{"input_tokens":1}}}

data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"write","input":{}}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"text\":\""}}

"#,
    piece: (
        r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""#,
        "\"}}\n\n",
    ),
    tail: r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"\"}"}}

data: {"type":"content_block_stop","index":0}

data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}

data: {"type":"message_stop"}

"#,
};

const CHAT: Answer = Answer {
    head: r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","function":{"name":"write","arguments":"{\"text\":\""}}]}}]}

"#,
    piece: (
        r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":""#,
        "\"}}]}}]}\n\n",
    ),
    tail: r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"}"}}]}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: [DONE]

"#,
};

async fn provider_of(answer: &'static Answer) -> StubUpstream {
    StubUpstream::answering(move |mut conversation| async move {
        conversation.begin(200, &[("content-type", "text/event-stream")]).await;
        conversation.chunk(answer.head).await;
        let (before, behind) = answer.piece;
        let piece = format!("{before}{}{behind}", FILLING.repeat(PIECE_BYTES));
        for _ in 0..INPUT_BYTES / PIECE_BYTES {
            conversation.chunk(&piece).await;
        }
        conversation.chunk(answer.tail).await;
        conversation.end().await;
        Some(conversation)
    })
    .await
}

/// Asks, and reads to the end without keeping it. Returns by how much the gateway has grown at most.
async fn grown_by(list: &str, target: &str, answer: &'static Answer, end: &str) -> u64 {
    let provider = provider_of(answer).await;
    let list = list.replace("ORIGIN", &provider.origin);
    let gateway = GatewayProcess::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n{list}\n"
    ));
    let before = gateway.resident_kib();
    let mut client = gateway.connect().await;
    let question = r#"{"model":"any-model","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"q"}]}"#;
    client.send("POST", target, &[KEY], question.as_bytes()).await;
    let head = client.head().await;
    assert_eq!(head.status, 200);
    let mut filling = 0;
    let mut newest = Vec::new();
    while let Some(chunk) = expect(client.chunk(), "the next piece").await.unwrap() {
        filling += memchr::memchr_iter(FILLING.as_bytes()[0], &chunk).count();
        newest = chunk;
    }
    assert_eq!(filling, INPUT_BYTES, "all of it came");
    assert!(String::from_utf8(newest).unwrap().trim_end().ends_with(end), "and the end");
    gateway.peak_resident_kib().saturating_sub(before)
}

#[actix_web::test]
async fn a_tool_input_of_20_mb_passes_to_chat_in_flat_memory() {
    let list = "claude-api-key: [{ api-key: provider-key, base-url: 'ORIGIN', \
                models: [{ name: its-model, alias: any-model }] }]";
    let grown = grown_by(list, "/v1/chat/completions", &ANTHROPIC, "data: [DONE]").await;
    assert!(grown < ROOM_KIB, "{grown} KiB for what only passes");
}

#[actix_web::test]
async fn a_tool_input_of_20_mb_passes_to_anthropic_in_flat_memory() {
    let list = "openai-compatibility: [{ name: compatible, base-url: 'ORIGIN/v1', \
                api-key-entries: [{ api-key: provider-key }], \
                models: [{ name: its-model, alias: any-model }] }]";
    let end = r#"data: {"type":"message_stop"}"#;
    let grown = grown_by(list, "/v1/messages", &CHAT, end).await;
    assert!(grown < ROOM_KIB, "{grown} KiB for what only passes");
}
