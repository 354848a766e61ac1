//! A provider's answer in the client's dialect.

use std::time::{Duration, SystemTime};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use bytes::{Bytes, BytesMut};

use super::{Translation, tell_what_was_dropped};
use crate::actors::upstream::{BodyBroke, UpstreamFailure, UpstreamResponse};
use crate::adapt::AnswerAdapter;
use crate::adapt::amp::AmpAnswer;
use crate::body::{GZIP_MAGIC, GzipRepair, decode_request};
use crate::dialect::{Verdict, error_body, judge};
use crate::error::GatewayError;
use crate::exchange::ahead::BegunAnswer;
use crate::exchange::answer::{Answering, Kind, amp_adapter, response, tell_who_answered};
use crate::exchange::judged::is_encoded;
use crate::exchange::stream::{DownstreamBody, Transforms};
use crate::headers::is_event_stream;
use crate::translate::{NoAnswer, StreamTranslator, Unreadable, translate_answer, translate_error};
use crate::types::{Dialect, ProviderName};

/// The longest answer that is translated whole.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// As much of an error as is read for its words.
const MAX_ERROR_BYTES: usize = 256 * 1024;

const ERROR_PATIENCE: Duration = Duration::from_secs(5);

/// Builds the client's response from an answer in another dialect.
pub async fn from_upstream(
    mut answer: BegunAnswer,
    mut answering: Answering,
    translation: Translation,
) -> Result<HttpResponse, UpstreamFailure> {
    let mut downstream = HeaderMap::new();
    keep_fields(&answer.response.fields, &mut downstream);
    if let Some(model) = &answering.model {
        tell_who_answered(&mut downstream, model, &answering.record);
    }
    tell_what_was_dropped(&mut downstream, &translation.dropped);
    if !answer.response.status.is_success() {
        return Ok(error(answer, &answering, translation.client, downstream).await);
    }
    if is_event_stream(&answer.response.fields) && translation.streams {
        if is_encoded(&answer.response.fields) {
            let failure = unreadable(&answering, "its events have a coding that was not asked for");
            broke(&mut answering, &failure);
            return Err(failure);
        }
        return Ok(stream(answer, answering, translation, downstream));
    }
    let body = whole(&mut answer, &answering).await;
    let body = body.inspect_err(|failure| broke(&mut answering, failure))?;
    if let Some(metering) = answering.model.as_ref().and_then(|model| model.metering) {
        metering.note_whole(translation.upstream, &body, &answering.record);
    }
    let told = if translation.streams {
        // The server has not understood `stream`; its client still waits for events.
        as_stream(&translation, &body).map_err(NoAnswer::from)
    } else {
        let Translation { upstream, client, names, envelope, .. } = &translation;
        translate_answer(*upstream, *client, names.clone(), envelope, &body).map(Bytes::from)
    };
    match told {
        Ok(body) => {
            downstream.insert(header::CONTENT_TYPE, content_type(&translation));
            let body = match amp_adapter(&mut answering, translation.streams) {
                Some(adapter) => adapted(adapter, &body),
                None => body,
            };
            Ok(response(answer.response.status, downstream).set_body(BoxBody::new(body)))
        }
        Err(NoAnswer::Failed(failure)) => {
            answering.record.fails_with("upstream_failed");
            if answering.breaks.is_some() {
                answering.record.upstream_failed("upstream_failed");
            }
            let id = answering.record.id();
            let client = translation.client;
            let body = error_body(client, failure.status, &failure.code, &failure.message, id);
            downstream.insert(header::CONTENT_TYPE, JSON);
            Ok(response(failure.status, downstream).set_body(BoxBody::new(body)))
        }
        Err(no_answer @ NoAnswer::Unreadable(_)) => {
            let failure = unreadable(&answering, &no_answer.to_string());
            broke(&mut answering, &failure);
            Err(failure)
        }
    }
}

/// The provider has not answered after all, and the next call should know.
fn broke(answering: &mut Answering, failure: &UpstreamFailure) {
    answering.record.upstream_failed(failure.error.code());
    if let Some(watch) = answering.breaks.take() {
        watch.broke();
    }
}

fn unreadable(answering: &Answering, cause: &str) -> UpstreamFailure {
    let error = GatewayError::UpstreamUnreadable { provider: provider(answering) };
    UpstreamFailure { error, cause: cause.to_owned() }
}

fn adapted(mut adapter: AmpAnswer, body: &Bytes) -> Bytes {
    let mut out = BytesMut::with_capacity(body.len());
    adapter.push(body, &mut out);
    adapter.finish(&mut out);
    out.freeze()
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn content_type(translation: &Translation) -> HeaderValue {
    if translation.streams && !translation.envelope.as_array {
        HeaderValue::from_static("text/event-stream")
    } else {
        JSON
    }
}

/// Of the provider's fields only those mean the same in every dialect that say when to come back, and
/// by which id its support finds the call.
fn keep_fields(upstream: &HeaderMap, downstream: &mut HeaderMap) {
    if let Some(seconds) = upstream.get(header::RETRY_AFTER) {
        downstream.insert(header::RETRY_AFTER, seconds.clone());
    }
    let names = ["x-request-id", "request-id", "x-amzn-requestid"];
    let id = names.into_iter().find_map(|name| upstream.get(name));
    if let Some(id) = id {
        downstream.insert(HeaderName::from_static("x-request-id"), id.clone());
    }
}

fn provider(answering: &Answering) -> ProviderName {
    answering.record.provider().unwrap_or_else(|| ProviderName::new("upstream"))
}

fn stream(
    answer: BegunAnswer,
    mut answering: Answering,
    translation: Translation,
    mut downstream: HeaderMap,
) -> HttpResponse {
    downstream.insert(header::CONTENT_TYPE, content_type(&translation));
    downstream.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let BegunAnswer { response: UpstreamResponse { status, fields, body }, ahead } = answer;
    let meter = answering.meter(translation.upstream, status, Kind::of(&fields));
    let adapt = amp_adapter(&mut answering, true).map(|amp| Box::new(AnswerAdapter::Amp(amp)));
    let Translation { upstream, client, names, envelope, .. } = translation;
    let translate = StreamTranslator::new(upstream, client, names, envelope);
    // A stream's first event must not be held back.
    let repair = Some(Box::new(GzipRepair::new(0)));
    let transforms = Transforms {
        first_token_in: Some(upstream),
        repair,
        meter,
        translate: Some(Box::new(translate)),
        rewrite: None,
        adapt,
    };
    let size = BodySize::Stream;
    let body = DownstreamBody::new(
        body,
        ahead,
        size,
        transforms,
        None,
        answering.record,
        answering.drain,
        answering.breaks,
    );
    response(status, downstream).set_body(BoxBody::new(body))
}

fn as_stream(translation: &Translation, body: &[u8]) -> Result<Bytes, Unreadable> {
    let Translation { upstream, client, names, envelope, .. } = translation;
    let mut translate = StreamTranslator::new(*upstream, *client, names.clone(), envelope.clone());
    let mut out = BytesMut::new();
    translate.push_whole(*upstream, body, &mut out)?;
    Ok(out.freeze())
}

/// The whole body, without a content coding.
async fn whole(answer: &mut BegunAnswer, answering: &Answering) -> Result<Bytes, UpstreamFailure> {
    let BegunAnswer { response, ahead } = answer;
    ahead.read_bytes(&mut response.body, MAX_ANSWER_BYTES).await;
    let provider = provider(answering);
    if let Some(broke) = &ahead.broke {
        let error = match broke {
            BodyBroke::Upstream(_) => GatewayError::UpstreamBroke { provider },
            BodyBroke::Idle(_) => GatewayError::IdleTimeout { provider },
        };
        return Err(UpstreamFailure { error, cause: broke.to_string() });
    }
    if !ahead.is_whole {
        return Err(unreadable(answering, "the answer is longer than 64 MiB"));
    }
    let no_coding_we_know = || unreadable(answering, "its coding is unknown");
    decoded(&response.fields, ahead.joined()).ok_or_else(no_coding_we_know)
}

/// The body without a content coding, whether it is declared or, with gzip, only there.
fn decoded(fields: &HeaderMap, body: Bytes) -> Option<Bytes> {
    let declared = match fields.get(header::CONTENT_ENCODING) {
        Some(coding) => Some(coding.to_str().ok()?),
        None => None,
    };
    let coding = match declared.filter(|coding| !coding.eq_ignore_ascii_case("identity")) {
        Some(coding) => coding,
        None if body.starts_with(&GZIP_MAGIC) => "gzip",
        None => return Some(body),
    };
    decode_request(coding, &body, MAX_ANSWER_BYTES as u64).ok()
}

/// An error in words that are not the client's, from a host that speaks its dialect otherwise.
pub async fn error_for(
    client: Dialect,
    answer: BegunAnswer,
    answering: &Answering,
) -> HttpResponse {
    let mut downstream = HeaderMap::new();
    keep_fields(&answer.response.fields, &mut downstream);
    if let Some(model) = &answering.model {
        tell_who_answered(&mut downstream, model, &answering.record);
    }
    error(answer, answering, client, downstream).await
}

async fn error(
    mut answer: BegunAnswer,
    answering: &Answering,
    client: Dialect,
    mut downstream: HeaderMap,
) -> HttpResponse {
    let BegunAnswer { response: upstream, ahead } = &mut answer;
    ahead.read_bytes_within(&mut upstream.body, MAX_ERROR_BYTES, ERROR_PATIENCE).await;
    let body = decoded(&upstream.fields, ahead.joined()).unwrap_or_default();
    let status = upstream.status;
    // Google says how long to wait in the body only, OpenAI in fields of its own.
    if let Verdict::Trouble(trouble) = judge(status, &upstream.fields, &body, SystemTime::now())
        && let Some(wait) = trouble.wait
    {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        downstream.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    let told = translate_error(client, status, &body, answering.record.id());
    downstream.insert(header::CONTENT_TYPE, JSON);
    response(status, downstream).set_body(BoxBody::new(told))
}
