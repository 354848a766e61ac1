//! Gemini's `generateContent` and `streamGenerateContent`, as the Gemini API and Vertex speak them.
//!
//! | module          | knows                                                              |
//! | --------------- | ------------------------------------------------------------------ |
//! | `wire`          | how a request stands in JSON, in both spellings Google reads       |
//! | `lenient`       | what Google's JSON lets a client write in more than one way        |
//! | `read_request`  | a client's request                                                 |
//! | `calls`         | ids for calls that have none, and which response belongs to which  |
//! | `open_api`      | Google's subset of `OpenAPI`, as JSON schema                       |
//! | `write_request` | a request for Google: the tools and their choice                   |
//! | `settings`      | the same: how its answer is to be made                             |
//! | `contents`      | the same: the conversation                                         |
//! | `schema`        | JSON schema, as much of it as Google reads                         |
//! | `model`         | what a model's name says about what it takes                       |
//! | `read_answer`   | an answer, whole or streamed                                       |
//! | `write_answer`  | an answer, whole                                                   |
//! | `write_stream`  | an answer, streamed as events or as one JSON array                 |
//!
//! Which model is called and whether the answer is streamed stands in the path, not here; nor do the
//! writers say how hard a model thinks, which [`crate::adapt::set_thinking`] does.

mod calls;
mod contents;
mod lenient;
mod model;
mod open_api;
mod read_answer;
mod read_request;
mod schema;
mod settings;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_stream;
#[cfg(test)]
mod tests_write;
mod wire;
mod write_answer;
mod write_request;
mod write_stream;

pub(super) use read_answer::{StreamReader, read_answer};
pub(super) use read_request::read_request;
pub(super) use write_answer::write_answer;
pub(super) use write_request::write_request;
pub(super) use write_stream::StreamWriter;
