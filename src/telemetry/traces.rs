//! Traces: a span for each request, and one within for each attempt at an upstream.
//!
//! The context of the client (W3C Trace Context, `traceparent` and `tracestate`) is the parent of the
//! request's span, and the attempt's own context goes to the upstream in its place. Without a collector
//! in the configuration nothing of this exists, and the client's fields cross untouched.
//!
//! A span has what the log line has, in OpenTelemetry's words: names, numbers and codes; no key, no path,
//! no query and nothing of a body.

mod attributes;
mod context;
mod export;

use std::cell::RefCell;
use std::fmt;

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use opentelemetry::trace::{Span as _, SpanBuilder, SpanKind, Status, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span};

pub use attributes::Attempt;
pub use export::{Traces, TracesError};

use crate::metrics::EndedRequest;

/// What spans are made with.
#[derive(Clone)]
pub struct SpanMaker(SdkTracer);

impl fmt::Debug for SpanMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpanMaker")
    }
}

/// The spans of one request.
pub(super) struct RequestTrace {
    tracer: SdkTracer,
    span: RefCell<Span>,
    /// The last attempt; open for as long as its answer is.
    attempt: RefCell<Option<Span>>,
}

impl RequestTrace {
    /// Begins the span of a request with these fields.
    pub fn begin(SpanMaker(tracer): &SpanMaker, method: &Method, fields: &HeaderMap) -> Self {
        let mut begun = Self::within(tracer, SpanKind::Server, &context::of_client(fields));
        let span = begun.span.get_mut();
        if span.is_recording() {
            span.set_attribute(attributes::method(method));
        }
        begun
    }

    /// Begins the span of a call that came within this request.
    pub fn begin_inner(&self) -> Self {
        Self::within(&self.tracer, SpanKind::Internal, &context::of_span(&self.span.borrow()))
    }

    fn within(tracer: &SdkTracer, kind: SpanKind, parent: &Context) -> Self {
        // Named at its end, when the door is known; whether it is kept hangs on its trace alone.
        let span = tracer.build_with_context(SpanBuilder::from_name("").with_kind(kind), parent);
        Self { tracer: tracer.clone(), span: RefCell::new(span), attempt: RefCell::default() }
    }

    /// Begins the span of an attempt, and puts its context into the fields of the request that is sent.
    pub fn begin_attempt(&self, attempt: &Attempt<'_>, fields: &mut HeaderMap) {
        let parent = context::of_span(&self.span.borrow());
        let builder = SpanBuilder::from_name(attempt.name()).with_kind(SpanKind::Client);
        let mut span = self.tracer.build_with_context(builder, &parent);
        if span.is_recording() {
            span.set_attributes(attempt.attributes());
        }
        context::put(&span, fields);
        // One before it has failed, or nobody wants its answer any more: dropped, it ends.
        *self.attempt.borrow_mut() = Some(span);
    }

    pub fn attempt_is_answered(&self, status: u16) {
        if let Some(span) = &mut *self.attempt.borrow_mut() {
            span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
            if status >= 400 {
                fail(span, status.to_string());
            }
        }
    }

    pub fn attempt_fails(&self, code: &'static str) {
        if let Some(mut span) = self.attempt.borrow_mut().take() {
            fail(&mut span, code);
        }
    }

    /// Ends all that is open.
    pub fn end(&self, ended: &EndedRequest<'_>) {
        if let Some(mut span) = self.attempt.borrow_mut().take().filter(Span::is_recording) {
            span.set_attributes(attributes::of_usage(ended));
            if attributes::has_failed(ended) {
                fail(&mut span, ended.outcome);
            }
        }
        let span = &mut *self.span.borrow_mut();
        if span.is_recording() {
            span.update_name(ended.door);
            span.set_attributes(attributes::of_request(ended));
            if let Some(error) = attributes::error_of(ended) {
                span.set_status(Status::error(error));
            }
        }
        span.end();
    }
}

fn fail(span: &mut Span, error: impl Into<opentelemetry::Value>) {
    span.set_attribute(KeyValue::new("error.type", error));
    span.set_status(Status::error(""));
}
