//! What a message holds, read.

use super::super::dropped::Dropped;
use super::super::request::{CacheHint, Media, MediaKind, MediaSource, Part, Text};
use super::super::typed::Unreadable;
use super::media::{audio_type, is_base64, kind_of, read_url};
use super::request_wire::{AudioIn, CacheControl, FileIn, ImageUrl, PartIn};
use super::wire::TextOr;

/// Which blocks a message of a role may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Texts,
    TextsAndMedia,
}

/// Reads a message's content. `at` is where it stands, for errors.
pub(super) fn read(
    content: Option<TextOr<String, Vec<PartIn>>>,
    holds: Holds,
    at: &str,
    dropped: &mut Dropped,
) -> Result<Vec<Part>, Unreadable> {
    let blocks = match content {
        None => return Ok(Vec::new()),
        Some(TextOr::Text(text)) => return Ok(vec![Part::Text(text.into())]),
        Some(TextOr::Other(blocks)) => blocks,
    };
    let mut parts = Vec::with_capacity(blocks.len());
    for (position, block) in blocks.into_iter().enumerate() {
        let at = format!("{at}.content[{position}]");
        parts.extend(read_block(block, holds, &at, dropped)?);
    }
    Ok(parts)
}

fn read_block(
    block: PartIn,
    holds: Holds,
    at: &str,
    dropped: &mut Dropped,
) -> Result<Option<Part>, Unreadable> {
    let kind = block.kind.as_str();
    let missing = |member: &str| Unreadable(format!("{at}.{member}: missing"));
    // `input_text` and `output_text` are the names in Responses; servers of both take either.
    let text = match kind {
        "text" | "input_text" | "output_text" => Some((block.text, "text")),
        "refusal" => Some((block.refusal, "refusal")),
        _ => None,
    };
    if let Some((text, member)) = text {
        let text = text.ok_or_else(|| missing(member))?;
        return Ok(Some(Part::Text(Text { text, cache: block.cache_control.map(read_cache) })));
    }
    if holds == Holds::Texts {
        dropped.note(&format!("messages.content.{kind}"));
        return Ok(None);
    }
    let media = match kind {
        "image_url" => Some(read_image(block.image_url.ok_or_else(|| missing(kind))?, at)?),
        "input_audio" => Some(read_audio(block.input_audio.ok_or_else(|| missing(kind))?, at)?),
        "file" => read_file(block.file.ok_or_else(|| missing(kind))?, at, dropped)?,
        unknown => {
            dropped.note(&format!("messages.content.{unknown}"));
            None
        }
    };
    if media.is_some() && block.cache_control.is_some() {
        dropped.note("messages.content.cache_control");
    }
    Ok(media.map(Part::Media))
}

pub(super) fn read_cache(control: CacheControl) -> CacheHint {
    CacheHint { ttl: control.ttl }
}

fn read_image(image: TextOr<String, ImageUrl>, at: &str) -> Result<Media, Unreadable> {
    let image = match image {
        TextOr::Text(url) => ImageUrl { url, detail: None },
        TextOr::Other(image) => image,
    };
    let source = read_url(&image.url)
        .map_err(|problem| Unreadable(format!("{at}.image_url.url: {problem}")))?;
    Ok(Media { kind: MediaKind::Image, source, name: None, detail: image.detail })
}

fn read_audio(audio: AudioIn, at: &str) -> Result<Media, Unreadable> {
    if !is_base64(&audio.data) {
        return Err(Unreadable(format!("{at}.input_audio.data: is not base64")));
    }
    let media_type = audio_type(&audio.format);
    let source = MediaSource::Inline { media_type, data: audio.data };
    Ok(Media { kind: MediaKind::Audio, source, name: None, detail: None })
}

/// A file that lies at `OpenAI` is out of reach for any other provider.
fn read_file(file: FileIn, at: &str, dropped: &mut Dropped) -> Result<Option<Media>, Unreadable> {
    let Some(data) = file.file_data else {
        if file.file_id.is_none() {
            return Err(Unreadable(format!("{at}.file.file_data: missing")));
        }
        dropped.note("messages.content.file.file_id");
        return Ok(None);
    };
    let source =
        read_url(&data).map_err(|problem| Unreadable(format!("{at}.file.file_data: {problem}")))?;
    let kind = kind_of(&source);
    Ok(Some(Media { kind, source, name: file.filename, detail: None }))
}
