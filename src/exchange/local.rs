//! A model call as one of the team's own providers gets it.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;

use super::amp::parse_target;
use super::asked::NamedIn;
use super::call::Call;
use super::head::Head;
use super::hosted::{self, HostedCall};
use super::proof::Proof;
use crate::actors::router::LocalPlan;
use crate::actors::upstream::{OutgoingRequest, RequestBody};
use crate::adapt::{has_beta_flag, set_thinking, takes_thinking, without_beta_flags};
use crate::body::{find_model, replace_model};
use crate::config::{AzureApi, Credential, Family, Hosting};
use crate::dialect::replace_gemini_model;
use crate::door::{GeminiVersion, ModelCall};
use crate::error::GatewayError;
use crate::headers::{
    self, ForUpstream, USER_AGENT, is_long_context, strip_long_context, without_credentials,
};
use crate::translate::Dropped;
use crate::types::{Dialect, Thinking};

/// The call, with the provider's credential, path and name for the model, and what its host would not
/// have taken. What need not change in the body is the client's, byte for byte.
pub(super) fn call(
    plan: &LocalPlan,
    call: &Call<'_>,
    proof: &Proof<'_>,
) -> Result<(OutgoingRequest, Dropped), GatewayError> {
    let credential = plan.credential();
    let mut dropped = Dropped::default();
    let (target, body, body_was_decoded) = if hosted::is_hosted(credential.family) {
        let hosted = hosted::request(&HostedCall {
            credential,
            dialect: plan.dialect,
            model: plan.upstream_model.as_str(),
            streams: call.streams(),
            only_counts: call.only_counts(),
            completes_text: call.door.call == ModelCall::Completions,
            body: &body_for_host(plan, call),
            client_fields: &client_fields(plan, call),
        })?;
        dropped = hosted.dropped;
        (Target::Whole(hosted.target), RequestBody::buffered(hosted.body), true)
    } else {
        let (body, body_was_decoded) = body_of_call(plan, call)?;
        (Target::BesidesQuery(path_of_call(plan, call)), body, body_was_decoded)
    };
    let outgoing = Outgoing {
        credential,
        proof,
        target,
        body,
        // What is rewritten here must be readable here.
        ask_for_identity: plan.renames || call.is_adapted_to_amp() || call.must_be_metered(),
        body_was_decoded,
        strip_long_context: plan.strip_long_context,
        first_byte_timeout: call.handles.settings.timeouts.first_byte,
    }
    .for_request(&call.request)?;
    Ok((outgoing, dropped))
}

/// What a host may take over from the client's fields.
fn client_fields<'a>(plan: &LocalPlan, call: &'a Call<'_>) -> Cow<'a, HeaderMap> {
    let fields = call.request.headers();
    if !plan.strip_long_context || !headers::asks_for_long_context(fields) {
        return Cow::Borrowed(fields);
    }
    let mut fields = fields.clone();
    strip_long_context(&mut fields);
    Cow::Owned(fields)
}

/// The body without a long-context flag that the credential is not to have: hosts of Claude read it there.
fn body_for_host(plan: &LocalPlan, call: &Call<'_>) -> Bytes {
    let body = readable_body_of_call(plan, call);
    if plan.strip_long_context && plan.dialect == Dialect::Anthropic {
        return without_beta_flags(&body, is_long_context);
    }
    body
}

/// Whether the provider reads the flag for the long context in a call, in the field or, where it hosts
/// Claude, in the body.
pub(super) fn asks_for_long_context(plan: &LocalPlan, call: &Call<'_>) -> bool {
    let is_read_in_body = || {
        hosted::is_hosted(plan.credential().family)
            && plan.dialect == Dialect::Anthropic
            && call.dialect == Dialect::Anthropic
    };
    headers::asks_for_long_context(call.request.headers())
        || (is_read_in_body() && has_beta_flag(call.readable_body(), is_long_context))
}

/// A WebSocket handshake to the provider.
pub(super) fn handshake(
    plan: &LocalPlan,
    request: &Head<'_>,
    call: ModelCall,
    proof: &Proof<'_>,
    first_byte_timeout: Duration,
) -> Result<OutgoingRequest, GatewayError> {
    Outgoing {
        credential: plan.credential(),
        proof,
        target: Target::BesidesQuery(path_at(plan.credential(), call, request.uri().path())),
        body: RequestBody::None,
        ask_for_identity: false,
        body_was_decoded: false,
        strip_long_context: plan.strip_long_context,
        first_byte_timeout,
    }
    .for_request(request)
}

/// A question that tells whether a provider takes a credential, and that no provider charges for: for
/// the list of its models, or where there is none a call without a question.
pub fn ask_for_models(
    credential: &Credential,
    proof: &Proof<'_>,
    first_byte_timeout: Duration,
) -> Result<OutgoingRequest, GatewayError> {
    let Some(probe) = hosted::probe(credential) else {
        return list(credential, proof, "", first_byte_timeout);
    };
    let (method, fields, body) =
        (Method::POST, HeaderMap::new(), RequestBody::buffered(probe.body));
    OwnRequest { credential, proof, method, target: probe.target, fields, body, first_byte_timeout }
        .into_outgoing()
}

/// A question for a provider's own model list. It is the gateway's own: the answer is kept for others,
/// so nothing in it may depend on who asked first.
pub(super) fn list(
    credential: &Credential,
    proof: &Proof<'_>,
    query: &str,
    first_byte_timeout: Duration,
) -> Result<OutgoingRequest, GatewayError> {
    let mut fields = HeaderMap::new();
    fields.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let path = list_path(credential);
    let target = if query.is_empty() { path } else { format!("{path}?{query}") };
    let (method, body) = (Method::GET, RequestBody::None);
    OwnRequest { credential, proof, method, target, fields, body, first_byte_timeout }
        .into_outgoing()
}

/// A request that is the gateway's own: nothing in it is a client's, byte for byte.
pub(super) struct OwnRequest<'a> {
    pub credential: &'a Credential,
    pub proof: &'a Proof<'a>,
    pub method: Method,
    pub target: String,
    pub fields: HeaderMap,
    pub body: RequestBody,
    pub first_byte_timeout: Duration,
}

impl OwnRequest<'_> {
    pub fn into_outgoing(mut self) -> Result<OutgoingRequest, GatewayError> {
        let credential = self.credential;
        if !self.fields.contains_key(header::USER_AGENT) {
            self.fields.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        }
        if credential.family == Family::Claude {
            let version = HeaderValue::from_static(ANTHROPIC_VERSION);
            self.fields.insert(HeaderName::from_static("anthropic-version"), version);
        }
        let mut fields = ForUpstream {
            authority: credential.origin.authority(),
            credential: self.proof.shown_to(credential.family),
            strip_long_context: false, // nothing asks for it
            ask_for_identity: true,
            body_was_decoded: false,
            own_fields: &credential.headers,
        }
        .fields(&self.fields);
        hosted::put_fields(credential, self.proof, &self.fields, &mut fields);
        let mut outgoing = OutgoingRequest {
            origin: credential.origin.clone(),
            proxy: credential.proxy_url.clone(),
            provider: credential.provider.clone(),
            method: self.method,
            path_and_query: parse_target(self.target)?,
            fields,
            body: self.body,
            first_byte_timeout: self.first_byte_timeout,
        };
        self.proof.complete(&mut outgoing)?;
        Ok(outgoing)
    }
}

fn list_path(credential: &Credential) -> String {
    let base = &credential.base_path;
    match credential.family {
        Family::Claude | Family::Bedrock => format!("{base}/v1/models"),
        Family::Azure => match &credential.hosting {
            Hosting::Azure(AzureApi::Dated(version)) => {
                format!("{base}/openai/models?api-version={version}")
            }
            _ => format!("{base}/openai/v1/models"),
        },
        Family::OpenAi | Family::OpenAiCompatible | Family::Codex => format!("{base}/models"),
        Family::Gemini => format!("{base}/v1beta/models"),
        Family::Vertex | Family::VertexClaude => {
            format!("{base}/v1beta1/publishers/google/models")
        }
    }
}

fn path_of_call(plan: &LocalPlan, call: &Call<'_>) -> String {
    let client_path = call.request.uri().path();
    let mut path = path_at(plan.credential(), call.door.call, client_path);
    if let (NamedIn::Path(gemini), true) = (&call.asked.named_in, plan.renames) {
        let model_at = path.len() - (client_path.len() - model_at(call.door.call));
        let renamed = replace_gemini_model(&path[model_at..], gemini, plan.upstream_model.as_str());
        path.replace_range(model_at.., &renamed);
    }
    path
}

/// The body that goes out, and whether a content coding was taken off for it.
fn body_of_call(plan: &LocalPlan, call: &Call<'_>) -> Result<(RequestBody, bool), GatewayError> {
    let is_changed = call.changed_body().is_some() || thinking_of_call(plan, call).is_some();
    let renames_body = plan.renames && matches!(call.asked.named_in, NamedIn::Body { .. });
    if !is_changed && !renames_body {
        return Ok((RequestBody::buffered(call.body.clone()), false));
    }
    let model = plan.upstream_model.as_str();
    let body = readable_body_of_call(plan, call);
    let body = match &call.asked.named_in {
        NamedIn::Body { span } if plan.renames && !is_changed => {
            RequestBody::Buffered(replace_model(&body, span, model))
        }
        NamedIn::Body { .. } if plan.renames => RequestBody::Buffered(rename_model(&body, model)?),
        _ => RequestBody::buffered(body),
    };
    Ok((body, call.asked.is_encoded()))
}

/// The body with every change that is not the name for the model, and without a content coding.
fn readable_body_of_call(plan: &LocalPlan, call: &Call<'_>) -> Bytes {
    let body = call.changed_body().unwrap_or_else(|| call.readable_body().clone());
    match thinking_of_call(plan, call) {
        Some(thinking) => set_thinking(call.dialect, plan.model().nature, thinking, &body),
        None => body,
    }
}

/// What a suffix of the name asks for, where the call has room for it.
fn thinking_of_call(plan: &LocalPlan, call: &Call<'_>) -> Option<Thinking> {
    let takes_thinking = match &call.asked.named_in {
        NamedIn::Path(gemini) => takes_thinking(&gemini.method),
        NamedIn::Body { .. } => true,
    };
    plan.thinking.filter(|_| takes_thinking)
}

/// The name stands elsewhere once something else has changed.
fn rename_model(body: &Bytes, model: &str) -> Result<[Bytes; 3], GatewayError> {
    let field = find_model(body).map_err(|error| GatewayError::BadBody(error.to_string()))?;
    Ok(replace_model(body, &field.span, model))
}

/// Where at a provider.
enum Target {
    /// The client's query goes along, but for keys.
    BesidesQuery(String),
    Whole(String),
}

/// A request to a provider, before the client's fields and query are taken over.
struct Outgoing<'a> {
    credential: &'a Credential,
    proof: &'a Proof<'a>,
    target: Target,
    body: RequestBody,
    ask_for_identity: bool,
    body_was_decoded: bool,
    strip_long_context: bool,
    first_byte_timeout: Duration,
}

impl Outgoing<'_> {
    fn for_request(self, request: &Head<'_>) -> Result<OutgoingRequest, GatewayError> {
        let credential = self.credential;
        let mut fields = ForUpstream {
            authority: credential.origin.authority(),
            credential: self.proof.shown_to(credential.family),
            strip_long_context: self.strip_long_context,
            ask_for_identity: self.ask_for_identity,
            body_was_decoded: self.body_was_decoded,
            own_fields: &credential.headers,
        }
        .fields(request.headers());
        // A truthful name where the client gave none; its own name otherwise.
        if !fields.contains_key(header::USER_AGENT) {
            fields.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        }
        hosted::put_fields(credential, self.proof, request.headers(), &mut fields);
        let target = match self.target {
            Target::Whole(target) => target,
            Target::BesidesQuery(path) => with_query(path, request),
        };
        let mut outgoing = OutgoingRequest {
            origin: credential.origin.clone(),
            proxy: credential.proxy_url.clone(),
            provider: credential.provider.clone(),
            method: request.method().clone(),
            path_and_query: parse_target(target)?,
            fields,
            body: self.body,
            first_byte_timeout: self.first_byte_timeout,
        };
        self.proof.complete(&mut outgoing)?;
        Ok(outgoing)
    }
}

/// A key in the query is the client's key whoever's it is: a provider's own goes into a field.
fn with_query(path: String, request: &Head<'_>) -> String {
    let asked = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let kept = without_credentials(asked, |_any| true);
    match kept.split_once('?') {
        Some((_, query)) => format!("{path}?{query}"),
        None => path,
    }
}

/// The version of its API that Anthropic has had since 2023.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// Where `{model}` begins in the client's path of a Gemini call.
fn model_at(call: ModelCall) -> usize {
    match call {
        ModelCall::Gemini { model_at, .. } => model_at,
        _ => 0,
    }
}

/// The call's path at a provider. The base path is without the method's part; an OpenAI base path
/// has its version, the others have not (design, section 8). What follows `models/` in a path is the
/// client's, byte for byte; nothing in it leads elsewhere ([`super::asked`]).
pub(super) fn path_at(credential: &Credential, call: ModelCall, client_path: &str) -> String {
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
            let (beta, models) = match (&credential.hosting, credential.family) {
                (Hosting::VertexAi(place), _) => {
                    ("v1beta1", format!("{place}/publishers/google/models"))
                }
                (_, Family::Vertex) => ("v1beta1", "publishers/google/models".to_owned()),
                _ => ("v1beta", "models".to_owned()),
            };
            let version = if version == GeminiVersion::V1 { "v1" } else { beta };
            format!("{base}/{version}/{models}/{}", tail(model_at))
        }
        ModelCall::ListModels { .. } => list_path(credential),
    }
}
