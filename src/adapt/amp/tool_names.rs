//! In which casing Amp knows a tool.
//!
//! Amp compares tool names with case (`tool "bash" is not allowed for smart mode`), and models and
//! gateways on the way do change it. There is no rule to follow: Amp lists `Bash` and `glob` in one
//! request. So the request itself says what is right.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::body::JsonPart;

/// Amp's tools that answers are known to have named in another casing, as Amp spells them; for a
/// request that does not list the tool, because the client has it all the same.
const AMP_TOOLS: [&str; 6] = ["Bash", "Check", "Grep", "Read", "Task", "glob"];

/// A client with every MCP server it knows lists a few hundred; the names are kept for as long as
/// the answer lasts.
const MAX_NAMES: usize = 1024;

/// Anthropic takes no longer name.
const MAX_NAME_BYTES: usize = 128;

/// The tools that a request lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolNames(Listed);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Listed {
    /// By the name in lower case. `None` for names that differ in nothing but case: which of them
    /// was meant, nobody can say.
    Names(HashMap<String, Option<String>>),
    /// Too many to know which collide.
    TooMany,
}

impl ToolNames {
    /// Reads `tools[].name` of a request in Anthropic's dialect. What is no such request lists no
    /// tools.
    #[must_use]
    pub fn of_request(body: &[u8]) -> Self {
        let tools = JsonPart::parse(body)
            .ok()
            .and_then(|whole| whole.get("tools"))
            .and_then(JsonPart::elements)
            .unwrap_or_default();
        if tools.len() > MAX_NAMES {
            return Self(Listed::TooMany);
        }
        let mut names = HashMap::with_capacity(tools.len());
        for tool in tools {
            let Some(name) = tool.get("name").and_then(JsonPart::text) else { continue };
            if name.len() > MAX_NAME_BYTES {
                continue;
            }
            match names.entry(name.to_ascii_lowercase()) {
                Entry::Vacant(free) => {
                    free.insert(Some(name.into_owned()));
                }
                Entry::Occupied(mut taken) => {
                    if taken.get().as_deref() != Some(name.as_ref()) {
                        taken.insert(None);
                    }
                }
            }
        }
        Self(Listed::Names(names))
    }

    /// The name as Amp knows it; `None` when it stays as it is.
    pub(super) fn correct<'a>(&'a self, name: &str) -> Option<&'a str> {
        let Listed::Names(names) = &self.0 else { return None };
        let right = match names.get(&name.to_ascii_lowercase()) {
            Some(listed) => listed.as_deref(),
            None => AMP_TOOLS.into_iter().find(|tool| tool.eq_ignore_ascii_case(name)),
        };
        right.filter(|right| *right != name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listing(names: &[&str]) -> ToolNames {
        let tools: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
        ToolNames::of_request(json!({ "tools": tools }).to_string().as_bytes())
    }

    #[test]
    fn a_name_is_written_as_the_request_lists_it() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases: [(&[&str], &str, Option<&str>, &str); 12] = [
            // listed,                      answered,    becomes,           why
            (&["Bash", "glob"],             "bash",      Some("Bash"),      "listed in another casing"),
            (&["Bash", "glob"],             "Glob",      Some("glob"),      "lower case may be right"),
            (&["edit_FILE"],                "Edit_file", Some("edit_FILE"), "any tool, not only Amp's"),
            (&["Bash"],                     "Bash",      None,              "right already"),
            (&["BASH"],                     "Bash",      Some("BASH"),      "the list is above Amp's own spelling"),
            (&["Bash", "bash"],             "BASH",      None,              "collision"),
            (&["Bash", "bash"],             "bash",      None,              "collision, and listed exactly"),
            (&["Bash", "bash", "Bash"],     "BASH",      None,              "a collision is not forgotten"),
            (&["Read", "Read"],             "read",      Some("Read"),      "the same name twice is none"),
            (&["edit"],                     "TASK",      Some("Task"),      "not listed: Amp's spelling"),
            (&["Straße"],                   "STRASSE",   None,              "names are ASCII"),
            (&[],                           "edit",      None,              "neither listed nor Amp's"),
        ];
        for (listed, answered, expected, why) in cases {
            assert_eq!(listing(listed).correct(answered), expected, "{why}");
        }
    }

    #[test]
    fn amps_own_tools_are_known_without_a_list() {
        #[rustfmt::skip] // columns are easier to proofread
        let requests = [
            ("{}",                                    "no tools"),
            (r#"{"tools":null}"#,                     "null"),
            (r#"{"tools":{"name":"bash"}}"#,          "no list"),
            (r#"{"tools":["BASH",{"name":7},{}]}"#,   "no names"),
            (r#"{"tools":[{"name":"BASH"}"#,          "broken"),
            ("",                                      "nothing"),
        ];
        for (request, why) in requests {
            let names = ToolNames::of_request(request.as_bytes());
            for tool in AMP_TOOLS {
                assert_eq!(names.correct(&tool.to_uppercase()), Some(tool), "{why}");
                assert_eq!(names.correct(tool), None, "{why}");
            }
        }
    }

    #[test]
    fn a_list_too_long_to_know_changes_nothing() {
        let mut tools: Vec<String> = (1..MAX_NAMES).map(|number| format!("Tool{number}")).collect();
        tools.push("Bash".into());
        let names: Vec<&str> = tools.iter().map(String::as_str).collect();
        assert_eq!(listing(&names).correct("bash"), Some("Bash"), "as many as are read");

        let more = [&names[..], &["bash"]].concat();
        assert_eq!(listing(&more).correct("BASH"), None, "what is not read may collide");
        assert_eq!(listing(&more).correct("grep"), None, "may be listed");
    }

    #[test]
    fn a_name_that_no_tool_can_have_is_not_kept() {
        let longest = "A".repeat(MAX_NAME_BYTES);
        assert_eq!(listing(&[&longest]).correct(&longest.to_lowercase()), Some(longest.as_str()));
        let longer = longest + "A";
        assert_eq!(listing(&[&longer]).correct(&longer.to_lowercase()), None);
    }
}
