//! What a request says besides its body.
//!
//! Usually what a client has sent. A call that came in a message of a WebSocket has no head of its
//! own: it gets one that is made from the handshake's; see [`super::served`].

use std::rc::Rc;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, Uri};

use crate::telemetry::RequestRecord;

/// A request's head, and what is known of the request so far.
#[derive(Clone)]
pub(super) struct Head<'a> {
    method: &'a Method,
    uri: &'a Uri,
    fields: &'a HeaderMap,
    pub record: Rc<RequestRecord>,
}

impl<'a> Head<'a> {
    pub fn of(request: &'a HttpRequest) -> Self {
        let record = RequestRecord::of(request);
        Self::new(request.method(), request.uri(), request.headers(), record)
    }

    pub fn new(
        method: &'a Method,
        uri: &'a Uri,
        fields: &'a HeaderMap,
        record: Rc<RequestRecord>,
    ) -> Self {
        Self { method, uri, fields, record }
    }

    pub fn method(&self) -> &'a Method {
        self.method
    }

    pub fn uri(&self) -> &'a Uri {
        self.uri
    }

    pub fn headers(&self) -> &'a HeaderMap {
        self.fields
    }
}
