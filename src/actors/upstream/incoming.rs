//! An upstream's answer: its head, and its body with the one question awc leaves open, whether the
//! end of the connection is the end of the body.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{StatusCode, Version};
use bytes::{Bytes, BytesMut};
use futures::Stream;
use futures::future::ready;
use futures::stream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::limit::Permit;
use super::wire::ClosedByUpstream;

/// The head of an answer, and its body still streaming.
#[derive(Debug)]
pub struct UpstreamResponse {
    pub status: StatusCode,
    pub fields: HeaderMap,
    pub body: UpstreamBody,
}

/// Why an answer ended before it was complete.
#[derive(Debug, thiserror::Error)]
pub enum BodyBroke {
    #[error("upstream broke off: {0}")]
    Upstream(String),
    #[error("upstream sent nothing for {0:?}")]
    Idle(Duration),
}

/// Makes other bytes of a body as it comes.
pub trait BodyDecoder {
    /// Appends to `out` what `piece` brings. An error says why the body is not what it claims to be;
    /// it ends there.
    fn push(&mut self, piece: &Bytes, out: &mut BytesMut) -> Result<(), String>;

    /// The body has ended: appends what is left.
    fn finish(&mut self, out: &mut BytesMut) -> Result<(), String>;
}

/// An answer's body. Dropping it closes the upstream connection unless the body was complete.
pub struct UpstreamBody {
    payload: Payload,
    /// What `Content-Length` declares.
    length: Option<u64>,
    /// No `Content-Length` and not chunked: the end of the connection is the end of the body
    /// (RFC 9112, section 6.3).
    ends_with_connection: bool,
    idle: IdleTimer,
    /// Given back with the end of the body, which may be kept for longer.
    permit: Option<Permit>,
    decoder: Option<Box<dyn BodyDecoder>>,
    /// Why the decoder gave up, while what it had made before is read.
    undecodable: Option<String>,
}

impl std::fmt::Debug for UpstreamBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamBody").field("length", &self.length).finish_non_exhaustive()
    }
}

impl UpstreamBody {
    pub(super) fn new(
        payload: Payload,
        fields: &HeaderMap,
        version: Version,
        idle_timeout: Duration,
        permit: Permit,
    ) -> Self {
        let length = fields
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.trim().parse().ok());
        let ends_with_connection = version < Version::HTTP_2
            && length.is_none()
            && !fields.contains_key(header::TRANSFER_ENCODING);
        Self {
            payload,
            length,
            ends_with_connection,
            idle: IdleTimer::new(idle_timeout),
            permit: Some(permit),
            decoder: None,
            undecodable: None,
        }
    }

    /// A body that is here already: what was made of another one.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        Self {
            length: Some(bytes.len() as u64),
            payload: Payload::Stream { payload: Box::pin(stream::once(ready(Ok(bytes)))) },
            decoder: None,
            undecodable: None,
            ends_with_connection: false,
            idle: IdleTimer::new(Duration::ZERO), // nothing is waited for
            permit: None,
        }
    }

    /// The same body in other bytes. Timeout, connection and place at the upstream are those of the body
    /// as it comes; its length is no longer known.
    #[must_use]
    pub fn decoded_by(self, decoder: impl BodyDecoder + 'static) -> Self {
        Self { length: None, decoder: Some(Box::new(decoder)), ..self }
    }

    /// The length that `Content-Length` declares.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Lets go of the connection and of the place at the upstream. Asked again, an ended body must
    /// not wait for a connection that is elsewhere.
    fn end(&mut self) {
        self.payload = Payload::None;
        self.permit = None;
    }

    /// The next piece as it came.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyBroke>>> {
        match Pin::new(&mut self.payload).poll_next(cx) {
            Poll::Ready(Some(Ok(chunk))) => {
                self.idle.touch();
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(Some(Err(error))) if self.ends_with_connection && is_plain_end(&error) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => {
                self.end();
                Poll::Ready(Some(Err(BodyBroke::Upstream(error.to_string()))))
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Pending => {
                std::task::ready!(self.idle.poll_elapsed(cx));
                self.end();
                Poll::Ready(Some(Err(BodyBroke::Idle(self.idle.limit))))
            }
        }
    }
}

impl Stream for UpstreamBody {
    type Item = Result<Bytes, BodyBroke>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(cause) = this.undecodable.take() {
                return Poll::Ready(Some(Err(BodyBroke::Upstream(cause))));
            }
            let piece = std::task::ready!(this.poll_piece(cx));
            let Some(decoder) = &mut this.decoder else { return Poll::Ready(piece) };
            let mut out = BytesMut::new();
            let outcome = match &piece {
                Some(Ok(piece)) => decoder.push(piece, &mut out),
                Some(Err(_)) => Ok(()),
                None => decoder.finish(&mut out),
            };
            if let Err(cause) = outcome {
                this.undecodable = Some(cause);
                this.end();
            }
            if this.undecodable.is_some() || !matches!(piece, Some(Ok(_))) {
                this.decoder = None;
            }
            match piece {
                _ if !out.is_empty() => return Poll::Ready(Some(Ok(out.freeze()))),
                Some(Ok(_)) => {}
                _ if this.undecodable.is_some() => {}
                ended => return Poll::Ready(ended),
            }
        }
    }
}

fn is_plain_end(error: &PayloadError) -> bool {
    let cause: &io::Error = match error {
        PayloadError::Incomplete(Some(cause)) | PayloadError::Io(cause) => cause,
        _ => return false,
    };
    ClosedByUpstream::is_cause_of(cause)
}

/// Tells when nothing has happened for a while. Costs nothing until something has to be waited for.
struct IdleTimer {
    limit: Duration,
    touched: bool,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl IdleTimer {
    fn new(limit: Duration) -> Self {
        Self { limit, touched: true, sleep: None }
    }

    fn touch(&mut self) {
        self.touched = true;
    }

    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = || Instant::now() + self.limit;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline())));
        if std::mem::take(&mut self.touched) {
            sleep.as_mut().reset(Instant::now() + self.limit);
        }
        sleep.as_mut().poll(cx)
    }
}
