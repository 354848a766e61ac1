//! A request on its way to an upstream, and what is told of it besides the answer.

use actix_web::http::StatusCode;

use super::attempts::{Fault, fault_of};
use super::proof::Proof;
use crate::actors::Handles;
use crate::actors::upstream::{OutgoingRequest, TunnelAnswer, UpstreamFailure, UpstreamResponse};
use crate::config::Credential;
use crate::error::GatewayError;
use crate::telemetry::RequestRecord;
use crate::types::ProviderName;

/// Sends a request and returns the head of the answer, the body still streaming. `record` is of the
/// request that it is sent for; a question of the gateway's own has none.
pub(super) async fn send(
    handles: &Handles,
    record: Option<&RequestRecord>,
    mut outgoing: OutgoingRequest,
) -> Result<UpstreamResponse, UpstreamFailure> {
    let provider = begin(record, &mut outgoing);
    let sent = handles.upstream.send(outgoing).await;
    let status = |response: &UpstreamResponse| response.status;
    note(handles, record, &provider, sent.as_ref().map(status));
    sent
}

/// As [`send`], for a question that is no attempt of the router's: where the provider refuses the token that
/// `credential` shows, once more with the next one.
pub(super) async fn send_renewing(
    handles: &Handles,
    record: Option<&RequestRecord>,
    credential: &Credential,
    proof: &Proof<'_>,
    ask: impl Fn(&Proof<'_>) -> Result<OutgoingRequest, GatewayError>,
) -> Result<UpstreamResponse, UpstreamFailure> {
    let response = send(handles, record, ask(proof)?).await?;
    if response.status != StatusCode::UNAUTHORIZED {
        return Ok(response);
    }
    let Some(renewed) = proof.renewed(credential, &handles.tokens).await else {
        return Ok(response);
    };
    drop(response); // it holds a place at the provider
    send(handles, record, ask(&renewed)?).await
}

/// Opens a WebSocket tunnel.
pub(super) async fn open_tunnel(
    handles: &Handles,
    record: &RequestRecord,
    mut outgoing: OutgoingRequest,
) -> Result<TunnelAnswer, UpstreamFailure> {
    let provider = begin(Some(record), &mut outgoing);
    let opened = handles.upstream.open_tunnel(outgoing).await;
    let status = |answer: &TunnelAnswer| match answer {
        TunnelAnswer::Switched(_) => StatusCode::SWITCHING_PROTOCOLS,
        TunnelAnswer::Refused(response) => response.status,
    };
    note(handles, Some(record), &provider, opened.as_ref().map(status));
    opened
}

fn begin(record: Option<&RequestRecord>, outgoing: &mut OutgoingRequest) -> ProviderName {
    let OutgoingRequest { method, origin, provider, fields, .. } = outgoing;
    if let Some(record) = record {
        record.attempt_begins(method, origin, provider, fields);
    }
    provider.clone()
}

fn note(
    handles: &Handles,
    record: Option<&RequestRecord>,
    provider: &ProviderName,
    outcome: Result<StatusCode, &UpstreamFailure>,
) {
    match (outcome, record) {
        (Ok(status), Some(record)) => record.attempt_is_answered(status.as_u16()),
        (Ok(_), None) => {}
        (Err(failure), record) => note_failure(handles, record, provider, failure),
    }
}

/// Notes that no answer came, or none that is one.
pub(super) fn note_failure(
    handles: &Handles,
    record: Option<&RequestRecord>,
    provider: &ProviderName,
    failure: &UpstreamFailure,
) {
    let code = failure.error.code();
    if matches!(fault_of(&failure.error), Fault::Provider(_)) {
        handles.metrics.upstream_failed(provider, code);
    }
    if let Some(record) = record {
        record.attempt_fails(code);
    }
}
