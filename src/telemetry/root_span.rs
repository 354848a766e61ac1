//! The span of a request: what joins everything that is logged on its way, when much is.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage as _};
use tracing::Span;
use tracing_actix_web::{RequestId, RootSpanBuilder};

/// Builds a span with the request's id and nothing else.
///
/// tracing-actix-web's own span holds the request target with its query, where clients put keys,
/// and a dozen fields more, which cost a tenth of a whole request (reference measurement: 8,500
/// instructions).
///
/// The span is there from level `debug` on: then the crates below us tell of a request, too, and do
/// not know its id. Above that level it would serve our own warnings alone, and they name the id
/// themselves.
#[derive(Debug)]
pub struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let id = request.extensions().get::<RequestId>().copied();
        match id {
            Some(id) => tracing::debug_span!("request", request.id = %id),
            None => Span::none(),
        }
    }

    fn on_request_end<B: MessageBody>(_span: Span, _outcome: &Result<ServiceResponse<B>, Error>) {
        // The log line is written when the body has ended, by `RequestRecord`.
    }
}
