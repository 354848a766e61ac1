//! The spine: one request and its answer.
//!
//! Each function here is one plan, read from top to bottom: key, request head, dispatch, answer head,
//! stream. [`relay`] takes Amp's own traffic to the Amp server; [`model_call`] takes a model call to
//! one of the team's providers or, when none serves the model, to Amp; [`list_models`] tells what can
//! be asked for.

mod amp;
mod answer;
mod asked;
mod incoming;
mod local;
mod models;
mod stream;

use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;

pub use answer::from_upstream as answer_refusal;
pub use answer::{Answering, ModelAnswer};
pub use models::list_models;

use self::asked::Asked;
use self::incoming::{collect_body, streamed_body};
use crate::actors::Handles;
use crate::actors::router::{LocalPlan, ModelRequest, RoutePlan};
use crate::actors::upstream::{OutgoingRequest, RequestBody, UpstreamFailure};
use crate::door::{Entrance, ModelDoor};
use crate::error::GatewayError;
use crate::telemetry::{RequestRecord, Route};
use crate::types::{ClientId, Dialect};

/// Takes a request to the Amp server as it is. `client` is whose key was shown; behind a door
/// without a key guard it is `None`, and then no key of ours goes along.
pub async fn relay(
    handles: &Handles,
    request: &HttpRequest,
    payload: Payload,
    client: Option<&ClientId>,
) -> Result<HttpResponse, UpstreamFailure> {
    let body = streamed_body(request, payload, handles.settings.limits.request_body)?;
    let outgoing = amp_request(handles, request, client, body).await?;
    let upstream = handles.upstream.send(outgoing).await?;
    let answering = Answering::relayed(request, handles.drain.clone());
    Ok(answer::from_upstream(upstream, answering).await)
}

/// A request to the Amp server, ready to be sent: the client's credentials out, the team's key in.
pub async fn amp_request(
    handles: &Handles,
    request: &HttpRequest,
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
    RequestRecord::of(request).is_answered_by(outgoing.provider.clone());
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
    let record = RequestRecord::of(request);
    let dialect = door.dialect();

    // Collected, because the model decides where the body goes; bounded by `limits.request-body`.
    let body = collect_body(request, payload, settings.limits.request_body, settings.timeouts.idle)
        .await?;
    let asked = Asked::parse(request, door.call, &body, settings.limits.request_body)?;
    record.asks_for(asked.model.clone());

    let came_through_amp_door = matches!(door.entrance, Entrance::AmpProvider(_));
    let plan = handles.router.plan(&ModelRequest {
        dialect,
        model: &asked.model,
        came_through_amp_door,
    })?;
    match plan {
        RoutePlan::Local(plan) => {
            let answering = local_answering(handles, request, &record, dialect, &plan, &asked);
            let outgoing =
                local::call(&plan, request, door.call, asked, body, settings.timeouts.first_byte)?;
            let upstream = handles.upstream.send(outgoing).await?;
            handles.router.report(&plan, upstream.status);
            Ok(answer::from_upstream(upstream, answering).await)
        }
        RoutePlan::Amp => call_amp(handles, request, &record, dialect, client, body).await,
    }
}

fn local_answering(
    handles: &Handles,
    request: &HttpRequest,
    record: &Rc<RequestRecord>,
    dialect: Dialect,
    plan: &LocalPlan,
    asked: &Asked,
) -> Answering {
    let provider = plan.credential().provider.clone();
    record.takes(Route::Local);
    record.is_answered_by(provider.clone());
    let client_model = plan.upstream_model.is_some().then(|| asked.model.clone());
    let model = ModelAnswer { dialect, route: Route::Local, provider, client_model };
    Answering::modelled(request, handles.drain.clone(), model)
}

/// The fallback: the same path and body, byte for byte, and every field, to the Amp server.
async fn call_amp(
    handles: &Handles,
    request: &HttpRequest,
    record: &RequestRecord,
    dialect: Dialect,
    client: Option<&ClientId>,
    body: Bytes,
) -> Result<HttpResponse, UpstreamFailure> {
    record.takes(Route::Amp);
    let mut outgoing = amp_request(handles, request, client, RequestBody::buffered(body)).await?;
    outgoing.first_byte_timeout = handles.settings.timeouts.first_byte;
    let provider = outgoing.provider.clone();
    let upstream = handles.upstream.send(outgoing).await?;
    let model = ModelAnswer { dialect, route: Route::Amp, provider, client_model: None };
    let answering = Answering::modelled(request, handles.drain.clone(), model);
    Ok(answer::from_upstream(upstream, answering).await)
}

/// The handshake for a WebSocket of the Responses API, to an OpenAI credential of ours.
pub fn responses_handshake(
    handles: &Handles,
    request: &HttpRequest,
    door: ModelDoor,
) -> Result<(OutgoingRequest, Answering), UpstreamFailure> {
    let dialect = door.dialect();
    let plan = handles.router.any_speaking(dialect).ok_or(GatewayError::WebSocketNotServed)?;
    let provider = plan.credential().provider.clone();
    let record = RequestRecord::of(request);
    record.takes(Route::Local);
    record.is_answered_by(provider.clone());
    let outgoing =
        local::handshake(&plan, request, door.call, handles.settings.timeouts.first_byte)?;
    let model = ModelAnswer { dialect, route: Route::Local, provider, client_model: None };
    Ok((outgoing, Answering::modelled(request, handles.drain.clone(), model)))
}
