//! Secrets, and the names that stand for them in logs.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// What every secret prints as, whatever the format.
const STARS: &str = "*****";

/// The name of a client key: what logs, metrics and limits speak of instead of the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(Arc<str>);

impl ClientId {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The hash of a key a client shows us. Keys are compared as hashes, in constant time, so that
/// neither the comparison nor a memory dump of the table gives a key away.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    #[must_use]
    pub fn of(presented: &[u8]) -> Self {
        Self(Sha256::digest(presented).into())
    }
}

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyHash {}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STARS)
    }
}

/// A secret was given, but it is empty.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("is empty")]
pub struct EmptySecret;

/// Opens our door. Known by its hash only; the text is forgotten once parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientKey(KeyHash);

impl ClientKey {
    /// Takes the key as written in the configuration; white space around it is not part of it.
    pub fn parse(text: &str) -> Result<Self, EmptySecret> {
        let text = text.trim();
        if text.is_empty() { Err(EmptySecret) } else { Ok(Self(KeyHash::of(text.as_bytes()))) }
    }

    #[must_use]
    pub fn matches(&self, presented: &KeyHash) -> bool {
        self.0 == *presented
    }
}

/// Every client key, with the name of its client.
#[derive(Debug, Default)]
pub struct Keyring(Vec<(ClientId, ClientKey)>);

impl Keyring {
    #[must_use]
    pub fn new(keys: Vec<(ClientId, ClientKey)>) -> Self {
        Self(keys)
    }

    /// The key of the client of this name.
    #[must_use]
    pub fn key_of(&self, client: &ClientId) -> Option<&ClientKey> {
        self.0.iter().find(|(known, _)| known == client).map(|(_, key)| key)
    }

    /// Whose key this is.
    ///
    /// SECURITY: hashes are compared in constant time, and all of them, so that the time taken
    /// tells neither how much of a key was right nor which key it was near.
    #[must_use]
    pub fn find(&self, presented: &[u8]) -> Option<&ClientId> {
        let presented = KeyHash::of(presented);
        self.0.iter().fold(
            None,
            |found, (client, key)| {
                if key.matches(&presented) { Some(client) } else { found }
            },
        )
    }
}

/// Opens an upstream's door: a provider's key, or the team's key for the Amp server.
///
/// Its copies share one text, which is wiped when the last of them is gone. What is built from it (the fields
/// of a request) is not.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Arc<Zeroizing<Box<str>>>);

impl ApiKey {
    /// Takes the key as written in a file, a variable or the configuration; white space around it
    /// (a mounted secret often ends in a line break) is not part of it.
    pub fn parse(text: &str) -> Result<Self, EmptySecret> {
        let text = text.trim();
        if text.is_empty() {
            Err(EmptySecret)
        } else {
            Ok(Self(Arc::new(Zeroizing::new(text.into()))))
        }
    }

    /// The key itself. Call it only where a header for the upstream is built.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Hash for ApiKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STARS)
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STARS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_print_as_stars_in_every_format() {
        let key = ApiKey::parse("sk-live-1234\n").unwrap();
        let client = ClientKey::parse("client-1234").unwrap();

        let printed = format!("{key} {key:?} {client:?} {:?}", KeyHash::of(b"client-1234"));

        assert!(!printed.contains("1234"), "{printed}");
        assert_eq!(key.expose(), "sk-live-1234", "white space around a key is not part of it");
    }

    #[test]
    fn a_key_has_one_text_which_is_wiped_at_its_end() {
        fn is_wiped_at_its_end(_: &impl zeroize::ZeroizeOnDrop) {}
        let key = ApiKey::parse("sk-live-1234").unwrap();

        let copy = key.clone();

        assert!(Arc::ptr_eq(&key.0, &copy.0), "a copy made another text");
        is_wiped_at_its_end(&*key.0);
    }

    #[test]
    fn a_client_key_matches_only_itself() {
        let key = ClientKey::parse(" alice-key ").unwrap();

        assert!(key.matches(&KeyHash::of(b"alice-key")));
        assert!(!key.matches(&KeyHash::of(b"alice-kez")));
        assert!(!key.matches(&KeyHash::of(b"")));
        assert_eq!(ClientKey::parse("  "), Err(EmptySecret));
        assert_eq!(ApiKey::parse(""), Err(EmptySecret));
    }
}
