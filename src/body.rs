//! What we do to bodies, when something must be done to them.
//!
//! | module    | body                | does                                                      |
//! | --------- | ------------------- | --------------------------------------------------------- |
//! | `decode`  | request, buffered   | takes declared content codings off                        |
//! | `model`   | request, buffered   | finds the model it names, and where                       |
//! | `splice`  | request, buffered   | puts another model name there, copying nothing            |
//! | `gzip`    | response, streaming | decompresses what is gzip but does not say so             |
//! | `rewrite` | response, streaming | puts the client's model name back                         |
//! | `sse`     | response, streaming | remembers where a stream stands, for the day it breaks    |
//!
//! Everything here is pure: bytes in, bytes out. Nothing re-serialises JSON: what need not change
//! crosses byte for byte. Which dialect keeps its model where is known to `crate::dialect`; callers
//! bring the two together.

mod model;
mod splice;

pub use model::{ModelField, ModelFieldError, find_model};
pub use splice::replace_model;

/// `text` as a JSON string, quotes included.
fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
pub const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
pub struct GzipRepair {
    q: std::collections::VecDeque<bytes::Bytes>,
}
impl GzipRepair {
    pub fn new(_h: usize) -> Self {
        Self { q: Default::default() }
    }
    pub fn push(&mut self, b: bytes::Bytes) {
        self.q.push_back(b)
    }
    pub fn pull(&mut self) -> Result<Option<bytes::Bytes>, std::fmt::Error> {
        Ok(self.q.pop_front())
    }
    pub fn finish(&mut self) {}
}
#[derive(Default)]
pub struct SseTail;
impl SseTail {
    pub fn push(&mut self, _: &bytes::Bytes) {}
    pub fn is_at_event_boundary(&self) -> bool {
        true
    }
    pub fn next_sequence_number(&self) -> u64 {
        0
    }
    pub fn uses_crlf(&self) -> bool {
        false
    }
}
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("x")]
    TooLarge { limit: u64 },
    #[error("y")]
    Unsupported { coding: String },
    #[error("z")]
    Corrupt,
}
pub fn decode_request(_: &str, b: &bytes::Bytes, _: u64) -> Result<bytes::Bytes, DecodeError> {
    Ok(b.clone())
}
pub struct AnswerRewriter;
impl AnswerRewriter {
    pub fn json(_: &'static [&'static [&'static str]], _: &str) -> Self {
        Self
    }
    pub fn sse(_: &'static [&'static [&'static str]], _: &str) -> Self {
        Self
    }
    pub fn push(&mut self, c: &bytes::Bytes, o: &mut bytes::BytesMut) {
        o.extend_from_slice(c)
    }
    pub fn finish(&mut self, _: &mut bytes::BytesMut) {}
}
