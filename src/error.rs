//! Every way a request can fail inside the gateway, and the one table of codes and statuses.
//!
//! An answer from an upstream, whatever its status, is not an error: it is passed on. `Display` is
//! what the client reads, so it names no address, no key and no cause; causes go to the log. How an
//! error is written in the dialect of the door is decided in [`crate::door`].

use actix_web::http::StatusCode;

use crate::types::{ForeignLogin, LimitReached, ModelName, ProviderName, Ways};

/// Why a request was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    #[error(
        "client key is missing or unknown: send one of this gateway's keys as `Authorization: \
         Bearer <key>` or `x-api-key: <key>`"
    )]
    Unauthenticated,
    #[error(
        "what is shown here as a key is {}, and no key of this gateway's: send one of those in its \
         place, or beside it as `X-Ampgate-Key: <key>` where the gateway lets logins pass",
        login.what()
    )]
    LoginIsNoKey { login: ForeignLogin },
    #[error("this route is open to clients on the gateway's own machine only")]
    NotLoopback,
    #[error("this route does not answer requests that a browser makes from another site")]
    CrossOrigin,
    #[error("{0}")]
    LimitReached(#[from] LimitReached),
    #[error("this client key may not ask for model `{model}`; it may ask for {allowed}")]
    ModelNotAllowed { model: ModelName, allowed: String },
    #[error("{closed}; its `routes` are {open}")]
    RouteNotAllowed { closed: &'static str, open: Ways },
    #[error("no Amp server is configured: set `ampcode.upstream-url`")]
    AmpUnavailable,
    #[error("the gateway is shutting down; try again")]
    Draining,
    #[error("nothing answers here: {0}")]
    NoSuchRoute(&'static str),
    #[error("this route answers {allow} only")]
    MethodNotAllowed { allow: &'static str },
    #[error("the request is ambiguous: {0}")]
    AmbiguousRequest(&'static str),
    #[error("header fields are larger than the limit of {limit_bytes} bytes")]
    HeadTooLarge { limit_bytes: usize },
    #[error("request body is larger than the limit of {limit_bytes} bytes (`limits.request-body`)")]
    BodyTooLarge { limit_bytes: u64 },
    #[error("request body ended before it was complete")]
    BodyCutShort,
    #[error("request body stopped arriving")]
    BodyStalled,
    #[error("request body cannot be used: {0}")]
    BadBody(String),
    #[error("request body has an encoding the gateway cannot read: {0}")]
    UnsupportedEncoding(String),
    #[error("no provider serves model `{model}`: {hint}")]
    ModelNotServed { model: ModelName, hint: &'static str },
    #[error(
        "every credential for model `{model}` rests after failures ({reason}): provider `{provider}` \
         may be asked again in {seconds} s"
    )]
    AllResting { model: ModelName, provider: ProviderName, reason: &'static str, seconds: u64 },
    #[error("provider `{provider}` gives no list of its models now; model `{model}` may exist")]
    NoModelList { provider: ProviderName, model: ModelName },
    #[error("no provider for this call is configured: {hint}")]
    NoProvider { hint: &'static str },
    #[error("WebSocket is not served here: use HTTP on the same path")]
    WebSocketNotServed,
    #[error(
        "provider `{provider}` asks for a new login or key; whoever runs the gateway finds what to do in \
         its log and on its status page"
    )]
    LoginNeeded { provider: ProviderName },
    #[error("there is no token for provider `{provider}` now; try again")]
    NoToken { provider: ProviderName },
    #[error("provider `{provider}` cannot be reached")]
    UpstreamUnreachable { provider: ProviderName },
    #[error("provider `{provider}` cannot be reached through the configured proxy")]
    ProxyFailed { provider: ProviderName },
    #[error("provider `{provider}` closed the connection without an answer")]
    UpstreamReset { provider: ProviderName },
    #[error("provider `{provider}` did not accept a connection in time")]
    ConnectTimeout { provider: ProviderName },
    #[error("provider `{provider}` did not begin to answer in time")]
    FirstByteTimeout { provider: ProviderName },
    #[error("provider `{provider}` sent an answer that is not HTTP")]
    UpstreamGarbled { provider: ProviderName },
    #[error("provider `{provider}` sent an answer that cannot be translated")]
    UpstreamUnreadable { provider: ProviderName },
    #[error("all connections to provider `{provider}` are in use; try again")]
    UpstreamBusy { provider: ProviderName },
    #[error("provider `{provider}` stopped in the middle of its answer")]
    UpstreamBroke { provider: ProviderName },
    #[error("provider `{provider}` sent nothing for too long in the middle of its answer")]
    IdleTimeout { provider: ProviderName },
    #[error("internal error; the gateway's log has the details")]
    Internal,
}

impl GatewayError {
    /// Stable machine-readable code, and the status: the one table clients rely on.
    #[must_use]
    pub const fn classify(&self) -> (&'static str, StatusCode) {
        match self {
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED),
            Self::LoginIsNoKey { .. } => ("login_is_no_key", StatusCode::UNAUTHORIZED),
            Self::NotLoopback => ("loopback_only", StatusCode::FORBIDDEN),
            Self::CrossOrigin => ("cross_origin", StatusCode::FORBIDDEN),
            // OpenAI's two codes for a 429: clients wait for the one, and give up at the other.
            Self::LimitReached(reached) if reached.is_spent() => {
                ("insufficient_quota", StatusCode::TOO_MANY_REQUESTS)
            }
            Self::LimitReached(_) => ("rate_limit_exceeded", StatusCode::TOO_MANY_REQUESTS),
            Self::ModelNotAllowed { .. } => ("model_not_allowed", StatusCode::FORBIDDEN),
            Self::RouteNotAllowed { .. } => ("route_not_allowed", StatusCode::FORBIDDEN),
            Self::AmpUnavailable => ("amp_unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::Draining => ("draining", StatusCode::SERVICE_UNAVAILABLE),
            Self::NoSuchRoute(_) => ("no_such_route", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed { .. } => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::AmbiguousRequest(_) => ("ambiguous_request", StatusCode::BAD_REQUEST),
            Self::HeadTooLarge { .. } => {
                ("head_too_large", StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
            }
            Self::BodyTooLarge { .. } => ("body_too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::BodyCutShort => ("body_cut_short", StatusCode::BAD_REQUEST),
            Self::BodyStalled => ("body_stalled", StatusCode::REQUEST_TIMEOUT),
            Self::BadBody(_) => ("bad_body", StatusCode::BAD_REQUEST),
            Self::UnsupportedEncoding(_) => {
                ("unsupported_encoding", StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Self::ModelNotServed { .. } => ("model_not_served", StatusCode::NOT_FOUND),
            Self::AllResting { .. } => ("model_cooldown", StatusCode::TOO_MANY_REQUESTS),
            Self::NoModelList { .. } => ("no_model_list", StatusCode::BAD_GATEWAY),
            Self::NoProvider { .. } => ("no_provider", StatusCode::NOT_FOUND),
            Self::WebSocketNotServed => ("websocket_not_served", StatusCode::UPGRADE_REQUIRED),
            Self::LoginNeeded { .. } => ("login_needed", StatusCode::SERVICE_UNAVAILABLE),
            Self::NoToken { .. } => ("no_token", StatusCode::SERVICE_UNAVAILABLE),
            Self::UpstreamUnreachable { .. } => ("upstream_unreachable", StatusCode::BAD_GATEWAY),
            Self::ProxyFailed { .. } => ("proxy_failed", StatusCode::BAD_GATEWAY),
            Self::UpstreamReset { .. } => ("upstream_reset", StatusCode::BAD_GATEWAY),
            Self::ConnectTimeout { .. } => ("connect_timeout", StatusCode::GATEWAY_TIMEOUT),
            Self::FirstByteTimeout { .. } => ("first_byte_timeout", StatusCode::GATEWAY_TIMEOUT),
            Self::UpstreamGarbled { .. } => ("upstream_garbled", StatusCode::BAD_GATEWAY),
            Self::UpstreamUnreadable { .. } => ("upstream_unreadable", StatusCode::BAD_GATEWAY),
            Self::UpstreamBusy { .. } => ("upstream_busy", StatusCode::SERVICE_UNAVAILABLE),
            Self::UpstreamBroke { .. } => ("upstream_broke", StatusCode::BAD_GATEWAY),
            Self::IdleTimeout { .. } => ("idle_timeout", StatusCode::GATEWAY_TIMEOUT),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// The seconds after which the same request may do better, where that is known or worth a try.
    #[must_use]
    pub const fn retry_after_seconds(&self) -> Option<u64> {
        /// For want of room or of a process: there may be another at once.
        const SOON: u64 = 1;
        match self {
            Self::LimitReached(reached) => Some(reached.seconds),
            Self::AllResting { seconds, .. } => Some(*seconds),
            Self::Draining | Self::UpstreamBusy { .. } | Self::NoToken { .. } => Some(SOON),
            _ => None,
        }
    }

    /// Whether the client should not try again by itself, although the status alone would say so.
    #[must_use]
    pub const fn forbids_retry(&self) -> bool {
        matches!(self, Self::LimitReached(reached) if reached.is_spent())
    }

    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.classify().0
    }

    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.classify().1
    }
}
