//! Takes out of a thread's history what a provider would refuse.
//!
//! A signed thinking block is bound to the exact history before it, so a body in which there is
//! nothing to take out is never touched, and of another only the refused parts go.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use memchr::memmem;

use super::has_text;
use crate::body::{Edits, JsonPart};

/// Cleans a request in Anthropic's dialect, whoever it goes to; `None` when it is to be forwarded
/// as it is.
///
/// Only the assistant's messages are read. Thinking without a signature that could be one is taken
/// out, with all its members; so is `signature` of `tool_use`.
///
/// A message with nothing else in it goes whole. Empty content is refused (`all messages must have
/// non-empty content`), and a text to stand in for it would be our word in the model's mouth. It
/// held no tool call, so no result is orphaned, and Anthropic takes two user messages in a row as
/// one.
#[must_use]
pub fn clean_history(body: &Bytes) -> Option<Bytes> {
    if !may_be_unclean(body) {
        return None;
    }
    let messages = JsonPart::parse(body).ok()?.get("messages")?;
    let mut edits = Edits::default();
    let emptied: Vec<bool> = messages
        .elements()?
        .into_iter()
        .map(|message| clean_message(&mut edits, body, message) == Cleaned::Emptied)
        .collect();
    if emptied.contains(&true) {
        edits.remove_elements(body, messages, |index| emptied[index]);
    }
    (!edits.is_empty()).then(|| edits.apply(body))
}

#[derive(PartialEq, Eq)]
enum Cleaned {
    /// The notes made leave something to say, or there were none to make.
    Kept,
    /// Nothing would be left, so nothing is noted.
    Emptied,
}

fn clean_message(edits: &mut Edits, body: &[u8], message: JsonPart<'_>) -> Cleaned {
    // Of a long thread few messages need a closer look.
    if !may_be_unclean(message.raw().as_bytes()) || !has_text(message, "role", "assistant") {
        return Cleaned::Kept;
    }
    let Some(content) = message.get("content") else { return Cleaned::Kept };
    let blocks = content.elements().unwrap_or_default();
    let unsigned: Vec<bool> = blocks.iter().map(|block| is_unsigned_thinking(*block)).collect();
    if unsigned.contains(&true) {
        if !unsigned.contains(&false) {
            return Cleaned::Emptied;
        }
        edits.remove_elements(body, content, |index| unsigned[index]);
    }
    for block in blocks {
        if has_text(block, "type", "tool_use") {
            edits.remove_members(body, block, |key| key == "signature");
        }
    }
    Cleaned::Kept
}

/// A quick look that keeps ordinary bodies from being parsed. A word that is spelt with escapes
/// goes unseen; such a body is forwarded, as it would be without us.
fn may_be_unclean(text: &[u8]) -> bool {
    [&b"\"thinking\""[..], b"\"signature\""]
        .into_iter()
        .any(|word| memmem::find(text, word).is_some())
}

/// `redacted_thinking` has `data` in place of both, and stays.
fn is_unsigned_thinking(block: JsonPart<'_>) -> bool {
    has_text(block, "type", "thinking")
        && !block
            .get("signature")
            .and_then(JsonPart::text)
            .is_some_and(|signature| may_be_signature(&signature))
}

/// Whether a provider may have made it: base64 of either alphabet. Whether one did, only that one
/// can tell, and a block is never taken out on suspicion.
fn may_be_signature(text: &str) -> bool {
    let is_base64 =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    !text.is_empty() && text.bytes().all(is_base64)
}
