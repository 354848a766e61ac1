//! A request as a client writes it. What has no member here is noted as dropped.

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A member that means nothing to any other provider: taken, so that it is not noted as dropped.
#[derive(Debug)]
pub struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    // `IgnoredAny` is what `serde_ignored` listens for.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|_| Self)
    }
}

#[derive(Debug, Deserialize)]
pub struct Body {
    pub system: Option<Content>,
    pub messages: Vec<Message>,
    pub tools: Option<Vec<ToolDef>>,
    pub tool_choice: Option<Choice>,
    pub thinking: Option<ThinkingConfig>,
    pub output_config: Option<OutputConfig>,
    /// Where the first structured outputs had it.
    pub output_format: Option<Format>,
    pub max_tokens: Option<u64>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u64>,
    pub stop_sequences: Option<Vec<String>>,
    pub metadata: Option<Metadata>,
    pub stream: Option<bool>,
    pub cache_control: Option<CacheControl>,
    #[serde(rename = "model")]
    _model: Option<Ignored>,
    #[serde(rename = "service_tier")]
    _service_tier: Option<Ignored>,
}

#[derive(Debug, Deserialize)]
pub struct Message {
    pub role: String,
    pub content: Content,
}

#[derive(Debug, Default, Deserialize)]
pub struct Block {
    #[serde(rename = "type")]
    pub kind: String,
    pub text: Option<String>,
    pub source: Option<Source>,
    /// A document's name.
    pub title: Option<String>,
    pub id: Option<String>,
    pub name: Option<String>,
    pub input: Option<Box<RawValue>>,
    pub tool_use_id: Option<String>,
    /// A tool that the client's search for tools has found.
    pub tool_name: Option<String>,
    pub content: Option<Content>,
    pub is_error: Option<bool>,
    pub thinking: Option<String>,
    pub signature: Option<String>,
    pub cache_control: Option<CacheControl>,
    /// Not left to be noted by itself: clients send `null` back.
    pub citations: Option<Ignored>,
    #[serde(rename = "data")]
    _data: Option<Ignored>,
    /// Says that the model itself called the tool.
    #[serde(rename = "caller")]
    _caller: Option<Ignored>,
    // Members of web search results, which are noted as a whole.
    #[serde(rename = "url")]
    _url: Option<Ignored>,
    #[serde(rename = "encrypted_content")]
    _encrypted_content: Option<Ignored>,
    #[serde(rename = "page_age")]
    _page_age: Option<Ignored>,
}

impl Block {
    /// What a string in place of blocks means.
    pub fn text(text: String) -> Self {
        Self { kind: "text".to_owned(), text: Some(text), ..Self::default() }
    }
}

/// A string, or blocks.
#[derive(Debug)]
pub enum Content {
    Text(String),
    Blocks(Vec<Block>),
    /// A lone object: the error of a server tool.
    Other,
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ContentVisitor;

        impl<'de> Visitor<'de> for ContentVisitor {
            type Value = Content;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string or a list of content blocks")
            }

            fn visit_str<E>(self, text: &str) -> Result<Content, E> {
                Ok(Content::Text(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Content, E> {
                Ok(Content::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, blocks: A) -> Result<Content, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(blocks)).map(Content::Blocks)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Content, A::Error> {
                while members.next_entry::<String, Ignored>()?.is_some() {}
                Ok(Content::Other)
            }
        }

        // Not an untagged enum: that one buffers, and raw JSON does not survive it.
        deserializer.deserialize_any(ContentVisitor)
    }
}

/// Where the bytes of an image or a document are. A search result's is its address alone.
#[derive(Debug)]
pub enum Source {
    Address(String),
    Object(Box<SourceObject>),
}

#[derive(Debug, Deserialize)]
pub struct SourceObject {
    #[serde(rename = "type")]
    pub kind: String,
    pub media_type: Option<String>,
    pub data: Option<String>,
    pub url: Option<String>,
    pub content: Option<Content>,
    #[serde(rename = "file_id")]
    _file_id: Option<Ignored>,
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SourceVisitor;

        impl<'de> Visitor<'de> for SourceVisitor {
            type Value = Source;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a source")
            }

            fn visit_str<E>(self, address: &str) -> Result<Source, E> {
                Ok(Source::Address(address.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Source, A::Error> {
                let object = SourceObject::deserialize(MapAccessDeserializer::new(members))?;
                Ok(Source::Object(Box::new(object)))
            }
        }

        deserializer.deserialize_any(SourceVisitor)
    }
}

#[derive(Debug, Deserialize)]
pub struct CacheControl {
    pub ttl: Option<String>,
    #[serde(rename = "type")]
    _kind: Option<Ignored>,
}

#[derive(Debug, Deserialize)]
pub struct ToolDef {
    /// `custom`, or nothing; a server's own tool has its version here.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub input_schema: Option<Box<RawValue>>,
    pub strict: Option<bool>,
    pub cache_control: Option<CacheControl>,
    /// How finely the input is cut when streamed.
    #[serde(rename = "eager_input_streaming")]
    _eager_input_streaming: Option<Ignored>,
}

#[derive(Debug, Deserialize)]
pub struct Choice {
    #[serde(rename = "type")]
    pub kind: String,
    pub name: Option<String>,
    pub disable_parallel_tool_use: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub struct ThinkingConfig {
    #[serde(rename = "type")]
    pub kind: String,
    pub budget_tokens: Option<u64>,
    pub display: Option<String>,
    /// What becomes of Claude's own signatures.
    #[serde(rename = "block_binding")]
    _block_binding: Option<Ignored>,
}

#[derive(Debug, Deserialize)]
pub struct OutputConfig {
    pub effort: Option<String>,
    pub format: Option<Format>,
}

#[derive(Debug, Deserialize)]
pub struct Format {
    #[serde(rename = "type")]
    pub kind: String,
    pub schema: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
pub struct Metadata {
    pub user_id: Option<String>,
}
