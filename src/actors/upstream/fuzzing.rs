//! A way in for `fuzz/`: what an upstream's bytes are taken for when they answer a handshake.
//!
//! Compiled with `--cfg fuzzing` only. The connection is one end of a socket pair, so that the codec,
//! the [`Wire`] and the reading of the body are those of the gateway, and nothing listens anywhere.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use bytes::Bytes;
use tokio::io::AsyncReadExt as _;

use super::flight::OutgoingRequest;
use super::handshake::{TunnelAnswer, shake_hands};
use super::limit::ConnectionLimits;
use super::socket::Socket;
use super::wire::Wire;
use super::{RequestBody, Timeouts};
use crate::types::{Origin, ProviderName};

/// What became of a handshake.
#[derive(Debug)]
pub enum Answered {
    /// The fields of the 101, and every byte behind it.
    Switched(HeaderMap, Vec<u8>),
    /// Another answer; its body, and whether that came to its end.
    Refused(StatusCode, HeaderMap, Vec<u8>, bool),
    /// The code of the error that the client would get.
    Failed(&'static str),
}

/// Lets an upstream answer a handshake with `pieces`, one whenever we wait for more, and close.
pub async fn answer_handshake(pieces: Vec<Bytes>) -> io::Result<Answered> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let ours = TcpStream::from(OwnedFd::from(ours));
    let wire = Wire::new(Socket::Plain(actix_rt::net::TcpStream::from_std(ours)?));
    let mut upstream = Peer { socket: theirs, pieces: pieces.into() };

    let idle = Duration::from_secs(60); // no silence here lasts
    let timeouts = Timeouts { connect: idle, idle };
    let (origin, _) = Origin::split("http://upstream.example").expect("an address");
    let request = OutgoingRequest {
        origin: origin.clone(),
        proxy: None,
        provider: ProviderName::new("upstream"),
        method: Method::GET,
        path_and_query: "/socket".parse().expect("a path"),
        fields: HeaderMap::new(),
        body: RequestBody::None,
        first_byte_timeout: idle,
    };
    let permit = ConnectionLimits::new(0).for_origin(&origin).acquire().expect("no limit");
    let shaken = upstream.while_it_waits(shake_hands(wire, request, timeouts, permit)).await;
    Ok(match shaken {
        Err(failure) => Answered::Failed(failure.error.code()),
        Ok(TunnelAnswer::Switched(mut switched)) => {
            let mut behind = switched.early.to_vec();
            upstream.while_it_waits(switched.wire.read_to_end(&mut behind)).await?;
            Answered::Switched(switched.fields, behind)
        }
        Ok(TunnelAnswer::Refused(answer)) => {
            let (status, fields, mut read) = (answer.status, answer.fields, Vec::new());
            let mut body = answer.body;
            let whole = upstream
                .while_it_waits(std::future::poll_fn(|cx| {
                    loop {
                        match futures::ready!(futures::Stream::poll_next(Pin::new(&mut body), cx)) {
                            Some(Ok(piece)) => read.extend_from_slice(&piece),
                            Some(Err(_broke)) => return Poll::Ready(false),
                            None => return Poll::Ready(true),
                        }
                    }
                }))
                .await;
            Answered::Refused(status, fields, read, whole)
        }
    })
}

/// The other end.
struct Peer {
    socket: UnixStream,
    pieces: VecDeque<Bytes>,
}

impl Peer {
    async fn while_it_waits<T>(&mut self, reading: impl Future<Output = T>) -> T {
        let mut reading = pin!(reading);
        std::future::poll_fn(|cx: &mut Context<'_>| match reading.as_mut().poll(cx) {
            Poll::Pending => {
                self.say_more();
                Poll::Pending
            }
            done @ Poll::Ready(_) => done,
        })
        .await
    }

    /// Sends one piece, or ends what it says: either wakes who waits. The socket stays, because to drop
    /// it with our request unread would reset the connection.
    fn say_more(&mut self) {
        // An error means that we have been hung up on, and are no longer read.
        let _ = match self.pieces.pop_front() {
            Some(piece) => self.socket.write_all(&piece),
            None => self.socket.shutdown(Shutdown::Write),
        };
    }
}
