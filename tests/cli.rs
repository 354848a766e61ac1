//! The program as a person at a terminal meets it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// A folder of its own as home and working directory, so that no file of the machine is read.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ampgate"));
        command.args(args).env_clear().env("HOME", self.0.path()).current_dir(self.0.path());
        command.env("AMPGATE__ADMIN__PORT", "0");
        // Where a coverage run wants to be told what ran.
        command.envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)));
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn terminate(mut child: Child) -> Option<i32> {
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    child.wait().unwrap().code()
}

#[test]
fn help_and_version_are_for_strangers() {
    let desk = Desk::new();

    let help = text(&desk.run(&["--help"]).stdout);
    for word in ["serve", "check", "demo", "--config", "--host", "--port", "One gateway"] {
        assert!(help.contains(word), "{word} is missing:\n{help}");
    }
    let version = text(&desk.run(&["--version"]).stdout);
    assert_eq!(version.trim(), concat!("ampgate ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn check_prints_what_would_run_with_secrets_as_stars() {
    let desk = Desk::new();
    desk.write(
        "ampgate.yaml",
        "api-keys: [ { name: alice, key: client-secret-1 } ]\n\
         ampcode: { upstream-api-key: team-secret-2 }\n\
         claude-api-key: [ { api-key: provider-secret-3 } ]\n",
    );

    let output = desk.run(&["check"]);

    let shown = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for word in ["alice", "https://ampcode.com", "https://api.anthropic.com", "port: 8317", "*****"]
    {
        assert!(shown.contains(word), "{word} is missing:\n{shown}");
    }
    for secret in ["client-secret-1", "team-secret-2", "provider-secret-3"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn check_and_serve_warn_of_keys_that_everybody_can_read() {
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    let desk = Desk::new();
    let key = desk.write("claude.key", "hush-1\n");
    let config = desk.write(
        "ampgate.yaml",
        "port: 0\napi-keys: [hush-2]\nclaude-api-key: [{ api-key-file: claude.key }]\n",
    );
    for path in [&key, &config] {
        mode(path, 0o644);
    }
    mode(desk.0.path(), 0o700);
    let said = |desk: &Desk| text(&desk.run(&["check"]).stderr);
    assert_eq!(said(&desk), "", "nobody else may enter the folder");

    mode(desk.0.path(), 0o755);
    let both = said(&desk);
    for name in ["ampgate.yaml", "claude.key"] {
        assert!(both.contains(&format!("user of this machine can read {name}")), "{both}");
    }
    assert!(both.starts_with("warning: ") && !both.contains("hush"), "{both}");
    assert!(desk.run(&["check"]).status.success(), "it is a warning");

    let mut child = desk.command(&["serve"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let first = lines.find(|line| line.contains("claude.key") || line.contains("listening"));
    terminate(child);
    assert!(first.is_some_and(|line| line.contains("can read claude.key")), "serve says it too");

    for path in [&key, &config] {
        mode(path, 0o640);
    }
    assert_eq!(said(&desk), "", "a group is somebody's choice");
}

/// Files of other programs, and of logins: none of them is named by a `*-file` key for a key.
#[test]
fn check_warns_of_every_kind_of_file_from_which_a_secret_is_read() {
    const OAUTH: &str = "auth-dir: accounts\noauth: [{ name: company, dialect: anthropic, base-url: \
        'https://m.test', client-id: c, authorize-url: 'https://l.test/a', token-url: 'https://l.test/t' }]\n";
    let google = include_str!("fixtures/google/service_account.json");
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("",                                              ".local/share/amp/secrets.json", r#"{ "apiKey@https://ampcode.com/": "hush" }"#, "the team's key for Amp"),
        (OAUTH,                                           "accounts/company/anna.json",    r#"{ "access_token": "hush" }"#,                "an account's tokens"),
        ("chatgpt: [{}]\n",                               ".codex/auth.json",              r#"{ "tokens": { "access_token": "hush" } }"#,  "a plan's login"),
        ("bedrock: [{ region: r-1, models: [{ name: m }] }]\n", ".aws/credentials",         "[default]\naws_secret_access_key = hush\n",     "keys of AWS's profiles"),
        ("vertex-ai: [{ service-account-file: g.json }]\n", "g.json",                      google,                                         "a service account's key"),
    ];
    for (yaml, name, content, why) in cases {
        let desk = Desk::new();
        desk.write("ampgate.yaml", yaml);
        let file = desk.0.path().join(name);
        let folder = file.parent().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("accounts.json"), r#"[{ "id": "anna" }]"#).unwrap();
        std::fs::write(&file, content).unwrap();
        for folder in file.ancestors().skip(1).take_while(|path| path.starts_with(desk.0.path())) {
            std::fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
        }
        let warned = |mode| {
            std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let output = desk.run(&["check"]);
            let said = text(&output.stderr);
            assert!(output.status.success() && !said.contains("hush"), "{why}: {said}");
            let warnings: Vec<_> = said.lines().filter(|line| line.contains("can read")).collect();
            assert!(warnings.iter().all(|line| line.contains(name)), "{why}: {said}");
            warnings.len()
        };

        assert_eq!((warned(0o644), warned(0o600)), (1, 0), "{why}");
    }
}

#[test]
fn check_fails_on_what_is_wrong_and_says_where_and_what_was_meant() {
    let desk = Desk::new();
    desk.write("ampgate.yaml", "prot: 8317\nampcode: { secret-ttl: soon }\n");

    let output = desk.run(&["check"]);

    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for word in ["ampgate.yaml", "prot", "`port`", "ampcode.secret-ttl"] {
        assert!(told.contains(word), "{word} is missing:\n{told}");
    }
}

#[test]
fn check_fails_on_an_entry_that_serve_would_skip() {
    let desk = Desk::new();
    desk.write(
        "ampgate.yaml",
        "ampcode: { model-mappings: [ { from: '(', to: gpt-5, regex: true } ] }\n\
         openai-api-key: [ { api-key: k, base-url: 'https://h/v1/responses' } ]\n",
    );

    let output = desk.run(&["check"]);

    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("error: ampgate.yaml: ampcode.model-mappings[0] is skipped"), "{told}");
    assert!(told.contains("warning: ampgate.yaml: openai-api-key[0].base-url"), "{told}");
    assert!(
        text(&output.stdout).contains("model-mappings: []"),
        "what is left is shown all the same"
    );
}

#[test]
fn a_configuration_file_that_is_named_must_be_there() {
    let output = Desk::new().run(&["serve", "--config", "missing.yaml"]);

    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("missing.yaml"));
}

#[test]
fn nobody_listens_openly_without_keys() {
    let output = Desk::new().run(&["serve", "--host", "0.0.0.0", "--port", "0"]);

    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("`api-keys`") && told.contains("0.0.0.0"), "{told}");
}

#[test]
fn a_taken_admin_port_is_a_failure_that_says_what_to_set() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let desk = Desk::new();

    let output = desk
        .command(&["serve", "--port", "0"])
        .env("AMPGATE__ADMIN__PORT", &port)
        .output()
        .unwrap();

    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for word in [&*format!("127.0.0.1:{port}"), "metrics and status", "`admin.port`"] {
        assert!(told.contains(word), "{word} is missing:\n{told}");
    }
}

#[test]
fn on_this_machine_alone_a_key_is_made_up_and_shown_once() {
    let desk = Desk::new();
    let mut child = desk
        .command(&["--port", "0"]) // without a command: serve
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();

    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let key = lines.map_while(Result::ok).find(|line| line.trim().starts_with("ampgate-"));

    assert!(key.is_some_and(|key| key.trim().len() > 60), "no key was shown");
    assert_eq!(terminate(child), Some(0));
}

#[test]
fn the_demo_needs_nothing_and_shows_who_answered() {
    let desk = Desk::new();
    let mut child = desk
        .command(&["demo", "--port", "0", "--client-key", "demo-key"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();

    let mut shown = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        let is_last = line.contains("Amp was not paid");
        shown += &(line + "\n");
        if is_last {
            break;
        }
    }

    for word in [
        "curl -N http://127.0.0.1:",
        "x-api-key: demo-key",
        "x-ampgate-route: local",
        "message_stop",
    ] {
        assert!(shown.contains(word), "{word} is missing:\n{shown}");
    }
    assert_eq!(terminate(child), Some(0));
}

#[test]
fn a_probe_tells_life_from_death() {
    let desk = Desk::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = port.to_string();
    assert_eq!(desk.run(&["probe", "--port", &port]).status.code(), Some(1));

    let mut child = desk
        .command(&["serve", "--port", &port])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The key is shown when the gateway listens.
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();

    assert_eq!(desk.run(&["probe", "--port", &port]).status.code(), Some(0));
    assert_eq!(terminate(child), Some(0));
}
