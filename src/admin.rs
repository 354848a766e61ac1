//! What whoever operates the gateway sees: on a listener of its own, never on the clients' port.
//!
//! | route                          | answers                                             |
//! | ------------------------------ | --------------------------------------------------- |
//! | `GET /healthz`                 | that the process lives                              |
//! | `GET /metrics`                 | everything that is counted, for Prometheus          |
//!
//! HEAD is answered as GET. Errors are JSON: `{"error":{"code","message"}}`. No answer holds a secret.
//! Who may ask is decided in `access`, by pure functions.

mod access;
mod refusal;
mod route;
mod status;

use std::sync::Arc;

use actix_web::http::header::{self, HeaderName};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use prometheus::{TEXT_FORMAT, TextEncoder};
use tokio::sync::watch;

pub use status::{
    AnswerTimes, Bucket, CredentialState, CredentialStatus, Failure, Instance, Open, Rest,
    SeenLimit, Spend, Status, Tokens, Totals,
};

use self::access::Rules;
use self::refusal::Refusal;
use self::route::Route;
use crate::actors::House;
use crate::config::Listen;
use crate::metrics::Metrics;

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
}

impl Site {
    /// The site of the house that is open, and of each that follows it.
    #[must_use]
    pub fn new(houses: watch::Receiver<Arc<House>>, listen: Listen) -> Self {
        Self { houses, listen }
    }

    fn house(&self) -> Arc<House> {
        self.houses.borrow().clone()
    }
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
    respond(&request, &site).unwrap_or_else(Refusal::into_response)
}

fn respond(request: &HttpRequest, site: &Site) -> Result<HttpResponse, Refusal> {
    let route = Route::find(request.method(), request.path());
    if let Ok(Route::Health) = route {
        return Ok(HttpResponse::Ok().json(Health { status: "ok" }));
    }
    let house = site.house();
    let rules = Rules { key: house.settings.admin.key.as_ref(), host: &site.listen.host };
    access::admit(request.method(), request.headers(), &rules)?;
    match route? {
        Route::Health => Ok(HttpResponse::Ok().json(Health { status: "ok" })),
        Route::Metrics => metrics(&house.metrics),
    }
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
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, TEXT_FORMAT)).body(text))
}
