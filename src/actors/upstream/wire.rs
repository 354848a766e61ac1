//! One connection to an upstream, and what awc's HTTP/1.1 codec must be told about it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_rt::net::{ActixStream, Ready};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::answer_head::{Beginning, look_at, lower_version};
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
            return Poll::Ready(Err(closed()));
        }
        Poll::Ready(Ok(()))
    }

    /// Reads the beginning of an answer to where it is wanted. `true` when the codec can have it as it
    /// is there: nearly always, for a head nearly always comes whole, and then nothing is copied.
    fn poll_whole_head(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        to_head: bool,
    ) -> Poll<io::Result<bool>> {
        let before = buf.filled().len();
        ready!(self.poll_read_some(cx, buf))?;
        let received = &mut buf.filled_mut()[before..];
        Poll::Ready(Ok(match look_at(received, to_head) {
            Beginning::Framed => true,
            Beginning::EndsWithConnection => {
                lower_version(received);
                true
            }
            Beginning::Interim(_) | Beginning::Incomplete => false,
        }))
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
                    held.reserve(MORE_OF_A_HEAD_BYTES);
                    if ready!(poll_read_buf(Pin::new(&mut *self), cx, held))? == 0 {
                        return Poll::Ready(Err(closed()));
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
                if ready!(socket.poll_whole_head(cx, buf, *to_head))? {
                    *state = Exchange::idle();
                    return Poll::Ready(Ok(()));
                }
                held.extend_from_slice(&buf.filled()[before..]);
                buf.set_filled(before);
            }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// What awc's codec reads of an answer that comes in two pieces.
    async fn read_in_two_pieces(listener: &TcpListener, answer: &[u8], cut: usize) -> Vec<u8> {
        let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let (mut upstream, _) = listener.accept().await.unwrap();
        upstream.set_nodelay(true).unwrap();
        let mut wire = Wire::new(Socket::Plain(socket));
        wire.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        upstream.read_exact(&mut [0; 18]).await.unwrap(); // unread, it would make the end a reset
        let (first, second) = answer.split_at(cut);
        let says = async {
            upstream.write_all(first).await.unwrap();
            for _ in 0..20 {
                tokio::task::yield_now().await; // the reader's turn
            }
            upstream.write_all(second).await.unwrap();
            drop(upstream);
        };
        let reads = async {
            let mut read = Vec::new();
            let error = wire.read_to_end(&mut read).await.unwrap_err();
            assert!(ClosedByUpstream::is_cause_of(&error), "the end is told as what it is");
            read
        };
        tokio::join!(says, reads).1
    }

    #[actix_web::test]
    async fn an_answer_reads_the_same_wherever_it_is_cut() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
             "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",      "as it is"),
            ("HTTP/1.1 200 OK\r\n\r\nok",
             "HTTP/1.0 200 OK\r\n\r\nok",                           "ends with the connection"),
            ("HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 100 Go\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
             "HTTP/1.1 204 No\r\n\r\n",                             "interim answers are left out"),
        ];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (answer, expected, why) in cases {
            for cut in 0..=answer.len() {
                let read = read_in_two_pieces(&listener, answer.as_bytes(), cut).await;
                assert_eq!(String::from_utf8_lossy(&read), expected, "cut at {cut}: {why}");
            }
        }
    }
}
