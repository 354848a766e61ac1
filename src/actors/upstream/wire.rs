//! One connection to an upstream, and what awc's HTTP/1.1 codec must be told about it.

#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_rt::net::{ActixStream, Ready};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::answer_head::{Beginning, look_at, lower_version, spoil, whole_length};
use super::socket::Socket;

/// Room for the rest of a head that did not come in one piece.
const MORE_OF_A_HEAD_BYTES: usize = 4 * 1024;

/// The upstream closed the connection in the orderly way.
///
/// awc takes such an end for the end of the body even when the body is chunked or shorter than its
/// `Content-Length` (its payload codec has no `decode_eof`), so a cut answer would look whole. Over
/// HTTP/1.1 a [`Wire`] therefore reports the end as this error, and the reader of the body, who
/// knows how it is framed, decides what it means.
#[derive(Debug, thiserror::Error)]
#[error("the upstream closed the connection")]
pub struct ClosedByUpstream;

impl ClosedByUpstream {
    pub fn is_cause_of(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

/// The upstream closed the connection within the head of an answer: it has begun to answer, so the
/// request must not be sent again.
#[derive(Debug, thiserror::Error)]
#[error("the upstream closed the connection within a head")]
pub struct HeadCutShort;

impl HeadCutShort {
    pub fn is_cause_of(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

/// An answer was longer than its head said. What else is to come on this connection is anybody's
/// guess, and must not become the answer to the next request.
#[derive(Debug, thiserror::Error)]
#[error("the upstream said more than its answer")]
struct Overrun;

/// The longest head that is put together from several reads; actix-http refuses longer ones itself.
const MAX_HEAD_BYTES: usize = 128 * 1024;

/// A connected socket, encrypted or not.
#[derive(Debug)]
pub struct Wire {
    socket: Socket,
    /// What we do for awc's HTTP/1.1 codec; `None` when something else reads the connection.
    exchange: Option<Exchange>,
}

/// Where an HTTP/1.1 connection is. awc writes a whole request before it reads, so a write after a
/// read begins the next one.
#[derive(Debug)]
enum Exchange {
    /// A request is going out; the next bytes in are the head of its answer. `held` has what came of
    /// it so far, if it did not come whole.
    Asking { to_head: bool, held: BytesMut },
    /// The head has passed; what `held` still has goes first.
    Answering { held: BytesMut, extent: Extent },
}

/// How much of an answer is still to come, as far as it can be known without reading the chunks.
#[derive(Clone, Copy, Debug)]
enum Extent {
    Bytes(u64),
    /// A chunked body; how the last bytes of it looked. One that ends otherwise than with a blank
    /// line has something behind its end.
    Chunked([u8; 4]),
    Overrun,
}

impl Extent {
    fn of(held: &[u8], to_head: bool) -> Self {
        whole_length(held, to_head).map_or(Self::Chunked([0; 4]), Self::Bytes)
    }

    fn pass(&mut self, bytes: &[u8]) {
        match self {
            Self::Bytes(left) => {
                let rest = left.checked_sub(bytes.len() as u64);
                *self = rest.map_or(Self::Overrun, Self::Bytes);
            }
            Self::Chunked(tail) => {
                if let Some(last) = bytes.last_chunk() {
                    *tail = *last;
                } else {
                    tail.rotate_left(bytes.len());
                    tail[4 - bytes.len()..].copy_from_slice(bytes);
                }
            }
            Self::Overrun => {}
        }
    }

    /// Whether another request may go out behind this answer.
    fn is_at_an_end(self) -> bool {
        match self {
            Self::Bytes(left) => left == 0,
            Self::Chunked(tail) => tail == *b"\r\n\r\n",
            Self::Overrun => false,
        }
    }
}

impl Wire {
    pub fn new(socket: Socket) -> Self {
        Self { socket, exchange: Some(Exchange::idle()) }
    }

    /// From now on the end of the connection is just its end: for HTTP/2, which frames every body
    /// itself, and for a tunnel, which has no bodies.
    #[must_use]
    pub fn with_plain_end(mut self) -> Self {
        self.exchange = None;
        self
    }

    /// Notes that a request begins, if one does. It does not behind an answer with another end than
    /// it declared.
    fn note_request(&mut self, written: &[u8]) -> io::Result<()> {
        if let Some(state @ Exchange::Answering { .. }) = &mut self.exchange {
            if let Exchange::Answering { extent, .. } = state
                && !extent.is_at_an_end()
            {
                return Err(io::Error::other(Overrun));
            }
            let to_head = written.starts_with(b"HEAD ");
            *state = Exchange::Asking { to_head, held: BytesMut::new() };
        }
        Ok(())
    }
}

impl Exchange {
    fn idle() -> Self {
        Self::Answering { held: BytesMut::new(), extent: Extent::Bytes(0) }
    }
}

impl Socket {
    /// Reads at least one byte; the end is an error that says so.
    fn poll_read_some(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let wanted = buf.remaining() > 0;
        ready!(Pin::new(self).poll_read(cx, buf))?;
        if wanted && buf.filled().len() == before {
            return Poll::Ready(Err(closed()));
        }
        Poll::Ready(Ok(()))
    }

    /// Reads the beginning of an answer to where it is wanted, and tells how much of the answer is still
    /// to come when the codec can have it as it is there: nearly always, for a head nearly always comes
    /// whole, and then nothing is copied.
    fn poll_whole_head(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        to_head: bool,
    ) -> Poll<io::Result<Option<Extent>>> {
        let before = buf.filled().len();
        ready!(self.poll_read_some(cx, buf))?;
        let received = &mut buf.filled_mut()[before..];
        let mut extent = Extent::of(received, to_head);
        match look_at(received, to_head) {
            Beginning::Framed => {}
            Beginning::EndsWithConnection => lower_version(received),
            Beginning::Ambiguous => spoil(received),
            Beginning::Interim(_) | Beginning::Incomplete => return Poll::Ready(Ok(None)),
        }
        extent.pass(received);
        Poll::Ready(Ok(Some(extent)))
    }

    /// Reads until `held` begins with the whole head of an answer, interim answers left out.
    fn poll_hold_head(
        &mut self,
        cx: &mut Context<'_>,
        held: &mut BytesMut,
        to_head: bool,
    ) -> Poll<io::Result<()>> {
        loop {
            match look_at(held, to_head) {
                Beginning::Interim(length) => held.advance(length),
                Beginning::EndsWithConnection => {
                    lower_version(held);
                    return Poll::Ready(Ok(()));
                }
                Beginning::Ambiguous => {
                    spoil(held);
                    return Poll::Ready(Ok(()));
                }
                Beginning::Framed => return Poll::Ready(Ok(())),
                Beginning::Incomplete if held.len() > MAX_HEAD_BYTES => {
                    return Poll::Ready(Ok(()));
                }
                Beginning::Incomplete => {
                    held.reserve(MORE_OF_A_HEAD_BYTES);
                    let has_begun = !held.is_empty();
                    match ready!(poll_read_buf(Pin::new(&mut *self), cx, held)) {
                        Ok(1..) => {}
                        Ok(0) | Err(_) if has_begun => {
                            let cut = io::Error::new(io::ErrorKind::UnexpectedEof, HeadCutShort);
                            return Poll::Ready(Err(cut));
                        }
                        Ok(_) => return Poll::Ready(Err(closed())),
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                }
            }
        }
    }
}

/// The end of a connection, as the reader of a body is told of it.
fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, ClosedByUpstream)
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { socket, exchange } = self.get_mut();
        let Some(state) = exchange else { return Pin::new(socket).poll_read(cx, buf) };
        if let Exchange::Asking { to_head, held } = state {
            if held.is_empty() {
                let before = buf.filled().len();
                if let Some(extent) = ready!(socket.poll_whole_head(cx, buf, *to_head))? {
                    *state = Exchange::Answering { held: BytesMut::new(), extent };
                    return Poll::Ready(Ok(()));
                }
                held.extend_from_slice(&buf.filled()[before..]);
                buf.set_filled(before);
            }
            ready!(socket.poll_hold_head(cx, held, *to_head))?;
            let extent = Extent::of(held, *to_head);
            *state = Exchange::Answering { held: std::mem::take(held), extent };
        }
        let before = buf.filled().len();
        match state {
            Exchange::Answering { extent: Extent::Overrun, .. } => {
                return Poll::Ready(Err(io::Error::other(Overrun)));
            }
            Exchange::Answering { held, .. } if !held.is_empty() => {
                let length = held.len().min(buf.remaining());
                buf.put_slice(&held.split_to(length));
                if held.is_empty() {
                    *held = BytesMut::new(); // gives the head's memory back
                }
            }
            _ => ready!(socket.poll_read_some(cx, buf))?,
        }
        if let Exchange::Answering { extent, .. } = state {
            extent.pass(&buf.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.note_request(buf)?;
        Pin::new(&mut this.socket).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(first) = bufs.first() {
            this.note_request(first)?;
        }
        Pin::new(&mut this.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

impl ActixStream for Wire {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(self.socket.tcp(), cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(self.socket.tcp(), cx)
    }
}
