//! The Responses API behind a ChatGPT plan, which Codex uses.

use actix_web::http::header::HeaderMap;

use super::{HostedCall, HostedRequest};
use crate::actors::upstream::{UpstreamFailure, UpstreamResponse};
use crate::error::GatewayError;
use crate::exchange::proof::Proof;

pub(super) fn request(_call: &HostedCall<'_>) -> Result<HostedRequest, GatewayError> {
    Err(GatewayError::Internal)
}

pub(super) fn put_fields(_proof: &Proof<'_>, _client_fields: &HeaderMap, _fields: &mut HeaderMap) {}

#[expect(clippy::unused_async, reason = "until answers are gathered")]
pub(super) async fn answer(
    _streams: bool,
    response: UpstreamResponse,
) -> Result<UpstreamResponse, UpstreamFailure> {
    Ok(response)
}
