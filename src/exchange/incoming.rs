//! The client's body: streamed on, or collected where the model must be read from it.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::http::{Method, Version};
use bytes::{Bytes, BytesMut};
use futures::{FutureExt as _, StreamExt as _};

use crate::actors::upstream::RequestBody;
use crate::error::GatewayError;
use crate::metrics::ByteCount;

/// The most we set aside for a body on the client's word alone.
const TRUSTED_LENGTH: u64 = 1 << 20;

/// The body as it arrives, to be sent on while it does; counted in `count`.
pub(super) fn streamed_body(
    request: &HttpRequest,
    payload: Payload,
    limit_bytes: u64,
    count: Option<ByteCount>,
) -> Result<RequestBody, GatewayError> {
    let length = declared_length(request, limit_bytes)?;
    Ok(match length {
        Some(0) => RequestBody::buffered(Bytes::new()),
        Some(length) => RequestBody::streamed(payload, Some(length), limit_bytes, count),
        None if may_have_undeclared_body(request) => {
            RequestBody::streamed(payload, None, limit_bytes, count)
        }
        None => RequestBody::None,
    })
}

/// The whole body, up to `limit_bytes`. Each piece may take as long as `idle_timeout`.
pub(super) async fn collect_body(
    request: &HttpRequest,
    mut payload: Payload,
    limit_bytes: u64,
    idle_timeout: Duration,
) -> Result<Bytes, GatewayError> {
    let length = declared_length(request, limit_bytes)?;
    let reserve = length.unwrap_or(0).min(TRUSTED_LENGTH);
    let mut body = BytesMut::with_capacity(usize::try_from(reserve).unwrap_or(0));
    loop {
        // Most pieces are there already: a clock is asked for those that are not.
        let piece = match payload.next().now_or_never() {
            Some(piece) => piece,
            None => tokio::time::timeout(idle_timeout, payload.next())
                .await
                .map_err(|_elapsed| GatewayError::BodyStalled)?,
        };
        let Some(piece) = piece else { return Ok(body.freeze()) };
        let piece = piece.map_err(|_broken| GatewayError::BodyCutShort)?;
        if (body.len() + piece.len()) as u64 > limit_bytes {
            return Err(GatewayError::BodyTooLarge { limit_bytes });
        }
        body.extend_from_slice(&piece);
    }
}

fn declared_length(request: &HttpRequest, limit_bytes: u64) -> Result<Option<u64>, GatewayError> {
    let Some(length) = request.headers().get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length = length
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .ok_or(GatewayError::AmbiguousRequest("Content-Length is not a number"))?;
    if length > limit_bytes {
        return Err(GatewayError::BodyTooLarge { limit_bytes });
    }
    Ok(Some(length))
}

/// HTTP/1.1 declares every body (RFC 9112, section 6.3); HTTP/2 need not.
fn may_have_undeclared_body(request: &HttpRequest) -> bool {
    request.headers().contains_key(header::TRANSFER_ENCODING)
        || (request.version() >= Version::HTTP_2
            && !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS))
}
