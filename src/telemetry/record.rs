//! The record of one request, and the line it becomes.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};
use bytes::Bytes;
use pin_project_lite::pin_project;
use tracing_actix_web::RequestId;
use uuid::Uuid;

use super::line::RequestLine;
use super::traces::{Attempt, RequestTrace, SpanMaker};
use crate::door::Door;
use crate::metrics::{ByteCount, EndedRequest, GenAi, Metrics, OpenGuard};
use crate::types::{ClientId, CredentialId, ModelName, Origin, ProviderName, Route, TokenUsage};

/// What is done when a request has ended, besides telling and counting it.
type AtTheEnd = Box<dyn FnOnce(&EndedRequest<'_>)>;

/// What is known of a request so far. Filled on its way, logged and counted when its body has ended.
pub struct RequestRecord {
    id: String,
    metrics: Option<Rc<Metrics>>,
    /// `None`: there are no traces. Boxed, since most have none, and it is more than all the rest.
    trace: Option<Box<RequestTrace>>,
    started: Instant,
    door: Cell<&'static str>,
    client: OnceCell<ClientId>,
    provider: RefCell<Option<ProviderName>>,
    credential: RefCell<Option<CredentialId>>,
    attempts: Cell<u32>,
    /// Whether somebody works on the request, or has answered it well.
    attempt_is_open: Cell<bool>,
    model: OnceCell<ModelName>,
    route: Cell<Option<Route>>,
    status: Cell<u16>,
    failure: Cell<Option<&'static str>>,
    first_byte: Cell<Option<Duration>>,
    bytes: Cell<u64>,
    complete: Cell<bool>,
    usage: Cell<Option<TokenUsage>>,
    cost_usd: Cell<Option<f64>>,
    text_bytes: Cell<u64>,
    operation: Cell<&'static str>,
    /// Whose API is asked, as OpenTelemetry calls it, and for which model.
    asked: RefCell<Option<(ProviderName, ModelName)>>,
    first_token: Cell<Option<Duration>>,
    /// Where the answer's bytes are counted as well, when the request is a relayed one.
    relayed: OnceCell<ByteCount>,
    at_the_end: RefCell<Vec<AtTheEnd>>,
}

impl fmt::Debug for RequestRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestRecord").field("id", &self.id).finish_non_exhaustive()
    }
}

impl RequestRecord {
    fn new(id: String, metrics: Option<Rc<Metrics>>, trace: Option<Box<RequestTrace>>) -> Self {
        Self {
            id,
            metrics,
            trace,
            started: Instant::now(),
            door: Cell::new(""),
            client: OnceCell::new(),
            provider: RefCell::default(),
            credential: RefCell::default(),
            attempts: Cell::new(0),
            attempt_is_open: Cell::new(false),
            model: OnceCell::new(),
            route: Cell::new(None),
            status: Cell::new(0),
            failure: Cell::new(None),
            first_byte: Cell::new(None),
            bytes: Cell::new(0),
            complete: Cell::new(false),
            usage: Cell::new(None),
            cost_usd: Cell::new(None),
            text_bytes: Cell::new(0),
            operation: Cell::new(""),
            asked: RefCell::default(),
            first_token: Cell::new(None),
            relayed: OnceCell::new(),
            at_the_end: RefCell::default(),
        }
    }

    /// The record that [`record_request`] put into a request.
    #[must_use]
    pub fn of(request: &impl actix_web::HttpMessage) -> Rc<Self> {
        let found = request.extensions().get::<Rc<Self>>().cloned();
        // Only a handler mounted without the middleware finds none; its requests are not logged.
        found.unwrap_or_else(|| Rc::new(Self::new(String::new(), None, None)))
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

    /// Notes what a model call is, in OpenTelemetry's words: `chat`, `generate_content` and so on.
    pub fn performs(&self, operation: &'static str) {
        self.operation.set(operation);
    }

    /// Notes what the attempt asks for, at whose API as OpenTelemetry calls it; the last one counts.
    pub fn asks_at(&self, gen_ai_provider: ProviderName, upstream_model: ModelName) {
        *self.asked.borrow_mut() = Some((gen_ai_provider, upstream_model));
    }

    /// An attempt begins: its context goes into the fields of the request that is sent.
    pub fn attempt_begins(
        &self,
        method: &Method,
        origin: &Origin,
        provider: &ProviderName,
        fields: &mut HeaderMap,
    ) {
        self.attempt_is_open.set(true);
        let Some(trace) = &self.trace else { return };
        let (credential, asked) = (self.credential.borrow(), self.asked.borrow());
        let attempt = Attempt {
            method,
            origin,
            provider,
            credential: credential.as_ref(),
            operation: self.operation.get(),
            asked: asked.as_ref().map(|(provider, model)| (provider, model)),
        };
        trace.begin_attempt(&attempt, fields);
    }

    pub fn attempt_is_answered(&self, status: u16) {
        self.attempt_is_open.set(status < 400);
        if let Some(trace) = &self.trace {
            trace.attempt_is_answered(status);
        }
    }

    /// The attempt has an answer that is none, whatever its status says.
    pub fn attempt_is_given_up(&self) {
        self.attempt_is_open.set(false);
    }

    /// The attempt has no answer.
    pub fn attempt_fails(&self, code: &'static str) {
        self.attempt_is_open.set(false);
        if let Some(trace) = &self.trace {
            trace.attempt_fails(code);
        }
    }

    /// The first token of a streamed answer is here.
    pub fn first_token_comes(&self) {
        if self.first_token.get().is_none() {
            self.first_token.set(Some(self.started.elapsed()));
        }
    }

    /// Counts a failure that speaks against whoever was asked last.
    pub fn upstream_failed(&self, class: &str) {
        if let (Some(metrics), Some(provider)) = (&self.metrics, &*self.provider.borrow()) {
            metrics.upstream_failed(provider, class);
        }
    }

    /// Notes that the bytes are relayed, and no model call's.
    pub fn is_relayed(&self) {
        if let Some(metrics) = &self.metrics {
            self.relayed.get_or_init(|| metrics.relayed_to_client());
        }
    }

    /// Where the client's relayed bytes are counted.
    #[must_use]
    pub fn relayed_to_upstream(&self) -> Option<ByteCount> {
        self.metrics.as_ref().map(|metrics| metrics.relayed_to_upstream())
    }

    /// The answer is under way for as long as the guard lives.
    #[must_use]
    pub fn stream_opens(&self) -> Option<OpenGuard> {
        self.metrics.as_ref().map(|metrics| metrics.stream_opens())
    }

    /// The WebSocket is open for as long as the guard lives.
    #[must_use]
    pub fn tunnel_opens(&self) -> Option<OpenGuard> {
        self.metrics.as_ref().map(|metrics| metrics.tunnel_opens())
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

    /// Notes what the answer cost in tokens, as its provider says; the last word counts.
    pub fn uses(&self, usage: TokenUsage) {
        self.usage.set(Some(usage));
    }

    /// Notes the price of the tokens, in US dollars.
    pub fn costs(&self, usd: f64) {
        self.cost_usd.set(Some(usd));
    }

    /// Notes how much text the answer has had so far, where somebody measures that.
    pub fn has_text(&self, bytes: u64) {
        self.text_bytes.set(bytes);
    }

    /// Has `then` done when the request has ended, however it ends; what was asked for last is done
    /// first, so that what a request was let in with is given back behind all that came of it.
    pub fn at_its_end(&self, then: impl FnOnce(&EndedRequest<'_>) + 'static) {
        self.at_the_end.borrow_mut().push(Box::new(then));
    }

    fn body_passes(&self, length: usize) {
        if self.first_byte.get().is_none() {
            self.first_byte.set(Some(self.started.elapsed()));
        }
        self.add_bytes(length as u64);
        if let Some(relayed) = self.relayed.get() {
            relayed.add(length as u64);
        }
    }

    /// Tells and counts the request.
    fn end(&self) {
        // A client that left is told from an answer that broke: the latter has a code.
        let outcome = match (self.failure.get(), self.complete.get()) {
            (Some(code), _) => code,
            (None, true) => "complete",
            (None, false) => "client_left",
        };
        let (provider, credential) = (self.provider.borrow(), self.credential.borrow());
        let asked = self.asked.borrow();
        let ended = EndedRequest {
            id: &self.id,
            door: self.door.get(),
            client: self.client.get(),
            provider: provider.as_ref(),
            credential: credential.as_ref(),
            model: self.model.get(),
            route: self.route.get(),
            status: self.status.get(),
            outcome,
            usage: self.usage.get(),
            cost_usd: self.cost_usd.get(),
            text_bytes: self.text_bytes.get(),
            first_byte: self.first_byte.get(),
            duration: self.started.elapsed(),
            bytes: self.bytes.get(),
            attempts: self.attempts.get(),
            attempt_is_open: self.attempt_is_open.get(),
            gen_ai: GenAi {
                operation: self.operation.get(),
                provider: asked.as_ref().map(|(provider, _)| provider),
                upstream_model: asked.as_ref().map(|(_, model)| model),
                first_token: self.first_token.get(),
            },
        };
        RequestLine::of(&ended).tell();
        if let Some(metrics) = &self.metrics {
            metrics.request_ended(&ended);
        }
        if let Some(trace) = &self.trace {
            trace.end(&ended);
        }
        for then in self.at_the_end.take().into_iter().rev() {
            then(&ended);
        }
    }
}

/// A call that came within another request: in a message of a WebSocket. It has its own record, and its
/// line is logged when this is dropped.
pub struct InnerCall(EndOnDrop);

impl InnerCall {
    /// A call by the client of `outer`, with an id of its own.
    #[must_use]
    pub fn within(outer: &RequestRecord, door: &'static str) -> Self {
        let id = if outer.id.is_empty() { String::new() } else { Uuid::new_v4().to_string() };
        let trace = outer.trace.as_ref().map(|trace| Box::new(trace.begin_inner()));
        let record = RequestRecord::new(id, outer.metrics.clone(), trace);
        record.enters(door);
        if let Some(client) = outer.client.get() {
            record.is_from(client.clone());
        }
        Self(EndOnDrop(Rc::new(record)))
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

/// Ends the record wherever the request ends: body complete, client gone, or handler dropped before
/// there was a head.
struct EndOnDrop(Rc<RequestRecord>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn text_of(id: &RequestId) -> String {
    // Straight into a string, without the formatter's detours.
    id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned()
}

/// Probes come every few seconds, and are no trace's matter.
fn begin_trace(spans: &SpanMaker, request: &ServiceRequest) -> Option<Box<RequestTrace>> {
    let is_probe = matches!(Door::of(request.method(), request.path()), Door::Probe(_));
    (!is_probe).then(|| Box::new(RequestTrace::begin(spans, request.method(), request.headers())))
}

/// Gives each request its record, and ends it when the body has ended.
pub async fn record_request(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = request.extensions().get::<RequestId>().map(text_of);
    let metrics = request.app_data::<Rc<Metrics>>().cloned();
    let spans = request.app_data::<Rc<SpanMaker>>();
    let trace = spans.and_then(|spans| begin_trace(spans, &request));
    let record = Rc::new(RequestRecord::new(id.unwrap_or_default(), metrics, trace));
    request.extensions_mut().insert(record.clone());
    let log = EndOnDrop(record);
    let response = next.call(request).await?;
    log.0.status.set(response.status().as_u16());
    Ok(response.map_body(|_head, body| RecordedBody { body, log }))
}

pin_project! {
    struct RecordedBody<B> {
        #[pin]
        body: B,
        log: EndOnDrop,
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
