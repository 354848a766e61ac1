//! What Amp needs of one block of content.

use serde_json::Value;

use crate::adapt::amp::{ToolNames, has_text};
use crate::body::{Edits, JsonPart};

/// Notes what must change in a block, as it stands in `body`.
pub(super) fn note_needs(
    edits: &mut Edits,
    body: &[u8],
    block: JsonPart<'_>,
    tool_names: &ToolNames,
) {
    let is_tool_use = has_text(block, "type", "tool_use");
    if !is_tool_use && !has_text(block, "type", "thinking") {
        return;
    }
    // Amp reads the signature's length, of null too.
    if block.get("signature").is_none_or(|signature| signature.raw() == "null") {
        edits.set_member(body, block, "signature", "\"\"");
    }
    if is_tool_use
        && let Some(name) = block.get("name").and_then(JsonPart::text)
        && let Some(right) = tool_names.correct(&name)
    {
        edits.set_member(body, block, "name", &Value::from(right).to_string());
    }
}
