//! The Responses API behind a `ChatGPT` plan, which Codex uses.
//!
//! What its bodies must be is in [`crate::adapt::for_codex_backend`]. Who asks is said truly: a Codex client
//! keeps its own names, everybody else goes by ours. It answers with streams only; for a client that
//! has not asked for one, the answer is gathered.

mod gathered;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use futures::StreamExt as _;

use self::gathered::{Gathered, Gathering, error_answer};
use super::{HostedCall, HostedRequest};
use crate::actors::upstream::{BodyBroke, UpstreamBody, UpstreamFailure, UpstreamResponse};
use crate::adapt::{CodexBody, for_codex_backend};
use crate::error::GatewayError;
use crate::exchange::judged::is_encoded;
use crate::exchange::proof::Proof;
use crate::headers::{ORIGINATOR, USER_AGENT, is_codex, is_event_stream};
use crate::translate::Dropped;
use crate::types::ProviderName;

const ACCOUNT_ID: HeaderName = HeaderName::from_static("chatgpt-account-id");

/// What we call ourselves there. Never what Codex calls itself: OpenAI asks third-party programs for
/// their own name.
const OUR_NAME: HeaderValue = HeaderValue::from_static("ampgate");

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

pub(super) fn request(call: &HostedCall<'_>) -> Result<HostedRequest, GatewayError> {
    let put_right = for_codex_backend(call.body, call.model);
    let CodexBody { body, dropped: names } =
        put_right.map_err(|unfit| GatewayError::BadBody(unfit.to_string()))?;
    let mut dropped = Dropped::default();
    for name in names {
        dropped.note(name);
    }
    let target = format!("{}/responses", call.credential.base_path);
    Ok(HostedRequest { target, body, dropped })
}

/// Says whose plan it is and who asks.
pub(super) fn put_fields(proof: &Proof<'_>, client_fields: &HeaderMap, fields: &mut HeaderMap) {
    // A client's own login is another account.
    fields.remove(ACCOUNT_ID);
    let account = proof.token().and_then(|token| token.account.id.as_deref());
    if let Some(Ok(id)) = account.map(HeaderValue::from_str) {
        fields.insert(ACCOUNT_ID, id);
    }
    if !is_codex(client_fields) {
        fields.insert(ORIGINATOR, OUR_NAME);
        fields.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    }
    // Only a call has a body, and so a type of one.
    if fields.contains_key(header::CONTENT_TYPE) {
        fields.insert(header::ACCEPT, EVENT_STREAM);
        // What is gathered must be readable here.
        fields.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
}

pub(super) async fn answer(
    provider: &ProviderName,
    streams: bool,
    mut response: UpstreamResponse,
) -> Result<UpstreamResponse, UpstreamFailure> {
    if !response.status.is_success() {
        return Ok(response);
    }
    if !response.fields.contains_key(header::CONTENT_TYPE) {
        response.fields.insert(header::CONTENT_TYPE, EVENT_STREAM); // it has no other answer
    }
    if streams || !is_event_stream(&response.fields) {
        return Ok(response);
    }
    gather(provider, response).await
}

/// Waits for the whole answer. Nothing has gone to the client, so what fails here is no answer yet.
async fn gather(
    provider: &ProviderName,
    response: UpstreamResponse,
) -> Result<UpstreamResponse, UpstreamFailure> {
    let unreadable = |cause: &str| UpstreamFailure {
        error: GatewayError::UpstreamUnreadable { provider: provider.clone() },
        cause: cause.to_owned(),
    };
    let UpstreamResponse { status, fields, mut body } = response;
    if is_encoded(&fields) {
        return Err(unreadable("its events have a coding that was not asked for"));
    }
    let mut gathering = Gathering::default();
    while !gathering.is_over() {
        let Some(piece) = body.next().await else { break };
        let piece = piece.map_err(|broke| broken(provider, &broke))?;
        gathering.push(&piece).map_err(|too_long| unreadable(&too_long.to_string()))?;
    }
    match gathering.finish().map_err(|too_long| unreadable(&too_long.to_string()))? {
        Gathered::Response(whole) => Ok(json(status, fields, whole)),
        Gathered::Failed(event) => {
            let (status, error) = error_answer(&event);
            Ok(json(status, fields, error))
        }
        Gathered::Unfinished => {
            let early = BodyBroke::Upstream("the stream ended before its response did".to_owned());
            Err(broken(provider, &early))
        }
    }
}

fn broken(provider: &ProviderName, broke: &BodyBroke) -> UpstreamFailure {
    let provider = provider.clone();
    let error = match broke {
        BodyBroke::Upstream(_) => GatewayError::UpstreamBroke { provider },
        BodyBroke::Idle(_) => GatewayError::IdleTimeout { provider },
    };
    UpstreamFailure { error, cause: broke.to_string() }
}

fn json(status: StatusCode, mut fields: HeaderMap, body: Bytes) -> UpstreamResponse {
    fields.remove(header::CONTENT_LENGTH);
    fields.remove(header::TRANSFER_ENCODING);
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    UpstreamResponse { status, fields, body: UpstreamBody::whole(body) }
}

#[cfg(test)]
mod tests;
