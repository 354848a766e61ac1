//! Trust and protocol choice for encrypted upstreams.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

const HTTP_2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// The file of extra certificate authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("`tls.upstream-ca`: {path}: {cause}")]
    Unreadable { path: String, cause: rustls::pki_types::pem::Error },
    #[error("`tls.upstream-ca`: {path} holds no certificate")]
    Empty { path: String },
    #[error("`tls.upstream-ca`: {path}: {cause}")]
    Rejected { path: String, cause: rustls::Error },
}

/// What a TLS connection to an upstream offers, by the protocol we are ready to speak on it.
#[derive(Clone)]
pub struct UpstreamTls {
    /// The first connection to an origin: whichever the upstream prefers.
    pub either: Arc<ClientConfig>,
    /// Once an upstream has chosen HTTP/1.1, and for WebSocket tunnels.
    pub http1_only: Arc<ClientConfig>,
}

impl UpstreamTls {
    /// Trusts the machine's certificate store (so that `SSL_CERT_FILE` works), Mozilla's list (so
    /// that an image without a store works), and the authorities in `extra`, a PEM file.
    pub fn load(extra: Option<&Path>) -> Result<Self, TrustError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        // A store with unreadable entries still serves with the readable ones.
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        if let Some(path) = extra {
            add_authorities(&mut roots, path)?;
        }
        let roots = Arc::new(roots);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = |protocols: &[&[u8]]| {
            let mut config = ClientConfig::builder_with_provider(provider.clone())
                .with_safe_default_protocol_versions()
                .expect("ring supports rustls' default protocol versions")
                .with_root_certificates(roots.clone())
                .with_no_client_auth();
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            Arc::new(config)
        };
        Ok(Self { either: config(&[HTTP_2, HTTP_1_1]), http1_only: config(&[HTTP_1_1]) })
    }
}

fn add_authorities(roots: &mut RootCertStore, path: &Path) -> Result<(), TrustError> {
    let shown = path.display().to_string();
    let unreadable = |cause| TrustError::Unreadable { path: shown.clone(), cause };
    let mut found = false;
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        let certificate = certificate.map_err(unreadable)?;
        roots
            .add(certificate)
            .map_err(|cause| TrustError::Rejected { path: shown.clone(), cause })?;
        found = true;
    }
    if found { Ok(()) } else { Err(TrustError::Empty { path: shown }) }
}

impl fmt::Debug for UpstreamTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UpstreamTls")
    }
}

/// Whether the handshake ended in HTTP/2.
pub fn chose_http2(connection: &rustls::ClientConnection) -> bool {
    connection.alpn_protocol() == Some(HTTP_2)
}

/// A host name that no certificate can be asked for.
pub fn bad_server_name(host: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("`{host}` is not a server name"))
}
