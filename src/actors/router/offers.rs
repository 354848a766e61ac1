//! What can be asked for: the names that the configuration lists, and the credentials whose
//! provider has to be asked for its own.

use std::sync::Arc;

use super::table::{RouteTable, same_name};
use crate::config::{Credential, Family};
use crate::types::{Dialect, ModelName};

impl RouteTable {
    /// The names that can be asked for in a dialect, as configured, each with its credential.
    pub(super) fn listed(&self, dialect: Dialect) -> Vec<(ModelName, Arc<Credential>)> {
        let mut listed: Vec<(ModelName, Arc<Credential>)> = Vec::new();
        for member in self.speaking(dialect) {
            for model in &member.credential.models {
                if !listed.iter().any(|(name, _)| same_name(name, &model.alias)) {
                    listed.push((model.alias.clone(), member.credential.clone()));
                }
            }
        }
        listed
    }

    /// One credential of each provider that serves its family's models without a list. A compatible
    /// provider without a list serves nothing, so its own list would be a list of refusals.
    pub(super) fn unlisted(&self, dialect: Dialect) -> Vec<Arc<Credential>> {
        let mut unlisted: Vec<Arc<Credential>> = Vec::new();
        for member in self.speaking(dialect) {
            let credential = &member.credential;
            let is_new = |known: &Arc<Credential>| known.provider != credential.provider;
            let lists_itself =
                credential.models.is_empty() && credential.family != Family::OpenAiCompatible;
            if lists_itself && unlisted.iter().all(is_new) {
                unlisted.push(credential.clone());
            }
        }
        unlisted
    }
}
