//! What whoever operates the gateway sees: on a listener of its own, never on the clients' port.
//!
//! | route                          | answers                                             |
//! | ------------------------------ | --------------------------------------------------- |
//! | `GET /`                        | the status page, for a person ([`page`])            |
//! | `GET /healthz`                 | that the process lives                              |
//! | `GET /metrics`                 | everything that is counted, for Prometheus          |
//! | `GET /status`                  | the same and more, in JSON: see [`Status`]          |
//! | `GET /events`                  | the status every two seconds, as server-sent events |
//! | `POST /credentials/{id}/reset` | 204: the credential's rests are forgotten           |
//!
//! HEAD is answered as GET. Errors are JSON: `{"error":{"code","message"}}`. No answer holds a secret.
//! Who may ask is decided in `access`, by pure functions.

mod access;
mod events;
pub mod page;
mod refusal;
mod replicas;
mod report;
mod route;
mod status;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use actix_web::body::MessageBody;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use prometheus::{TEXT_FORMAT, TextEncoder};
use tokio::sync::watch;

pub use status::{
    AccountStatus, AnswerTimes, Bucket, CredentialState, CredentialStatus, Failure, Instance, Open,
    Rest, SeenLimit, Spend, Status, Tokens, Totals,
};

use self::access::Rules;
use self::events::Readers;
use self::refusal::Refusal;
use self::route::Route;
use crate::actors::House;
use crate::actors::tokens::AccountHealth;
use crate::config::{Credential, Listen};
use crate::metrics::Metrics;
use crate::types::CredentialId;

/// The page needs nothing that is not its own.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// What the listener answers from. A copy is the same.
#[derive(Clone, Debug)]
pub struct Site {
    houses: watch::Receiver<Arc<House>>,
    /// Where it listens, whatever a reload has made of the configuration.
    listen: Listen,
    started: Instant,
    readers: Readers,
}

impl Site {
    /// The site of the house that is open, and of each that follows it.
    #[must_use]
    pub fn new(houses: watch::Receiver<Arc<House>>, listen: Listen) -> Self {
        Self { houses, listen, started: Instant::now(), readers: Readers::new() }
    }

    fn house(&self) -> Arc<House> {
        self.houses.borrow().clone()
    }

    /// The gateway as it is now.
    fn status(&self) -> Status {
        let house = self.house();
        report::status(&report::Sources {
            families: house.metrics.gather(),
            credentials: house.router.health(),
            accounts: accounts(&house),
            failures: house.metrics.recent_failures(),
            replicas: replicas::instances(&house.state),
            uptime: self.started.elapsed(),
            is_draining: house.drain.has_begun(),
            now: SystemTime::now(),
            now_for_rests: house.router.now(),
        })
    }

    fn status_json(&self) -> String {
        serde_json::to_string(&self.status()).expect("a status is names and numbers")
    }
}

/// How the logins of the configuration are doing, by the credentials that they are.
fn accounts(house: &House) -> Vec<(CredentialId, AccountHealth)> {
    let known = house.tokens.accounts();
    let of = |credential: &Credential| {
        let source = credential.auth.token_source()?;
        let account = known.iter().find(|account| account.source == *source)?;
        Some((credential.id.clone(), account.clone()))
    };
    house.settings.credentials.iter().filter_map(of).collect()
}

/// Mounts all routes of `site`.
pub fn configure(app: &mut ServiceConfig, site: Site) {
    app.app_data(Data::new(site)).default_service(web::to(answer));
}

/// The fields that every answer has: nothing is kept, guessed, framed or loaded from elsewhere.
#[must_use]
pub fn fields_of_every_answer() -> DefaultHeaders {
    // `same-origin` and not `no-referrer`: with the latter browsers say `Origin: null` for our own form.
    DefaultHeaders::new()
        .add((header::CACHE_CONTROL, "no-store"))
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .add((header::REFERRER_POLICY, "same-origin"))
        .add((HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
}

async fn answer(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    respond(&request, &site).await.unwrap_or_else(Refusal::into_response)
}

async fn respond(request: &HttpRequest, site: &Site) -> Result<HttpResponse, Refusal> {
    let route = Route::find(request.method(), request.path());
    if let Ok(Route::Health) = route {
        return Ok(HttpResponse::Ok().json(Health { status: "ok" }));
    }
    let house = site.house();
    let rules = Rules { key: house.settings.admin.key.as_ref(), host: &site.listen.host };
    access::admit(request.method(), request.headers(), &rules)?;
    match route? {
        Route::Health => Ok(HttpResponse::Ok().json(Health { status: "ok" })),
        Route::Page => Ok(typed("text/html; charset=utf-8", page::render(&site.status()))),
        Route::Style => Ok(typed("text/css; charset=utf-8", page::STYLE)),
        Route::Script => Ok(typed("text/javascript; charset=utf-8", page::SCRIPT)),
        Route::Metrics => metrics(&house.metrics),
        Route::Status => Ok(typed("application/json", site.status_json())),
        Route::Events if request.method() == Method::HEAD => Ok(events::answer_to_head()),
        Route::Events => events::answer(site),
        Route::Reset { credential } => reset(&house, site, credential, request.headers()).await,
    }
}

/// Lets a credential serve again before its rest is over: somebody has topped up the account, or knows
/// that the provider is well. A form of the page is led back to it.
async fn reset(
    house: &House,
    site: &Site,
    credential: &str,
    fields: &HeaderMap,
) -> Result<HttpResponse, Refusal> {
    // SECURITY: to read does little harm; this makes the gateway ask a provider that said no.
    if !site.listen.is_loopback() && house.settings.admin.key.is_none() {
        return Err(Refusal::ResetNeedsKey);
    }
    if !house.router.reset(credential).await {
        let known = house.router.health().into_iter().map(|health| health.id.to_string());
        return Err(Refusal::NoSuchCredential { known: known.collect() });
    }
    let accepted = fields.get(header::ACCEPT).and_then(|types| types.to_str().ok());
    if accepted.is_some_and(|types| types.contains("text/html")) {
        return Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, "../../")).finish());
    }
    Ok(HttpResponse::NoContent().finish())
}

fn typed(content_type: &'static str, body: impl MessageBody + 'static) -> HttpResponse {
    HttpResponse::Ok().content_type(content_type).body(body)
}

#[derive(serde::Serialize)]
struct Health {
    status: &'static str,
}

fn metrics(metrics: &Metrics) -> Result<HttpResponse, Refusal> {
    let text = TextEncoder::new().encode_to_string(&metrics.gather()).map_err(|error| {
        tracing::error!(%error, "metrics cannot be written");
        Refusal::Internal
    })?;
    Ok(typed(TEXT_FORMAT, text))
}
