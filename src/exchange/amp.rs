//! A request as the Amp server gets it.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::uri::PathAndQuery;
use bytes::Bytes;

use super::head::Head;
use crate::actors::upstream::{OutgoingRequest, RequestBody};
use crate::config::Amp;
use crate::error::GatewayError;
use crate::headers::{
    ForUpstream, USER_AGENT, UpstreamCredential, shows_key_apart, without_credentials,
};
use crate::types::{ApiKey, Keyring, ProviderName};

/// The Amp server's name in logs and in `x-ampgate-provider`.
pub(super) const AMP: &str = "amp";

pub(super) fn outgoing(
    amp: &Amp,
    keyring: &Keyring,
    request: &Head<'_>,
    key: Option<&ApiKey>,
    body: RequestBody,
    first_byte_timeout: Duration,
) -> Result<OutgoingRequest, GatewayError> {
    let fields = ForUpstream {
        authority: amp.origin.authority(),
        credential: key.map_or(UpstreamCredential::None, UpstreamCredential::Amp),
        strip_long_context: false, // Amp's users pay for every feature they ask for
        ask_for_identity: false,
        body_was_decoded: false,
        own_fields: &[],
    }
    .fields(request.headers());
    Ok(OutgoingRequest {
        origin: amp.origin.clone(),
        proxy: amp.proxy.clone(),
        provider: ProviderName::new(AMP),
        method: request.method().clone(),
        path_and_query: target(&amp.base_path, request, keyring)?,
        fields,
        body,
        first_byte_timeout,
    })
}

/// The question that Amp's clients begin with, which tells whether the Amp server takes a key: who is
/// it? The gateway's own; nothing changes there.
pub fn ask_for_user(
    amp: &Amp,
    key: Option<&ApiKey>,
    first_byte_timeout: Duration,
) -> Result<OutgoingRequest, GatewayError> {
    let mut own = HeaderMap::new();
    own.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let fields = ForUpstream {
        authority: amp.origin.authority(),
        credential: key.map_or(UpstreamCredential::None, UpstreamCredential::Amp),
        strip_long_context: false,
        ask_for_identity: true,
        body_was_decoded: false,
        own_fields: &[],
    }
    .fields(&own);
    let question = Bytes::from_static(br#"{"method":"getUserInfo","params":{}}"#);
    Ok(OutgoingRequest {
        origin: amp.origin.clone(),
        proxy: amp.proxy.clone(),
        provider: ProviderName::new(AMP),
        method: Method::POST,
        path_and_query: parse_target(format!("{}/api/internal?getUserInfo", amp.base_path))?,
        fields,
        body: RequestBody::buffered(question),
        first_byte_timeout,
    })
}

/// The client's path and query, byte for byte, less its keys.
fn target(
    base_path: &str,
    request: &Head<'_>,
    keyring: &Keyring,
) -> Result<PathAndQuery, GatewayError> {
    let Some(asked) = request.uri().path_and_query() else {
        return Err(GatewayError::AmbiguousRequest("it names no path"));
    };
    // Beside our own field a key in the query is the client's login at its provider, and not for Amp.
    let is_login = shows_key_apart(request.headers());
    let ends_here = |value: &[u8]| is_login || keyring.find(value).is_some();
    let kept = without_credentials(asked.as_str(), ends_here);
    if base_path.is_empty() && kept.len() == asked.as_str().len() {
        return Ok(asked.clone());
    }
    parse_target(format!("{base_path}{kept}"))
}

/// A target made of parts that were targets before.
pub(super) fn parse_target(target: String) -> Result<PathAndQuery, GatewayError> {
    PathAndQuery::try_from(target)
        .map_err(|_invalid| GatewayError::AmbiguousRequest("its path cannot be sent on"))
}
