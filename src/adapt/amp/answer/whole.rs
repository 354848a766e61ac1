//! An answer that comes as one JSON text.

use bytes::{Bytes, BytesMut};
use memchr::memmem;

use super::blocks::note_needs;
use crate::adapt::amp::{ToolNames, has_text};
use crate::body::{Edits, JsonPart};

/// A block can only be judged when all are known, so the answer is collected: it comes in one piece
/// anyway, when the model is done. What a model may write at most is some 128k tokens, not a
/// megabyte; the rest is for results of tools that ran at the provider.
pub(super) const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WholeAnswer {
    tool_names: ToolNames,
    crossed_providers: bool,
    held: BytesMut,
    /// It is larger than what may be held: the rest crosses as the beginning did.
    is_too_large: bool,
}

impl WholeAnswer {
    pub(super) fn new(tool_names: ToolNames, crossed_providers: bool) -> Self {
        Self { tool_names, crossed_providers, held: BytesMut::new(), is_too_large: false }
    }

    pub(super) fn push(&mut self, chunk: &Bytes, out: &mut BytesMut) {
        if !self.is_too_large && self.held.len() + chunk.len() > MAX_ANSWER_BYTES {
            self.is_too_large = true;
            out.extend_from_slice(&std::mem::take(&mut self.held));
        }
        let place = if self.is_too_large { out } else { &mut self.held };
        place.extend_from_slice(chunk);
    }

    pub(super) fn finish(&mut self, out: &mut BytesMut) {
        let body = std::mem::take(&mut self.held).freeze();
        out.extend_from_slice(&self.edits(&body).unwrap_or_default().apply(&body));
    }

    fn edits(&self, body: &[u8]) -> Option<Edits> {
        // A plain text is not parsed.
        let has = |word: &str| memmem::find(body, word.as_bytes()).is_some();
        if !has("\"tool_use\"") && !has("\"thinking\"") {
            return None;
        }
        let content = JsonPart::parse(body).ok()?.get("content")?;
        let blocks = content.elements()?;
        let drops_thinking = self.crossed_providers
            && blocks.iter().any(|block| has_text(*block, "type", "tool_use"));
        let dropped: Vec<bool> =
            blocks.iter().map(|block| drops_thinking && is_thinking(*block)).collect();
        let mut edits = Edits::default();
        edits.remove_elements(body, content, |index| dropped[index]);
        for (block, is_dropped) in blocks.into_iter().zip(dropped) {
            if !is_dropped {
                note_needs(&mut edits, body, block, &self.tool_names);
            }
        }
        Some(edits)
    }
}

fn is_thinking(block: JsonPart<'_>) -> bool {
    has_text(block, "type", "thinking") || has_text(block, "type", "redacted_thinking")
}
