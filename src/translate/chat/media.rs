//! Images, documents and sounds: data URLs and what else Chat puts them in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::request::{Media, MediaKind, MediaSource};

/// Reads the URL of an image or a file. The error says what is wrong with it.
pub(super) fn read_url(url: &str) -> Result<MediaSource, &'static str> {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("data") => read_data_url(&url["data:".len()..]),
        Some("http" | "https" | "gs") => {
            Ok(MediaSource::Url { url: url.to_owned(), media_type: None })
        }
        _ => Err("is neither a data URL nor one of http or https"),
    }
}

/// RFC 2397, but for what nobody sends as a file: percent-encoded text, and no media type.
fn read_data_url(rest: &str) -> Result<MediaSource, &'static str> {
    let (head, data) = rest.split_once(',').ok_or("is a data URL without a comma")?;
    let mut parameters = head.split(';');
    let media_type = parameters.next().unwrap_or_default().trim();
    if !is_media_type(media_type) {
        return Err("is a data URL without a media type, as image/png");
    }
    if !parameters.any(|parameter| parameter.trim().eq_ignore_ascii_case("base64")) {
        return Err("is a data URL that is not base64");
    }
    if !is_base64(data) {
        return Err("is a data URL whose data is not base64");
    }
    let media_type = media_type.to_ascii_lowercase();
    // A text as a document: the dialects that have such a thing want the text itself.
    if media_type == "text/plain" {
        let text = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        return text.map(MediaSource::Text).ok_or("is a data URL of text that is not UTF-8");
    }
    Ok(MediaSource::Inline { media_type, data: data.to_owned() })
}

fn is_media_type(text: &str) -> bool {
    let is_token = |part: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !part.is_empty() && part.bytes().all(is_plain)
    };
    text.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// Whether it could be: nobody wants to decode megabytes here to have the provider do it again.
pub(super) fn is_base64(data: &str) -> bool {
    let body = data.trim_end_matches('=');
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    !body.is_empty() && data.len() - body.len() <= 2 && body.bytes().all(is_digit)
}

/// The sound formats that Chat names have the subtypes of media types as names.
pub(super) fn audio_type(format: &str) -> String {
    format!("audio/{}", format.to_ascii_lowercase())
}

pub(super) fn audio_format(media_type: &str) -> &str {
    let subtype = media_type.split(';').next().unwrap_or(media_type).trim();
    match subtype.strip_prefix("audio/").unwrap_or(subtype) {
        "mpeg" => "mp3",
        "x-wav" | "wave" | "vnd.wave" => "wav",
        format => format,
    }
}

pub(super) fn data_url(media_type: &str, data: &str) -> String {
    format!("data:{media_type};base64,{data}")
}

/// A document's name. `OpenAI` demands one, and reads the kind of a document from it.
pub(super) fn file_name<'a>(media: &'a Media, media_type: &str) -> &'a str {
    media.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(match media_type {
        "application/pdf" => "document.pdf",
        _ => "document",
    })
}

/// What a file is.
pub(super) fn kind_of(source: &MediaSource) -> MediaKind {
    match source {
        MediaSource::Inline { media_type, .. } if media_type.starts_with("image/") => {
            MediaKind::Image
        }
        MediaSource::Inline { media_type, .. } if media_type.starts_with("audio/") => {
            MediaKind::Audio
        }
        _ => MediaKind::Document,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_strictly() {
        let inline = |media_type: &str, data: &str| {
            Ok(MediaSource::Inline { media_type: media_type.to_owned(), data: data.to_owned() })
        };
        let url = |url: &str| Ok(MediaSource::Url { url: url.to_owned(), media_type: None });
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("data:image/png;base64,iVBORw0=",        inline("image/png", "iVBORw0="),            "the usual"),
            ("DATA:Image/PNG;charset=x;BASE64,iVBO",  inline("image/png", "iVBO"),                "cases, and a parameter"),
            ("data:image/svg+xml;base64,iVBO",        inline("image/svg+xml", "iVBO"),            "a plus"),
            ("data:text/plain;base64,aGk=",           Ok(MediaSource::Text("hi".to_owned())),     "text is decoded"),
            ("data:text/plain;base64,/w==",           Err("is a data URL of text that is not UTF-8"), "or refused"),
            ("https://x.test/a.png",                  url("https://x.test/a.png"),                "fetched by the provider"),
            ("data:image/png;base64",                 Err("is a data URL without a comma"),       "no data"),
            ("data:;base64,iVBO",                     Err("is a data URL without a media type, as image/png"), "no type"),
            ("data:png;base64,iVBO",                  Err("is a data URL without a media type, as image/png"), "half a type"),
            ("data:image/png,iVBO",                   Err("is a data URL that is not base64"),    "percent-encoded"),
            ("data:image/png;base64,iV BO",           Err("is a data URL whose data is not base64"), "a space"),
            ("data:image/png;base64,",                Err("is a data URL whose data is not base64"), "nothing"),
            ("data:image/png;base64,iV===",           Err("is a data URL whose data is not base64"), "too much padding"),
            ("iVBORw0=",                              Err("is neither a data URL nor one of http or https"), "bare base64"),
            ("file:///etc/passwd",                    Err("is neither a data URL nor one of http or https"), "a local file"),
        ];
        for (written, expected, why) in cases {
            assert_eq!(read_url(written), expected, "{written}: {why}");
        }
    }

    #[test]
    fn sounds_keep_their_format() {
        for format in ["wav", "mp3", "flac"] {
            assert_eq!(audio_format(&audio_type(format)), format);
        }
        assert_eq!(audio_format("audio/mpeg"), "mp3");
    }
}
