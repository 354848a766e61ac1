//! What the pages say is so: `docs/security.md` names tests and files that are there, and
//! `docs/metrics.md` the metrics that the program has.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the tree should stop")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ampgate::metrics::{CredentialRest, EndedRequest, GenAi, Metrics};
use ampgate::types::{ClientId, CredentialId, Limit, ModelName, ProviderName, Route, TokenUsage};
use prometheus::proto::MetricFamily;

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

/// Counts one of everything, so that every family has a series.
fn metrics_of_everything() -> Metrics {
    let (metrics, client) = (Metrics::new(), ClientId::new("c"));
    let (provider, credential) = (ProviderName::new("p"), CredentialId::new("p-1"));
    let model = ModelName::parse("m").unwrap();
    let one = TokenUsage { input: 1, cached_input: 1, cache_write: 1, output: 1, reasoning: 1 };
    metrics.request_ended(&EndedRequest {
        client: Some(&client),
        provider: Some(&provider),
        credential: Some(&credential),
        model: Some(&model),
        route: Some(Route::Local),
        status: 502,
        outcome: "upstream_reset",
        usage: Some(one),
        cost_usd: Some(1.0),
        gen_ai: GenAi {
            operation: "chat",
            provider: Some(&provider),
            upstream_model: Some(&model),
            first_token: Some(Duration::from_secs(1)),
        },
        ..EndedRequest::default()
    });
    metrics.upstream_failed(&provider, "class");
    metrics.retried(&provider, "class");
    metrics.cooldown_count().rests(&credential, "class");
    metrics.reloaded(true);
    metrics.limited(&client, Limit::RequestsPerMinute(1));
    metrics.token_refreshed("provider", "success");
    metrics.state_is_up(true);
    metrics.state_failed("operation");
    metrics.looks_up_rests_by(|| {
        let (provider, credential) = ("p".to_owned(), "p-1".to_owned());
        vec![CredentialRest { provider, credential, rests: true, models: 1 }]
    });
    metrics
}

/// A family as a row of the page has it: name, type, labels.
fn as_row(family: &MetricFamily) -> (String, String, BTreeSet<String>) {
    let labels = family.get_metric().iter().flat_map(prometheus::proto::Metric::get_label);
    let kind = format!("{:?}", family.get_field_type()).to_lowercase();
    (family.name().to_owned(), kind, labels.map(|label| label.name().to_owned()).collect())
}

#[test]
fn the_page_of_metrics_has_every_family_with_its_type_and_labels() {
    let page = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let written: BTreeSet<_> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let labels = quoted(cells[3]).map(str::to_owned).collect();
            (cells[1].trim_matches('`').to_owned(), cells[2].to_owned(), labels)
        })
        .collect();
    let families = metrics_of_everything().gather();
    let registered: BTreeSet<_> = families.iter().map(as_row).collect();

    let unregistered: Vec<_> = written.difference(&registered).collect();
    assert!(unregistered.is_empty(), "not registered so: {unregistered:?}");
    let unwritten: Vec<_> = registered.difference(&written).collect();
    assert!(unwritten.is_empty(), "not on the page: {unwritten:?}");
}

#[test]
fn alerts_ask_for_metrics_that_exist_and_say_what_to_do() {
    let rules = fs::read_to_string(root().join("deploy/prometheus/rules.yaml")).unwrap();
    let page = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = rules.split(|c| !is_word(c));
    let asked: BTreeSet<_> = words
        .filter(|word| ["ampgate_", "gen_ai_", "process_"].iter().any(|own| word.starts_with(own)))
        .collect();
    assert!(!asked.is_empty());
    for name in asked {
        assert!(page.contains(&format!("| `{name}` |")), "no such family: {name}");
    }
    let alerts = rules.matches("- alert:").count();
    assert_eq!(rules.matches("runbook: >-").count(), alerts, "each alert says what to do");
}
