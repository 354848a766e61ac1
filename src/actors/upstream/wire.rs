//! One connection to an upstream, and what awc's HTTP/1.1 codec must be told about it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_rt::net::{ActixStream, Ready};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::answer_head::{Beginning, look_at, lower_version};
use super::socket::Socket;

/// As much as awc reads at once.
const READ_BYTES: usize = 8 * 1024;

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
    /// A request is going out; the next bytes in are the head of its answer.
    Asking { to_head: bool, held: BytesMut },
    /// The head has passed; what `held` still has goes first.
    Answering { held: BytesMut },
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

    /// Notes that a request begins, if one does.
    fn note_request(&mut self, written: &[u8]) {
        if let Some(state @ Exchange::Answering { .. }) = &mut self.exchange {
            let to_head = written.starts_with(b"HEAD ");
            *state = Exchange::Asking { to_head, held: BytesMut::new() };
        }
    }
}

impl Exchange {
    fn idle() -> Self {
        Self::Answering { held: BytesMut::new() }
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
            let ended = io::Error::new(io::ErrorKind::UnexpectedEof, ClosedByUpstream);
            return Poll::Ready(Err(ended));
        }
        Poll::Ready(Ok(()))
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
                Beginning::Framed => return Poll::Ready(Ok(())),
                Beginning::Incomplete if held.len() > MAX_HEAD_BYTES => {
                    return Poll::Ready(Ok(()));
                }
                Beginning::Incomplete => {
                    let mut room = [0; READ_BYTES];
                    let mut read = ReadBuf::new(&mut room);
                    ready!(self.poll_read_some(cx, &mut read))?;
                    held.extend_from_slice(read.filled());
                }
            }
        }
    }
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
            ready!(socket.poll_hold_head(cx, held, *to_head))?;
            *state = Exchange::Answering { held: std::mem::take(held) };
        }
        match state {
            Exchange::Answering { held } if !held.is_empty() => {
                let length = held.len().min(buf.remaining());
                buf.put_slice(&held.split_to(length));
                if held.is_empty() {
                    *held = BytesMut::new(); // gives the head's memory back
                }
                Poll::Ready(Ok(()))
            }
            _ => socket.poll_read_some(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.note_request(buf);
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
            this.note_request(first);
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
