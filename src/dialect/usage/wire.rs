//! The four objects that count tokens, as they are written.

use serde::Deserialize;

use super::Usage;

/// Its input counts neither what was read from the cache nor what was written to it; its output
/// counts the thinking.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct AnthropicUsage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<ThinkingDetails>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct ThinkingDetails {
    thinking_tokens: Option<u64>,
}

impl From<AnthropicUsage> for Usage {
    fn from(told: AnthropicUsage) -> Self {
        Self {
            input: told.input_tokens,
            cache_read: told.cache_read_input_tokens,
            cache_write: told.cache_creation_input_tokens,
            output: told.output_tokens,
            reasoning: told.output_tokens_details.and_then(|details| details.thinking_tokens),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct ChatUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<ReasoningDetails>,
    /// `DeepSeek`'s word for what was read from the cache.
    prompt_cache_hit_tokens: Option<u64>,
    /// Kimi's.
    cached_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct ReasoningDetails {
    reasoning_tokens: Option<u64>,
}

impl From<ChatUsage> for Usage {
    /// The prompt contains what was cached; nothing may come out below zero.
    fn from(told: ChatUsage) -> Self {
        let details = told.prompt_tokens_details.unwrap_or_default();
        let hits = details.cached_tokens.or(told.prompt_cache_hit_tokens).or(told.cached_tokens);
        let prompt = told.prompt_tokens;
        let within = |count: u64, whole: Option<u64>| whole.map_or(count, |whole| count.min(whole));
        let cache_read = hits.map(|count| within(count, prompt));
        let fresh = prompt.map(|prompt| prompt - cache_read.unwrap_or(0));
        let cache_write = details.cache_write_tokens.map(|count| within(count, fresh));
        let reasoning = told.completion_tokens_details.and_then(|all| all.reasoning_tokens);
        Self {
            input: fresh.map(|fresh| fresh - cache_write.unwrap_or(0)),
            cache_read,
            cache_write,
            output: told.output(reasoning.unwrap_or(0)),
            reasoning,
        }
    }
}

impl ChatUsage {
    /// `OpenAI` counts reasoning as part of the completion. Some servers count it beside it (xAI),
    /// which their sum gives away.
    fn output(&self, reasoning: u64) -> Option<u64> {
        let completion = self.completion_tokens?;
        let together = completion.saturating_add(reasoning);
        let sum = self.prompt_tokens.unwrap_or(0).saturating_add(together);
        let is_beside = reasoning > completion || self.total_tokens == Some(sum);
        Some(if is_beside { together } else { completion })
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct ResponsesUsage {
    input_tokens: Option<u64>,
    input_tokens_details: Option<PromptDetails>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<ReasoningDetails>,
}

impl From<ResponsesUsage> for Usage {
    /// `input_tokens` holds what was cached. Servers that count otherwise must not make it negative.
    fn from(told: ResponsesUsage) -> Self {
        let details = told.input_tokens_details.unwrap_or_default();
        let PromptDetails { cached_tokens: cache_read, cache_write_tokens: cache_write } = details;
        let cached = cache_read.unwrap_or(0).saturating_add(cache_write.unwrap_or(0));
        Self {
            input: told.input_tokens.map(|input| input.saturating_sub(cached)),
            cache_read,
            cache_write,
            output: told.output_tokens,
            reasoning: told.output_tokens_details.and_then(|details| details.reasoning_tokens),
        }
    }
}

/// Google's numbers have a sign. The prompt counts what was cached; the candidates do not count
/// thoughts, nor the prompt what tools at Google have read.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GeminiUsage {
    #[serde(rename = "promptTokenCount")]
    prompt: Option<i64>,
    #[serde(rename = "cachedContentTokenCount")]
    cached: Option<i64>,
    #[serde(rename = "candidatesTokenCount")]
    candidates: Option<i64>,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: Option<i64>,
    #[serde(rename = "toolUsePromptTokenCount")]
    for_tools: Option<i64>,
}

impl From<GeminiUsage> for Usage {
    fn from(told: GeminiUsage) -> Self {
        let count = |number: Option<i64>| number.map(|number| u64::try_from(number).unwrap_or(0));
        let cached = count(told.cached).unwrap_or(0);
        let for_tools = count(told.for_tools).unwrap_or(0);
        let prompt = count(told.prompt);
        let thoughts = count(told.thoughts);
        let candidates = count(told.candidates);
        let output = match (candidates, thoughts) {
            (None, None) => None,
            (candidates, thoughts) => Some(candidates.unwrap_or(0) + thoughts.unwrap_or(0)),
        };
        Self {
            input: prompt.map(|prompt| (prompt + for_tools).saturating_sub(cached)),
            // Said with every prompt: an earlier chunk may have counted otherwise.
            cache_read: prompt.map(|_| cached),
            cache_write: None,
            output,
            reasoning: thoughts,
        }
    }
}
