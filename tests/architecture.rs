//! Imports go down only: the floors of `design` and ARCHITECTURE.md, held by a test.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the tree should stop")]

use std::fs;
use std::path::{Path, PathBuf};

/// Every module of the crate and its floor, lowest first. A module imports from lower floors only,
/// never from its own.
const FLOORS: &[&[&str]] = &[
    &["types"],
    &["body", "config", "dialect", "drain", "error", "headers", "metrics"],
    &["adapt", "door", "limits", "oauth", "translate"],
    &["actors", "telemetry"],
    &["exchange", "guard", "tunnel"],
    &["admin", "routes"],
    &["app", "demo"],
    &["cli"],
];

/// Past this many lines a file has a second subject and is split.
const MAX_LINES: usize = 500;

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

fn source_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    files
        .into_iter()
        .map(|path| {
            let relative = path.strip_prefix(&root).unwrap();
            let first = relative.components().next().unwrap().as_os_str().to_string_lossy();
            let module = first.trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            (module, path, text)
        })
        .collect()
}

#[test]
fn imports_go_down_only() {
    let mut upward = Vec::new();
    for (module, path, text) in sources() {
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let floor =
            floor_of(&module).unwrap_or_else(|| panic!("module `{module}` stands on no floor"));
        for (number, line) in text.lines().enumerate() {
            let code = line.trim_start();
            if code.starts_with("//") {
                continue;
            }
            for (at, _) in code.match_indices("crate::") {
                let used: String = code[at + "crate::".len()..]
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if used == module {
                    continue;
                }
                match floor_of(&used) {
                    Some(below) if below < floor => {}
                    Some(_) => upward.push(format!("{}:{}: {code}", path.display(), number + 1)),
                    None => panic!("{}:{}: unknown module `{used}`", path.display(), number + 1),
                }
            }
        }
    }
    assert!(upward.is_empty(), "these imports do not go down:\n{}", upward.join("\n"));
}

#[test]
fn no_file_has_grown_a_second_subject() {
    let long: Vec<String> = sources()
        .into_iter()
        .map(|(_, path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "split these:\n{}", long.join("\n"));
}
