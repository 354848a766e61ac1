//! How hard a model should think, as a client writes it behind the model's name: `gpt-5(high)`,
//! `claude-opus-5(8192)`.

use std::fmt;

use super::ModelName;

/// What the suffix asks for. How each dialect says it is decided elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinking {
    /// `(none)` or `(0)`
    Off,
    /// `(auto)` or `(-1)`: as much as the model sees fit.
    Auto,
    Level(ThinkingLevel),
    /// At most so many tokens.
    Budget(u32),
}

/// The levels that at least one dialect has a word for, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ThinkingLevel {
    Minimal,
    Low,
    Medium,
    High,
    ExtraHigh,
    Max,
}

impl ThinkingLevel {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::ExtraHigh => "xhigh",
            Self::Max => "max",
        }
    }
}

impl fmt::Display for ThinkingLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Thinking {
    /// Reads what stands between the parentheses; `None` when it is no setting.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        Some(match text.as_str() {
            "none" | "0" => Self::Off,
            "auto" | "-1" => Self::Auto,
            "minimal" => Self::Level(ThinkingLevel::Minimal),
            "low" => Self::Level(ThinkingLevel::Low),
            "medium" => Self::Level(ThinkingLevel::Medium),
            "high" => Self::Level(ThinkingLevel::High),
            "xhigh" => Self::Level(ThinkingLevel::ExtraHigh),
            "max" => Self::Level(ThinkingLevel::Max),
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                Self::Budget(number.parse().ok()?)
            }
            _ => return None,
        })
    }
}

impl ModelName {
    /// The name without its thinking suffix, and what the suffix asks for. Parentheses that hold
    /// anything else are part of the name.
    #[must_use]
    pub fn split_thinking(&self) -> (Self, Option<Thinking>) {
        let whole = || (self.clone(), None);
        let Some((bare, rest)) = self.as_str().rsplit_once('(') else { return whole() };
        let thinking = rest.strip_suffix(')').and_then(Thinking::parse);
        match (Self::parse(bare), thinking) {
            (Some(bare), Some(thinking)) => (bare, Some(thinking)),
            _ => whole(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_is_split_off_only_when_it_is_a_setting() {
        use Thinking::{Auto, Budget, Level, Off};
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // written,             name,            asks for,                         why
            ("gpt-5",               "gpt-5",         None,                             "no suffix"),
            ("gpt-5(high)",         "gpt-5",         Some(Level(ThinkingLevel::High)), "a level"),
            ("gpt-5(XHigh)",        "gpt-5",         Some(Level(ThinkingLevel::ExtraHigh)), "case-insensitive"),
            ("gpt-5 ( max )",       "gpt-5",         Some(Level(ThinkingLevel::Max)),  "white space"),
            ("claude-x(8192)",      "claude-x",      Some(Budget(8192)),               "a budget"),
            ("claude-x(0)",         "claude-x",      Some(Off),                        "no tokens is off"),
            ("claude-x(none)",      "claude-x",      Some(Off),                        "off"),
            ("claude-x(auto)",      "claude-x",      Some(Auto),                       "the model decides"),
            ("claude-x(-1)",        "claude-x",      Some(Auto),                       "Gemini's word for auto"),
            ("a(b)(low)",           "a(b)",          Some(Level(ThinkingLevel::Low)),  "the last one counts"),
            ("llama(beta)",         "llama(beta)",   None,                             "part of the name"),
            ("m(-2)",               "m(-2)",         None,                             "no budget"),
            ("m(99999999999)",      "m(99999999999)", None,                            "no budget anybody means"),
            ("m()",                 "m()",           None,                             "empty"),
            ("m(high",              "m(high",        None,                             "not closed"),
            ("(high)",              "(high)",        None,                             "no name left"),
        ];
        for (written, name, thinking, why) in cases {
            let (bare, asked) = ModelName::parse(written).unwrap().split_thinking();
            assert_eq!((bare.as_str(), asked), (name, thinking), "{written}: {why}");
        }
    }
}
