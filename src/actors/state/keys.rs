//! Where things are kept at the server.

use crate::dialect::SessionKey;
use crate::types::{ClientId, ModelName};

use super::names::AccountName;

/// Every key and channel, each behind the prefix of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    rests: [String; 2],
    bindings: [String; 2],
    replicas: String,
    channel: String,
    clients: String,
    locks: String,
}

impl Keys {
    pub fn new(prefix: &str) -> Self {
        Self {
            rests: [format!("{prefix}:rests"), format!("{prefix}:rests:until")],
            bindings: [format!("{prefix}:bindings"), format!("{prefix}:bindings:until")],
            replicas: format!("{prefix}:replicas"),
            channel: format!("{prefix}:news"),
            clients: format!("{prefix}:client:"),
            locks: format!("{prefix}:lock:"),
        }
    }

    /// The letters, and when each is over.
    pub fn rests(&self) -> [&str; 2] {
        [&self.rests[0], &self.rests[1]]
    }

    /// The letters, and when each is over.
    pub fn bindings(&self) -> [&str; 2] {
        [&self.bindings[0], &self.bindings[1]]
    }

    pub fn replicas(&self) -> &str {
        &self.replicas
    }

    /// What is counted for a client. Its name is no secret: logs and metrics have it, too.
    pub fn client(&self, client: &ClientId) -> String {
        format!("{}{client}", self.clients)
    }

    pub fn lock(&self, name: &str) -> String {
        format!("{}{name}", self.locks)
    }

    pub fn channel(&self) -> &str {
        &self.channel
    }
}

/// What a rest is called among the rests. Providers do not tell upper from lower case in a model.
pub fn rest_name(account: AccountName, model: Option<&ModelName>) -> String {
    match model {
        None => account.to_string(),
        Some(model) => format!("{account}|{}", model.as_str().to_ascii_lowercase()),
    }
}

/// What a conversation is called among the bindings.
pub fn binding_name(session: SessionKey, model: &ModelName) -> String {
    format!("{session}|{model}")
}
