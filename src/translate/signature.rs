//! Claude's signatures on their way through another dialect.
//!
//! Claude refuses to go on in the middle of a round of tool calls unless it gets its own thinking back,
//! signed. Responses has a place for such proofs (`encrypted_content`), which its clients send back
//! unread; so a signature travels there, marked as Claude's. Any other provider's proof in that place
//! is foreign to Claude, and Claude's to any other provider: neither is ever forwarded.

use bytes::Bytes;

use super::request::Signature;
use crate::body::{Edits, JsonPart};
use crate::types::Dialect;

const MARK: &str = "ampgate.anthropic.";

/// `signature`, as a client of another dialect keeps it.
#[must_use]
pub fn to_foreign(signature: &str) -> String {
    format!("{MARK}{signature}")
}

/// Claude's signature, if `kept` is one.
#[must_use]
pub fn from_foreign(kept: &str) -> Option<Signature> {
    let value = kept.strip_prefix(MARK)?.to_owned();
    Some(Signature { made_by: Dialect::Anthropic, value })
}

/// A Responses request without the thinking of Claude's that a client has kept, for a provider that takes
/// the rest as it is; `None` when there is none, and the body goes on as it came.
#[must_use]
pub fn without_foreign_thinking(body: &Bytes) -> Option<Bytes> {
    memchr::memmem::find(body, MARK.as_bytes())?;
    let input = JsonPart::parse(body).ok()?.get("input")?;
    let is_foreign = |item: JsonPart<'_>| {
        let proof = item.get("encrypted_content").and_then(JsonPart::text);
        proof.is_some_and(|proof| proof.starts_with(MARK))
    };
    let foreign: Vec<bool> = input.elements()?.into_iter().map(is_foreign).collect();
    let mut edits = Edits::default();
    edits.remove_elements(body, input, |index| foreign[index]);
    (!edits.is_empty()).then(|| edits.apply(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault of the first version: a Codex that went on with a GPT after a Claude was refused from then
    /// on, for OpenAI cannot read Claude's proof.
    #[test]
    fn what_another_provider_proved_does_not_pass_with_the_rest() {
        let reasoning =
            |kept: &str| format!(r#"{{"type":"reasoning","encrypted_content":"{kept}"}}"#);
        let body =
            |items: &[&str]| Bytes::from(format!(r#"{{"input":[{}],"n":1.0}}"#, items.join(",")));
        let (theirs, ours) = (reasoning(&to_foreign("EqQB")), reasoning("gAAAAAB"));
        let said = r#"{"role":"user","content":"ampgate.anthropic. is a word"}"#;
        let cleaned = without_foreign_thinking(&body(&[&theirs, &ours, said]));
        assert_eq!(cleaned, Some(body(&[&ours, said])));
        assert_eq!(without_foreign_thinking(&body(&[&ours, said])), None);
        assert_eq!(without_foreign_thinking(&Bytes::from_static(br#"{"input":"x"}"#)), None);
    }

    #[test]
    fn only_what_was_marked_comes_back() {
        let kept = to_foreign("EqQB");
        assert_eq!(from_foreign(&kept).unwrap().value, "EqQB");
        assert_eq!(from_foreign("gAAAAAB-of-openai"), None);
    }
}
