//! `OpenAI` Responses, read and written.
//!
//! Codex speaks nothing else, so this is its door to every other model. It takes from an answer what
//! `response.output_item.done` holds, and its usage and end from `response.completed`; it calls
//! tools by more than a name, which `tool_name` keeps.
//!
//! Nobody here keeps a response: a request that leans on an earlier one (`previous_response_id`,
//! `conversation`, `item_reference`) or on a stored prompt cannot be read, and says so.
//! Upstream, `store` is false and `reasoning.encrypted_content` is not asked for: it is bound to
//! the organisation that made it, and a pool may send the next turn to another one.

mod item;
mod read_answer;
mod read_request;
mod read_stream;
mod request_wire;
mod tool_name;
mod wire;
mod write_answer;
mod write_request;
mod write_stream;

#[cfg(test)]
mod tests;

pub(super) use self::read_answer::read_answer;
pub(super) use self::read_request::read_request;
pub(super) use self::read_stream::StreamReader;
pub(super) use self::write_answer::write_answer;
pub(super) use self::write_request::write_request;
pub(super) use self::write_stream::StreamWriter;
