//! An upstream's answer as the client gets it.

use std::rc::Rc;

use actix_web::body::BodySize;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures::StreamExt as _;

use super::stream::{DownstreamBody, Transforms};
use crate::actors::upstream::{BodyBroke, UpstreamBody, UpstreamResponse};
use crate::body::{AnswerRewriter, GZIP_MAGIC, GzipRepair};
use crate::dialect::model_paths;
use crate::drain::Drain;
use crate::headers::{for_downstream, is_event_stream};
use crate::telemetry::{RequestRecord, Route};
use crate::types::{Dialect, ModelName, ProviderName};

const X_AMPGATE_ROUTE: HeaderName = HeaderName::from_static("x-ampgate-route");
const X_AMPGATE_PROVIDER: HeaderName = HeaderName::from_static("x-ampgate-provider");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How much of a mislabelled gzip body is held until it is believed to be one; see [`GzipRepair`].
const GZIP_HOLD_BYTES: usize = 64 * 1024;

/// What is known of a request when its answer comes.
#[derive(Debug)]
pub struct Answering {
    method: Method,
    record: Rc<RequestRecord>,
    drain: Drain,
    model: Option<ModelAnswer>,
}

/// What a model's answer is told besides what the provider says.
#[derive(Debug)]
pub struct ModelAnswer {
    pub dialect: Dialect,
    /// Who answered, and so who pays.
    pub route: Route,
    pub provider: ProviderName,
    /// The client's name for the model, when the provider's is another.
    pub client_model: Option<ModelName>,
}

impl Answering {
    /// For Amp's own traffic.
    #[must_use]
    pub fn relayed(request: &HttpRequest, drain: Drain) -> Self {
        let record = RequestRecord::of(request);
        Self { method: request.method().clone(), record, drain, model: None }
    }

    /// For a model call.
    #[must_use]
    pub fn modelled(request: &HttpRequest, drain: Drain, model: ModelAnswer) -> Self {
        Self { model: Some(model), ..Self::relayed(request, drain) }
    }
}

/// Builds the client's response. Only two kinds of body are not passed on byte for byte: one whose
/// model has another name here, and one that is gzip without saying so.
pub async fn from_upstream(upstream: UpstreamResponse, answering: Answering) -> HttpResponse {
    let UpstreamResponse { status, fields, body } = upstream;
    let mut downstream = for_downstream(&fields, answering.model.is_none());
    if let Some(model) = &answering.model {
        tell_who_answered(&mut downstream, model, &answering.record);
    }
    if !may_have_body(&answering.method, status) {
        return without_body(status, downstream, &fields, body.length());
    }
    let is_stream = is_event_stream(&fields);
    let is_encoded = fields
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let rewrite = match &answering.model {
        Some(model) if !is_encoded => rewriter(model, &fields, is_stream),
        _ => None,
    };
    let declared = body.length();
    let (first, body) = match declared {
        // The size must be known before the head goes out, and a repaired body has another one.
        Some(length) if !is_encoded && !is_stream && length >= GZIP_MAGIC.len() as u64 => {
            begin(body).await
        }
        _ => (Begun::default(), body),
    };
    let repair = match (is_encoded, declared) {
        (true, _) => None,
        (false, Some(_)) if !first.is_gzip() => None,
        // A stream's first event must not be held back.
        (false, _) => Some(GzipRepair::new(if is_stream { 0 } else { GZIP_HOLD_BYTES })),
    };
    let size = match declared {
        Some(length) if rewrite.is_none() && repair.is_none() => BodySize::Sized(length),
        _ => BodySize::Stream,
    };
    let dialect = answering.model.as_ref().map(|model| model.dialect);
    let body = DownstreamBody::new(
        body,
        first.pieces,
        first.broke,
        size,
        Transforms { repair, rewrite },
        dialect.filter(|_| is_stream && size == BodySize::Stream),
        answering.record,
        answering.drain,
    );
    response(status, downstream).body(body)
}

fn response(status: StatusCode, fields: HeaderMap) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    for field in fields {
        response.append_header(field);
    }
    response
}

fn tell_who_answered(fields: &mut HeaderMap, model: &ModelAnswer, record: &RequestRecord) {
    fields.insert(X_AMPGATE_ROUTE, HeaderValue::from_static(model.route.as_str()));
    if let Ok(provider) = HeaderValue::from_str(model.provider.as_str()) {
        fields.insert(X_AMPGATE_PROVIDER, provider);
    }
    // A provider's own id (OpenAI's) is what its support asks for; SDKs show it. Ours is in the log.
    if !fields.contains_key(&X_REQUEST_ID)
        && let Ok(id) = HeaderValue::from_str(record.id())
    {
        fields.insert(X_REQUEST_ID, id);
    }
}

/// RFC 9110, sections 9.3.2, 15.3.5 and 15.4.5.
fn may_have_body(method: &Method, status: StatusCode) -> bool {
    *method != Method::HEAD
        && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        && !status.is_informational()
}

/// An answer to HEAD, a 204 or a 304. What HEAD and 304 say of a length is about the body they
/// stand for, and is passed on.
fn without_body(
    status: StatusCode,
    fields: HeaderMap,
    upstream: &HeaderMap,
    length: Option<u64>,
) -> HttpResponse {
    let mut response = response(status, fields);
    if status == StatusCode::NOT_MODIFIED {
        if let Some(length) = upstream.get(header::CONTENT_LENGTH) {
            response.insert_header((header::CONTENT_LENGTH, length.clone()));
        }
        return response.finish();
    }
    match length {
        Some(length) if status != StatusCode::NO_CONTENT => response.body(HeadOf(length)),
        _ => response.finish(),
    }
}

/// The body of an answer to HEAD: it has a size, and nothing else.
struct HeadOf(u64);

impl actix_web::body::MessageBody for HeadOf {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Bytes, Self::Error>>> {
        std::task::Poll::Ready(None)
    }
}

fn rewriter(model: &ModelAnswer, fields: &HeaderMap, is_stream: bool) -> Option<AnswerRewriter> {
    let name = model.client_model.as_ref()?.as_str();
    let paths = model_paths(model.dialect);
    if is_stream {
        return Some(AnswerRewriter::sse(paths, name));
    }
    let content_type = fields.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json").then(|| AnswerRewriter::json(paths, name))
}

/// The beginning of a body, read ahead.
#[derive(Default)]
struct Begun {
    pieces: Vec<Bytes>,
    broke: Option<BodyBroke>,
}

impl Begun {
    fn is_gzip(&self) -> bool {
        let beginning = self.pieces.iter().flatten().copied().take(GZIP_MAGIC.len());
        beginning.eq(GZIP_MAGIC)
    }
}

/// Reads until there are enough bytes to know gzip by.
async fn begin(mut body: UpstreamBody) -> (Begun, UpstreamBody) {
    let mut begun = Begun::default();
    let mut length = 0;
    while length < GZIP_MAGIC.len() {
        match body.next().await {
            Some(Ok(piece)) => {
                length += piece.len();
                begun.pieces.push(piece);
            }
            Some(Err(broke)) => {
                begun.broke = Some(broke);
                break;
            }
            None => break,
        }
    }
    (begun, body)
}
