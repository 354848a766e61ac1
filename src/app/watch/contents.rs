//! Whether what files hold is a change, or not yet, or none.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// What a file holds, as a digest: some hold keys, and those are not kept a second time.
type Digest = [u8; 32];

/// What each file holds; `None` when it is not there, or empty, which is how a file looks while
/// somebody writes it.
pub type Snapshot = BTreeMap<PathBuf, Option<Digest>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As before.
    Same,
    /// Not as before, but perhaps not finished either: look again in a while.
    Unsettled,
    /// Another content, twice in a row. It is "before" from now on.
    Changed,
}

/// What was seen of the files.
#[derive(Debug, Default)]
pub struct Contents {
    /// What the last change brought.
    known: Snapshot,
    /// What the last look found, if it was something else.
    candidate: Option<Snapshot>,
}

impl Contents {
    /// Goes on with the files of `now`. Those seen before keep what is known of them.
    pub fn start(&mut self, now: Snapshot) {
        let known = std::mem::take(&mut self.known);
        self.candidate = None;
        self.known = now
            .into_iter()
            .map(|(path, digest)| {
                let digest = known.get(&path).copied().unwrap_or(digest);
                (path, digest)
            })
            .collect();
    }

    /// Whatever `now` holds is no change any more.
    pub fn take_as_known(&mut self, now: Snapshot) {
        self.candidate = None;
        self.known = self.with_what_was(now);
    }

    /// What is gone or empty for now, as if it held what it held.
    fn with_what_was(&self, mut now: Snapshot) -> Snapshot {
        for (path, digest) in &mut now {
            *digest = digest.or_else(|| self.known.get(path).copied().flatten());
        }
        now
    }

    /// Says what the look that found `now` means.
    pub fn judge(&mut self, now: Snapshot) -> Verdict {
        let now = self.with_what_was(now);
        if now == self.known {
            self.candidate = None;
            return Verdict::Same;
        }
        if self.candidate.as_ref() == Some(&now) {
            self.candidate = None;
            self.known = now;
            return Verdict::Changed;
        }
        self.candidate = Some(now);
        Verdict::Unsettled
    }
}

pub fn read(paths: &[PathBuf]) -> Snapshot {
    paths.iter().map(|path| (path.clone(), digest_of(path))).collect()
}

fn digest_of(path: &Path) -> Option<Digest> {
    // A pipe (`--config /dev/stdin`) can be read once, and has been.
    if !fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return None;
    }
    let content = fs::read(path).map(Zeroizing::new).ok().filter(|content| !content.is_empty())?;
    Some(Sha256::digest(content.as_slice()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter for each of the files `0`, `1`...: what it holds, or `-` for nothing.
    fn snapshot(letters: &str) -> Snapshot {
        let digest = |letter: char| (letter != '-').then_some([letter as u8; 32]);
        let path = |index: usize| PathBuf::from(index.to_string());
        letters.chars().enumerate().map(|(index, letter)| (path(index), digest(letter))).collect()
    }

    #[test]
    fn a_change_is_another_content_that_stays() {
        use Verdict::{Changed, Same, Unsettled};
        #[rustfmt::skip] // columns are easier to proofread
        let cases: [(&str, &[(&str, Verdict)], &str); 11] = [
            ("a",  &[("a", Same)],                                             "nothing happened"),
            ("a",  &[("b", Unsettled), ("b", Changed)],                        "twice the same"),
            ("a",  &[("b", Unsettled), ("b", Changed), ("b", Same)],           "told once"),
            ("a",  &[("b", Unsettled), ("c", Unsettled), ("c", Changed)],      "still being written"),
            ("a",  &[("b", Unsettled), ("a", Same), ("b", Unsettled)],         "taken back"),
            ("a",  &[("-", Same), ("a", Same)],                                "gone for a moment"),
            ("a",  &[("-", Same), ("-", Same), ("-", Same)],                   "gone for good"),
            ("a",  &[("-", Same), ("b", Unsettled), ("b", Changed)],           "another in its place"),
            ("-",  &[("-", Same), ("a", Unsettled), ("a", Changed)],           "not there at first"),
            ("ab", &[("ac", Unsettled), ("dc", Unsettled), ("dc", Changed)],   "two files, one change"),
            ("ab", &[("-b", Same), ("-c", Unsettled), ("-c", Changed), ("ac", Same)], "one gone, the other changed"),
        ];
        for (first, looks, why) in cases {
            let mut contents = Contents::default();
            contents.start(snapshot(first));
            for (look, expected) in looks {
                assert_eq!(contents.judge(snapshot(look)), *expected, "{first}, {look}: {why}");
            }
        }
    }

    #[test]
    fn a_file_watched_before_is_compared_with_what_it_held_then() {
        let mut contents = Contents::default();
        contents.start(snapshot("a"));

        contents.start(snapshot("bx"));

        assert_eq!(contents.judge(snapshot("bx")), Verdict::Unsettled, "file 0 changed");
        assert_eq!(contents.judge(snapshot("ax")), Verdict::Same, "file 1 is as it was at first");
    }

    #[test]
    fn what_was_read_anyway_is_told_no_more() {
        let mut contents = Contents::default();
        contents.start(snapshot("aa"));

        contents.take_as_known(snapshot("b-"));

        assert_eq!(contents.judge(snapshot("ba")), Verdict::Same, "one was read, one is as before");
        assert_eq!(contents.judge(snapshot("ca")), Verdict::Unsettled, "written on since then");
    }

    #[test]
    fn what_is_no_file_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        fs::write(&empty, "").unwrap();

        for path in [folder.path(), &empty, &folder.path().join("missing")] {
            assert_eq!(digest_of(path), None, "{}", path.display());
        }
    }
}
