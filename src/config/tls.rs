//! Certificates: the one clients see, and those we trust.

use std::path::PathBuf;

use super::raw::RawTls;
use super::reader::Reader;
use super::shapes::Scalar;

/// Certificates, ours and theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// What clients see. Default none: plain HTTP.
    pub certificate: Option<TlsFiles>,
    /// A PEM bundle of certificate authorities trusted for upstreams, besides the system's.
    pub upstream_ca: Option<PathBuf>,
}

/// A certificate chain and its private key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Reader<'_> {
    pub fn tls(&mut self, raw: &RawTls) -> Tls {
        // CLIProxyAPI's switch: when it is not written, the files speak for themselves.
        let enabled = match raw.enable {
            Scalar::Absent => None,
            _ => Some(self.flag("tls.enable", &raw.enable)),
        };
        let files = (self.file("tls.cert", &raw.cert), self.file("tls.key", &raw.key));
        let certificate = match (enabled, files) {
            (Some(false), _) | (None, (None, None)) => None,
            (_, (Some(cert), Some(key))) => Some(TlsFiles { cert, key }),
            (_, (cert, _)) => {
                let missing = if cert.is_none() { "tls.cert" } else { "tls.key" };
                self.problem(missing, "is empty; TLS needs both `tls.cert` and `tls.key`");
                None
            }
        };
        let upstream_ca = self.file("tls.upstream-ca", &raw.upstream_ca);
        let files = certificate.iter().flat_map(|files| [&files.cert, &files.key]);
        for file in files.chain(&upstream_ca) {
            self.depends_on(file);
        }
        if let Some(files) = &certificate {
            self.holds_secret(&files.key);
        }
        Tls { certificate, upstream_ca }
    }
}
