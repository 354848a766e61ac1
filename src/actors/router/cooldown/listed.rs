//! Every rest of a credential, for whoever wants to see them.

use std::time::Instant;

use super::{Cooldowns, MemberId};

/// A rest that is not forgotten: it lasts, or is over and not yet proven to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRest {
    /// The provider's name in lower case; `None`: the whole credential.
    pub model: Option<String>,
    /// What it failed with, in one word.
    pub reason: &'static str,
    pub until: Instant,
    /// The provider itself said for how long.
    pub was_told: bool,
}

impl Cooldowns {
    /// The rests of a credential: of the whole first, then of its models by name.
    #[must_use]
    pub fn rests(&self, member: MemberId) -> Vec<ListedRest> {
        let Some(member) = self.members.get(&member) else { return Vec::new() };
        let mut models: Vec<_> = member.models.iter().collect();
        models.sort_by_key(|(name, _)| *name);
        let whole = member.whole.iter().map(|entry| (None, entry));
        let models = models.into_iter().map(|(name, entry)| (Some(name.clone()), entry));
        whole
            .chain(models)
            .map(|(model, entry)| ListedRest {
                model,
                reason: entry.class.as_str(),
                until: entry.until,
                was_told: entry.was_told,
            })
            .collect()
    }

    /// Forgets every rest of a credential; says whether there was one.
    pub fn forget(&mut self, member: MemberId) -> bool {
        self.members.remove(&member).is_some()
    }
}
