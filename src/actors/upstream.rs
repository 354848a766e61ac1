//! Sends requests to upstreams: one actor for each worker, one client for each upstream.
//!
//! The actor decides: which connection pool, whether there is room, which deadlines. It answers at
//! once with a future that has not begun; the *handler* awaits it on the same thread. So a request
//! costs one hop, nothing is spawned, the mailbox never waits for I/O, and when the client leaves,
//! dropping the handler drops the upstream connection at that moment, before the head as well
//! (docs/decisions/0002).

mod answer_head;
mod examine;
mod flight;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod incoming;
mod limit;
mod outgoing;
mod proxy;
mod socket;
mod tls;
mod transport;
mod wire;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, Context, Handler, Message};
use futures::future::LocalBoxFuture;

pub use examine::{Sight, examine};
pub use flight::OutgoingRequest;
pub use handshake::{Switched, TunnelAnswer};
pub use incoming::{BodyBroke, BodyDecoder, UpstreamBody, UpstreamResponse};
pub use limit::{ConnectionLimits, Permit};
pub use outgoing::{BodyFault, RequestBody, StreamedBody};
pub use proxy::ProxyFault;
pub use socket::Unreached;
pub use tls::{TrustError, UpstreamTls};
pub use transport::Unconnected;
pub use wire::Wire;

use self::flight::{Clients, KEEP_ALIVE};
use self::limit::ConnectionLimit;
use self::transport::Transport;
use super::local::Local;
use crate::config::Proxy;
use crate::error::GatewayError;
use crate::types::Origin;

/// Room for the requests of many streams that end at once; a request waits in the mailbox for
/// nothing but the actor's turn, and a full mailbox costs a third more for each hop.
const MAILBOX_CAPACITY: usize = 4096;

/// Why a request got no answer: what the client reads, and the cause for the log.
#[derive(Clone, Debug)]
pub struct UpstreamFailure {
    pub error: GatewayError,
    pub cause: String,
}

impl From<GatewayError> for UpstreamFailure {
    fn from(error: GatewayError) -> Self {
        Self { cause: error.to_string(), error }
    }
}

/// The deadlines that are the same for every request.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Resolving, connecting, what a proxy has to be told, and the TLS handshake together.
    pub connect: Duration,
    /// The longest silence in the middle of a body, either way.
    pub idle: Duration,
}

/// The head of an answer, once awaited.
pub type Flight = LocalBoxFuture<'static, Result<UpstreamResponse, UpstreamFailure>>;

/// The answer to a WebSocket handshake, once awaited.
pub type TunnelFlight = LocalBoxFuture<'static, Result<TunnelAnswer, UpstreamFailure>>;

/// Asks for a request to be sent.
#[derive(Debug, Message)]
#[rtype(result = "Result<Local<Flight>, GatewayError>")]
pub struct Dispatch(pub Local<OutgoingRequest>);

/// Asks for a WebSocket handshake to be sent on a connection of its own.
#[derive(Debug, Message)]
#[rtype(result = "Result<Local<TunnelFlight>, GatewayError>")]
pub struct OpenTunnel(pub Local<OutgoingRequest>);

/// How connections are made, and how many.
#[derive(Clone, Debug)]
pub struct UpstreamPolicy {
    pub tls: UpstreamTls,
    pub timeouts: Timeouts,
    pub limits: ConnectionLimits,
}

/// Owns this worker's connections to every upstream.
pub struct UpstreamActor {
    policy: Arc<UpstreamPolicy>,
    /// By the way there: a connection through one proxy never serves a request for another.
    upstreams: HashMap<(Origin, Option<Proxy>), Known>,
}

/// An upstream that this worker has sent to before, by this way.
#[derive(Clone)]
struct Known {
    clients: Rc<Clients>,
    limit: ConnectionLimit,
    /// Since the last sweep.
    is_used: bool,
}

impl UpstreamActor {
    #[must_use]
    pub fn new(policy: Arc<UpstreamPolicy>) -> Self {
        Self { policy, upstreams: HashMap::new() }
    }

    fn known(&mut self, request: &OutgoingRequest) -> &mut Known {
        // Both count references: the key costs no memory.
        let way = (request.origin.clone(), request.proxy.clone());
        self.upstreams.entry(way).or_insert_with_key(|(origin, proxy)| {
            let connect = self.policy.timeouts.connect;
            if let Some(proxy) = proxy {
                tracing::debug!(upstream.name = %request.provider, %proxy, "goes through a proxy");
            }
            let transport =
                Transport::new(origin.clone(), proxy.clone(), self.policy.tls.clone(), connect);
            let clients = Rc::new(Clients::new(Rc::new(transport), origin.is_tls(), connect));
            Known { clients, limit: self.policy.limits.for_origin(origin), is_used: true }
        })
    }

    /// Lets go of upstreams that nobody has asked since the last sweep, and so of their connections:
    /// awc looks at the age of a pooled one only when it takes it out, which nobody does any more.
    fn sweep(&mut self) {
        self.upstreams.retain(|_, known| std::mem::take(&mut known.is_used));
    }

    fn admit(&mut self, request: &OutgoingRequest) -> Result<(Rc<Clients>, Permit), GatewayError> {
        let known = self.known(request);
        known.is_used = true;
        let busy = || GatewayError::UpstreamBusy { provider: request.provider.clone() };
        let permit = known.limit.acquire().ok_or_else(busy)?;
        Ok((known.clients.clone(), permit))
    }
}

impl Actor for UpstreamActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
    }
}

impl Handler<Dispatch> for UpstreamActor {
    type Result = Result<Local<Flight>, GatewayError>;

    fn handle(&mut self, Dispatch(request): Dispatch, _: &mut Self::Context) -> Self::Result {
        let request = request.take();
        let (clients, permit) = self.admit(&request)?;
        let flight: Flight = Box::pin(flight::fly(clients, request, self.policy.timeouts, permit));
        Ok(Local::new(flight))
    }
}

impl Handler<OpenTunnel> for UpstreamActor {
    type Result = Result<Local<TunnelFlight>, GatewayError>;

    fn handle(&mut self, OpenTunnel(request): OpenTunnel, _: &mut Self::Context) -> Self::Result {
        let request = request.take();
        let (clients, permit) = self.admit(&request)?;
        let transport = clients.transport.clone();
        let flight: TunnelFlight =
            Box::pin(handshake::open_tunnel(transport, request, self.policy.timeouts, permit));
        Ok(Local::new(flight))
    }
}

/// Asks to let go of upstreams that nobody asks any more.
#[derive(Message)]
#[rtype(result = "()")]
struct Sweep;

impl Handler<Sweep> for UpstreamActor {
    type Result = ();

    fn handle(&mut self, _: Sweep, _: &mut Self::Context) {
        self.sweep();
    }
}

/// What a worker's handlers hold instead of the actor's address. Never leaves its worker.
#[derive(Clone, Debug)]
pub struct Upstream(Addr<UpstreamActor>);

impl Upstream {
    /// Starts the actor on the current worker's arbiter.
    #[must_use]
    pub fn start(actor: UpstreamActor) -> Self {
        let address = actor.start();
        // From outside: an interval of the actor's own would keep it alive for ever, one more with each
        // reload.
        let weak = address.downgrade();
        actix_rt::spawn(async move {
            loop {
                tokio::time::sleep(KEEP_ALIVE).await;
                let Some(address) = weak.upgrade() else { return };
                address.do_send(Sweep);
            }
        });
        Self(address)
    }

    /// Sends a request and returns the head of the answer, the body still streaming.
    pub async fn send(
        &self,
        request: OutgoingRequest,
    ) -> Result<UpstreamResponse, UpstreamFailure> {
        let flight = self.0.send(Dispatch(Local::new(request))).await;
        admitted(flight)?.take().await
    }

    /// Opens a WebSocket tunnel.
    pub async fn open_tunnel(
        &self,
        request: OutgoingRequest,
    ) -> Result<TunnelAnswer, UpstreamFailure> {
        let flight = self.0.send(OpenTunnel(Local::new(request))).await;
        admitted(flight)?.take().await
    }
}

fn admitted<T>(
    reply: Result<Result<T, GatewayError>, actix::MailboxError>,
) -> Result<T, UpstreamFailure> {
    // The actor lives as long as its worker: a closed mailbox means that the worker is going.
    Ok(reply.map_err(|_closed| GatewayError::Draining)??)
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::http::header::HeaderMap;

    use super::*;
    use crate::types::ProviderName;

    fn to(origin: &str) -> OutgoingRequest {
        OutgoingRequest {
            origin: Origin::split(origin).unwrap().0,
            proxy: None,
            provider: ProviderName::new("claude"),
            method: Method::GET,
            path_and_query: "/".parse().unwrap(),
            fields: HeaderMap::new(),
            body: RequestBody::None,
            first_byte_timeout: Duration::from_secs(1),
        }
    }

    fn actor() -> (UpstreamActor, Arc<UpstreamPolicy>) {
        let long = Duration::from_secs(60);
        let policy = Arc::new(UpstreamPolicy {
            tls: UpstreamTls::load(None).unwrap(),
            timeouts: Timeouts { connect: long, idle: long },
            limits: ConnectionLimits::new(0),
        });
        (UpstreamActor::new(policy.clone()), policy)
    }

    /// Fault of a first sweep, an interval of the actor's own: each reload left an actor behind, with all
    /// of its connections. The soak found it.
    #[actix_web::test]
    async fn an_actor_without_a_handle_stops() {
        let (actor, policy) = actor();
        let upstream = Upstream::start(actor);
        upstream.0.send(Sweep).await.unwrap();
        drop(upstream);
        let gone = async {
            while Arc::strong_count(&policy) > 1 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await.expect("the actor lives on");
    }

    /// Fault of the first version: a thousand connections of a burst were kept for ever, closed by the
    /// upstream long since, because awc looks at them only when it needs one.
    #[actix_web::test]
    async fn an_upstream_that_nobody_asks_any_more_is_let_go_with_its_connections() {
        let (mut actor, _policy) = actor();
        let (busy, idle) = (to("http://busy.test"), to("http://idle.test"));
        actor.admit(&busy).unwrap();
        let (clients, permit) = actor.admit(&idle).unwrap();
        drop((clients, permit));
        let pools = Rc::downgrade(&actor.known(&idle).clients);

        actor.sweep();
        assert_eq!(actor.upstreams.len(), 2, "both have been asked since the start");
        actor.admit(&busy).unwrap();
        actor.sweep();

        assert_eq!(actor.upstreams.len(), 1);
        assert!(pools.upgrade().is_none(), "its pools are gone");
    }
}
