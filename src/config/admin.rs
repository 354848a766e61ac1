//! Where whoever operates the gateway looks: metrics, status, the status page.

use super::raw::RawAdmin;
use super::reader::Reader;
use super::secret::RawSecret;
use super::server::Listen;
use crate::types::ClientKey;

/// The listener for metrics and status, apart from the clients' one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Default true.
    pub is_enabled: bool,
    /// Default 127.0.0.1:8318.
    pub listen: Listen,
    /// Opens everything but `/healthz`. Default none: reading is open to whoever reaches the listener,
    /// and on an address that is not loopback nothing can be changed.
    pub key: Option<ClientKey>,
}

impl Reader<'_> {
    pub fn admin(&mut self, raw: &RawAdmin) -> Admin {
        let secret = RawSecret { text: &raw.key, file: &raw.key_file, variable: &raw.key_env };
        let key = self.secret("admin.key", &secret).ok().flatten();
        Admin {
            is_enabled: self.flag("admin.enable", &raw.enable),
            listen: Listen {
                host: self.host("admin.host", &raw.host),
                port: self.port("admin.port", &raw.port),
            },
            key: key.and_then(|key| ClientKey::parse(&key).ok()),
        }
    }
}
