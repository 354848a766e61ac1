//! Which keys exist, and where: answers "did you mean".

use std::fmt;
use std::sync::LazyLock;

use serde_ignored::Path;
use serde_json::Value;

use super::raw::RawSettings;

/// Null is a value, an array a list of what it holds, an object a section.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::to_value(RawSettings::default()).expect("the raw structs have text keys only")
});

/// How alike two keys must be before one is offered for the other (1 is equal). Lower values
/// offered `host` for `cost`.
const ALIKE: f64 = 0.85;

/// One step into a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Index(usize),
}

/// The way to a value: `claude-api-key[0].base-url`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPath(pub Vec<Step>);

impl KeyPath {
    pub fn of_keys(keys: &[String]) -> Self {
        Self(keys.iter().cloned().map(Step::Key).collect())
    }

    pub fn of_ignored(path: &Path<'_>) -> Self {
        let mut steps = Vec::new();
        let mut rest = path;
        loop {
            rest = match rest {
                Path::Root => break,
                Path::Map { parent, key } => {
                    steps.push(Step::Key(key.clone()));
                    parent
                }
                Path::Seq { parent, index } => {
                    steps.push(Step::Index(*index));
                    parent
                }
                Path::Some { parent }
                | Path::NewtypeStruct { parent }
                | Path::NewtypeVariant { parent } => parent,
            };
        }
        steps.reverse();
        Self(steps)
    }

    /// The last key, and the path to the section it stands in.
    pub fn split_last(&self) -> (Self, &str) {
        match self.0.split_last() {
            Some((Step::Key(key), parent)) => (Self(parent.to_vec()), key),
            _ => (self.clone(), ""),
        }
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if position == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// What stands at the top: null is a value, an array a list of what it holds, an object a section.
pub fn root() -> &'static Value {
    &SCHEMA
}

/// What stands at a path; `None` when no such key exists.
pub fn find(path: &KeyPath) -> Option<&'static Value> {
    path.0.iter().try_fold(&*SCHEMA, |at, step| match step {
        Step::Key(key) => at.get(key),
        Step::Index(_) => at.get(0),
    })
}

/// What to do about a key that does not exist.
pub fn advice(path: &KeyPath) -> String {
    let (parent, key) = path.split_last();
    let here = find(&parent).and_then(Value::as_object);
    let nearest = here
        .into_iter()
        .flat_map(|section| section.keys())
        .map(|known| (strsim::jaro_winkler(known, key), known))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    if let Some((_, known)) = nearest {
        return format!("is not a key ampgate knows; did you mean `{known}`?");
    }
    if let Some(section) = section_with(&SCHEMA, key, "") {
        return format!("is not a key ampgate knows here; it belongs under `{section}`");
    }
    "is not a key ampgate knows; config/ampgate.example.yaml lists them all".to_owned()
}

/// The first section of the top level that knows `key`.
fn section_with(at: &'static Value, key: &str, name: &str) -> Option<String> {
    let object = at.get(0).unwrap_or(at).as_object()?;
    if !name.is_empty() && object.contains_key(key) {
        return Some(name.to_owned());
    }
    object.iter().find_map(|(inner, value)| {
        let name = if name.is_empty() { inner.clone() } else { format!("{name}.{inner}") };
        section_with(value, key, &name)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use config::{File, FileFormat, Source as _};

    use super::*;

    /// Every path of a tree, lists without their indexes.
    fn paths(at: &Value, name: &str, found: &mut BTreeSet<String>) {
        match at {
            Value::Object(section) => {
                for (key, value) in section {
                    let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                    paths(value, &name, found);
                    found.insert(name);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| paths(item, name, found)),
            _ => {}
        }
    }

    /// Setting lines that are commented out begin with `#` and no space, or stand deeper by two
    /// spaces or more; explanations by one.
    fn without_comment_marks(example: &str) -> String {
        let uncommented = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') || rest.starts_with("  ") => rest.to_owned(),
            _ => line.to_owned(),
        };
        example.lines().map(uncommented).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_example_file_explains_every_key_there_is() {
        let example = without_comment_marks(include_str!("../../config/ampgate.example.yaml"));
        let example = File::from_str(&example, FileFormat::Yaml).collect().unwrap();
        let example: Value = config::Value::from(example).try_deserialize().unwrap();
        let (mut written, mut known) = (BTreeSet::new(), BTreeSet::new());

        paths(&example, "", &mut written);
        paths(&SCHEMA, "", &mut known);
        written.retain(|path| !path.contains(".headers."));

        assert_eq!(known.difference(&written).collect::<Vec<_>>(), [""; 0], "not explained");
        assert_eq!(written.difference(&known).collect::<Vec<_>>(), [""; 0], "not a key");
    }

    fn key(name: &str) -> Step {
        Step::Key(name.to_owned())
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest_known_one() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (vec![key("prot")],                                          "did you mean `port`?"),
            (vec![key("claude-api-key"), Step::Index(3), key("base-ulr")], "did you mean `base-url`?"),
            (vec![key("claude-api-key"), Step::Index(0), key("model")],  "did you mean `models`?"),
            (vec![key("timeouts"), key("first-bite")],                   "did you mean `first-byte`?"),
            (vec![key("openai-api-keys")],                               "did you mean `openai-api-key`?"),
            (vec![key("idle")],                                          "it belongs under `timeouts`"),
            (vec![key("secret-ttl")],                                    "it belongs under `ampcode`"),
            (vec![key("wibble")],                                        "lists them all"),
        ];
        for (steps, expected) in cases {
            let path = KeyPath(steps);
            let advice = advice(&path);
            assert!(advice.ends_with(expected), "{path}: {advice}");
        }
    }

    #[test]
    fn a_path_prints_as_its_reader_would_write_it() {
        let path = KeyPath(vec![key("a-b"), Step::Index(0), key("c"), key("d"), Step::Index(12)]);

        assert_eq!(path.to_string(), "a-b[0].c.d[12]");
    }
}
