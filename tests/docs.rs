//! What `docs/security.md` names is there: each test behind a line, and each file.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the tree should stop")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names of all functions that a test attribute stands above.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    rust_files(&root().join("tests"), &mut files);
    let mut names = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[") {
                is_test |= line.ends_with("test]") || line.contains("::test(");
                continue;
            }
            let function = line.trim_start_matches("async ").strip_prefix("fn ");
            if let Some(name) = function.and_then(|rest| rest.split('(').next()).filter(|_| is_test)
            {
                names.insert(name.to_owned());
            }
            is_test = false;
        }
    }
    names
}

/// What stands between backticks on a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Names of tests are sentences: nothing else that the page quotes has so many words.
fn is_test_name(word: &str) -> bool {
    word.matches('_').count() >= 3
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn every_promise_of_the_security_page_has_its_test_and_its_file() {
    let page = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let tests = tests();
    let mut missing = Vec::new();
    let mut promises = 0;
    let mut in_promises = false;
    for line in page.lines() {
        in_promises =
            line.starts_with("| what is protected") || (in_promises && line.starts_with('|'));
        let is_promise = in_promises && !line.starts_with("| what") && !line.starts_with("| ---");
        promises += usize::from(is_promise);
        if is_promise && !quoted(line).any(is_test_name) {
            missing.push(format!("no test: {line}"));
        }
        for word in quoted(line) {
            let is_file = word.starts_with("src/") || word.starts_with("tests/");
            let is_there = if is_file {
                root().join(word).is_file()
            } else {
                !is_test_name(word) || tests.contains(word)
            };
            if !is_there {
                missing.push(format!("not there: {word}"));
            }
        }
    }
    assert!(promises > 0, "the page has no table of promises");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
