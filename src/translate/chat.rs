//! Chat Completions: `OpenAI`'s older API, and what every compatible server speaks.
//!
//! Readers take what such servers and their clients are known to write: text where a list belongs
//! and the other way round, reasoning under three names, calls without index or id, the functions
//! of 2023. Writers keep to what all of them read: plain strings wherever one text stands alone,
//! functions only, `max_tokens` for all but `OpenAI`'s own reasoning models.
//!
//! | module          | knows                                                    |
//! | --------------- | -------------------------------------------------------- |
//! | `wire`          | text, and text or more                                   |
//! | `media`         | data URLs, there and back                                |
//! | `request_wire`  | the members of a request                                 |
//! | `read_request`  | a client's request; `messages` its turns, `content` what they hold |
//! | `write_request` | an upstream's request; `write_messages` its turns, `schema` its functions |
//! | `chunk`         | a piece of an answer, which a whole answer is one of; `failure` an error |
//! | `read_answer`   | an upstream's answer, whole or a stream                  |
//! | `answer_wire`   | the members of an answer                                 |
//! | `write_answer`  | a client's answer, whole or a stream                     |
//!
//! The legacy Completions API (`prompt`), whose clients share this dialect's errors, is not
//! translated.

mod answer_wire;
mod chunk;
mod content;
mod failure;
mod media;
mod messages;
mod read_answer;
mod read_request;
mod request_wire;
mod schema;
#[cfg(test)]
mod tests_answer;
#[cfg(test)]
mod tests_read;
#[cfg(test)]
mod tests_stream;
#[cfg(test)]
mod tests_write;
mod wire;
mod write_answer;
mod write_messages;
mod write_request;

pub(super) use read_answer::{StreamReader, read_answer};
pub(super) use read_request::read_request;
pub(super) use write_answer::{StreamWriter, write_answer};
pub(super) use write_request::write_request;
