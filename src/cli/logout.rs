//! `ampgate logout`: forgets an account, and takes its tokens back where the server can do that.

use clap::Args;

use super::account_list::{self, PATIENCE};
use super::authorization_server::{AuthorizationServer, find_entry};
use super::{Failure, complain, plain, say};
use crate::actors::tokens::store;
use crate::config::{Endpoint, ListedAccount, OAuthEntry, Settings, Sources, load};
use crate::oauth::{StoredAccount, revocation_request};

#[derive(Debug, Args)]
pub(super) struct LogoutArgs {
    /// The entry of `oauth`
    #[arg(value_name = "NAME")]
    name: String,
    /// The account, by its id, its label or its address; not needed where there is only one
    #[arg(value_name = "ACCOUNT")]
    account: Option<String>,
}

pub(super) fn run(sources: &Sources, args: &LogoutArgs) -> Result<(), Failure> {
    let settings = load(sources).map_err(|error| error.to_string())?.settings;
    let entry = find_entry(&settings, &args.name)?;
    actix_rt::System::new().block_on(Box::pin(log_out(&settings, entry, args)))
}

async fn log_out(
    settings: &Settings,
    entry: &OAuthEntry,
    args: &LogoutArgs,
) -> Result<(), Failure> {
    let mut list = account_list::open(entry).await?;
    let address = |account: &ListedAccount| {
        store::read(&entry.account_file(&account.id)).ok().and_then(|stored| stored.label)
    };
    let position = find(&list.accounts, args.account.as_deref(), address)
        .map_err(|why| format!("{} {why}", args.name))?;
    let listed = list.accounts.remove(position);
    let file = entry.account_file(&listed.id);
    // Who refreshes it ends that first: a new token would outlive the file.
    let locked = store::lock(&file, PATIENCE).await.map_err(|error| error.to_string())?;
    let stored = locked.read();
    // The list first: the gateway stops to use the account before its token is gone.
    list.save()?;
    locked.remove().map_err(|error| error.to_string())?;
    say(&format!("Removed the account {} of {} from this machine.", listed.id, args.name));
    match (&entry.revoke, stored) {
        (Some(endpoint), Ok(stored)) => {
            let server = AuthorizationServer::new(settings, entry)?;
            match revoke(&server, endpoint, &stored).await {
                Ok(()) => say(&format!("{endpoint} has taken its tokens back.")),
                Err(why) => complain(&format!(
                    "warning: its tokens could not be taken back ({why}): they stay valid until \
                     they expire, or until you remove them in the account's settings there"
                )),
            }
        }
        (Some(_), Err(error)) => complain(&format!("warning: no token was taken back: {error}")),
        (None, _) => say(
            "Its tokens stay valid at the provider until they expire: there is no `revoke-url`. \
             Remove ampgate in the account's settings there if that matters.",
        ),
    }
    Ok(())
}

/// Which account is meant.
fn find(
    accounts: &[ListedAccount],
    wanted: Option<&str>,
    address: impl Fn(&ListedAccount) -> Option<String>,
) -> Result<usize, String> {
    let ids = || accounts.iter().map(|account| account.id.as_str()).collect::<Vec<_>>().join(", ");
    let Some(wanted) = wanted else {
        return match accounts.len() {
            0 => Err("has no account".to_owned()),
            1 => Ok(0),
            _ => Err(format!("has several accounts; say which: {}", ids())),
        };
    };
    if let Some(position) = accounts.iter().position(|account| account.id.as_str() == wanted) {
        return Ok(position);
    }
    let is_meant = |account: &&ListedAccount| {
        account.label.as_deref() == Some(wanted)
            || address(account).is_some_and(|address| address.eq_ignore_ascii_case(wanted))
    };
    let meant: Vec<usize> =
        (0..accounts.len()).filter(|position| is_meant(&&accounts[*position])).collect();
    match meant[..] {
        [position] => Ok(position),
        [] if accounts.is_empty() => Err("has no account".to_owned()),
        [] => Err(format!("has no account `{}`; there are: {}", plain(wanted), ids())),
        _ => Err(format!("has several accounts of that name; say which: {}", ids())),
    }
}

/// Both tokens: not every server takes the access token back with the other (RFC 7009, section 2.1).
async fn revoke(
    server: &AuthorizationServer<'_>,
    endpoint: &Endpoint,
    stored: &StoredAccount,
) -> Result<(), String> {
    let tokens = [
        (stored.refresh_token.as_ref(), "refresh_token"),
        (Some(&stored.access_token), "access_token"),
    ];
    for (token, hint) in tokens {
        let Some(token) = token else { continue };
        let request = revocation_request(&server.entry.client, token, hint);
        let answer = server.ask(endpoint, request).await.map_err(|error| error.to_string())?;
        if !(200..300).contains(&answer.status) {
            return Err(format!("{endpoint} answers {}", answer.status));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AccountId;

    #[test]
    fn an_account_is_meant_by_what_people_know_of_it() {
        let account = |id: &str, label: Option<&str>| {
            ListedAccount::new(AccountId::parse(id).unwrap(), label.map(str::to_owned))
        };
        let both = vec![
            account("a", Some("Anna")),
            account("b", Some("Team")),
            account("c", Some("Team")),
        ];
        let one = vec![account("a", None)];
        let address = |account: &ListedAccount| {
            (account.id.as_str() == "a").then(|| "anna@x.test".to_owned())
        };
        #[rustfmt::skip] // columns are easier to proofread
        let cases: [(&[ListedAccount], Option<&str>, Result<usize, &str>, &str); 9] = [
            (&one,  None,                Ok(0),                               "the only one"),
            (&[],   None,                Err("has no account"),               "none"),
            (&[],   Some("a"),           Err("has no account"),               "none, whatever is said"),
            (&both, None,                Err("say which: a, b, c"),           "several"),
            (&both, Some("b"),           Ok(1),                               "by its id"),
            (&both, Some("Anna"),        Ok(0),                               "by its label"),
            (&both, Some("Anna@X.test"), Ok(0),                               "by its address"),
            (&both, Some("Team"),        Err("several accounts of that name"), "by a label of two"),
            (&both, Some("x"),           Err("there are: a, b, c"),           "by what none has"),
        ];
        for (accounts, wanted, expected, why) in cases {
            match (find(accounts, wanted, address), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{why}"),
                (Err(said), Err(expected)) => assert!(said.contains(expected), "{why}: {said}"),
                (outcome, _) => panic!("{why}: {outcome:?}"),
            }
        }
    }
}
