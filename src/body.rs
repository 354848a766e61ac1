//! What we do to bodies, when something must be done to them.
//!
//! | module        | body                | does                                                      |
//! | ------------- | ------------------- | --------------------------------------------------------- |
//! | `decode`      | request, buffered   | takes declared content codings off                        |
//! | `model`       | request, buffered   | finds the model it names, and where                       |
//! | `splice`      | request, buffered   | puts another model name there, copying nothing            |
//! | `outline`     | buffered            | says which JSON value stands where                        |
//! | `edit`        | buffered            | sets and removes single JSON values, and nothing else     |
//! | `gzip`        | response, streaming | decompresses what is gzip but does not say so             |
//! | `rewrite`     | response, streaming | puts the client's model name back                         |
//! | `sse`         | response, streaming | remembers where a stream stands, for the day it breaks    |
//! | `text_length` | response, streaming | adds up the text in it                                    |
//! | `watch`       | response, streaming | reads single values out of it                             |
//!
//! `event_lines` and `walk` are the machines below the last ones: they find the data of events, and
//! values in JSON, at any cut.
//!
//! Everything here is pure: bytes in, bytes out. Nothing re-serialises JSON: what need not change
//! crosses byte for byte. Which dialect keeps its model where is known to `crate::dialect`; callers
//! bring the two together.

mod decode;
mod edit;
mod event_lines;
mod gzip;
mod model;
mod outline;
mod rewrite;
mod splice;
mod sse;
mod text_length;
mod walk;
mod watch;

pub use decode::{Coding, DecodeError, decode_request};
pub use edit::Edits;
pub use gzip::{CorruptGzip, GZIP_MAGIC, GzipRepair};
pub use model::{ModelField, ModelFieldError, find_model};
pub use outline::{JsonPart, Member};
pub use rewrite::AnswerRewriter;
pub use splice::replace_model;
pub use sse::SseTail;
pub use text_length::TextLength;
pub use watch::{EncodedWatch, ValueWatch};

/// `text` as a JSON string, quotes included.
fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
