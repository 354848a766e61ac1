//! The certificate we show to clients.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsFiles;

/// Why the certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("`tls.{key}`: {path}: {cause}")]
    Unreadable { key: &'static str, path: String, cause: PemError },
    #[error("`tls.cert` and `tls.key`: {0}")]
    Rejected(rustls::Error),
}

/// Reads certificate and key. actix adds the protocols it speaks, HTTP/2 and HTTP/1.1.
pub(super) fn server_config(files: &TlsFiles) -> Result<ServerConfig, CertificateError> {
    let unreadable = |key: &'static str, path: &Path| {
        let path = path.display().to_string();
        move |cause| CertificateError::Unreadable { key, path, cause }
    };
    let chain = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable("cert", &files.cert))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable("key", &files.key))?;
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(CertificateError::Rejected)
}
