//! The conversation, as Gemini wants it: the user first, no empty part, nobody twice in a row.
//!
//! The order of calls and responses is settled before. What is Gemini's own is added here: the
//! first call of each turn needs a proof that Gemini thought before it, and images of a result stand
//! inside of its response or, for models before 3, behind the responses of the turn.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::model::Model;
use crate::translate::dropped::Dropped;
use crate::translate::names::UpstreamNames;
use crate::translate::request::{
    Media, MediaKind, MediaSource, Part, Role, Text, ToolCall, ToolInput, ToolResult, Turn,
};

/// What Google documents for calls that Gemini did not make, so that it does not ask for its proof.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// What the user says before a model that speaks first.
const FIRST_WORDS: &str = "The conversation begins with your turn.";

/// Where `fileData` may point: Google fetches nothing else.
const GOOGLES_FILES: [&str; 2] = ["gs://", "https://generativelanguage.googleapis.com/"];

#[derive(Debug, Serialize)]
pub(super) struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<PartOut<'a>>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct PartOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<FileData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_response: Option<FunctionResponse<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Blob<'a> {
    mime_type: &'a str,
    data: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FileData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'a str>,
    file_uri: &'a str,
}

#[derive(Debug, Serialize)]
struct Call<'a> {
    id: &'a str,
    name: &'a str,
    args: Cow<'a, RawValue>,
}

#[derive(Debug, Serialize)]
struct FunctionResponse<'a> {
    id: &'a str,
    name: &'a str,
    response: Said,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartOut<'a>>,
}

/// Google's words for what a function says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Said {
    Output(String),
    Error(String),
}

fn text(text: &str) -> PartOut<'_> {
    PartOut { text: Some(text), ..PartOut::default() }
}

pub(super) struct ContentsWriter<'a, 'd> {
    pub names: &'a UpstreamNames,
    pub model: Model,
    pub dropped: &'d mut Dropped,
}

impl<'a> ContentsWriter<'a, '_> {
    /// The system prompt; `None` if it says nothing.
    pub fn system(&mut self, turn: &'a Turn) -> Option<Content<'a>> {
        let mut parts = Vec::new();
        for part in &turn.parts {
            match part {
                Part::Text(said) => parts.push(self.text(said)),
                Part::Media(_) => self.dropped.note("system_media"),
                Part::Thinking(_) | Part::ToolCall(_) | Part::ToolResult(_) => {}
            }
        }
        (!parts.is_empty()).then_some(Content { role: None, parts })
    }

    /// All other turns. System turns among them are said by the user: Gemini has one prompt.
    pub fn contents(&mut self, turns: &'a [Turn]) -> Vec<Content<'a>> {
        let mut contents: Vec<Content<'a>> = Vec::with_capacity(turns.len() + 1);
        for turn in turns {
            let (role, parts) = match turn.role {
                Role::Assistant => ("model", self.model_parts(&turn.parts)),
                Role::User | Role::System => ("user", self.user_parts(&turn.parts)),
            };
            if parts.is_empty() {
                continue;
            }
            match contents.last_mut() {
                Some(last) if last.role == Some(role) => last.parts.extend(parts),
                _ => contents.push(Content { role: Some(role), parts }),
            }
        }
        if contents.first().is_none_or(|first| first.role == Some("model")) {
            contents.insert(0, Content { role: Some("user"), parts: vec![text(FIRST_WORDS)] });
        }
        contents
    }

    fn model_parts(&mut self, parts: &'a [Part]) -> Vec<PartOut<'a>> {
        let mut written = Vec::with_capacity(parts.len());
        let mut is_first_call = true;
        for part in parts {
            match part {
                Part::Text(said) => written.push(self.text(said)),
                Part::Media(media) => written.extend(self.media(media)),
                // Gemini's own proof never comes this way, and without it a thought is worth nothing.
                Part::Thinking(_) => self.dropped.note("thinking_history"),
                Part::ToolCall(call) => {
                    let mut call = self.call(call);
                    if self.model.demands_signatures() && is_first_call {
                        call.thought_signature = Some(NO_SIGNATURE);
                    }
                    is_first_call = false;
                    written.push(call);
                }
                Part::ToolResult(_) => {}
            }
        }
        written
    }

    fn user_parts(&mut self, parts: &'a [Part]) -> Vec<PartOut<'a>> {
        let (mut responses, mut behind, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            match part {
                Part::Text(said) => rest.push(self.text(said)),
                Part::Media(media) => rest.extend(self.media(media)),
                Part::ToolResult(result) => responses.push(self.response(result, &mut behind)),
                Part::Thinking(_) | Part::ToolCall(_) => {}
            }
        }
        responses.append(&mut behind);
        responses.append(&mut rest);
        responses
    }

    fn text(&mut self, said: &'a Text) -> PartOut<'a> {
        self.note_cache(said.cache.is_some());
        text(&said.text)
    }

    fn note_cache(&mut self, has_hint: bool) {
        if has_hint {
            self.dropped.note("cache_control");
        }
    }

    fn call(&self, call: &'a ToolCall) -> PartOut<'a> {
        let args = match &call.input {
            ToolInput::Json(json) => Cow::Borrowed(&**json),
            input @ ToolInput::Text(_) => Cow::Owned(
                RawValue::from_string(input.to_json()).expect("an input is written as JSON"),
            ),
        };
        let (id, name) = (self.names.id(&call.id), self.names.tool(&call.name));
        PartOut { function_call: Some(Call { id, name, args }), ..PartOut::default() }
    }

    /// Media that the response cannot hold go to `behind`.
    fn response(&mut self, result: &'a ToolResult, behind: &mut Vec<PartOut<'a>>) -> PartOut<'a> {
        self.note_cache(result.cache.is_some());
        let mut said: Vec<&str> = Vec::new();
        let mut parts = Vec::new();
        for part in &result.parts {
            match part {
                Part::Text(text) => {
                    self.note_cache(text.cache.is_some());
                    said.push(&text.text);
                }
                Part::Media(Media { source: MediaSource::Text(text), .. }) => said.push(text),
                Part::Media(media) => {
                    let is_held =
                        self.model.takes_media_in_responses() && media.kind != MediaKind::Audio;
                    let media = self.media(media);
                    if is_held { parts.extend(media) } else { behind.extend(media) }
                }
                Part::Thinking(_) | Part::ToolCall(_) | Part::ToolResult(_) => {}
            }
        }
        let said = said.join("\n");
        let response = FunctionResponse {
            id: self.names.id(&result.id),
            // A settled result has its call's name.
            name: self.names.tool(result.name.as_deref().unwrap_or_default()),
            response: if result.is_error { Said::Error(said) } else { Said::Output(said) },
            parts,
        };
        PartOut { function_response: Some(response), ..PartOut::default() }
    }

    fn media(&mut self, media: &'a Media) -> Option<PartOut<'a>> {
        if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
            self.dropped.note("image_detail");
        }
        if media.name.is_some() {
            self.dropped.note("file_name");
        }
        match &media.source {
            MediaSource::Inline { media_type, data } => {
                let blob = Blob { mime_type: media_type, data };
                Some(PartOut { inline_data: Some(blob), ..PartOut::default() })
            }
            MediaSource::Url { url, media_type }
                if GOOGLES_FILES.iter().any(|place| url.starts_with(place)) =>
            {
                let file = FileData { mime_type: media_type.as_deref(), file_uri: url };
                Some(PartOut { file_data: Some(file), ..PartOut::default() })
            }
            MediaSource::Url { .. } => {
                self.dropped.note(match media.kind {
                    MediaKind::Image => "image_url",
                    MediaKind::Document => "document_url",
                    MediaKind::Audio => "audio_url",
                });
                None
            }
            MediaSource::Text(said) => Some(text(said)),
        }
    }
}
