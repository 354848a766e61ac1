//! What is wrong with a configuration, and what is merely worth a word.
//!
//! Both say where the value was written (a file, a variable, a flag), at which path, and what to
//! do. Neither ever carries the value of a secret.

use std::fmt;
use std::path::PathBuf;

/// One thing that keeps the gateway from starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, the variable or the flag.
    pub source: String,
    /// The key, as in `claude-api-key[0].base-url`; empty when the whole source is meant.
    pub path: String,
    /// Follows the path to make a sentence: `is a number; put it in quotes`.
    pub what: String,
}

/// Every problem found, in one go: nobody likes to fix a file one error at a time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    pub problems: Vec<Problem>,
    /// As [`Loaded::files`](super::Loaded::files): where a change may put things right.
    pub files: Vec<PathBuf>,
}

/// The gateway starts, but something in its configuration has no effect, or not the expected one.
/// Displays as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub kind: WarningKind,
    pub source: String,
    pub path: String,
    pub what: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// Worth a word.
    Notice,
    /// What a provider's terms say: nothing is wrong, and whoever configures it should have read it. Said
    /// once, not again with each reload.
    Terms,
    /// An entry that cannot work and is left out: the gateway starts without it, `ampgate check`
    /// fails.
    Skipped,
}

fn sentence(f: &mut fmt::Formatter<'_>, source: &str, path: &str, what: &str) -> fmt::Result {
    let space = if path.is_empty() { "" } else { " " };
    write!(f, "{source}: {path}{space}{what}")
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sentence(f, &self.source, &self.path, &self.what)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sentence(f, &self.source, &self.path, &self.what)
    }
}

/// One problem a line.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(problem, f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_printed_one_a_line() {
        let problem = |path: &str, what: &str| Problem {
            source: "a.yaml".to_owned(),
            path: path.to_owned(),
            what: what.to_owned(),
        };
        let error = ConfigError {
            problems: vec![problem("port", "must be a number"), problem("", "cannot be read")],
            files: Vec::new(),
        };

        assert_eq!(error.to_string(), "a.yaml: port must be a number\na.yaml: cannot be read");
    }
}
