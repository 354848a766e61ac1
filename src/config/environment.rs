//! Which key a variable means: `AMPGATE__AMPCODE__UPSTREAM_URL` is `ampcode.upstream-url`.
//!
//! `__` goes one section down, `_` is `-`. The `config` crate's own case conversion is not used: it
//! also splits at digits, and turns `KEY1` into `key-1`. Nor is its guessing of types: it would
//! read the key `1e5` as a number. Every value stays the text it is.

use std::collections::BTreeMap;

use config::{Map, Value};

use super::aliases;
use super::foreign;
use super::places::Places;
use super::problem::{Problem, Warning, WarningKind};
use super::schema::{self, KeyPath};

/// What a variable that sets a key begins with.
const PREFIX: &str = "AMPGATE__";

/// The lists short enough for a variable, with commas between the items.
const COMMA_LISTS: [&str; 2] = ["api-keys", "cors.allowed-origins"];

/// The layer the variables make.
#[derive(Default)]
pub struct Variables {
    pub values: Map<String, Value>,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
}

pub fn read(environment: &BTreeMap<String, String>, places: &mut Places) -> Variables {
    let mut layer = Variables::default();
    for (name, value) in environment {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            layer.warnings.extend(nearly_a_key(name, value));
            continue;
        };
        let keys: Vec<String> =
            rest.split("__").map(|key| key.to_ascii_lowercase().replace('_', "-")).collect();
        let path = match aliases::target(&keys.join(".")) {
            Some(path) => KeyPath::of_keys(&path.split('.').map(str::to_owned).collect::<Vec<_>>()),
            None => KeyPath::of_keys(&keys),
        };
        match value_for(&path, value) {
            Ok(value) => {
                let path = path.to_string();
                if layer.values.contains_key(&path) {
                    let what = format!("sets `{path}`, which another variable sets too; keep one");
                    layer.problems.push(about(name, what));
                    continue;
                }
                places.note(&path, name, &path);
                layer.values.insert(path, value);
            }
            Err(what) => layer.problems.push(about(name, what)),
        }
    }
    layer
}

fn about(name: &str, what: String) -> Problem {
    Problem { source: name.to_owned(), path: String::new(), what }
}

fn value_for(path: &KeyPath, value: &str) -> Result<Value, String> {
    let name = path.to_string();
    let root = KeyPath(path.0.iter().take(1).cloned().collect());
    match schema::find(path) {
        Some(serde_json::Value::Null) => Ok(Value::from(value)),
        Some(serde_json::Value::Array(_)) if COMMA_LISTS.contains(&name.as_str()) => {
            let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::from(items.map(str::to_owned).collect::<Vec<_>>()))
        }
        Some(serde_json::Value::Array(_)) => Err(format!(
            "sets `{name}`, a list of maps; write it in the file, where `*-env` takes its secrets \
             from variables"
        )),
        Some(_) => Err(format!("sets `{name}`, which is a section; set one of its keys")),
        None if foreign::reason(&root).is_some() || foreign::reason(path).is_some() => {
            Ok(Value::from(value))
        }
        None if is_inside_a_list(path) => Err(format!(
            "sets `{name}`, but an entry of a list cannot be set by a variable; write it in the \
             file, where `*-env` takes its secrets from variables"
        )),
        None => Err(format!("sets `{name}`, which {}", schema::advice(path))),
    }
}

fn is_inside_a_list(path: &KeyPath) -> bool {
    (1..path.0.len())
        .map(|length| KeyPath(path.0[..length].to_vec()))
        .any(|part| schema::find(&part).is_some_and(serde_json::Value::is_array))
}

/// `AMPGATE_HOST` is an easy slip. Kubernetes sets `AMPGATE_PORT=tcp://...` for a service called
/// `ampgate`, and that one is nobody's mistake.
fn nearly_a_key(name: &str, value: &str) -> Option<Warning> {
    let rest = name.strip_prefix("AMPGATE_")?;
    let key = rest.to_ascii_lowercase().replace('_', "-");
    schema::find(&KeyPath::of_keys(&[key]))?;
    if value.contains("://") && rest == "PORT" {
        return None;
    }
    let what = format!("has no effect; write {PREFIX}{rest}, with two underscores");
    Some(Warning { kind: WarningKind::Notice, source: name.to_owned(), path: String::new(), what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &Value) -> String {
        match value.clone().into_array() {
            Ok(items) => {
                let items: Vec<String> =
                    items.into_iter().map(|item| item.into_string().unwrap()).collect();
                format!("{items:?}")
            }
            Err(_) => value.to_string(),
        }
    }

    fn read_one(name: &str, value: &str) -> (String, String) {
        let environment = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let layer = read(&environment, &mut Places::default());
        let values = layer.values.iter().map(|(path, value)| format!("{path} = {}", shown(value)));
        let problems = layer.problems.iter().map(ToString::to_string);
        let warnings = layer.warnings.iter().map(ToString::to_string);
        (values.collect(), problems.chain(warnings).collect())
    }

    #[test]
    fn a_variable_sets_the_key_it_spells() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("AMPGATE__PORT",                  "8080",  "port = 8080"),
            ("AMPGATE__HOST",                  "",      "host = "),
            ("AMPGATE__AMPCODE__UPSTREAM_URL", "http://a", "ampcode.upstream-url = http://a"),
            ("AMPGATE__AMP_UPSTREAM_URL",      "http://a", "ampcode.upstream-url = http://a"),
            ("AMPGATE__API_KEYS",              "007, 1e5,", r#"api-keys = ["007", "1e5"]"#),
            ("AMPGATE__CORS__ALLOWED_ORIGINS", "*",     r#"cors.allowed-origins = ["*"]"#),
            ("AMPGATE__DEBUG",                 "true",  "debug = true"),
            ("AMPGATE__GPT_IMAGE_2_BASE_MODEL", "x",    "gpt-image-2-base-model = x"),
            ("AMPGATE_CONFIG",                 "a.yaml", ""),
            ("AMPGATE_PORT",                   "tcp://10.0.0.1:80", ""),
            ("AMPGATE_SERVICE_HOST",           "10.0.0.1", ""),
            ("PATH",                           "/bin",  ""),
        ];
        for (name, value, expected) in cases {
            assert_eq!(read_one(name, value), (expected.to_owned(), String::new()), "{name}");
        }
    }

    #[test]
    fn a_variable_that_sets_nothing_is_named() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("AMPGATE__PROT", "sets `prot`, which is not a key ampgate knows; did you mean `port`?"),
            ("AMPGATE__AMPCODE__UPSTREAM_ULR", "sets `ampcode.upstream-ulr`, which is not a key ampgate knows; did you mean `upstream-url`?"),
            ("AMPGATE__AMPCODE", "sets `ampcode`, which is a section; set one of its keys"),
            ("AMPGATE__CLAUDE_API_KEY", "sets `claude-api-key`, a list of maps; write it in the file, where `*-env` takes its secrets from variables"),
            ("AMPGATE__CLAUDE_API_KEY__0__API_KEY", "sets `claude-api-key.0.api-key`, but an entry of a list cannot be set by a variable; write it in the file, where `*-env` takes its secrets from variables"),
            ("AMPGATE__KEY1", "sets `key1`, which is not a key ampgate knows; config/ampgate.example.yaml lists them all"),
            ("AMPGATE_HOST", "has no effect; write AMPGATE__HOST, with two underscores"),
        ];
        for (name, expected) in cases {
            assert_eq!(read_one(name, "v"), (String::new(), format!("{name}: {expected}")));
        }
    }
}
