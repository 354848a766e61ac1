//! Every door and what answers behind it.

use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures::future::OptionFuture;

use crate::actors::router::SocketService;
use crate::actors::upstream::UpstreamFailure;
use crate::actors::{Handles, Worker};
use crate::config::ClientRules;
use crate::door::{Door, ModelCall, ModelDoor, Nowhere, Probe, error_response};
use crate::drain::Drain;
use crate::error::GatewayError;
use crate::exchange::{self, Opening};
use crate::guard::{Admitted, is_browser_page, sign_in_location};
use crate::headers::{is_codex, is_handshake};
use crate::telemetry::RequestRecord;
use crate::tunnel;
use crate::types::ClientId;

/// Answers a request that has passed its guards.
pub async fn answer(request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let record = RequestRecord::of(&request);
    let Some(admitted) = Admitted::of(&request) else {
        // Nothing may be answered that no guard has seen.
        return HttpResponse::InternalServerError().finish();
    };
    let outcome = route(&admitted.handles, &request, payload, &admitted).await;
    outcome.unwrap_or_else(|failure| {
        exchange::note_failure(&record, &failure);
        error_response(&admitted.door, &failure.error, record.id())
    })
}

/// The table of all routes.
async fn route(
    handles: &Handles,
    request: &HttpRequest,
    payload: web::Payload,
    admitted: &Admitted,
) -> Result<HttpResponse, UpstreamFailure> {
    let client = admitted.client.as_ref();
    let payload = payload.into_inner();
    let wants_tunnel = || is_handshake(request.method(), request.headers());
    match admitted.door {
        Door::Probe(Probe::Live) => Ok(HttpResponse::Ok().json(Health { status: "ok" })),
        Door::Probe(Probe::Ready) => Ok(readiness(&handles.drain)),
        Door::Model(door) => match door.call {
            ModelCall::ListModels { .. } => {
                exchange::list_models(handles, request, door, client).await
            }
            ModelCall::ResponsesSocket if wants_tunnel() => {
                responses_socket(admitted, request, payload, door).await
            }
            ModelCall::ResponsesSocket => {
                Err(GatewayError::MethodNotAllowed { allow: "POST" }.into())
            }
            _ => exchange::model_call(handles, request, payload, door, client).await,
        },
        Door::Login if is_browser_page(request.head()) => sign_in(handles, request),
        Door::Management | Door::Page | Door::Login | Door::Actors if wants_tunnel() => {
            let opening = exchange::open_amp_socket(handles, request, client).await?;
            let ends = tunnel_ends(handles, request, client.cloned(), |_rules| false);
            Ok(join_or_refuse(request, payload, opening, ends))
        }
        Door::Management | Door::Page | Door::Login | Door::Actors => {
            exchange::relay(handles, request, payload, client).await
        }
        Door::Nowhere(Nowhere::UnknownPath) => {
            Err(GatewayError::NoSuchRoute("clients use /v1/... and /v1beta/..., Amp uses /api/...")
                .into())
        }
        Door::Nowhere(Nowhere::WrongMethod { allow, .. }) => {
            Err(GatewayError::MethodNotAllowed { allow }.into())
        }
    }
}

#[derive(serde::Serialize)]
struct Health {
    status: &'static str,
}

/// Ready as soon as we listen, for the configuration is loaded before; not while draining.
fn readiness(drain: &Drain) -> HttpResponse {
    if drain.has_begun() {
        HttpResponse::ServiceUnavailable().json(Health { status: "draining" })
    } else {
        HttpResponse::Ok().json(Health { status: "ready" })
    }
}

/// Sends a person to the Amp server: its cookies live there, and a login that passed through here
/// would end with them in the wrong place.
fn sign_in(handles: &Handles, request: &HttpRequest) -> Result<HttpResponse, UpstreamFailure> {
    let amp = handles.settings.amp.as_ref().ok_or(GatewayError::AmpUnavailable)?;
    let location = sign_in_location(&amp.origin, request.uri(), &handles.keyring);
    Ok(HttpResponse::build(StatusCode::FOUND).insert_header((header::LOCATION, location)).finish())
}

/// Codex's WebSocket. A 426 makes it fall back to HTTP at once; another refusal costs it seconds.
async fn responses_socket(
    admitted: &Admitted,
    request: &HttpRequest,
    payload: Payload,
    door: ModelDoor,
) -> Result<HttpResponse, UpstreamFailure> {
    let Admitted { handles, client, .. } = admitted;
    let service = match handles.router.socket_service(is_codex(request.headers())) {
        // Nobody sees the calls in a tunnel, so a client that is kept to rules gets none.
        SocketService::Provider if handles.limits.rules_of(client.as_ref()).is_some() => {
            SocketService::Gateway
        }
        service => service,
    };
    match service {
        SocketService::Provider => {
            let opening = exchange::open_responses_socket(handles, request, door).await?;
            // Who then connects anew is served by the gateway.
            let ends = tunnel_ends(handles, request, client.clone(), |rules| rules.is_some());
            Ok(join_or_refuse(request, payload, opening, ends))
        }
        SocketService::Gateway => {
            // Each call in it takes a place of its own.
            admitted.leave_place();
            exchange::serve_responses_socket(handles, request, payload, door, client.as_ref())
        }
        SocketService::Nobody => Err(GatewayError::WebSocketNotServed.into()),
    }
}

/// Until when a tunnel may stay: the end of draining, or a reload that takes its client's key away or
/// gives it rules that forbid one.
fn tunnel_ends(
    handles: &Handles,
    request: &HttpRequest,
    client: Option<ClientId>,
    forbid_it: fn(Option<&ClientRules>) -> bool,
) -> impl Future<Output = ()> + 'static {
    let drain_is_over = handles.drain.over();
    let worker = request.app_data::<Rc<Worker>>();
    let bound = worker.zip(client).map(|(worker, client)| {
        let key = handles.keyring.key_of(&client).cloned();
        worker.until(move |house| {
            house.keyring.key_of(&client) != key.as_ref()
                || forbid_it(house.limits.rules_of(Some(&client)))
        })
    });
    async move {
        tokio::select! {
            () = drain_is_over => {}
            Some(()) = OptionFuture::from(bound) => {}
        }
    }
}

fn join_or_refuse(
    request: &HttpRequest,
    payload: Payload,
    opening: Opening,
    may_stay_no_longer: impl Future<Output = ()> + 'static,
) -> HttpResponse {
    match opening {
        Opening::Switched(switched) => {
            let record = RequestRecord::of(request);
            tunnel::join(switched, payload, &record, may_stay_no_longer)
        }
        Opening::Refused(mut response) => {
            // What the client sends next may be frames already; nothing on this connection is HTTP.
            response.head_mut().set_connection_type(actix_http::ConnectionType::Close);
            response
        }
    }
}
