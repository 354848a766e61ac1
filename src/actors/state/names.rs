//! What accounts and replicas are called among replicas.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::{Auth, Credential, Family};

/// A change of what goes into the names is a change of this label.
const LABEL: &[u8] = b"ampgate account 1";

/// An account of a provider, named alike in every replica whatever the order of its configuration.
///
/// SECURITY: half of a SHA-256 over family, address and key. Providers' keys have more than 100
/// random bits, so nobody finds one by trying; a key that somebody could guess (`test`, for a model
/// on one's own machine) could be confirmed by whoever reads the server, and is worth as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName([u8; 16]);

impl AccountName {
    /// Of whatever makes an account one over reloads, too.
    #[must_use]
    pub fn of(credential: &Credential) -> Self {
        let family = match credential.family {
            Family::Claude => "claude",
            Family::OpenAi => "openai",
            Family::Gemini => "gemini",
            Family::Vertex => "vertex",
            Family::OpenAiCompatible => "compatible",
            Family::Azure => "azure",
            Family::Bedrock => "bedrock",
            Family::VertexClaude => "vertex-claude",
            Family::Codex => "codex",
        };
        let origin = credential.origin.to_string();
        let account = match &credential.auth {
            Auth::Open => String::new(),
            Auth::Key(key) => key.expose().to_owned(),
            Auth::Token(source) => source.to_string(),
            Auth::ClientLogin => "client".to_owned(),
        };
        // Empty for most, and then it must not change their names.
        let hosting = credential.hosting.to_string();
        let hosting = (!hosting.is_empty()).then_some(hosting.as_bytes());
        let mut hash = Sha256::new();
        for part in [LABEL, family.as_bytes(), origin.as_bytes()]
            .into_iter()
            .chain([credential.base_path.as_bytes(), account.as_bytes()])
            .chain(hosting)
        {
            hash.update((part.len() as u64).to_le_bytes()); // or `ab`, `c` would be `a`, `bc`
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut name = [0; 16];
        name.copy_from_slice(&digest[..16]);
        Self(name)
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.to_string()
    }
}

impl TryFrom<String> for AccountName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse_hex(&text).map(Self).ok_or("is no account's name")
    }
}

/// Sixteen bytes as written by replicas: 32 hexadecimal digits.
pub(super) fn parse_hex(text: &str) -> Option<[u8; 16]> {
    let is_written_so = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_written_so.then(|| u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)).flatten()
}

/// One process, from its start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplicaId(u64);

impl ReplicaId {
    /// By chance. Without a source of it, the number of the process has to do.
    #[must_use]
    pub fn random() -> Self {
        let mut random = [0; 8];
        match getrandom::fill(&mut random) {
            Ok(()) => Self(u64::from_le_bytes(random)),
            Err(_) => Self(u64::from(std::process::id())),
        }
    }

    /// As it was written by [`fmt::Display`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load_text};

    fn accounts(yaml: &str) -> Vec<AccountName> {
        let settings = load_text(yaml, &Sources::default()).unwrap().settings;
        settings.credentials.iter().map(AccountName::of).collect()
    }

    #[test]
    fn an_account_has_one_name_in_whatever_place_and_by_whatever_other_setting() {
        let one = accounts(
            "claude-api-key: [{ api-key: a }, { api-key: b }]\nopenai-api-key: [{ api-key: a }]\n",
        );
        let other = accounts(
            "openai-api-key: [{ api-key: a, priority: 3 }]\nclaude-api-key: [{ api-key: b, prefix: x }, { api-key: a }]\n",
        );

        assert_eq!(one[0], other[1]);
        assert_eq!(one[1], other[0]);
        assert_eq!(one[2], other[2]);
        assert!(one[0] != one[1] && one[0] != one[2], "another key, another family");
        let elsewhere = "claude-api-key: [{ api-key: a, base-url: 'https://other.example' }]\n";
        assert_ne!(one[0], accounts(elsewhere)[0], "another address");
    }

    #[test]
    fn a_name_tells_no_key_and_is_read_as_it_is_written() {
        let name = accounts("claude-api-key: [{ api-key: sk-hush }]\n")[0];

        let written = serde_json::to_string(&name).unwrap();

        assert!(!written.contains("hush"), "{written}");
        assert_eq!(serde_json::from_str::<AccountName>(&written).unwrap(), name);
        for wrong in ["\"\"", "\"+123456789012345678901234567890a\"", "7"] {
            assert!(serde_json::from_str::<AccountName>(wrong).is_err(), "{wrong}");
        }
        let id = ReplicaId::random();
        assert_eq!(ReplicaId::parse(&id.to_string()), Some(id));
    }
}
