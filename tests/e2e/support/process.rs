//! The gateway as users run it: a process, with its log, its signals and its memory.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::client::Client;
use super::{PATIENCE, expect};

/// Any port of this machine.
pub const ANY_PORT: &[&str] = &["--host", "127.0.0.1", "--port", "0"];

/// A running `ampgate serve`.
pub struct GatewayProcess {
    pub address: SocketAddr,
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    folder: tempfile::TempDir,
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl GatewayProcess {
    /// Starts the built program with a configuration file and waits until it listens.
    pub fn start(yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ampgate.yaml"), yaml).unwrap();
        let file = folder.path().join("ampgate.yaml").display().to_string();
        let args = [ANY_PORT, &["--config", &file]].concat();
        Self::start_in(folder, &args, &[("AMPGATE__LOG__FORMAT", "json")])
    }

    /// Starts the built program in a folder, and waits until it says, in JSON, that it listens.
    pub fn start_in(folder: tempfile::TempDir, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ampgate"))
            .arg("serve")
            .args(args)
            .current_dir(folder.path())
            .env_clear()
            // Where a coverage run wants to be told what ran.
            .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)))
            .env("HOME", folder.path())
            .env("AMPGATE__ADMIN__PORT", "0")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let (tell, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let mut process = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            child,
            lines,
            seen: Vec::new(),
            folder,
        };
        let line = process.log_line_with("\"listening\"");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        process.address = line["address"].as_str().unwrap().parse().unwrap();
        process
    }

    /// Where metrics and status are. To be asked once, before the log is read on.
    pub fn admin(&mut self) -> SocketAddr {
        let line = self.log_line_with("listening for metrics and status");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        line["address"].as_str().unwrap().parse().unwrap()
    }

    pub async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Where it runs, and where its `ampgate.yaml` is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Puts another file in the place of `ampgate.yaml`, as most editors do.
    pub fn save(&self, yaml: &str) {
        let draft = self.folder().join("ampgate.yaml.draft");
        std::fs::write(&draft, yaml).unwrap();
        std::fs::rename(draft, self.folder().join("ampgate.yaml")).unwrap();
    }

    /// Saves another configuration and waits until it is in use. Returns what was logged meanwhile.
    pub fn reload(&mut self, yaml: &str) -> String {
        self.save(yaml);
        self.log_until("configuration reloaded")
    }

    /// Waits for a log line that holds a text; returns it with those before it that nobody has read.
    pub fn log_until(&mut self, text: &str) -> String {
        let read = self.seen.len();
        self.log_line_with(text);
        self.seen[read..].join("\n")
    }

    /// Waits for a log line that holds a text.
    pub fn log_line_with(&mut self, text: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("no log line with {text}; the log:\n{}", self.seen.join("\n"));
            };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Everything logged so far, read lines and unread ones.
    pub fn log(&mut self) -> String {
        self.seen.extend(self.lines.try_iter());
        self.seen.join("\n")
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Tells it to stop, and waits until it takes no new connection.
    pub async fn begin_drain(&mut self) {
        self.signal("-TERM");
        self.log_line_with("draining");
        let address = self.address;
        let refused = async {
            // The listener is closed by its own thread, soon after the log line.
            while let Ok(late) = tokio::net::TcpStream::connect(address).await {
                drop(late);
                tokio::task::yield_now().await;
            }
        };
        expect(refused, "new connections to be refused").await;
    }

    /// Waits until the process has ended.
    pub fn wait(&mut self) -> ExitStatus {
        // The log ends with the process; a process that hangs is ended by the test's patience.
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        match self.child.try_wait().unwrap() {
            Some(status) => status,
            None => self.child.wait().unwrap(),
        }
    }

    /// Resident memory, in KiB.
    pub fn resident_kib(&self) -> u64 {
        self.status_field("VmRSS:")
    }

    /// The most memory that was ever resident, in KiB.
    pub fn peak_resident_kib(&self) -> u64 {
        self.status_field("VmHWM:")
    }

    pub fn threads(&self) -> u64 {
        self.status_field("Threads:")
    }

    pub fn open_descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    fn status_field(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}
