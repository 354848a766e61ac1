//! Claude as Amazon Bedrock hosts it.

use actix_web::http::header::HeaderMap;

use super::{HostedCall, HostedRequest};
use crate::actors::upstream::UpstreamResponse;
use crate::error::GatewayError;

pub(super) fn request(_call: &HostedCall<'_>) -> Result<HostedRequest, GatewayError> {
    Err(GatewayError::Internal)
}

pub(super) fn put_fields(_fields: &mut HeaderMap) {}

pub(super) fn answer(_streams: bool, response: UpstreamResponse) -> UpstreamResponse {
    response
}
