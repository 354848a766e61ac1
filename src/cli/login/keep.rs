//! What is kept of a login: the tokens in a file of the account's own, its name in the list.

use std::time::SystemTime;

use super::super::account_list;
use super::super::{Failure, plain};
use crate::actors::tokens::store;
use crate::config::{AccountId, ListedAccount, OAuthEntry};
use crate::oauth::{Granted, StoredAccount};

/// An account that is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub id: AccountId,
    /// For people.
    pub name: String,
    /// It was not there before.
    pub is_new: bool,
    pub is_refreshable: bool,
}

/// Keeps the tokens of a login. An account that is there already gets the new ones, and keeps its id.
///
/// The tokens are on the disk before the list names them: who reads the list finds them.
pub(super) async fn keep(
    entry: &OAuthEntry,
    granted: Granted,
    label: Option<&str>,
    now: SystemTime,
) -> Result<Kept, Failure> {
    let mut account = StoredAccount::of_login(granted, now);
    let mut list = account_list::open(entry).await?;
    let read = |id: &AccountId| store::read(&entry.account_file(id)).ok();
    let known = list
        .accounts
        .iter()
        .position(|listed| is_same(listed, read(&listed.id).as_ref(), label, &account));
    let called = label.or(account.label.as_deref()).map(plain);
    let position = known.unwrap_or_else(|| {
        let id = AccountId::like(called.as_deref().unwrap_or_default(), &list.accounts);
        list.accounts.push(ListedAccount { id, label: None });
        list.accounts.len() - 1
    });
    let listed = &mut list.accounts[position];
    if label.is_some() || listed.label.is_none() {
        listed.label = called;
    }
    let (id, name) = (listed.id.clone(), listed.label.clone());
    let file = entry.account_file(&id);
    let locked = store::lock(&file, account_list::PATIENCE).await;
    let mut locked = locked.map_err(|error| error.to_string())?;
    if let Ok(before) = locked.read() {
        account.others = before.others;
    }
    locked.write(&account).map_err(|error| error.to_string())?;
    list.save()?;
    Ok(Kept {
        name: name.unwrap_or_else(|| id.to_string()),
        id,
        is_new: known.is_none(),
        is_refreshable: account.refresh_token.is_some(),
    })
}

/// Whether a login is of an account that is there already: something says so, and nothing the contrary.
/// One address may have several accounts, as one in a company and one's own, and an account of a company
/// several people.
fn is_same(
    listed: &ListedAccount,
    known: Option<&StoredAccount>,
    label: Option<&str>,
    new: &StoredAccount,
) -> bool {
    let compare =
        |one: Option<&String>, other: Option<&String>| Some(one?.eq_ignore_ascii_case(other?));
    let facts = known.map(|known| {
        [
            compare(known.account_id.as_ref(), new.account_id.as_ref()),
            compare(known.label.as_ref(), new.label.as_ref()),
        ]
    });
    let facts: Vec<bool> = facts.into_iter().flatten().flatten().collect();
    let is_called_so = label.is_some() && listed.label.as_deref() == label;
    (is_called_so || facts.contains(&true)) && !facts.contains(&false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ApiKey;

    fn account(account_id: Option<&str>, email: Option<&str>) -> StoredAccount {
        let granted = Granted {
            access_token: ApiKey::parse("hush").unwrap(),
            refresh_token: None,
            id_token: None,
            expires_in: None,
            scope: None,
        };
        let account = StoredAccount::of_login(granted, SystemTime::UNIX_EPOCH);
        let (label, account_id) = (email.map(str::to_owned), account_id.map(str::to_owned));
        StoredAccount { label, account_id, ..account }
    }

    #[test]
    fn a_login_is_of_the_same_account_where_facts_agree_and_none_differs() {
        let (anna, ben) = (Some("anna@x.test"), Some("ben@x.test"));
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // there,                          label,        new,                                expected, why
            (Some(account(Some("w"), anna)),   None,         account(Some("w"), anna),           true,  "all is the same"),
            (Some(account(None, anna)),        None,         account(None, Some("Anna@X.test")), true,  "case does not count in an address"),
            (Some(account(Some("w"), None)),   None,         account(Some("w"), anna),           true,  "the account's id alone is known"),
            (Some(account(Some("w"), anna)),   None,         account(Some("w"), ben),            false, "two people in one company"),
            (Some(account(Some("w"), anna)),   None,         account(Some("own"), anna),         false, "a company's and one's own"),
            (Some(account(None, None)),        None,         account(None, None),                false, "nothing is known"),
            (Some(account(None, None)),        Some("work"), account(None, None),                true,  "somebody says so"),
            (Some(account(None, anna)),        Some("work"), account(None, ben),                 false, "somebody says so, and is wrong"),
            (Some(account(None, None)),        Some("home"), account(None, None),                false, "somebody says it is another"),
            (None,                             None,         account(None, anna),                false, "its file is gone, and who knows whose it was"),
            (None,                             Some("work"), account(None, anna),                true,  "its file is gone, and somebody says so"),
        ];
        for (known, label, new, expected, why) in cases {
            let id = AccountId::parse("x").unwrap();
            let listed = ListedAccount { id, label: Some("work".to_owned()) };
            assert_eq!(is_same(&listed, known.as_ref(), label, &new), expected, "{why}");
        }
    }
}
