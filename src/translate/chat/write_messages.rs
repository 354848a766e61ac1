//! Turns, written as messages.
//!
//! Compatible servers differ most in what a message may hold, so each holds the least: one text is a
//! plain string, a result is text only, and a missing content is `null` beside calls and nowhere else.

use serde::Serialize;

use super::super::Outgoing;
use super::super::dropped::Dropped;
use super::super::request::{Media, MediaKind, MediaSource, Part, Role, ToolResult, Turn};
use super::media::{audio_format, data_url, file_name};

/// Where results can hold no media, this stands for a result that is nothing else.
const RESULT_FOLLOWS: &str = "The result is in the next user message.";

/// Before the text of a result that says that its tool failed.
const ERROR_MARK: &str = "Error: ";

#[derive(Debug, Serialize)]
pub(super) struct MessageOut<'a> {
    role: &'static str,
    /// Always written: some servers miss it when it is not there.
    content: Option<ContentOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ContentOut<'a> {
    Text(String),
    Parts(Vec<PartOut<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PartOut<'a> {
    Text { text: String },
    ImageUrl { image_url: ImageUrlOut<'a> },
    File { file: FileOut<'a> },
    InputAudio { input_audio: AudioOut<'a> },
}

#[derive(Debug, Serialize)]
struct ImageUrlOut<'a> {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct FileOut<'a> {
    filename: &'a str,
    file_data: String,
}

#[derive(Debug, Serialize)]
struct AudioOut<'a> {
    data: &'a str,
    format: &'a str,
}

#[derive(Debug, Serialize)]
struct CallOut<'a> {
    id: &'a str,
    r#type: &'static str,
    function: CalledOut<'a>,
}

#[derive(Debug, Serialize)]
struct CalledOut<'a> {
    name: &'a str,
    arguments: String,
}

/// What all messages of a request have in common.
pub(super) struct Messages<'a, 'd> {
    outgoing: &'a Outgoing<'a>,
    /// Whether the model is one of `OpenAI`'s that think.
    is_openai_reasoning: bool,
    dropped: &'d mut Dropped,
    written: Vec<MessageOut<'a>>,
}

impl<'a, 'd> Messages<'a, 'd> {
    pub fn write(
        outgoing: &'a Outgoing<'a>,
        is_openai_reasoning: bool,
        dropped: &'d mut Dropped,
    ) -> Vec<MessageOut<'a>> {
        let mut messages = Self { outgoing, is_openai_reasoning, dropped, written: Vec::new() };
        for turn in outgoing.turns {
            match turn.role {
                Role::System => messages.system(turn),
                Role::User => messages.user(turn),
                Role::Assistant => messages.assistant(turn),
            }
        }
        messages.written
    }

    fn push(&mut self, role: &'static str, content: ContentOut<'a>) {
        self.written.push(MessageOut {
            role,
            content: Some(content),
            reasoning_content: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
        });
    }

    /// Where it stands: Chat takes them anywhere. One word for all of them, since `OpenAI` takes
    /// either but not both in one request.
    fn system(&mut self, turn: &'a Turn) {
        if let Some(text) = self.joined_texts(&turn.parts, "\n\n") {
            let role = if self.is_openai_reasoning { "developer" } else { "system" };
            self.push(role, ContentOut::Text(text));
        }
    }

    /// Results first, each a message of its own; what they show is told by the user behind all of
    /// them, since nothing else may stand between a call and its result.
    fn user(&mut self, turn: &'a Turn) {
        let mut parts = Vec::new();
        for part in &turn.parts {
            if let Part::ToolResult(result) = part {
                self.result(result, &mut parts);
            }
        }
        for part in &turn.parts {
            match part {
                Part::Text(text) => {
                    self.note_cache(text.cache.is_some());
                    parts.push(PartOut::Text { text: text.text.clone() });
                }
                Part::Media(media) => parts.extend(self.media(media)),
                Part::Thinking(_) | Part::ToolCall(_) | Part::ToolResult(_) => {}
            }
        }
        match parts.as_mut_slice() {
            [] => {}
            [PartOut::Text { text }] => {
                let text = std::mem::take(text);
                self.push("user", ContentOut::Text(text));
            }
            _ => self.push("user", ContentOut::Parts(parts)),
        }
    }

    fn result(&mut self, result: &'a ToolResult, shown: &mut Vec<PartOut<'a>>) {
        self.note_cache(result.cache.is_some());
        let id = self.outgoing.names.id(&result.id);
        let before = shown.len();
        for part in &result.parts {
            let Part::Media(media) = part else { continue };
            let Some(media) = self.media(media) else { continue };
            if shown.len() == before {
                let name = result.name.as_deref().map(|name| self.outgoing.names.tool(name));
                let of = name.map_or_else(String::new, |name| format!(" of {name}"));
                shown.push(PartOut::Text { text: format!("From the result{of} (call {id}):") });
            }
            shown.push(media);
        }
        let mut text = self.joined_texts(&result.parts, "\n").unwrap_or_default();
        if text.is_empty() && shown.len() > before {
            RESULT_FOLLOWS.clone_into(&mut text);
        }
        if result.is_error {
            text.insert_str(0, ERROR_MARK);
        }
        self.push("tool", ContentOut::Text(text));
        if let Some(message) = self.written.last_mut() {
            message.tool_call_id = Some(id);
        }
    }

    fn assistant(&mut self, turn: &'a Turn) {
        let mut thoughts = Vec::new();
        let mut calls = Vec::new();
        for part in &turn.parts {
            match part {
                Part::Thinking(thought) => thoughts.push(thought.text.as_str()),
                Part::ToolCall(call) => calls.push(CallOut {
                    id: self.outgoing.names.id(&call.id),
                    r#type: "function",
                    function: CalledOut {
                        name: self.outgoing.names.tool(&call.name),
                        arguments: call.input.to_json(),
                    },
                }),
                // Models speak; what else they made has no place in their own turn here.
                Part::Media(_) => self.dropped.note("assistant_media"),
                Part::Text(_) | Part::ToolResult(_) => {}
            }
        }
        let text = self.joined_texts(&turn.parts, "\n\n");
        let reasoning_content = self.reasoning(&thoughts);
        if text.is_none() && calls.is_empty() && reasoning_content.is_none() {
            return;
        }
        let content = match text {
            None if calls.is_empty() => Some(ContentOut::Text(String::new())),
            text => text.map(ContentOut::Text),
        };
        self.written.push(MessageOut {
            role: "assistant",
            content,
            reasoning_content,
            tool_calls: calls,
            tool_call_id: None,
        });
    }

    /// `DeepSeek` and Kimi refuse a round of tool calls without the thinking that led to it, others
    /// read it or pass over it. `OpenAI` has no such member.
    fn reasoning(&mut self, thoughts: &[&str]) -> Option<String> {
        if thoughts.is_empty() {
            return None;
        }
        let said: Vec<&str> = thoughts.iter().copied().filter(|text| !text.is_empty()).collect();
        if self.is_openai_reasoning || said.len() < thoughts.len() {
            self.dropped.note("thinking_history");
        }
        (!self.is_openai_reasoning && !said.is_empty()).then(|| said.join("\n\n"))
    }

    fn joined_texts(&mut self, parts: &[Part], between: &str) -> Option<String> {
        let mut joined: Option<String> = None;
        for part in parts {
            let Part::Text(text) = part else { continue };
            self.note_cache(text.cache.is_some());
            match &mut joined {
                Some(joined) => {
                    joined.push_str(between);
                    joined.push_str(&text.text);
                }
                None => joined = Some(text.text.clone()),
            }
        }
        joined
    }

    fn media(&mut self, media: &'a Media) -> Option<PartOut<'a>> {
        match (&media.source, media.kind) {
            (MediaSource::Text(text), _) => {
                let named = media.name.as_deref().map(|name| format!("{name}:\n\n{text}"));
                Some(PartOut::Text { text: named.unwrap_or_else(|| text.clone()) })
            }
            (MediaSource::Inline { media_type, data }, MediaKind::Image) => {
                Some(image(data_url(media_type, data), media))
            }
            (MediaSource::Url { url, .. }, MediaKind::Image) => Some(image(url.clone(), media)),
            (MediaSource::Inline { media_type, data }, MediaKind::Document) => {
                let filename = file_name(media, media_type);
                let file_data = data_url(media_type, data);
                Some(PartOut::File { file: FileOut { filename, file_data } })
            }
            (MediaSource::Inline { media_type, data }, MediaKind::Audio) => {
                let format = audio_format(media_type);
                Some(PartOut::InputAudio { input_audio: AudioOut { data, format } })
            }
            (MediaSource::Url { .. }, MediaKind::Document) => {
                self.dropped.note("document_url");
                None
            }
            (MediaSource::Url { .. }, MediaKind::Audio) => {
                self.dropped.note("audio_url");
                None
            }
        }
    }

    fn note_cache(&mut self, is_hinted: bool) {
        if is_hinted {
            self.dropped.note("cache_control");
        }
    }
}

fn image(url: String, media: &Media) -> PartOut<'_> {
    PartOut::ImageUrl { image_url: ImageUrlOut { url, detail: media.detail.as_deref() } }
}
