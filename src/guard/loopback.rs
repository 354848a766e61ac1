//! Is the peer on this machine?

use std::net::SocketAddr;

use crate::error::GatewayError;

/// Refuses every peer that is not on this machine.
///
/// Reads the address of the TCP peer and never `X-Forwarded-For`: any client can write that field.
pub(super) fn require_loopback(peer: Option<SocketAddr>) -> Result<(), GatewayError> {
    // An IPv4 peer of a dual-stack listener arrives as `::ffff:127.0.0.1`.
    let is_loopback = |peer: SocketAddr| peer.ip().to_canonical().is_loopback();
    if peer.is_some_and(is_loopback) { Ok(()) } else { Err(GatewayError::NotLoopback) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_peer_on_this_machine_passes() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (Some("127.0.0.1:5"),            true,  "IPv4 loopback"),
            (Some("127.8.8.8:5"),            true,  "all of 127/8 is loopback"),
            (Some("[::1]:5"),                true,  "IPv6 loopback"),
            (Some("[::ffff:127.0.0.1]:5"),   true,  "IPv4 peer of a dual-stack listener"),
            (Some("192.168.1.9:5"),          false, "the local network is not this machine"),
            (Some("[::ffff:192.168.1.9]:5"), false, "mapped, but not loopback"),
            (Some("[fe80::1]:5"),            false, "link-local"),
            (None,                           false, "no address known"),
        ];
        for (peer, passes, why) in cases {
            let peer = peer.map(|text| text.parse().unwrap());
            assert_eq!(require_loopback(peer).is_ok(), passes, "{peer:?}: {why}");
        }
    }
}
