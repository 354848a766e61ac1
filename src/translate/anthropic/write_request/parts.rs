//! Parts, written as content blocks.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::super::super::Outgoing;
use super::super::super::dropped::Dropped;
use super::super::super::request::{
    Media, MediaKind, MediaSource, Part, Text, Thought, ToolInput, ToolResult, Turn,
};
use super::cache;
use super::wire::{Block, Source};
use crate::types::Dialect;

/// What an error says that says nothing: the API refuses one without content.
const BARE_ERROR: &str = "The tool failed.";

pub fn blocks<'a>(
    outgoing: &Outgoing<'a>,
    turn: &'a Turn,
    dropped: &mut Dropped,
) -> Vec<Block<'a>> {
    let mut blocks = Vec::with_capacity(turn.parts.len());
    for part in &turn.parts {
        blocks.extend(match part {
            Part::Text(text) => self::text(text),
            Part::Media(media) => self::media(media, dropped),
            Part::Thinking(thought) => self::thought(thought, dropped),
            Part::ToolCall(call) => Some(Block::ToolUse {
                id: outgoing.names.id(&call.id),
                name: outgoing.names.tool(&call.name),
                input: input(&call.input),
            }),
            Part::ToolResult(result) => Some(self::result(outgoing, result, dropped)),
        });
    }
    // Thought comes before what it led to; other clients' items may have changed places.
    blocks.sort_by_key(|block| !matches!(block, Block::Thinking { .. }));
    blocks
}

/// Blank text is refused as empty text is.
pub fn text(text: &Text) -> Option<Block<'_>> {
    if text.text.trim().is_empty() {
        return None;
    }
    let cache_control = cache::control(text.cache.as_ref());
    Some(Block::Text { text: text.text.as_str().into(), cache_control })
}

fn thought<'a>(thought: &'a Thought, dropped: &mut Dropped) -> Option<Block<'a>> {
    match &thought.signature {
        Some(signature) if signature.made_by == Dialect::Anthropic => {
            Some(Block::Thinking { thinking: &thought.text, signature: &signature.value })
        }
        _ => {
            dropped.note("thinking_history");
            None
        }
    }
}

fn input(input: &ToolInput) -> Cow<'_, RawValue> {
    match input {
        ToolInput::Json(json) if json.get().starts_with('{') => Cow::Borrowed(json),
        ToolInput::Json(json) => owned(ToolInput::from_json_text(json.get()).to_json()),
        ToolInput::Text(_) => owned(input.to_json()),
    }
}

fn owned<'a>(json: String) -> Cow<'a, RawValue> {
    Cow::Owned(RawValue::from_string(json).expect("made of valid JSON"))
}

fn result<'a>(outgoing: &Outgoing<'a>, result: &'a ToolResult, dropped: &mut Dropped) -> Block<'a> {
    let mut content = Vec::with_capacity(result.parts.len());
    let mut hint = result.cache.as_ref();
    for part in &result.parts {
        content.extend(match part {
            Part::Text(text) => {
                hint = hint.or(text.cache.as_ref());
                // Breakpoints are set on the result as a whole.
                (!text.text.trim().is_empty()).then(|| Block::plain(text.text.as_str()))
            }
            Part::Media(media) => self::media(media, dropped),
            Part::Thinking(_) | Part::ToolCall(_) | Part::ToolResult(_) => None,
        });
    }
    if content.is_empty() && result.is_error {
        content.push(Block::plain(BARE_ERROR));
    }
    Block::ToolResult {
        tool_use_id: outgoing.names.id(&result.id),
        content,
        is_error: result.is_error,
        cache_control: cache::control(hint),
    }
}

fn media<'a>(media: &'a Media, dropped: &mut Dropped) -> Option<Block<'a>> {
    if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
        dropped.note("image_detail");
    }
    let source = match media.kind {
        MediaKind::Audio => None,
        MediaKind::Image => image_source(&media.source),
        MediaKind::Document => document_source(&media.source),
    };
    let Some(source) = source else {
        dropped.note(match media.kind {
            MediaKind::Audio => "audio",
            MediaKind::Image => "image",
            MediaKind::Document => "document",
        });
        return None;
    };
    Some(match media.kind {
        MediaKind::Document => {
            Block::Document { source, title: media.name.as_deref(), cache_control: None }
        }
        MediaKind::Image | MediaKind::Audio => Block::Image { source, cache_control: None },
    })
}

fn image_source(source: &MediaSource) -> Option<Source<'_>> {
    match source {
        MediaSource::Inline { media_type, data } => {
            // A common mistake that other APIs forgive.
            let is_jpg = media_type.eq_ignore_ascii_case("image/jpg");
            let media_type = if is_jpg { "image/jpeg" } else { media_type };
            Some(Source::Base64 { media_type, data })
        }
        MediaSource::Url { url, .. } => web_address(url),
        MediaSource::Text(_) => None,
    }
}

/// Documents are PDF or plain text; anything else has to be refused by somebody.
fn document_source(source: &MediaSource) -> Option<Source<'_>> {
    const PDF: &str = "application/pdf";
    match source {
        MediaSource::Inline { media_type, data } if media_type == PDF => {
            Some(Source::Base64 { media_type, data })
        }
        MediaSource::Inline { media_type, data } if is_text(media_type) => {
            let text = String::from_utf8(STANDARD.decode(data).ok()?).ok()?;
            plain_text(text.into())
        }
        MediaSource::Inline { .. } => None,
        MediaSource::Url { url, .. } => web_address(url),
        MediaSource::Text(text) => plain_text(text.as_str().into()),
    }
}

fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/") || media_type == "application/json"
}

fn plain_text(data: Cow<'_, str>) -> Option<Source<'_>> {
    let is_blank = data.trim().is_empty();
    (!is_blank).then_some(Source::Text { media_type: "text/plain", data })
}

/// Claude fetches from the web only; other addresses are of some provider's own store.
fn web_address(url: &str) -> Option<Source<'_>> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web.then_some(Source::Url { url })
}
