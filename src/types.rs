//! The nouns every floor above speaks in: small types that cannot be wrong.
//!
//! A value is parsed once, at the border; inside the gateway nothing is a bare string that has
//! rules. Secrets print as stars.

mod foreign_login;
mod limit;
mod model;
mod origin;
mod pattern;
mod route;
mod secret;
mod thinking;
mod usage;

pub use foreign_login::ForeignLogin;
pub use limit::{Filling, Limit, LimitReached, Usd};
pub use model::{CredentialId, Dialect, ModelName, ProviderName, UpstreamModel};
pub use origin::{Origin, OriginError, is_this_machine};
pub use pattern::ModelPattern;
pub use route::{Route, Way, Ways};
pub use secret::{ApiKey, ClientId, ClientKey, EmptySecret, KeyHash, Keyring};
pub use thinking::{Thinking, ThinkingLevel};
pub use usage::TokenUsage;
