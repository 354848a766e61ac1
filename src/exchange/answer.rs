//! An upstream's answer as the client gets it.

use std::rc::Rc;

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use bytes::Bytes;

use super::ahead::BegunAnswer;
use super::head::Head;
use super::metering::{Meter, Metering};
use super::stream::{DownstreamBody, Transforms};
use crate::actors::router::AnswerWatch;
use crate::actors::upstream::UpstreamResponse;
use crate::adapt::amp::{AmpAnswer, ToolNames};
use crate::adapt::{AnswerAdapter, UsageHider};
use crate::body::{AnswerRewriter, Coding, GZIP_MAGIC, GzipRepair};
use crate::dialect::model_paths;
use crate::drain::Drain;
use crate::headers::{for_downstream, is_event_stream};
use crate::telemetry::RequestRecord;
use crate::types::{Dialect, ModelName, ProviderName, Route};

const X_AMPGATE_ROUTE: HeaderName = HeaderName::from_static("x-ampgate-route");
const X_AMPGATE_PROVIDER: HeaderName = HeaderName::from_static("x-ampgate-provider");
const X_AMPGATE_FALLBACK: HeaderName = HeaderName::from_static("x-ampgate-fallback");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How much of a mislabelled gzip body is held until it is believed to be one; see [`GzipRepair`].
const GZIP_HOLD_BYTES: usize = 64 * 1024;

/// What is known of a request when its answer comes.
#[derive(Debug)]
pub struct Answering {
    method: Method,
    pub(super) record: Rc<RequestRecord>,
    pub(super) drain: Drain,
    pub(super) model: Option<ModelAnswer>,
    /// Told when the answer breaks off by its provider's fault.
    pub(super) breaks: Option<AnswerWatch>,
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
    /// Amp answers, and is paid, because our own providers failed.
    pub after_failure: bool,
    /// An Amp client reads the answer of a provider that was not made for it.
    pub amp_client: Option<AmpClient>,
    /// We have asked what the stream costs, and the client has not.
    pub hides_usage: bool,
    /// Whoever answers hosts another's API: its errors may be in words of its own.
    pub is_hosted: bool,
    /// `None`: the answer uses no tokens.
    pub metering: Option<Metering>,
}

/// What an Amp client needs of an answer; see [`crate::adapt::amp`].
#[derive(Debug)]
pub struct AmpClient {
    pub tool_names: ToolNames,
    /// A mapping led from one maker's models to another's.
    pub crosses_makers: bool,
}

impl ModelAnswer {
    /// An answer in which nothing is rewritten, and that uses no tokens.
    #[must_use]
    pub fn plain(dialect: Dialect, route: Route, provider: ProviderName) -> Self {
        Self {
            dialect,
            route,
            provider,
            client_model: None,
            after_failure: false,
            amp_client: None,
            hides_usage: false,
            is_hosted: false,
            metering: None,
        }
    }
}

impl Answering {
    /// For Amp's own traffic.
    #[must_use]
    pub(super) fn relayed(request: &Head<'_>, drain: Drain) -> Self {
        let record = request.record.clone();
        Self { method: request.method().clone(), record, drain, model: None, breaks: None }
    }

    /// For a model call.
    #[must_use]
    pub(super) fn modelled(request: &Head<'_>, drain: Drain, model: ModelAnswer) -> Self {
        Self { model: Some(model), ..Self::relayed(request, drain) }
    }

    /// What watches an answer in `dialect` for its tokens.
    pub(super) fn meter(&self, dialect: Dialect, status: StatusCode, kind: Kind) -> Option<Meter> {
        self.model.as_ref()?.metering?.meter(dialect, status, kind, &self.record)
    }
}

/// Builds the client's response. Only three kinds of body are not passed on byte for byte: one whose
/// model has another name here, one that Amp's client could not read, and one that is gzip without
/// saying so.
pub async fn from_upstream(answer: BegunAnswer, mut answering: Answering) -> HttpResponse {
    let BegunAnswer { response: UpstreamResponse { status, fields, mut body }, mut ahead } = answer;
    let kind = Kind::of(&fields);
    let told_length = fields.get(header::CONTENT_LENGTH).cloned();
    let mut fields = for_downstream(fields, answering.model.is_none());
    if let Some(model) = &answering.model {
        tell_who_answered(&mut fields, model, &answering.record);
    }
    if !may_have_body(&answering.method, status) {
        return without_body(status, fields, told_length, body.length());
    }
    let Kind { is_stream, is_encoded, .. } = kind;
    let rewrite = match &answering.model {
        Some(model) if !is_encoded => rewriter(model, kind),
        _ => None,
    };
    let can_be_adapted = !is_encoded && status.is_success() && (is_stream || kind.is_json);
    let adapt = if can_be_adapted { adapter(&mut answering, is_stream) } else { None };
    let declared = body.length();
    // The size must be known before the head goes out, and a repaired body has another one.
    if declared.is_some_and(|length| length >= GZIP_MAGIC.len() as u64) && !is_encoded && !is_stream
    {
        ahead.read_bytes(&mut body, GZIP_MAGIC.len()).await;
    }
    let repair = match (is_encoded, declared) {
        (true, _) => None,
        (false, Some(_)) if !ahead.starts_with(&GZIP_MAGIC) => None,
        // A stream's first event must not be held back.
        (false, _) => {
            let hold_bytes = if is_stream { 0 } else { GZIP_HOLD_BYTES };
            Some(Box::new(GzipRepair::new(hold_bytes)))
        }
    };
    let size = match declared {
        Some(length) if rewrite.is_none() && adapt.is_none() && repair.is_none() => {
            BodySize::Sized(length)
        }
        _ => BodySize::Stream,
    };
    let dialect = answering.model.as_ref().map(|model| model.dialect);
    let meter = dialect.and_then(|dialect| answering.meter(dialect, status, kind));
    let first_token_in = dialect.filter(|_| is_stream && !is_encoded && status.is_success());
    let body = DownstreamBody::new(
        body,
        ahead,
        size,
        Transforms { first_token_in, repair, meter, translate: None, rewrite, adapt },
        dialect.filter(|_| is_stream && size == BodySize::Stream),
        answering.record,
        answering.drain,
        answering.breaks,
    );
    // Boxed at once, and the fields as they are: a body of this size is dear to move, and a builder
    // would take each field over one by one.
    response(status, fields).set_body(BoxBody::new(body))
}

pub(super) fn response(status: StatusCode, fields: HeaderMap) -> HttpResponse<()> {
    let mut response = HttpResponse::with_body(status, ());
    *response.headers_mut() = fields;
    response
}

pub(super) fn tell_who_answered(
    fields: &mut HeaderMap,
    model: &ModelAnswer,
    record: &RequestRecord,
) {
    fields.insert(X_AMPGATE_ROUTE, HeaderValue::from_static(model.route.as_str()));
    if model.after_failure {
        fields.insert(X_AMPGATE_FALLBACK, HeaderValue::from_static("on-failure"));
    }
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
    told_length: Option<HeaderValue>,
    length: Option<u64>,
) -> HttpResponse {
    let mut response = response(status, fields);
    if status == StatusCode::NOT_MODIFIED {
        if let Some(length) = told_length {
            response.headers_mut().insert(header::CONTENT_LENGTH, length);
        }
        return response.set_body(BoxBody::new(()));
    }
    match length {
        Some(length) if status != StatusCode::NO_CONTENT => {
            response.set_body(BoxBody::new(HeadOf(length)))
        }
        _ => response.set_body(BoxBody::new(())),
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

/// What an answer's fields say of its body, whether or not the client is told.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub is_stream: bool,
    pub is_json: bool,
    pub is_encoded: bool,
    /// The one coding that it has, where that can be taken off.
    pub coding: Option<Coding>,
}

impl Kind {
    pub fn of(fields: &HeaderMap) -> Self {
        let coding = fields.get(header::CONTENT_ENCODING);
        let is_encoded =
            coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
        let coding = coding.and_then(|coding| Coding::the_only_one(coding.to_str().ok()?));
        Self { is_stream: is_event_stream(fields), is_json: is_json(fields), is_encoded, coding }
    }
}

fn rewriter(model: &ModelAnswer, kind: Kind) -> Option<Box<AnswerRewriter>> {
    let name = model.client_model.as_ref()?.as_str();
    let paths = model_paths(model.dialect);
    if kind.is_stream {
        return Some(Box::new(AnswerRewriter::sse(paths, name)));
    }
    kind.is_json.then(|| Box::new(AnswerRewriter::json(paths, name)))
}

fn adapter(answering: &mut Answering, is_stream: bool) -> Option<Box<AnswerAdapter>> {
    if is_stream && answering.model.as_ref().is_some_and(|model| model.hides_usage) {
        return Some(Box::new(AnswerAdapter::HidesUsage(UsageHider::new())));
    }
    amp_adapter(answering, is_stream).map(|amp| Box::new(AnswerAdapter::Amp(amp)))
}

/// What adapts an answer to Amp's client, if it is one that reads it.
pub(super) fn amp_adapter(answering: &mut Answering, is_stream: bool) -> Option<AmpAnswer> {
    let AmpClient { tool_names, crosses_makers } = answering.model.as_mut()?.amp_client.take()?;
    Some(if is_stream {
        AmpAnswer::stream(tool_names)
    } else {
        AmpAnswer::whole(tool_names, crosses_makers)
    })
}

fn is_json(fields: &HeaderMap) -> bool {
    let content_type = fields.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}
