//! `ampgate doctor` as a person at a terminal meets it: upstreams in every state, agents with every
//! kind of settings, and never a key in what it says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;

/// Every secret of these tests; none may ever be printed.
const SECRETS: [&str; 5] =
    ["client-hush-1", "provider-hush-2", "wrong-hush-3", "team-hush-4", "login-hush-5"];

/// A home directory with programs of its own.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new(yaml: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write("ampgate.yaml", yaml);
        desk
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// A program on PATH that says its version.
    fn program(&self, name: &str, version: &str) {
        let path = self.write(&format!("bin/{name}"), &format!("#!/bin/sh\necho '{version}'\n"));
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    fn command(&self, args: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ampgate"));
        command.args(args).env_clear().env("HOME", self.0.path()).current_dir(self.0.path());
        command.env("PATH", self.0.path().join("bin")).envs(variables.iter().copied());
        // Where a coverage run wants to be told what ran.
        command.envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)));
        command.stdin(Stdio::null());
        command
    }

    /// Runs the doctor for eyes and for machines; both must say the same, and no secret.
    fn doctor(&self, args: &[&str], variables: &[(&str, &str)]) -> Said {
        let [human, json] = [&[][..], &["--json"]].map(|more| {
            let output =
                self.command(&[&["doctor"], args, more].concat(), variables).output().unwrap();
            let [out, err] = [output.stdout, output.stderr].map(|b| String::from_utf8(b).unwrap());
            for secret in SECRETS {
                assert!(!out.contains(secret) && !err.contains(secret), "{secret}:\n{out}\n{err}");
            }
            (out, output.status.code())
        });
        assert!(!human.0.contains('\x1b'), "a pipe is no terminal:\n{}", human.0);
        assert_eq!(human.1, json.1);
        let report: Value = serde_json::from_str(&json.0).unwrap();
        for chapter in report["chapters"].as_array().unwrap() {
            assert!(human.0.contains(chapter["topic"].as_str().unwrap()), "{}", human.0);
        }
        Said { report, code: human.1 }
    }
}

/// What the doctor said.
struct Said {
    report: Value,
    code: Option<i32>,
}

impl Said {
    /// Asserts that a finding of this level, in the chapter, says this.
    #[track_caller]
    fn has(&self, topic: &str, level: &str, what: &str) -> &Value {
        let chapters = self.report["chapters"].as_array().unwrap();
        let chapter = chapters.iter().find(|c| c["topic"].as_str().unwrap().contains(topic));
        let chapter = chapter.unwrap_or_else(|| panic!("no chapter {topic}: {:#}", self.report));
        let findings = chapter["findings"].as_array().unwrap();
        let found = findings
            .iter()
            .find(|f| f["level"] == level && f["what"].as_str().unwrap().contains(what));
        found.unwrap_or_else(|| panic!("no {level} that says `{what}`: {chapter:#}"))
    }

    fn has_chapter(&self, topic: &str) -> bool {
        let chapters = self.report["chapters"].as_array().unwrap();
        chapters.iter().any(|c| c["topic"].as_str().unwrap().contains(topic))
    }
}

/// A server on a port of its own that says one thing to every request, and remembers the first lines.
struct Stub {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    /// `says` without a blank line is never finished.
    fn saying(says: impl Into<String>) -> Self {
        let says = says.into();
        Self::serving(move |mut socket, seen| converse(&mut socket, &says, seen))
    }

    fn serving(serve: impl Fn(TcpStream, &Mutex<Vec<String>>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (told, serve) = (seen.clone(), Arc::new(serve));
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (told, serve) = (told.clone(), serve.clone());
                thread::spawn(move || serve(socket, &told));
            }
        });
        Self { port, seen }
    }

    fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn converse(socket: &mut (impl Read + Write), says: &str, seen: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read(&mut byte) {
            Ok(1..) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    seen.lock().unwrap().push(head.lines().next().unwrap_or_default().to_owned());
    let _ = socket.write_all(says.as_bytes());
    let _ = socket.flush();
    // Until the other end has had enough.
    let _ = socket.read(&mut byte);
}

fn answer(status: u16, fields: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{fields}\r\n{body}")
}

fn now(ahead: i64) -> String {
    let now = SystemTime::now();
    let off = Duration::from_secs(ahead.unsigned_abs());
    let then = if ahead < 0 { now - off } else { now + off };
    format!("date: {}\r\n", httpdate::fmt_http_date(then))
}

const MODELS: &str = r#"{"data":[]}"#;

/// A port where nobody listens.
fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Configuration without Amp, so that nothing leaves this machine.
fn yaml(providers: &[(&str, u16, &str)]) -> String {
    let mut yaml = format!(
        "port: {}\napi-keys: [ {{ name: alice, key: client-hush-1 }} ]\n\
         ampcode: {{ upstream-url: '' }}\n",
        dead_port()
    );
    if !providers.is_empty() {
        yaml += "openai-compatibility:\n";
    }
    for (name, port, key) in providers {
        let url = format!("http://127.0.0.1:{port}/v1");
        let keys = format!("api-key-entries: [ {{ api-key: {key} }} ]");
        writeln!(yaml, "  - {{ name: {name}, base-url: '{url}', {keys} }}").unwrap();
    }
    yaml
}

#[test]
fn every_upstream_is_told_by_its_state_and_asked_for_nothing_that_costs() {
    let good = Stub::saying(answer(200, &now(0), MODELS));
    let refuses = Stub::saying(answer(401, "", "{}"));
    let dead = dead_port();
    let desk = Desk::new(&yaml(&[
        ("good", good.port, "provider-hush-2"),
        ("refuses", refuses.port, "wrong-hush-3"),
        ("dead", dead, "provider-hush-2"),
    ]));

    let said = desk.doctor(&[], &[]);

    assert_eq!(said.code, Some(1));
    said.has(&good.port.to_string(), "ok", "good-1: the key is accepted");
    let wrong =
        said.has(&refuses.port.to_string(), "problem", "refuses-1: the key is refused (401)");
    assert!(wrong["advice"].as_str().unwrap().contains("current key"), "{wrong}");
    said.has(&dead.to_string(), "problem", "cannot be reached: connecting");
    said.has("Clock", "ok", "agrees");
    assert_eq!(said.report["problems"], 2, "{:#}", said.report);
    for stub in [&good, &refuses] {
        // Once for eyes, once for machines.
        assert_eq!(stub.requests(), ["GET /v1/models HTTP/1.1"; 2]);
    }
}

#[test]
fn an_upstream_that_does_not_answer_is_not_waited_for_longer_than_the_gateway_would() {
    let silent = Stub::saying("");
    let yaml = yaml(&[("silent", silent.port, "provider-hush-2")]);
    let desk = Desk::new(&(yaml + "timeouts: { first-byte: 200ms }\n"));

    let said = desk.doctor(&[], &[]);

    let found = said.has(&silent.port.to_string(), "problem", "silent-1: no answer");
    assert!(found["what"].as_str().unwrap().contains("200ms"), "{found}");
}

#[test]
fn the_amp_server_is_asked_whose_key_it_is() {
    let known = Stub::saying(answer(200, "", r#"{"ok":true,"result":{}}"#));
    let unknown = Stub::saying(answer(401, "", ""));
    for (stub, level, what) in [
        (&known, "ok", "amp: the key is accepted"),
        (&unknown, "problem", "amp: the key is refused"),
    ] {
        let url = format!("http://127.0.0.1:{}", stub.port);
        let desk = Desk::new(&format!(
            "port: {}\napi-keys: [ {{ name: alice, key: client-hush-1 }} ]\n\
             ampcode: {{ upstream-url: '{url}', upstream-api-keys: \
             [ {{ upstream-api-key: wrong-hush-3, api-keys: [alice] }} ] }}\n",
            dead_port()
        ));
        desk.write(
            ".local/share/amp/secrets.json",
            &format!(r#"{{"apiKey@{url}/":"team-hush-4"}}"#),
        );

        let said = desk.doctor(&[], &[]);

        said.has("Configuration", "ok", "comes from");
        said.has(&stub.port.to_string(), level, what);
        said.has(&stub.port.to_string(), level, &what.replace("amp:", "amp, for alice:"));
        assert_eq!(stub.requests()[0], "POST /api/internal?getUserInfo HTTP/1.1");
    }
}

#[test]
fn a_clock_that_is_wrong_is_told_by_the_answers() {
    let theirs = Stub::saying(answer(200, &now(7200), MODELS));
    let desk = Desk::new(&yaml(&[("a", theirs.port, "provider-hush-2")]));

    let said = desk.doctor(&[], &[]);

    assert_eq!(said.code, Some(0), "{:#}", said.report);
    said.has("Clock", "warning", "this machine's clock is");
}

/// A server behind TLS with a certificate that signs itself. Returns the certificate, too.
fn tls_stub(not_after: i32) -> (Stub, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(not_after, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let config = Arc::new(config);
    let stub = Stub::serving(move |socket, seen| {
        let connection = rustls::ServerConnection::new(config.clone()).unwrap();
        let mut socket = rustls::StreamOwned::new(connection, socket);
        converse(&mut socket, &answer(200, "", MODELS), seen);
    });
    (stub, certificate.pem())
}

#[test]
fn a_certificate_is_held_against_time_and_trust() {
    for (year, is_trusted, level, what) in [
        (2099, true, "ok", "over TLS; its certificate ends in"),
        (2020, true, "problem", "its certificate has expired"),
        (2099, false, "problem", "signed by nobody this machine trusts"),
    ] {
        let (stub, pem) = tls_stub(year);
        let mut yaml = yaml(&[("a", stub.port, "provider-hush-2")]);
        yaml = yaml.replace(
            &format!("http://127.0.0.1:{}", stub.port),
            &format!("https://127.0.0.1:{}", stub.port),
        );
        if is_trusted {
            yaml += "tls: { upstream-ca: ca.pem }\n";
        }
        let desk = Desk::new(&yaml);
        desk.write("ca.pem", &pem);

        let said = desk.doctor(&[], &[]);

        said.has(&stub.port.to_string(), level, what);
        assert_eq!(said.code == Some(0), level == "ok", "{:#}", said.report);
    }
}

#[test]
fn a_configuration_that_does_not_load_is_a_problem_and_the_agents_are_looked_at_all_the_same() {
    let desk = Desk::new("prot: 1\napi-keys: [client-hush-1]\n");
    desk.program("codex", "codex-cli 0.169.0");

    let said = desk.doctor(&[], &[]);

    assert_eq!(said.code, Some(1));
    said.has("Configuration", "problem", "did you mean `port`?");
    said.has("Codex", "ok", "version codex-cli 0.169.0");
    assert!(!said.has_chapter("Claude"), "there is no trace of it");
}

#[test]
fn files_with_keys_that_everybody_can_read_are_told() {
    let desk = Desk::new(&yaml(&[]));
    let key = desk.write("team.key", "provider-hush-2\n");
    let config = desk.0.path().join("ampgate.yaml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text += "claude-api-key: [ { api-key-file: team.key, base-url: 'http://127.0.0.1:1' } ]\n";
    std::fs::write(&config, text).unwrap();
    let open = Permissions::from_mode(0o644);
    // A directory that nobody else may enter would hide them.
    std::fs::set_permissions(desk.0.path(), Permissions::from_mode(0o755)).unwrap();

    std::fs::set_permissions(key, open.clone()).unwrap();
    desk.doctor(&[], &[]).has("Configuration", "warning", "can read team.key");
    std::fs::set_permissions(config, open).unwrap();
    desk.doctor(&[], &[]).has("Configuration", "warning", "can read ampgate.yaml");
}

/// A gateway that runs, and is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(desk: &Desk) -> (Running, u16) {
    let variables = [("AMPGATE__LOG__FORMAT", "json")];
    let mut command = desk.command(&["serve", "--port", "0"], &variables);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line =
        lines.find(|line| line.as_ref().unwrap().contains("\"listening\"")).unwrap().unwrap();
    // Read on, or the gateway would wait for its log to be taken.
    thread::spawn(move || lines.for_each(drop));
    let line: Value = serde_json::from_str(&line).unwrap();
    let address: std::net::SocketAddr = line["address"].as_str().unwrap().parse().unwrap();
    (Running(child), address.port())
}

#[test]
fn a_gateway_that_runs_is_asked_whether_it_knows_the_key() {
    let desk = Desk::new(&yaml(&[]));
    desk.program("claude", "2.1.331 (Claude Code)");
    let (_running, port) = serve(&desk);
    let (port, url) = (port.to_string(), format!("http://localhost:{port}"));

    for (key, level, what, code) in [
        ("client-hush-1", "ok", "opens the gateway", 0),
        ("wrong-hush-3", "problem", "none of the gateway's", 1),
    ] {
        let variables = [("ANTHROPIC_BASE_URL", url.as_str()), ("ANTHROPIC_AUTH_TOKEN", key)];

        let said = desk.doctor(&["claude", "--port", &port], &variables);

        said.has("Gateway", "ok", "runs at");
        said.has("Claude Code", "ok", "version 2.1.331");
        said.has("Claude Code", "ok", "ANTHROPIC_BASE_URL points here");
        said.has("Claude Code", level, what);
        assert_eq!(said.code, Some(code), "{:#}", said.report);
    }
}

#[test]
fn something_else_on_the_gateways_port_is_not_taken_for_it() {
    let other = Stub::saying(answer(200, "", "<html>"));
    let desk = Desk::new(&yaml(&[]));

    let said = desk.doctor(&["amp", "--port", &other.port.to_string()], &[]);

    said.has("Gateway", "problem", "something else answers");
}

#[test]
fn a_gateway_whose_certificate_nobody_trusts_is_told_apart_from_none() {
    let (stub, _pem) = tls_stub(2099);
    let address = format!("https://127.0.0.1:{}", stub.port);

    let said = Desk::new(&yaml(&[])).doctor(&["claude", "--gateway", &address], &[]);

    let found = said.has("Gateway", "warning", "certificate that is not trusted here");
    assert!(found["advice"].as_str().unwrap().contains("NODE_EXTRA_CA_CERTS"), "{found}");
}

/// A home in which every agent points at port 8317, each in its own way.
fn home_of_agents() -> Desk {
    let desk = Desk::new(&yaml(&[]).replacen("port: ", "port: 8317 # ", 1));
    desk.program("amp", "0.0.1790142911-g7618fb (released 2026-09-23T05:55:11.000Z, 2mo ago)");
    desk.program("droid", "0.215.0");
    desk.write(".config/amp/settings.json", r#"{ "amp.url": "http://127.0.0.1:8317/", }"#);
    desk.write(
        ".local/share/amp/secrets.json",
        r#"{ "apiKey@http://127.0.0.1:8317/": "client-hush-1" }"#,
    );
    desk.write(
        ".claude/settings.json",
        r#"{ "env": { "ANTHROPIC_BASE_URL": "http://127.0.0.1:8317", "ANTHROPIC_API_KEY": "wrong-hush-3" } }"#,
    );
    desk.write(
        ".codex/config.toml",
        "model_provider = \"gw\"\n[model_providers.gw]\nbase_url = \"http://localhost:8317/v1\"\n\
         env_key = \"GW_KEY\"\nwire_api = \"responses\"\n",
    );
    desk.write(".codex/auth.json", r#"{ "tokens": { "access_token": "login-hush-5" } }"#);
    desk.write(
        ".gemini/.env",
        "GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:8317\nGEMINI_API_KEY=client-hush-1\n",
    );
    desk.write(
        ".gemini/settings.json",
        r#"{ "security": { "auth": { "selectedType": "oauth-personal" } } }"#,
    );
    desk.write(
        ".factory/settings.json",
        r#"{ "customModels": [ { "model": "m", "provider": "openai",
             "baseUrl": "http://127.0.0.1:8317", "apiKey": "client-hush-1" } ] }"#,
    );
    desk
}

/// Nothing of ours may run on the usual port for this: the keys are then compared with the
/// configuration. Where something does, the doctor rightly says so, and there is nothing to compare.
#[test]
fn every_agent_is_read_where_it_keeps_its_settings() {
    let desk = home_of_agents();

    let said = desk.doctor(&["--gateway", "http://127.0.0.1:8317"], &[]);

    assert_eq!(said.code, Some(1));
    said.has("Amp", "ok", "`amp.url` in ~/.config/amp/settings.json points here");
    let cloud = said.has("Amp", "note", "calls no models itself");
    assert!(cloud["what"].as_str().unwrap().contains("2026-09-23"), "{cloud}");
    said.has("Claude Code", "note", "no `claude` on PATH");
    said.has("Claude Code", "ok", "ANTHROPIC_BASE_URL in ~/.claude/settings.json points here");
    said.has("Codex", "ok", "`model_providers.gw.base_url` in ~/.codex/config.toml points here");
    let keyless = said.has("Codex", "problem", "no client key is set");
    assert!(keyless["advice"].as_str().unwrap().contains("GW_KEY"), "{keyless}");
    said.has("Gemini CLI", "warning", "`oauth-personal`");
    said.has("Gemini CLI", "ok", "GOOGLE_GEMINI_BASE_URL in ~/.gemini/.env points here");
    said.has("Factory droid", "ok", "version 0.215.0");
    let path = said.has("Factory droid", "problem", "the client adds no version");
    assert!(path["advice"].as_str().unwrap().contains("http://127.0.0.1:8317/v1"), "{path}");
}

#[test]
fn without_a_gateway_the_configuration_says_whose_key_it_is() {
    let desk = Desk::new(&yaml(&[]));
    let config = std::fs::read_to_string(desk.0.path().join("ampgate.yaml")).unwrap();
    let port = config.lines().next().unwrap().trim_start_matches("port: ");
    let url = format!("http://127.0.0.1:{port}");
    for (key, level, what) in [
        ("client-hush-1", "ok", "the key in AMP_API_KEY opens the gateway"),
        ("wrong-hush-3", "problem", "the key in AMP_API_KEY is none of the gateway's"),
    ] {
        let said = desk.doctor(&["amp"], &[("AMP_URL", &url), ("AMP_API_KEY", key)]);

        said.has("Gateway", "warning", "no gateway answers");
        said.has("Amp", level, what);
    }
}

#[test]
fn a_current_amp_is_told_the_line_that_makes_its_cloud_call_a_public_gateway() {
    let desk = home_of_agents();
    let gateway = Stub::saying(answer(200, "", r#"{"status":"ok"}"#));
    let here = format!("http://127.0.0.1:{}", gateway.port);

    let said = desk.doctor(&["amp", "--gateway", &here], &[("AMP_URL", &here)]);

    let cloud = said.has("Amp", "note", "over HTTPS, under a public name");
    let advice = cloud["advice"].as_str().unwrap();
    for part in [
        "amp config model-providers add-router custom-url",
        "--base-url https://ampgate.example.com/v1",
        "--api-format anthropic-messages",
        "--model-mapping",
        "not tried against Amp's",
    ] {
        assert!(advice.contains(part), "{part}: {advice}");
    }
}

#[test]
fn an_agent_that_nobody_has_pointed_here_is_a_problem_only_for_who_asks_about_it() {
    let desk = Desk::new(&yaml(&[]));
    desk.program("gemini", "0.61.0");

    let asked = desk.doctor(&["gemini"], &[]);
    let found = asked.has("Gemini CLI", "problem", "nothing points it at a gateway");
    assert!(found["advice"].as_str().unwrap().contains("GOOGLE_GEMINI_BASE_URL=http"), "{found}");
    assert_eq!(asked.code, Some(1));

    let all = desk.doctor(&[], &[]);
    all.has("Gemini CLI", "note", "nothing points it at a gateway");
    assert_eq!(all.code, Some(0), "{:#}", all.report);
}
