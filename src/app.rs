//! The composition root: starts the actors, stacks the guards, listens, reloads, drains.

mod certificate;
mod house;
mod reload;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use tokio::sync::mpsc;
use tracing_actix_web::TracingLogger;

pub use self::certificate::CertificateError;
pub use self::reload::{Reload, WatchedConfig, amp_api_key};

use self::certificate::Shown;
use self::house::{Plans, generated_client, key_for_nobody};
use self::reload::Live;
use crate::actors::Worker;
use crate::actors::upstream::TrustError;
use crate::config::Settings;
use crate::drain::Drain;
use crate::guard::enforce;
use crate::routes;
use crate::telemetry::{RequestSpan, record_request};
use crate::types::ApiKey;

/// Room for bursts of connections while the workers are busy.
const BACKLOG: u32 = 8192;

/// Open connections for each worker; beyond it, new ones wait in the backlog.
const MAX_CONNECTIONS: usize = 20_000;

/// How long an idle client connection is kept: longer than the 60 s after which common load
/// balancers let go of theirs, so that the end is theirs to choose.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a client may take to read our refusal of its body before the connection is closed.
const CLIENT_DISCONNECT: Duration = Duration::from_secs(1);

/// After the drain time every stream is told to end; this is for the telling.
const AFTER_DRAIN: Duration = Duration::from_secs(5);

/// Longer than any drain time that can be configured: when draining ends is decided here, by a
/// setting that a reload may have changed.
const SERVER_SHUTDOWN: Duration = Duration::from_secs(2 * 60 * 60);

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
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
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
}

/// A gateway that listens.
pub struct Gateway {
    server: Server,
    addresses: Vec<SocketAddr>,
    generated_key: Option<String>,
    live: Live,
    drain: Drain,
    /// Follows the configuration; ends with the gateway.
    following: Option<actix_rt::task::JoinHandle<()>>,
}

impl Gateway {
    /// Starts the actors and listens. Requests are answered from here on.
    #[expect(clippy::unused_async, reason = "only an actix system can run it: actors start here")]
    pub async fn start(launch: Launch) -> Result<Self, StartError> {
        let Launch { mut settings, amp_api_key, workers, reload } = launch;
        let generated_key =
            settings.clients.is_empty().then(|| key_for_nobody(&settings.listen)).transpose()?;
        let generated = generated_key.as_deref().map(generated_client);
        settings.clients.extend(generated.clone());
        let drain = Drain::default();
        let plans = Plans::new(settings, amp_api_key, None)?;
        let settings = plans.settings.clone();
        let (houses, present) = tokio::sync::watch::channel(Arc::new(plans.open(drain.clone())));
        let certificate = plans.certificate.map(Shown::new);

        let server = HttpServer::new(move || {
            // Runs on each worker, so its upstream actor lives on the worker's own arbiter.
            let worker = Rc::new(Worker::new(present.clone()));
            actix_rt::spawn(worker.clone().follow_reloads());
            // The last `wrap` runs first: span, record, guards, route.
            App::new()
                .app_data(worker)
                .wrap(from_fn(enforce))
                .wrap(from_fn(record_request))
                .wrap(TracingLogger::<RequestSpan>::new())
                .default_service(web::to(routes::answer))
        })
        .workers(workers)
        .backlog(BACKLOG)
        .max_connections(MAX_CONNECTIONS)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(settings.timeouts.client_head)
        .client_disconnect_timeout(CLIENT_DISCONNECT)
        // Without this a client that leaves before the head of its answer is never noticed, and the
        // provider goes on generating what nobody will read.
        .h1_allow_half_closed(false)
        .shutdown_timeout(SERVER_SHUTDOWN.as_secs())
        .disable_signals();

        let listen = &settings.listen;
        let bound = (bind_host(&listen.host), listen.port);
        let server = match &certificate {
            Some(shown) => server.bind_rustls_0_23(bound, shown.server_config()?),
            None => server.bind(bound),
        }
        .map_err(|cause| {
            let (host, port) = (listen.host.clone(), listen.port);
            StartError::Listen { host, port, cause }
        })?;
        let addresses = server.addrs();
        let live = Live { houses, certificate, generated };
        let following = reload
            .map(|reload| actix_rt::spawn(reload::follow(live.clone(), settings.clone(), reload)));
        Ok(Self { server: server.run(), addresses, generated_key, live, drain, following })
    }

    /// Where we listen; with port 0 the port that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The key made up for this run because none was configured. Shown once, on start-up.
    #[must_use]
    pub fn generated_key(&self) -> Option<&str> {
        self.generated_key.as_deref()
    }

    /// Serves until the first request to stop, then drains: accepts nothing new, lets running
    /// requests and streams finish within `timeouts.drain`, and ends what is left. A second request
    /// to stop ends the drain at once.
    pub async fn run(self, mut stops: mpsc::Receiver<()>) -> io::Result<()> {
        let Self { server, live, drain, following, .. } = self;
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
        tracing::info!("stopped");
        Ok(())
    }
}

/// An empty host means every interface, as in CLIProxyAPI; the IPv6 wildcard takes IPv4 as well.
fn bind_host(host: &str) -> &str {
    match host {
        "" if ipv6_is_available() => "::",
        "" => "0.0.0.0",
        host => host.trim_start_matches('[').trim_end_matches(']'),
    }
}

fn ipv6_is_available() -> bool {
    std::net::TcpListener::bind("[::]:0").is_ok()
}
