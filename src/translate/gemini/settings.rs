//! How an answer is to be made: `generationConfig`.
//!
//! What Google refuses is not written: JSON output beside functions before Gemini 3, more than five
//! stop sequences, a seed beyond 32 bits, thoughts of a model that shows none.

use serde::Serialize;
use serde_json::value::RawValue;

use super::model::Model;
use super::schema::{stripped, to_open_api};
use crate::translate::dropped::Dropped;
use crate::translate::request::{OutputFormat, Request};
use crate::types::Thinking;

const MAX_STOP_SEQUENCES: usize = 5;
const MAX_TEMPERATURE: f64 = 2.0;

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerationConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_schema: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingConfig>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThinkingConfig {
    include_thoughts: bool,
}

impl<'a> GenerationConfig<'a> {
    pub fn new(
        request: &'a Request,
        model: Model,
        has_functions: bool,
        dropped: &mut Dropped,
    ) -> Self {
        let sampling = &request.sampling;
        let seed = sampling.seed.map(i32::try_from);
        if matches!(seed, Some(Err(_))) {
            dropped.note("seed");
        }
        let stop_sequences = request.stop_sequences.as_slice();
        if stop_sequences.len() > MAX_STOP_SEQUENCES {
            dropped.note("stop_sequences");
        }
        let shows = request.shows_thinking == Some(true)
            && request.thinking != Some(Thinking::Off)
            && model.shows_thoughts();
        let mut config = Self {
            max_output_tokens: request.max_output_tokens,
            temperature: sampling.temperature.map(|t| t.clamp(0.0, MAX_TEMPERATURE)),
            top_p: sampling.top_p,
            top_k: sampling.top_k,
            seed: seed.and_then(Result::ok),
            presence_penalty: sampling.presence_penalty,
            frequency_penalty: sampling.frequency_penalty,
            stop_sequences: &stop_sequences[..stop_sequences.len().min(MAX_STOP_SEQUENCES)],
            thinking_config: shows.then_some(ThinkingConfig { include_thoughts: true }),
            ..Self::default()
        };
        let is_text = matches!(request.output, OutputFormat::Text);
        if !is_text && has_functions && !model.takes_format_beside_functions() {
            dropped.note("response_format");
        } else {
            config.set_format(&request.output, model);
        }
        config
    }

    fn set_format(&mut self, output: &OutputFormat, model: Model) {
        match output {
            OutputFormat::Text => return,
            OutputFormat::Json => {}
            OutputFormat::Schema { schema, .. } if model.takes_json_schema() => {
                self.response_json_schema = Some(stripped(schema));
            }
            OutputFormat::Schema { schema, .. } => self.response_schema = to_open_api(schema),
        }
        self.response_mime_type = Some("application/json");
    }

    pub fn says_nothing(&self) -> bool {
        let Self {
            max_output_tokens: None,
            temperature: None,
            top_p: None,
            top_k: None,
            seed: None,
            presence_penalty: None,
            frequency_penalty: None,
            stop_sequences: [],
            response_mime_type: None,
            response_json_schema: None,
            response_schema: None,
            thinking_config: None,
        } = self
        else {
            return false;
        };
        true
    }
}
