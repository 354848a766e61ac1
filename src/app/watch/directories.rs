//! Which directories have to be watched for a file that may be reached through links.
//!
//! Kubernetes mounts a file as `ampgate.yaml -> ..data/ampgate.yaml` and `..data -> ..2026_11_24/`,
//! and changes it by turning `..data` to another directory. So every directory counts in which a
//! link on the way to a file stands, and the one in which the file stands itself.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// As many links as Linux follows for one path; more are a ring.
const MOST_LINKS: usize = 40;

/// The directories that hold `files` and the links to them. Where one does not exist, the nearest
/// above it that does: it will tell when the rest appears.
pub fn holding(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for file in files {
        walk(file, &mut found);
    }
    found.into_iter().map(existing).collect()
}

/// Resolves `file` step by step, and notes each directory that decides where it leads.
fn walk(file: &Path, found: &mut BTreeSet<PathBuf>) {
    let mut ahead = VecDeque::new();
    put_in_front(&mut ahead, &std::path::absolute(file).unwrap_or_else(|_| file.to_owned()));
    let mut at = PathBuf::from("/");
    let mut links = 0;
    while let Some(step) = ahead.pop_front() {
        if step == "/" {
            at = PathBuf::from("/");
        } else if step == ".." {
            // Right, because no link is left in `at`.
            at.pop();
        } else if let Ok(target) = fs::read_link(at.join(&step)) {
            found.insert(at.clone());
            links += 1;
            if links > MOST_LINKS {
                return;
            }
            put_in_front(&mut ahead, &target);
        } else {
            at.push(step);
        }
    }
    found.extend(at.parent().map(Path::to_owned));
}

fn put_in_front(ahead: &mut VecDeque<OsString>, path: &Path) {
    let steps = path.components().filter(|step| *step != Component::CurDir);
    let steps: Vec<_> = steps.map(|step| step.as_os_str().to_owned()).collect();
    for step in steps.into_iter().rev() {
        ahead.push_front(step);
    }
}

fn existing(mut directory: PathBuf) -> PathBuf {
    while !directory.is_dir() && directory.pop() {}
    directory
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_directory_on_the_way_through_links_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for directory in ["plain", "mount/..one", "links", "deep/er"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        for file in ["plain/file", "mount/..one/file", "deep/er/file"] {
            fs::write(root.join(file), "x").unwrap();
        }
        let absolute = root.join("plain/file");
        for (target, link) in [
            ("..one", "mount/..data"),
            ("..data/file", "mount/file"),
            (absolute.to_str().unwrap(), "links/absolute"),
            ("../deep/er/file", "links/relative"),
            ("absolute", "links/twice"),
            ("../away/file", "links/dangling"),
            ("ring", "links/ring"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        #[rustfmt::skip] // columns are easier to proofread
        let cases: [(&str, &[&str], &str); 11] = [
            ("plain/file",          &["plain"],                "no link"),
            ("plain/./../plain/file", &["plain"],              "a detour"),
            ("plain/missing",       &["plain"],                "a file that will come"),
            ("away/far/file",       &[""],                     "a directory that will come"),
            ("plain/file/x",        &["plain"],                "a file where a directory should be"),
            ("mount/file",          &["mount", "mount/..one"], "as Kubernetes mounts it"),
            ("links/absolute",      &["links", "plain"],       "a link elsewhere"),
            ("links/relative",      &["deep/er", "links"],     "a link upwards"),
            ("links/twice",         &["links", "plain"],       "a link to a link"),
            ("links/dangling",      &["", "links"],            "a link to what will come"),
            ("links/ring",          &["links"],                "a link to itself"),
        ];
        for (file, expected, why) in cases {
            let expected: BTreeSet<_> = expected
                .iter()
                .map(|name| if name.is_empty() { root.clone() } else { root.join(name) })
                .collect();
            assert_eq!(holding(&[root.join(file)]), expected, "{file}: {why}");
        }
    }

    #[test]
    fn a_relative_path_starts_in_the_working_directory() {
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();

        assert_eq!(holding(&["Cargo.toml".into()]), BTreeSet::from([here]));
    }
}
