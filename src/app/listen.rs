//! The sockets on which clients find us: bound once, before anything is served.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::Listen;

/// Room for bursts of connections while the workers are busy.
const BACKLOG: i32 = 8192;

/// Listens on every address of the host that can be listened on.
pub(super) fn listen(listen: &Listen) -> io::Result<Vec<TcpListener>> {
    let (mut listeners, mut refused) = (Vec::new(), None);
    for address in (bind_host(&listen.host), listen.port).to_socket_addrs()? {
        match bind(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) if listeners.is_empty() => Err(error),
        None if listeners.is_empty() => Err(io::ErrorKind::AddrNotAvailable.into()),
        _ => Ok(listeners),
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if cfg!(windows) {
        // Elsewhere the IPv6 wildcard takes IPv4 as well by itself, and reuse does not mean theft.
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
    } else {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
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
    TcpListener::bind("[::]:0").is_ok()
}
