//! The opening of a WebSocket, to the Amp server or to a provider of our own.

use std::time::SystemTime;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

use super::answer::{self, Answering, ModelAnswer};
use super::attempts::{Fault, fault_of};
use super::head::Head;
use super::judged::look_at;
use super::proof::Proof;
use super::{amp_request, local, sent};
use crate::actors::Handles;
use crate::actors::router::Attempts;
use crate::actors::upstream::{RequestBody, Switched, TunnelAnswer, UpstreamFailure};
use crate::dialect::{TroubleClass, Verdict, session_key};
use crate::door::ModelDoor;
use crate::error::GatewayError;
use crate::headers::ask_for_upgrade;
use crate::types::{ClientId, Route};

/// How a handshake ended.
#[derive(Debug)]
pub enum Opening {
    Switched(Switched),
    /// The upstream's own answer, which is no 101.
    Refused(HttpResponse),
}

/// Opens a WebSocket to the Amp server.
pub async fn open_amp_socket(
    handles: &Handles,
    request: &HttpRequest,
    client: Option<&ClientId>,
) -> Result<Opening, UpstreamFailure> {
    let head = Head::of(request);
    let mut outgoing = amp_request(handles, &head, client, RequestBody::None).await?;
    ask_for_upgrade(&mut outgoing.fields);
    Ok(match sent::open_tunnel(handles, &head.record, outgoing).await? {
        TunnelAnswer::Switched(switched) => Opening::Switched(switched),
        TunnelAnswer::Refused(upstream) => {
            let answering = Answering::relayed(&head, handles.drain.clone());
            Opening::Refused(answer::from_upstream(upstream.into(), answering).await)
        }
    })
}

/// Opens a WebSocket of the Responses API with a credential of ours, with another one where the first
/// fails. When none answers at all the error is a 426: the client falls back to HTTP at once, where it is
/// told more. A provider's own refusal is passed on.
pub async fn open_responses_socket(
    handles: &Handles,
    request: &HttpRequest,
    door: ModelDoor,
) -> Result<Opening, UpstreamFailure> {
    let router = &handles.router;
    let head = Head::of(request);
    let record = &head.record;
    let dialect = door.dialect();
    let mut attempts = Attempts::default();
    let mut refused = None;
    let mut with_new_token = None;
    loop {
        let session = || session_key(request.headers(), dialect, b"");
        let choose = || router.choose_for_socket(dialect, &attempts, session);
        let Some(mut plan) = with_new_token.take().or_else(choose) else {
            let none_is_left = || Err(GatewayError::WebSocketNotServed.into());
            return refused.map_or_else(none_is_left, |response| Ok(Opening::Refused(response)));
        };
        let provider = plan.credential().provider.clone();
        record.takes(Route::Local);
        record.tries(provider.clone(), plan.credential().id.clone());
        let family = plan.credential().family;
        let first_byte_timeout = handles.settings.timeouts.first_byte;
        let proof = match Proof::of(plan.credential(), &handles.tokens).await {
            Ok(proof) => proof,
            Err(failure) => {
                tracing::debug!(cause = failure.cause, "no token for a WebSocket");
                attempts.note_failure_of(&plan);
                continue;
            }
        };
        let mut outgoing = local::handshake(&plan, &head, door.call, &proof, first_byte_timeout)?;
        ask_for_upgrade(&mut outgoing.fields);
        let sent_at = router.now();
        let trouble = match sent::open_tunnel(handles, record, outgoing).await {
            Ok(TunnelAnswer::Switched(switched)) => {
                router.note_limits(&plan, &switched.fields);
                router.succeeded(&mut plan, sent_at);
                return Ok(Opening::Switched(switched));
            }
            Ok(TunnelAnswer::Refused(response)) => {
                if response.status == StatusCode::UNAUTHORIZED
                    && !plan.again.with_new_token
                    && proof.is_renewed(plan.credential(), &handles.tokens).await
                {
                    plan.again.with_new_token = true;
                    with_new_token = Some(plan);
                    continue;
                }
                router.note_limits(&plan, &response.fields);
                let judged = look_at(response, dialect, family, SystemTime::now()).await;
                let model = ModelAnswer::plain(dialect, Route::Local, provider);
                let answering = Answering::modelled(&head, handles.drain.clone(), model);
                let response = answer::from_upstream(judged.answer, answering).await;
                match judged.verdict {
                    Verdict::Trouble(trouble) if trouble.speaks_against_the_account() => {
                        record.upstream_failed(trouble.class.as_str());
                        refused = Some(response);
                        let may_rest = trouble.class != TroubleClass::Unauthorized
                            || proof.speaks_for_credential(plan.again);
                        may_rest.then_some(trouble)
                    }
                    // A server without WebSockets says so in many ways, and none is a fault.
                    _ => return Ok(Opening::Refused(response)),
                }
            }
            Err(failure) => match fault_of(&failure.error) {
                Fault::Provider(trouble) => Some(trouble),
                Fault::OurOwn => None,
                Fault::Client => return Err(failure),
            },
        };
        attempts.note_failure_of(&plan);
        if let Some(trouble) = trouble {
            router.failed(plan, trouble, sent_at).await;
        }
    }
}
