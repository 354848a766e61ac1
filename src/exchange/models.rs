//! What can be asked for, in the shape its client reads: our own names, and the providers' lists.
//!
//! What is offered is decided in `actors::router`; how a list is written, in [`crate::dialect`]. Our
//! own entries say what we know; a provider's cross byte for byte, but for the name where clients
//! write another. A list lists what its client can call, translated or not; of a model that another
//! dialect's list has, only the name is told.
//!
//! Lists have one page, which holds everything: `limit`, `after_id`, `pageSize` and `pageToken` of the
//! client are ignored. `.../models/{id}` is answered from the same entries as the list.

mod question;

use std::borrow::Cow;
use std::collections::HashSet;

use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;

use self::question::{Discovered, discover, listed_as};
use super::allowance::require_allowed;
use super::answer::{self, Answering, ModelAnswer};
use super::asked::NAME_LEADS_ELSEWHERE;
use super::head::Head;
use super::{amp_request, sent};
use crate::actors::Handles;
use crate::actors::router::{Offer, Offers};
use crate::actors::upstream::{RequestBody, UpstreamFailure};
use crate::body::{Edits, JsonPart};
use crate::config::Fallback;
use crate::dialect::{
    ListedModel, ModelEntry, ModelListShape, error_body, leads_elsewhere, list_shape, models_list,
    naming_member,
};
use crate::door::{Entrance, ModelCall, ModelDoor};
use crate::error::GatewayError;
use crate::telemetry::RequestRecord;
use crate::types::{ClientId, Dialect, ModelName, Route};

/// Answers `.../models` and `.../models/{id}`. Where Amp's clients ask and we have nothing to show,
/// Amp may answer.
pub async fn list_models(
    handles: &Handles,
    request: &HttpRequest,
    door: ModelDoor,
    client: Option<&ClientId>,
) -> Result<HttpResponse, UpstreamFailure> {
    let shape = shape_for(request, door);
    let dialect = dialect_of(shape);
    let rules = handles.limits.rules_of(client);
    let ways = handles.limits.ways_of(client);
    let offers = handles.router.offers(dialect, ways);
    let may_ask_for = |name: &ModelName| rules.is_none_or(|rules| rules.allow_model(name));
    let found = match wanted_id(request, door.call) {
        None => {
            let codex_version = codex_version(request).filter(|_| shape == ModelListShape::Codex);
            let discovered = discover(handles, &offers, shape, codex_version).await;
            let mut entries = entries(shape, &offers, &discovered);
            entries.retain(|entry| {
                entry.id().and_then(ModelName::parse).is_some_and(|name| may_ask_for(&name))
            });
            if entries.is_empty() {
                Err(None)
            } else {
                Ok(models_list(shape, entries.iter().map(AsRef::as_ref)))
            }
        }
        Some(id) => {
            if leads_elsewhere(&id) {
                let error = GatewayError::AmbiguousRequest(NAME_LEADS_ELSEWHERE);
                return Ok(refusal(request, dialect, &error));
            }
            let id = ModelName::parse(&id);
            let no_name = "the path names no model, or a longer one than there is";
            let id = id.ok_or(GatewayError::NoSuchRoute(no_name))?;
            if let Some(Err(error)) = rules.map(|rules| require_allowed(rules, &id)) {
                return Ok(refusal(request, dialect, &error));
            }
            // Codex asks for no single one; who does with its query gets what OpenAI answers.
            let shape = if shape == ModelListShape::Codex { ModelListShape::OpenAi } else { shape };
            find_one(handles, &offers, shape, &id).await.map_err(Some)
        }
    };
    let nothing = match found {
        Ok(json) => return Ok(own_answer(request, json)),
        Err(nothing) => nothing,
    };
    // Amp's own list crosses as it is, so it is kept from a client that may not ask for all it names.
    let is_list = nothing.is_none();
    let may_see = !is_list || rules.is_none_or(|rules| rules.models.is_empty());
    let amp_may_answer = matches!(door.entrance, Entrance::AmpProvider(_))
        && ways.have_route(Route::Amp)
        && may_see
        && handles.settings.amp.as_ref().is_some_and(|amp| amp.fallback != Fallback::Never);
    match nothing {
        _ if amp_may_answer => ask_amp(handles, request, dialect, client).await,
        None => Ok(own_answer(request, models_list(shape, []))),
        Some(error) => Ok(refusal(request, dialect, &error)),
    }
}

/// Every entry that can be asked for, each once.
fn entries<'a>(
    shape: ModelListShape,
    offers: &Offers,
    discovered: &'a [Discovered],
) -> Vec<Cow<'a, ModelEntry>> {
    let own = offers.named().into_iter().filter_map(|offer| own_entry(shape, &offer));
    let theirs = discovered.iter().flat_map(|Discovered { source, list }| {
        list.as_deref().unwrap_or_default().iter().flat_map(move |entry| {
            let listed = entry.id().and_then(ModelName::parse);
            let names = listed.map(|listed| offers.names_of(source, &listed)).unwrap_or_default();
            let is_foreign = listed_as(source.family(), shape) != shape;
            names.into_iter().filter_map(move |name| {
                if is_foreign {
                    // What another dialect's list says more is nothing this one has a word for.
                    let provider = source.provider().clone();
                    return own_entry(shape, &Offer { name, provider }).map(Cow::Owned);
                }
                called(shape, entry, &name)
            })
        })
    });
    let mut seen = HashSet::new();
    own.map(Cow::Owned)
        .chain(theirs)
        .filter(|entry| seen.insert(entry.id().map(str::to_ascii_lowercase)))
        .collect()
}

fn own_entry(shape: ModelListShape, offer: &Offer) -> Option<ModelEntry> {
    let listed = ListedModel { id: offer.name.as_str(), owned_by: offer.provider.as_str() };
    ModelEntry::own(shape, &listed)
}

/// A provider's entry under the name by which clients ask for it.
fn called<'a>(
    shape: ModelListShape,
    entry: &'a ModelEntry,
    name: &ModelName,
) -> Option<Cow<'a, ModelEntry>> {
    if entry.id() == Some(name.as_str()) {
        return Some(Cow::Borrowed(entry));
    }
    let (member, value) = naming_member(shape, name.as_str());
    let json = Bytes::copy_from_slice(entry.as_json().as_bytes());
    let mut edits = Edits::default();
    let value = serde_json::Value::from(value).to_string();
    edits.set_member(&json, JsonPart::parse(&json).ok()?, member, &value);
    let renamed = String::from_utf8(edits.apply(&json).into()).ok()?;
    ModelEntry::parse(shape, renamed).ok().map(Cow::Owned)
}

/// The entry of one model, as it stands in the list.
async fn find_one(
    handles: &Handles,
    offers: &Offers,
    shape: ModelListShape,
    id: &ModelName,
) -> Result<String, GatewayError> {
    let is_wanted = |name: &str| name.eq_ignore_ascii_case(id.as_str());
    let json = |entry: &ModelEntry| entry.as_json().to_owned();
    if let Some(offer) = offers.named().iter().find(|offer| is_wanted(offer.name.as_str())) {
        let own = own_entry(shape, offer);
        return own.as_ref().map(json).ok_or(GatewayError::Internal);
    }
    let may_come_from = |source: &_| offers.may_come_from(source, id);
    let unknown = || GatewayError::ModelNotServed {
        model: id.clone(),
        hint: "no list of a credential's models has it",
    };
    if !offers.sources().iter().any(may_come_from) {
        return Err(unknown());
    }
    let discovered = discover(handles, offers, shape, None).await;
    let entries = entries(shape, offers, &discovered);
    if let Some(entry) = entries.iter().find(|entry| entry.id().is_some_and(is_wanted)) {
        return Ok(json(entry));
    }
    // That a model does not exist can be said only by a list that was read.
    let unread =
        discovered.iter().find(|asked| asked.list.is_err() && may_come_from(&asked.source));
    Err(unread.map_or_else(unknown, |asked| GatewayError::NoModelList {
        provider: asked.source.provider().clone(),
        model: id.clone(),
    }))
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
    let shows_google_key = fields.contains_key(HeaderName::from_static("x-goog-api-key"))
        || parameter(request, "key").is_some();
    list_shape(
        provider,
        codex_version(request).is_some(),
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

/// The version of Codex that asks, as it is written in the query.
fn codex_version(request: &HttpRequest) -> Option<&str> {
    parameter(request, "client_version")
}

/// A query parameter as it is written.
fn parameter<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
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

/// The error in the shape that the client reads lists in, which the path alone does not tell.
fn refusal(request: &HttpRequest, dialect: Dialect, error: &GatewayError) -> HttpResponse {
    let record = RequestRecord::of(request);
    record.fails_with(error.code());
    let (code, status) = error.classify();
    let body = error_body(dialect, status, code, &error.to_string(), record.id());
    HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header(("x-request-id", record.id()))
        .body(body)
}

/// Amp's own list, byte for byte.
async fn ask_amp(
    handles: &Handles,
    request: &HttpRequest,
    dialect: Dialect,
    client: Option<&ClientId>,
) -> Result<HttpResponse, UpstreamFailure> {
    let head = Head::of(request);
    head.record.takes(Route::Amp);
    let outgoing = amp_request(handles, &head, client, RequestBody::None).await?;
    let provider = outgoing.provider.clone();
    let upstream = sent::send(handles, Some(&head.record), outgoing).await?;
    let model = ModelAnswer::plain(dialect, Route::Amp, provider);
    let answering = Answering::modelled(&head, handles.drain.clone(), model);
    Ok(answer::from_upstream(upstream.into(), answering).await)
}
