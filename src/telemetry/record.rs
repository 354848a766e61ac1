//! The record of one request, and the line it becomes.

use std::cell::{Cell, OnceCell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};
use bytes::Bytes;
use pin_project_lite::pin_project;
use tracing_actix_web::RequestId;
use uuid::Uuid;

use super::line::RequestLine;
use crate::types::{ClientId, CredentialId, ModelName, ProviderName};

/// Who answered a model call, and so who pays. Clients read it in `x-ampgate-route`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// One of the team's own providers, by the name the client used.
    Local,
    /// One of the team's own providers, with the model that a mapping leads to.
    Mapped,
    /// The Amp server.
    Amp,
}

impl Route {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Mapped => "mapped",
            Self::Amp => "amp",
        }
    }
}

/// What is known of a request so far. Filled on its way, logged when its body has ended.
#[derive(Debug)]
pub struct RequestRecord {
    id: String,
    started: Instant,
    door: Cell<&'static str>,
    client: OnceCell<ClientId>,
    provider: RefCell<Option<ProviderName>>,
    credential: RefCell<Option<CredentialId>>,
    attempts: Cell<u32>,
    model: OnceCell<ModelName>,
    route: Cell<Option<Route>>,
    status: Cell<u16>,
    failure: Cell<Option<&'static str>>,
    first_byte_ms: Cell<Option<u64>>,
    bytes: Cell<u64>,
    complete: Cell<bool>,
}

impl RequestRecord {
    fn new(id: String) -> Self {
        Self {
            id,
            started: Instant::now(),
            door: Cell::new(""),
            client: OnceCell::new(),
            provider: RefCell::default(),
            credential: RefCell::default(),
            attempts: Cell::new(0),
            model: OnceCell::new(),
            route: Cell::new(None),
            status: Cell::new(0),
            failure: Cell::new(None),
            first_byte_ms: Cell::new(None),
            bytes: Cell::new(0),
            complete: Cell::new(false),
        }
    }

    /// The record that [`record_request`] put into a request.
    #[must_use]
    pub fn of(request: &impl actix_web::HttpMessage) -> Rc<Self> {
        let found = request.extensions().get::<Rc<Self>>().cloned();
        // Only a handler mounted without the middleware finds none; its requests are not logged.
        found.unwrap_or_else(|| Rc::new(Self::new(String::new())))
    }

    /// The id by which the client and the log know the request.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn enters(&self, door: &'static str) {
        self.door.set(door);
    }

    // A second value for one of these would be a contradiction; the first one stays.

    pub fn is_from(&self, client: ClientId) {
        let _ = self.client.set(client);
    }

    pub fn asks_for(&self, model: ModelName) {
        let _ = self.model.set(model);
    }

    /// A call that fails at one provider may be answered by another: the last one counts.
    pub fn is_answered_by(&self, provider: ProviderName) {
        *self.provider.borrow_mut() = Some(provider);
        *self.credential.borrow_mut() = None;
    }

    /// One more attempt, with this credential of the provider.
    pub fn tries(&self, provider: ProviderName, credential: CredentialId) {
        self.is_answered_by(provider);
        *self.credential.borrow_mut() = Some(credential);
        self.attempts.set(self.attempts.get() + 1);
    }

    /// Who answers, once that is known.
    #[must_use]
    pub fn provider(&self) -> Option<ProviderName> {
        self.provider.borrow().clone()
    }

    pub fn takes(&self, route: Route) {
        self.route.set(Some(route));
    }

    /// Notes why the request was refused, or why its answer broke off.
    pub fn fails_with(&self, code: &'static str) {
        self.failure.set(Some(code));
    }

    /// For an answer whose bytes do not pass through actix's body: a tunnel.
    pub fn add_bytes(&self, count: u64) {
        self.bytes.set(self.bytes.get() + count);
    }

    fn body_passes(&self, length: usize) {
        if self.first_byte_ms.get().is_none() {
            self.first_byte_ms.set(Some(self.age_ms()));
        }
        self.add_bytes(length as u64);
    }

    fn age_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn log(&self) {
        // A client that left is told from an answer that broke: the latter has a code.
        let outcome = match (self.failure.get(), self.complete.get()) {
            (Some(code), _) => code,
            (None, true) => "complete",
            (None, false) => "client_left",
        };
        let (provider, credential) = (self.provider.borrow(), self.credential.borrow());
        RequestLine {
            id: &self.id,
            route: self.door.get(),
            client: self.client.get().map(ClientId::as_str),
            upstream: provider.as_ref().map(ProviderName::as_str),
            credential: credential.as_ref().map(CredentialId::as_str),
            attempts: Some(self.attempts.get()).filter(|count| *count > 1),
            model: self.model.get().map(ModelName::as_str),
            paid_by: self.route.get().map(Route::as_str),
            status: self.status.get(),
            bytes: self.bytes.get(),
            first_byte_ms: self.first_byte_ms.get(),
            duration_ms: self.age_ms(),
            outcome,
        }
        .tell();
    }
}

/// A call that came within another request: in a message of a WebSocket. It has its own record, and its
/// line is logged when this is dropped.
pub struct InnerCall(LogOnDrop);

impl InnerCall {
    /// A call by the client of `outer`, with an id of its own.
    #[must_use]
    pub fn within(outer: &RequestRecord, door: &'static str) -> Self {
        let id = if outer.id.is_empty() { String::new() } else { Uuid::new_v4().to_string() };
        let record = RequestRecord::new(id);
        record.enters(door);
        if let Some(client) = outer.client.get() {
            record.is_from(client.clone());
        }
        Self(LogOnDrop(Rc::new(record)))
    }

    #[must_use]
    pub fn record(&self) -> &Rc<RequestRecord> {
        &self.0.0
    }

    /// The status that an HTTP answer would have.
    pub fn is_answered_with(&self, status: u16) {
        self.0.0.status.set(status);
    }

    /// So many bytes of the answer go to the client.
    pub fn passes(&self, length: usize) {
        self.0.0.body_passes(length);
    }

    /// The answer is told to its end.
    pub fn completes(&self) {
        self.0.0.complete.set(true);
    }
}

/// Writes the line wherever the request ends: body complete, client gone, or handler dropped before
/// there was a head.
struct LogOnDrop(Rc<RequestRecord>);

impl Drop for LogOnDrop {
    fn drop(&mut self) {
        self.0.log();
    }
}

fn text_of(id: &RequestId) -> String {
    // Straight into a string, without the formatter's detours.
    id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned()
}

/// Gives each request its record, and logs it when the body has ended.
pub async fn record_request(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = request.extensions().get::<RequestId>().map(text_of);
    let record = Rc::new(RequestRecord::new(id.unwrap_or_default()));
    request.extensions_mut().insert(record.clone());
    let log = LogOnDrop(record);
    let response = next.call(request).await?;
    log.0.status.set(response.status().as_u16());
    Ok(response.map_body(|_head, body| RecordedBody { body, log }))
}

pin_project! {
    struct RecordedBody<B> {
        #[pin]
        body: B,
        log: LogOnDrop,
    }
}

impl<B: MessageBody> MessageBody for RecordedBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        let size = self.body.size();
        // actix does not poll a body that is known to be empty.
        if size.is_eof() {
            self.log.0.complete.set(true);
        }
        size
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        let item = ready!(this.body.poll_next(cx));
        match &item {
            Some(Ok(chunk)) => this.log.0.body_passes(chunk.len()),
            Some(Err(_)) => {}
            None => this.log.0.complete.set(true),
        }
        Poll::Ready(item)
    }
}
