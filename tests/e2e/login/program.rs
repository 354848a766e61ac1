//! The built program with a person before it: what it prints, line by line, and what is typed.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use url::Url;

use crate::support::expect;

pub struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: UnboundedReceiver<String>,
    seen: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    /// Starts it in a folder whose `ampgate.yaml` it reads.
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ampgate"))
            .args(args)
            .current_dir(folder)
            .env_clear()
            // Where a coverage run wants to be told what ran.
            .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)))
            .env("HOME", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = unbounded_channel();
        follow(child.stdout.take().unwrap(), tell.clone());
        follow(child.stderr.take().unwrap(), tell);
        let input = child.stdin.take();
        Self { child, input, lines, seen: String::new() }
    }

    /// Runs it to its end. Returns its code and what it said.
    pub async fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
        Self::start(folder, args).end().await
    }

    /// Waits for a line that holds a text.
    pub async fn line_with(&mut self, text: &str) -> String {
        loop {
            let line = expect(self.lines.recv(), text).await;
            let Some(line) = line else { panic!("no line with {text}:\n{}", self.seen) };
            self.seen.push_str(&line);
            self.seen.push('\n');
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The address to log in at.
    pub async fn address(&mut self) -> Url {
        Url::parse(&self.line_with("/authorize?").await).unwrap()
    }

    pub fn types(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits until it ends by itself. Returns its code and everything that it said.
    pub async fn end(mut self) -> (Option<i32>, String) {
        while let Some(line) = expect(self.lines.recv(), "the end of the program").await {
            self.seen.push_str(&line);
            self.seen.push('\n');
        }
        let code = self.child.wait().unwrap().code();
        assert!(!self.seen.contains("hush"), "a secret was said:\n{}", self.seen);
        (code, std::mem::take(&mut self.seen))
    }
}

fn follow(output: impl Read + Send + 'static, tell: UnboundedSender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
}
