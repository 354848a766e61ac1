use boon::{Compiler, Draft, SchemaIndex, Schemas};
use config::{File, FileFormat, Source as _};

use super::*;
use crate::config::{ConfigError, Sources, WarningKind, load_text};

const COMMITTED: &str = include_str!("../../../config/ampgate.schema.json");

/// A schema that documents can be held against. Compiled, it has been held against draft 2020-12.
struct Validator(Schemas, SchemaIndex);

impl Validator {
    fn new() -> Self {
        let place = "https://ampgate.test/schema.json";
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.add_resource(place, json_schema()).unwrap();
        let mut schemas = Schemas::new();
        let index = compiler.compile(place, &mut schemas).unwrap();
        Self(schemas, index)
    }

    fn problem(&self, document: &Value) -> Option<String> {
        self.0.validate(document, self.1).err().map(|error| format!("{error:#}"))
    }
}

fn yaml(text: &str) -> Value {
    let values = File::from_str(text, FileFormat::Yaml).collect().unwrap();
    config::Value::from(values).try_deserialize().unwrap()
}

/// Every path of a value, with the shape of the value.
fn leaves(shape: &Value, path: &str, found: &mut Vec<String>) {
    match shape {
        Value::Object(keys) => {
            keys.iter().for_each(|(key, inner)| leaves(inner, &join(path, key), found));
        }
        Value::Array(items) => items.iter().for_each(|item| leaves(item, path, found)),
        _ => found.push(path.to_owned()),
    }
}

fn all_keys(shape: &Value, path: &str, found: &mut Vec<String>) {
    match shape {
        Value::Object(keys) => {
            for (key, inner) in keys {
                found.push(join(path, key));
                all_keys(inner, &join(path, key), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| all_keys(item, path, found)),
        _ => {}
    }
}

#[test]
fn every_key_has_a_form_and_no_form_is_without_a_key() {
    let mut paths = Vec::new();
    leaves(root(), "", &mut paths);

    let without: Vec<_> = paths.iter().filter(|path| kinds::row(path).is_none()).collect();
    assert!(without.is_empty(), "give these a row in `KINDS` (kinds.rs): {without:?}");
    let used: Vec<_> = paths.iter().filter_map(|path| kinds::row(path)).map(|row| row.0).collect();
    let unused: Vec<_> = kinds::KINDS.iter().filter(|(name, _)| !used.contains(name)).collect();
    assert!(unused.is_empty(), "no key is called like this: {unused:?}");
}

#[test]
fn every_key_is_explained() {
    let mut paths = Vec::new();
    all_keys(root(), "", &mut paths);
    let explanations = Explanations::of_example_file();

    let without: Vec<_> = paths.iter().filter(|path| explanations.find(path).is_none()).collect();

    assert!(
        without.is_empty(),
        "explain these in config/ampgate.example.yaml, in a comment above the key, or above its \
         section or a key beside it with the name in backticks: {without:?}"
    );
}

#[test]
fn an_explanation_is_found_where_the_file_has_it() {
    let explanations = Explanations::parse(
        "# Not this.\n\n# The port.\nport: 1\n# Keys, each with a `name`.\nlist:\n#  - \"plain\"\n\
         #  - name: \"a\"\n#    # How it is\n#    # weighed.\n#    weight: 1\n#    other: 2\n\
         # One of several.\nclaude-api-key:\n#  # Opens it.\n#  - api-key: \"k\"\n\
         #    api-key-file: \"f\"\nopenai-api-key:\n#  - api-key: \"k\"\n",
    );
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("port",                        Some("The port."),                 "the comment above"),
        ("list.name",                   Some("Keys, each with a `name`."), "the section names it"),
        ("list.weight",                 Some("How it is weighed."),        "inside a list that is commented out"),
        ("list.other",                  None,                              "nobody names it"),
        ("claude-api-key.api-key-file", Some("Path of a file with `api-key`. Opens it."), "a secret's second way"),
        ("openai-api-key.api-key",      Some("Opens it."),                 "explained once for all lists"),
    ];
    for (path, expected, why) in cases {
        assert_eq!(explanations.find(path).as_deref(), expected, "{path}: {why}");
    }
}

#[test]
fn what_the_project_shows_fits_the_schema() {
    let validator = Validator::new();
    let example = include_str!("../../../config/ampgate.example.yaml");
    let uncommented: Vec<&str> = example
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') || rest.starts_with("  ") => rest,
            _ => line,
        })
        .collect();
    let files = [
        ("the example", example),
        ("the example, every key", &uncommented.join("\n")),
        ("compose.yaml", include_str!("../../../config/compose.yaml")),
        ("CLIProxyAPI's", include_str!("../../../tests/fixtures/config/cliproxyapi.yaml")),
        ("layers.yaml", include_str!("../../../tests/fixtures/config/layers.yaml")),
        (
            "old names",
            "amp-upstream-url: https://a.test\namp-restrict-management-to-localhost: true",
        ),
    ];
    for (name, text) in files {
        assert_eq!(validator.problem(&yaml(text)), None, "{name}");
    }
}

#[test]
fn what_is_wrong_does_not_fit_the_schema() {
    let validator = Validator::new();
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (json!({ "prot": 1 }),                                          "a key that is not there"),
        (json!({ "port": 70_000 }),                                     "a port too high"),
        (json!({ "port": "http" }),                                     "a word for a number"),
        (json!({ "log": { "level": "loud" } }),                         "no such word"),
        (json!({ "timeouts": { "idle": 30 } }),                         "no unit"),
        (json!({ "timeouts": "5m" }),                                   "no section"),
        (json!({ "api-keys": "k" }),                                    "no list"),
        (json!({ "api-keys": [7] }),                                    "a key without quotes"),
        (json!({ "api-keys": [{ "nam": "a" }] }),                       "a slip in a list"),
        (json!({ "claude-api-key": ["sk"] }),                           "a text where a map belongs"),
        (json!({ "claude-api-key": [{ "long-context": "yes" }] }),      "no such word"),
        (json!({ "claude-api-key": [{ "headers": { "x-a": 1 } }] }),    "a field's value without quotes"),
        (json!({ "oauth": [{ "dialect": "latin" }] }),                   "no such word"),
        (json!({ "openai-compatibility": [{ "models": [{ "nam": "a" }] }] }), "a slip deep inside"),
        (json!([]),                                                     "no map at all"),
    ];
    for (document, why) in cases {
        assert!(validator.problem(&document).is_some(), "{why}: {document}");
    }
}

/// Without these the reader looks at nothing else in such an entry.
fn needed(list: &str) -> Value {
    match list {
        "model-mappings" => json!({ "from": "a", "to": "b" }),
        "oauth" => json!({
            "name": "a", "dialect": "openai", "base-url": "https://a.test", "client-id": "c",
            "authorize-url": "https://a.test/authorize", "token-url": "https://a.test/token",
        }),
        "openai-compatibility" => json!({ "name": "a", "base-url": "https://a.test" }),
        "azure-openai" => json!({ "base-url": "https://a.test" }),
        _ => json!({}),
    }
}

/// The document in which `path` is written, in the first entry of each list on its way, with what
/// such an entry needs.
fn document(shape: &Value, keys: &[&str], value: &Value) -> Value {
    let [key, rest @ ..] = keys else { return value.clone() };
    let inner = match &shape[*key] {
        Value::Array(items) => {
            let mut entry = document(&items[0], rest, value);
            if let (Value::Object(entry), Value::Object(needed)) = (&mut entry, needed(key))
                && !rest.is_empty()
            {
                needed.into_iter().for_each(|(key, value)| {
                    entry.entry(key).or_insert(value);
                });
            }
            json!([entry])
        }
        inner => document(inner, rest, value),
    };
    json!({ (*key): inner })
}

/// Whether the reader says that the value at `path` cannot be.
fn reader_refuses(document: &Value, path: &str) -> bool {
    let without_indexes = |path: &str| path.replace("[0]", "");
    match load_text(&document.to_string(), &Sources::default()) {
        // A mapping that cannot work is left out, and said so.
        Ok(loaded) => loaded.warnings.iter().any(|w| w.kind == WarningKind::Skipped),
        Err(ConfigError { problems, .. }) => {
            problems.iter().any(|problem| without_indexes(&problem.path) == path)
        }
    }
}

/// An editor that marks what works is worse than none.
#[test]
fn the_schema_refuses_no_value_that_the_reader_takes() {
    let validator = Validator::new();
    let mut paths = Vec::new();
    leaves(root(), "", &mut paths);
    let values = [
        json!(true),
        json!("false"),
        json!("auto"),
        json!(7),
        json!(-7),
        json!("7"),
        json!(7.5),
        json!(100_000_000),
        json!("30s"),
        json!("1h 30m"),
        json!("64KiB"),
        json!("64 MB"),
        json!("https://a.test"),
        json!({}),
        json!([]),
    ];
    let mut taken = 0;
    for path in &paths {
        let keys: Vec<&str> = path.split('.').collect();
        for value in &values {
            let document = document(root(), &keys, value);
            if reader_refuses(&document, path) {
                continue;
            }
            taken += 1;
            assert_eq!(validator.problem(&document), None, "the reader takes {document}");
        }
    }
    assert!(taken > paths.len(), "the reader takes hardly anything");
}

/// Of words, switches and numbers the schema knows as much as the reader does.
#[test]
fn the_schema_takes_no_value_of_a_closed_form_that_the_reader_refuses() {
    let validator = Validator::new();
    let mut paths = Vec::new();
    leaves(root(), "", &mut paths);
    let values =
        [json!(true), json!("yes"), json!(7), json!(-7), json!("7"), json!(100_000_000), json!([])];
    let is_closed = |path: &&String| {
        use kinds::Kind::{Choice, Flag, FlagOr, Integer};
        matches!(kinds::find(path), Some(Flag | FlagOr { .. } | Integer { .. } | Choice { .. }))
    };
    for path in paths.iter().filter(is_closed) {
        let keys: Vec<&str> = path.split('.').collect();
        for value in &values {
            // The limits of a number in quotes are not a pattern's business.
            let document = document(root(), &keys, value);
            let is_refused = reader_refuses(&document, path);
            assert!(!is_refused || validator.problem(&document).is_some(), "{document}");
        }
    }
}

#[test]
fn the_committed_schema_is_the_one_that_the_program_prints() {
    let schema = serde_json::to_string_pretty(&json_schema()).unwrap();

    assert_eq!(
        COMMITTED.trim_end(),
        schema,
        "renew it: cargo run -q -- schema > config/ampgate.schema.json"
    );
}
