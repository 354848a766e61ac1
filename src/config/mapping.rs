//! Models that are answered by others: which entries of `model-mappings` can work.
//!
//! When a mapping applies, and what becomes of a suffix such as `(high)`, is the router's to say.

use regex::{Regex, RegexBuilder};

use crate::types::ModelName;

use super::raw::RawMapping;
use super::reader::Reader;
use super::shapes::{List, Scalar, Section};

/// A model that clients ask for, answered by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelMapping {
    pub from: MappingFrom,
    pub to: ModelName,
}

/// Which models a mapping is for. Case never counts.
#[derive(Clone, Debug)]
pub enum MappingFrom {
    Exact(ModelName),
    /// Finds its place anywhere in a name, unless it says `^` or `$` itself.
    Pattern(Regex),
}

/// Most that a pattern may take once it is compiled. Real ones take a few KiB; a slip such as
/// `(\w{500}){500}` must not take the memory of the gateway.
const PATTERN_BYTES: usize = 1 << 20;

impl MappingFrom {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact(name) => name.as_str(),
            Self::Pattern(pattern) => pattern.as_str(),
        }
    }

    #[must_use]
    pub const fn is_pattern(&self) -> bool {
        matches!(self, Self::Pattern(_))
    }

    #[must_use]
    pub fn matches(&self, model: &str) -> bool {
        match self {
            Self::Exact(name) => name.as_str().eq_ignore_ascii_case(model),
            Self::Pattern(pattern) => pattern.is_match(model),
        }
    }

    /// Whether the two are for the same models, as far as their text tells. Names differ in more
    /// than case; of patterns nobody knows, as `\d` and `\D` are opposites.
    fn repeats(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(_), Self::Exact(name)) => self.matches(name.as_str()),
            _ => self == other,
        }
    }
}

/// By kind and text: a compiled pattern has no other identity.
impl PartialEq for MappingFrom {
    fn eq(&self, other: &Self) -> bool {
        self.is_pattern() == other.is_pattern() && self.as_str() == other.as_str()
    }
}

impl Eq for MappingFrom {}

impl Reader<'_> {
    /// The mappings that can work, in their order.
    pub fn mappings(&mut self, list: List<Section<RawMapping>>) -> Vec<ModelMapping> {
        let list_path = "ampcode.model-mappings";
        let mut mappings: Vec<(usize, ModelMapping)> = Vec::new();
        for (index, entry) in self.items(list_path, list).into_iter().enumerate() {
            let path = format!("{list_path}[{index}]");
            let raw = match entry {
                Section::Map(raw) => raw,
                Section::Other(Scalar::Absent) => RawMapping::default(),
                Section::Other(_) => {
                    self.problem(&path, "must be a map with `from` and `to`");
                    continue;
                }
            };
            let is_pattern = self.flag(&format!("{path}.regex"), &raw.regex);
            let mapping = match read(&raw, is_pattern) {
                Ok(mapping) => mapping,
                Err(why) => {
                    self.skip(&path, why);
                    continue;
                }
            };
            match mappings.iter().find(|(_, known)| known.from.repeats(&mapping.from)) {
                Some((first, _)) => {
                    let what = format!("has the `from` of {list_path}[{first}], which comes first");
                    self.warn(&path, what);
                }
                None => mappings.push((index, mapping)),
            }
        }
        mappings.into_iter().map(|(_, mapping)| mapping).collect()
    }
}

/// One mapping, or why it cannot work.
fn read(raw: &RawMapping, is_pattern: bool) -> Result<ModelMapping, String> {
    let (from, to) = (text("from", &raw.from)?, name("to", text("to", &raw.to)?)?);
    let from = if is_pattern {
        MappingFrom::Pattern(compile(from)?)
    } else {
        MappingFrom::Exact(name("from", from)?)
    };
    Ok(ModelMapping { from, to })
}

fn name(key: &str, text: &str) -> Result<ModelName, String> {
    ModelName::parse(text).ok_or_else(|| format!("`{key}` {}", ModelName::fault(text)))
}

/// A pattern may be longer than any name.
fn text<'a>(key: &str, scalar: &'a Scalar) -> Result<&'a str, String> {
    match scalar {
        Scalar::Absent => Err(format!("`{key}` is empty")),
        Scalar::Text(text) if text.trim().is_empty() => Err(format!("`{key}` is empty")),
        Scalar::Text(text) => Ok(text.trim()),
        Scalar::List | Scalar::Map => Err(format!("`{key}` must be a text, not {}", scalar.kind())),
        _ => Err(format!("`{key}` is {}; put it in quotes", scalar.kind())),
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let compiled =
        RegexBuilder::new(pattern).case_insensitive(true).size_limit(PATTERN_BYTES).build();
    compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "its pattern is too big".to_owned(),
        // The crate draws the pattern with a mark below; its last line says what is wrong.
        error => {
            let text = error.to_string();
            let what = text.lines().last().unwrap_or_default();
            format!("its pattern is wrong: {}", what.strip_prefix("error: ").unwrap_or(what))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(name: &str) -> MappingFrom {
        MappingFrom::Exact(ModelName::parse(name).unwrap())
    }

    fn pattern(text: &str) -> MappingFrom {
        MappingFrom::Pattern(compile(text).unwrap())
    }

    #[test]
    fn a_pattern_may_be_longer_than_any_name() {
        let names: Vec<String> = (0..100).map(|number| format!("model-{number}")).collect();
        let raw = RawMapping {
            from: Scalar::Text(format!("^({})$", names.join("|"))),
            to: Scalar::Text("b".to_owned()),
            ..RawMapping::default()
        };

        let mapping = read(&raw, true).unwrap();

        assert!(mapping.from.matches("model-99") && !mapping.from.matches("model-100"));
    }

    #[test]
    fn a_mapping_is_for_the_models_its_from_says() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // from,                 model,            fits,  why
            (exact("gpt-5"),         "gpt-5",          true,  "the name"),
            (exact("gpt-5"),         "GPT-5",          true,  "case is no matter"),
            (exact("gpt-5"),         "gpt-5-mini",     false, "a name is not a beginning"),
            (exact("gpt.5"),         "gpt-5",          false, "a name is not a pattern"),
            (pattern("gpt-5"),       "my-GPT-5-mini",  true,  "anywhere, in any case"),
            (pattern("^GPT-5$"),     "gpt-5",          true,  "anchored by itself"),
            (pattern("^gpt-5$"),     "gpt-5-mini",     false, "anchored by itself"),
            (pattern(r"^o[1-9]\b"),  "o3-mini",        true,  "classes and edges"),
            (pattern("opus|sonnet"), "claude-haiku",   false, "neither"),
        ];
        for (from, model, expected, why) in cases {
            assert_eq!(from.matches(model), expected, "{from:?} on {model}: {why}");
        }
    }

    #[test]
    fn a_mapping_repeats_another_when_the_first_would_always_win() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (exact("gpt-5"),  exact("GPT-5"),   true,  "names without case"),
            (exact("gpt-5"),  exact("gpt-5.1"), false, "two names"),
            (pattern(r"\d$"), pattern(r"\d$"),  true,  "one pattern"),
            (pattern(r"\d$"), pattern(r"\D$"),  false, "opposites"),
            (exact("gpt-5"),  pattern("gpt-5"), false, "the pattern is for more"),
        ];
        for (one, other, expected, why) in cases {
            assert_eq!(other.repeats(&one), expected, "{one:?} and {other:?}: {why}");
        }
    }
}
