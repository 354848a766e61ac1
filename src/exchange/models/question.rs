//! Asking providers for their lists of models.
//!
//! The question is the gateway's own and its answer is kept (see `DiscoveredLists`), so it waits on no
//! client's terms: a provider has [`PATIENCE`] for all of its pages. Whatever comes of it, no
//! credential is put to rest: a key that may not list models may still call them.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use bytes::BytesMut;
use futures::StreamExt as _;
use futures::future::join_all;

use crate::actors::Handles;
use crate::actors::router::{Account, ListSource, NoList, Offers};
use crate::actors::upstream::{UpstreamFailure, UpstreamResponse};
use crate::config::{Credential, Family};
use crate::dialect::{ModelEntry, ModelListShape, page_query, read_models_page};
use crate::exchange::proof::Proof;
use crate::exchange::{local, sent};

/// The longest a list may take, unless `timeouts.first-byte` is less: one that takes longer would hang
/// the start of every client.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest list that is read, all pages together: the longest known has half a megabyte.
const MAX_LIST_BYTES: usize = 8 << 20;

/// Where a server that has always one more page is given up. Known lists have one or two.
const MAX_PAGES: usize = 20;

/// What a provider answered.
pub(super) struct Discovered {
    pub source: ListSource,
    pub list: Result<Arc<[ModelEntry]>, NoList>,
}

/// The lists of all providers that have to be asked, at once. `codex_version` goes along where Codex
/// asks for its catalogue.
pub(super) async fn discover(
    handles: &Handles,
    offers: &Offers,
    shape: ModelListShape,
    codex_version: Option<&str>,
) -> Vec<Discovered> {
    let sources = offers.sources().into_iter().filter(|source| has_list(source.family(), shape));
    let questions = sources.map(|source| async move {
        let shape = listed_as(source.family(), shape);
        let codex_version = codex_version.filter(|_| shape == ModelListShape::Codex);
        let list = ask_source(handles, &source, shape, codex_version).await;
        Discovered { source, list }
    });
    join_all(questions).await
}

/// The backend of `ChatGPT` plans has one list, the catalogue of Codex, and gives it only to whoever names
/// a version of Codex. We are none, and make none up.
fn has_list(family: Family, shape: ModelListShape) -> bool {
    family != Family::Codex || shape == ModelListShape::Codex
}

/// How a family lists its models to a client that wants `shape`.
pub(super) const fn listed_as(family: Family, shape: ModelListShape) -> ModelListShape {
    match (family, shape) {
        (Family::Claude | Family::Bedrock | Family::VertexClaude, _) => ModelListShape::Anthropic,
        (Family::Gemini | Family::Vertex, _) => ModelListShape::Gemini,
        (
            Family::OpenAi | Family::OpenAiCompatible | Family::Azure | Family::Codex,
            ModelListShape::Codex,
        ) => ModelListShape::Codex,
        (Family::OpenAi | Family::OpenAiCompatible | Family::Azure | Family::Codex, _) => {
            ModelListShape::OpenAi
        }
    }
}

/// One account after the other, until one gives the list. Another key is of use only where the answer
/// was about the key.
async fn ask_source(
    handles: &Handles,
    source: &ListSource,
    shape: ModelListShape,
    codex_version: Option<&str>,
) -> Result<Arc<[ModelEntry]>, NoList> {
    let mut outcome = Ok(Arc::default());
    for account in source.accounts() {
        outcome = ask_account(handles, account, shape, codex_version).await;
        if !matches!(&outcome, Err(no_list) if no_list.is_about_the_key) {
            break;
        }
    }
    outcome
}

async fn ask_account(
    handles: &Handles,
    account: &Account,
    shape: ModelListShape,
    codex_version: Option<&str>,
) -> Result<Arc<[ModelEntry]>, NoList> {
    let credential = account.credential();
    let ask = async {
        let patience = PATIENCE.min(handles.settings.timeouts.first_byte);
        let pages = read_pages(handles, credential, shape, codex_version, patience);
        let late = |_elapsed| {
            let patience = humantime::format_duration(patience);
            Err(no_list(format!("no whole list within {patience}")))
        };
        tokio::time::timeout(patience, pages).await.unwrap_or_else(late)
    };
    handles.router.discovered().of(account, codex_version, ask).await
}

async fn read_pages(
    handles: &Handles,
    credential: &Credential,
    shape: ModelListShape,
    codex_version: Option<&str>,
    first_byte_timeout: Duration,
) -> Result<Vec<ModelEntry>, NoList> {
    let mut entries = Vec::new();
    let mut room = MAX_LIST_BYTES;
    let mut after: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let query = match codex_version {
            Some(version) => format!("client_version={version}"),
            None => page_query(shape, after.as_deref()),
        };
        let proof = Proof::of(credential, &handles.tokens).await;
        let proof = proof.map_err(|UpstreamFailure { cause, .. }| no_list(cause))?;
        let ask = |proof: &Proof<'_>| local::list(credential, proof, &query, first_byte_timeout);
        let sent = sent::send_renewing(handles, None, credential, &proof, ask).await;
        let upstream = sent.map_err(|UpstreamFailure { cause, .. }| no_list(cause))?;
        if upstream.status != StatusCode::OK {
            return Err(refused(upstream.status));
        }
        let body = collect(upstream, room).await.map_err(no_list)?;
        room -= body.len();
        let page = match read_models_page(shape, &body) {
            Ok(page) => page,
            // Nearly every provider ignores Codex's query and gives the list of everybody else.
            Err(_) if shape == ModelListShape::Codex => return Ok(Vec::new()),
            // Where, and not what: an answer is not for the log.
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                return Err(no_list(format!("no list of models (line {line}, column {column})")));
            }
        };
        entries.extend(page.entries);
        if page.next.is_none() || page.next == after {
            return Ok(entries);
        }
        after = page.next;
    }
    let credential = credential.id.as_str();
    tracing::debug!(credential, "model list goes on after {MAX_PAGES} pages; it is cut there");
    Ok(entries)
}

async fn collect(upstream: UpstreamResponse, limit_bytes: usize) -> Result<BytesMut, String> {
    let mut body = upstream.body;
    let mut list = BytesMut::new();
    while let Some(piece) = body.next().await {
        list.extend_from_slice(&piece.map_err(|broke| broke.to_string())?);
        if list.len() > limit_bytes {
            return Err(format!("it is over {MAX_LIST_BYTES} bytes"));
        }
    }
    Ok(list)
}

fn no_list(cause: String) -> NoList {
    NoList { cause, is_about_the_key: false }
}

/// A status that is no answer for one key may be one for another.
fn refused(status: StatusCode) -> NoList {
    let is_about_the_key =
        matches!(status.as_u16(), 401 | 402 | 403 | 429) || status.is_server_error();
    NoList { cause: format!("status {}", status.as_u16()), is_about_the_key }
}
