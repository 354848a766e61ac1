//! What a model call may use, guessed before it is made.

use memchr::memmem;

use crate::types::TokenUsage;

/// Bytes of a body for each token it is taken for: English and code have about as many, and the JSON
/// around them makes up for languages that have fewer.
const BYTES_PER_TOKEN: u64 = 4;

/// More than most models read at once: beyond it a body is images or files, whose bytes are not read
/// as text.
const MOST_INPUT: u64 = 200_000;

/// What is reserved for the answer when the call asks for more, or says nothing. Agents ask for tens of
/// thousands of tokens in every call and get some hundreds.
const MOST_OUTPUT: u64 = 4_096;

/// The members in which the four dialects say how long an answer may be.
const MAXIMA: [&[u8]; 4] = [
    br#""max_tokens""#,
    br#""max_output_tokens""#,
    br#""max_completion_tokens""#,
    br#""maxOutputTokens""#,
];

/// What a text of so many bytes is taken for, where nobody says how many tokens it was.
#[must_use]
pub const fn tokens_in(bytes: u64) -> u64 {
    bytes / BYTES_PER_TOKEN
}

/// A guess at what a call uses.
pub type Estimate = TokenUsage;

/// Guesses from a body as the client wrote it, without parsing it. A word of the prompt that looks like
/// a member can only make the reservation another one, never what is counted in the end.
#[must_use]
pub fn estimate(body: &[u8]) -> Estimate {
    let asked = MAXIMA.iter().filter_map(|name| number_after(body, name)).max();
    TokenUsage {
        input: tokens_in(body.len() as u64).min(MOST_INPUT),
        output: asked.unwrap_or(MOST_OUTPUT).min(MOST_OUTPUT),
        ..TokenUsage::default()
    }
}

fn number_after(body: &[u8], name: &[u8]) -> Option<u64> {
    let at = memmem::find(body, name)? + name.len();
    let rest = body[at..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_guessed_from_its_length_and_from_what_it_asks_for() {
        let long = format!(r#"{{"max_tokens": 7, "messages": "{}"}}"#, "x".repeat(4_000_000));
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // body,                                        input,   output, why
            (r#"{"max_tokens":100,"messages":[]}"#,         8,       100,    "Anthropic, Chat"),
            (r#"{"max_output_tokens" : 50 }"#,              6,       50,     "Responses, with spaces"),
            (r#"{"max_completion_tokens":60}"#,             7,       60,     "Chat's newer name"),
            (r#"{"generationConfig":{"maxOutputTokens":9}}"#, 10,    9,      "Gemini"),
            (r#"{"max_tokens":64000}"#,                     5,       4_096,  "agents ask for the most there is"),
            (r#"{"max_tokens":null}"#,                      4,       4_096,  "no number"),
            ("{}",                                          0,       4_096,  "nothing said"),
            (long.as_str(),                                 200_000, 7,      "images"),
        ];
        for (body, input, output, why) in cases {
            let guess = estimate(body.as_bytes());
            assert_eq!((guess.input, guess.output), (input, output), "{why}");
        }
    }
}
