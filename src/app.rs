//! The composition root: starts the actors, listens, serves, reloads, drains.

mod admin_listener;
mod certificate;
mod house;
mod listen;
mod reload;
mod serving;
mod watch;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use tokio::sync::mpsc;

pub use self::certificate::CertificateError;
pub use self::reload::{Reload, WatchedConfig, amp_api_key};

use self::admin_listener::AdminListener;
use self::house::{Plans, generated_client, key_for_nobody};
use self::listen::listen;
use self::reload::Live;
use self::serving::{Reception, serve};
use crate::actors::clock::WallClock;
use crate::actors::upstream::TrustError;
use crate::config::Settings;
use crate::drain::Drain;
use crate::telemetry::{Traces, TracesError};
use crate::types::ApiKey;

/// After the drain time every stream is told to end; this is for the telling. What comes behind it has
/// limits of its own: `deploy/checks/support.py` adds them up.
const AFTER_DRAIN: Duration = Duration::from_secs(5);

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "no client keys are configured, and `{host}` is not a loopback address: anybody who reaches \
         it could spend your providers' money. Set `api-keys`, or `host: 127.0.0.1`"
    )]
    OpenWithoutKeys { host: String },
    #[error("cannot listen on {host}:{port}: {cause}")]
    Listen { host: String, port: u16, cause: io::Error },
    #[error(
        "cannot listen on {host}:{port} for metrics and status: {cause}. Set another `admin.port` (0 takes \
         any free one), or `admin: {{ enable: false }}`"
    )]
    ListenAdmin { host: String, port: u16, cause: io::Error },
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Traces(#[from] TracesError),
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

/// What a gateway starts from besides its settings.
#[derive(Debug)]
pub struct Launch {
    pub settings: Settings,
    /// `AMP_API_KEY`.
    pub amp_api_key: Option<ApiKey>,
    /// Worker threads.
    pub workers: usize,
    /// `None`: the settings stay as they are.
    pub reload: Option<Reload>,
    /// By which days and months are counted; the system's.
    pub wall_clock: WallClock,
}

/// A gateway that listens.
pub struct Gateway {
    server: Server,
    addresses: Vec<SocketAddr>,
    /// `None`: switched off.
    admin: Option<AdminListener>,
    generated_key: Option<String>,
    live: Live,
    drain: Drain,
    /// `None`: no collector is configured.
    traces: Option<Traces>,
    /// Follows the configuration; ends with the gateway.
    following: Option<actix_rt::task::JoinHandle<()>>,
}

impl Gateway {
    /// Starts the actors and listens. Requests are answered from here on.
    #[expect(clippy::unused_async, reason = "only an actix system can run it: actors start here")]
    pub async fn start(launch: Launch) -> Result<Self, StartError> {
        let Launch { mut settings, amp_api_key, workers, reload, wall_clock } = launch;
        let generated_key =
            settings.clients.is_empty().then(|| key_for_nobody(&settings.listen)).transpose()?;
        let generated =
            generated_key.as_deref().map(|key| generated_client(key, settings.client_limits));
        settings.clients.extend(generated.clone());
        let drain = Drain::default();
        let plans = Plans::new(settings, amp_api_key, None)?;
        let settings = plans.settings.clone();
        let (houses, present) =
            tokio::sync::watch::channel(Arc::new(plans.open(drain.clone(), wall_clock)));
        let reception = Reception::new(settings.timeouts.client_head, plans.certificate)?;
        let (receptions, present_reception) = tokio::sync::watch::channel(Arc::new(reception));

        let refused = |cause| {
            let (host, port) = (settings.listen.host.clone(), settings.listen.port);
            StartError::Listen { host, port, cause }
        };
        let listeners = listen(&settings.listen).map_err(refused)?;
        let addresses = listeners.iter().map(TcpListener::local_addr);
        let addresses = addresses.collect::<io::Result<_>>().map_err(refused)?;
        let admin = AdminListener::open(&settings.admin, present.clone())?;
        let trust = || (*plans.upstream.tls.http1_only).clone();
        let traces =
            settings.traces.as_ref().map(|otlp| Traces::start(otlp, trust())).transpose()?;
        let spans = traces.as_ref().map(Traces::span_maker);
        let server = serve(listeners, workers, &present, &present_reception, spans.as_ref())
            .map_err(refused)?;
        let live = Live { houses, receptions, generated };
        let following = reload
            .map(|reload| actix_rt::spawn(reload::follow(live.clone(), settings.clone(), reload)));
        Ok(Self { server, addresses, admin, generated_key, live, drain, traces, following })
    }

    /// Where we listen; with port 0 the port that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where metrics and status are; `None` when they are switched off.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|admin| admin.addresses().first().copied())
    }

    /// The key made up for this run because none was configured. Shown once, on start-up.
    #[must_use]
    pub fn generated_key(&self) -> Option<&str> {
        self.generated_key.as_deref()
    }

    /// Serves until the first request to stop, then drains: accepts nothing new, lets running
    /// requests and streams finish within `timeouts.drain`, and ends what is left. A second request
    /// to stop ends the drain at once.
    pub async fn run(mut self, stops: mpsc::Receiver<()>) -> io::Result<()> {
        let admin = self.admin.take().map(AdminListener::run);
        let served = self.serve(stops).await;
        // Last, so that the drain can be watched.
        if let Some(admin) = admin {
            admin.stop(true).await;
        }
        if served.is_ok() {
            tracing::info!("stopped");
        }
        served
    }

    async fn serve(self, mut stops: mpsc::Receiver<()>) -> io::Result<()> {
        let Self { server, live, drain, traces, following, .. } = self;
        let handle = server.handle();
        let mut server = actix_rt::spawn(server);
        tokio::select! {
            ended = &mut server => return ended.unwrap_or_else(|panic| Err(io::Error::other(panic))),
            _ = stops.recv() => {}
        }
        if let Some(following) = following {
            following.abort();
        }
        let drain_timeout = live.houses.borrow().settings.timeouts.drain;
        tracing::info!(timeout = %humantime::format_duration(drain_timeout), "draining");
        drain.begin();
        live.houses.borrow().tokens.drain();
        let mut stopped = std::pin::pin!(handle.stop(true));
        let time_is_up = async {
            tokio::select! {
                () = tokio::time::sleep(drain_timeout) => {}
                Some(()) = stops.recv() => {}
            }
        };
        tokio::select! {
            () = &mut stopped => {}
            () = time_is_up => {
                tracing::warn!("drain time is up; ending what still runs");
                drain.finish();
                if tokio::time::timeout(AFTER_DRAIN, stopped).await.is_err() {
                    // Clients that do not even read their ending are not waited for.
                    handle.stop(false).await;
                }
            }
        }
        let (state, tokens) = {
            let house = live.houses.borrow();
            (house.state.clone(), house.tokens.clone())
        };
        tokens.settled().await;
        state.leave().await;
        if let Some(traces) = traces {
            traces.stop().await;
        }
        Ok(())
    }
}
