//! Gemini's thinking: a budget up to 2.5, a level from 3 on, never both.
//!
//! | model               | takes                              |
//! | ------------------- | ---------------------------------- |
//! | 2.5 Pro             | 128 to 32768, never off            |
//! | 2.5 Flash           | 0 to 24576                         |
//! | 2.5 Flash Lite      | 512 to 24576, or 0                 |
//! | 3 Pro               | low, high                          |
//! | 3.1 Pro and later 3 | low, medium, high                  |
//! | 3 Flash and others  | minimal, low, medium, high         |
//!
//! A level that a model lacks becomes the next higher one it has, or its highest. No model of 3 can
//! be turned off; the least level is the nearest to it. Google reads both spellings of a field
//! (`generationConfig`, `generation_config`), so both are looked for.

use super::{Change, budget_of, level_of, object_of, quoted, values_at};
use crate::body::JsonPart;
use crate::types::{Thinking, ThinkingLevel};

const GENERATION_CONFIG: [&str; 2] = ["generationConfig", "generation_config"];
const THINKING_CONFIG: [&str; 2] = ["thinkingConfig", "thinking_config"];
const BUDGET: &str = "thinkingBudget";
const LEVEL: &str = "thinkingLevel";
const SETTINGS: [&str; 4] = [BUDGET, "thinking_budget", LEVEL, "thinking_level"];

pub(super) fn note(change: &mut Change<'_>, whole: JsonPart<'_>, model: &str, thinking: Thinking) {
    let setting = Family::of(model).setting(thinking);
    let set: Vec<(&str, &str)> = setting.iter().map(|(key, json)| (*key, json.as_str())).collect();
    for key in spelt(whole, GENERATION_CONFIG) {
        let configs = values_at(whole, key);
        if !configs.is_empty() && configs.iter().all(|config| config.is_object()) {
            for config in configs {
                for key in spelt(config, THINKING_CONFIG) {
                    change.inside(config, key, &set, &SETTINGS);
                }
            }
        } else if !set.is_empty() {
            let config = object_of(&[(THINKING_CONFIG[0], &object_of(&set))]);
            change.edits.set_member(change.body, whole, key, &config);
        }
    }
}

/// The spellings that an object uses; the first, which is Google's own, where it uses none.
fn spelt(object: JsonPart<'_>, spellings: [&'static str; 2]) -> Vec<&'static str> {
    let used: Vec<_> = spellings.into_iter().filter(|key| object.get(key).is_some()).collect();
    if used.is_empty() { vec![spellings[0]] } else { used }
}

/// A member of `thinkingConfig`; `None` for what is said by saying nothing.
type Setting = Option<(&'static str, String)>;

/// Which scale a model knows.
#[derive(Clone, Copy)]
enum Family {
    Budget {
        off: u32,
        least: u32,
        most: u32,
    },
    /// Least first.
    Level(&'static [ThinkingLevel]),
    Unknown,
}

impl Family {
    fn of(model: &str) -> Self {
        use ThinkingLevel::{High, Low, Medium, Minimal};
        let model = model.to_ascii_lowercase();
        let Some((_, name)) = model.split_once("gemini-") else { return Self::Unknown };
        if name.starts_with("2.5") {
            let (off, least, most) = if name.contains("pro") {
                (128, 128, 32_768)
            } else if name.contains("lite") {
                (0, 512, 24_576)
            } else {
                (0, 0, 24_576)
            };
            return Self::Budget { off, least, most };
        }
        if name.starts_with("3-pro") {
            Self::Level(&[Low, High])
        } else if name.starts_with("3-") || name.starts_with("3.") {
            let has_minimal = !name.contains("pro");
            Self::Level(if has_minimal {
                &[Minimal, Low, Medium, High]
            } else {
                &[Low, Medium, High]
            })
        } else {
            Self::Unknown
        }
    }

    fn setting(self, thinking: Thinking) -> Setting {
        let budget = |tokens: u32| Some((BUDGET, tokens.to_string()));
        let level = |level: ThinkingLevel| Some((LEVEL, quoted(&level.as_str().to_uppercase())));
        match (self, thinking) {
            (Self::Budget { off, .. }, Thinking::Off) => budget(off),
            (Self::Budget { .. }, Thinking::Auto) => Some((BUDGET, "-1".to_owned())),
            (Self::Budget { least, most, .. }, Thinking::Level(wanted)) => {
                budget(budget_of(wanted).clamp(least, most))
            }
            (Self::Budget { least, most, .. }, Thinking::Budget(tokens)) => {
                budget(tokens.clamp(least, most))
            }
            (Self::Level(known), Thinking::Off) => level(known[0]),
            (Self::Level(known), Thinking::Level(wanted)) => level(nearest(known, wanted)),
            (Self::Level(known), Thinking::Budget(tokens)) => {
                level(nearest(known, level_of(tokens)))
            }
            (Self::Unknown, Thinking::Off) => budget(0),
            (Self::Unknown, Thinking::Level(wanted)) => level(wanted),
            (Self::Unknown, Thinking::Budget(tokens)) => budget(tokens),
            // The models' own way, and no other word for it is known to all of them.
            (Self::Level(_) | Self::Unknown, Thinking::Auto) => None,
        }
    }
}

fn nearest(known: &[ThinkingLevel], wanted: ThinkingLevel) -> ThinkingLevel {
    let enough = known.iter().find(|level| **level >= wanted);
    enough.or(known.last()).copied().unwrap_or(wanted)
}
