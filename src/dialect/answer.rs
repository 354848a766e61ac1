//! Where an answer names the model that gave it.

use crate::types::Dialect;

/// The paths of keys that lead to the model's name, in a JSON answer and in the events of a
/// stream. No dialect uses one of its paths for anything else.
#[must_use]
pub const fn model_paths(dialect: Dialect) -> &'static [&'static [&'static str]] {
    match dialect {
        // In a stream only `message_start` names it, inside `message`.
        Dialect::Anthropic => &[&["model"], &["message", "model"]],
        Dialect::OpenAiChat => &[&["model"]],
        Dialect::OpenAiResponses => &[&["model"], &["response", "model"]],
        Dialect::Gemini => &[&["modelVersion"]],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_stream_names_its_model_at_a_known_path() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (Dialect::Anthropic,       include_str!("../../tests/fixtures/anthropic/a02-text.stream.sse")),
            (Dialect::OpenAiChat,      include_str!("../../tests/fixtures/openai-chat/c02-text.stream.sse")),
            (Dialect::OpenAiChat,      include_str!("../../tests/fixtures/openai-completions/p01-completion.stream.sse")),
            (Dialect::OpenAiResponses, include_str!("../../tests/fixtures/openai-responses/r02-text.stream.sse")),
            (Dialect::Gemini,          include_str!("../../tests/fixtures/gemini/g02-text.stream.sse")),
        ];
        for (dialect, stream) in cases {
            let first = stream.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
            let first: Value = serde_json::from_str(first).unwrap();
            let found = model_paths(dialect).iter().any(|path| {
                let value = path.iter().try_fold(&first, |value, key| value.get(key));
                value.is_some_and(Value::is_string)
            });
            assert!(found, "{dialect}");
        }
    }
}
