//! What each key means, in the words of `config/ampgate.example.yaml`.
//!
//! The comment above a key explains it. One that stands above several, or above their section, counts
//! for those it names in backticks. The keys of all lists of credentials are explained once, at
//! `claude-api-key`, a client's own limits at `client-limits`; `...-file` and `...-env` are explained by
//! their secret.

use std::collections::BTreeMap;

const EXAMPLE: &str = include_str!("../../../config/ampgate.example.yaml");

/// Where the keys of a credential are explained.
const CREDENTIALS: &str = "claude-api-key";

/// Lists of credentials that only we have: they share those keys, and none of CLIProxyAPI's.
const OUR_LISTS: [&str; 4] = ["vertex-ai", "azure-openai", "chatgpt", "oauth"];

/// A client's own limits are those of all clients over again.
const LIMITS_OF_A_CLIENT: &str = "api-keys.limits.";
const LIMITS_OF_ALL: &str = "client-limits.";

/// Comments, by the path of the key they stand above.
pub struct Explanations(BTreeMap<String, String>);

impl Explanations {
    pub fn of_example_file() -> Self {
        Self::parse(EXAMPLE)
    }

    pub fn parse(example: &str) -> Self {
        let mut comments = BTreeMap::new();
        let mut pending: Vec<&str> = Vec::new();
        let mut sections: Vec<(usize, String)> = Vec::new();
        for line in example.lines().map(without_comment_mark) {
            let text = line.trim_start();
            if text.is_empty() {
                pending.clear();
                continue;
            }
            if let Some(comment) = text.strip_prefix('#') {
                pending.push(comment.trim());
                continue;
            }
            let entry = text.trim_start_matches("- ");
            let Some((key, _)) = entry.split_once(':').filter(|(key, _)| is_key(key)) else {
                continue; // a value in a list
            };
            let indent = line.len() - entry.len();
            sections.retain(|(outer, _)| *outer < indent);
            let parent = sections.last().map_or("", |(_, path)| path.as_str());
            let path = super::join(parent, key);
            if !pending.is_empty() {
                comments.insert(path.clone(), pending.join(" "));
                pending.clear();
            }
            sections.push((indent, path));
        }
        Self(comments)
    }

    /// The explanation of the key at a path without indexes.
    pub fn find(&self, path: &str) -> Option<String> {
        if let Some(own) = self.0.get(path) {
            return Some(own.clone());
        }
        for (end, what) in [("-file", "Path of a file with"), ("-env", "Name of a variable with")] {
            let secret = path.strip_suffix(end);
            if let Some((secret, of_secret)) = secret.and_then(|it| Some((it, self.find(it)?))) {
                let key = secret.rsplit('.').next().unwrap_or(secret);
                return Some(format!("{what} `{key}`. {of_secret}"));
            }
        }
        let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
        let in_section = |of: &&String| {
            let rest = of.strip_prefix(section).and_then(|rest| rest.strip_prefix('.'));
            rest.is_some_and(|rest| !rest.contains('.'))
        };
        let siblings = self.0.keys().filter(in_section).filter_map(|of| self.0.get(of));
        let of_section = self.0.get(section);
        if let Some(comment) = siblings.chain(of_section).find(|comment| names(comment, key)) {
            return Some(comment.clone());
        }
        if let Some(limit) = path.strip_prefix(LIMITS_OF_A_CLIENT) {
            return self.find(&format!("{LIMITS_OF_ALL}{limit}"));
        }
        let (list, rest) = path.split_once('.')?;
        let rest = rest.strip_prefix("api-key-entries.").unwrap_or(rest);
        let is_other = OUR_LISTS.contains(&list)
            || (list != CREDENTIALS && super::super::foreign::holds_credentials(list));
        is_other.then(|| self.find(&format!("{CREDENTIALS}.{rest}")))?
    }
}

/// Setting lines that are commented out begin with `#` and no space, or stand deeper by two spaces or
/// more; explanations by one.
fn without_comment_mark(line: &str) -> &str {
    match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') || rest.starts_with("  ") => rest,
        _ => line,
    }
}

fn is_key(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Whether a comment speaks of a key: `regex` or `regex: true` in backticks.
fn names(comment: &str, key: &str) -> bool {
    comment.split('`').skip(1).step_by(2).any(|quoted| {
        quoted.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    })
}
