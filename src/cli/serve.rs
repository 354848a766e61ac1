//! `ampgate serve`: the gateway, until it is told to stop.

use std::thread::available_parallelism;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::{Failure, say};
use crate::actors::clock::WallClock;
use crate::app::{Gateway, Launch, Reload, WatchedConfig, amp_api_key};
use crate::config::{Log, LogFormat, LogLevel, Sources, exposed};
use crate::telemetry::{self, LogControl, LogStyle};

pub(super) fn run(sources: &Sources) -> Result<(), Failure> {
    let mut config = WatchedConfig::new(sources.clone());
    let loaded = config.load().map_err(|error| error.to_string())?;
    let log = start_logging(&loaded.settings.log)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    for file in exposed(&loaded) {
        tracing::warn!("{file}");
    }
    actix_rt::System::new().block_on(async {
        // Before anybody can know that we listen: a SIGTERM from then on must drain, not kill.
        let stops = stop_signals()?;
        let launch = Launch {
            settings: loaded.settings,
            amp_api_key: amp_api_key(sources),
            workers: workers(),
            wall_clock: WallClock::system(),
            reload: Some(Reload {
                config,
                asked: signals(&[SignalKind::hangup()])?,
                apply_log: Box::new(move |settings| {
                    let (style, level) = style_and_level(settings);
                    log.set(style, level);
                }),
            }),
        };
        let gateway = Gateway::start(launch).await.map_err(|error| error.to_string())?;
        for address in gateway.addresses() {
            tracing::info!(%address, "listening");
        }
        if let Some(address) = gateway.admin_address() {
            tracing::info!(%address, "listening for metrics and status");
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

pub(super) fn start_logging(log: &Log) -> Result<LogControl, Failure> {
    let (style, level) = style_and_level(log);
    telemetry::init(style, level).map_err(|error| format!("cannot start logging: {error}"))
}

fn style_and_level(log: &Log) -> (LogStyle, &'static str) {
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
    (style, level)
}

/// Each SIGTERM or SIGINT, as it comes.
pub(super) fn stop_signals() -> Result<mpsc::Receiver<()>, Failure> {
    signals(&[SignalKind::terminate(), SignalKind::interrupt()])
}

/// Each signal of these kinds, as it comes.
fn signals(kinds: &[SignalKind]) -> Result<mpsc::Receiver<()>, Failure> {
    let (tell, told) = mpsc::channel(2);
    for kind in kinds {
        let mut signals =
            signal(*kind).map_err(|error| format!("cannot listen for signals: {error}"))?;
        let tell = tell.clone();
        actix_rt::spawn(async move {
            while signals.recv().await.is_some() && tell.send(()).await.is_ok() {}
        });
    }
    Ok(told)
}
