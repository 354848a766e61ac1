//! What a Responses client calls a tool, as one neutral name and back.
//!
//! A tool may stand in a namespace, and a few tools have a type of their own instead of a name. The
//! client finds the tool of a call only if the call says the same, so both travel in the neutral
//! name, behind marks that no client writes. [`super::super::names`] spells them as `_` for the
//! upstream (`crm__find`, `local_shell_`) and puts them back.

use std::fmt;

/// Twice, so that an upstream sees the `__` that models know from tools of MCP servers.
const NAMESPACE_END: &str = "\u{1f}\u{1f}";
const NATIVE_END: char = '\u{1f}';

/// A tool as its client knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolName<'a> {
    /// A function or a custom tool.
    Named {
        namespace: Option<&'a str>,
        name: &'a str,
    },
    Native(Native),
}

/// A tool that the client runs and that has no name but its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Native {
    LocalShell,
    /// Finds more tools.
    ToolSearch,
}

impl Native {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LocalShell => "local_shell",
            Self::ToolSearch => "tool_search",
        }
    }
}

impl<'a> ToolName<'a> {
    pub fn new(namespace: Option<&'a str>, name: &'a str) -> Self {
        Self::Named { namespace: namespace.filter(|namespace| !namespace.is_empty()), name }
    }

    pub fn from_neutral(neutral: &'a str) -> Self {
        if let Some((namespace, name)) = neutral.split_once(NAMESPACE_END) {
            return Self::new(Some(namespace), name);
        }
        match neutral.strip_suffix(NATIVE_END) {
            Some("local_shell") => Self::Native(Native::LocalShell),
            Some("tool_search") => Self::Native(Native::ToolSearch),
            _ => Self::new(None, neutral),
        }
    }
}

/// The neutral name.
impl fmt::Display for ToolName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named { namespace: Some(namespace), name } => {
                write!(f, "{namespace}{NAMESPACE_END}{name}")
            }
            Self::Named { namespace: None, name } => f.write_str(name),
            Self::Native(native) => write!(f, "{}{NATIVE_END}", native.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_found_again_by_its_neutral_name() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (ToolName::new(None, "shell"),              "shell",                       "a plain name is the neutral one"),
            (ToolName::new(None, "local_shell"),        "local_shell",                 "a function of this name is no native tool"),
            (ToolName::Native(Native::LocalShell),      "local_shell\u{1f}",           "native"),
            (ToolName::Native(Native::ToolSearch),      "tool_search\u{1f}",           "native"),
            (ToolName::new(Some("mcp__crm"), "find"),   "mcp__crm\u{1f}\u{1f}find",    "in a namespace"),
            (ToolName::new(None, "mcp__crm__find"),     "mcp__crm__find",              "underscores are no namespace"),
            (ToolName::new(Some(""), "find"),           "find",                        "no namespace"),
        ];
        for (name, neutral, why) in cases {
            assert_eq!(name.to_string(), neutral, "{why}");
            assert_eq!(ToolName::from_neutral(neutral), name, "{why}");
        }
    }
}
