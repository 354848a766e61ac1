//! An account that somebody has logged in with, as it is written in its file.
//!
//! The text is JSON with a version. Members that this version does not know are kept, so that an older
//! gateway beside a newer one, refreshing the same file, takes nothing away. A higher version is refused:
//! it may mean something else by what we know.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::claims::{Claims, read_claims};
use super::token_endpoint::Granted;
use crate::types::ApiKey;

const VERSION: u64 = 1;

/// Tokens, and what is known of whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAccount {
    pub access_token: ApiKey,
    /// `None`: when the access token expires, somebody has to log in again.
    pub refresh_token: Option<ApiKey>,
    pub id_token: Option<ApiKey>,
    /// `None`: nobody has said.
    pub expires_at: Option<SystemTime>,
    pub obtained_at: SystemTime,
    /// For people: an address, a name.
    pub label: Option<String>,
    pub plan: Option<String>,
    /// What its provider calls it, where requests have to say so.
    pub account_id: Option<String>,
    pub scope: Option<String>,
    /// Why these tokens are of no use any more, until there is a new login.
    pub login_needed: Option<String>,
    /// Which client was told so ([`OAuthClient::identity`](crate::config::OAuthClient::identity)); `None`:
    /// whichever asks.
    pub refused_client: Option<String>,
    /// What another version has written.
    pub others: Others,
}

/// How good an account is to one client, as far as its file tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// Nothing is known against it.
    Valid,
    /// Its access token is over; another can be had without anybody.
    Expired,
    /// Nothing but a login makes it good for anything again, and why.
    LoginNeeded(&'a str),
}

/// Members of an account file that this version does not know. Never printed: they may be secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Others(Map<String, Value>);

impl std::fmt::Debug for Others {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} members", self.0.len())
    }
}

/// Why a text is no account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableAccount {
    /// Where, and not what: the text has secrets in it.
    #[error("is no account: wrong at line {line}, column {column}")]
    Json { line: usize, column: usize },
    #[error("is written by a newer version of the gateway (format {0})")]
    Newer(u64),
    #[error("has an empty token")]
    EmptyToken,
    #[error("has a time that is none in `{0}`")]
    Time(&'static str),
}

#[derive(Serialize, Deserialize)]
struct Written {
    version: u64,
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    obtained_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    login_needed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_client: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

impl StoredAccount {
    /// The account of a login that has just succeeded.
    #[must_use]
    pub fn of_login(granted: Granted, now: SystemTime) -> Self {
        let unknown = Self {
            access_token: granted.access_token.clone(),
            refresh_token: None,
            id_token: None,
            expires_at: None,
            obtained_at: now,
            label: None,
            plan: None,
            account_id: None,
            scope: None,
            login_needed: None,
            refused_client: None,
            others: Others::default(),
        };
        unknown.renewed(granted, now)
    }

    /// The account with the tokens of a new answer. What the answer does not say stays: a refresh token
    /// that is not replaced is good for the next time (RFC 6749, section 6), and no `scope` means the same
    /// scope (section 5.1).
    #[must_use]
    pub fn renewed(&self, granted: Granted, now: SystemTime) -> Self {
        let id_token = granted.id_token.or_else(|| self.id_token.clone());
        let told = id_token.as_ref().and_then(|token| read_claims(token.expose()));
        let told = told.unwrap_or_default();
        let of_access = read_claims(granted.access_token.expose()).unwrap_or_default();
        let either = |one: fn(&Claims) -> &Option<String>, known: &Option<String>| {
            [one(&told), one(&of_access), known].into_iter().flatten().next().cloned()
        };
        let expires_at = match granted.expires_in {
            Some(lifetime) => now.checked_add(lifetime),
            // Codex's token endpoint says it in the token alone.
            None => of_access.expires_at,
        };
        Self {
            refresh_token: granted.refresh_token.or_else(|| self.refresh_token.clone()),
            expires_at,
            obtained_at: now,
            label: either(|claims| &claims.email, &self.label),
            plan: either(|claims| &claims.plan, &self.plan),
            account_id: either(|claims| &claims.account_id, &self.account_id),
            scope: granted.scope.or_else(|| self.scope.clone()),
            login_needed: None,
            refused_client: None,
            access_token: granted.access_token,
            id_token,
            others: self.others.clone(),
        }
    }

    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<Self, UnreadableAccount> {
        let unreadable = |error: serde_json::Error| UnreadableAccount::Json {
            line: error.line(),
            column: error.column(),
        };
        // First and alone: a newer form may lack what we ask for.
        let Version { version } = serde_json::from_str(text).map_err(unreadable)?;
        if version > VERSION {
            return Err(UnreadableAccount::Newer(version));
        }
        let written: Written = serde_json::from_str(text).map_err(unreadable)?;
        let key = |text: &str| ApiKey::parse(text).map_err(|_empty| UnreadableAccount::EmptyToken);
        let time = |text: &str, member| {
            humantime::parse_rfc3339(text).map_err(|_time| UnreadableAccount::Time(member))
        };
        let expires_at = written.expires_at.as_deref();
        Ok(Self {
            access_token: key(&written.access_token)?,
            refresh_token: written.refresh_token.as_deref().map(key).transpose()?,
            id_token: written.id_token.as_deref().map(key).transpose()?,
            expires_at: expires_at.map(|text| time(text, "expires_at")).transpose()?,
            obtained_at: time(&written.obtained_at, "obtained_at")?,
            label: written.label,
            plan: written.plan,
            account_id: written.account_id,
            scope: written.scope,
            login_needed: written.login_needed,
            refused_client: written.refused_client,
            others: Others(written.others),
        })
    }

    /// Why the client with this identity needs a new login. A refusal may be the fault of a `client-id` or a
    /// `token-url` that was wrong for a while, and ends with it.
    #[must_use]
    pub fn login_needed_by(&self, client: &str) -> Option<&str> {
        let is_about_it = self.refused_client.as_deref().is_none_or(|refused| refused == client);
        self.login_needed.as_deref().filter(|_| is_about_it)
    }

    /// How good it is to the client with this identity.
    #[must_use]
    pub fn standing(&self, client: &str, now: SystemTime) -> Standing<'_> {
        if let Some(reason) = self.login_needed_by(client) {
            return Standing::LoginNeeded(reason);
        }
        let is_over = self.expires_at.is_some_and(|at| at <= now);
        match (is_over, &self.refresh_token) {
            (false, _) => Standing::Valid,
            (true, Some(_)) => Standing::Expired,
            (true, None) => {
                Standing::LoginNeeded("its token has expired, and there is none to refresh it with")
            }
        }
    }

    /// The text for a file. It has the tokens in it: for nothing but a file that its owner alone reads.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let open = |key: &ApiKey| key.expose().to_owned();
        // To the millisecond, so that what is written and what was meant are told apart by no rounding
        // that anybody notices.
        let time = |time: SystemTime| humantime::format_rfc3339_millis(time).to_string();
        let written = Written {
            version: VERSION,
            access_token: open(&self.access_token),
            refresh_token: self.refresh_token.as_ref().map(open),
            id_token: self.id_token.as_ref().map(open),
            expires_at: self.expires_at.map(writable).map(time),
            obtained_at: time(writable(self.obtained_at)),
            label: self.label.clone(),
            plan: self.plan.clone(),
            account_id: self.account_id.clone(),
            scope: self.scope.clone(),
            login_needed: self.login_needed.clone(),
            refused_client: self.refused_client.clone(),
            others: self.others.0.clone(),
        };
        let mut text = serde_json::to_string_pretty(&written).expect("it has text keys only");
        text.push('\n');
        Zeroizing::new(text)
    }
}

/// The notation has years of four digits, and a server may say anything.
fn writable(time: SystemTime) -> SystemTime {
    let last = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(253_402_300_799);
    time.clamp(SystemTime::UNIX_EPOCH, last)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(text: &str) -> ApiKey {
        ApiKey::parse(text).unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn granted(access: &str, refresh: Option<&str>) -> Granted {
        Granted {
            access_token: key(access),
            refresh_token: refresh.map(key),
            id_token: None,
            expires_in: Some(Duration::from_secs(3600)),
            scope: None,
        }
    }

    #[test]
    fn an_account_is_read_as_it_was_written() {
        let mut account = StoredAccount::of_login(granted("hush-a", Some("hush-r")), at(1_000));
        account.label = Some("a@example.org".to_owned());
        account.login_needed = Some("invalid_grant".to_owned());

        assert_eq!(StoredAccount::parse(&account.to_text()), Ok(account));
    }

    #[test]
    fn an_account_prints_no_token() {
        let mut account = StoredAccount::of_login(granted("hush-a", Some("hush-r")), at(1_000));
        account.others.0.insert("secret".to_owned(), Value::from("hush-o"));

        let printed = format!("{account:?}");

        assert!(!printed.contains("hush"), "{printed}");
    }

    #[test]
    fn a_refresh_keeps_what_its_answer_does_not_say() {
        let mut before = StoredAccount::of_login(granted("one", Some("r-one")), at(1_000));
        before.label = Some("a@example.org".to_owned());
        before.login_needed = Some("old".to_owned());

        let after = before.renewed(granted("two", None), at(5_000));

        assert_eq!(after.access_token, key("two"));
        assert_eq!(after.refresh_token, Some(key("r-one")), "not replaced, so still good");
        assert_eq!(after.expires_at, Some(at(8_600)));
        assert_eq!(after.label, before.label);
        assert_eq!(after.login_needed, None, "it has gone well");
        let rotated = before.renewed(granted("two", Some("r-two")), at(5_000));
        assert_eq!(rotated.refresh_token, Some(key("r-two")));
        let silent = Granted { expires_in: None, ..granted("two", None) };
        assert_eq!(before.renewed(silent, at(5_000)).expires_at, None, "not the old token's");
    }

    #[test]
    fn what_another_version_wrote_stays() {
        let text =
            r#"{"version":1,"access_token":"a","obtained_at":"1970-01-01T00:16:40Z","new":[1]}"#;

        let account = StoredAccount::parse(text).unwrap();

        assert!(account.renewed(granted("b", None), at(2_000)).to_text().contains("\"new\""));
    }

    #[test]
    fn a_text_that_is_no_account_says_where_and_no_secret() {
        let obtained = r#""obtained_at":"1970-01-01T00:16:40Z""#;
        let (json, empty) = (
            |line, column| UnreadableAccount::Json { line, column },
            UnreadableAccount::EmptyToken,
        );
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (String::new(),                                                        json(1, 0),                         "empty, as after a crash without fsync"),
            ("hush".to_owned(),                                                    json(1, 1),                         "no JSON"),
            (r#"{"access_token":"hush"}"#.to_owned(),                              json(1, 23),                        "no version"),
            (r#"{"version":2,"hush":0}"#.to_owned(),                               UnreadableAccount::Newer(2),        "a later format"),
            (format!(r#"{{"version":1,"access_token":" ",{obtained}}}"#),          empty,                              "no token"),
            (r#"{"version":1,"access_token":"hush","obtained_at":"x"}"#.to_owned(), UnreadableAccount::Time("obtained_at"), "no time"),
        ];
        for (text, expected, why) in cases {
            let error = StoredAccount::parse(&text).unwrap_err();
            assert_eq!(error, expected, "{why}");
            assert!(!error.to_string().contains("hush"), "{why}: {error}");
        }
    }

    #[test]
    fn a_time_beyond_the_notation_is_its_last() {
        let mut account = StoredAccount::of_login(granted("a", None), at(1_000));
        account.expires_at = Some(at(1 << 40));

        let read = StoredAccount::parse(&account.to_text()).unwrap();

        assert_eq!(read.expires_at, Some(at(253_402_300_799)));
    }
}
