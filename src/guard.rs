//! Middleware that refuses.
//!
//! Each guard asks one question, in a file of its own, as a pure function of the request's head;
//! this file asks them in the order that [`Door::guards`] gives and answers a refusal in the dialect
//! of the door. Routing decides nothing about access: an actix *routing* guard could only answer 404.

mod client_rules;
mod cors;
mod cross_origin;
mod framing;
mod key;
mod loopback;

use std::cell::RefCell;
use std::rc::Rc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpResponse};

pub use key::is_browser_page;

use self::cors::CorsPolicy;
use crate::actors::limits::Admission;
use crate::actors::{Handles, Worker};
use crate::door::{Door, Guard, Nowhere, error_response};
use crate::error::GatewayError;
use crate::headers::without_credentials;
use crate::limits::Claim;
use crate::telemetry::RequestRecord;
use crate::types::{ClientId, Keyring, Origin};

/// What the guards found out, for the handlers behind them.
#[derive(Clone, Debug)]
pub struct Admitted {
    pub door: Door,
    /// Whose key it was; `None` behind a door without a key guard, where no key may be put in.
    pub client: Option<ClientId>,
    /// The state of the house in which the request passed; it is answered in the same.
    pub handles: Rc<Handles>,
    /// The request's place among those that its client may have under way.
    place: Option<Rc<RefCell<Admission>>>,
}

impl Admitted {
    /// What [`enforce`] put into a request; a handler that finds none stands behind no guard.
    #[must_use]
    pub fn of(request: &impl actix_web::HttpMessage) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    /// Gives the request's place back before its end: a connection may be open for hours with nothing
    /// under way.
    pub fn leave_place(&self) {
        drop(self.place.as_ref().map(|place| place.take()));
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
    let Some(handles) = request.app_data::<Rc<Worker>>().map(|worker| worker.handles()) else {
        // Without a configuration nothing can be checked, so nothing may pass.
        return Ok(request
            .into_response(HttpResponse::InternalServerError())
            .map_into_right_body());
    };
    let door = Door::of(request.method(), request.path());
    let record = RequestRecord::of(&request);
    record.enters(door.name());
    let admitted = match admit(&handles, door, &request) {
        Ok(admitted) => keep_to_rules(admitted, &record).await.map_err(Halt::Refuse),
        Err(halt) => Err(halt),
    };
    match admitted {
        Ok(admitted) => {
            let origin = readable_by(&handles, door, &request);
            request.extensions_mut().insert(admitted);
            let mut response = next.call(request).await?;
            if let Some(origin) = origin {
                cors::grant(response.headers_mut(), origin);
            }
            Ok(response.map_into_left_body())
        }
        Err(halt) => {
            let response = answer(&halt, &handles, door, &record, &request);
            Ok(request.into_response(response).map_into_right_body())
        }
    }
}

fn answer(
    halt: &Halt,
    handles: &Rc<Handles>,
    door: Door,
    record: &Rc<RequestRecord>,
    request: &ServiceRequest,
) -> HttpResponse {
    match halt {
        Halt::Refuse(error) => {
            record.fails_with(error.code());
            let mut response = error_response(&door, error, record.id());
            // A refusal that a page may not read looks like a network failure to its user.
            if let Some(origin) = readable_by(handles, door, request) {
                cors::grant(response.headers_mut(), origin);
            }
            response
        }
        Halt::SignIn(location) => HttpResponse::build(StatusCode::FOUND)
            .insert_header((header::LOCATION, location.as_str()))
            .finish(),
        Halt::Preflight => cors_of(handles).preflight_answer(request.headers()),
    }
}

fn cors_of(handles: &Handles) -> CorsPolicy<'_> {
    CorsPolicy(&handles.settings.cors.allowed_origins)
}

fn management_is_local(handles: &Handles) -> bool {
    handles.settings.amp.as_ref().is_some_and(|amp| amp.restrict_management_to_localhost)
}

/// The origin whose pages may read the answer behind this door, when one asks.
fn readable_by(handles: &Rc<Handles>, door: Door, request: &ServiceRequest) -> Option<HeaderValue> {
    let may_be_read = guards_of(door, request.method()).contains(&Guard::Cors);
    may_be_read.then(|| cors_of(handles).granted_origin(request.headers()))?
}

fn admit(handles: &Rc<Handles>, door: Door, request: &ServiceRequest) -> Result<Admitted, Halt> {
    let refuse = |outcome: Result<(), GatewayError>| outcome.map_err(Halt::Refuse);
    refuse(framing::require_unambiguous(request.method(), request.headers()))?;
    refuse(framing::require_small_head(request.headers(), handles.settings.limits.header_bytes))?;
    if handles.drain.has_begun() && !matches!(door, Door::Probe(_)) {
        return Err(Halt::Refuse(GatewayError::Draining));
    }
    let mut client = None;
    for guard in guards_of(door, request.method()) {
        match guard {
            Guard::AmpAvailable => refuse(match handles.settings.amp {
                Some(_) => Ok(()),
                None => Err(GatewayError::AmpUnavailable),
            })?,
            Guard::CrossOrigin => {
                refuse(cross_origin::require_same_site(request.method(), request.headers()))?;
            }
            Guard::Loopback if management_is_local(handles) => {
                refuse(loopback::require_loopback(request.peer_addr()))?;
            }
            Guard::Cors if cors_of(handles).is_preflight(request.method(), request.headers()) => {
                return Err(Halt::Preflight);
            }
            Guard::Loopback | Guard::Cors => {}
            Guard::Key => client = Some(admit_client(handles, door, request)?),
        }
    }
    Ok(Admitted { door, client, handles: handles.clone(), place: None })
}

/// Asks whether the client's key has a way through the door and room for one more request. A request
/// that was let in keeps its place to the end of its answer, or of its tunnel.
async fn keep_to_rules(
    mut admitted: Admitted,
    record: &Rc<RequestRecord>,
) -> Result<Admitted, GatewayError> {
    let Some(client) = &admitted.client else { return Ok(admitted) };
    record.is_from(client.clone());
    let limits = &admitted.handles.limits;
    let Some(rules) = limits.rules_of(Some(client)) else { return Ok(admitted) };
    client_rules::require_way(admitted.door, rules.routes)?;
    let place = Rc::new(RefCell::new(limits.admit(client, Claim::Request).await?));
    admitted.place = Some(place.clone());
    record.at_its_end(move |_ended| drop(place.take()));
    Ok(admitted)
}

/// A preflight of a direct route has no door of its own: its method is `OPTIONS`, its path decides.
fn guards_of(door: Door, method: &Method) -> &'static [Guard] {
    match door {
        Door::Nowhere(Nowhere::WrongMethod { .. }) if *method == Method::OPTIONS => &[Guard::Cors],
        _ => door.guards(),
    }
}

fn admit_client(
    handles: &Rc<Handles>,
    door: Door,
    request: &ServiceRequest,
) -> Result<ClientId, Halt> {
    match key::identify(&handles.keyring, request.headers(), request.uri().query()) {
        key::Identity::Known(client) => Ok(client),
        key::Identity::Anonymous if door == Door::Page && is_browser_page(request.head()) => {
            match &handles.settings.amp {
                Some(amp) => {
                    let keyring = &handles.keyring;
                    Err(Halt::SignIn(sign_in_location(&amp.origin, request.uri(), keyring)))
                }
                None => Err(Halt::Refuse(GatewayError::AmpUnavailable)),
            }
        }
        key::Identity::ShowsLogin(login) => Err(Halt::Refuse(GatewayError::LoginIsNoKey { login })),
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
