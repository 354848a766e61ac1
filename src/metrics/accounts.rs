//! What the account of a credential is called now.
//!
//! The id of a credential is its place in the configuration: when an entry is taken out, those behind it
//! move up. Counts do not move with an id to another account.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use crate::types::CredentialId;

/// The accounts of the configuration, by number; `None` before anybody has told them.
#[derive(Debug, Default)]
pub(super) struct Accounts(RwLock<Option<HashMap<u32, CredentialId>>>);

impl Accounts {
    /// The id that the account behind `id` has now, for a request may have begun before the last reload;
    /// `None` when the account is configured no more.
    pub fn id_now(&self, id: &CredentialId) -> Option<CredentialId> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match (&*known, id.account()) {
            (Some(known), Some(account)) => known.get(&account).cloned(),
            _ => Some(id.clone()),
        }
    }

    /// Takes over the ids of a configuration, and returns those that mean the account that they meant
    /// before.
    pub fn become_those_of(
        &self,
        ids: impl IntoIterator<Item = CredentialId>,
    ) -> HashSet<CredentialId> {
        let numbered = ids.into_iter().filter_map(|id| Some((id.account()?, id)));
        let now: HashMap<u32, CredentialId> = numbered.collect();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = known.take().unwrap_or_default();
        let same = now.iter().filter(|&(account, id)| before.get(account) == Some(id));
        let same = same.map(|(_, id)| id.clone()).collect();
        *known = Some(now);
        same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str, account: u32) -> CredentialId {
        CredentialId::new(name).of_account(account)
    }

    #[test]
    fn an_account_keeps_its_counts_only_under_the_id_it_had() {
        let accounts = Accounts::default();
        assert_eq!(accounts.id_now(&id("a-1", 1)), Some(id("a-1", 1)), "nobody has told any");
        let start = [id("a-1", 1), id("a-2", 2), id("a-3", 3), id("b-1", 4)];
        assert_eq!(accounts.become_those_of(start), HashSet::new(), "there was nothing before");

        let same = accounts.become_those_of([id("a-1", 2), id("a-2", 5), id("b-1", 4)]);

        assert_eq!(same, HashSet::from([id("b-1", 4)]));
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // as it began,          counts for,         why
            (id("a-1", 1),           None,               "it is gone"),
            (id("a-2", 2),           Some("a-1"),        "it has moved up"),
            (id("a-3", 3),           None,               "it is gone, and its id with it"),
            (id("a-2", 5),           Some("a-2"),        "it is new"),
            (id("b-1", 4),           Some("b-1"),        "nothing has happened to it"),
            (CredentialId::new("x"), Some("x"),          "no account was told"),
        ];
        for (began_as, expected, why) in cases {
            let now = accounts.id_now(&began_as);
            assert_eq!(now.as_ref().map(CredentialId::as_str), expected, "{why}");
        }
    }
}
