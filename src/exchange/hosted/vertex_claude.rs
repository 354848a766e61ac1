//! Claude as Vertex AI hosts it.

use super::{HostedCall, HostedRequest};
use crate::error::GatewayError;

pub(super) fn request(_call: &HostedCall<'_>) -> Result<HostedRequest, GatewayError> {
    Err(GatewayError::Internal)
}
