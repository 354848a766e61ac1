//! How each credential is doing, for whoever operates the gateway.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::cooldown::ListedRest;
use crate::dialect::ToldLimit;
use crate::types::{CredentialId, ProviderName};

/// More than one account can have at once, over all its models.
const MOST_LIMITS: usize = 24;

/// How one credential is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialHealth {
    pub id: CredentialId,
    pub provider: ProviderName,
    /// Empty while nothing is known against it.
    pub rests: Vec<ListedRest>,
    /// What its provider last said of its limits, by name.
    pub limits: Vec<SeenLimit>,
}

/// A limit, and when its provider told it.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenLimit {
    pub told: ToldLimit,
    pub at: SystemTime,
}

/// What the provider of one account has said of its limits: of each the newest.
///
/// A lock of the account's own and no message: every answer brings limits, and a message to the actor costs
/// more than all of this. It is held for a few moves in memory.
#[derive(Debug, Default)]
pub(super) struct SeenLimits(Mutex<Vec<SeenLimit>>);

impl SeenLimits {
    pub fn note(&self, told: Vec<ToldLimit>, at: SystemTime) {
        // Whoever holds it notes something as new, so nobody waits.
        let Ok(mut seen) = self.0.try_lock() else { return };
        for told in told {
            let known = seen.iter().position(|known| known.told.name == told.name);
            let newest = SeenLimit { told, at };
            match known {
                Some(place) => seen[place] = newest,
                None if seen.len() < MOST_LIMITS => seen.push(newest),
                None => {}
            }
        }
    }

    pub fn read(&self) -> Vec<SeenLimit> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        seen.sort_by(|one, other| one.told.name.cmp(&other.told.name));
        seen
    }
}
