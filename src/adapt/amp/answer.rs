//! Makes a provider's answer one that Amp can read, while it streams past.

mod blocks;
mod stream;
#[cfg(test)]
mod tests;
mod whole;

use bytes::{Bytes, BytesMut};

use super::ToolNames;
use stream::EventStream;
use whole::WholeAnswer;

/// Adapts one answer in Anthropic's dialect. Make a new one for each answer.
///
/// It reads what is said and not who says it: an error, another dialect and what is no JSON cross
/// as they are. The body must be without content coding, and its length may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmpAnswer(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Stream(EventStream),
    Whole(WholeAnswer),
}

impl AmpAnswer {
    /// For `text/event-stream`. Thinking stays in a stream: the blocks behind it have their numbers
    /// already, and Amp shows it as it comes.
    #[must_use]
    pub fn stream(tool_names: ToolNames) -> Self {
        Self(Kind::Stream(EventStream::new(tool_names)))
    }

    /// For a JSON answer. `crossed_providers`: a mapping has led the call to another provider than
    /// the one whose model Amp asked for.
    #[must_use]
    pub fn whole(tool_names: ToolNames, crossed_providers: bool) -> Self {
        Self(Kind::Whole(WholeAnswer::new(tool_names, crossed_providers)))
    }

    /// Appends to `out` what becomes of `chunk`, as far as that is known.
    pub fn push(&mut self, chunk: &Bytes, out: &mut BytesMut) {
        match &mut self.0 {
            Kind::Stream(stream) => stream.push(chunk, out),
            Kind::Whole(whole) => whole.push(chunk, out),
        }
    }

    /// Ends the answer, however it ended: appends what was still held back.
    pub fn finish(&mut self, out: &mut BytesMut) {
        match &mut self.0 {
            Kind::Stream(stream) => stream.finish(out),
            Kind::Whole(whole) => whole.finish(out),
        }
    }
}
