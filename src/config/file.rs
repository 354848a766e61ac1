//! The file's layer: finds the file, reads its YAML, and puts old names under their new ones.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use config::{File, FileFormat, Map, Source as _, Value, ValueKind};
use zeroize::Zeroizing;

use super::Sources;
use super::aliases::ALIASES;
use super::places::Places;
use super::problem::Problem;

/// Read when neither `--config` nor `AMPGATE_CONFIG` names a file, and only if it is there.
const USUAL_FILE: &str = "ampgate.yaml";

/// The file to read.
pub struct Named {
    pub path: PathBuf,
    /// `None`: nobody asks for it, it is the usual one.
    asked_by: Option<&'static str>,
}

pub fn named(sources: &Sources) -> Named {
    let variable = sources.environment.get("AMPGATE_CONFIG").filter(|file| !file.is_empty());
    match (&sources.file, variable) {
        (Some(file), _) => Named { path: file.clone(), asked_by: Some("--config") },
        (None, Some(file)) => Named { path: file.into(), asked_by: Some("AMPGATE_CONFIG") },
        (None, None) => Named { path: USUAL_FILE.into(), asked_by: None },
    }
}

/// The file and its text; `None` when no file is asked for and the usual one is not there.
pub fn read(
    Named { path, asked_by }: &Named,
) -> Result<Option<(PathBuf, Zeroizing<String>)>, Problem> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((path.clone(), Zeroizing::new(text)))),
        Err(error) if asked_by.is_none() && error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let what = match asked_by {
                Some(asked_by) => format!("cannot be read ({asked_by} names it): {error}"),
                None => format!("cannot be read: {error}"),
            };
            Err(problem(path, what))
        }
    }
}

fn problem(file: &Path, what: String) -> Problem {
    Problem { source: file.display().to_string(), path: String::new(), what }
}

/// The file's values, old names replaced, values that are null left out of `defaults`' way.
pub fn parse(
    file: &Path,
    text: &str,
    defaults: &BTreeMap<&str, &str>,
    places: &mut Places,
) -> Result<(Map<String, Value>, Vec<Problem>), Problem> {
    let is_blank =
        |line: &str| matches!(line.trim(), "" | "---" | "...") || line.trim().starts_with('#');
    if text.lines().all(is_blank) {
        return Ok((Map::new(), Vec::new()));
    }
    // Some editors put a byte order mark in front.
    let text = text.trim_start_matches('\u{feff}');
    let mut values = File::from_str(text, FileFormat::Yaml)
        .collect()
        .map_err(|error| problem(file, explain(&error.to_string())))?;
    let mut problems = Vec::new();
    // The config crate reads a top-level key as a path; `a.b:` or `a[9]:` must not mean anything.
    values.retain(|key, _| {
        let is_plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !is_plain {
            let what = "is not a key ampgate knows; keys are words, one section inside another";
            let path = key.clone();
            problems.push(Problem { path, ..problem(file, what.to_owned()) });
        }
        is_plain
    });
    // A map comes without an order of its own; messages must not change from run to run.
    problems.sort_by(|one: &Problem, other| one.path.cmp(&other.path));
    for (old, path) in ALIASES {
        if let Some(value) = values.remove(old) {
            let (section, key) = path.split_once('.').unwrap_or(("", path));
            match move_under(&mut values, file, (old, section, key), value) {
                Some(problem) => problems.push(problem),
                None => places.note(path, &file.display().to_string(), old),
            }
        }
    }
    values.retain(|key, value| !drop_nulls(key, value, defaults));
    Ok((values, problems))
}

/// Puts the value of an old name where the new name expects it.
fn move_under(
    values: &mut Map<String, Value>,
    file: &Path,
    (old, section, key): (&str, &str, &str),
    value: Value,
) -> Option<Problem> {
    let entry =
        values.entry(section.to_owned()).or_insert_with(|| Map::<String, Value>::new().into());
    if matches!(entry.kind, ValueKind::Nil) {
        entry.kind = ValueKind::Table(Map::new());
    }
    let ValueKind::Table(table) = &mut entry.kind else { return None };
    match table.get(key) {
        Some(other) if other.kind != value.kind && !matches!(other.kind, ValueKind::Nil) => {
            let what = format!("and `{section}.{key}` are one key and differ; keep the second");
            Some(Problem { path: old.to_owned(), ..problem(file, what) })
        }
        _ => {
            table.insert(key.to_owned(), value);
            None
        }
    }
}

/// Null means "not written": it must not hide a built-in default. Other nulls stay, so that an
/// unknown key is found even when nothing stands behind it. True when nothing is left of `value`.
fn drop_nulls(path: &str, value: &mut Value, defaults: &BTreeMap<&str, &str>) -> bool {
    match &mut value.kind {
        ValueKind::Nil => {
            let section = format!("{path}.");
            defaults.keys().any(|known| *known == path || known.starts_with(&section))
        }
        ValueKind::Table(table) => {
            table.retain(|key, value| !drop_nulls(&format!("{path}.{key}"), value, defaults));
            false
        }
        _ => false,
    }
}

/// What the YAML reader says, as a sentence with line and column first.
///
/// SECURITY: only texts known to carry no value of the file are passed on.
fn explain(error: &str) -> String {
    let (what, place) = match error.rsplit_once(" at byte ") {
        Some((what, mark)) => (what, mark.split_once(" line ").map(|(_, line)| line)),
        None => (error, None),
    };
    let what = if what.ends_with("duplicated key in mapping") {
        "a key is written twice in one map"
    } else if what.contains("hash key type") {
        "a key is a list or a map; is a template left unfilled?"
    } else if what.contains("YAML documents") {
        "there is more than one document; keep one"
    } else if what.contains("floating point") {
        "a number cannot be read; put it in quotes"
    } else if place.is_some() {
        what
    } else {
        "the file must be a map of keys"
    };
    match place.and_then(|place| place.split_once(" column ")) {
        Some((line, rest)) => {
            let column: String = rest.chars().take_while(char::is_ascii_digit).collect();
            format!("is not YAML: line {line}, column {column}: {what}")
        }
        None => format!("is not YAML ampgate can use: {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(Map<String, Value>, Vec<Problem>), Problem> {
        let defaults = BTreeMap::from([("cors.x", ""), ("port", "1")]);
        parse(Path::new("a.yaml"), text, &defaults, &mut Places::default())
    }

    #[test]
    fn a_file_that_is_no_map_of_keys_says_where() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("a: [1, 2\nb: 3\n", "is not YAML: line 2, column 2: illegal placement of ':' indicator"),
            ("port: 1\nport: 2\n", "is not YAML: line 2, column 7: a key is written twice in one map"),
            ("api-key: {{ sk-hush }}\n", "is not YAML ampgate can use: a key is a list or a map; is a template left unfilled?"),
            ("- a\n- b\n", "is not YAML ampgate can use: the file must be a map of keys"),
            ("sk-hush\n", "is not YAML ampgate can use: the file must be a map of keys"),
            ("a: 1\n---\nb: 2\n", "is not YAML ampgate can use: there is more than one document; keep one"),
        ];
        for (text, expected) in cases {
            assert_eq!(
                parsed(text).unwrap_err().to_string(),
                format!("a.yaml: {expected}"),
                "{text}"
            );
        }
    }

    #[test]
    fn strange_keys_are_not_told_in_another_order_each_time() {
        let text = ["h", "g", "f", "e", "d", "c", "b", "a"].join(".x: 1\n") + ".x: 1\n";

        let (_, problems) = parsed(&text).unwrap();

        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["a.x", "b.x", "c.x", "d.x", "e.x", "f.x", "g.x", "h.x"]);
    }

    #[test]
    fn an_empty_file_is_fine() {
        for text in ["", "\n\n", "# nothing yet\n", "---\n# nothing\n"] {
            assert!(parsed(text).unwrap().0.is_empty(), "{text:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_key() {
        let (values, problems) = parsed("\u{feff}host: a\n").unwrap();

        assert_eq!((values.contains_key("host"), problems), (true, Vec::new()));
    }

    #[test]
    fn null_hides_no_default_and_no_unknown_key() {
        let (values, _) = parsed("cors:\nport: ~\nprot:\n").unwrap();

        assert_eq!(values.keys().collect::<Vec<_>>(), ["prot"]);
    }

    #[test]
    fn an_old_name_and_its_new_one_must_agree() {
        let (values, problems) = parsed("amp-upstream-url: a\nampcode:\n").unwrap();
        assert_eq!((values.contains_key("ampcode"), problems.len()), (true, 0));

        let (_, problems) = parsed("amp-upstream-url: a\nampcode: { upstream-url: a }").unwrap();
        assert_eq!(problems, []);

        let (_, problems) = parsed("amp-upstream-url: a\nampcode: { upstream-url: b }").unwrap();
        assert_eq!(
            problems[0].to_string(),
            "a.yaml: amp-upstream-url and `ampcode.upstream-url` are one key and differ; keep the \
             second"
        );
    }

    #[test]
    fn a_key_that_looks_like_a_path_is_refused() {
        let (values, problems) = parsed("ampcode.upstream-url: a\n'a[99999999]': 1\n").unwrap();

        assert_eq!((values.len(), problems.len()), (0, 2));
    }
}
