//! The spine: one request and its answer.
//!
//! Each function here is one plan, read from top to bottom: key, request head, dispatch, answer head,
//! stream. [`relay`] takes Amp's own traffic to the Amp server; [`model_call`] takes a model call to
//! one of the team's providers or, when none serves the model, to Amp; [`list_models`] tells what can
//! be asked for; [`open_amp_socket`] and [`open_responses_socket`] open WebSockets, and
//! [`serve_responses_socket`] answers one itself.

mod ahead;
mod allowance;
mod amp;
mod answer;
mod asked;
mod attempts;
mod call;
mod foreign;
mod head;
mod hosted;
mod incoming;
mod judged;
mod local;
mod metering;
mod models;
mod own_login;
mod proof;
mod sent;
mod served;
mod signature;
mod socket;
mod stream;

use actix_web::dev::Payload;
use actix_web::{HttpRequest, HttpResponse};

pub use amp::ask_for_user;
pub use local::ask_for_models;
pub use models::list_models;
pub use proof::Proof;
pub use served::serve_responses_socket;
pub use socket::{Opening, open_amp_socket, open_responses_socket};

use self::answer::Answering;
use self::asked::Asked;
use self::call::Call;
use self::head::Head;
use self::incoming::{collect_body, streamed_body};
use crate::actors::Handles;
use crate::actors::upstream::{OutgoingRequest, RequestBody, UpstreamFailure};
use crate::door::ModelDoor;
use crate::error::GatewayError;
use crate::telemetry::RequestRecord;
use crate::types::ClientId;

/// Notes why a request has no answer but our own: in its line, and where it is no fault of the client
/// in a warning with the cause.
pub fn note_failure(record: &RequestRecord, failure: &UpstreamFailure) {
    let UpstreamFailure { error, cause } = failure;
    record.fails_with(error.code());
    if error.status().is_server_error() {
        tracing::warn!(
            request.id = record.id(),
            error.code = error.code(),
            cause,
            "request failed"
        );
    }
}

/// Takes a request to the Amp server as it is. `client` is whose key was shown; behind a door
/// without a key guard it is `None`, and then no key of ours goes along.
pub async fn relay(
    handles: &Handles,
    request: &HttpRequest,
    payload: Payload,
    client: Option<&ClientId>,
) -> Result<HttpResponse, UpstreamFailure> {
    let head = Head::of(request);
    head.record.is_relayed();
    let count = head.record.relayed_to_upstream();
    let body = streamed_body(request, payload, handles.settings.limits.request_body, count)?;
    let outgoing = amp_request(handles, &head, client, body).await?;
    let upstream = sent::send(handles, Some(&head.record), outgoing).await?;
    let answering = Answering::relayed(&head, handles.drain.clone());
    Ok(answer::from_upstream(upstream.into(), answering).await)
}

/// A request to the Amp server, ready to be sent: the client's credentials out, the team's key in.
async fn amp_request(
    handles: &Handles,
    request: &Head<'_>,
    client: Option<&ClientId>,
    body: RequestBody,
) -> Result<OutgoingRequest, UpstreamFailure> {
    let amp = handles.settings.amp.as_ref().ok_or(GatewayError::AmpUnavailable)?;
    let key = match client {
        Some(client) => handles.secrets.resolve(client).await,
        None => None,
    };
    let first_byte_timeout = handles.settings.timeouts.relay_first_byte;
    let outgoing =
        amp::outgoing(amp, &handles.keyring, request, key.as_ref(), body, first_byte_timeout)?;
    request.record.is_answered_by(outgoing.provider.clone());
    Ok(outgoing)
}

/// Answers a model call: from one of the team's own providers, else from Amp where the door and the
/// configuration allow it, else with an error that says what would serve the model.
pub async fn model_call(
    handles: &Handles,
    request: &HttpRequest,
    payload: Payload,
    door: ModelDoor,
    client: Option<&ClientId>,
) -> Result<HttpResponse, UpstreamFailure> {
    let settings = &handles.settings;
    let head = Head::of(request);
    // Collected, because the model decides where the body goes, and because a call that failed is
    // made again elsewhere; bounded by `limits.request-body`.
    let body = collect_body(request, payload, settings.limits.request_body, settings.timeouts.idle)
        .await?;
    let asked = Asked::parse(&head, door.call, &body, settings.limits.request_body)?;
    head.record.asks_for(asked.model.clone());
    let call = Call::new(handles, head, door, client, body, asked);
    allowance::reserve_usage(&call).await?;
    attempts::answer(&call).await
}
