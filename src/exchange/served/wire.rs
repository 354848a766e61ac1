//! The connection as messages: RFC 6455 without extensions, the server's side.
//!
//! The codec is actix's. A message's length is looked at before its bytes are: the codec would collect
//! a frame of any length that its head claims before it says that it is too long.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_codec::{Decoder as _, Encoder as _};
use actix_http::ws::{CloseCode, CloseReason, Codec, Frame, Item, Message, ProtocolError};
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::Payload;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use tokio::sync::mpsc;

use crate::telemetry::RequestRecord;

/// How many messages may wait for a client that reads slowly; the answer is then held back.
const MESSAGES_ON_THE_WAY: usize = 16;

/// As much goes to actix at once when it comes faster than it is taken.
const TOGETHER_BYTES: usize = 8 * 1024;

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// UTF-8.
    Text(Bytes),
    Binary,
    Ping(Bytes),
    Close(Option<CloseReason>),
}

/// The client's side of a connection.
pub(super) struct Incoming {
    payload: Payload,
    record: Rc<RequestRecord>,
    limit_bytes: usize,
    codec: Codec,
    buffer: BytesMut,
    /// The beginning of a message that comes in several frames.
    begun: Option<Begun>,
}

struct Begun {
    is_text: bool,
    bytes: BytesMut,
}

impl Incoming {
    pub fn new(payload: Payload, record: Rc<RequestRecord>, limit_bytes: usize) -> Self {
        let codec = Codec::new().max_size(limit_bytes);
        Self { payload, record, limit_bytes, codec, buffer: BytesMut::new(), begun: None }
    }

    /// What the client says next; `None` when it has left. An error is the code by which the connection
    /// is to be closed: nothing that follows can be understood. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Said, CloseCode>> {
        loop {
            match self.decode() {
                Ok(Some(said)) => return Some(Ok(said)),
                Ok(None) => {}
                Err(code) => return Some(Err(code)),
            }
            let Some(Ok(piece)) = self.payload.next().await else { return None };
            self.record.add_bytes(piece.len() as u64);
            if self.buffer.is_empty() {
                self.buffer = BytesMut::from(piece);
            } else {
                self.buffer.extend_from_slice(&piece);
            }
        }
    }

    /// Waits until the client leaves.
    pub async fn wait_for_end(&mut self) {
        while let Some(Ok(_)) = self.payload.next().await {}
    }

    fn decode(&mut self) -> Result<Option<Said>, CloseCode> {
        loop {
            let begun = self.begun.as_ref().map_or(0, |begun| begun.bytes.len());
            let length = declared_length(&self.buffer).saturating_add(begun as u64);
            if length > self.limit_bytes as u64 {
                return Err(CloseCode::Size);
            }
            let Some(frame) = self.codec.decode(&mut self.buffer).map_err(|e| code_for(&e))? else {
                return Ok(None);
            };
            let message = match frame {
                Frame::Text(bytes) => text(bytes)?,
                Frame::Binary(_) => Said::Binary,
                Frame::Ping(bytes) => Said::Ping(bytes),
                Frame::Pong(_) => continue,
                Frame::Close(reason) => Said::Close(reason),
                Frame::Continuation(item) => match self.take_part(item)? {
                    Some(message) => message,
                    None => continue,
                },
            };
            return Ok(Some(message));
        }
    }

    fn take_part(&mut self, item: Item) -> Result<Option<Said>, CloseCode> {
        let (bytes, is_last) = match item {
            Item::FirstText(bytes) | Item::FirstBinary(bytes) if self.begun.is_some() => {
                drop(bytes);
                return Err(CloseCode::Protocol);
            }
            Item::FirstText(bytes) => {
                self.begun = Some(Begun { is_text: true, bytes: bytes.into() });
                return Ok(None);
            }
            Item::FirstBinary(bytes) => {
                self.begun = Some(Begun { is_text: false, bytes: bytes.into() });
                return Ok(None);
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        let begun = self.begun.as_mut().ok_or(CloseCode::Protocol)?;
        begun.bytes.extend_from_slice(&bytes);
        match self.begun.take_if(|_| is_last) {
            Some(Begun { is_text: true, bytes }) => text(bytes.freeze()).map(Some),
            Some(_) => Ok(Some(Said::Binary)),
            None => Ok(None),
        }
    }
}

fn text(bytes: Bytes) -> Result<Said, CloseCode> {
    match std::str::from_utf8(&bytes) {
        Ok(_) => Ok(Said::Text(bytes)),
        Err(_) => Err(CloseCode::Invalid),
    }
}

fn code_for(error: &ProtocolError) -> CloseCode {
    match error {
        ProtocolError::Overflow => CloseCode::Size,
        _ => CloseCode::Protocol,
    }
}

/// The length that the frame at the front says it has (RFC 6455, section 5.2); 0 as long as it does
/// not.
fn declared_length(frame: &[u8]) -> u64 {
    match frame {
        [_, second, rest @ ..] => match second & 0x7f {
            126 => rest.first_chunk().map_or(0, |length| u16::from_be_bytes(*length).into()),
            127 => rest.first_chunk().map_or(0, |length| u64::from_be_bytes(*length)),
            length => length.into(),
        },
        _ => 0,
    }
}

/// The client is not there any more.
#[derive(Debug)]
pub(super) struct Gone;

/// Our side of a connection.
#[derive(Clone)]
pub(super) struct Outgoing(mpsc::Sender<Message>);

impl Outgoing {
    /// Our side, and the body that takes it to the client. The body ends with the last copy.
    pub fn new() -> (Self, ToClient) {
        let (sender, messages) = mpsc::channel(MESSAGES_ON_THE_WAY);
        (Self(sender), ToClient { messages, codec: Codec::new() })
    }

    /// Says a text, as soon as there is room for it.
    pub async fn say(&self, text: String) -> Result<(), Gone> {
        self.send(Message::Text(text.into())).await
    }

    /// Takes the message only when there is room for it, so that dropping the future loses nothing.
    pub async fn send_from(&self, owed: &mut Option<Message>) -> Result<(), Gone> {
        if owed.is_some() {
            let room = self.0.reserve().await.map_err(|_closed| Gone)?;
            if let Some(message) = owed.take() {
                room.send(message);
            }
        }
        Ok(())
    }

    pub async fn send(&self, message: Message) -> Result<(), Gone> {
        self.0.send(message).await.map_err(|_closed| Gone)
    }
}

/// What the client gets, as the body of the 101.
pub(super) struct ToClient {
    messages: mpsc::Receiver<Message>,
    codec: Codec,
}

impl MessageBody for ToClient {
    type Error = ProtocolError;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        let mut frames = BytesMut::new();
        while frames.len() < TOGETHER_BYTES {
            match this.messages.poll_recv(cx) {
                Poll::Ready(Some(message)) => this.codec.encode(message, &mut frames)?,
                Poll::Ready(None) if frames.is_empty() => return Poll::Ready(None),
                Poll::Pending if frames.is_empty() => return Poll::Pending,
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        Poll::Ready(Some(Ok(frames.freeze())))
    }
}

#[cfg(test)]
mod tests;
