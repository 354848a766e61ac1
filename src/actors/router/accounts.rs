//! Which accounts replicas mean, and what they are called here.

use std::collections::{HashMap, HashSet};

use super::cooldown::MemberId;
use super::snapshot::Routes;
use crate::actors::state::AccountName;
use crate::types::CredentialId;

/// The accounts of one configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Accounts {
    names: HashMap<MemberId, AccountName>,
    /// More than one where a configuration has an account twice. In the order of the configuration.
    members: HashMap<AccountName, Vec<MemberId>>,
    may_rest: HashSet<MemberId>,
    credentials: HashMap<MemberId, CredentialId>,
}

impl Accounts {
    pub fn of(routes: &Routes) -> Self {
        let mut accounts = Self::default();
        for member in routes.table.members() {
            let name = AccountName::of(&member.credential);
            accounts.names.insert(member.id, name);
            accounts.members.entry(name).or_default().push(member.id);
            accounts.credentials.insert(member.id, member.credential.id.clone());
            if routes.may_rest(member) {
                accounts.may_rest.insert(member.id);
            }
        }
        accounts
    }

    /// `None` for what is no longer configured.
    pub fn name(&self, member: MemberId) -> Option<AccountName> {
        self.names.get(&member).copied()
    }

    pub fn names(&self) -> impl Iterator<Item = AccountName> {
        self.members.keys().copied()
    }

    /// Nobody, where this replica does not have the account.
    pub fn members(&self, account: AccountName) -> &[MemberId] {
        self.members.get(&account).map_or(&[], Vec::as_slice)
    }

    pub fn is_here(&self, member: MemberId) -> bool {
        self.names.contains_key(&member)
    }

    pub fn may_rest(&self, member: MemberId) -> bool {
        self.may_rest.contains(&member)
    }

    /// For the log.
    pub fn credential(&self, member: MemberId) -> &str {
        self.credentials.get(&member).map_or("", CredentialId::as_str)
    }
}
