//! Tells when the files of a configuration hold something else than before, for whoever reloads it.
//!
//! Events of the file system are no more than a reason to look: what a file *holds* decides
//! ([`contents`]). The directories are watched and not the files ([`directories`]), because an editor
//! puts a new file in the old one's place, and a watch on the old one would stay with it. Nothing is
//! read as a configuration here, and nothing reloaded.

mod contents;
mod directories;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use self::contents::{Contents, Verdict};

/// How long files have to hold the same before that counts: one save is several events, and some
/// editors empty a file before they write it.
const SETTLE: Duration = Duration::from_millis(100);

/// How often we look where the system tells us of no events. A look reads a few small files.
const POLL: Duration = Duration::from_secs(5);

/// How often the directories are found again because they changed while we found them.
const MOST_ROUNDS: usize = 8;

/// A watch over the files of a configuration. Dropping it ends it, and its thread.
pub struct ConfigWatch {
    paths: Vec<PathBuf>,
    contents: Contents,
    /// `None`: the system does not tell us, so we look every now and then.
    watcher: Option<RecommendedWatcher>,
    /// Directories under watch.
    armed: BTreeSet<PathBuf>,
    /// Holds at most one event: one is enough to look.
    events: mpsc::Receiver<()>,
    /// Something was stirred, and what the files hold now is not known to have settled.
    unsettled: bool,
    poll: Duration,
    /// Why we look every now and then, until it is told: a watch may begin before the log does.
    untold: Option<String>,
}

impl ConfigWatch {
    /// Watches `files`, from what they hold now. To miss nothing, start it before the files are
    /// read, and say later which they are ([`Self::set_paths`]): a change between the two is told
    /// once too often, and never not at all.
    #[must_use]
    pub fn start(files: Vec<PathBuf>) -> Self {
        let (tell, events) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error may stand for lost events: a reason to look, too. When the channel is full,
            // somebody is about to look.
            if event.map_or(true, |event| is_reason_to_look(event.kind)) {
                let _ = tell.try_send(());
            }
        });
        let mut watch = Self {
            paths: Vec::new(),
            contents: Contents::default(),
            watcher: None,
            armed: BTreeSet::new(),
            events,
            unsettled: false,
            poll: POLL,
            untold: None,
        };
        match watcher {
            Ok(watcher) => watch.watcher = Some(watcher),
            Err(error) => watch.poll_instead(&error),
        }
        watch.set_paths(files);
        watch
    }

    /// Watches these files from now on. What the ones held that were watched before is not
    /// forgotten: a change of theirs is still told.
    pub fn set_paths(&mut self, files: Vec<PathBuf>) {
        self.paths = files;
        // First the watch, then the look: what changes in between is an event.
        self.arm();
        self.contents.start(contents::read(&self.paths));
        // An event that was on its way while the watch was put anew may be lost: look in any case.
        self.unsettled = true;
    }

    /// Whether a change of any of these files would be told.
    #[must_use]
    pub fn watches(&self, files: &[PathBuf]) -> bool {
        files.iter().all(|file| self.paths.contains(file))
    }

    /// Takes what the files hold now as told: for somebody who is about to read them anyway.
    pub fn catch_up(&mut self) {
        self.contents.take_as_known(contents::read(&self.paths));
    }

    /// Returns when a file holds something else than at the last time, once for each change. A file
    /// that is gone or empty is no change: it is waited for.
    ///
    /// May be dropped and called again; nothing gets lost.
    pub async fn changed(&mut self) {
        if let Some(cause) = self.untold.take() {
            tracing::warn!(
                cause,
                interval = %humantime::format_duration(self.poll),
                "configuration cannot be watched for changes; looking at intervals instead"
            );
        }
        loop {
            if !self.unsettled {
                self.stirred().await;
                self.unsettled = true;
            }
            tokio::time::sleep(SETTLE).await;
            let verdict = self.look();
            self.unsettled = verdict == Verdict::Unsettled;
            if verdict == Verdict::Changed {
                return;
            }
        }
    }

    /// Returns when there is a reason to look.
    async fn stirred(&mut self) {
        if self.watcher.is_some() {
            if self.events.recv().await.is_some() {
                return;
            }
            self.poll_instead("the watching thread has ended");
        }
        tokio::time::sleep(self.poll).await;
    }

    /// Reads the files. They are small and local, so that the thread is not missed meanwhile.
    fn look(&mut self) -> Verdict {
        // What was told until here is looked at here.
        while self.events.try_recv().is_ok() {}
        self.arm();
        self.contents.judge(contents::read(&self.paths))
    }

    /// Puts the watch where the files are now. Directories that were watched before are watched
    /// anew: another one may have taken the place and the name of the old one.
    fn arm(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        for directory in std::mem::take(&mut self.armed) {
            // One that is gone has taken its watch with it.
            let _ = watcher.unwatch(&directory);
        }
        for _ in 0..MOST_ROUNDS {
            // A link that was turned before its directory was watched is an event nobody told.
            let wanted = directories::holding(&self.paths);
            let new: Vec<_> = wanted.difference(&self.armed).cloned().collect();
            if new.is_empty() {
                return;
            }
            for directory in new {
                match watcher.watch(&directory, RecursiveMode::NonRecursive) {
                    Ok(()) => {
                        self.armed.insert(directory);
                    }
                    // Gone since we found it; the next round finds what holds it now.
                    Err(error) if is_gone(&error) => {}
                    Err(error) => return self.poll_instead(&error),
                }
            }
        }
    }

    /// For systems that have no watches left, or directories that we may enter but not read.
    fn poll_instead(&mut self, cause: impl Display) {
        self.watcher = None;
        self.armed.clear();
        self.untold = Some(cause.to_string());
    }
}

/// Whether a file may hold something else after it. Our own reading is not a reason: each look would
/// be followed by another.
fn is_reason_to_look(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
