//! Claude's thinking: a budget of tokens for older models, adaptive with an effort for newer ones.
//!
//! Up to 4.5 a Claude model takes `enabled` with a budget only. 4.6 takes both and calls the budget
//! deprecated; from 4.7 on `enabled` is refused (400). So a level becomes an effort as soon as the
//! model has one, and a budget stays a budget for as long as the model takes it. A Claude without a
//! version in its name is a new one (`claude-mythos-preview`) or an alias that follows the newest.
//! What is not Claude but speaks the dialect took its shape from the older form.
//!
//! `minimal` is no effort of Claude's: it becomes `low`. `xhigh` came with 4.7; of the 4.6 models
//! only Opus is known to have `max`.
//!
//! Thinking excludes a few other settings, and the request would be refused with both. The suffix
//! was written on purpose, so tuning gives way to it: a `temperature` other than 1, `top_k`, a
//! `top_p` below 0.95. What the answer must be does not give way; then the call goes out without
//! `thinking`, which no model refuses:
//! - a tool is forced (`tool_choice` of `any` or `tool`);
//! - `max_tokens` leaves no room for the least budget of 1024; with a little more room, the budget
//!   shrinks to one token less;
//! - with a budget, the last assistant turn calls tools and does not begin with its thinking block.
//!
//! Off is said as `disabled` even to the few models that cannot stop thinking: their refusal is the
//! honest answer. `count_tokens` takes the same settings, without `max_tokens`.

use super::{Change, budget_of, level_of, quoted, values_at};
use crate::body::JsonPart;
use crate::types::{Thinking, ThinkingLevel};

const THINKING: &str = "thinking";
const OUTPUT_CONFIG: &str = "output_config";
const EFFORT: &str = "effort";

const LEAST_BUDGET: u64 = 1024;

/// What the body should say.
#[derive(Clone, Copy)]
enum Setting {
    Off,
    Budget(u64),
    /// With an effort, or with the model's own.
    Adaptive(Option<&'static str>),
}

pub(super) fn note(change: &mut Change<'_>, whole: JsonPart<'_>, model: &str, thinking: Thinking) {
    let mut removed: Vec<String> = Vec::new();
    let setting = setting(Form::of(model), thinking);
    let fits = match setting {
        Setting::Off => {
            change.edits.set_member(change.body, whole, THINKING, r#"{"type":"disabled"}"#);
            return;
        }
        Setting::Budget(budget) => budget_that_fits(whole, budget)
            .filter(|_| !is_tool_forced(whole) && !has_bare_tool_turn(whole))
            .map(Setting::Budget),
        Setting::Adaptive(_) => (!is_tool_forced(whole)).then_some(setting),
    };
    match fits {
        Some(Setting::Budget(budget)) => {
            let budget = budget.to_string();
            let set = [("type", "\"enabled\""), ("budget_tokens", budget.as_str())];
            change.inside(whole, THINKING, &set, &[]);
        }
        Some(_) => change.inside(whole, THINKING, &[("type", "\"adaptive\"")], &["budget_tokens"]),
        None => removed.push(THINKING.to_owned()),
    }
    if fits.is_some() {
        removed.extend(excluded_by_thinking(whole));
    }
    match setting {
        // Effort also says how much the answer may cost, so it is set when thinking had to go.
        Setting::Adaptive(Some(effort)) => {
            change.inside(whole, OUTPUT_CONFIG, &[(EFFORT, &quoted(effort))], &[]);
        }
        Setting::Adaptive(None) if has_only_effort(whole) => removed.push(OUTPUT_CONFIG.to_owned()),
        Setting::Adaptive(None) => change.inside(whole, OUTPUT_CONFIG, &[], &[EFFORT]),
        Setting::Budget(_) | Setting::Off => {}
    }
    change.edits.remove_members(change.body, whole, |key| removed.iter().any(|gone| gone == key));
}

fn setting(form: Form, thinking: Thinking) -> Setting {
    match (thinking, form) {
        (Thinking::Off, _) => Setting::Off,
        (Thinking::Auto, Form::Budget) => Setting::Budget(budget_of(ThinkingLevel::High).into()),
        (Thinking::Auto, _) => Setting::Adaptive(None),
        (Thinking::Level(level), Form::Budget) => Setting::Budget(budget_of(level).into()),
        (Thinking::Level(level), _) => Setting::Adaptive(Some(form.effort(level))),
        (Thinking::Budget(tokens), Form::Adaptive) => {
            Setting::Adaptive(Some(form.effort(level_of(tokens))))
        }
        (Thinking::Budget(tokens), _) => Setting::Budget(tokens.into()),
    }
}

/// Which way of thinking a model knows.
#[derive(Clone, Copy)]
enum Form {
    Budget,
    /// 4.6: budget and adaptive.
    Both {
        has_max: bool,
    },
    Adaptive,
}

impl Form {
    fn of(model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        let Some((_, name)) = model.split_once("claude-") else { return Self::Budget };
        match version(name) {
            Some(version) if version < (4, 6) => Self::Budget,
            Some((4, 6)) => Self::Both { has_max: name.contains("opus") },
            Some(_) | None => Self::Adaptive,
        }
    }

    fn effort(self, level: ThinkingLevel) -> &'static str {
        match (level, self) {
            (ThinkingLevel::Minimal, _) => ThinkingLevel::Low,
            (ThinkingLevel::ExtraHigh | ThinkingLevel::Max, Self::Both { has_max: true }) => {
                ThinkingLevel::Max
            }
            (ThinkingLevel::ExtraHigh | ThinkingLevel::Max, Self::Both { has_max: false }) => {
                ThinkingLevel::High
            }
            (level, _) => level,
        }
        .as_str()
    }
}

/// The version in `opus-4-6`, `3-5-sonnet-20241022`, `4.7-opus`, `opus-4-5@20251101`: the first
/// number, and the one directly behind it. A date is longer than a version.
fn version(name: &str) -> Option<(u8, u8)> {
    let number = |part: &str| if part.len() <= 2 { part.parse::<u8>().ok() } else { None };
    let mut parts = name.split(['-', '.', '@', ':']);
    let major = parts.find_map(number)?;
    Some((major, parts.next().and_then(number).unwrap_or(0)))
}

fn budget_that_fits(whole: JsonPart<'_>, budget: u64) -> Option<u64> {
    let budget = budget.max(LEAST_BUDGET);
    let max_tokens: Option<u64> = whole.get("max_tokens").and_then(|max| max.raw().parse().ok());
    match max_tokens {
        Some(max) if budget >= max => max.checked_sub(1).filter(|most| *most >= LEAST_BUDGET),
        Some(_) | None => Some(budget),
    }
}

fn is_tool_forced(whole: JsonPart<'_>) -> bool {
    let choice = whole.get("tool_choice");
    choice.is_some_and(|choice| matches!(type_of(choice).as_deref(), Some("any" | "tool")))
}

/// Whether the last assistant turn calls a tool without having thought first: a history from before
/// the suffix, or of a client that does not send thinking back.
fn has_bare_tool_turn(whole: JsonPart<'_>) -> bool {
    let messages = whole.get("messages").and_then(JsonPart::elements).unwrap_or_default();
    let is_assistant = |message: &JsonPart<'_>| {
        message.get("role").and_then(JsonPart::text).is_some_and(|role| role == "assistant")
    };
    let last = messages.into_iter().rfind(is_assistant);
    let blocks = last
        .and_then(|message| message.get("content"))
        .and_then(JsonPart::elements)
        .unwrap_or_default();
    let types: Vec<_> =
        blocks.into_iter().map(|block| type_of(block).unwrap_or_default()).collect();
    let thought = types
        .first()
        .is_some_and(|first| matches!(first.as_str(), "thinking" | "redacted_thinking"));
    types.iter().any(|kind| kind == "tool_use") && !thought
}

fn type_of(part: JsonPart<'_>) -> Option<String> {
    Some(part.get("type")?.text()?.into_owned())
}

fn excluded_by_thinking(whole: JsonPart<'_>) -> impl Iterator<Item = String> {
    whole.members().unwrap_or_default().into_iter().filter_map(|member| {
        let number: f64 = member.value.raw().parse().ok()?;
        let is_excluded = match member.key.as_ref() {
            "temperature" => (number - 1.0).abs() > f64::EPSILON,
            "top_p" => number < 0.95,
            "top_k" => true,
            _ => false,
        };
        is_excluded.then(|| member.key.into_owned())
    })
}

fn has_only_effort(whole: JsonPart<'_>) -> bool {
    let configs = values_at(whole, OUTPUT_CONFIG);
    !configs.is_empty()
        && configs.iter().all(|config| {
            config.members().is_some_and(|members| {
                !members.is_empty() && members.iter().all(|member| member.key == EFFORT)
            })
        })
}
