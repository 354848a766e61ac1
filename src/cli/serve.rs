//! `ampgate serve`: the gateway, until it is told to stop.

use std::thread::available_parallelism;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::{Failure, say};
use crate::app::{Gateway, Launch};
use crate::config::{Log, LogFormat, LogLevel, Sources, load};
use crate::telemetry::{self, LogStyle};
use crate::types::ApiKey;

/// The variable in which Amp's own client looks for its key, too.
const AMP_API_KEY: &str = "AMP_API_KEY";

pub(super) fn run(sources: &Sources) -> Result<(), Failure> {
    let loaded = load(sources).map_err(|error| error.to_string())?;
    start_logging(&loaded.settings.log)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let amp_api_key = sources.environment.get(AMP_API_KEY).and_then(|key| ApiKey::parse(key).ok());
    let launch = Launch { settings: loaded.settings, amp_api_key, workers: workers() };
    actix_rt::System::new().block_on(async {
        // Before anybody can know that we listen: a SIGTERM from then on must drain, not kill.
        let stops = stop_signals()?;
        let gateway = Gateway::start(launch).await.map_err(|error| error.to_string())?;
        for address in gateway.addresses() {
            tracing::info!(%address, "listening");
        }
        if let Some(key) = gateway.generated_key() {
            say(&format!(
                "No `api-keys` are configured, so this run has a key of its own:\n\n    {key}\n"
            ));
        }
        gateway.run(stops).await.map_err(|error| format!("server failed: {error}"))
    })
}

/// One worker for each core that we may use.
pub(super) fn workers() -> usize {
    available_parallelism().map_or(1, usize::from)
}

pub(super) fn start_logging(log: &Log) -> Result<(), Failure> {
    let style = match log.format {
        LogFormat::Auto => LogStyle::Auto,
        LogFormat::Human => LogStyle::Human,
        LogFormat::Json => LogStyle::Json,
    };
    let level = match log.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    telemetry::init(style, level).map_err(|error| format!("cannot start logging: {error}"))
}

/// Each SIGTERM or SIGINT, as it comes.
pub(super) fn stop_signals() -> Result<mpsc::Receiver<()>, Failure> {
    let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
    let (tell, told) = mpsc::channel(2);
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    actix_rt::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if tell.send(()).await.is_err() {
                return;
            }
        }
    });
    Ok(told)
}
