//! A Redis server for tests.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::StatePlan;
use crate::actors::upstream::UpstreamTls;
use crate::config::{RedisServer, SharedStateSettings};

/// A server of its own on a free port; ends with the test.
pub struct TestRedis {
    process: Child,
    port: u16,
    tls_port: u16,
    _folder: tempfile::TempDir,
}

impl TestRedis {
    pub async fn start() -> Self {
        Self::start_on(free_port()).await
    }

    /// Starts on a port that another one has had, as the same server would after a crash.
    pub async fn start_on(port: u16) -> Self {
        Self::launch(port, 0, &[]).await
    }

    /// Starts with more options, on a port for TLS as well.
    pub async fn start_with(options: &[&str]) -> Self {
        Self::launch(free_port(), free_port(), options).await
    }

    async fn launch(port: u16, tls_port: u16, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "no", "--dir"])
            .arg(folder.path())
            .args(["--tls-port", &tls_port.to_string()])
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .expect("no redis-server: apt-get install redis-server");
        let redis = Self { process, port, tls_port, _folder: folder };
        eventually("redis-server answers", async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        redis
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// What a replica called `name` shares here.
    pub fn plan(&self, name: &str) -> StatePlan {
        StatePlan {
            settings: SharedStateSettings {
                server: RedisServer::parse(&format!("redis://127.0.0.1:{}", self.port)).unwrap(),
                prefix: "test".to_owned(),
                timeout: Duration::from_millis(500),
                replica: name.to_owned(),
            },
            tls: UpstreamTls::load(None).unwrap(),
        }
    }

    /// Runs a command, and returns what `redis-cli` printed.
    pub fn run(&self, command: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(command)
            .output()
            .expect("no redis-cli: apt-get install redis-tools");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Stops answering, without closing anything.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until something is so; long, because the machine may be busy.
pub async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let until_it_is = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), until_it_is).await.expect(what);
}
