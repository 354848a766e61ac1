//! What can be asked for: the names the configuration lists, and the providers' own lists.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;

use super::answer::{self, Answering, ModelAnswer};
use super::{amp_request, local};
use crate::actors::Handles;
use crate::actors::upstream::{RequestBody, UpstreamFailure, UpstreamResponse};
use crate::config::{Credential, Fallback};
use crate::dialect::{
    ListedModel, ModelListShape, list_shape, merge_models_lists, model_entry, models_list,
};
use crate::door::{Entrance, ModelCall, ModelDoor};
use crate::error::GatewayError;
use crate::telemetry::{RequestRecord, Route};
use crate::types::{ClientId, Dialect, ModelName};

/// The largest list we read to merge it with others: the longest known has half a megabyte.
const MAX_LIST_BYTES: usize = 8 << 20;

/// Answers `.../models` and `.../models/{id}` in the shape the client expects.
///
/// A credential that lists its models is listed as configured; one that serves its family's models
/// without a list is asked for its provider's own. With a single list to show, it is passed on byte
/// for byte; several are merged.
pub async fn list_models(
    handles: &Handles,
    request: &HttpRequest,
    door: ModelDoor,
    client: Option<&ClientId>,
) -> Result<HttpResponse, UpstreamFailure> {
    let shape = shape_for(request, door);
    let dialect = dialect_of(shape);
    let listed = handles.router.listed(dialect);
    let unlisted = handles.router.unlisted(dialect);
    let wanted = wanted_id(request, door.call);

    if let Some(id) = &wanted
        && let Some((name, credential)) =
            listed.iter().find(|(name, _)| name.as_str().eq_ignore_ascii_case(id))
    {
        let entry = ListedModel { id: name.as_str(), owned_by: credential.provider.as_str() };
        return Ok(own_answer(request, model_entry(shape, &entry)));
    }
    if let Some(credential) = unlisted.first()
        && (wanted.is_some() || (listed.is_empty() && unlisted.len() == 1))
    {
        return pass_on(handles, request, door, credential).await;
    }
    if unlisted.is_empty() && (listed.is_empty() || wanted.is_some()) {
        let amp_may_answer = matches!(door.entrance, Entrance::AmpProvider(_))
            && handles.settings.amp.as_ref().is_some_and(|amp| amp.fallback != Fallback::Never);
        if amp_may_answer {
            return ask_amp(handles, request, dialect, client).await;
        }
        if let Some(model) = wanted.as_deref().and_then(ModelName::parse) {
            let hint = "no credential lists it";
            return Err(GatewayError::ModelNotServed { model, hint }.into());
        }
    }
    let own: Vec<ListedModel<'_>> = listed
        .iter()
        .map(|(name, credential)| ListedModel {
            id: name.as_str(),
            owned_by: credential.provider.as_str(),
        })
        .collect();
    let theirs = ask_providers(handles, request, door, &unlisted).await;
    Ok(own_answer(request, merge(shape, &own, theirs)))
}

/// One list of all. One that cannot be read is left out: the others' models can be used all the same.
fn merge(shape: ModelListShape, own: &[ListedModel<'_>], mut theirs: Vec<Bytes>) -> String {
    while !theirs.is_empty() {
        match merge_models_lists(shape, own, &theirs) {
            Ok(list) => return list,
            Err(unreadable) => {
                tracing::warn!(cause = %unreadable, "a provider's model list cannot be read");
                theirs.remove(unreadable.index);
            }
        }
    }
    models_list(shape, own)
}

fn shape_for(request: &HttpRequest, door: ModelDoor) -> ModelListShape {
    if matches!(door.call, ModelCall::ListModels { gemini: true, .. }) {
        return ModelListShape::Gemini;
    }
    let provider = match door.entrance {
        Entrance::AmpProvider(provider) => Some(provider.as_str()),
        Entrance::Direct => None,
    };
    let fields = request.headers();
    let query = request.uri().query().unwrap_or_default();
    let has_parameter = |name: &str| query.split('&').any(|parameter| parameter.starts_with(name));
    let shows_google_key =
        fields.contains_key(HeaderName::from_static("x-goog-api-key")) || has_parameter("key=");
    list_shape(
        provider,
        has_parameter("client_version="),
        fields.contains_key(HeaderName::from_static("anthropic-version")),
        shows_google_key,
    )
}

const fn dialect_of(shape: ModelListShape) -> Dialect {
    match shape {
        ModelListShape::Anthropic => Dialect::Anthropic,
        ModelListShape::OpenAi | ModelListShape::Codex => Dialect::OpenAiChat,
        ModelListShape::Gemini => Dialect::Gemini,
    }
}

fn wanted_id(request: &HttpRequest, call: ModelCall) -> Option<String> {
    let ModelCall::ListModels { id_at: Some(at), .. } = call else { return None };
    let raw = request.uri().path().get(at..)?;
    Some(percent_encoding::percent_decode_str(raw).decode_utf8_lossy().into_owned())
}

fn own_answer(request: &HttpRequest, json: String) -> HttpResponse {
    let record = RequestRecord::of(request);
    record.takes(Route::Local);
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header(("x-ampgate-route", Route::Local.as_str()))
        .insert_header(("x-request-id", record.id()))
        .body(json)
}

async fn pass_on(
    handles: &Handles,
    request: &HttpRequest,
    door: ModelDoor,
    credential: &Credential,
) -> Result<HttpResponse, UpstreamFailure> {
    let record = RequestRecord::of(request);
    let provider = credential.provider.clone();
    record.takes(Route::Local);
    record.is_answered_by(provider.clone());
    let outgoing =
        local::list(credential, request, door.call, false, handles.settings.timeouts.first_byte)?;
    let upstream = handles.upstream.send(outgoing).await?;
    let dialect = door.dialect();
    let model = ModelAnswer::plain(dialect, Route::Local, provider);
    let answering = Answering::modelled(request, handles.drain.clone(), model);
    Ok(answer::from_upstream(upstream.into(), answering).await)
}

async fn ask_amp(
    handles: &Handles,
    request: &HttpRequest,
    dialect: Dialect,
    client: Option<&ClientId>,
) -> Result<HttpResponse, UpstreamFailure> {
    RequestRecord::of(request).takes(Route::Amp);
    let outgoing = amp_request(handles, request, client, RequestBody::None).await?;
    let provider = outgoing.provider.clone();
    let upstream = handles.upstream.send(outgoing).await?;
    let model = ModelAnswer::plain(dialect, Route::Amp, provider);
    let answering = Answering::modelled(request, handles.drain.clone(), model);
    Ok(answer::from_upstream(upstream.into(), answering).await)
}

/// The providers' own lists, asked for at once. One that does not answer is left out: the others'
/// models can be used all the same.
async fn ask_providers(
    handles: &Handles,
    request: &HttpRequest,
    door: ModelDoor,
    credentials: &[Arc<Credential>],
) -> Vec<Bytes> {
    let questions = credentials.iter().map(|credential| async move {
        let list = ask_provider(handles, request, door, credential).await;
        list.inspect_err(|failure| {
            let provider = credential.provider.as_str();
            tracing::warn!(upstream.name = provider, cause = failure.cause, "no model list");
        })
        .ok()
    });
    futures::future::join_all(questions).await.into_iter().flatten().collect()
}

async fn ask_provider(
    handles: &Handles,
    request: &HttpRequest,
    door: ModelDoor,
    credential: &Credential,
) -> Result<Bytes, UpstreamFailure> {
    let outgoing =
        local::list(credential, request, door.call, true, handles.settings.timeouts.first_byte)?;
    let provider = outgoing.provider.clone();
    let upstream = handles.upstream.send(outgoing).await?;
    let broke = |cause: String| UpstreamFailure {
        error: GatewayError::UpstreamBroke { provider: provider.clone() },
        cause,
    };
    if upstream.status != StatusCode::OK {
        return Err(broke(format!("status {}", upstream.status.as_u16())));
    }
    collect(upstream).await.map_err(broke)
}

async fn collect(upstream: UpstreamResponse) -> Result<Bytes, String> {
    let mut body = upstream.body;
    let mut list = BytesMut::new();
    while let Some(piece) = body.next().await {
        list.extend_from_slice(&piece.map_err(|broke| broke.to_string())?);
        if list.len() > MAX_LIST_BYTES {
            return Err(format!("list is over {MAX_LIST_BYTES} bytes"));
        }
    }
    Ok(list.freeze())
}
