//! How a connection to one origin is made: resolve, connect, directly or through a proxy, encrypt,
//! agree on a protocol.
//!
//! This stands below awc in place of its own connectors, for four reasons (docs/decisions/0003):
//! awc must learn of a cut answer over TLS too (see [`Wire`]); a retry must know whether a request
//! met a fresh or a pooled connection; a WebSocket tunnel needs the same connection without awc; and
//! awc knows no proxies.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use actix_web::http::Uri;
use futures::future::LocalBoxFuture;

use super::proxy::{self, ProxyFault};
use super::socket::{Socket, Unreached};
use super::tls::UpstreamTls;
use super::wire::Wire;
use crate::config::Proxy;
use crate::types::Origin;

/// How long a connection made to learn the protocol waits for the request it was made for.
const PARKED_FOR: Duration = Duration::from_secs(1);

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub enum Unconnected {
    #[error(transparent)]
    Upstream(#[from] Unreached),
    #[error("proxy: {0}")]
    Proxy(#[from] ProxyFault),
    #[error("connecting timed out")]
    TimedOut,
}

tokio::task_local! {
    /// Set while a request is being sent: tells whether it opened a connection or took a pooled one.
    static OPENED: Cell<bool>;
}

/// Runs one attempt to send a request; returns with it whether the attempt opened a connection.
pub async fn noting_fresh_connections<T>(attempt: impl Future<Output = T>) -> (T, bool) {
    OPENED
        .scope(Cell::new(false), async {
            let outcome = attempt.await;
            (outcome, OPENED.with(Cell::get))
        })
        .await
}

/// Makes connections to one origin, for one worker.
#[derive(Debug)]
pub struct Transport {
    origin: Origin,
    proxy: Option<Proxy>,
    tls: UpstreamTls,
    connect_timeout: Duration,
    /// What the upstream chose; unknown until the first TLS connection.
    protocol: Cell<Option<Protocol>>,
    parked: RefCell<Vec<(Wire, Instant)>>,
}

impl Transport {
    pub fn new(
        origin: Origin,
        proxy: Option<Proxy>,
        tls: UpstreamTls,
        connect_timeout: Duration,
    ) -> Self {
        // HTTP/2 without TLS needs prior knowledge, which a configuration file cannot give.
        let protocol = Cell::new((!origin.is_tls()).then_some(Protocol::Http1));
        Self { origin, proxy, tls, connect_timeout, protocol, parked: RefCell::default() }
    }

    /// What this upstream speaks. The first call makes a connection to ask, and leaves it for the
    /// request that follows.
    pub async fn protocol(&self) -> Result<Protocol, Unconnected> {
        if let Some(protocol) = self.protocol.get() {
            return Ok(protocol);
        }
        let (wire, protocol) = self.connect_in_time(true).await?;
        self.protocol.set(Some(protocol));
        self.parked.borrow_mut().push((wire, Instant::now()));
        Ok(protocol)
    }

    /// A connection on which HTTP/1.1 is spoken, outside of any pool.
    pub async fn connect_http1(&self) -> Result<Wire, Unconnected> {
        self.connect_in_time(false).await.map(|(wire, _)| wire)
    }

    async fn connect_in_time(&self, http2: bool) -> Result<(Wire, Protocol), Unconnected> {
        tokio::time::timeout(self.connect_timeout, self.connect(http2))
            .await
            .unwrap_or(Err(Unconnected::TimedOut))
    }

    /// A connection that nothing is to be sent on.
    pub async fn look(&self) -> Result<Socket, Unconnected> {
        tokio::time::timeout(self.connect_timeout, self.open(true))
            .await
            .unwrap_or(Err(Unconnected::TimedOut))
    }

    async fn connect(&self, http2: bool) -> Result<(Wire, Protocol), Unconnected> {
        let socket = self.open(http2).await?;
        let protocol = if socket.chose_http2() { Protocol::Http2 } else { Protocol::Http1 };
        Ok((Wire::new(socket), protocol))
    }

    async fn open(&self, http2: bool) -> Result<Socket, Unconnected> {
        let host = self.origin.host();
        let socket = match &self.proxy {
            None => Socket::dial(host, self.origin.port()).await?,
            // Boxed: few connections need the room that it takes.
            Some(proxy) => Box::pin(proxy::reach(proxy, &self.tls, &self.origin)).await?,
        };
        if !self.origin.is_tls() {
            return Ok(socket);
        }
        let config = if http2 { &self.tls.either } else { &self.tls.http1_only };
        Ok(socket.encrypt(config.clone(), host).await?)
    }

    fn take_parked(&self) -> Option<Wire> {
        let mut parked = self.parked.borrow_mut();
        parked.retain(|(_, since)| since.elapsed() < PARKED_FOR);
        parked.pop().map(|(wire, _)| wire)
    }

    /// A connection for one of awc's pools, each of which speaks one protocol only.
    async fn connect_for_pool(&self, speaks: Protocol) -> Result<Wire, ConnectError> {
        let _ = OPENED.try_with(|opened| opened.set(true));
        let (wire, protocol) = match self.take_parked() {
            Some(wire) => (wire, speaks),
            // The cause crosses awc as it is; `flight` finds it again.
            None => self
                .connect(speaks == Protocol::Http2)
                .await
                .map_err(|failed| ConnectError::Io(io::Error::other(failed)))?,
        };
        if protocol != speaks {
            // The upstream changed its mind between two connections; the next request asks anew.
            self.protocol.set(None);
            return Err(ConnectError::Io(io::Error::other("upstream changed its protocol")));
        }
        Ok(if speaks == Protocol::Http2 { wire.with_plain_end() } else { wire })
    }
}

/// A [`Transport`] as awc's connector wants it.
#[derive(Clone, Debug)]
pub struct PoolTransport {
    transport: Rc<Transport>,
    speaks: Protocol,
}

impl PoolTransport {
    pub fn new(transport: Rc<Transport>, speaks: Protocol) -> Self {
        Self { transport, speaks }
    }
}

impl Service<ConnectInfo<Uri>> for PoolTransport {
    type Response = Connection<Uri, Wire>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    actix_service::always_ready!();

    fn call(&self, request: ConnectInfo<Uri>) -> Self::Future {
        let Self { transport, speaks } = self.clone();
        Box::pin(async move {
            let wire = transport.connect_for_pool(speaks).await?;
            Ok(Connection::new(request.request().clone(), wire))
        })
    }
}
