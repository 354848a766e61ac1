//! Files with secrets that every user of the machine can get at.
//!
//! Who is in a file's group is not known here, and a group of the gateway's own is the usual way to let it read
//! what somebody else keeps; so a group is trusted, and the rest of the world is not. A file that others could
//! read lies open only if they can reach it, through every directory above it.
//!
//! Excused is what is mounted for one container alone, and usually readable to all in it: Kubernetes gives
//! secrets the mode 0644, in a directory named by its date behind the link `..data`; Docker puts them under
//! `/run/secrets`.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use super::Loaded;

/// What others may do to a file.
const OTHERS_READ_OR_WRITE: u32 = 0o006;
const OTHERS_ENTER: u32 = 0o001;

/// Where containers find secrets that are mounted for them.
const MOUNTS: [&str; 2] = ["/run/secrets", "/var/run/secrets"];

/// A file with a secret that every user of the machine can read, or even write.
///
/// Displays as what is wrong and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposed {
    pub path: PathBuf,
}

impl fmt::Display for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what(), self.advice())
    }
}

impl Exposed {
    #[must_use]
    pub fn what(&self) -> String {
        format!("every user of this machine can read {}, which holds keys", self.path.display())
    }

    #[must_use]
    pub fn advice(&self) -> String {
        let path = self.path.display();
        format!("chmod 600 {path} (or 640, with the group of the gateway's user)")
    }
}

/// Those of a configuration's files with secrets that lie open.
#[must_use]
pub fn exposed(loaded: &Loaded) -> Vec<Exposed> {
    loaded.secret_files.iter().filter_map(|path| Exposed::find(path)).collect()
}

impl Exposed {
    /// `None`: the file is not open to all, or not there.
    #[must_use]
    pub fn find(path: &Path) -> Option<Self> {
        let real = path.canonicalize().ok()?;
        let mode = |metadata: Metadata| metadata.permissions().mode();
        let file = std::fs::metadata(&real).ok().filter(Metadata::is_file).map(mode)?;
        let above = real.ancestors().skip(1).map(|directory| {
            // What cannot be looked at is not entered by others either.
            std::fs::metadata(directory).map_or(0, mode)
        });
        let is_open = is_open_to_all(file, above) && !is_mounted_for_us(path, &real);
        is_open.then(|| Self { path: path.to_owned() })
    }
}

/// By the permission bits of a file and of the directories above it.
fn is_open_to_all(file: u32, mut above: impl Iterator<Item = u32>) -> bool {
    file & OTHERS_READ_OR_WRITE != 0 && above.all(|directory| directory & OTHERS_ENTER != 0)
}

/// By the path as it is written, and by the one to which its links lead.
fn is_mounted_for_us(written: &Path, real: &Path) -> bool {
    let is_dated = |component: Component<'_>| match component {
        // `..2026_11_29_08_15_00.123456789`: no other program names a directory like this.
        Component::Normal(name) => name.to_str().is_some_and(|name| {
            let digit = name.strip_prefix("..").and_then(|rest| rest.bytes().next());
            digit.is_some_and(|digit| digit.is_ascii_digit())
        }),
        _ => false,
    };
    real.components().any(is_dated)
        || MOUNTS.iter().any(|mount| written.starts_with(mount) || real.starts_with(mount))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn a_file_lies_open_when_others_can_reach_and_read_or_change_it() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases: [(u32, &[u32], bool, &str); 9] = [
            (0o600, &[0o755, 0o755], false, "its owner's alone"),
            (0o640, &[0o755, 0o755], false, "a group is somebody's choice"),
            (0o660, &[0o755, 0o755], false, "the same"),
            (0o644, &[0o755, 0o755], true,  "read by all"),
            (0o604, &[0o755, 0o755], true,  "read by others than the group"),
            (0o602, &[0o755, 0o755], true,  "another key could be put in it"),
            (0o644, &[0o700, 0o755], false, "nobody gets there"),
            (0o644, &[0o755, 0o750], false, "nor past what is above"),
            (0o644, &[0o711, 0o755], true,  "who knows its name can"),
        ];
        for (file, above, expected, why) in cases {
            let open = is_open_to_all(file, above.iter().copied());
            assert_eq!(open, expected, "{file:o} in {above:?}: {why}");
        }
    }

    #[test]
    fn what_is_mounted_for_one_container_is_excused() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("/etc/ampgate/claude", "/etc/ampgate/..2026_11_29_08_15_00.1/claude", true,  "a Kubernetes secret"),
            ("/run/secrets/claude", "/run/secrets/claude",                         true,  "a Docker secret"),
            ("/var/run/secrets/x",  "/run/secrets/x",                              true,  "by its other name"),
            ("/etc/ampgate/claude", "/etc/ampgate/claude",                         false, "a file"),
            ("/etc/..hidden/x",     "/etc/..hidden/x",                             false, "two dots are no date"),
            ("/run/secrets-of/x",   "/run/secrets-of/x",                           false, "another directory"),
        ];
        for (written, real, expected, why) in cases {
            assert_eq!(is_mounted_for_us(Path::new(written), Path::new(real)), expected, "{why}");
        }
    }

    #[test]
    fn a_file_is_judged_where_its_links_lead() {
        let folder = tempfile::tempdir().unwrap();
        let open = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        open(folder.path(), 0o755).unwrap();
        let (key, link) = (folder.path().join("key"), folder.path().join("link"));
        fs::write(&key, "k").unwrap();
        std::os::unix::fs::symlink("key", &link).unwrap();
        open(&key, 0o600).unwrap();
        assert_eq!(Exposed::find(&link), None, "a link has all bits, and they mean nothing");

        open(&key, 0o644).unwrap();

        assert_eq!(Exposed::find(&link), Some(Exposed { path: link }));
        assert_eq!(Exposed::find(&folder.path().join("missing")), None);
        open(folder.path(), 0o700).unwrap();
        assert_eq!(Exposed::find(&key), None, "the directory is closed");
    }
}
