//! The embedded demo upstream: a provider that speaks all four dialects, and enough of the Amp
//! server for a real Amp client to finish its turn, on one loopback origin.
//!
//! `ampgate demo` puts the gateway in front of it, so that a newcomer sees every door work without
//! a key or a network; `tests/clients/run` puts real clients in front of both. It is an upstream
//! like any other: the gateway reaches it over TCP and knows nothing about it.
//!
//! It distrusts the gateway: every request must show the key this upstream was started with, and
//! no other. What it has seen is told at [`SEEN_PATH`].

mod amp;
mod anthropic;
mod chat;
mod doors;
mod failure;
mod gemini;
mod models;
mod prompt;
mod responses;
mod responses_socket;
mod routes;
mod seen;
mod stream;
mod thread;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};

use self::seen::Seen;

/// Where the demo upstream tells what it has seen, as JSON.
pub const SEEN_PATH: &str = "/__demo/seen";

/// Slow enough to see that an answer streams, fast enough not to wait for it.
const EVENT_DELAY: Duration = Duration::from_millis(40);

/// Nobody waits for a demo to finish its sentence.
const SHUTDOWN_SECONDS: u64 = 1;

/// How the demo upstream is to behave.
#[derive(Clone)]
pub struct DemoOptions {
    /// The port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// The key every model call must show; without one any key will do.
    pub provider_key: Option<String>,
    /// The key every call for Amp must show; without one any key will do.
    pub amp_key: Option<String>,
    /// The pause before each piece of a streamed answer.
    pub event_delay: Duration,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self { port: 0, provider_key: None, amp_key: None, event_delay: EVENT_DELAY }
    }
}

/// A demo upstream that listens on the loopback interface.
pub struct DemoUpstream {
    origin: String,
    server: ServerHandle,
}

impl DemoUpstream {
    /// Listens, and answers from now on; needs a running actix `System`.
    #[expect(clippy::unused_async, reason = "only inside a runtime does it work, and this says so")]
    pub async fn start(options: DemoOptions) -> io::Result<Self> {
        let port = options.port;
        let demo = Data::new(Demo { options, seen: Seen::default(), ids: AtomicU64::new(1) });
        let server = HttpServer::new(move || {
            App::new()
                .app_data(demo.clone())
                .configure(routes::configure)
                .wrap(from_fn(doors::check_keys))
        })
        .workers(1)
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .disable_signals()
        .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let address = server.addrs().first().copied().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Ok(Self { origin: format!("http://{address}"), server: handle })
    }

    /// `http://127.0.0.1:PORT`, without a slash at its end.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Stops listening and cuts what still streams.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

/// What every handler of one demo upstream shares.
struct Demo {
    options: DemoOptions,
    seen: Seen,
    ids: AtomicU64,
}

impl Demo {
    /// A fresh name for an answer, a message or a call, marked as ours: `msg_demo_7`.
    fn id(&self, kind: &str) -> String {
        format!("{kind}_demo_{}", self.ids.fetch_add(1, Ordering::Relaxed))
    }
}
