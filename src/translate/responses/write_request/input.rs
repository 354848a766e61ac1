//! The conversation as items.

use std::collections::HashSet;

use serde::Serialize;

use super::super::super::Outgoing;
use super::super::super::dropped::Dropped;
use super::super::super::request::{
    Media, MediaKind, MediaSource, Part, Role, ToolCall, ToolInput, ToolResult, Turn,
};

/// What stands before the text of a result that is an error: the API has no mark for it.
const ERROR_PREFIX: &str = "Error: ";

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ItemOut<'a> {
    Message { role: &'static str, content: Vec<PartOut<'a>> },
    FunctionCall { call_id: &'a str, name: &'a str, arguments: String },
    FunctionCallOutput { call_id: &'a str, output: OutputOut<'a> },
    CustomToolCall { call_id: &'a str, name: &'a str, input: &'a str },
    CustomToolCallOutput { call_id: &'a str, output: OutputOut<'a> },
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum OutputOut<'a> {
    Text(String),
    Parts(Vec<PartOut<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PartOut<'a> {
    InputText {
        text: String,
    },
    OutputText {
        text: &'a str,
    },
    InputImage {
        image_url: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<&'a str>,
    },
    InputFile {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<&'a str>,
    },
    InputAudio {
        input_audio: AudioOut<'a>,
    },
}

#[derive(Serialize)]
pub struct AudioOut<'a> {
    data: &'a str,
    format: &'static str,
}

/// The system prompt as one text.
pub fn system_text(system: &Turn, dropped: &mut Dropped) -> String {
    let mut texts = Vec::new();
    for part in &system.parts {
        match part {
            Part::Text(text) => {
                note_cache(text.cache.is_some(), dropped);
                texts.push(text.text.as_str());
            }
            // Instructions are a string.
            _ => dropped.note("system_media"),
        }
    }
    texts.join("\n\n")
}

pub fn items_of<'a>(
    outgoing: &Outgoing<'a>,
    turns: &'a [Turn],
    dropped: &mut Dropped,
) -> Vec<ItemOut<'a>> {
    let mut writing = Writing { outgoing, items: Vec::new(), custom: HashSet::new(), dropped };
    for turn in turns {
        writing.turn(turn);
    }
    writing.items
}

struct Writing<'a, 'w> {
    outgoing: &'w Outgoing<'a>,
    items: Vec<ItemOut<'a>>,
    /// The calls of custom tools: their results have a type of their own.
    custom: HashSet<&'a str>,
    dropped: &'w mut Dropped,
}

impl<'a> Writing<'a, '_> {
    /// Neighbouring texts and media are one message; calls and results stand for themselves.
    fn turn(&mut self, turn: &'a Turn) {
        let mut content = Vec::new();
        for part in &turn.parts {
            match part {
                Part::Text(text) => {
                    note_cache(text.cache.is_some(), self.dropped);
                    content.push(match turn.role {
                        Role::Assistant => PartOut::OutputText { text: &text.text },
                        Role::User | Role::System => PartOut::InputText { text: text.text.clone() },
                    });
                }
                Part::Media(_) if turn.role == Role::Assistant => {
                    self.dropped.note("assistant_media");
                }
                Part::Media(media) => content.extend(media_of(media, self.dropped)),
                Part::Thinking(_) => self.dropped.note("thinking_history"),
                Part::ToolCall(call) => {
                    self.message(turn.role, std::mem::take(&mut content));
                    self.call(call);
                }
                Part::ToolResult(result) => {
                    self.message(turn.role, std::mem::take(&mut content));
                    self.result(result);
                }
            }
        }
        self.message(turn.role, content);
    }

    fn message(&mut self, role: Role, content: Vec<PartOut<'a>>) {
        let role = match role {
            Role::System => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        if !content.is_empty() {
            self.items.push(ItemOut::Message { role, content });
        }
    }

    fn call(&mut self, call: &'a ToolCall) {
        let names = self.outgoing.names;
        let (call_id, name) = (names.id(&call.id), names.tool(&call.name));
        self.items.push(match &call.input {
            ToolInput::Json(_) => {
                ItemOut::FunctionCall { call_id, name, arguments: call.input.to_json() }
            }
            ToolInput::Text(input) => {
                self.custom.insert(&call.id);
                ItemOut::CustomToolCall { call_id, name, input }
            }
        });
    }

    fn result(&mut self, result: &'a ToolResult) {
        note_cache(result.cache.is_some(), self.dropped);
        let call_id = self.outgoing.names.id(&result.id);
        let output = output_of(result, self.dropped);
        self.items.push(if self.custom.contains(result.id.as_str()) {
            ItemOut::CustomToolCallOutput { call_id, output }
        } else {
            ItemOut::FunctionCallOutput { call_id, output }
        });
    }
}

fn note_cache(is_there: bool, dropped: &mut Dropped) {
    if is_there {
        dropped.note("cache_control");
    }
}

/// A string where there is nothing but text: every server takes that.
fn output_of<'a>(result: &'a ToolResult, dropped: &mut Dropped) -> OutputOut<'a> {
    let prefix = if result.is_error { ERROR_PREFIX } else { "" };
    let texts: Vec<&str> = result.parts.iter().filter_map(text_of).collect();
    for part in &result.parts {
        note_cache(matches!(part, Part::Text(text) if text.cache.is_some()), dropped);
    }
    if texts.len() == result.parts.len() {
        return OutputOut::Text(format!("{prefix}{}", texts.join("\n")));
    }
    let mut parts = Vec::new();
    if result.is_error && texts.is_empty() {
        parts.push(PartOut::InputText { text: ERROR_PREFIX.trim_end().to_owned() });
    }
    let mut prefix = Some(prefix);
    for part in &result.parts {
        match part {
            Part::Text(text) => {
                let prefix = prefix.take().unwrap_or_default();
                parts.push(PartOut::InputText { text: format!("{prefix}{}", text.text) });
            }
            Part::Media(media) => parts.extend(media_of(media, dropped)),
            Part::Thinking(_) | Part::ToolCall(_) | Part::ToolResult(_) => {}
        }
    }
    OutputOut::Parts(parts)
}

fn text_of(part: &Part) -> Option<&str> {
    match part {
        Part::Text(text) => Some(&text.text),
        _ => None,
    }
}

fn media_of<'a>(media: &'a Media, dropped: &mut Dropped) -> Option<PartOut<'a>> {
    let written = match media.kind {
        MediaKind::Image => image_of(media),
        MediaKind::Document => Some(document_of(media)),
        MediaKind::Audio => audio_of(media),
    };
    if written.is_none() {
        dropped.note(if media.kind == MediaKind::Audio { "audio" } else { "image" });
    }
    written
}

fn image_of(media: &Media) -> Option<PartOut<'_>> {
    let image_url = match &media.source {
        MediaSource::Inline { media_type, data } => data_url(media_type, data),
        MediaSource::Url { url, .. } => url.clone(),
        MediaSource::Text(_) => return None,
    };
    Some(PartOut::InputImage { image_url, detail: media.detail.as_deref() })
}

fn document_of(media: &Media) -> PartOut<'_> {
    let filename = media.name.as_deref();
    match &media.source {
        // The API does not take a document's data without a name.
        MediaSource::Inline { media_type, data } => PartOut::InputFile {
            filename: filename.or(Some(default_name(media_type))),
            file_data: Some(data_url(media_type, data)),
            file_url: None,
        },
        MediaSource::Url { url, .. } => {
            PartOut::InputFile { filename: None, file_data: None, file_url: Some(url) }
        }
        MediaSource::Text(text) => PartOut::InputText {
            text: match filename {
                Some(name) => format!("{name}\n\n{text}"),
                None => text.clone(),
            },
        },
    }
}

fn audio_of(media: &Media) -> Option<PartOut<'_>> {
    let MediaSource::Inline { media_type, data } = &media.source else { return None };
    let format = match media_type.as_str() {
        "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
        "audio/mpeg" | "audio/mp3" => "mp3",
        _ => return None,
    };
    Some(PartOut::InputAudio { input_audio: AudioOut { data, format } })
}

fn data_url(media_type: &str, data: &str) -> String {
    format!("data:{media_type};base64,{data}")
}

fn default_name(media_type: &str) -> &'static str {
    match media_type {
        "application/pdf" => "document.pdf",
        _ => "document.txt",
    }
}
