//! `ampgate probe`: is the gateway on this machine alive? For images, which have no curl.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::Failure;
use crate::config::{Sources, load};

/// Docker gives a health check three seconds.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn run(sources: &Sources) -> Result<(), Failure> {
    let loaded = load(sources).map_err(|error| error.to_string())?.settings;
    let listen = loaded.listen;
    let absent = |error: io::Error| {
        format!("no gateway on `{}`, port {}: {error}", listen.host, listen.port)
    };
    let connection =
        addresses_of(&listen.host, listen.port).and_then(|all| connect(&all)).map_err(absent)?;
    if loaded.tls.certificate.is_some() {
        // Who holds the certificate's name is not the question here; that it accepts us is enough.
        return Ok(());
    }
    let status = ask(connection).map_err(absent)?;
    if status == 200 { Ok(()) } else { Err(format!("the gateway answers {status}")) }
}

/// Where a gateway with this `host` may answer on its own machine.
fn addresses_of(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let host = match host {
        "" | "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        host => host,
    };
    Ok((host, port).to_socket_addrs()?.collect())
}

/// The first that accepts us: of a name's addresses the gateway takes those that it can listen on.
fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut refused = io::Error::other("the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(address, PATIENCE) {
            Ok(connection) => return Ok(connection),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn ask(mut connection: TcpStream) -> io::Result<u16> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: probe\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.ok_or_else(|| io::Error::other("it does not speak HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name that the listener resolves was no address to the probe.
    #[test]
    fn a_gateway_is_looked_for_where_it_listens_by_whatever_name() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("",          "127.0.0.1:7", "every address"),
            ("0.0.0.0",   "127.0.0.1:7", "the same"),
            ("::",        "[::1]:7",     "the same in IPv6"),
            ("127.0.0.2", "127.0.0.2:7", "one"),
            ("LOCALHOST", "127.0.0.1:7", "a name, of which there may be more"),
        ];
        for (host, expected, why) in cases {
            let addresses = addresses_of(host, 7).unwrap();
            assert!(addresses.contains(&expected.parse().unwrap()), "{why}: {addresses:?}");
        }
    }
}
