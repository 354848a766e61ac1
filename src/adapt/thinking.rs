//! The thinking suffix of a model's name, put into the body as the setting of its dialect.
//!
//! The suffix wins over what the body says. Every dialect has its own scale, and most have two;
//! which one a model takes is read from its name by family and version, never from a list of ids.
//!
//! | dialect, model                  | off          | auto            | level           | budget           |
//! | ------------------------------- | ------------ | --------------- | --------------- | ---------------- |
//! | Chat, any                       | `"none"`     | unset           | as written      | its level        |
//! | Responses, any                  | `"none"`     | unset           | as written      | its level        |
//! | Anthropic, Claude before 4.6 or not Claude | disabled | the budget of `high` | its budget | as written   |
//! | Anthropic, Claude 4.6           | disabled     | adaptive        | adaptive, effort | as written      |
//! | Anthropic, later or unnumbered Claude | disabled | adaptive       | adaptive, effort | effort of its level |
//! | Gemini 2.5                      | 0, Pro 128   | -1              | its budget      | within the range |
//! | Gemini 3                        | least level  | unset           | nearest it has  | its level        |
//! | Gemini, any other               | 0            | unset           | as written      | as written       |
//!
//! - *Chat and Responses* servers are too many to know. `reasoning_effort` and `reasoning.effort`
//!   are the words all of them read, so a level goes as it was written, and the server says if its
//!   model does not have it. Neither has a word for auto: without the setting the model decides.
//! - *Claude* is in `claude`, with what must give way so that the request is not refused.
//! - *Gemini* is in `gemini`. Budget and level in one request are an error there, so the other one
//!   goes.
//!
//! An older Completions body (`prompt`, no `messages`) knows no thinking and stays as it is.

mod claude;
mod gemini;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::body::{Edits, JsonPart};
use crate::types::{Dialect, Thinking, ThinkingLevel};

/// Whether a Gemini method has a `generationConfig` to put the setting into. Google refuses a body
/// with a field that its method does not know, so all other methods must go without.
#[must_use]
pub fn takes_thinking(gemini_method: &str) -> bool {
    matches!(gemini_method, "generateContent" | "streamGenerateContent")
}

/// `body` with the setting that `thinking` means for `model`, the provider's name of it. Every
/// other byte stays, and a body that is no JSON object stays whole.
#[must_use]
pub fn set_thinking(dialect: Dialect, model: &str, thinking: Thinking, body: &Bytes) -> Bytes {
    let Ok(whole) = JsonPart::parse(body) else { return body.clone() };
    if !whole.is_object() {
        return body.clone();
    }
    let mut change = Change { body, edits: Edits::default() };
    match dialect {
        Dialect::Anthropic => claude::note(&mut change, whole, model, thinking),
        Dialect::OpenAiChat => note_chat(&mut change, whole, thinking),
        Dialect::OpenAiResponses => note_responses(&mut change, whole, thinking),
        Dialect::Gemini => gemini::note(&mut change, whole, model, thinking),
    }
    change.edits.apply(body)
}

fn note_chat(change: &mut Change<'_>, whole: JsonPart<'_>, thinking: Thinking) {
    const EFFORT: &str = "reasoning_effort";
    if whole.get("messages").is_none() {
        return;
    }
    match effort(thinking) {
        Some(effort) => change.edits.set_member(change.body, whole, EFFORT, &quoted(effort)),
        None => change.edits.remove_members(change.body, whole, |key| key == EFFORT),
    }
}

/// The summary that a client may ask for beside the effort is its own affair.
fn note_responses(change: &mut Change<'_>, whole: JsonPart<'_>, thinking: Thinking) {
    match effort(thinking) {
        Some(effort) => {
            change.inside(whole, "reasoning", &[("effort", &quoted(effort))], &[]);
        }
        None => change.inside(whole, "reasoning", &[], &["effort"]),
    }
}

/// `OpenAI`'s word; `None` for what is said by saying nothing.
fn effort(thinking: Thinking) -> Option<&'static str> {
    match thinking {
        Thinking::Off => Some("none"),
        Thinking::Auto => None,
        Thinking::Level(level) => Some(level.as_str()),
        Thinking::Budget(tokens) => Some(level_of(tokens).as_str()),
    }
}

/// How many tokens a level stands for where only budgets are taken.
const fn budget_of(level: ThinkingLevel) -> u32 {
    match level {
        ThinkingLevel::Minimal => 512,
        ThinkingLevel::Low => 1024,
        ThinkingLevel::Medium => 8192,
        ThinkingLevel::High => 24_576,
        ThinkingLevel::ExtraHigh => 32_768,
        ThinkingLevel::Max => 128_000,
    }
}

/// The level whose budget is enough for so many tokens. Never `max`, which many models lack: who
/// wants that says it.
const fn level_of(tokens: u32) -> ThinkingLevel {
    match tokens {
        0..=512 => ThinkingLevel::Minimal,
        513..=1024 => ThinkingLevel::Low,
        1025..=8192 => ThinkingLevel::Medium,
        8193..=24_576 => ThinkingLevel::High,
        _ => ThinkingLevel::ExtraHigh,
    }
}

/// `word` as JSON; the words here need no escapes.
fn quoted(word: &str) -> String {
    format!("\"{word}\"")
}

fn object_of(members: &[(&str, &str)]) -> String {
    let members: Vec<String> =
        members.iter().map(|(key, json)| format!("{}:{json}", quoted(key))).collect();
    format!("{{{}}}", members.join(","))
}

/// The changes to one body while they are collected.
struct Change<'a> {
    body: &'a [u8],
    edits: Edits,
}

impl Change<'_> {
    /// Sets and removes members of the object that `owner` has at `key`. Where there is none, one
    /// is made if there is something to set.
    fn inside(&mut self, owner: JsonPart<'_>, key: &str, set: &[(&str, &str)], removed: &[&str]) {
        let settings = values_at(owner, key);
        if !settings.is_empty() && settings.iter().all(|value| value.is_object()) {
            for object in settings {
                let is_removed = |key: &str| removed.contains(&key);
                self.edits.change_members(self.body, object, set, is_removed);
            }
        } else if !set.is_empty() {
            self.edits.set_member(self.body, owner, key, &object_of(set));
        }
    }
}

/// Every value that `owner` has at `key`: of a key that is written twice both must change.
fn values_at<'a>(owner: JsonPart<'a>, key: &str) -> Vec<JsonPart<'a>> {
    let members = owner.members().unwrap_or_default();
    members.into_iter().filter(|member| member.key == key).map(|member| member.value).collect()
}
