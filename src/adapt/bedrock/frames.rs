//! AWS's event stream as the server-sent events that it carries.
//!
//! Each frame has a length, headers, a payload and two checksums. The payload of a `chunk` is an event of
//! Anthropic's stream in base64; an exception is the end of the stream. Frames are cut anywhere by the
//! network, and an event goes on as soon as its frame is whole.

use std::borrow::Cow;

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::event_stream::Message;
use aws_smithy_types::str_bytes::StrBytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use serde::Deserialize;

use super::error::error_event;

/// The longest frame that is waited for. AWS allows payloads of 16 MiB; an event of Claude's has a few
/// kilobytes at most. The length of a frame is proven by a checksum only when the frame is whole, so
/// without this a broken one could have us hold four gigabytes.
const MAX_FRAME_BYTES: usize = 24 * 1024 * 1024;

/// Why a body is no event stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A length or a checksum is wrong.
    #[error("a frame of the event stream is broken: {0}")]
    Broken(String),
    #[error("a frame of the event stream is longer than 24 MiB")]
    TooLong,
    #[error("the event stream ended in the middle of a frame")]
    CutShort,
    #[error("a frame of the event stream holds no event")]
    NoEvent,
}

/// Reads one stream. Make a new one for each answer.
#[derive(Debug, Default)]
pub struct EventFrames {
    decoder: MessageFrameDecoder,
    held: BytesMut,
    /// Of the frame that is not whole yet, its beginning included.
    begun_bytes: usize,
    /// An exception has been passed on: what follows is not part of the answer.
    is_over: bool,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
}

impl EventFrames {
    /// Appends to `out` the events that `piece` makes whole. After an error the stream is over.
    pub fn push(&mut self, piece: &[u8], out: &mut BytesMut) -> Result<(), FrameError> {
        if self.is_over {
            return Ok(());
        }
        self.held.extend_from_slice(piece);
        self.begun_bytes += piece.len();
        loop {
            let decoded = self.decoder.decode_frame(&mut self.held);
            match decoded.map_err(|error| FrameError::Broken(error.to_string()))? {
                DecodedFrame::Complete(message) => {
                    self.begun_bytes = self.held.len();
                    self.write(&message, out)?;
                    if self.is_over {
                        self.held.clear();
                        self.begun_bytes = 0;
                        return Ok(());
                    }
                }
                DecodedFrame::Incomplete if self.begun_bytes > MAX_FRAME_BYTES => {
                    return Err(FrameError::TooLong);
                }
                DecodedFrame::Incomplete => return Ok(()),
            }
        }
    }

    /// Ends the stream.
    pub fn finish(&mut self) -> Result<(), FrameError> {
        if self.begun_bytes == 0 { Ok(()) } else { Err(FrameError::CutShort) }
    }

    fn write(&mut self, message: &Message, out: &mut BytesMut) -> Result<(), FrameError> {
        let header = |name: &str| {
            let mut headers = message.headers().iter();
            let found = headers.find(|header| header.name().as_str() == name)?;
            found.value().as_string().ok().map(StrBytes::as_str)
        };
        match (header(":message-type"), header(":event-type")) {
            (Some("event"), Some("chunk")) => write_event(message.payload(), out),
            // Kinds of events that AWS adds later say nothing of Anthropic's.
            (Some("event"), _) => Ok(()),
            (Some("exception"), _) => {
                let kind = header(":exception-type").unwrap_or_default();
                self.fail(kind, message.payload(), out);
                Ok(())
            }
            (Some("error"), _) => {
                let kind = header(":error-code").unwrap_or_default();
                let said = header(":error-message").unwrap_or_default();
                self.fail(kind, said.as_bytes(), out);
                Ok(())
            }
            _ => Err(FrameError::NoEvent),
        }
    }

    fn fail(&mut self, kind: &str, told: &[u8], out: &mut BytesMut) {
        out.extend_from_slice(error_event(kind, told).as_bytes());
        self.is_over = true;
    }
}

fn write_event(payload: &[u8], out: &mut BytesMut) -> Result<(), FrameError> {
    let chunk: Chunk<'_> = serde_json::from_slice(payload).map_err(|_| FrameError::NoEvent)?;
    let mut data = STANDARD.decode(chunk.bytes.as_bytes()).map_err(|_| FrameError::NoEvent)?;
    // Between values JSON may have line ends, which would end the event's line. Inside a text it has none.
    for byte in &mut data {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    let event: Event<'_> = serde_json::from_slice(&data).map_err(|_| FrameError::NoEvent)?;
    if event.r#type.chars().any(char::is_control) {
        return Err(FrameError::NoEvent);
    }
    for part in [b"event: ", event.r#type.as_bytes(), b"\ndata: ", &data, b"\n\n"] {
        out.extend_from_slice(part);
    }
    Ok(())
}
