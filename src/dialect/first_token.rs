//! Where the first token of a stream is.
//!
//! A stream begins with word that it has begun, minutes before a model that thinks says anything. What
//! is looked for are marks that no dialect writes before a token, in the bytes as they come: nothing is
//! parsed. A mark that two pieces of a stream share is not seen, and the next event's is: the moment
//! that is told is late by one event then, and never early.

use memchr::memmem::{find, find_iter};

use crate::types::Dialect;

/// Whether a piece of a stream has a token in it: text, thinking, or arguments for a tool.
#[must_use]
pub fn has_token(dialect: Dialect, piece: &[u8]) -> bool {
    match dialect {
        Dialect::Anthropic => find(piece, b"content_block_delta").is_some(),
        Dialect::OpenAiChat => CHAT_KEYS.iter().any(|key| is_filled(piece, key)),
        Dialect::OpenAiResponses => has_delta(piece),
        Dialect::Gemini => find(piece, b"\"parts\"").is_some(),
    }
}

/// What holds tokens in a chunk. The first chunk has `content` as well, and it is empty.
const CHAT_KEYS: [&[u8]; 5] = [
    b"\"content\":",
    b"\"reasoning_content\":",
    b"\"reasoning\":",
    b"\"tool_calls\":",
    b"\"text\":", // the older Completions
];

/// Whether a key has a text or a list that is not empty.
fn is_filled(piece: &[u8], key: &[u8]) -> bool {
    find_iter(piece, key).any(|at| match piece[at + key.len()..].trim_ascii_start() {
        [b'"', rest @ ..] => rest.first().is_some_and(|next| *next != b'"'),
        [b'[', rest @ ..] => rest.trim_ascii_start().first().is_some_and(|next| *next != b']'),
        _ => false,
    })
}

/// Whether there is an event of a type like `response.output_text.delta`. The first events repeat the
/// request, and what a client has written there may look like much, but not like a type in quotes.
fn has_delta(piece: &[u8]) -> bool {
    const TYPE: &[u8] = b"\"response.";
    let mut rest = piece;
    while let Some(at) = find(rest, TYPE) {
        rest = &rest[at + TYPE.len()..];
        let is_of_a_type = |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.');
        let length = rest.iter().take_while(|byte| is_of_a_type(byte)).count();
        if rest[..length].ends_with(b".delta") && rest.get(length) == Some(&b'"') {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_from_what_comes_before_it() {
        use Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (Anthropic,       r#"{"type":"message_start","message":{"content":[]}}"#, false, "only a beginning"),
            (Anthropic,       r#"{"type":"ping"}"#,                                   false, "a sign of life"),
            (Anthropic,       r#"{"type":"content_block_start","content_block":{"type":"thinking"}}"#, false, "a block without content"),
            (Anthropic,       r#"{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"a"}}"#, true, "a thought is a token"),
            (OpenAiChat,      r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#, false, "the role"),
            (OpenAiChat,      r#"{"choices":[{"delta":{"content":null}}]}"#,          false, "nothing"),
            (OpenAiChat,      r#"{"choices":[{"delta":{"content": "a"}}]}"#,          true,  "a text"),
            (OpenAiChat,      r#"{"choices":[{"delta":{"content":"","reasoning_content":"a"}}]}"#, true, "a thought"),
            (OpenAiChat,      r#"{"delta":{"content":""}} {"delta":{"content":"a"}}"#, true, "two chunks in one piece"),
            (OpenAiChat,      r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#, true, "a call"),
            (OpenAiChat,      r#"{"choices":[{"delta":{"tool_calls":[]}}]}"#,         false, "no call"),
            (OpenAiChat,      r#"{"choices":[{"text":"a"}]}"#,                        true,  "Completions"),
            (OpenAiResponses, r#"{"type":"response.created","response":{"instructions":"say response.x.delta"}}"#, false, "the request repeated"),
            (OpenAiResponses, r#"{"type":"response.output_item.added"}"#,             false, "an item without content"),
            (OpenAiResponses, r#"{"type":"response.output_text.delta","delta":"a"}"#, true,  "a text"),
            (OpenAiResponses, r#"{"type": "response.reasoning_summary_text.delta"}"#, true,  "a thought"),
            (Gemini,          r#"{"usageMetadata":{"promptTokenCount":4}}"#,          false, "no candidate"),
            (Gemini,          r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#, true, "a part"),
        ];
        for (dialect, piece, expected, why) in cases {
            assert_eq!(has_token(dialect, piece.as_bytes()), expected, "{dialect}: {why}");
        }
    }
}
