//! Which key opens the Amp server for a client.
//!
//! In this order: the client's own (`ampcode.upstream-api-keys`), then `ampcode.upstream-api-key`,
//! then `AMP_API_KEY`, then the Amp client's secrets file. The first three are known at start-up and
//! are read without a hop. The file's answer, a missing file included, is kept for
//! `ampcode.secret-ttl`; only a miss messages the actor, and many misses at once read the file once.

mod file;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Context, Handler, Message, Recipient, ResponseFuture};
use moka::future::Cache;

pub use file::{SecretsFileError, read_key};

use super::clock::Clock;
use crate::types::{ApiKey, ClientId};

/// The caches hold one answer for each Amp server, and there is one.
const CACHE_CAPACITY: u64 = 16;

/// A mailbox that a stampede of misses does not fill: each waits for the same read.
const MAILBOX_CAPACITY: usize = 1024;

/// Where keys for the Amp server come from.
#[derive(Clone, Debug, Default)]
pub struct KeySources {
    /// Keys that single clients are mapped to.
    pub per_client: Vec<(ClientId, ApiKey)>,
    /// `ampcode.upstream-api-key`.
    pub configured: Option<ApiKey>,
    /// `AMP_API_KEY`.
    pub environment: Option<ApiKey>,
    /// The Amp client's own store.
    pub file: PathBuf,
    /// The Amp server's address as the store knows it.
    pub url: String,
    /// How long the file's answer is kept.
    pub ttl: Duration,
}

/// Asks for the key in the secrets file.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Option<ApiKey>")]
pub struct LoadFileKey;

/// What the file said, and when.
#[derive(Clone, Debug)]
struct FileAnswer {
    key: Option<ApiKey>,
    read_at: Instant,
}

/// The part that readers and the actor share.
#[derive(Clone, Debug)]
struct Answers {
    cache: Cache<Arc<str>, FileAnswer>,
    url: Arc<str>,
    ttl: Duration,
    clock: Clock,
    reads: Arc<AtomicU64>,
}

impl Answers {
    async fn fresh(&self) -> Option<FileAnswer> {
        self.cache.get(&self.url).await.filter(|answer| self.is_fresh(answer))
    }

    fn is_fresh(&self, answer: &FileAnswer) -> bool {
        self.clock.now().saturating_duration_since(answer.read_at) < self.ttl
    }
}

/// Owns the sources of the Amp server's key.
#[derive(Debug)]
pub struct SecretActor {
    file: Arc<PathBuf>,
    answers: Answers,
}

impl SecretActor {
    /// Reads the file unless somebody just did. moka lets one caller read and the others wait.
    async fn load(file: Arc<PathBuf>, answers: Answers) -> Option<ApiKey> {
        if let Some(answer) = answers.fresh().await {
            return answer.key;
        }
        let read = async {
            answers.reads.fetch_add(1, Ordering::Relaxed);
            let (path, url) = (file.clone(), answers.url.clone());
            let key = tokio::task::spawn_blocking(move || file::read_key(&path, &url)).await;
            let key = key.unwrap_or(Ok(None)).unwrap_or_else(|error| {
                // The request goes on without a key; the Amp server's 401 tells the client.
                tracing::warn!(path = %file.display(), %error, "secrets file cannot be used");
                None
            });
            FileAnswer { key, read_at: answers.clock.now() }
        };
        let stale = |answer: &FileAnswer| !answers.is_fresh(answer);
        let entry = answers.cache.entry(answers.url.clone());
        entry.or_insert_with_if(read, stale).await.into_value().key
    }
}

impl Actor for SecretActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
    }
}

impl Handler<LoadFileKey> for SecretActor {
    type Result = ResponseFuture<Option<ApiKey>>;

    fn handle(&mut self, _: LoadFileKey, _: &mut Self::Context) -> Self::Result {
        Box::pin(Self::load(self.file.clone(), self.answers.clone()))
    }
}

/// What the rest of the gateway holds instead of the actor's address.
#[derive(Clone, Debug)]
pub struct Secrets {
    per_client: Arc<HashMap<ClientId, ApiKey>>,
    /// From the configuration, else from the environment.
    standing: Option<ApiKey>,
    answers: Answers,
    actor: Recipient<LoadFileKey>,
}

impl Secrets {
    /// Starts the actor on the current arbiter.
    #[must_use]
    pub fn start(sources: KeySources, clock: Clock) -> Self {
        let answers = Answers {
            cache: Cache::builder().max_capacity(CACHE_CAPACITY).time_to_live(sources.ttl).build(),
            url: sources.url.into(),
            ttl: sources.ttl,
            clock,
            reads: Arc::default(),
        };
        let actor = SecretActor { file: Arc::new(sources.file), answers: answers.clone() };
        let actor: Addr<SecretActor> = actor.start();
        Self {
            per_client: Arc::new(sources.per_client.into_iter().collect()),
            standing: sources.configured.or(sources.environment),
            answers,
            actor: actor.recipient(),
        }
    }

    /// The key that `client`'s requests to the Amp server carry; `None` when there is none.
    pub async fn resolve(&self, client: &ClientId) -> Option<ApiKey> {
        if let Some(key) = self.per_client.get(client).or(self.standing.as_ref()) {
            return Some(key.clone());
        }
        if let Some(answer) = self.answers.fresh().await {
            return answer.key;
        }
        // A closed mailbox means that the process is going: without a key, as with a broken file.
        self.actor.send(LoadFileKey).await.unwrap_or(None)
    }

    /// How often the file has been read.
    #[must_use]
    pub fn file_reads(&self) -> u64 {
        self.answers.reads.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
