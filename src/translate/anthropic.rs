//! Anthropic's Messages, read and written.
//!
//! | module          | does                                                                |
//! | --------------- | ------------------------------------------------------------------- |
//! | `read_request`  | a client's request; tells Claude's own signatures by their place    |
//! | `write_request` | a request for Claude, or for who speaks like it                     |
//! | `read_answer`   | a whole answer                                                      |
//! | `write_answer`  | a whole answer                                                      |
//! | `read_stream`   | a streamed answer, event by event                                   |
//! | `write_stream`  | a streamed answer; holds nothing but the number of its block        |
//! | `wire`          | the words both directions share: usage, reasons, types of errors    |
//!
//! Three rules of the writer are the gateway's own and no mapping:
//!
//! - *Cache.* Claude caches nothing unless told where, and no other dialect has the word. So where
//!   the client gave no hint at all, three breakpoints are set: on the last tool, on the last system
//!   block, and on the last block of the last user turn. Without them a coding agent pays its whole
//!   history in every round, ten times as much. Where the client gave hints, those are kept (the
//!   last four, as many as the API takes) and none is added.
//! - *Turns.* The API wants a user's turn first, and newer models want one last. Where there is none,
//!   one that says `...` is put there: text that is blank would be refused.
//! - *Thinking.* Only a thought with Claude's own signature goes back; any other would be refused.

mod read_answer;
mod read_request;
mod read_stream;
#[cfg(test)]
mod tests;
mod wire;
mod write_answer;
mod write_request;
mod write_stream;

pub(super) use read_answer::read_answer;
pub(super) use read_request::read_request;
pub(super) use read_stream::StreamReader;
pub(super) use write_answer::write_answer;
pub(super) use write_request::write_request;
pub(super) use write_stream::StreamWriter;
