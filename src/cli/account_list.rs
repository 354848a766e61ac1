//! The list of a provider's accounts, as the commands change it: one process at a time.

use std::path::Path;
use std::time::Duration;

use super::Failure;
use crate::actors::tokens::store::{self, AccountLock};
use crate::config::{ListedAccount, OAuthEntry, parse_accounts, print_accounts};

/// For a lock. Whoever refreshes a token holds its account's while a server is asked.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The list, and the right to change it.
pub(super) struct OpenList {
    lock: AccountLock,
    pub accounts: Vec<ListedAccount>,
}

/// Waits until nobody else changes the list, and reads it.
pub(super) async fn open(entry: &OAuthEntry) -> Result<OpenList, Failure> {
    let file = entry.list_file();
    let lock = store::lock(&file, PATIENCE).await.map_err(|error| error.to_string())?;
    let accounts = read(&file)?;
    Ok(OpenList { lock, accounts })
}

fn read(file: &Path) -> Result<Vec<ListedAccount>, Failure> {
    match std::fs::read_to_string(file) {
        Ok(text) => parse_accounts(&text).map_err(|error| format!("{} {error}", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!("cannot read {}: {error}", file.display())),
    }
}

impl OpenList {
    /// Puts the list as it is now in the place of what is there.
    pub fn save(&mut self) -> Result<(), Failure> {
        let put = self.lock.write_text(&print_accounts(&self.accounts));
        put.map_err(|error| error.to_string())
    }
}
