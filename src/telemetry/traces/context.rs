//! The context of a trace in a request's fields, by W3C Trace Context.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator as _};
use opentelemetry::trace::{Span as _, TraceContextExt as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::Span;

struct Received<'a>(&'a HeaderMap);

impl Extractor for Received<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Sent<'a>(&'a mut HeaderMap);

impl Injector for Sent<'_> {
    fn set(&mut self, name: &str, value: String) {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return };
        match HeaderValue::from_str(&value) {
            Ok(value) if !value.is_empty() => drop(self.0.insert(name, value)),
            // No state is no field.
            _ => drop(self.0.remove(name)),
        }
    }
}

/// The context that a client sent; without one, or with one that cannot be read, a trace begins here.
pub fn of_client(fields: &HeaderMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Received(fields))
}

/// The context of what happens within a span.
pub fn of_span(span: &Span) -> Context {
    Context::new().with_remote_span_context(span.span_context().clone())
}

/// Puts a span's context into the fields of a request, in the place of the client's.
pub fn put(span: &Span, fields: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&of_span(span), &mut Sent(fields));
}
