//! `ampgate probe`: is the gateway on this machine alive? For images, which have no curl.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::Failure;
use crate::config::{Sources, load};

/// Docker gives a health check three seconds.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn run(sources: &Sources) -> Result<(), Failure> {
    let loaded = load(sources).map_err(|error| error.to_string())?.settings;
    let listen = loaded.listen;
    let host = match listen.host.as_str() {
        "" | "0.0.0.0" | "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        "::" | "[::]" => IpAddr::V6(Ipv6Addr::LOCALHOST),
        host => host.parse().map_err(|_no_address| format!("`{host}` is not an address"))?,
    };
    if loaded.tls.certificate.is_some() {
        // Who holds the certificate's name is not the question here; that it accepts us is enough.
        return TcpStream::connect_timeout(&SocketAddr::new(host, listen.port), PATIENCE)
            .map(drop)
            .map_err(|error| format!("no gateway on {host}:{}: {error}", listen.port));
    }
    let status = ask(SocketAddr::new(host, listen.port))
        .map_err(|error| format!("no gateway on {host}:{}: {error}", listen.port))?;
    if status == 200 { Ok(()) } else { Err(format!("the gateway answers {status}")) }
}

fn ask(address: SocketAddr) -> std::io::Result<u16> {
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: probe\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.ok_or_else(|| std::io::Error::other("it does not speak HTTP"))
}
