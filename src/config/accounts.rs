//! The accounts of a provider that people log in to: how `accounts.json` lists them.
//!
//! `ampgate login` and `logout` write the list, the configuration reads it. What changes by itself,
//! as tokens do, stands in a file of each account's own, so that a fresh token is no reload.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the list is called, in the folder of its provider.
pub const ACCOUNTS_FILE: &str = "accounts.json";

const LONGEST_ID: usize = 64;
/// What the list itself is called, less its `.json`.
const TAKEN_ID: &str = "accounts";

/// What an account is called among those of its provider, and its file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

/// A text is no account's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has an account with an id that is no name of a file")]
pub struct BadAccountId;

impl AccountId {
    /// 1 to 64 lower case letters, digits, `.`, `_`, `-`, `@` and `+`, and no `.` at the start:
    /// whatever the list holds, no file outside its folder is meant.
    pub fn parse(text: &str) -> Result<Self, BadAccountId> {
        let is_plain =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_@+".contains(c);
        let fits = (1..=LONGEST_ID).contains(&text.len())
            && text.chars().all(is_plain)
            && !text.starts_with('.')
            && text != TAKEN_ID;
        if fits { Ok(Self(text.to_owned())) } else { Err(BadAccountId) }
    }

    /// An id that looks like `name`, and is none of `taken`.
    #[must_use]
    pub fn like(name: &str, taken: &[ListedAccount]) -> Self {
        let plain = |c: char| {
            let c = c.to_ascii_lowercase();
            if c.is_ascii_alphanumeric() || ".-_@+".contains(c) { c } else { '-' }
        };
        // Room is left for a number.
        let base: String = name.chars().map(plain).take(LONGEST_ID - 8).collect();
        let base = base.trim_matches(['.', '-']);
        let base = if base.is_empty() || base == TAKEN_ID { "account" } else { base };
        let mut numbers = 1..;
        loop {
            let number: u32 = numbers.next().expect("there are fewer accounts than numbers");
            let id = if number == 1 { base.to_owned() } else { format!("{base}-{number}") };
            if !taken.iter().any(|account| account.id.0 == id) {
                return Self(id);
            }
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AccountId {
    type Error = BadAccountId;

    fn try_from(text: String) -> Result<Self, BadAccountId> {
        Self::parse(&text)
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.0
    }
}

/// One account of a list. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedAccount {
    pub id: AccountId,
    /// For people: an address, or what they said at the login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// When somebody logged in last, as RFC 3339 has it. A login with an account that is there changes the list
    /// by this alone, and so tells a gateway that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged_in_at: Option<String>,
}

impl ListedAccount {
    /// An account that nobody has logged in with yet.
    #[must_use]
    pub const fn new(id: AccountId, label: Option<String>) -> Self {
        Self { id, label, logged_in_at: None }
    }
}

/// A list of accounts cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("is no list of accounts: {0}")]
pub struct BadAccountList(#[from] serde_json::Error);

/// Reads `accounts.json`: a JSON array of `{"id": "...", "label": "...", "logged_in_at": "..."}`. Nothing at
/// all is an empty list.
pub fn parse_accounts(text: &str) -> Result<Vec<ListedAccount>, BadAccountList> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    Ok(serde_json::from_str(text)?)
}

/// The list as it is written. An empty one is `[]` and not an empty file: who watches it takes a file
/// without content for one that is being written.
#[must_use]
pub fn print_accounts(accounts: &[ListedAccount]) -> String {
    let json = serde_json::to_string_pretty(accounts);
    json.expect("ids and labels are texts") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_name_of_a_file_in_its_folder() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("anna@example.com", true,  "an address"),
            ("account-2",        true,  "a number"),
            ("",                 false, "nothing"),
            ("..",               false, "the folder above"),
            (".hidden",          false, "a file that is not shown"),
            ("a/b",              false, "another folder"),
            ("a\\b",             false, "another folder elsewhere"),
            ("Anna",             false, "one file under two names where case does not count"),
            ("accounts",         false, "the list itself"),
        ];
        for (text, fits, why) in cases {
            assert_eq!(AccountId::parse(text).is_ok(), fits, "{text}: {why}");
        }
    }

    #[test]
    fn an_id_looks_like_the_name_and_is_taken_once() {
        let listed = |id: &str| ListedAccount::new(AccountId::parse(id).unwrap(), None);
        let long = "x".repeat(200);
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("Anna@Example.com",  vec![],                          "anna@example.com",   "as it is"),
            ("Anna@Example.com",  vec![listed("anna@example.com")], "anna@example.com-2", "taken"),
            ("a",                 vec![listed("a"), listed("a-2")], "a-3",                "taken twice"),
            ("../../etc/passwd",  vec![],                          "etc-passwd",         "no way out of the folder"),
            ("Team Böblingen",    vec![],                          "team-b-blingen",     "white space, and letters beyond ASCII"),
            ("",                  vec![],                          "account",            "nothing is known"),
            ("accounts",          vec![],                          "account",            "the list's own name"),
            (&long,               vec![],                          &long[..56],          "too long"),
        ];
        for (name, taken, expected, why) in cases {
            let id = AccountId::like(name, &taken);
            assert_eq!(id.as_str(), expected, "{why}");
            assert_eq!(AccountId::parse(expected).as_ref(), Ok(&id), "{why}");
        }
    }

    #[test]
    fn a_list_reads_as_it_was_written() {
        let list = vec![
            ListedAccount {
                logged_in_at: Some("2026-11-29T12:00:00.000Z".to_owned()),
                ..ListedAccount::new(AccountId::like("a", &[]), Some("Anna".to_owned()))
            },
            ListedAccount::new(AccountId::like("b", &[]), None),
        ];

        assert_eq!(parse_accounts(&print_accounts(&list)).unwrap(), list);
        assert_eq!(print_accounts(&[]), "[]\n");
        assert_eq!(parse_accounts("").unwrap(), []);
        let bad = parse_accounts(r#"[{"id": "../x"}]"#).unwrap_err().to_string();
        assert!(bad.contains("no name of a file"), "{bad}");
    }
}
