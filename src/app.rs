//! The composition root: starts the actors, stacks the guards, listens, drains.

mod certificate;
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
use self::certificate::server_config;
pub use self::watch::ConfigWatch;
use crate::actors::Handles;
use crate::actors::clock::Clock;
use crate::actors::router::{Fallbacks, ProviderRouter, RouteTable};
use crate::actors::secrets::{KeySources, Secrets};
use crate::actors::upstream::{
    ConnectionLimits, Timeouts, TrustError, Upstream, UpstreamActor, UpstreamTls,
};
use crate::config::{Amp, Client, Fallback, Settings};
use crate::drain::Drain;
use crate::guard::{CorsPolicy, GuardPolicy, enforce};
use crate::routes;
use crate::telemetry::{RequestSpan, record_request};
use crate::types::{ApiKey, ClientId, ClientKey, Keyring};

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
#[derive(Clone, Debug)]
pub struct Launch {
    pub settings: Settings,
    /// `AMP_API_KEY`.
    pub amp_api_key: Option<ApiKey>,
    /// Worker threads.
    pub workers: usize,
}

/// A gateway that listens.
pub struct Gateway {
    server: Server,
    addresses: Vec<SocketAddr>,
    generated_key: Option<String>,
    drain: Drain,
    drain_timeout: Duration,
}

impl Gateway {
    /// Starts the actors and listens. Requests are answered from here on.
    #[expect(clippy::unused_async, reason = "only an actix system can run it: actors start here")]
    pub async fn start(launch: Launch) -> Result<Self, StartError> {
        let Launch { mut settings, amp_api_key, workers } = launch;
        let generated_key = ensure_client_key(&mut settings)?;
        let tls = UpstreamTls::load(settings.tls.upstream_ca.as_deref())?;
        let certificate = settings.tls.certificate.as_ref().map(server_config).transpose()?;

        let drain = Drain::default();
        let clients = settings.clients.iter();
        let keyring = Arc::new(Keyring::new(
            clients.map(|client| (client.id.clone(), client.key.clone())).collect(),
        ));
        let policy = Arc::new(guard_policy(&settings, keyring.clone(), drain.clone()));
        let secrets =
            Secrets::start(key_sources(settings.amp.as_ref(), amp_api_key), Clock::system());
        let table = RouteTable::new(settings.credentials.clone(), fallbacks(settings.amp.as_ref()));
        let router = ProviderRouter::start(table);
        let limits = ConnectionLimits::new(settings.limits.connections_per_upstream);
        let timeouts =
            Timeouts { connect: settings.timeouts.connect, idle: settings.timeouts.idle };

        let settings = Arc::new(settings);
        let (listen, client_head) = (settings.listen.clone(), settings.timeouts.client_head);
        let drain_timeout = settings.timeouts.drain;
        let draining = drain.clone();
        let server = HttpServer::new(move || {
            // Runs on each worker, so the actor lives on the worker's own arbiter.
            let upstream = UpstreamActor::new(tls.clone(), timeouts, limits.clone());
            let handles = Handles {
                settings: settings.clone(),
                keyring: keyring.clone(),
                secrets: secrets.clone(),
                router: router.clone(),
                upstream: Upstream::start(upstream),
                drain: draining.clone(),
            };
            // The last `wrap` runs first: span, record, guards, route.
            App::new()
                .app_data(Rc::new(handles))
                .app_data(policy.clone())
                .wrap(from_fn(enforce))
                .wrap(from_fn(record_request))
                .wrap(TracingLogger::<RequestSpan>::new())
                .default_service(web::to(routes::answer))
        })
        .workers(workers)
        .backlog(BACKLOG)
        .max_connections(MAX_CONNECTIONS)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(client_head)
        .client_disconnect_timeout(CLIENT_DISCONNECT)
        // Without this a client that leaves before the head of its answer is never noticed, and the
        // provider goes on generating what nobody will read.
        .h1_allow_half_closed(false)
        .shutdown_timeout((drain_timeout + AFTER_DRAIN).as_secs())
        .disable_signals();

        let bound = (bind_host(&listen.host), listen.port);
        let server = match certificate {
            Some(config) => server.bind_rustls_0_23(bound, config),
            None => server.bind(bound),
        }
        .map_err(|cause| {
            let (host, port) = (listen.host, listen.port);
            StartError::Listen { host, port, cause }
        })?;
        let addresses = server.addrs();
        Ok(Self { server: server.run(), addresses, generated_key, drain, drain_timeout })
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
        let Self { server, drain, drain_timeout, .. } = self;
        let handle = server.handle();
        let mut server = actix_rt::spawn(server);
        tokio::select! {
            ended = &mut server => return ended.unwrap_or_else(|panic| Err(io::Error::other(panic))),
            _ = stops.recv() => {}
        }
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
                stopped.await;
            }
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// Without any key the gateway would serve everybody who reaches it. On this machine alone that is
/// a mistake we can mend with a key of our own; on a network it is not.
fn ensure_client_key(settings: &mut Settings) -> Result<Option<String>, StartError> {
    /// As many bits as the hash that keys are compared by.
    const KEY_BYTES: usize = 32;
    if !settings.clients.is_empty() {
        return Ok(None);
    }
    if !settings.listen.is_loopback() {
        return Err(StartError::OpenWithoutKeys { host: settings.listen.host.clone() });
    }
    let mut random = [0; KEY_BYTES];
    getrandom::fill(&mut random).map_err(StartError::Random)?;
    let key = random.iter().fold("ampgate-".to_owned(), |key, byte| key + &format!("{byte:02x}"));
    let client_key = ClientKey::parse(&key).expect("the key just made is not empty");
    settings.clients.push(Client { id: ClientId::new("generated"), key: client_key });
    Ok(Some(key))
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

fn guard_policy(settings: &Settings, keyring: Arc<Keyring>, drain: Drain) -> GuardPolicy {
    let amp = settings.amp.as_ref();
    GuardPolicy {
        keyring,
        amp: amp.map(|amp| amp.origin.clone()),
        management_on_loopback_only: amp.is_some_and(|amp| amp.restrict_management_to_localhost),
        cors: CorsPolicy::new(&settings.cors.allowed_origins),
        header_limit_bytes: settings.limits.header_bytes,
        drain,
    }
}

fn key_sources(amp: Option<&Amp>, environment: Option<ApiKey>) -> KeySources {
    let Some(amp) = amp else { return KeySources::default() };
    KeySources {
        per_client: amp.per_client.clone(),
        configured: amp.upstream_key.clone(),
        environment,
        file: amp.secrets_file.clone(),
        url: amp.url.clone(),
        ttl: amp.secret_ttl,
    }
}

fn fallbacks(amp: Option<&Amp>) -> Fallbacks {
    match amp.map(|amp| amp.fallback) {
        None => Fallbacks::Impossible,
        Some(Fallback::Never) => Fallbacks::Forbidden,
        Some(Fallback::Unconfigured | Fallback::OnFailure) => Fallbacks::ToAmp,
    }
}
