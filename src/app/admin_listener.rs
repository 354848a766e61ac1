//! The listener for whoever operates the gateway: a socket, a thread and limits of its own, so that
//! neither side can starve the other.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpServer};
use tokio::sync::watch;

use super::StartError;
use super::listen::listen as sockets;
use crate::actors::House;
use crate::admin::{self, Site};
use crate::config::{Admin, Listen};

/// A few people and a few collectors; beyond it, new ones wait in the backlog.
const MAX_CONNECTIONS: usize = 128;

/// Longer than the minute that scrapes are usually apart at most.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// For a request head: it comes from near by, and from a program.
const CLIENT_HEAD: Duration = Duration::from_secs(5);

/// How long a client may take to close its side.
const CLIENT_DISCONNECT: Duration = Duration::from_secs(1);

/// For answers under way when the gateway has stopped.
const SHUTDOWN_SECONDS: u64 = 1;

/// A listener that answers.
pub(super) struct AdminListener {
    server: Server,
    addresses: Vec<SocketAddr>,
}

impl AdminListener {
    /// Answers from here on; `None` where it is switched off.
    pub fn open(
        admin: &Admin,
        houses: watch::Receiver<Arc<House>>,
    ) -> Result<Option<Self>, StartError> {
        if !admin.is_enabled {
            return Ok(None);
        }
        warn_if_open(&admin.listen, admin);
        let Listen { host, port } = admin.listen.clone();
        let opened = Self::bind(&admin.listen, houses);
        opened.map(Some).map_err(|cause| StartError::ListenAdmin { host, port, cause })
    }

    fn bind(listen: &Listen, houses: watch::Receiver<Arc<House>>) -> io::Result<Self> {
        let site = Site::new(houses, listen.clone());
        let mut server = HttpServer::new(move || {
            let site = site.clone();
            App::new()
                .wrap(admin::fields_of_every_answer())
                .configure(move |app| admin::configure(app, site))
        })
        .workers(1)
        .max_connections(MAX_CONNECTIONS)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(CLIENT_HEAD)
        .client_disconnect_timeout(CLIENT_DISCONNECT)
        .h1_allow_half_closed(false) // or a reader of events who has left is noticed late
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .disable_signals();
        for socket in sockets(listen)? {
            server = server.listen(socket)?;
        }
        let addresses = server.addrs();
        Ok(Self { server: server.run(), addresses })
    }

    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Runs until the handle stops it.
    pub fn run(self) -> ServerHandle {
        let handle = self.server.handle();
        actix_rt::spawn(self.server);
        handle
    }
}

/// Says that anybody on the network may read, where that is so.
pub(super) fn warn_if_open(listen: &Listen, admin: &Admin) {
    if !listen.is_loopback() && admin.key.is_none() {
        tracing::warn!(
            host = listen.host,
            "metrics and status are open to whoever reaches them; set `admin.key`"
        );
    }
}
