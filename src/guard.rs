//! Middleware that refuses.
//!
//! Each guard asks one question, in a file of its own, as a pure function of the request's head;
//! this file asks them in the order that [`Door::guards`] gives and answers a refusal in the dialect
//! of the door. Routing decides nothing about access: an actix *routing* guard could only answer 404.

mod cors;
mod cross_origin;
mod framing;
mod key;
mod loopback;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpResponse};

pub use cors::CorsPolicy;
pub use key::is_browser_page;

use crate::door::{Door, Guard, Nowhere, error_response};
use crate::drain::Drain;
use crate::error::GatewayError;
use crate::headers::without_credentials;
use crate::telemetry::RequestRecord;
use crate::types::{ClientId, Keyring, Origin};

/// What the guards compare a request with; one for the process.
#[derive(Debug)]
pub struct GuardPolicy {
    pub keyring: Arc<Keyring>,
    /// Where browsers are sent to sign in; `None` when no Amp server is configured.
    pub amp: Option<Origin>,
    pub management_on_loopback_only: bool,
    pub cors: CorsPolicy,
    pub header_limit_bytes: usize,
    pub drain: Drain,
}

/// What the guards found out, for the handlers behind them.
#[derive(Clone, Debug)]
pub struct Admitted {
    pub door: Door,
    /// Whose key it was; `None` behind a door without a key guard, where no key may be put in.
    pub client: Option<ClientId>,
}

impl Admitted {
    /// What [`enforce`] put into a request. A handler without it stands behind no guard: nowhere.
    #[must_use]
    pub fn of(request: &impl actix_web::HttpMessage) -> Self {
        let found = request.extensions().get::<Self>().cloned();
        found.unwrap_or(Self { door: Door::Nowhere(Nowhere::UnknownPath), client: None })
    }
}

/// A request that goes no further.
enum Halt {
    Refuse(GatewayError),
    /// A person in a browser is sent to the Amp server, where their cookies live.
    SignIn(String),
    /// A preflight from an origin that may ask is answered at once.
    Preflight,
}

/// Asks every guard of the request's door, in order.
pub async fn enforce(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let policy = request.app_data::<Arc<GuardPolicy>>().cloned();
    let Some(policy) = policy else {
        // Without a policy nothing can be checked, so nothing may pass.
        return Ok(request
            .into_response(HttpResponse::InternalServerError())
            .map_into_right_body());
    };
    let door = Door::of(request.method(), request.path());
    let record = RequestRecord::of(&request);
    record.enters(door.name());
    match admit(&policy, door, &request) {
        Ok(admitted) => {
            if let Some(client) = &admitted.client {
                record.is_from(client.clone());
            }
            let origin = readable_by(&policy, door, &request);
            request.extensions_mut().insert(admitted);
            let mut response = next.call(request).await?;
            if let Some(origin) = origin {
                cors::grant(response.headers_mut(), origin);
            }
            Ok(response.map_into_left_body())
        }
        Err(halt) => {
            let response = answer(&halt, &policy, door, &record, &request);
            Ok(request.into_response(response).map_into_right_body())
        }
    }
}

fn answer(
    halt: &Halt,
    policy: &GuardPolicy,
    door: Door,
    record: &Rc<RequestRecord>,
    request: &ServiceRequest,
) -> HttpResponse {
    match halt {
        Halt::Refuse(error) => {
            record.fails_with(error.code());
            let mut response = error_response(&door, error, record.id());
            // A refusal that a page may not read looks like a network failure to its user.
            if let Some(origin) = readable_by(policy, door, request) {
                cors::grant(response.headers_mut(), origin);
            }
            response
        }
        Halt::SignIn(location) => HttpResponse::build(StatusCode::FOUND)
            .insert_header((header::LOCATION, location.as_str()))
            .finish(),
        Halt::Preflight => policy.cors.preflight_answer(request.headers()),
    }
}

/// The origin whose pages may read the answer behind this door, when one asks.
fn readable_by(policy: &GuardPolicy, door: Door, request: &ServiceRequest) -> Option<HeaderValue> {
    let may_be_read = guards_of(door, request.method()).contains(&Guard::Cors);
    may_be_read.then(|| policy.cors.granted_origin(request.headers()))?
}

fn admit(policy: &GuardPolicy, door: Door, request: &ServiceRequest) -> Result<Admitted, Halt> {
    let refuse = |outcome: Result<(), GatewayError>| outcome.map_err(Halt::Refuse);
    refuse(framing::require_unambiguous(request.headers()))?;
    refuse(framing::require_small_head(request.headers(), policy.header_limit_bytes))?;
    if policy.drain.has_begun() && !matches!(door, Door::Probe(_)) {
        return Err(Halt::Refuse(GatewayError::Draining));
    }
    let mut client = None;
    for guard in guards_of(door, request.method()) {
        match guard {
            Guard::AmpAvailable => refuse(match policy.amp {
                Some(_) => Ok(()),
                None => Err(GatewayError::AmpUnavailable),
            })?,
            Guard::CrossOrigin => {
                refuse(cross_origin::require_same_site(request.method(), request.headers()))?;
            }
            Guard::Loopback if policy.management_on_loopback_only => {
                refuse(loopback::require_loopback(request.peer_addr()))?;
            }
            Guard::Cors if policy.cors.is_preflight(request.method(), request.headers()) => {
                return Err(Halt::Preflight);
            }
            Guard::Loopback | Guard::Cors => {}
            Guard::Key => client = Some(admit_client(policy, door, request)?),
        }
    }
    Ok(Admitted { door, client })
}

/// A preflight of a direct route has no door of its own: its method is `OPTIONS`, its path decides.
fn guards_of(door: Door, method: &Method) -> &'static [Guard] {
    match door {
        Door::Nowhere(Nowhere::WrongMethod { .. }) if *method == Method::OPTIONS => &[Guard::Cors],
        _ => door.guards(),
    }
}

fn admit_client(
    policy: &GuardPolicy,
    door: Door,
    request: &ServiceRequest,
) -> Result<ClientId, Halt> {
    match key::identify(&policy.keyring, request.headers(), request.uri().query()) {
        key::Identity::Known(client) => Ok(client),
        key::Identity::Anonymous if door == Door::Page && is_browser_page(request.head()) => {
            match &policy.amp {
                Some(amp) => {
                    Err(Halt::SignIn(sign_in_location(amp, request.uri(), &policy.keyring)))
                }
                None => Err(Halt::Refuse(GatewayError::AmpUnavailable)),
            }
        }
        key::Identity::Anonymous | key::Identity::Unknown => {
            Err(Halt::Refuse(GatewayError::Unauthenticated))
        }
    }
}

/// The same page at the Amp server; a key of ours in the query ends here.
#[must_use]
pub fn sign_in_location(amp: &Origin, uri: &Uri, keyring: &Keyring) -> String {
    let asked = uri.path_and_query().map_or("/", |target| target.as_str());
    let kept = without_credentials(asked, |value| keyring.find(value).is_some());
    format!("{amp}{kept}")
}
