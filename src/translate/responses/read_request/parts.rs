//! Texts, images, documents and sounds.

use super::super::super::dropped::Dropped;
use super::super::super::request::{Media, MediaKind, MediaSource, Part};
use super::super::request_wire::{AudioIn, PartIn, TextOr};

/// Reads the content of a message or the output of a tool; `path` says which. Empty texts are left
/// out: other APIs refuse them.
pub fn read_content(
    content: Option<TextOr<Vec<PartIn>>>,
    path: &str,
    dropped: &mut Dropped,
) -> Vec<Part> {
    let mut parts: Vec<Part> = match content {
        None => Vec::new(),
        Some(TextOr::Text(text)) => vec![Part::Text(text.into())],
        Some(TextOr::Other(parts)) => {
            parts.into_iter().filter_map(|part| read_part(part, path, dropped)).collect()
        }
    };
    parts.retain(|part| !matches!(part, Part::Text(text) if text.text.is_empty()));
    parts
}

fn read_part(part: PartIn, path: &str, dropped: &mut Dropped) -> Option<Part> {
    if part.annotations.as_ref().is_some_and(|annotations| !annotations.is_empty()) {
        dropped.note(&format!("{path}.annotations"));
    }
    // A file that was uploaded to `OpenAI` is nowhere else.
    let lost = if part.file_id.is_some() { "file_id" } else { &part.kind };
    let lost = format!("{path}.{lost}");
    let read = match part.kind.as_str() {
        "input_text" | "output_text" | "text" => part.text.map(|text| Part::Text(text.into())),
        "refusal" => part.refusal.map(|text| Part::Text(text.into())),
        "input_image" => read_image(part).map(Part::Media),
        "input_file" => read_file(part).map(Part::Media),
        "input_audio" => part.input_audio.map(read_audio).map(Part::Media),
        _ => None,
    };
    if read.is_none() {
        dropped.note(&lost);
    }
    read
}

fn read_image(part: PartIn) -> Option<Media> {
    let source = read_url(part.image_url?)?;
    Some(Media { kind: MediaKind::Image, source, name: None, detail: part.detail })
}

fn read_file(part: PartIn) -> Option<Media> {
    let source = match (part.file_data, part.file_url) {
        (Some(data), _) if data.starts_with("data:") => read_url(data)?,
        // The API takes base64 without its type, too: the name tells it.
        (Some(data), _) => {
            MediaSource::Inline { media_type: type_of(part.filename.as_deref()).to_owned(), data }
        }
        (None, Some(url)) => read_url(url)?,
        (None, None) => return None,
    };
    let kind = match &source {
        MediaSource::Inline { media_type, .. } if media_type.starts_with("image/") => {
            MediaKind::Image
        }
        MediaSource::Inline { media_type, .. } if media_type.starts_with("audio/") => {
            MediaKind::Audio
        }
        _ => MediaKind::Document,
    };
    Some(Media { kind, source, name: part.filename, detail: part.detail })
}

fn read_audio(audio: AudioIn) -> Media {
    let media_type = match audio.format.as_str() {
        "mp3" => "audio/mpeg".to_owned(),
        format => format!("audio/{format}"),
    };
    let source = MediaSource::Inline { media_type, data: audio.data };
    Media { kind: MediaKind::Audio, source, name: None, detail: None }
}

/// `None` for a data URL that is not in base64, which no provider takes.
fn read_url(url: String) -> Option<MediaSource> {
    let Some(inline) = url.strip_prefix("data:") else {
        return Some(MediaSource::Url { url, media_type: None });
    };
    let (meta, data) = inline.split_once(',')?;
    let meta = meta.strip_suffix(";base64")?;
    let media_type = meta.split(';').next().unwrap_or_default();
    Some(MediaSource::Inline { media_type: media_type.to_owned(), data: data.to_owned() })
}

fn type_of(file_name: Option<&str>) -> &'static str {
    let extension = file_name.and_then(|name| name.rsplit_once('.')).map(|(_, after)| after);
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("txt" | "md" | "csv" | "log") => "text/plain",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        _ => "application/pdf",
    }
}
