//! The opening of a WebSocket tunnel: the client's handshake to the upstream, and its answer.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use actix_codec::Framed;
use actix_http::h1::{ClientCodec, ClientPayloadCodec, Message, MessageType};
use actix_http::{BoxedPayloadStream, ConnectionType, Payload, RequestHead, RequestHeadType};
use actix_web::body::BodySize;
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use bytes::Bytes;
use futures::{SinkExt as _, Stream, StreamExt as _};

use super::flight::{OutgoingRequest, unconnected_failure};
use super::incoming::{UpstreamBody, UpstreamResponse};
use super::limit::Permit;
use super::transport::Transport;
use super::wire::Wire;
use super::{Timeouts, UpstreamFailure};
use crate::error::GatewayError;

/// What an upstream says to a WebSocket handshake.
#[derive(Debug)]
pub enum TunnelAnswer {
    Switched(Switched),
    /// Any other status: an answer like every other.
    Refused(UpstreamResponse),
}

/// 101: from here on the connection carries bytes, not HTTP.
#[derive(Debug)]
pub struct Switched {
    pub fields: HeaderMap,
    pub wire: Wire,
    /// What the upstream sent right behind its 101.
    pub early: Bytes,
    pub permit: Permit,
}

/// Sends a handshake on a connection of its own and waits for the answer's head.
pub(super) async fn open_tunnel(
    transport: Rc<Transport>,
    request: OutgoingRequest,
    timeouts: Timeouts,
    permit: Permit,
) -> Result<TunnelAnswer, UpstreamFailure> {
    let provider = request.provider.clone();
    let first_byte = request.first_byte_timeout;
    let wire = transport
        .connect_http1()
        .await
        .map_err(|unconnected| unconnected_failure(&unconnected, &provider))?;
    let shaken = tokio::time::timeout(first_byte, shake_hands(wire, request, timeouts, permit));
    shaken.await.unwrap_or_else(|_elapsed| {
        Err(UpstreamFailure {
            error: GatewayError::FirstByteTimeout { provider },
            cause: format!("no head within {}", humantime::format_duration(first_byte)),
        })
    })
}

pub(super) async fn shake_hands(
    wire: Wire,
    request: OutgoingRequest,
    timeouts: Timeouts,
    permit: Permit,
) -> Result<TunnelAnswer, UpstreamFailure> {
    let provider = request.provider;
    let reset = |cause: String| UpstreamFailure {
        error: GatewayError::UpstreamReset { provider: provider.clone() },
        cause,
    };
    let mut head = RequestHead::default();
    head.method = request.method;
    head.uri = request.path_and_query.into();
    head.headers = request.fields;
    head.set_connection_type(ConnectionType::Upgrade);

    let mut framed = Framed::new(wire, ClientCodec::default());
    let message: Message<(RequestHeadType, BodySize)> =
        Message::Item((RequestHeadType::from(head), BodySize::None));
    framed.send(message).await.map_err(|cause| reset(format!("sending: {cause}")))?;
    let mut answer =
        framed.next().await.ok_or_else(|| reset("closed before the head".to_owned()))?.map_err(
            |cause| match cause {
                actix_http::error::ParseError::Io(cause) => reset(format!("reading: {cause}")),
                cause => UpstreamFailure {
                    error: GatewayError::UpstreamGarbled { provider: provider.clone() },
                    cause: cause.to_string(),
                },
            },
        )?;
    let fields = std::mem::take(answer.headers_mut());
    if answer.status == StatusCode::SWITCHING_PROTOCOLS {
        let parts = framed.into_parts();
        return Ok(TunnelAnswer::Switched(Switched {
            fields,
            wire: parts.io.with_plain_end(),
            early: parts.read_buf.freeze(),
            permit,
        }));
    }
    let payload = match framed.codec_ref().message_type() {
        MessageType::None => Payload::None,
        MessageType::Payload | MessageType::Stream => {
            let framed = framed.into_map_codec(ClientCodec::into_payload_codec);
            let payload: BoxedPayloadStream = Box::pin(RefusalBody { framed });
            Payload::Stream { payload }
        }
    };
    let idle: Duration = timeouts.idle;
    let body = UpstreamBody::new(payload, &fields, answer.version, idle, permit);
    Ok(TunnelAnswer::Refused(UpstreamResponse { status: answer.status, fields, body }))
}

/// The body of an answer that is not a 101.
struct RefusalBody {
    framed: Framed<Wire, ClientPayloadCodec>,
}

impl Stream for RefusalBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.framed.poll_next_unpin(cx).map(|item| match item {
            Some(Ok(Some(chunk))) => Some(Ok(chunk)),
            Some(Ok(None)) | None => None,
            Some(Err(error)) => Some(Err(error)),
        })
    }
}
