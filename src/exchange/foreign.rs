//! A model call for a provider that speaks another dialect than the client: the question in the
//! provider's words, and what is needed to understand its answer.

mod answer;
mod count;

use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;

pub(super) use answer::{error_for, from_upstream};
pub(super) use count::count;

use super::asked::NamedIn;
use super::call::Call;
use super::hosted::{self, HostedCall, HostedRequest};
use super::local::{OwnRequest, path_at};
use super::proof::Proof;
use crate::actors::router::LocalPlan;
use crate::actors::upstream::{OutgoingRequest, RequestBody};
use crate::adapt::set_thinking;
use crate::config::Credential;
use crate::dialect::gemini_path;
use crate::door::{GeminiVersion, ModelCall};
use crate::error::GatewayError;
use crate::translate::{ClientNames, Dropped, Envelope, Written, thinking_for, write_request};
use crate::types::{Dialect, Thinking};

/// What an answer must be read and written by.
#[derive(Debug)]
pub(super) struct Translation {
    pub upstream: Dialect,
    pub client: Dialect,
    pub streams: bool,
    pub names: ClientNames,
    pub envelope: Envelope,
    pub dropped: Dropped,
}

/// The call in the provider's dialect.
pub(super) fn call(
    plan: &LocalPlan,
    call: &Call<'_>,
    proof: &Proof<'_>,
) -> Result<(OutgoingRequest, Translation), GatewayError> {
    let request = call.neutral()?;
    let model = plan.model();
    let Written { body, names, mut dropped } = write_request(request, plan.dialect, model);
    let in_body = request.thinking.and_then(|asked| {
        let told = thinking_for(call.dialect, plan.dialect, model.nature, asked);
        if told.is_none() && asked != Thinking::Off {
            dropped.note("thinking");
        }
        told
    });
    // A suffix of the model's name wins over the body.
    let body = match plan.thinking.or(in_body) {
        Some(thinking) => set_thinking(plan.dialect, model.nature, thinking, &body),
        None => body,
    };
    let method = if request.streams { "streamGenerateContent" } else { "generateContent" };
    let question = question(plan, method, body, request.streams, &mut dropped)?;
    let outgoing = outgoing(plan, call, proof, question, request.streams)?;
    let envelope = Envelope {
        id: call.record.id().replace('-', ""),
        model: call.asked.model.to_string(),
        created: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        wants_usage: request.wants_usage,
        as_array: call.dialect == Dialect::Gemini && !asks_for_events(call),
    };
    let translation = Translation {
        upstream: plan.dialect,
        client: call.dialect,
        streams: request.streams,
        names,
        envelope,
        dropped,
    };
    Ok((outgoing, translation))
}

/// Whether a Gemini client wants its stream as events; without this it is one JSON array.
fn asks_for_events(call: &Call<'_>) -> bool {
    let query = call.request.uri().query().unwrap_or_default();
    query.split('&').any(|pair| matches!(pair, "alt=sse" | "%24alt=sse" | "$alt=sse"))
}

/// What a provider is asked, and where.
#[derive(Clone)]
struct Question {
    target: String,
    body: Bytes,
}

/// `method` is of Gemini's; other dialects have one address for both. What a host would not take goes
/// into `dropped`.
fn question(
    plan: &LocalPlan,
    method: &str,
    body: Bytes,
    streams: bool,
    dropped: &mut Dropped,
) -> Result<Question, GatewayError> {
    let (credential, model) = (plan.credential(), plan.upstream_model.as_str());
    if !hosted::is_hosted(credential.family) {
        return Ok(Question { target: target(credential, plan.dialect, model, method), body });
    }
    let HostedRequest { target, body, dropped: left_out } =
        hosted_request(plan, &body, streams, false)?;
    dropped.extend(&left_out);
    Ok(Question { target, body })
}

fn hosted_request(
    plan: &LocalPlan,
    body: &Bytes,
    streams: bool,
    only_counts: bool,
) -> Result<HostedRequest, GatewayError> {
    hosted::request(&HostedCall {
        credential: plan.credential(),
        dialect: plan.dialect,
        model: plan.upstream_model.as_str(),
        streams,
        only_counts,
        completes_text: false,
        body,
        client_fields: &HeaderMap::new(),
    })
}

fn target(credential: &Credential, dialect: Dialect, model: &str, method: &str) -> String {
    let call = match dialect {
        Dialect::Anthropic => ModelCall::Messages,
        Dialect::OpenAiChat => ModelCall::ChatCompletions,
        Dialect::OpenAiResponses => ModelCall::Responses,
        Dialect::Gemini => {
            let call = ModelCall::Gemini { version: GeminiVersion::V1Beta, model_at: 0 };
            let path = path_at(credential, call, &gemini_path(model, method));
            let is_stream = method == "streamGenerateContent";
            return if is_stream { format!("{path}?alt=sse") } else { path };
        }
    };
    path_at(credential, call, "")
}

fn outgoing(
    plan: &LocalPlan,
    call: &Call<'_>,
    proof: &Proof<'_>,
    question: Question,
    streams: bool,
) -> Result<OutgoingRequest, GatewayError> {
    let mut fields = HeaderMap::new();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if streams { "text/event-stream" } else { "application/json" };
    fields.insert(header::ACCEPT, HeaderValue::from_static(accept));
    // Fields of another dialect mean nothing to the provider; who asks is true in any.
    if let Some(name) = call.request.headers().get(header::USER_AGENT) {
        fields.insert(header::USER_AGENT, name.clone());
    }
    OwnRequest {
        credential: plan.credential(),
        proof,
        method: Method::POST,
        target: question.target,
        fields,
        body: RequestBody::buffered(question.body),
        first_byte_timeout: call.handles.settings.timeouts.first_byte,
    }
    .into_outgoing()
}

/// Whether a call can be answered by a provider of another dialect: its body has a neutral form.
pub(super) fn can_be_translated(call: ModelCall, named_in: &NamedIn) -> bool {
    match (call, named_in) {
        (ModelCall::Gemini { .. }, NamedIn::Path(gemini)) => matches!(
            gemini.method.as_str(),
            "generateContent" | "streamGenerateContent" | "countTokens"
        ),
        (call, _) => matches!(
            call,
            ModelCall::Messages
                | ModelCall::CountTokens
                | ModelCall::ChatCompletions
                | ModelCall::Responses
        ),
    }
}

const X_AMPGATE_DROPPED: HeaderName = HeaderName::from_static("x-ampgate-dropped");
const X_AMPGATE_ESTIMATED: HeaderName = HeaderName::from_static("x-ampgate-estimated");

pub(super) fn tell_what_was_dropped(fields: &mut HeaderMap, dropped: &Dropped) {
    if let Some(names) = dropped.to_field().and_then(|names| HeaderValue::from_str(&names).ok()) {
        fields.insert(X_AMPGATE_DROPPED, names);
    }
}
