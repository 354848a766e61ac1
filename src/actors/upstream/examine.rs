//! Looking at an upstream without asking anything of it.

use super::UpstreamPolicy;
use super::transport::{Transport, Unconnected};
use crate::config::Proxy;
use crate::types::Origin;

/// What a connection shows before anything is sent on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// Whether HTTP/2 would be spoken.
    pub is_http2: bool,
    /// The certificate, in DER; `None` for an address without TLS.
    pub certificate: Option<Vec<u8>>,
}

/// Connects to an upstream the way requests do, proxy and trust included, and closes the connection.
pub async fn examine(
    origin: &Origin,
    proxy: Option<&Proxy>,
    policy: &UpstreamPolicy,
) -> Result<Sight, Unconnected> {
    let connect_timeout = policy.timeouts.connect;
    let transport =
        Transport::new(origin.clone(), proxy.cloned(), policy.tls.clone(), connect_timeout);
    let socket = transport.look().await?;
    let certificate = socket.certificate().map(<[u8]>::to_vec);
    Ok(Sight { is_http2: socket.chose_http2(), certificate })
}
