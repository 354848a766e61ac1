//! One request to one upstream, from the pool to the head of the answer.

use std::rc::Rc;
use std::time::Duration;

use actix_http::error::ParseError;
use actix_web::HttpMessage as _;
use actix_web::http::header::HeaderMap;
use actix_web::http::uri::{PathAndQuery, Scheme};
use actix_web::http::{Method, StatusCode, Uri};
use awc::FrozenClientRequest;
use awc::error::{ConnectError, SendRequestError};
use tokio::time::{Instant, sleep_until};

use super::incoming::{UpstreamBody, UpstreamResponse};
use super::limit::Permit;
use super::outgoing::{BodyFault, Progress, RequestBody};
use super::socket::Unreached;
use super::transport::{PoolTransport, Protocol, Transport, Unconnected, noting_fresh_connections};
use super::wire::HeadCutShort;
use super::{Timeouts, UpstreamFailure};
use crate::config::Proxy;
use crate::error::GatewayError;
use crate::types::{Origin, ProviderName};

/// How long an unused connection is kept. Shorter than the idle time of the servers we know of
/// (nginx 75 s, Google 240 s); one that closes sooner is found out at check-out or by the retry.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(50);

/// How old a connection may grow: an upstream that moves to new addresses is followed.
const LIFETIME: Duration = Duration::from_secs(3600);

/// A request, ready to be sent.
#[derive(Debug)]
pub struct OutgoingRequest {
    pub origin: Origin,
    /// What lies between; `None` is a direct connection.
    pub proxy: Option<Proxy>,
    /// Who answers there, as errors and logs call it.
    pub provider: ProviderName,
    pub method: Method,
    pub path_and_query: PathAndQuery,
    pub fields: HeaderMap,
    pub body: RequestBody,
    /// From the last byte of the request to the head of the answer.
    pub first_byte_timeout: Duration,
}

/// One upstream as one worker sees it: its transport, and an awc client for each protocol.
pub(super) struct Clients {
    pub transport: Rc<Transport>,
    http1: Pools,
    http2: Option<Pools>,
}

/// Two clients that differ in one thing: `fresh` never takes a pooled connection. A request that
/// met a stale one is sent again on a connection that cannot be stale.
struct Pools {
    pooled: awc::Client,
    fresh: awc::Client,
}

impl Clients {
    pub fn new(transport: Rc<Transport>, tls: bool, connect_timeout: Duration) -> Self {
        let pools = |speaks| {
            let client = |keep_alive| {
                let transport = PoolTransport::new(transport.clone(), speaks);
                let connector = awc::Connector::new()
                    .connector(transport)
                    .limit(0) // awc's limit spans all hosts and whole bodies; ours is per upstream
                    .timeout(connect_timeout)
                    .conn_keep_alive(keep_alive)
                    .conn_lifetime(LIFETIME);
                awc::Client::builder()
                    .connector(connector)
                    .disable_timeout() // first-byte and idle timeouts are kept here
                    .disable_redirects() // redirects are the client's to follow
                    .no_default_headers() // no User-Agent that the client did not send
                    .finish()
            };
            Pools { pooled: client(KEEP_ALIVE), fresh: client(Duration::ZERO) }
        };
        Self {
            http1: pools(Protocol::Http1),
            http2: tls.then(|| pools(Protocol::Http2)),
            transport,
        }
    }
}

/// Sends a request and waits for the head of the answer.
pub(super) async fn fly(
    clients: Rc<Clients>,
    mut request: OutgoingRequest,
    timeouts: Timeouts,
    permit: Permit,
) -> Result<UpstreamResponse, UpstreamFailure> {
    let fields = std::mem::take(&mut request.fields);
    let body = request.body.clone();
    let watch = first_byte_overdue(&body, request.first_byte_timeout, timeouts.idle);
    let response = tokio::select! {
        biased;
        response = send_and_retry(&clients, &request, fields) => response,
        overdue = watch => Err(overdue.into_failure(&request.provider)),
    }?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        // Passed on, it would make the client's next request the bytes of a tunnel that is none.
        let provider = request.provider;
        let cause = "it switched protocols, unasked".to_owned();
        return Err(UpstreamFailure { error: GatewayError::UpstreamGarbled { provider }, cause });
    }
    Ok(accept(response, timeouts.idle, permit))
}

fn accept(mut response: awc::ClientResponse, idle: Duration, permit: Permit) -> UpstreamResponse {
    let payload = response.take_payload();
    let (status, version) = (response.status(), response.version());
    let mut fields = HeaderMap::new();
    let _empty = response.map_body(|head, body| {
        fields = std::mem::take(&mut head.headers);
        body
    });
    let body = UpstreamBody::new(payload, &fields, version, idle, permit);
    UpstreamResponse { status, fields, body }
}

/// Sends a request, and sends it again when it met a pooled connection that was stale.
///
/// A server may close an idle connection at the very moment we send on it, which no check at
/// check-out can exclude. Such a request is safe to repeat as long as the connection was not fresh,
/// not a byte of an answer has come, and the body is still all there.
async fn send_and_retry(
    clients: &Clients,
    request: &OutgoingRequest,
    fields: HeaderMap,
) -> Result<awc::ClientResponse, UpstreamFailure> {
    let protocol = clients
        .transport
        .protocol()
        .await
        .map_err(|unconnected| unconnected_failure(&unconnected, &request.provider))?;
    let pools = match (protocol, &clients.http2) {
        (Protocol::Http2, Some(http2)) => http2,
        _ => &clients.http1,
    };
    let fails = |error: SendRequestError| failure(&error, request);
    let head = head(&pools.pooled, request, fields, protocol).map_err(fails)?;
    let (outcome, was_fresh) = noting_fresh_connections(head.send_body(request.body.clone())).await;
    match outcome {
        Err(error)
            if !was_fresh && is_broken_connection(&error) && request.body.can_be_sent_again() =>
        {
            tracing::debug!(upstream.name = %request.provider, "pooled connection was stale");
            let fields = head.headers().clone();
            let head = self::head(&pools.fresh, request, fields, protocol).map_err(fails)?;
            head.send_body(request.body.clone()).await.map_err(fails)
        }
        outcome => outcome.map_err(fails),
    }
}

/// The head of a request, for one of awc's pools. Frozen, so that it survives its sending: a second
/// one costs a copy of the fields, and only then.
fn head(
    client: &awc::Client,
    request: &OutgoingRequest,
    fields: HeaderMap,
    protocol: Protocol,
) -> Result<FrozenClientRequest, SendRequestError> {
    // The scheme chooses awc's pool and, in HTTP/2, `:scheme`; whether the connection is encrypted
    // is the transport's business alone.
    let scheme = if protocol == Protocol::Http2 { Scheme::HTTPS } else { Scheme::HTTP };
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(request.origin.authority())
        .path_and_query(request.path_and_query.clone())
        .build()?;
    // Without this awc asks for `identity` where the client did not say what it can read.
    let mut outgoing = client.request(request.method.clone(), uri).no_decompress();
    *outgoing.headers_mut() = fields;
    Ok(outgoing.freeze()?)
}

/// Whether an error means that the connection died, rather than that the request is at fault.
fn is_broken_connection(error: &SendRequestError) -> bool {
    match error {
        SendRequestError::Response(ParseError::Io(cause)) => !HeadCutShort::is_cause_of(cause),
        SendRequestError::Send(_)
        | SendRequestError::Connect(ConnectError::Disconnected | ConnectError::Io(_)) => true,
        SendRequestError::H2(error) => error.is_io() || error.is_go_away(),
        _ => false,
    }
}

fn failure(error: &SendRequestError, request: &OutgoingRequest) -> UpstreamFailure {
    if let Some(fault) = request.body.fault() {
        return fault.into();
    }
    if let Some(unconnected) = unconnected(error) {
        return unconnected_failure(unconnected, &request.provider);
    }
    let provider = request.provider.clone();
    let cause = describe(error);
    let error = match error {
        SendRequestError::Connect(ConnectError::Timeout) => {
            GatewayError::ConnectTimeout { provider }
        }
        SendRequestError::Connect(ConnectError::Disconnected) => {
            GatewayError::UpstreamReset { provider }
        }
        SendRequestError::Connect(_) => GatewayError::UpstreamUnreachable { provider },
        SendRequestError::Response(ParseError::Io(_))
        | SendRequestError::Send(_)
        | SendRequestError::H2(_) => GatewayError::UpstreamReset { provider },
        SendRequestError::Response(_) => GatewayError::UpstreamGarbled { provider },
        _ => GatewayError::Internal,
    };
    UpstreamFailure { error, cause }
}

/// What the transport said, if it made no connection.
fn unconnected(error: &SendRequestError) -> Option<&Unconnected> {
    let SendRequestError::Connect(ConnectError::Io(error)) = error else { return None };
    error.get_ref()?.downcast_ref()
}

/// The cause for the log: awc's own words, with the variant where they say too little.
fn describe(error: &SendRequestError) -> String {
    match error {
        SendRequestError::Send(cause) => format!("sending: {cause}"),
        SendRequestError::Response(cause) => format!("reading the head: {cause}"),
        other => other.to_string(),
    }
}

pub(super) fn unconnected_failure(
    unconnected: &Unconnected,
    provider: &ProviderName,
) -> UpstreamFailure {
    let provider = provider.clone();
    let error = match unconnected {
        // The system gave up before we did.
        Unconnected::Upstream(Unreached::Connect(cause))
            if cause.kind() == std::io::ErrorKind::TimedOut =>
        {
            GatewayError::ConnectTimeout { provider }
        }
        Unconnected::Upstream(_) => GatewayError::UpstreamUnreachable { provider },
        Unconnected::Proxy(_) => GatewayError::ProxyFailed { provider },
        Unconnected::TimedOut => GatewayError::ConnectTimeout { provider },
    };
    let cause = unconnected.to_string();
    UpstreamFailure { error, cause }
}

impl From<BodyFault> for UpstreamFailure {
    fn from(fault: BodyFault) -> Self {
        let error = match fault {
            BodyFault::CutShort => GatewayError::BodyCutShort,
            BodyFault::TooLarge { limit_bytes } => GatewayError::BodyTooLarge { limit_bytes },
        };
        Self { error, cause: fault.to_string() }
    }
}

/// Who let us wait.
enum Overdue {
    Upstream(Duration),
    Client(Duration),
}

impl Overdue {
    fn into_failure(self, provider: &ProviderName) -> UpstreamFailure {
        match self {
            Self::Upstream(limit) => UpstreamFailure {
                error: GatewayError::FirstByteTimeout { provider: provider.clone() },
                cause: format!("no head within {}", humantime::format_duration(limit)),
            },
            Self::Client(limit) => UpstreamFailure {
                error: GatewayError::BodyStalled,
                cause: format!("no body for {}", humantime::format_duration(limit)),
            },
        }
    }
}

/// Ends when the head of the answer is overdue. The first-byte timeout runs from the moment the
/// whole request is out, so that a slow upload is not the upstream's fault; while the client is
/// still sending, each piece may take as long as the idle timeout allows.
async fn first_byte_overdue(body: &RequestBody, first_byte: Duration, idle: Duration) -> Overdue {
    let begun = Instant::now();
    loop {
        let (deadline, overdue) = match body.progress() {
            Progress::Unwatched => (begun + first_byte, Overdue::Upstream(first_byte)),
            Progress::Sent(at) => (at + first_byte, Overdue::Upstream(first_byte)),
            // An upstream that takes no more of a body holds the client's pieces back as well.
            Progress::Sending(at) => (at + idle.max(first_byte), Overdue::Client(idle)),
        };
        if Instant::now() >= deadline {
            return overdue;
        }
        sleep_until(deadline).await;
    }
}
