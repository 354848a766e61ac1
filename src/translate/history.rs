//! A conversation in the order that every API demands.
//!
//! Clients write results of tools late, twice, without a call, or never; providers refuse all of that.
//! After [`settle`], whoever reads the turns can rely on this:
//!
//! - no part and no turn is empty, and no two turns of one role follow each other;
//! - every turn with tool calls is followed by a user turn that begins with their results, one for
//!   each, in the order of the calls; there are no other results;
//! - no two calls share an id.

use std::collections::{HashMap, HashSet, VecDeque};

use super::request::{MediaSource, Part, Role, Text, Thought, ToolResult, Turn};

/// What stands for a result that the client never gave.
const NO_RESULT: &str = "The tool gave no result.";

/// Puts a conversation into order.
#[must_use]
pub(super) fn settle(turns: &[Turn]) -> Vec<Turn> {
    let mut results = Results::collect(turns);
    let mut settled = Settled::default();
    let mut used = HashSet::new();
    for turn in merged(turns) {
        let mut parts = Vec::new();
        let mut answers = Vec::new();
        for part in turn.parts {
            match part {
                Part::ToolResult(result) if results.is_called(&result.id) => {}
                // Nobody asked for it, but it may say something.
                Part::ToolResult(result) => parts.extend(result.parts),
                Part::ToolCall(mut call) => {
                    let mut result = results.take(&call.id);
                    call.id = unlike(&used, call.id);
                    used.insert(call.id.clone());
                    result.id.clone_from(&call.id);
                    result.name = Some(call.name.clone());
                    answers.push(Part::ToolResult(result));
                    parts.push(Part::ToolCall(call));
                }
                part => parts.push(part),
            }
        }
        settled.push(turn.role, parts);
        settled.push(Role::User, answers);
    }
    settled.0
}

/// The turns with neighbours of one role made one. A turn that has nothing but results is no
/// neighbour: its results go where they belong.
fn merged(turns: &[Turn]) -> Vec<Turn> {
    let mut merged = Settled::default();
    for turn in turns {
        merged.push(turn.role, turn.parts.clone());
    }
    merged.0
}

#[derive(Default)]
struct Settled(Vec<Turn>);

impl Settled {
    fn push(&mut self, role: Role, parts: Vec<Part>) {
        let parts = parts.into_iter().filter(|part| !is_empty(part));
        match self.0.last_mut() {
            Some(last) if last.role == role => last.parts.extend(parts),
            _ => {
                let parts: Vec<Part> = parts.collect();
                if !parts.is_empty() {
                    self.0.push(Turn { role, parts });
                }
            }
        }
    }
}

/// A thought without text is kept for its signature.
fn is_empty(part: &Part) -> bool {
    match part {
        Part::Text(Text { text, .. }) => text.is_empty(),
        Part::Thinking(Thought { text, signature }) => text.is_empty() && signature.is_none(),
        Part::Media(media) => {
            matches!(&media.source, MediaSource::Text(text) if text.is_empty())
        }
        Part::ToolCall(_) | Part::ToolResult(_) => false,
    }
}

fn unlike(used: &HashSet<String>, id: String) -> String {
    if !used.contains(&id) {
        return id;
    }
    let numbers = 2_u32..;
    let mut candidates = numbers.map(|number| format!("{id}_{number}"));
    candidates.find(|candidate| !used.contains(candidate)).unwrap_or(id)
}

/// The results of a conversation by the ids of their calls, in order: some clients use one id for
/// several calls.
struct Results {
    called: HashSet<String>,
    by_id: HashMap<String, VecDeque<ToolResult>>,
}

impl Results {
    fn collect(turns: &[Turn]) -> Self {
        let mut called = HashSet::new();
        let mut by_id: HashMap<String, VecDeque<ToolResult>> = HashMap::new();
        for part in turns.iter().flat_map(|turn| &turn.parts) {
            match part {
                Part::ToolCall(call) => {
                    called.insert(call.id.clone());
                }
                Part::ToolResult(result) => {
                    by_id.entry(result.id.clone()).or_default().push_back(result.clone());
                }
                Part::Text(_) | Part::Media(_) | Part::Thinking(_) => {}
            }
        }
        Self { called, by_id }
    }

    fn is_called(&self, id: &str) -> bool {
        self.called.contains(id)
    }

    fn take(&mut self, id: &str) -> ToolResult {
        let found = self.by_id.get_mut(id).and_then(VecDeque::pop_front);
        found.unwrap_or_else(|| ToolResult {
            id: id.to_owned(),
            name: None,
            parts: vec![Part::Text(NO_RESULT.to_owned().into())],
            is_error: true,
            cache: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::{ToolCall, ToolInput};
    use super::*;

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned().into())
    }

    fn call(id: &str) -> Part {
        let input = ToolInput::from_json_text("");
        Part::ToolCall(ToolCall { id: id.to_owned(), name: format!("tool of {id}"), input })
    }

    fn result(id: &str, says: &str) -> Part {
        let parts = vec![text(says)];
        Part::ToolResult(ToolResult {
            id: id.to_owned(),
            name: None,
            parts,
            is_error: false,
            cache: None,
        })
    }

    fn turn(role: Role, parts: &[Part]) -> Turn {
        Turn { role, parts: parts.to_vec() }
    }

    /// One letter for each turn, one word for each part.
    fn sketch(turns: &[Turn]) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => format!("{:?}", text.text),
            Part::Media(_) => "media".to_owned(),
            Part::Thinking(_) => "thought".to_owned(),
            Part::ToolCall(call) => format!("call {}", call.id),
            Part::ToolResult(result) => {
                let [Part::Text(text)] = result.parts.as_slice() else { panic!("one text") };
                format!("result {} {:?}", result.id, text.text)
            }
        };
        let turn = |turn: &Turn| {
            let role = match turn.role {
                Role::System => "S",
                Role::User => "U",
                Role::Assistant => "A",
            };
            let parts: Vec<String> = turn.parts.iter().map(part).collect();
            format!("{role}[{}]", parts.join(", "))
        };
        turns.iter().map(turn).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_call_is_followed_by_its_result() {
        use Role::{Assistant as A, System as S, User as U};
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (vec![turn(U, &[text("q")]), turn(A, &[call("1"), call("2")]), turn(U, &[result("2", "b")]), turn(U, &[result("1", "a"), text("and")])],
             r#"U["q"] A[call 1, call 2] U[result 1 "a", result 2 "b", "and"]"#, "results in the order of the calls, before text"),
            (vec![turn(A, &[call("1")]), turn(S, &[text("note")]), turn(U, &[result("1", "a")])],
             r#"A[call 1] U[result 1 "a"] S["note"]"#, "nothing between a call and its result"),
            (vec![turn(A, &[call("1")]), turn(U, &[text("never mind")])],
             r#"A[call 1] U[result 1 "The tool gave no result.", "never mind"]"#, "a missing result is made up"),
            (vec![turn(U, &[result("9", "lost")])],
             r#"U["lost"]"#, "a result of nothing is only text"),
            (vec![turn(A, &[call("1")]), turn(U, &[result("1", "a"), result("1", "again")])],
             r#"A[call 1] U[result 1 "a"]"#, "one result for a call"),
            (vec![turn(A, &[call("1")]), turn(U, &[result("1", "a")]), turn(A, &[call("1")]), turn(U, &[result("1", "b")])],
             r#"A[call 1] U[result 1 "a"] A[call 1_2] U[result 1_2 "b"]"#, "one id for two calls"),
            (vec![turn(A, &[text("I look")]), turn(A, &[call("1")]), turn(A, &[call("2")]), turn(U, &[result("1", "a")]), turn(U, &[result("2", "b")])],
             r#"A["I look", call 1, call 2] U[result 1 "a", result 2 "b"]"#, "items of Responses are one turn"),
            (vec![turn(U, &[text("")]), turn(A, &[text("")]), turn(U, &[text("q")])],
             r#"U["q"]"#, "empty texts and turns go"),
            (vec![turn(S, &[text("a")]), turn(S, &[text("b")]), turn(U, &[text("q")])],
             r#"S["a", "b"] U["q"]"#, "system turns are one"),
        ];
        for (turns, expected, why) in cases {
            assert_eq!(sketch(&settle(&turns)), expected, "{why}");
        }
    }
}
