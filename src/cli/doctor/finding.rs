//! What the doctor says: one sentence about one thing, how bad it is, and what to do.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    /// Good to know; nothing to do.
    Note,
    /// Works now, or for some; may not be what was meant.
    Warning,
    /// Does not work.
    Problem,
}

impl Level {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing found. SECURITY: no part of it may hold a key, nor a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub level: Level,
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    pub fn ok(what: impl Into<String>) -> Self {
        Self { level: Level::Ok, what: what.into(), advice: None }
    }

    pub fn note(what: impl Into<String>) -> Self {
        Self { level: Level::Note, ..Self::ok(what) }
    }

    pub fn warning(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Warning, what: what.into(), advice: Some(advice.into()) }
    }

    pub fn problem(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Problem, ..Self::warning(what, advice) }
    }

    pub fn with_advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

/// What was found about one subject, in the order in which a reader wants to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chapter {
    pub topic: String,
    pub findings: Vec<Finding>,
}

impl Chapter {
    pub fn new(topic: impl Into<String>, findings: Vec<Finding>) -> Self {
        Self { topic: topic.into(), findings }
    }
}

/// Everything found, and how many of it are of a level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub version: &'static str,
    pub problems: usize,
    pub warnings: usize,
    pub chapters: Vec<Chapter>,
}

impl Report {
    pub fn of(chapters: Vec<Chapter>) -> Self {
        let count = |level| {
            chapters
                .iter()
                .flat_map(|chapter| &chapter.findings)
                .filter(|f| f.level == level)
                .count()
        };
        let (problems, warnings) = (count(Level::Problem), count(Level::Warning));
        Self { version: env!("CARGO_PKG_VERSION"), problems, warnings, chapters }
    }
}
