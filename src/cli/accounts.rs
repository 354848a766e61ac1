//! `ampgate accounts`: who is logged in, and for how long. Never a token.

use std::time::{Duration, SystemTime};

use clap::Args;
use serde::Serialize;

use super::{Failure, complain, plain, say};
use crate::actors::tokens::store::{self, StoreError};
use crate::config::{ListedAccount, Settings, Sources, load};
use crate::oauth::StoredAccount;

#[derive(Debug, Args)]
pub(super) struct AccountsArgs {
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

/// An account, as it is shown.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Shown {
    provider: String,
    account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// What its provider calls whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip)]
    expires: Option<SystemTime>,
    state: State,
    /// Why there has to be a new login.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Valid,
    /// There is a refresh token: the gateway gets a new one when it runs.
    Expired,
    LoginNeeded,
}

pub(super) fn run(sources: &Sources, args: &AccountsArgs) -> Result<(), Failure> {
    let settings = load(sources).map_err(|error| error.to_string())?.settings;
    let now = SystemTime::now();
    let shown = all(&settings, now);
    if args.json {
        let json = serde_json::to_string_pretty(&shown);
        say(&json.map_err(|error| format!("cannot write the accounts: {error}"))?);
    } else if shown.is_empty() {
        complain("nobody is logged in: `ampgate login NAME`, with a NAME of `oauth`");
    } else {
        say(&table(&shown, now));
    }
    Ok(())
}

fn all(settings: &Settings, now: SystemTime) -> Vec<Shown> {
    let of_entries = settings.oauth.iter().flat_map(|entry| {
        entry.accounts.iter().map(move |listed| {
            let stored = store::read(&entry.account_file(&listed.id));
            let (name, client) = (entry.name().as_str(), entry.client.identity());
            Shown::of(name, &client, listed, stored, now)
        })
    });
    of_entries.collect()
}

impl Shown {
    fn of(
        provider: &str,
        client: &str,
        listed: &ListedAccount,
        stored: Result<StoredAccount, StoreError>,
        now: SystemTime,
    ) -> Self {
        let (state, reason) = match &stored {
            Ok(stored) => judge(stored, client, now),
            Err(error) if error.is_missing() => {
                (State::LoginNeeded, Some("its file is gone".to_owned()))
            }
            Err(error) => (State::LoginNeeded, Some(error.to_string())),
        };
        let stored = stored.ok();
        let expires = stored.as_ref().and_then(|stored| stored.expires_at);
        let text = |text: Option<&String>| text.map(|text| plain(text));
        Self {
            provider: provider.to_owned(),
            account: listed.id.to_string(),
            label: text(listed.label.as_ref()),
            who: text(stored.as_ref().and_then(|stored| stored.label.as_ref())),
            plan: text(stored.as_ref().and_then(|stored| stored.plan.as_ref())),
            expires_at: expires.map(|at| humantime::format_rfc3339_seconds(at).to_string()),
            expires,
            state,
            reason: reason.map(|reason| plain(&reason)),
        }
    }
}

fn judge(stored: &StoredAccount, client: &str, now: SystemTime) -> (State, Option<String>) {
    if let Some(reason) = stored.login_needed_by(client) {
        return (State::LoginNeeded, Some(reason.to_owned()));
    }
    let is_over = stored.expires_at.is_some_and(|at| at <= now);
    match (is_over, &stored.refresh_token) {
        (false, _) => (State::Valid, None),
        (true, Some(_)) => (State::Expired, None),
        (true, None) => {
            let reason = "its token has expired, and there is none to refresh it with";
            (State::LoginNeeded, Some(reason.to_owned()))
        }
    }
}

const HEAD: [&str; 6] = ["PROVIDER", "ACCOUNT", "WHO", "PLAN", "EXPIRES", "STATE"];

fn table(shown: &[Shown], now: SystemTime) -> String {
    let head = HEAD.map(str::to_owned);
    let rows: Vec<[String; 6]> =
        std::iter::once(head).chain(shown.iter().map(|one| row(one, now))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEAD.len()).map(|column| width(column).unwrap_or(0)).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn row(one: &Shown, now: SystemTime) -> [String; 6] {
    let or_dash = |text: Option<&String>| text.cloned().unwrap_or_else(|| "-".to_owned());
    let who = match (&one.label, &one.who) {
        (Some(label), Some(who)) if label != who => format!("{label} ({who})"),
        (label, who) => or_dash(label.as_ref().or(who.as_ref())),
    };
    let state = match (one.state, &one.reason) {
        (State::Valid, _) => "valid".to_owned(),
        (State::Expired, _) => "expired".to_owned(),
        (State::LoginNeeded, reason) => {
            format!("login needed: {}", reason.as_deref().unwrap_or("nobody knows why"))
        }
    };
    let expires = one.expires.map_or_else(|| "-".to_owned(), |at| relative(at, now));
    [one.provider.clone(), one.account.clone(), who, or_dash(one.plan.as_ref()), expires, state]
}

/// As exactly as people want it: `in 7h 59m`, `3days 2h ago`.
fn relative(at: SystemTime, now: SystemTime) -> String {
    let (far, is_ahead) = match at.duration_since(now) {
        Ok(ahead) => (ahead, true),
        Err(behind) => (behind.duration(), false),
    };
    let whole = humantime::format_duration(Duration::from_secs(far.as_secs())).to_string();
    let short = whole.split(' ').take(2).collect::<Vec<_>>().join(" ");
    if is_ahead { format!("in {short}") } else { format!("{short} ago") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AccountId;
    use crate::oauth::Granted;
    use crate::types::ApiKey;

    const NOW: Duration = Duration::from_secs(1_000_000);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + NOW
    }

    fn stored(expires_in: Option<u64>, is_refreshable: bool) -> StoredAccount {
        let granted = Granted {
            access_token: ApiKey::parse("hush-access").unwrap(),
            refresh_token: is_refreshable.then(|| ApiKey::parse("hush-refresh").unwrap()),
            id_token: None,
            expires_in: expires_in.map(Duration::from_secs),
            scope: None,
        };
        StoredAccount::of_login(granted, now())
    }

    fn shown(stored: StoredAccount, at: SystemTime) -> Shown {
        let id = AccountId::parse("anna").unwrap();
        let listed = ListedAccount::new(id, Some("Anna".to_owned()));
        Shown::of("company", "gate", &listed, Ok(stored), at)
    }

    #[test]
    fn an_account_is_valid_expired_or_needs_a_login() {
        let later = now() + Duration::from_secs(3_660);
        let refused = StoredAccount {
            login_needed: Some("invalid_grant".to_owned()),
            ..stored(Some(3_600), true)
        };
        let refused_before =
            StoredAccount { refused_client: Some("old".to_owned()), ..refused.clone() };
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (stored(Some(3_600), true),  now(), "in 1h",  "valid",                       "fresh"),
            (stored(Some(3_600), true),  later, "1m ago", "expired",                     "to be refreshed"),
            (stored(Some(3_600), false), later, "1m ago", "login needed: its token has", "nothing to refresh it with"),
            (stored(None, false),        later, "-",      "valid",                       "nobody has said"),
            (refused,                    now(), "in 1h",  "login needed: invalid_grant", "refused for good"),
            (refused_before,             now(), "in 1h",  "valid",                       "refused to another client"),
        ];
        for (stored, at, expires, state, why) in cases {
            let row = row(&shown(stored, at), at);
            assert_eq!(row[4], expires, "{why}");
            assert!(row[5].starts_with(state), "{why}: {row:?}");
        }
    }

    #[test]
    fn no_token_and_nothing_that_a_terminal_obeys_is_shown() {
        let account = StoredAccount {
            label: Some("anna@x.test\u{1b}[2J".to_owned()),
            plan: Some("plus".to_owned()),
            ..stored(Some(3_600), true)
        };
        let shown = vec![shown(account, now())];

        let (table, json) = (table(&shown, now()), serde_json::to_string(&shown).unwrap());

        let expected = format!(
            "PROVIDER  ACCOUNT  WHO{}PLAN  EXPIRES  STATE\n\
             company   anna     Anna (anna@x.test[2J)  plus  in 1h    valid",
            " ".repeat(20)
        );
        assert_eq!(table, expected);
        assert!(
            json.contains(r#""state":"valid""#) && json.contains("1970-01-12T14:46:40Z"),
            "{json}"
        );
        assert!(!table.contains("hush") && !json.contains("hush"));
    }

    #[test]
    fn scripts_read_a_state_as_the_status_has_it() {
        let states = [State::Valid, State::Expired, State::LoginNeeded];

        let json = serde_json::to_string(&states).unwrap();

        assert_eq!(json, r#"["valid","expired","login_needed"]"#);
    }

    #[test]
    fn times_are_told_as_people_do() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases: [(i64, &str); 5] = [
            (28_799,   "in 7h 59m"),
            (1,        "in 1s"),
            (0,        "in 0s"),
            (-60,      "1m ago"),
            (-266_400, "3days 2h ago"),
        ];
        for (seconds, expected) in cases {
            let far = Duration::from_secs(seconds.unsigned_abs());
            let at = if seconds < 0 { now() - far } else { now() + far };
            assert_eq!(relative(at, now()), expected);
        }
    }
}
