//! A request's body on its way out, and what becomes of it when the client stops sending.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::Payload;
use actix_web::body::{BodySize, MessageBody};
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures::Stream as _;
use tokio::time::Instant;

use crate::metrics::ByteCount;

/// The most of a buffered body that is handed to awc at once. awc copies what it is handed into the
/// connection's write buffer, which grows to hold it and stays so for as long as the answer streams.
const PIECE: usize = 32 * 1024;

/// What went wrong on the client's side while its body was being sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    #[error("the client's body ended early")]
    CutShort,
    #[error("the client's body is over the limit")]
    TooLarge { limit_bytes: u64 },
}

/// A request body to send upstream.
#[derive(Clone, Debug)]
pub enum RequestBody {
    /// No body at all, and no `Content-Length`.
    None,
    /// A body held in memory, in up to three pieces; it can be sent again.
    Buffered([Bytes; 3]),
    /// The client's body, as it arrives.
    Streamed(Rc<StreamedBody>),
}

impl RequestBody {
    #[must_use]
    pub fn buffered(body: Bytes) -> Self {
        Self::Buffered([body, Bytes::new(), Bytes::new()])
    }

    /// Streams the client's body; `length` is what its `Content-Length` declared. Its bytes are counted in
    /// `count` as they pass.
    #[must_use]
    pub fn streamed(
        payload: Payload,
        length: Option<u64>,
        limit_bytes: u64,
        count: Option<ByteCount>,
    ) -> Self {
        Self::Streamed(Rc::new(StreamedBody {
            payload: RefCell::new(payload),
            length,
            limit_bytes,
            count,
            taken_bytes: Cell::new(0),
            progress: Cell::new(Progress::Sending(Instant::now())),
            fault: Cell::new(None),
        }))
    }

    /// Whether nothing of the body is gone yet.
    pub(super) fn can_be_sent_again(&self) -> bool {
        match self {
            Self::None | Self::Buffered(_) => true,
            Self::Streamed(body) => body.taken_bytes.get() == 0 && body.fault.get().is_none(),
        }
    }

    pub(super) fn progress(&self) -> Progress {
        match self {
            Self::None | Self::Buffered(_) => Progress::Unwatched,
            Self::Streamed(body) => body.progress.get(),
        }
    }

    pub(super) fn fault(&self) -> Option<BodyFault> {
        match self {
            Self::None | Self::Buffered(_) => None,
            Self::Streamed(body) => body.fault.get(),
        }
    }
}

/// How far the sending of a body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// A buffered body: it is sent as fast as the upstream takes it.
    Unwatched,
    /// The client is still sending; when its last piece came.
    Sending(Instant),
    /// The whole body is with the connection since then.
    Sent(Instant),
}

/// The client's body as it arrives. Shared, so that an attempt which never took a byte of it (the
/// connection was refused) can be made again.
pub struct StreamedBody {
    payload: RefCell<Payload>,
    length: Option<u64>,
    limit_bytes: u64,
    count: Option<ByteCount>,
    taken_bytes: Cell<u64>,
    progress: Cell<Progress>,
    fault: Cell<Option<BodyFault>>,
}

impl std::fmt::Debug for StreamedBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamedBody").field("length", &self.length).finish_non_exhaustive()
    }
}

impl StreamedBody {
    fn poll_piece(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        let mut payload = self.payload.borrow_mut();
        let piece = std::task::ready!(Pin::new(&mut *payload).poll_next(cx));
        Poll::Ready(match piece {
            Some(Ok(piece)) => {
                let taken = self.taken_bytes.get() + piece.len() as u64;
                self.taken_bytes.set(taken);
                if let Some(count) = &self.count {
                    count.add(piece.len() as u64);
                }
                self.progress.set(Progress::Sending(Instant::now()));
                if taken > self.limit_bytes {
                    Some(Err(self.fail(BodyFault::TooLarge { limit_bytes: self.limit_bytes })))
                } else {
                    Some(Ok(piece))
                }
            }
            Some(Err(PayloadError::Overflow)) => {
                Some(Err(self.fail(BodyFault::TooLarge { limit_bytes: self.limit_bytes })))
            }
            Some(Err(_)) => Some(Err(self.fail(BodyFault::CutShort))),
            None => {
                self.progress.set(Progress::Sent(Instant::now()));
                None
            }
        })
    }

    fn fail(&self, fault: BodyFault) -> BodyFault {
        self.fault.set(Some(fault));
        fault
    }
}

impl MessageBody for RequestBody {
    type Error = BodyFault;

    fn size(&self) -> BodySize {
        match self {
            Self::None => BodySize::None,
            Self::Buffered(pieces) => {
                BodySize::Sized(pieces.iter().map(|piece| piece.len() as u64).sum())
            }
            Self::Streamed(body) => body.length.map_or(BodySize::Stream, BodySize::Sized),
        }
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        match self.get_mut() {
            Self::None => Poll::Ready(None),
            Self::Buffered(pieces) => {
                let next = pieces.iter_mut().find(|piece| !piece.is_empty());
                Poll::Ready(next.map(|piece| Ok(piece.split_to(piece.len().min(PIECE)))))
            }
            Self::Streamed(body) => body.poll_piece(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_large_body_goes_out_in_small_pieces_and_whole() {
        let parts = [vec![b'a'; 2 * PIECE + 1], Vec::new(), vec![b'b'; PIECE]].map(Bytes::from);
        let mut body = RequestBody::Buffered(parts.clone());
        let (mut sizes, mut sent) = (Vec::new(), Vec::new());

        while let Some(piece) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
            let piece = piece.unwrap();
            sizes.push(piece.len());
            sent.extend_from_slice(&piece);
        }

        assert_eq!(sizes, [PIECE, PIECE, 1, PIECE]);
        assert_eq!(sent, parts.concat());
    }
}
