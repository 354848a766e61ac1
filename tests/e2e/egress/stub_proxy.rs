//! A proxy that speaks CONNECT or SOCKS5, or fails at it, and remembers what it was told.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use crate::support::expect;

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\nvia: stub\r\n\r\n";

/// What a proxy does with those who connect.
#[derive(Clone, Copy, Debug)]
pub enum Manners {
    /// CONNECT, then bytes both ways.
    Connect,
    /// SOCKS5 without a login.
    Socks5,
    /// SOCKS5 with any user name and password.
    Socks5Login,
    /// Reads the head of a CONNECT, says this, and waits for the other end to leave.
    Say(&'static str),
    /// The same, but closes at once.
    SayAndClose(&'static str),
    /// An answer whose head does not end.
    EndlessHead,
    /// SOCKS5: says these bytes after each of the messages it gets, then waits.
    SaySocks5(&'static [&'static [u8]]),
    /// Closes before it has heard anything.
    Close,
    /// Hears, and says nothing.
    Hang,
}

/// A proxy on a port of its own. Whatever it is asked for, it connects to one upstream: names that
/// nobody but the proxy can resolve are fine.
pub struct StubProxy {
    pub address: SocketAddr,
    state: Rc<State>,
    accepting: actix_rt::task::JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// CONNECT heads as they came; for SOCKS5, `host:port` and `user:password` if told.
    asked: RefCell<Vec<String>>,
    open: Cell<usize>,
    changed: Notify,
}

impl Drop for StubProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

impl StubProxy {
    /// A proxy in front of `origin`.
    pub async fn before(origin: &str, manners: Manners) -> Self {
        Self::start(origin, manners, None).await
    }

    /// A proxy that is itself spoken to in TLS.
    pub async fn encrypted(origin: &str, manners: Manners, config: ServerConfig) -> Self {
        Self::start(origin, manners, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start(origin: &str, manners: Manners, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = origin.split_once("://").unwrap().1.to_owned();
        let state = Rc::new(State::default());
        let shared = state.clone();
        let accepting = actix_rt::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (state, tls, upstream) = (shared.clone(), tls.clone(), upstream.clone());
                actix_rt::spawn(async move {
                    state.open.set(state.open.get() + 1);
                    state.changed.notify_waiters();
                    let _ = serve(socket, tls, manners, &upstream, &state).await;
                    state.open.set(state.open.get() - 1);
                    state.changed.notify_waiters();
                });
            }
        });
        Self { address, state, accepting }
    }

    /// What each connection asked for, in their order.
    pub fn asked(&self) -> Vec<String> {
        self.state.asked.borrow().clone()
    }

    /// Waits until somebody is connected.
    pub async fn has_connections(&self) {
        self.open_connections(|open| open > 0, "a connection to the proxy").await;
    }

    /// Waits until every connection is closed.
    pub async fn all_closed(&self) {
        self.open_connections(|open| open == 0, "the proxy's connections to be closed").await;
    }

    async fn open_connections(&self, wanted: fn(usize) -> bool, what: &str) {
        let reached = async {
            loop {
                let changed = self.state.changed.notified();
                if wanted(self.state.open.get()) {
                    return;
                }
                changed.await;
            }
        };
        expect(reached, what).await;
    }
}

async fn serve(
    socket: TcpStream,
    tls: Option<TlsAcceptor>,
    manners: Manners,
    upstream: &str,
    state: &State,
) -> io::Result<()> {
    if matches!(manners, Manners::Close) {
        return Ok(());
    }
    let mut client: Box<dyn Stream> = match tls {
        Some(tls) => Box::new(tls.accept(socket).await?),
        None => Box::new(socket),
    };
    match manners {
        Manners::Connect | Manners::Say(_) | Manners::SayAndClose(_) | Manners::EndlessHead => {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await?);
            }
            state.asked.borrow_mut().push(String::from_utf8(head).unwrap());
        }
        Manners::Socks5 | Manners::Socks5Login => {
            let asked = greet(&mut client, matches!(manners, Manners::Socks5Login)).await?;
            state.asked.borrow_mut().push(asked);
        }
        Manners::SaySocks5(_) | Manners::Close | Manners::Hang => {}
    }
    match manners {
        Manners::Connect => client.write_all(ESTABLISHED.as_bytes()).await?,
        Manners::Socks5 | Manners::Socks5Login => {
            client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 9]).await?;
        }
        Manners::SaySocks5(answers) => {
            let mut room = [0; 1024];
            for answer in answers {
                let _ = client.read(&mut room).await?;
                client.write_all(answer).await?;
                client.flush().await?;
            }
            return wait_for_end(&mut client).await;
        }
        Manners::Say(words) => {
            client.write_all(words.as_bytes()).await?;
            client.flush().await?;
            return wait_for_end(&mut client).await;
        }
        Manners::SayAndClose(words) => {
            client.write_all(words.as_bytes()).await?;
            return client.shutdown().await;
        }
        Manners::EndlessHead => {
            client.write_all(b"HTTP/1.1 200 OK\r\nx: ").await?;
            let _ = client.write_all(&vec![b'x'; 64 * 1024]).await;
            return wait_for_end(&mut client).await;
        }
        Manners::Close | Manners::Hang => return wait_for_end(&mut client).await,
    }
    client.flush().await?;
    let mut upstream = TcpStream::connect(upstream).await?;
    tokio::io::copy_bidirectional(&mut client, &mut upstream).await?;
    Ok(())
}

/// SOCKS5 as RFC 1928 and RFC 1929 have it, written down a second time.
async fn greet(client: &mut Box<dyn Stream>, login: bool) -> io::Result<String> {
    let method = if login { 2 } else { 0 };
    assert_eq!(client.read_u8().await?, 5, "the version");
    let mut methods = vec![0; client.read_u8().await?.into()];
    client.read_exact(&mut methods).await?;
    assert!(methods.contains(&method), "{methods:?}");
    client.write_all(&[5, method]).await?;
    client.flush().await?;
    let mut told = String::new();
    if login {
        assert_eq!(client.read_u8().await?, 1, "the version of RFC 1929");
        let user = short_text(client).await?;
        let password = short_text(client).await?;
        told = format!(" {user}:{password}");
        client.write_all(&[1, 0]).await?;
        client.flush().await?;
    }
    let mut request = [0; 4];
    client.read_exact(&mut request).await?;
    assert_eq!(request[..3], [5, 1, 0], "CONNECT");
    let host = match request[3] {
        1 => {
            let mut address = [0; 4];
            client.read_exact(&mut address).await?;
            std::net::Ipv4Addr::from(address).to_string()
        }
        3 => short_text(client).await?,
        kind => panic!("address of kind {kind}"),
    };
    let port = client.read_u16().await?;
    Ok(format!("{host}:{port}{told}"))
}

async fn short_text(client: &mut Box<dyn Stream>) -> io::Result<String> {
    let mut text = vec![0; client.read_u8().await?.into()];
    client.read_exact(&mut text).await?;
    Ok(String::from_utf8(text).unwrap())
}

async fn wait_for_end(client: &mut Box<dyn Stream>) -> io::Result<()> {
    let mut room = [0; 1024];
    while client.read(&mut room).await? > 0 {}
    client.shutdown().await
}
