//! What the demo upstream has seen, for the acceptance script to ask.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::Demo;
use super::doors::Payer;

/// Counts, and names of things; never a key.
#[derive(Default)]
pub struct Seen(Mutex<Counts>);

#[derive(Default, Serialize)]
struct Counts {
    /// How often each `METHOD path` was asked for; RPC methods of `/api/internal` one by one.
    requests: BTreeMap<String, u64>,
    /// Model calls let in, by who pays for them.
    model_requests: ModelRequests,
    /// Where a key was shown that is not the one expected there: nothing, when all is well.
    foreign_keys: BTreeMap<String, u64>,
    /// How many WebSocket connections were opened.
    sockets: u64,
    /// What clients asked for on their thread's WebSocket.
    thread_methods: BTreeMap<String, u64>,
    /// The tools clients have registered on their thread's WebSocket.
    tools_registered: Vec<String>,
}

#[derive(Default, Serialize)]
struct ModelRequests {
    provider: u64,
    amp: u64,
}

impl Seen {
    pub fn request(&self, req: &HttpRequest) {
        *self.counts().requests.entry(route(req)).or_default() += 1;
    }

    pub fn model_request(&self, payer: Payer) {
        let mut counts = self.counts();
        match payer {
            Payer::Provider => counts.model_requests.provider += 1,
            Payer::Amp => counts.model_requests.amp += 1,
        }
    }

    pub fn foreign_key(&self, req: &HttpRequest, place: &str) {
        let label = format!("{} in {place}", route(req));
        *self.counts().foreign_keys.entry(label).or_default() += 1;
    }

    pub fn socket(&self) {
        self.counts().sockets += 1;
    }

    pub fn thread_method(&self, method: &str) {
        *self.counts().thread_methods.entry(method.to_owned()).or_default() += 1;
    }

    pub fn tools_registered(&self, names: Vec<String>) {
        self.counts().tools_registered = names;
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // A count is never half written: one left by a panic is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /__demo/seen`
pub async fn show(demo: Data<Demo>) -> HttpResponse {
    HttpResponse::Ok().json(&*demo.seen.counts())
}

/// Method and path; of the query only what names an RPC, since the rest may be secret.
fn route(req: &HttpRequest) -> String {
    let (method, path) = (req.method(), req.path());
    if path != "/api/internal" {
        return format!("{method} {path}");
    }
    let rpc = req.query_string().split(['&', '=']).next().unwrap_or_default();
    format!("{method} {path}?{rpc}")
}
