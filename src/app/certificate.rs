//! The certificate we show to clients; a reload may bring another.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::TlsFiles;

/// Why the certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("`tls.{key}`: {path}: {cause}")]
    Unreadable { key: &'static str, path: String, cause: PemError },
    #[error("`tls.cert`: {path} holds no certificate")]
    Empty { path: String },
    #[error("`tls.cert` and `tls.key`: {cert} and {key}: {cause}")]
    Rejected { cert: String, key: String, cause: rustls::Error },
    #[error("TLS cannot be spoken: {0}")]
    Unspeakable(rustls::Error),
}

/// A certificate chain and its key, which belong together.
pub(super) type ClientCertificate = Arc<CertifiedKey>;

/// Reads certificate and key.
pub(super) fn certified_key(files: &TlsFiles) -> Result<ClientCertificate, CertificateError> {
    let unreadable = |key: &'static str, path: &Path| {
        let path = path.display().to_string();
        move |cause| CertificateError::Unreadable { key, path, cause }
    };
    let chain = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable("cert", &files.cert))?;
    if chain.is_empty() {
        return Err(CertificateError::Empty { path: files.cert.display().to_string() });
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable("key", &files.key))?;
    CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider())
        .map(Arc::new)
        .map_err(|cause| CertificateError::Rejected {
            cert: files.cert.display().to_string(),
            key: files.key.display().to_string(),
            cause,
        })
}

/// The certificate in use: new connections get the latest.
#[derive(Clone)]
pub(super) struct Shown(Arc<ArcSwap<CertifiedKey>>);

impl Shown {
    pub fn new(certificate: ClientCertificate) -> Self {
        Self(Arc::new(ArcSwap::new(certificate)))
    }

    pub fn replace(&self, certificate: ClientCertificate) {
        self.0.store(certificate);
    }

    pub fn certificate(&self) -> ClientCertificate {
        self.0.load_full()
    }

    pub fn server_config(&self) -> Result<ServerConfig, CertificateError> {
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map(|config| config.with_no_client_auth().with_cert_resolver(Arc::new(self.clone())))
            .map_err(CertificateError::Unspeakable)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.certificate())
    }
}
