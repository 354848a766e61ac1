//! Content blocks, read into parts.

use super::super::super::dropped::Dropped;
use super::super::super::request::{
    CacheHint, Media, MediaKind, MediaSource, Part, Signature, Text, Thought, ToolCall, ToolInput,
    ToolResult,
};
use super::super::super::typed::Unreadable;
use super::is_attribution;
use super::wire::{Block, CacheControl, Content, Source};
use crate::types::Dialect;

/// Reads blocks that stand at one place of the request.
pub struct Parts<'d> {
    /// For what is noted.
    at: &'static str,
    dropped: &'d mut Dropped,
}

impl<'d> Parts<'d> {
    pub fn new(at: &'static str, dropped: &'d mut Dropped) -> Self {
        Self { at, dropped }
    }

    /// What a system prompt says.
    pub fn texts(mut self, content: Content) -> Vec<Part> {
        let mut parts = Vec::new();
        for block in blocks(content) {
            if is_attribution(&block) {
                continue;
            }
            match block.kind.as_str() {
                "text" => parts.push(self.text(block)),
                kind => self.note(kind),
            }
        }
        parts
    }

    /// What user or model said in the message of this number.
    pub fn said(mut self, index: usize, content: Content) -> Result<Vec<Part>, Unreadable> {
        let mut parts = Vec::new();
        for (number, block) in blocks(content).into_iter().enumerate() {
            let missing = |member: &str| {
                let at = format!("messages[{index}].content[{number}]");
                Unreadable(format!("{at}: a {} without {member}", block.kind))
            };
            let or_missing = |value: &Option<String>, member: &str| {
                value.clone().filter(|value| !value.is_empty()).ok_or_else(|| missing(member))
            };
            match block.kind.as_str() {
                "tool_use" => {
                    let id = or_missing(&block.id, "an id")?;
                    let name = or_missing(&block.name, "a name")?;
                    if block.cache_control.is_some() {
                        self.note_cache();
                    }
                    let input = match block.input {
                        Some(json) if json.get().starts_with('{') => ToolInput::Json(json),
                        Some(json) => ToolInput::from_json_text(json.get()),
                        None => ToolInput::from_json_text(""),
                    };
                    parts.push(Part::ToolCall(ToolCall { id, name, input }));
                }
                "tool_result" => {
                    let id = or_missing(&block.tool_use_id, "a tool_use_id")?;
                    let mut inner = Vec::new();
                    for block in block.content.map(blocks).unwrap_or_default() {
                        self.shown(block, &mut inner);
                    }
                    parts.push(Part::ToolResult(ToolResult {
                        id,
                        name: None,
                        parts: inner,
                        is_error: block.is_error.unwrap_or(false),
                        cache: hint(block.cache_control),
                    }));
                }
                "thinking" => parts.push(Part::Thinking(thought(block))),
                "redacted_thinking" => {}
                _ => self.shown(block, &mut parts),
            }
        }
        Ok(parts)
    }

    /// Text, images and documents, which a tool may show as well.
    fn shown(&mut self, block: Block, parts: &mut Vec<Part>) {
        match block.kind.as_str() {
            "text" => parts.push(self.text(block)),
            "image" => self.media(MediaKind::Image, block, parts),
            "document" => self.media(MediaKind::Document, block, parts),
            "search_result" => parts.push(search_result(block)),
            // Claude Code's search for tools found one. All tools are offered at once to other models, so
            // the name is all there is to say, but without it the search would seem to have failed.
            "tool_reference" if block.tool_name.is_some() => {
                let name = block.tool_name.unwrap_or_default();
                parts.push(Part::Text(format!("The tool `{name}` can be called.").into()));
            }
            kind => self.note(kind),
        }
    }

    fn text(&mut self, block: Block) -> Part {
        if block.citations.is_some() {
            self.note("citations");
        }
        let cache = hint(block.cache_control);
        Part::Text(Text { text: block.text.unwrap_or_default(), cache })
    }

    fn media(&mut self, kind: MediaKind, block: Block, parts: &mut Vec<Part>) {
        if block.citations.is_some() {
            self.note("citations");
        }
        if block.cache_control.is_some() {
            self.note_cache();
        }
        let Some(Source::Object(source)) = block.source else {
            return self.note(&block.kind);
        };
        let media_type = source.media_type;
        let source = match (source.kind.as_str(), source.data, source.url, source.content) {
            ("base64", Some(data), ..) => {
                let usual = if kind == MediaKind::Image { "image/png" } else { "application/pdf" };
                let media_type = media_type.unwrap_or_else(|| usual.to_owned());
                MediaSource::Inline { media_type, data }
            }
            ("text", Some(text), ..) => MediaSource::Text(text),
            ("url", _, Some(url), _) => MediaSource::Url { url, media_type },
            // A document made of blocks is no more than those.
            ("content", .., Some(content)) => {
                for block in blocks(content) {
                    self.shown(block, parts);
                }
                return;
            }
            // Among them `file`: Anthropic's store is closed to others.
            (other, ..) => return self.note(&format!("{}.{other}", block.kind)),
        };
        parts.push(Part::Media(Media { kind, source, name: block.title, detail: None }));
    }

    fn note(&mut self, what: &str) {
        self.dropped.note(&format!("{}.{what}", self.at));
    }

    /// Under the name that the writers use, since it is they who know the concept.
    fn note_cache(&mut self) {
        self.dropped.note("cache_control");
    }
}

/// Content as blocks. A string is one text.
fn blocks(content: Content) -> Vec<Block> {
    match content {
        Content::Text(text) => vec![Block::text(text)],
        Content::Blocks(blocks) => blocks,
        Content::Other => Vec::new(),
    }
}

fn hint(control: Option<CacheControl>) -> Option<CacheHint> {
    control.map(CacheHint::from)
}

/// Only Claude signs in this place; what other providers signed never got here.
fn thought(block: Block) -> Thought {
    let value = block.signature.filter(|signature| !signature.is_empty());
    Thought {
        text: block.thinking.unwrap_or_default(),
        signature: value.map(|value| Signature { made_by: Dialect::Anthropic, value }),
    }
}

/// A source that the model may quote is to others a document with a name.
fn search_result(block: Block) -> Part {
    let texts = block.content.map(blocks).unwrap_or_default();
    let texts: Vec<String> = texts.into_iter().filter_map(|block| block.text).collect();
    let address = match block.source {
        Some(Source::Address(address)) => Some(address),
        Some(Source::Object(_)) | None => None,
    };
    Part::Media(Media {
        kind: MediaKind::Document,
        source: MediaSource::Text(texts.join("\n")),
        name: block.title.or(address),
        detail: None,
    })
}
