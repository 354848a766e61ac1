//! What this machine shows of a client: variables, files below the home directory, a program.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a program may take to say its version. Those written in JavaScript need a second or two.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that is read of what a program says, and of a settings file.
const MAX_BYTES: u64 = 1 << 20;

/// Where to look for one client.
pub struct Places {
    pub program: &'static str,
    /// Below the home directory.
    pub files: &'static [&'static str],
    /// Those that only this client has: with one of them set, it is here.
    pub variables: &'static [&'static str],
}

/// What is there.
#[derive(Clone, Default)]
pub struct Seen {
    pub variables: BTreeMap<String, String>,
    /// By their names in [`Places::files`]; the text, or why it cannot be read.
    pub files: BTreeMap<&'static str, Result<String, String>>,
    /// What the program says of its version, or why it says nothing; `None` without a program.
    pub version: Option<Result<String, String>>,
}

impl Seen {
    /// Looks for a client. Runs its program for the version, and nothing else.
    pub fn of(places: &Places, variables: &BTreeMap<String, String>) -> Self {
        let home = variables.get("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let files = places.files.iter().filter_map(|name| {
            let text = read(&home.as_ref()?.join(name))?;
            Some((*name, text))
        });
        let program =
            find_program(places.program, variables.get("PATH").map_or("", String::as_str));
        Self {
            variables: variables.clone(),
            files: files.collect(),
            version: program.map(|program| ask_version(&program, PATIENCE)),
        }
    }

    /// Whether there is any trace of the client.
    pub fn is_anything(&self, places: &Places) -> bool {
        let has_variable = places.variables.iter().any(|name| self.variable(name).is_some());
        self.version.is_some() || !self.files.is_empty() || has_variable
    }

    /// A variable that is set to more than nothing.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

/// The text of a file; `None` when there is none.
fn read(path: &Path) -> Option<Result<String, String>> {
    let mut text = String::new();
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => return Some(Err(error.to_string())),
        Ok(file) => file,
    };
    let read = file.take(MAX_BYTES).read_to_string(&mut text);
    Some(read.map(|_bytes| text).map_err(|error| error.to_string()))
}

/// The first program of this name on the path.
fn find_program(name: &str, path: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let is_program = |file: &PathBuf| {
        std::fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    // An empty entry means the working directory, whose programs nobody meant.
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).find(is_program)
}

/// The first line that a program says when it is asked for its version.
fn ask_version(program: &Path, patience: Duration) -> Result<String, String> {
    let mut child = Command::new(program)
        .arg("--version")
        .env("AMP_SKIP_UPDATE_CHECK", "1") // Amp would look for a newer one first
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot be run: {error}"))?;
    let stdout = child.stdout.take();
    let (tell, told) = mpsc::channel();
    // A thread, because a program that hangs would hold the pipe open for ever.
    thread::spawn(move || {
        let mut said = String::new();
        let read = stdout.map(|stdout| stdout.take(MAX_BYTES).read_to_string(&mut said));
        let _ = tell.send(read.map(|_| said));
    });
    let said = told.recv_timeout(patience);
    let _ = child.kill();
    let _ = child.wait();
    let said = said.map_err(|_late| {
        format!("says no version within {}", humantime::format_duration(patience))
    })?;
    let line = said.as_deref().and_then(|said| said.lines().map(str::trim).find(|l| !l.is_empty()));
    line.map(str::to_owned).ok_or_else(|| "says no version".to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn program(folder: &Path, name: &str, script: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_program_is_the_first_on_the_path_that_can_be_run() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        program(first.path(), "amp", "echo no program", 0o644);
        let expected = program(second.path(), "amp", "echo 1", 0o755);
        let path = format!(":{}:{}", first.path().display(), second.path().display());

        assert_eq!(find_program("amp", &path), Some(expected));
        assert_eq!(find_program("codex", &path), None);
    }

    #[test]
    fn a_version_is_the_first_line_and_a_program_that_hangs_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let says = |script| program(folder.path(), "p", script, 0o755);
        let long = Duration::from_secs(60);

        assert_eq!(ask_version(&says("echo; echo ' 1.2 '; echo x"), long), Ok("1.2".to_owned()));
        assert_eq!(ask_version(&says("exit 1"), long), Err("says no version".to_owned()));
        let hangs = ask_version(&says("exec sleep 600"), Duration::from_millis(1));
        assert_eq!(hangs, Err("says no version within 1ms".to_owned()));
    }
}
