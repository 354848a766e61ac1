//! Which conversation a call belongs to.
//!
//! Prompt caches live with a provider's account, so the turns of one conversation should go to one
//! credential. The first source that says something counts:
//!
//! | source                                               | said by                                  |
//! | ---------------------------------------------------- | ---------------------------------------- |
//! | `X-Claude-Code-Session-Id`, `X-Session-ID`, `Session-Id`, `Session_id`, `Thread-Id`, `X-Amp-Thread-Id` | Claude Code, Codex, Amp, wrappers |
//! | body `metadata.user_id` with a session in it         | Claude Code: `..._session_<id>`, or JSON with `session_id` |
//! | body `conversation`, `conversation_id`               | Responses: stored with the account       |
//! | body `prompt_cache_key`                              | `OpenAI` clients: which calls share a cache |
//! | body `metadata.user_id`                              | others: who, if not which conversation   |
//! | how the system prompt begins, and the first words of the user | everybody                      |
//!
//! - Fields come first: they are at hand, and who sends them sends them with every call, so the
//!   body need not be read. A session is the same by whichever way its id comes.
//! - `X-Client-Request-Id` is no source. Codex puts its conversation there, but beside
//!   `Session-Id`; for everybody else it names one request, and a key for each would bind nothing
//!   and fill the memory.
//! - Words are a guess. The first answer is not among them, for turn one has none; nor is anything
//!   else that a later turn may change: `cache_control` wanders from message to message, and Claude
//!   Code's billing block is another one each time. Two conversations that begin alike share a key,
//!   as they share the beginning of their cache. With `previous_response_id` a body holds only its
//!   turn's words: then there is no key.
//!
//! The key is a hash without a seed, the same in every replica and after a restart. What is bound
//! to it, and for how long, is the router's affair.

mod body;
#[cfg(test)]
mod tests;

use std::fmt;

use actix_web::http::header::{HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256};

use crate::types::Dialect;

/// One conversation, as far as anybody can tell. A hash: neither id nor words can be read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey([u8; 16]);

/// Header fields that name a conversation and nothing shorter. Codex sends `session-id` (0.169.0)
/// or, in older releases, `session_id`; where it also names a thread, the session is the wider
/// word.
const FIELDS: [HeaderName; 6] = [
    HeaderName::from_static("x-claude-code-session-id"),
    HeaderName::from_static("x-session-id"),
    HeaderName::from_static("session-id"),
    HeaderName::from_static("session_id"),
    HeaderName::from_static("thread-id"),
    HeaderName::from_static("x-amp-thread-id"),
];

/// The conversation that a call belongs to; `None` when nothing in it says so.
#[must_use]
pub fn session_key(fields: &HeaderMap, dialect: Dialect, body: &[u8]) -> Option<SessionKey> {
    let named = FIELDS
        .iter()
        .filter_map(|name| fields.get(name))
        .map(|value| value.as_bytes().trim_ascii())
        .find(|value| !value.is_empty());
    match named {
        Some(id) => Some(SessionKey::of(Source::Id, &[id])),
        None => body::session_key(dialect, body),
    }
}

/// What a key was made of: a user called `a` is not the session `a`.
#[derive(Clone, Copy)]
enum Source {
    Id,
    CacheKey,
    User,
    Words,
}

impl SessionKey {
    /// A key that another replica has written.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    fn of(source: Source, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        hash.update([source as u8]);
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes()); // or `ab`, `c` would be `a`, `bc`
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}
