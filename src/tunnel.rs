//! A WebSocket through the gateway: bytes both ways, never frames.
//!
//! The handshake is forwarded with its subprotocols and extensions as they are, the 101 comes back as
//! it is, and from there on nothing is looked at: re-framing would break extensions that the two ends
//! have agreed on, and the frames hold what is not ours to read. The end of either side, orderly or
//! not, ends the other.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use tokio::io::{AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;
use tokio_util::io::poll_read_buf;

use crate::actors::upstream::{Permit, Switched, Wire};
use crate::headers::{WEBSOCKET, for_downstream};
use crate::metrics::OpenGuard;
use crate::telemetry::RequestRecord;

/// The most that is read from the upstream at once; a 42 KB tool registration takes three.
const READ_BYTES: usize = 16 * 1024;

/// Joins the client to the upstream. The returned response is the 101; its body is what the upstream
/// sends, while a task of its own takes the client's bytes the other way, so that neither direction
/// waits for the other. Both end when `may_stay_no_longer` does.
#[must_use]
pub fn join(
    switched: Switched,
    payload: Payload,
    record: &Rc<RequestRecord>,
    may_stay_no_longer: impl Future<Output = ()> + 'static,
) -> HttpResponse {
    let Switched { fields, wire, early, permit } = switched;
    let (from_upstream, to_upstream) = tokio::io::split(wire);
    record.is_relayed();
    let pump = actix_rt::spawn(pump(payload, to_upstream, record.clone()));
    let mut response = HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS);
    for field in for_downstream(fields, false) {
        response.append_header(field);
    }
    response.upgrade(WEBSOCKET).body(FromUpstream {
        wire: from_upstream,
        early: Some(early).filter(|early| !early.is_empty()),
        buffer: BytesMut::new(),
        may_stay_no_longer: Box::pin(may_stay_no_longer),
        client_left: pump,
        _permit: permit,
        _open: record.tunnel_opens(),
    })
}

/// Takes the client's bytes to the upstream until the client ends.
async fn pump(mut payload: Payload, mut upstream: WriteHalf<Wire>, record: Rc<RequestRecord>) {
    let relayed = record.relayed_to_upstream();
    while let Some(Ok(piece)) = payload.next().await {
        record.add_bytes(piece.len() as u64);
        if let Some(relayed) = &relayed {
            relayed.add(piece.len() as u64);
        }
        if upstream.write_all(&piece).await.is_err() {
            return;
        }
    }
    // The upstream learns in the orderly way that nothing more will come.
    let _ = upstream.shutdown().await;
}

/// What the upstream sends, as the body of the 101. Dropping it ends the tunnel.
struct FromUpstream {
    wire: ReadHalf<Wire>,
    early: Option<Bytes>,
    buffer: BytesMut,
    may_stay_no_longer: Pin<Box<dyn Future<Output = ()>>>,
    client_left: JoinHandle<()>,
    _permit: Permit,
    _open: Option<OpenGuard>,
}

impl Drop for FromUpstream {
    fn drop(&mut self) {
        self.client_left.abort();
    }
}

impl FromUpstream {
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.buffer.reserve(READ_BYTES);
        match poll_read_buf(Pin::new(&mut self.wire), cx, &mut self.buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(read)) if read > 0 => Poll::Ready(Some(self.buffer.split().freeze())),
            Poll::Ready(_) => Poll::Ready(None),
        }
    }
}

impl MessageBody for FromUpstream {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if let Some(early) = this.early.take() {
            return Poll::Ready(Some(Ok(early)));
        }
        match this.poll_read(cx) {
            Poll::Ready(piece) => Poll::Ready(piece.map(Ok)),
            Poll::Pending => {
                let over = this.may_stay_no_longer.as_mut().poll(cx).is_ready()
                    || Pin::new(&mut this.client_left).poll(cx).is_ready();
                if over { Poll::Ready(None) } else { Poll::Pending }
            }
        }
    }
}
