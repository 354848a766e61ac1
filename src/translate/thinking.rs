//! How hard a model of `OpenAI`'s kind should think when the client speaks of it in another's words.
//!
//! A budget of Claude's or Gemini's is no word that such a client chose for this model, so it becomes one
//! that every model of the kind has; a model that does not think is told nothing, for it would refuse.
//! Anthropic's and Google's own scales are known by `crate::adapt`, and a client that speaks `OpenAI`'s
//! words knows what it asks for.

use crate::types::{Dialect, Thinking, ThinkingLevel};

/// What a body asks for, as far as the model can be told; `None` is nothing.
#[must_use]
pub fn thinking_for(
    client: Dialect,
    upstream: Dialect,
    model: &str,
    asked: Thinking,
) -> Option<Thinking> {
    let speaks_openai = |dialect| matches!(dialect, Dialect::OpenAiChat | Dialect::OpenAiResponses);
    if speaks_openai(client) || !speaks_openai(upstream) {
        return Some(asked);
    }
    if !is_reasoning_model(model) && !model.contains("gpt-oss") {
        return None;
    }
    Some(match asked {
        Thinking::Auto => Thinking::Auto,
        Thinking::Level(level) => {
            Thinking::Level(level.clamp(ThinkingLevel::Low, ThinkingLevel::High))
        }
        // Only newer ones can stop.
        Thinking::Off | Thinking::Budget(0..=1024) => Thinking::Level(ThinkingLevel::Low),
        Thinking::Budget(1025..=8192) => Thinking::Level(ThinkingLevel::Medium),
        Thinking::Budget(_) => Thinking::Level(ThinkingLevel::High),
    })
}

/// By family, as the names of `OpenAI` go: `o3`, `gpt-5` and all later ones, whoever serves them.
pub(super) fn is_reasoning_model(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let number = |rest: &str| -> Option<u32> {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok()
    };
    let generation = name.strip_prefix("gpt-").and_then(number);
    generation.is_some_and(|generation| generation >= 5)
        || name.strip_prefix('o').and_then(number).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_told_only_what_all_of_its_kind_understand() {
        use Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};
        use Thinking::{Auto, Budget, Level, Off};
        use ThinkingLevel::{ExtraHigh, High, Low, Max, Medium, Minimal};
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (Anthropic,       OpenAiResponses, "gpt-5",       Budget(31_999),   Some(Level(High)),      "what Claude Code asks for is not xhigh"),
            (Anthropic,       OpenAiResponses, "gpt-5",       Budget(4000),     Some(Level(Medium)),    "a smaller budget"),
            (Anthropic,       OpenAiResponses, "o3",          Level(Max),       Some(Level(High)),      "o3 has no max"),
            (Gemini,          OpenAiChat,      "openai/gpt-5", Level(Minimal),  Some(Level(Low)),       "later ones have no minimal"),
            (Anthropic,       OpenAiChat,      "gpt-oss-120b", Budget(600),     Some(Level(Low)),       "open ones, too"),
            (Anthropic,       OpenAiResponses, "gpt-5",       Off,              Some(Level(Low)),       "gpt-5 cannot stop"),
            (Anthropic,       OpenAiResponses, "gpt-5",       Auto,             Some(Auto),             "as the model sees fit"),
            (Anthropic,       OpenAiResponses, "gpt-4.1",     Budget(31_999),   None,                   "it does not think"),
            (Anthropic,       OpenAiChat,      "kimi-k2",     Level(High),      None,                   "nobody knows its words"),
            (OpenAiResponses, OpenAiChat,      "kimi-k2",     Level(ExtraHigh), Some(Level(ExtraHigh)), "the client's own word"),
            (OpenAiChat,      Anthropic,       "claude-x",    Level(Max),       Some(Level(Max)),       "Claude's scale is known elsewhere"),
            (Anthropic,       Gemini,          "gemini-3",    Budget(31_999),   Some(Budget(31_999)),   "and Gemini's"),
        ];
        for (client, upstream, model, asked, expected, why) in cases {
            assert_eq!(thinking_for(client, upstream, model, asked), expected, "{model}: {why}");
        }
    }
}
