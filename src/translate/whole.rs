//! An answer that is not streamed: the same events, collected.

use super::event::{Answer, Block, Envelope, Event, Failure, Step, WholeBlock};
use super::names::ClientNames;
use super::order::Order;
use super::typed::Unreadable;
use super::{anthropic, chat, gemini, responses};
use crate::types::Dialect;

/// Why a whole answer has no translation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// It is not what its dialect says it should be.
    #[error("the upstream's answer cannot be read: {0}")]
    Unreadable(#[from] Unreadable),
    /// It says that the provider failed.
    #[error("{}", .0.message)]
    Failed(Failure),
}

/// Translates the body of a whole answer.
pub fn translate_answer(
    upstream: Dialect,
    client: Dialect,
    names: ClientNames,
    envelope: &Envelope,
    body: &[u8],
) -> Result<Vec<u8>, NoAnswer> {
    let mut order = Order::new(names, envelope.id.clone());
    let mut collector = Collector::default();
    let mut tell = |event: Event<'_>| order.push(event, &mut |step| collector.take(step));
    read_answer(upstream, body, &mut tell)?;
    order.finish(&mut |step| collector.take(step));
    let answer = collector.finish()?;
    Ok(match client {
        Dialect::Anthropic => anthropic::write_answer(&answer, envelope),
        Dialect::OpenAiChat => chat::write_answer(&answer, envelope),
        Dialect::OpenAiResponses => responses::write_answer(&answer, envelope),
        Dialect::Gemini => gemini::write_answer(&answer, envelope),
    })
}

/// Tells the events of a whole answer.
pub(super) fn read_answer(
    upstream: Dialect,
    body: &[u8],
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<(), Unreadable> {
    match upstream {
        Dialect::Anthropic => anthropic::read_answer(body, tell),
        Dialect::OpenAiChat => chat::read_answer(body, tell),
        Dialect::OpenAiResponses => responses::read_answer(body, tell),
        Dialect::Gemini => gemini::read_answer(body, tell),
    }
}

/// Collects the steps of an answer.
#[derive(Default)]
pub(super) struct Collector {
    blocks: Vec<WholeBlock>,
    outcome: Option<Result<Answer, Failure>>,
}

impl Collector {
    pub fn take(&mut self, step: Step<'_>) {
        match step {
            Step::Start(_) | Step::Close => {}
            Step::Open(Block::Text) => self.blocks.push(WholeBlock::Text(String::new())),
            Step::Open(Block::Thinking) => {
                self.blocks.push(WholeBlock::Thinking { text: String::new(), signature: None });
            }
            Step::Open(Block::Call { id, name, input }) => self.blocks.push(WholeBlock::Call {
                id: id.to_owned(),
                name: name.to_owned(),
                input: String::new(),
                kind: input,
            }),
            Step::Piece(piece) => match self.blocks.last_mut() {
                Some(
                    WholeBlock::Text(text)
                    | WholeBlock::Thinking { text, .. }
                    | WholeBlock::Call { input: text, .. },
                ) => text.push_str(piece),
                None => {}
            },
            Step::Signature(value) => {
                if let Some(WholeBlock::Thinking { signature, .. }) = self.blocks.last_mut() {
                    *signature = Some(value.to_owned());
                }
            }
            Step::Stop(reason, usage) => {
                let blocks = std::mem::take(&mut self.blocks);
                self.outcome = Some(Ok(Answer { blocks, stop: reason, usage }));
            }
            Step::Fail(failure) => self.outcome = Some(Err(failure)),
        }
    }

    pub fn finish(self) -> Result<Answer, NoAnswer> {
        let nothing = || Unreadable("it has no end".to_owned());
        self.outcome.ok_or_else(nothing)?.map_err(NoAnswer::Failed)
    }
}
