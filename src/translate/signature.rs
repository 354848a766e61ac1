//! Claude's signatures on their way through another dialect.
//!
//! Claude refuses to go on in the middle of a round of tool calls unless it gets its own thinking back,
//! signed. Responses has a place for such proofs (`encrypted_content`), which its clients send back
//! unread; so a signature travels there, marked as Claude's. Any other provider's proof in that place
//! is foreign to Claude, and Claude's to any other provider: neither is ever forwarded.

use super::request::Signature;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_marked_comes_back() {
        let kept = to_foreign("EqQB");
        assert_eq!(from_foreign(&kept).unwrap().value, "EqQB");
        assert_eq!(from_foreign("gAAAAAB-of-openai"), None);
    }
}
