//! A model call as one of the team's own providers gets it.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue};
use bytes::Bytes;

use super::amp::parse_target;
use super::asked::{Asked, NamedIn};
use crate::actors::router::LocalPlan;
use crate::actors::upstream::{OutgoingRequest, RequestBody};
use crate::body::replace_model;
use crate::config::{Credential, Family, LongContext};
use crate::dialect::replace_gemini_model;
use crate::door::{GeminiVersion, ModelCall};
use crate::error::GatewayError;
use crate::headers::{ForUpstream, UpstreamCredential, without_credentials};

/// The call, with the provider's credential, path and name for the model. The body's other bytes
/// are the client's.
pub(super) fn call(
    plan: &LocalPlan,
    request: &HttpRequest,
    call: ModelCall,
    asked: Asked,
    body: Bytes,
    first_byte_timeout: Duration,
) -> Result<OutgoingRequest, GatewayError> {
    let mut path = path_at(plan.credential(), call, request.uri().path());
    let mut decoded_goes_out = false;
    let body = match (&plan.upstream_model, asked.named_in) {
        (Some(name), NamedIn::Path(gemini)) => {
            let model_at = path.len() - (request.uri().path().len() - model_at(call));
            let renamed = replace_gemini_model(&path[model_at..], &gemini, name.as_str());
            path.replace_range(model_at.., &renamed);
            RequestBody::buffered(body)
        }
        (Some(name), NamedIn::Body { span, decoded }) => {
            decoded_goes_out = decoded.is_some();
            RequestBody::Buffered(replace_model(&decoded.unwrap_or(body), &span, name.as_str()))
        }
        (None, _) => RequestBody::buffered(body),
    };
    let renames = plan.upstream_model.is_some();
    outgoing(plan, request, &path, body, renames, decoded_goes_out, first_byte_timeout)
}

/// A WebSocket handshake to the provider.
pub(super) fn handshake(
    plan: &LocalPlan,
    request: &HttpRequest,
    call: ModelCall,
    first_byte_timeout: Duration,
) -> Result<OutgoingRequest, GatewayError> {
    let path = path_at(plan.credential(), call, request.uri().path());
    outgoing(plan, request, &path, RequestBody::None, false, false, first_byte_timeout)
}

/// A question for a provider's own model list. `Accept-Encoding` is ours: the answer is read here.
pub(super) fn list(
    plan: &LocalPlan,
    request: &HttpRequest,
    call: ModelCall,
    read_here: bool,
    first_byte_timeout: Duration,
) -> Result<OutgoingRequest, GatewayError> {
    let path = path_at(plan.credential(), call, request.uri().path());
    outgoing(plan, request, &path, RequestBody::None, read_here, false, first_byte_timeout)
}

fn outgoing(
    plan: &LocalPlan,
    request: &HttpRequest,
    path: &str,
    body: RequestBody,
    ask_for_identity: bool,
    body_was_decoded: bool,
    first_byte_timeout: Duration,
) -> Result<OutgoingRequest, GatewayError> {
    let credential = plan.credential();
    let mut fields = ForUpstream {
        authority: credential.origin.authority(),
        credential: shown_as(credential),
        strip_long_context: credential.long_context != LongContext::Keep,
        ask_for_identity,
        body_was_decoded,
        own_fields: &credential.headers,
    }
    .fields(request.headers());
    // A truthful name where the client gave none; its own name otherwise.
    if !fields.contains_key(header::USER_AGENT) {
        fields.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    }
    // A key in the query is the client's key whoever's it is: a provider's own goes into a field.
    let asked = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let kept = without_credentials(asked, |_any| true);
    let query = kept.split_once('?').map(|(_, query)| query);
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    Ok(OutgoingRequest {
        origin: credential.origin.clone(),
        proxy: credential.proxy_url.clone(),
        provider: credential.provider.clone(),
        method: request.method().clone(),
        path_and_query: parse_target(target)?,
        fields,
        body,
        first_byte_timeout,
    })
}

const USER_AGENT: &str = concat!("ampgate/", env!("CARGO_PKG_VERSION"));

fn shown_as(credential: &Credential) -> UpstreamCredential<'_> {
    let Some(key) = &credential.key else { return UpstreamCredential::None };
    match credential.family {
        Family::Claude => UpstreamCredential::Anthropic(key),
        Family::OpenAi | Family::OpenAiCompatible => UpstreamCredential::Bearer(key),
        Family::Gemini | Family::Vertex => UpstreamCredential::Google(key),
    }
}

/// Where `{model}` begins in the client's path of a Gemini call.
fn model_at(call: ModelCall) -> usize {
    match call {
        ModelCall::Gemini { model_at, .. } => model_at,
        _ => 0,
    }
}

/// The call's path at a provider. The base path is without the method's part; an OpenAI base path
/// has its version, the others have not (design, section 8). What follows `models/` in a path is the
/// client's, byte for byte.
fn path_at(credential: &Credential, call: ModelCall, client_path: &str) -> String {
    let base = &credential.base_path;
    let tail = |at: usize| client_path.get(at..).unwrap_or_default();
    match call {
        ModelCall::Messages => format!("{base}/v1/messages"),
        ModelCall::CountTokens => format!("{base}/v1/messages/count_tokens"),
        ModelCall::ChatCompletions => format!("{base}/chat/completions"),
        ModelCall::Completions => format!("{base}/completions"),
        ModelCall::Responses | ModelCall::ResponsesSocket => format!("{base}/responses"),
        ModelCall::Gemini { version, model_at } => {
            // Vertex AI and the Gemini API name their versions and paths differently.
            let is_vertex = credential.family == Family::Vertex;
            let (beta, models) = if is_vertex {
                ("v1beta1", "publishers/google/models")
            } else {
                ("v1beta", "models")
            };
            let version = if version == GeminiVersion::V1 { "v1" } else { beta };
            format!("{base}/{version}/{models}/{}", tail(model_at))
        }
        ModelCall::ListModels { id_at, .. } => {
            let root = match credential.family {
                Family::Claude => format!("{base}/v1/models"),
                Family::OpenAi | Family::OpenAiCompatible => format!("{base}/models"),
                Family::Gemini => format!("{base}/v1beta/models"),
                Family::Vertex => format!("{base}/v1beta1/publishers/google/models"),
            };
            match id_at {
                Some(at) => format!("{root}/{}", tail(at)),
                None => root,
            }
        }
    }
}
