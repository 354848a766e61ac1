//! A request on its way to an upstream, and what is told of it besides the answer.

use super::attempts::{Fault, fault_of};
use crate::actors::Handles;
use crate::actors::upstream::{OutgoingRequest, TunnelAnswer, UpstreamFailure, UpstreamResponse};
use crate::types::ProviderName;

/// Sends a request and returns the head of the answer, the body still streaming.
pub(super) async fn send(
    handles: &Handles,
    outgoing: OutgoingRequest,
) -> Result<UpstreamResponse, UpstreamFailure> {
    let provider = outgoing.provider.clone();
    let sent = handles.upstream.send(outgoing).await;
    sent.inspect_err(|failure| count(handles, &provider, failure))
}

/// Opens a WebSocket tunnel.
pub(super) async fn open_tunnel(
    handles: &Handles,
    outgoing: OutgoingRequest,
) -> Result<TunnelAnswer, UpstreamFailure> {
    let provider = outgoing.provider.clone();
    let opened = handles.upstream.open_tunnel(outgoing).await;
    opened.inspect_err(|failure| count(handles, &provider, failure))
}

fn count(handles: &Handles, provider: &ProviderName, failure: &UpstreamFailure) {
    if matches!(fault_of(&failure.error), Fault::Provider(_)) {
        handles.metrics.upstream_failed(provider, failure.error.code());
    }
}
