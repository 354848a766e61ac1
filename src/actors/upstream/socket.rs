//! A connected socket: TCP, TLS over TCP, or TLS inside the TLS of a proxy.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_rt::net::TcpStream;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::tls::{bad_server_name, chose_http2};

/// Why the other end was not reached.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    #[error("resolving: {0}")]
    Resolve(io::Error),
    #[error("connecting: {0}")]
    Connect(io::Error),
    #[error("TLS: {0}")]
    Tls(io::Error),
}

/// A connected socket, encrypted or not.
#[derive(Debug)]
pub enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<Socket>>),
}

impl Socket {
    /// Resolves a name and connects to one of its addresses.
    pub async fn dial(host: &str, port: u16) -> Result<Self, Unreached> {
        let addresses: Vec<_> =
            tokio::net::lookup_host((host, port)).await.map_err(Unreached::Resolve)?.collect();
        let socket = TcpStream::connect(addresses.as_slice()).await.map_err(Unreached::Connect)?;
        // Requests and events are small and must leave at once.
        socket.set_nodelay(true).map_err(Unreached::Connect)?;
        Ok(Self::Plain(socket))
    }

    /// Encrypts the connection with `host`, whoever passes its bytes on.
    pub async fn encrypt(self, config: Arc<ClientConfig>, host: &str) -> Result<Self, Unreached> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_invalid| Unreached::Tls(bad_server_name(host)))?;
        let encrypted =
            TlsConnector::from(config).connect(name, self).await.map_err(Unreached::Tls)?;
        Ok(Self::Tls(Box::new(encrypted)))
    }

    /// Whether the outermost handshake ended in HTTP/2.
    pub fn chose_http2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(socket) => chose_http2(socket.get_ref().1),
        }
    }

    /// The certificate that the other end has shown, in DER; `None` without encryption.
    pub fn certificate(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(socket) => Some(socket.get_ref().1.peer_certificates()?.first()?.as_ref()),
        }
    }

    /// What lies below all encryption.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(socket) => socket.get_ref().0.tcp(),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(socket) => Pin::new(socket).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Self::Tls(socket) => Pin::new(socket).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            Self::Tls(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_write_vectored(),
            Self::Tls(socket) => socket.is_write_vectored(),
        }
    }
}
