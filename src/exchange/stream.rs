//! The answer's body on its way to the client, to its end, good or bad.

mod ending;

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::{Bytes, BytesMut};
use futures::Stream as _;
use tokio_util::sync::WaitForCancellationFutureOwned;

use self::ending::{ending, tail_for};
use super::ahead::Ahead;
use super::metering::Meter;
use crate::actors::router::AnswerWatch;
use crate::actors::upstream::{BodyBroke, UpstreamBody};
use crate::adapt::AnswerAdapter;
use crate::body::{AnswerRewriter, GzipRepair, SseTail};
use crate::dialect::has_token;
use crate::drain::Drain;
use crate::error::GatewayError;
use crate::metrics::OpenGuard;
use crate::telemetry::RequestRecord;
use crate::translate::{Failure, StreamTranslator};
use crate::types::{Dialect, ProviderName};

/// As much of a stream goes to actix at once when it comes faster than it is taken. Each piece becomes
/// a chunk, and writing a chunk's head costs more than copying an event.
const TOGETHER_BYTES: usize = 8 * 1024;

/// The answer is cut: actix closes the connection without an orderly end, so that the client can
/// tell. The cause has been logged with the request.
#[derive(Debug, thiserror::Error)]
#[error("answer cut")]
pub(super) struct Cut;

/// What happens to the bytes on their way; nothing, nearly always. What is rare is boxed, since every
/// open stream has a place for it.
#[derive(Default)]
pub(super) struct Transforms {
    /// What a stream of events is written in while its first token is waited for.
    pub first_token_in: Option<Dialect>,
    pub repair: Option<Box<GzipRepair>>,
    /// Changes nothing.
    pub meter: Option<Meter>,
    pub translate: Option<Box<StreamTranslator>>,
    pub rewrite: Option<Box<AnswerRewriter>>,
    pub adapt: Option<Box<AnswerAdapter>>,
}

/// A body that is streamed as it comes, and that ends as well as it can when its upstream does not.
pub(super) struct DownstreamBody {
    upstream: UpstreamBody,
    size: BodySize,
    transforms: Transforms,
    /// Ready for the client.
    ready: VecDeque<Bytes>,
    ready_bytes: usize,
    /// The piece before was not waited for, so there is likely more than one by now.
    flows: bool,
    /// A stream of events that we can end with an error event.
    events: Option<(Dialect, SseTail)>,
    /// Read ahead of the stream, it had broken already.
    broke_early: Option<BodyBroke>,
    state: State,
    record: Rc<RequestRecord>,
    drain: Drain,
    drain_is_over: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    breaks: Option<AnswerWatch>,
    _open: Option<OpenGuard>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Streaming,
    /// The upstream has ended; what was held back still goes out.
    Finishing,
    /// What is written so far goes out before the connection is cut.
    Cutting,
    Cut,
    Ended,
}

impl DownstreamBody {
    #[expect(clippy::too_many_arguments, reason = "built in one place, from what it is made of")]
    pub fn new(
        upstream: UpstreamBody,
        ahead: Ahead,
        size: BodySize,
        transforms: Transforms,
        events: Option<Dialect>,
        record: Rc<RequestRecord>,
        drain: Drain,
        breaks: Option<AnswerWatch>,
    ) -> Self {
        let mut body = Self {
            upstream,
            size,
            transforms,
            ready: VecDeque::new(),
            ready_bytes: 0,
            flows: false,
            events: events.map(|dialect| (dialect, tail_for(dialect))),
            broke_early: ahead.broke,
            state: State::Streaming,
            _open: record.stream_opens(),
            record,
            drain,
            drain_is_over: None,
            breaks,
        };
        for piece in ahead.pieces {
            body.transform(piece);
        }
        body
    }

    /// Takes a piece from the upstream through the transforms.
    fn transform(&mut self, piece: Bytes) {
        if self.transforms.first_token_in.is_some_and(|dialect| has_token(dialect, &piece)) {
            self.record.first_token_comes();
            self.transforms.first_token_in = None;
        }
        match &mut self.transforms.repair {
            Some(repair) => repair.push(piece),
            None => self.translate(&piece),
        }
    }

    fn translate(&mut self, piece: &Bytes) {
        if let Some(meter) = &mut self.transforms.meter {
            meter.push(piece);
        }
        let Some(translate) = &mut self.transforms.translate else { return self.rewrite(piece) };
        let mut translated = BytesMut::with_capacity(piece.len() * 2);
        translate.push(piece, &mut translated);
        let has_failed = translate.has_failed();
        self.rewrite(&translated.freeze());
        if has_failed {
            // Dropped with this body, the upstream's connection closes: nobody reads what it still says.
            self.release_adapted();
            self.record.fails_with("upstream_failed");
            // What nobody watches has been judged, and counted, by its opening.
            if self.breaks.is_some() {
                self.record.upstream_failed("upstream_failed");
            }
            self.state = State::Ended;
        }
    }

    /// Takes one step of what the repair has ready: a body that inflates a thousandfold goes out as
    /// slowly as the client reads it. `true` when there was something.
    fn step_repair(&mut self) -> Result<bool, String> {
        let Some(repair) = &mut self.transforms.repair else { return Ok(false) };
        match repair.pull() {
            Ok(Some(piece)) => {
                self.translate(&piece);
                Ok(true)
            }
            Ok(None) => {
                if repair.has_nothing_to_do() {
                    self.transforms.repair = None;
                }
                Ok(false)
            }
            Err(corrupt) => Err(corrupt.to_string()),
        }
    }

    fn rewrite(&mut self, piece: &Bytes) {
        let piece = match &mut self.transforms.rewrite {
            Some(rewrite) => {
                let mut rewritten = BytesMut::with_capacity(piece.len());
                rewrite.push(piece, &mut rewritten);
                rewritten.freeze()
            }
            None => piece.clone(),
        };
        self.adapt(piece);
    }

    fn adapt(&mut self, piece: Bytes) {
        let piece = match &mut self.transforms.adapt {
            Some(adapt) => {
                let mut adapted = BytesMut::with_capacity(piece.len());
                adapt.push(&piece, &mut adapted);
                adapted.freeze()
            }
            None => piece,
        };
        self.hand_over(piece);
    }

    fn hand_over(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        if let Some((_, tail)) = &mut self.events {
            tail.push(&piece);
        }
        self.make_ready(piece);
    }

    fn make_ready(&mut self, piece: Bytes) {
        self.ready_bytes += piece.len();
        self.ready.push_back(piece);
    }

    /// The next piece for actix, when as much of it is there as should go at once.
    fn take_ready(&mut self) -> Option<Bytes> {
        let enough = match self.size {
            BodySize::Stream if self.flows && self.state == State::Streaming => TOGETHER_BYTES,
            _ => 1,
        };
        if self.ready_bytes < enough { None } else { self.take_any() }
    }

    /// What is ready, however little; all of it together when more is coming.
    fn take_any(&mut self) -> Option<Bytes> {
        let mut piece = self.ready.pop_front()?;
        if self.flows && self.size == BodySize::Stream && !self.ready.is_empty() {
            let mut together = BytesMut::with_capacity(self.ready_bytes);
            together.extend_from_slice(&piece);
            self.ready.drain(..).for_each(|piece| together.extend_from_slice(&piece));
            piece = together.freeze();
        }
        self.ready_bytes -= piece.len();
        self.flows = true;
        Some(piece)
    }

    /// The upstream has ended well.
    fn finish(&mut self) {
        if let Some(repair) = &mut self.transforms.repair {
            repair.finish();
        }
        self.state = State::Finishing;
    }

    /// All that was held back is out.
    fn finished(&mut self) {
        if let Some(translate) = &mut self.transforms.translate {
            let mut rest = BytesMut::new();
            translate.finish(&mut rest);
            self.rewrite(&rest.freeze());
        }
        if let Some(rewrite) = &mut self.transforms.rewrite {
            let mut rest = BytesMut::new();
            rewrite.finish(&mut rest);
            self.adapt(rest.freeze());
        }
        self.release_adapted();
        self.state = State::Ended;
    }

    /// What the adapter held back goes out as well, whether the answer is whole or not.
    fn release_adapted(&mut self) {
        if let Some(adapt) = &mut self.transforms.adapt {
            let mut rest = BytesMut::new();
            adapt.finish(&mut rest);
            self.hand_over(rest.freeze());
        }
    }

    /// The answer ends before it is complete: with an error event where the client reads events of
    /// a dialect we know, else with a cut connection, so that it never looks whole.
    fn break_off(&mut self, error: &GatewayError, cause: &str) {
        self.record.fails_with(error.code());
        tracing::warn!(
            request.id = self.record.id(),
            error.code = error.code(),
            cause,
            "answer broke off"
        );
        if let Some(translate) = &mut self.transforms.translate {
            let (code, status) = error.classify();
            let (code, message) = (code.to_owned(), error.to_string());
            let mut ending = BytesMut::new();
            translate.fail(Failure { status, code, message }, &mut ending);
            self.adapt(ending.freeze());
            self.release_adapted();
            self.state = State::Ended;
            return;
        }
        self.release_adapted();
        match &self.events {
            Some((dialect, tail)) => {
                let event = ending(*dialect, tail, error);
                self.make_ready(Bytes::from(event));
                self.state = State::Ended;
            }
            None => self.state = State::Cutting,
        }
    }

    fn poll_drain_is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let drain = &self.drain;
        let over = self.drain_is_over.get_or_insert_with(|| Box::pin(drain.over()));
        over.as_mut().poll(cx).is_ready()
    }

    fn provider(&self) -> ProviderName {
        self.record.provider().unwrap_or_else(|| ProviderName::new("upstream"))
    }

    fn broke_as(&mut self, broke: &BodyBroke) -> GatewayError {
        let provider = self.provider();
        let error = match broke {
            BodyBroke::Upstream(_) => GatewayError::UpstreamBroke { provider },
            BodyBroke::Idle(_) => GatewayError::IdleTimeout { provider },
        };
        self.speaks_against_provider(&error);
        error
    }

    /// Counts the error, and lets the next call know.
    fn speaks_against_provider(&mut self, error: &GatewayError) {
        if let Some(watch) = self.breaks.take() {
            watch.broke();
        }
        self.record.upstream_failed(error.code());
    }
}

impl MessageBody for DownstreamBody {
    type Error = Cut;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        loop {
            if let Some(piece) = this.take_ready() {
                return Poll::Ready(Some(Ok(piece)));
            }
            match this.state {
                State::Streaming | State::Finishing => {}
                State::Cutting => {
                    // actix drops what it has not yet written when a body fails. Once more pending,
                    // and it writes first: the client gets every byte that came.
                    this.state = State::Cut;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                State::Cut => return Poll::Ready(Some(Err(Cut))),
                State::Ended => return Poll::Ready(None),
            }
            match this.step_repair() {
                Ok(true) => continue,
                Ok(false) if this.state == State::Finishing => {
                    this.finished();
                    continue;
                }
                Ok(false) => {}
                Err(cause) => {
                    let error = GatewayError::UpstreamBroke { provider: this.provider() };
                    this.speaks_against_provider(&error);
                    this.break_off(&error, &cause);
                    continue;
                }
            }
            if let Some(broke) = this.broke_early.take() {
                let error = this.broke_as(&broke);
                this.break_off(&error, &broke.to_string());
                continue;
            }
            match Pin::new(&mut this.upstream).poll_next(cx) {
                Poll::Ready(Some(Ok(piece))) => this.transform(piece),
                Poll::Ready(Some(Err(broke))) => {
                    let error = this.broke_as(&broke);
                    this.break_off(&error, &broke.to_string());
                }
                Poll::Ready(None) => this.finish(),
                Poll::Pending if this.ready_bytes > 0 => {
                    return Poll::Ready(this.take_any().map(Ok));
                }
                Poll::Pending if this.poll_drain_is_over(cx) => {
                    this.break_off(&GatewayError::Draining, "drain time is up");
                }
                Poll::Pending => {
                    this.flows = false;
                    return Poll::Pending;
                }
            }
        }
    }
}
