use super::*;
use crate::types::Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};

fn tokens(dialect: Dialect, json: &str) -> Option<[u64; 5]> {
    read_usage(dialect, json.as_bytes()).map(|usage| counts(usage.into()))
}

fn counts(usage: TokenUsage) -> [u64; 5] {
    let TokenUsage { input, cached_input, cache_write, output, reasoning } = usage;
    [input, cached_input, cache_write, output, reasoning]
}

#[test]
fn the_parts_are_contained_in_the_wholes_whatever_the_dialect_counts_apart() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // dialect, object, [input, cached, written, output, reasoning], why
        (Anthropic, r#"{"input_tokens":10,"cache_creation_input_tokens":3,"cache_read_input_tokens":5,"output_tokens":7,"output_tokens_details":{"thinking_tokens":2}}"#,
            Some([18, 5, 3, 7, 2]), "cache reads and writes stand beside the input"),
        (Anthropic, r#"{"output_tokens":7}"#, Some([0, 0, 0, 7, 0]), "what is not said is 0"),
        (OpenAiChat, r#"{"prompt_tokens":18,"completion_tokens":7,"total_tokens":25,"prompt_tokens_details":{"cached_tokens":5},"completion_tokens_details":{"reasoning_tokens":2}}"#,
            Some([18, 5, 0, 7, 2]), "all contained"),
        (OpenAiChat, r#"{"prompt_tokens":9,"completion_tokens":3,"total_tokens":17,"completion_tokens_details":{"reasoning_tokens":5}}"#,
            Some([9, 0, 0, 8, 5]), "xAI counts reasoning beside the completion"),
        (OpenAiChat, r#"{"prompt_tokens":9,"prompt_cache_hit_tokens":4,"completion_tokens":1}"#, Some([9, 4, 0, 1, 0]), "DeepSeek's word"),
        (OpenAiChat, r#"{"prompt_tokens":9,"cached_tokens":40,"completion_tokens":1}"#, Some([9, 9, 0, 1, 0]), "never more than the prompt"),
        (OpenAiResponses, r#"{"input_tokens":18,"input_tokens_details":{"cached_tokens":5,"cache_write_tokens":3},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":2}}"#,
            Some([18, 5, 3, 7, 2]), "all contained"),
        (Gemini, r#"{"promptTokenCount":18,"cachedContentTokenCount":5,"candidatesTokenCount":7,"thoughtsTokenCount":2,"totalTokenCount":27}"#,
            Some([18, 5, 0, 9, 2]), "thoughts stand beside the candidates"),
        (Gemini, r#"{"promptTokenCount":10,"toolUsePromptTokenCount":4}"#, Some([14, 0, 0, 0, 0]), "what its tools read stands beside the prompt"),
        (Gemini, r#"{"promptTokenCount":-1}"#, Some([0; 5]), "no count is below zero"),
        (Anthropic, r#"{"input_tokens":18446744073709551615,"cache_read_input_tokens":9}"#, Some([u64::MAX, 9, 0, 0, 0]), "a sum past all numbers"),
        (Anthropic, r#"{"input_tokens":"many"}"#, None, "no number"),
    ];
    for (dialect, json, expected, why) in cases {
        assert_eq!(tokens(dialect, json), expected, "{dialect}: {why}");
    }
}

#[test]
fn the_mark_begins_every_last_key() {
    for dialect in [Anthropic, OpenAiChat, OpenAiResponses, Gemini] {
        for path in usage_paths(dialect) {
            let key = format!("\"{}", path.last().unwrap());
            assert_eq!(USAGE_MARK.find(key.as_bytes()), Some(0), "{dialect}");
        }
    }
}
