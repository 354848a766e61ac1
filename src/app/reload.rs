//! A new configuration while requests run: read and checked whole, then put in place of the old one.
//!
//! A request keeps the state it began with, so running streams are untouched. What is known of
//! credentials, and which conversation is with which, goes on. A configuration with a problem changes
//! nothing. Where we listen (address, port) cannot change while we do; a new value is warned of.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::admin_listener::warn_if_open;
use super::house::Plans;
use super::serving::Reception;
use super::watch::ConfigWatch;
use crate::actors::House;
use crate::config::{
    Client, ConfigError, Family, Loaded, Log, Settings, Sources, WarningKind, exposed, load,
    named_file,
};
use crate::types::ApiKey;

/// How often a configuration is read at once because each time it names files that were not watched.
/// Two are enough unless somebody edits the file meanwhile, and then the watch tells.
const MOST_READS: usize = 4;

/// A configuration whose files are watched from before they are read, so that no change is missed.
pub struct WatchedConfig {
    sources: Sources,
    /// The file itself, named or usual, there or not.
    file: PathBuf,
    watch: ConfigWatch,
}

impl WatchedConfig {
    /// Begins to watch. Reads nothing yet.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        let file = named_file(&sources);
        let watch = ConfigWatch::start(vec![file.clone()]);
        Self { sources, file, watch }
    }

    /// Reads the configuration; again when it names files that nobody watched while it was read.
    pub fn load(&mut self) -> Result<Loaded, ConfigError> {
        for _ in 1..MOST_READS {
            let outcome = load(&self.sources);
            let mut files = match &outcome {
                Ok(loaded) => loaded.files.clone(),
                // A file that is named and could not be read may come to be.
                Err(error) => error.files.clone(),
            };
            if !files.contains(&self.file) {
                files.push(self.file.clone());
            }
            let was_watched = self.watch.watches(&files);
            self.watch.set_paths(files);
            if was_watched || is_read_once(&self.file) {
                return outcome;
            }
        }
        load(&self.sources)
    }
}

/// Whether a file is something that can be read only once, such as a pipe.
fn is_read_once(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|metadata| !metadata.is_file())
}

/// How a running gateway learns of a new configuration.
pub struct Reload {
    pub config: WatchedConfig,
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
    crate::config::amp_api_key(&sources.environment)
}

/// What a reload replaces in a running gateway.
#[derive(Clone)]
pub(super) struct Live {
    pub houses: watch::Sender<Arc<House>>,
    pub receptions: watch::Sender<Arc<Reception>>,
    /// The client with the key that was made up because none was configured.
    pub generated: Option<Client>,
}

/// Follows the configuration's files and `asked` for as long as the gateway runs.
pub(super) async fn follow(live: Live, started_with: Arc<Settings>, reload: Reload) {
    let Reload { mut config, mut asked, apply_log } = reload;
    loop {
        let cause = tokio::select! {
            () = config.watch.changed() => "file changed",
            Some(()) = asked.recv() => {
                // What was saved before the signal is read now, and is no second reason.
                config.watch.catch_up();
                "asked by signal"
            }
        };
        let outcome = reload_once(&live, &started_with, &mut config, &apply_log).await;
        live.houses.borrow().metrics.reloaded(outcome.is_ok());
        match outcome {
            Ok(()) => tracing::info!(cause, "configuration reloaded"),
            Err(problems) => {
                for problem in &problems {
                    tracing::error!("{problem}");
                }
                tracing::error!(cause, "configuration has problems; the running one stays");
            }
        }
    }
}

/// Reads, checks, and replaces: all of it, or nothing when there are problems.
async fn reload_once(
    live: &Live,
    started_with: &Settings,
    config: &mut WatchedConfig,
    apply_log: &dyn Fn(&Log),
) -> Result<(), Vec<String>> {
    let file = config.file.display().to_string();
    if is_read_once(&config.file) {
        return Err(vec![format!("{file}: is no file, and can be read only once")]);
    }
    let loaded = config
        .load()
        .map_err(|error| error.problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let exposed_files = exposed(&loaded);
    let Loaded { mut settings, warnings, .. } = loaded;
    if settings.clients.is_empty() {
        match &live.generated {
            Some(client) => {
                let mut client = client.clone();
                client.rules.limits = settings.client_limits;
                settings.clients.push(client);
            }
            // A key made up now would be shown to nobody.
            None => {
                return Err(vec![format!(
                    "{file}: api-keys has no entry left, so no client could come in"
                )]);
            }
        }
    }
    let before = live.houses.borrow().clone();
    let limits = &before.upstream.limits;
    let plans = Plans::new(settings, amp_api_key(&config.sources), Some(limits))
        .map_err(|error| vec![error.to_string()])?;
    let client_head = plans.settings.timeouts.client_head;
    let reception = Reception::new(client_head, plans.certificate.clone())
        .map_err(|error| vec![error.to_string()])?;
    // Nothing can fail from here on.
    apply_log(&plans.settings.log);
    // Also of a preset that nobody has logged in to yet.
    let (credentials, oauth) = (&before.settings.credentials, &before.settings.oauth);
    let mut known = credentials.iter().chain(oauth.iter().map(|entry| &entry.credential));
    let told_terms = known.any(|one| one.family == Family::Codex);
    for warning in &warnings {
        if warning.kind != WarningKind::Terms || !told_terms {
            tracing::warn!("{warning}");
        }
    }
    for file in &exposed_files {
        tracing::warn!("{file}");
    }
    warn_of_listener(started_with, &plans.settings);
    if before.settings.admin.key.is_some() && started_with.admin.is_enabled {
        warn_if_open(&started_with.admin.listen, &plans.settings.admin);
    }
    let house = plans.rebuild(&before).await;
    Reception::follow(&live.receptions, reception);
    live.houses.send_replace(Arc::new(house));
    Ok(())
}

fn warn_of_listener(started_with: &Settings, now: &Settings) {
    let (old, new) = (started_with, now);
    let changes = [
        ("host", old.listen.host != new.listen.host),
        ("port", old.listen.port != new.listen.port),
        ("admin.enable", old.admin.is_enabled != new.admin.is_enabled),
        ("admin.host", old.admin.listen.host != new.admin.listen.host),
        ("admin.port", old.admin.listen.port != new.admin.listen.port),
        ("telemetry", old.traces != new.traces),
    ];
    for (key, _) in changes.iter().filter(|(_, changed)| *changed) {
        tracing::warn!(key, "belongs to the start; restart to use its new value");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::time::Duration;

    use super::*;

    async fn is_told(config: &mut WatchedConfig) {
        let changed = tokio::time::timeout(Duration::from_secs(60), config.watch.changed());
        changed.await.expect("a change was not told");
    }

    /// A folder with a configuration that takes its one key from a file.
    fn with_secret() -> (tempfile::TempDir, Sources) {
        let folder = tempfile::tempdir().unwrap();
        let (file, secret) = (folder.path().join("a.yaml"), folder.path().join("secret"));
        fs::write(&secret, "one").unwrap();
        let key = format!("api-keys: [{{ name: a, key-file: '{}' }}]\n", secret.display());
        fs::write(&file, key).unwrap();
        (folder, Sources { file: Some(file), ..Sources::default() })
    }

    /// Between the reading of a file and the first wait for its changes lies a whole start.
    #[actix_web::test]
    async fn a_change_during_the_start_is_told() {
        for changed in ["a.yaml", "secret"] {
            let (folder, sources) = with_secret();
            let mut config = WatchedConfig::new(sources);
            config.load().unwrap();

            fs::write(folder.path().join(changed), "api-keys: [two]\n").unwrap();

            is_told(&mut config).await;
        }
    }

    #[actix_web::test]
    async fn a_secret_is_watched_from_before_it_is_read() {
        let (folder, sources) = with_secret();
        let mut config = WatchedConfig::new(sources);

        let loaded = config.load().unwrap();

        assert!(config.watch.watches(&loaded.files));
        assert!(loaded.files.contains(&folder.path().join("secret")));
    }

    #[actix_web::test]
    async fn a_file_that_is_missing_is_waited_for() {
        let (folder, sources) = with_secret();
        fs::remove_file(folder.path().join("secret")).unwrap();
        let mut config = WatchedConfig::new(sources);
        config.load().unwrap_err();

        fs::write(folder.path().join("secret"), "two").unwrap();

        is_told(&mut config).await;
        assert_eq!(config.load().unwrap().settings.clients.len(), 1);
    }

    #[test]
    fn without_a_name_the_usual_file_is_watched() {
        let named = |file: &str| BTreeMap::from([("AMPGATE_CONFIG".to_owned(), file.to_owned())]);
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (Some("/a.yaml"), named("/b.yaml"), "/a.yaml",      "the flag goes first"),
            (None,            named("/b.yaml"), "/b.yaml",      "then the variable"),
            (None,            named(""),        "ampgate.yaml", "an empty variable names none"),
            (None,            BTreeMap::new(),  "ampgate.yaml", "nobody names one"),
        ];
        for (file, environment, expected, why) in cases {
            let file = file.map(PathBuf::from);
            let sources = Sources { file, environment, ..Sources::default() };
            assert_eq!(WatchedConfig::new(sources).file, Path::new(expected), "{why}");
        }
    }

    /// `ampgate serve --config <(make-config)` can be read only once.
    #[test]
    fn a_pipe_is_read_no_second_time() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let writing = pipe.clone();
        let writer = std::thread::spawn(move || fs::write(writing, "api-keys: [k]\n"));
        let mut config =
            WatchedConfig::new(Sources { file: Some(pipe.clone()), ..Sources::default() });

        let loaded = config.load().unwrap();

        writer.join().unwrap().unwrap();
        assert_eq!(loaded.settings.clients.len(), 1);
        assert!(is_read_once(&pipe));
    }
}
