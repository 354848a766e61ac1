//! Providers that host another's API in a way of their own: at other paths, with a few other members in
//! the body, with fields of their own, or with another framing of the answer.
//!
//! One file for each. A call comes here in the dialect of the API, with every other change made.

mod azure;
mod bedrock;
mod codex;
mod google;
mod vertex_claude;

use std::fmt;
use std::time::SystemTime;

use actix_web::http::header::HeaderMap;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::proof::Proof;
use crate::actors::upstream::{UpstreamFailure, UpstreamResponse};
use crate::config::{Credential, Family};
use crate::error::GatewayError;
use crate::translate::Dropped;
use crate::types::Dialect;

/// A call in the API's dialect.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostedCall<'a> {
    pub credential: &'a Credential,
    pub dialect: Dialect,
    /// What the provider calls the model.
    pub model: &'a str,
    /// The client wants its answer as a stream.
    pub streams: bool,
    /// Tokens are to be counted, and nothing else.
    pub only_counts: bool,
    /// The older call of Chat Completions' dialect, for plain text.
    pub completes_text: bool,
    /// Without a content coding.
    pub body: &'a Bytes,
    /// The client's, less a long-context flag that the credential is not to have; none where it speaks
    /// another dialect.
    pub client_fields: &'a HeaderMap,
}

/// The call as its host wants it.
#[derive(Debug)]
pub(super) struct HostedRequest {
    /// Path and query, whole.
    pub target: String,
    pub body: Bytes,
    /// Members of the call that the host would not take.
    pub dropped: Dropped,
}

impl HostedRequest {
    /// Has all that the call has.
    fn of_all(target: String, body: Bytes) -> Self {
        Self { target, body, dropped: Dropped::default() }
    }
}

pub(super) const fn is_hosted(family: Family) -> bool {
    matches!(family, Family::Azure | Family::Bedrock | Family::VertexClaude | Family::Codex)
}

/// Whether a provider counts tokens before a call.
pub(super) const fn can_count(family: Family) -> bool {
    !is_hosted(family) || matches!(family, Family::VertexClaude)
}

/// The request that asks a host for what `call` asks. Only for what [`is_hosted`] says is one.
pub(super) fn request(call: &HostedCall<'_>) -> Result<HostedRequest, GatewayError> {
    match call.credential.family {
        Family::Azure => azure::request(call),
        Family::Bedrock => bedrock::request(call),
        Family::VertexClaude => vertex_claude::request(call),
        Family::Codex => codex::request(call),
        Family::Claude
        | Family::OpenAi
        | Family::Gemini
        | Family::Vertex
        | Family::OpenAiCompatible => Err(GatewayError::Internal),
    }
}

/// The question that tells whether a host takes a credential, where it has no list of models to ask for.
pub(super) fn probe(credential: &Credential) -> Option<HostedRequest> {
    (credential.family == Family::Bedrock).then(|| bedrock::probe(credential))
}

/// Puts right what the general header policy could not know: `fields` have passed it.
pub(super) fn put_fields(
    credential: &Credential,
    proof: &Proof<'_>,
    client_fields: &HeaderMap,
    fields: &mut HeaderMap,
) {
    match credential.family {
        Family::Vertex => google::put_quota_project(credential, proof, fields),
        Family::VertexClaude => {
            google::put_quota_project(credential, proof, fields);
            vertex_claude::put_fields(fields);
        }
        Family::Bedrock => bedrock::put_fields(fields),
        Family::Codex => codex::put_fields(proof, client_fields, fields),
        _ => {}
    }
}

/// The answer as the API itself would have given it. `streams` says what the client has asked for.
pub(super) async fn answer(
    credential: &Credential,
    streams: bool,
    response: UpstreamResponse,
) -> Result<UpstreamResponse, UpstreamFailure> {
    match credential.family {
        Family::Bedrock => Ok(bedrock::answer(response, SystemTime::now())),
        Family::Codex => codex::answer(&credential.provider, streams, response).await,
        _ => Ok(response),
    }
}

/// What may stand in one segment of a path as it is (RFC 3986, section 3.3). A semicolon may, too, but
/// some servers drop what follows it.
const NOT_IN_SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@').remove(b':');

/// A name as one segment of a path.
///
/// SECURITY: names come from clients. A slash in one must not lead elsewhere at the provider, where the
/// team's own credential would open the door.
fn path_segment(name: &str) -> impl fmt::Display {
    utf8_percent_encode(name, NOT_IN_SEGMENT)
}
