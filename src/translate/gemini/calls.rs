//! Which response belongs to which call.
//!
//! Gemini's ids are optional, and clients make their own: one call may have none while its response
//! has one. So a response goes to the open call of its id, else to the oldest open call of its name.

/// The calls of a conversation that have no response yet.
#[derive(Debug, Default)]
pub(super) struct OpenCalls(Vec<OpenCall>);

#[derive(Debug)]
struct OpenCall {
    id: String,
    name: String,
}

impl OpenCalls {
    /// Takes note of a call and says which id it has. The one that is made up is the same in every
    /// request that holds the call, or a provider's prompt cache would not know it again.
    pub fn open(&mut self, id: Option<&str>, name: &str, turn: usize, part: usize) -> String {
        let given = id.filter(|id| !id.is_empty()).map(str::to_owned);
        let id = given.unwrap_or_else(|| format!("call_{turn}_{part}"));
        self.0.push(OpenCall { id: id.clone(), name: name.to_owned() });
        id
    }

    /// The id of the call that a response answers. One that answers none keeps its own.
    pub fn answer(&mut self, id: Option<&str>, name: &str) -> String {
        let of_id = id.and_then(|id| self.0.iter().position(|call| call.id == id));
        let found = of_id.or_else(|| self.0.iter().position(|call| call.name == name));
        match found {
            Some(at) => self.0.remove(at).id,
            None => id.unwrap_or_default().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_finds_its_call() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases: [(&[(Option<&str>, &str)], &[(Option<&str>, &str)], &[&str], &str); 6] = [
            (&[(Some("a"), "f"), (Some("b"), "f")], &[(Some("b"), "f"), (Some("a"), "f")], &["b", "a"], "by id, in any order"),
            (&[(None, "f"), (None, "f")],           &[(None, "f"), (None, "f")],           &["call_1_0", "call_1_1"], "first come, first served"),
            (&[(None, "f"), (None, "g")],           &[(None, "g"), (None, "f")],           &["call_1_1", "call_1_0"], "per name"),
            (&[(None, "f")],                        &[(Some("cli-7"), "f")],               &["call_1_0"], "the client made an id for the response only"),
            (&[(Some("a"), "f")],                   &[(None, "f")],                        &["a"], "the client forgot the id"),
            (&[(Some("a"), "f")],                   &[(Some("z"), "h")],                   &["z"], "nobody asked"),
        ];
        for (calls, responses, expected, why) in cases {
            let mut open = OpenCalls::default();
            for (part, (id, name)) in calls.iter().enumerate() {
                open.open(*id, name, 1, part);
            }
            let found: Vec<_> = responses.iter().map(|(id, name)| open.answer(*id, name)).collect();
            assert_eq!(found, expected, "{why}");
        }
    }
}
