//! The files that accounts are kept in: read at any time, written by whoever holds the lock.
//!
//! `<auth-dir>/<provider>/<account>.json`, for its owner alone (0600). A file is never changed: a new one
//! takes its place, whole, after it is on the disk, so that who reads sees the old account or the new one
//! whatever happens in between. The lock is on a file beside it (`<account>.json.lock`), which stays: on a
//! file that comes and goes two could hold it. The system lets go of it when its holder dies.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::oauth::{StoredAccount, UnreadableAccount};

/// Between two tries to get the lock: who holds it waits for a server.
const LOCK_POLL: Duration = Duration::from_millis(20);

/// How much longer than the account that is there new tokens are expected to make it. Tokens that are
/// signed statements have some KB.
const ROOM: u64 = 16 * 1024;

/// Why an account cannot be read or written. Names the file, and nothing that is in it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{file} {cause}", file = .file.display())]
    Unreadable { file: PathBuf, cause: UnreadableAccount },
    #[error("cannot {act} {file}: {cause}", file = .file.display())]
    Io { act: &'static str, file: PathBuf, cause: io::Error },
    #[error("{file} is locked by another process", file = .file.display())]
    Locked { file: PathBuf },
}

impl StoreError {
    /// Whether there is no such file.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads an account. What is read is whole, be it that somebody writes at the moment.
pub fn read(file: &Path) -> Result<StoredAccount, StoreError> {
    let text = fs::read_to_string(file).map_err(|cause| io_error("read", file, cause))?;
    let text = Zeroizing::new(text);
    let unreadable = |cause| StoreError::Unreadable { file: file.to_owned(), cause };
    StoredAccount::parse(&text).map_err(unreadable)
}

/// The right to write an account. Ends when it is dropped.
#[derive(Debug)]
pub struct AccountLock {
    file: PathBuf,
    /// What the next account is written into; goes away unless it is.
    prepared: Option<NamedTempFile>,
    /// Locked as long as it is open.
    _lock: File,
}

/// Waits for the lock of an account, no longer than `patience`. Its folder is made if need be.
pub async fn lock(file: &Path, patience: Duration) -> Result<AccountLock, StoreError> {
    let until = tokio::time::Instant::now() + patience;
    loop {
        let path = file.to_owned();
        // On a thread of its own: a network's file system may let us wait. Tried again and again, since a
        // thread that waits in the system for its turn cannot be called off.
        let tried = tokio::task::spawn_blocking(move || try_lock(&path)).await;
        let gone = |_panic| io_error("lock", file, io::Error::other("the thread has ended"));
        if let Some(lock) = tried.map_err(gone)?? {
            return Ok(lock);
        }
        if tokio::time::Instant::now() >= until {
            return Err(StoreError::Locked { file: file.to_owned() });
        }
        tokio::time::sleep(LOCK_POLL).await;
    }
}

/// Takes the lock of an account; `None` while another has it.
pub fn try_lock(file: &Path) -> Result<Option<AccountLock>, StoreError> {
    let folder = folder_of(file);
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    made.map_err(|cause| io_error("make", folder, cause))?;
    let beside = with_end(file, ".lock");
    let mut options = OpenOptions::new();
    let opened = options.create(true).truncate(false).write(true).mode(0o600).open(&beside);
    let lock = opened.map_err(|cause| io_error("open", &beside, cause))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(AccountLock { file: file.to_owned(), prepared: None, _lock: lock })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(cause)) => Err(io_error("lock", &beside, cause)),
    }
}

impl AccountLock {
    /// Reads the account as it is now, and will be until this lock ends.
    pub fn read(&self) -> Result<StoredAccount, StoreError> {
        read(&self.file)
    }

    /// Makes ready beside the old file what the next [`Self::write`] fills, with room for it on the disk.
    /// Before a refresh: a folder that takes no file, and a disk that is full, have to be known before the
    /// token is spent.
    pub fn prepare(&mut self) -> Result<(), StoreError> {
        let present = match fs::metadata(&self.file) {
            Ok(file) => file.len(),
            Err(_) => 0, // the write that follows says what is wrong with it
        };
        let mut new = self.new_file()?;
        let reserved = io::copy(&mut io::repeat(b' ').take(present + ROOM), &mut new);
        let synced = reserved.and_then(|_length| new.as_file().sync_all());
        synced.map_err(|cause| io_error("reserve room in", folder_of(&self.file), cause))?;
        self.prepared = Some(new);
        Ok(())
    }

    /// Puts `account` in the place of what is there, once it is on the disk.
    pub fn write(&mut self, account: &StoredAccount) -> Result<(), StoreError> {
        self.write_text(&account.to_text())
    }

    /// As [`Self::write`], for what is kept beside the accounts.
    pub fn write_text(&mut self, text: &str) -> Result<(), StoreError> {
        let mut new = match self.prepared.take() {
            Some(prepared) => prepared,
            None => self.new_file()?,
        };
        fill(&mut new, text).map_err(|cause| io_error("write", &self.file, cause))?;
        let put = new.persist(&self.file);
        put.map_err(|error| io_error("replace", &self.file, error.error))?;
        self.sync_folder()
    }

    fn new_file(&self) -> Result<NamedTempFile, StoreError> {
        self.sweep();
        let folder = folder_of(&self.file);
        let made = tempfile::Builder::new()
            .prefix(&self.prefix())
            .suffix(".tmp")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder);
        made.map_err(|cause| io_error("make a file in", folder, cause))
    }

    /// Removes the account; that there is none is as good.
    pub fn remove(&self) -> Result<(), StoreError> {
        self.sweep();
        match fs::remove_file(&self.file) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(io_error("remove", &self.file, cause))
            }
            _ => self.sync_folder(),
        }
    }

    /// What unfinished files of this account begin with.
    fn prefix(&self) -> OsString {
        let mut prefix = OsString::from(".");
        prefix.push(self.file.file_name().unwrap_or_default());
        prefix.push(".");
        prefix
    }

    /// Removes what a process has left that was killed while it wrote: there are tokens in it. Only who
    /// holds the lock writes, so nobody needs it any more.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(folder_of(&self.file)) else { return };
        let prefix = self.prefix();
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            if name.starts_with(prefix.as_encoded_bytes()) && name.ends_with(b".tmp") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// A name in a folder is on the disk when the folder is.
    fn sync_folder(&self) -> Result<(), StoreError> {
        let folder = folder_of(&self.file);
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|cause| io_error("write", folder, cause))
    }
}

/// Writes over what is reserved, and gives the rest back afterwards: in between nobody else gets it.
fn fill(new: &mut NamedTempFile, text: &str) -> io::Result<()> {
    new.rewind()?;
    new.write_all(text.as_bytes())?;
    new.as_file().set_len(text.len() as u64)?;
    new.as_file().sync_all()
}

/// A bare name is in the folder we are in.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn with_end(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn io_error(act: &'static str, file: &Path, cause: io::Error) -> StoreError {
    StoreError::Io { act, file: file.to_owned(), cause }
}

#[cfg(test)]
mod tests;
