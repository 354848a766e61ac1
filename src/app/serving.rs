//! How connections are taken: whether a new one speaks TLS, and how long its head may take.
//!
//! A reload may change both. The server does not: it listens and accepts as it began, and each
//! connection gets the HTTP service of the [`Reception`] that holds when it comes. A connection keeps
//! the one it came under; on HTTP/1 the first answer after a change is its last, so that nobody stays
//! for long with what the file no longer says, and no request that was sent is lost.

use std::cell::RefCell;
use std::fmt::Debug;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::body::BoxBody;
use actix_http::{ConnectionType, HttpServiceBuilder, Request, Response};
use actix_rt::net::TcpStream;
use actix_service::boxed::{self, BoxService};
use actix_service::{
    IntoServiceFactory as _, Service, ServiceFactory, ServiceFactoryExt as _, fn_factory,
    map_config,
};
use actix_web::dev::{AppConfig, Server, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, web};
use futures::future::LocalBoxFuture;
use rustls::ServerConfig;
use tokio::sync::{OnceCell, watch};
use tracing_actix_web::TracingLogger;

use super::certificate::{CertificateError, ClientCertificate, Shown};
use crate::actors::{House, Worker};
use crate::guard::enforce;
use crate::routes;
use crate::telemetry::{RequestSpan, SpanMaker, record_request};

/// Open connections for each worker; beyond it, new ones wait in the backlog.
const MAX_CONNECTIONS: usize = 20_000;

/// How long an idle client connection is kept: longer than the 60 s after which common load
/// balancers let go of theirs, so that the end is theirs to choose.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a client may take to read our refusal of its body before the connection is closed.
const CLIENT_DISCONNECT: Duration = Duration::from_secs(1);

/// Longer than any drain time that can be configured: when draining ends is decided by whoever stops
/// the server, by a setting that a reload may have changed.
const SERVER_SHUTDOWN: Duration = Duration::from_secs(2 * 60 * 60);

/// What a new connection meets.
pub(super) struct Reception {
    client_head: Duration,
    /// `None`: plain text.
    tls: Option<(Shown, ServerConfig)>,
}

impl Reception {
    pub fn new(
        client_head: Duration,
        certificate: Option<ClientCertificate>,
    ) -> Result<Self, CertificateError> {
        let tls = certificate.map(Shown::new).map(|shown| {
            let config = shown.server_config()?;
            Ok((shown, config))
        });
        Ok(Self { client_head, tls: tls.transpose()? })
    }

    /// Puts `next` in the place of the present one. A certificate alone is exchanged in it: that is
    /// no reason for anybody to connect anew.
    pub fn follow(presents: &watch::Sender<Arc<Self>>, next: Self) {
        let present = presents.borrow().clone();
        let same_head = present.client_head == next.client_head;
        match (&present.tls, &next.tls) {
            (Some((shown, _)), Some((new, _))) if same_head => shown.replace(new.certificate()),
            (None, None) if same_head => {}
            _ => drop(presents.send_replace(Arc::new(next))),
        }
    }
}

/// Starts the workers, and accepts on all of `listeners`.
pub(super) fn serve(
    listeners: Vec<TcpListener>,
    workers: usize,
    houses: &watch::Receiver<Arc<House>>,
    receptions: &watch::Receiver<Arc<Reception>>,
    spans: Option<&SpanMaker>,
) -> io::Result<Server> {
    let mut server = Server::build()
        .workers(workers)
        .max_concurrent_connections(MAX_CONNECTIONS)
        .shutdown_timeout(SERVER_SHUTDOWN.as_secs())
        .disable_signals();
    let draining = server.graceful_shutdown_signal();
    for listener in listeners {
        let (houses, receptions) = (houses.clone(), receptions.clone());
        let (draining, spans) = (draining.clone(), spans.cloned());
        let factory = move || {
            let (houses, receptions) = (houses.clone(), receptions.clone());
            let (draining, spans) = (draining.clone(), spans.clone());
            fn_factory(move || {
                // Runs on each worker, so its upstream actor lives on the worker's own arbiter.
                let worker = Rc::new(Worker::new(houses.clone()));
                actix_rt::spawn(worker.clone().follow_reloads());
                let draining = draining.clone();
                let drains: Drains = Rc::new(move || {
                    let draining = draining.clone();
                    Box::pin(async move { draining.notified().await })
                });
                let acceptor = Acceptor::new(worker, receptions.clone(), drains, spans.clone());
                async { Ok::<_, ()>(acceptor) }
            })
        };
        server = server.listen("clients", listener, factory)?;
    }
    Ok(server.run())
}

/// Ends when the server begins to drain.
type Drains = Rc<dyn Fn() -> LocalBoxFuture<'static, ()>>;

/// A connection from its first byte to its last.
type Connections = BoxService<TcpStream, (), ()>;

/// What one worker does with the connections that it is given.
struct Acceptor {
    worker: Rc<Worker>,
    receptions: watch::Receiver<Arc<Reception>>,
    drains: Drains,
    /// `None`: there are no traces.
    spans: Option<SpanMaker>,
    present: RefCell<Rc<Hall>>,
}

/// The connections that came under one reception.
struct Hall {
    reception: Arc<Reception>,
    /// Opened by the first of them.
    connections: OnceCell<Connections>,
}

impl Hall {
    fn new(reception: Arc<Reception>) -> Rc<Self> {
        Rc::new(Self { reception, connections: OnceCell::new() })
    }
}

impl Acceptor {
    fn new(
        worker: Rc<Worker>,
        receptions: watch::Receiver<Arc<Reception>>,
        drains: Drains,
        spans: Option<SpanMaker>,
    ) -> Self {
        let present = RefCell::new(Hall::new(receptions.borrow().clone()));
        Self { worker, receptions, drains, spans, present }
    }

    /// The hall of the reception that holds now. The one before stays for as long as somebody is in it.
    fn hall(&self) -> Rc<Hall> {
        let reception = self.receptions.borrow().clone();
        let mut present = self.present.borrow_mut();
        if !Arc::ptr_eq(&present.reception, &reception) {
            *present = Hall::new(reception);
        }
        present.clone()
    }
}

impl Service<TcpStream> for Acceptor {
    type Response = ();
    type Error = ();
    type Future = LocalBoxFuture<'static, Result<(), ()>>;

    /// Not ready while as many handshakes run as a worker may have.
    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), ()>> {
        match self.hall().connections.get() {
            Some(connections) => connections.poll_ready(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn call(&self, socket: TcpStream) -> Self::Future {
        let hall = self.hall();
        if let Some(connections) = hall.connections.get() {
            // All but the first: no future of ours lives as long as the connection.
            return connections.call(socket);
        }
        let (worker, receptions) = (self.worker.clone(), self.receptions.clone());
        let (drains, spans) = (self.drains.clone(), self.spans.clone());
        Box::pin(async move {
            let open = || open(worker, &hall.reception, receptions, drains, spans);
            let connections = hall.connections.get_or_try_init(open).await?;
            let connection = connections.call(socket);
            // A tunnel of hours need not hold the certificate it once was shown.
            drop(hall);
            connection.await
        })
    }
}

/// The HTTP service for connections under `reception`.
async fn open(
    worker: Rc<Worker>,
    reception: &Arc<Reception>,
    receptions: watch::Receiver<Arc<Reception>>,
    drains: Drains,
    spans: Option<SpanMaker>,
) -> Result<Connections, ()> {
    let mine = reception.clone();
    // The same for the life of the process; an `Rc`, so that a request counts no atomic.
    let metrics = Rc::new(worker.handles().metrics.clone());
    // The last `wrap` runs first: span, record, guards, route.
    let app = App::new().app_data(worker).app_data(metrics);
    let app = match spans {
        Some(spans) => app.app_data(Rc::new(spans)),
        None => app,
    };
    let app = app
        .wrap(from_fn(enforce))
        .wrap(from_fn(record_request))
        .wrap(TracingLogger::<RequestSpan>::new())
        .default_service(web::to(routes::answer))
        .into_factory()
        .map(move |mut response: ServiceResponse<_>| {
            let head = response.response_mut().head_mut();
            if !Arc::ptr_eq(&receptions.borrow(), &mine) && !head.upgrade() {
                head.set_connection_type(ConnectionType::Close);
            }
            response
        })
        .map_err(|error: actix_web::Error| error.as_response_error().error_response());
    // Names the server in URLs that actix makes; we make none.
    let app = map_config(app, |()| AppConfig::default());
    let client_head = reception.client_head;
    Ok(match &reception.tls {
        None => {
            let http = protocol(client_head, drains).finish(app).tcp().map_err(drop);
            boxed::service(http.new_service(()).await?)
        }
        // actix adds the protocols it speaks, HTTP/2 and HTTP/1.1.
        Some((_, config)) => {
            let http = protocol(client_head, drains).finish(app).rustls_0_23(config.clone());
            boxed::service(http.map_err(drop).new_service(()).await?)
        }
    })
}

fn protocol<T, S>(client_head: Duration, drains: Drains) -> HttpServiceBuilder<T, S>
where
    S: ServiceFactory<Request, Config = ()>,
    S::Error: Into<Response<BoxBody>> + 'static,
    S::InitError: Debug,
    <S::Service as Service<Request>>::Future: 'static,
{
    HttpServiceBuilder::default()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(client_head)
        .client_disconnect_timeout(CLIENT_DISCONNECT)
        // Without this a client that leaves before the head of its answer is never noticed, and the
        // provider goes on generating what nobody will read.
        .h1_allow_half_closed(false)
        // Idle connections end when draining begins; nothing else tells them. Public, though not in
        // actix's documentation: docs/decisions/0009, point 6.
        .graceful_shutdown_signal(move || drains())
}
