//! What is kept of a login: the tokens in a file of the account's own, its name in the list.

use std::time::SystemTime;

use super::super::account_list;
use super::super::{Failure, plain};
use crate::actors::tokens::store::{self, StoreError};
use crate::config::{AccountId, ListedAccount, OAuthEntry};
use crate::oauth::{Granted, Standing, StoredAccount};

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
    let client = entry.client.identity();
    let there: Vec<There> = list
        .accounts
        .iter()
        .map(|listed| There {
            label: listed.label.clone(),
            stored: store::read(&entry.account_file(&listed.id)),
        })
        .collect();
    let known = place(&there, label, &account, &client, now);
    let called = label.or(account.label.as_deref()).map(plain);
    let position = known.unwrap_or_else(|| {
        let id = AccountId::like(called.as_deref().unwrap_or_default(), &list.accounts);
        list.accounts.push(ListedAccount::new(id, None));
        list.accounts.len() - 1
    });
    let listed = &mut list.accounts[position];
    if label.is_some() || listed.label.is_none() {
        listed.label = called;
    }
    listed.logged_in_at = Some(humantime::format_rfc3339_millis(now).to_string());
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

/// An account that is there: what it is called in the list, and what its file says.
struct There {
    label: Option<String>,
    stored: Result<StoredAccount, StoreError>,
}

/// Whose place new tokens take; `None`: they are of another account.
///
/// A server may say nothing of whose they are. Where one account, and no other, waits for a new login then,
/// it is that one's, unless the login was given a name of its own.
fn place(
    there: &[There],
    label: Option<&str>,
    new: &StoredAccount,
    client: &str,
    now: SystemTime,
) -> Option<usize> {
    let same = there.iter().position(|one| is_same(one, label, new));
    let is_nameless = label.is_none() && new.label.is_none() && new.account_id.is_none();
    same.or_else(|| {
        let mut waiting =
            (0..there.len()).filter(|at| needs_login(&there[*at].stored, client, now));
        let only = waiting.next().filter(|_| is_nameless)?;
        waiting.next().is_none().then_some(only)
    })
}

/// Whether nothing but a login makes an account good for anything again. A file that cannot be read may be
/// a newer version's, whose account is well.
fn needs_login(stored: &Result<StoredAccount, StoreError>, client: &str, now: SystemTime) -> bool {
    match stored {
        Ok(stored) => matches!(stored.standing(client, now), Standing::LoginNeeded(_)),
        Err(error) => error.is_missing(),
    }
}

/// Whether a login is of an account that is there already: something says so, and nothing the contrary.
/// One address may have several accounts, as one in a company and one's own, and an account of a company
/// several people.
fn is_same(there: &There, label: Option<&str>, new: &StoredAccount) -> bool {
    let compare =
        |one: Option<&String>, other: Option<&String>| Some(one?.eq_ignore_ascii_case(other?));
    let facts = there.stored.as_ref().ok().map(|known| {
        [
            compare(known.account_id.as_ref(), new.account_id.as_ref()),
            compare(known.label.as_ref(), new.label.as_ref()),
        ]
    });
    let facts: Vec<bool> = facts.into_iter().flatten().flatten().collect();
    let is_called_so = label.is_some() && there.label.as_deref() == label;
    (is_called_so || facts.contains(&true)) && !facts.contains(&false)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::oauth::UnreadableAccount;
    use crate::types::ApiKey;

    fn missing() -> StoreError {
        store::read(Path::new("/no/such/folder/a.json")).unwrap_err()
    }

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
            let there = There { label: Some("work".to_owned()), stored: known.ok_or_else(missing) };
            assert_eq!(is_same(&there, label, &new), expected, "{why}");
        }
    }

    #[test]
    fn tokens_of_nobody_known_take_the_place_of_the_one_account_that_waits() {
        let well = || Ok(account(None, None));
        let ended = || {
            let login_needed = Some("invalid_grant".to_owned());
            Ok(StoredAccount { login_needed, ..account(None, Some("anna@x.test")) })
        };
        let over = || {
            let expires_at = Some(SystemTime::UNIX_EPOCH);
            Ok(StoredAccount { expires_at, ..account(None, None) })
        };
        let refreshable = || {
            let refresh_token = Some(ApiKey::parse("hush-refresh").unwrap());
            over().map(|over| StoredAccount { refresh_token, ..over })
        };
        let refused_before = || {
            let refused_client = Some("client of before".to_owned());
            ended().map(|ended| StoredAccount { refused_client, ..ended })
        };
        let gone = || Err(missing());
        let unreadable = || {
            let cause = UnreadableAccount::Newer(9);
            Err(StoreError::Unreadable { file: "a.json".into(), cause })
        };
        let (nobody, ben) = (account(None, None), account(None, Some("ben@x.test")));
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // there,                     label,        new,     expected, why
            (vec![well(), ended()],       None,         &nobody, Some(1),  "its login has ended, and nobody else's"),
            (vec![gone(), well()],        None,         &nobody, Some(0),  "its file is gone"),
            (vec![over()],                None,         &nobody, Some(0),  "it has expired, and cannot be refreshed"),
            (vec![refreshable()],         None,         &nobody, None,     "the gateway refreshes it"),
            (vec![refused_before()],      None,         &nobody, None,     "its login was refused to another client, and is well"),
            (vec![ended(), gone()],       None,         &nobody, None,     "it may be either's"),
            (vec![well()],                None,         &nobody, None,     "nobody waits"),
            (vec![],                      None,         &nobody, None,     "the first"),
            (vec![ended()],               None,         &ben,    None,     "the server says that it is another"),
            (vec![gone()],                None,         &ben,    None,     "it is said whose it is, and not whose the other was"),
            (vec![ended()],               Some("home"), &nobody, None,     "somebody says that it is another"),
            (vec![ended(), gone()],       Some("work"), &nobody, Some(0),  "somebody says whose it is"),
            (vec![unreadable()],          None,         &nobody, None,     "a newer version may use it"),
        ];
        for (stored, label, new, expected, why) in cases {
            let there: Vec<There> = stored
                .into_iter()
                .map(|stored| There { label: Some("work".to_owned()), stored })
                .collect();
            let now = SystemTime::UNIX_EPOCH;
            assert_eq!(place(&there, label, new, "gate", now), expected, "{why}");
        }
    }
}
