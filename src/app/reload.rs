//! A new configuration while requests run: read and checked whole, then put in place of the old one.
//!
//! A request keeps the state it began with, so running streams are untouched. What is known of
//! credentials, and which conversation is with which, goes on. A configuration with a problem changes
//! nothing. What belongs to the listener (address, port, whether it speaks TLS, how long a request head
//! may take) cannot change under open connections; a new value is warned of.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use super::certificate::Shown;
use super::house::Plans;
use super::watch::ConfigWatch;
use crate::actors::House;
use crate::actors::upstream::UpstreamPolicy;
use crate::config::{Client, Log, Settings, Sources, load};
use crate::types::ApiKey;

/// The variable in which Amp's own client looks for its key, too.
const AMP_API_KEY: &str = "AMP_API_KEY";

/// How a running gateway learns of a new configuration.
pub struct Reload {
    /// What the configuration is read from again.
    pub sources: Sources,
    /// A reload that somebody asks for: SIGHUP.
    pub asked: mpsc::Receiver<()>,
    /// Makes the log follow its settings.
    pub apply_log: Box<dyn Fn(&Log)>,
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reload")
    }
}

/// The key of the environment for the Amp server.
#[must_use]
pub fn amp_api_key(sources: &Sources) -> Option<ApiKey> {
    sources.environment.get(AMP_API_KEY).and_then(|key| ApiKey::parse(key).ok())
}

/// What a reload replaces in a running gateway.
#[derive(Clone)]
pub(super) struct Live {
    pub house: Arc<ArcSwap<House>>,
    pub upstream: Arc<ArcSwap<UpstreamPolicy>>,
    /// `None`: the listener does not speak TLS.
    pub certificate: Option<Shown>,
    /// The client with the key that was made up because none was configured.
    pub generated: Option<Client>,
}

/// Follows the configuration's files and `asked` for as long as the gateway runs.
pub(super) async fn follow(live: Live, started_with: Arc<Settings>, reload: Reload) {
    let Reload { sources, mut asked, apply_log } = reload;
    // Read once more, since the watch has to begin before what it is compared with.
    let mut watch = ConfigWatch::start(files_of(&sources));
    watch.set_paths(files_of(&sources));
    loop {
        let cause = tokio::select! {
            () = watch.changed() => "file changed",
            Some(()) = asked.recv() => "asked by signal",
            else => return,
        };
        match reload_once(&live, &started_with, &sources, &apply_log).await {
            Ok(files) => {
                tracing::info!(cause, "configuration reloaded");
                watch.set_paths(files);
            }
            Err(problems) => {
                // A file that is named now and could not be read may come to be.
                watch.set_paths(files_of(&sources));
                for problem in &problems {
                    tracing::error!("{problem}");
                }
                tracing::error!(cause, "configuration has problems; the running one stays");
            }
        }
    }
}

fn files_of(sources: &Sources) -> Vec<PathBuf> {
    load(sources).map_or_else(|error| error.files, |loaded| loaded.files)
}

/// Reads, checks, and replaces. Returns the files that were read.
async fn reload_once(
    live: &Live,
    started_with: &Settings,
    sources: &Sources,
    apply_log: &dyn Fn(&Log),
) -> Result<Vec<PathBuf>, Vec<String>> {
    let loaded = load(sources)
        .map_err(|error| error.problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let mut settings = loaded.settings;
    if settings.clients.is_empty() {
        match &live.generated {
            Some(client) => settings.clients.push(client.clone()),
            // A key made up now would be shown to nobody.
            None => {
                return Err(vec!["no `api-keys` are left, so no client could come in".to_owned()]);
            }
        }
    }
    let before = live.house.load_full();
    let limits = live.upstream.load().limits.clone();
    let plans = Plans::new(settings, amp_api_key(sources), Some(&limits))
        .map_err(|error| vec![error.to_string()])?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    warn_of_listener(started_with, &plans.settings);
    apply_log(&plans.settings.log);
    let house = plans.rebuild(&before).await;
    live.upstream.store(Arc::new(plans.upstream));
    if let (Some(shown), Some(certificate)) = (&live.certificate, plans.certificate) {
        shown.replace(certificate);
    }
    live.house.store(Arc::new(house));
    Ok(loaded.files)
}

fn warn_of_listener(started_with: &Settings, now: &Settings) {
    let (old, new) = (started_with, now);
    let changes = [
        ("host", old.listen.host != new.listen.host),
        ("port", old.listen.port != new.listen.port),
        ("tls", old.tls.certificate.is_some() != new.tls.certificate.is_some()),
        ("timeouts.client-head", old.timeouts.client_head != new.timeouts.client_head),
        ("admin", old.admin != new.admin),
    ];
    for (key, _) in changes.iter().filter(|(_, changed)| *changed) {
        tracing::warn!(key, "belongs to the listener; restart to use its new value");
    }
}
