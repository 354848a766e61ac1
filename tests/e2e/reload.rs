//! A new configuration takes effect while the gateway runs, whole or not at all, and nobody notices
//! but by what it changes.
//!
//! A test saves a file and waits for the line that says what came of it.

mod effects;
mod listener;
mod load;
mod refused;
mod running;
mod state;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::{ANY_PORT, Client, GatewayProcess, Response, StubUpstream};

const JSON: &[(&str, &str)] = &[("AMPGATE__LOG__FORMAT", "json")];

/// A configuration that lets one client key in, to the Amp server.
fn relaying(key: &str, origin: &str) -> String {
    format!("api-keys: [{key}]\nampcode: {{ upstream-url: '{origin}', upstream-api-key: team }}\n")
}

/// One request on a connection of its own.
async fn ask(address: SocketAddr, key: &str, method: &str, target: &str, body: &str) -> Response {
    let mut client = Client::connect(address).await;
    client.send(method, target, &[("x-api-key", key)], body.as_bytes()).await;
    client.response().await
}

/// What a client with this key gets from the Amp server.
async fn status(gateway: &GatewayProcess, key: &str) -> u16 {
    ask(gateway.address, key, "GET", "/api/x", "").await.status
}

async fn amp() -> StubUpstream {
    StubUpstream::replying(200, "application/json", "{}").await
}

fn write_in_place(folder: &Path, yaml: &str) {
    fs::write(folder.join("ampgate.yaml"), yaml).unwrap();
}

fn rename_over(folder: &Path, yaml: &str) {
    fs::write(folder.join("draft"), yaml).unwrap();
    fs::rename(folder.join("draft"), folder.join("ampgate.yaml")).unwrap();
}

/// The kubelet's way: a new directory, to which a link is turned.
fn turn_config_map(folder: &Path, yaml: &str) {
    let before = fs::read_link(folder.join("..data")).ok();
    let version = folder.read_dir().unwrap().count();
    let directory = format!("..version-{version}");
    fs::create_dir(folder.join(&directory)).unwrap();
    fs::write(folder.join(&directory).join("ampgate.yaml"), yaml).unwrap();
    symlink(&directory, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    match before {
        Some(old) => fs::remove_dir_all(folder.join(old)).unwrap(),
        None => symlink("..data/ampgate.yaml", folder.join("ampgate.yaml")).unwrap(),
    }
    // So that the next version has a name of its own.
    fs::write(folder.join(format!("seen-{version}")), "").unwrap();
}

#[actix_web::test]
async fn a_new_key_opens_and_the_old_one_does_not_however_the_file_is_changed() {
    let amp = amp().await;
    let ways: [(&str, fn(&Path, &str)); 3] = [
        ("written in place", write_in_place),
        ("renamed over", rename_over),
        ("a ConfigMap turned", turn_config_map),
    ];
    for (way, change) in ways {
        let folder = tempfile::tempdir().unwrap();
        change(folder.path(), &relaying("key-0", &amp.origin));
        let args = [ANY_PORT, &["--config", "ampgate.yaml"]].concat();
        let mut gateway = GatewayProcess::start_in(folder, &args, JSON);
        assert_eq!(status(&gateway, "key-0").await, 200, "{way}");

        for (old, new) in [("key-0", "key-1"), ("key-1", "key-2")] {
            change(gateway.folder(), &relaying(new, &amp.origin));
            gateway.log_line_with("configuration reloaded");

            assert_eq!(status(&gateway, new).await, 200, "{way}: {new}");
            assert_eq!(status(&gateway, old).await, 401, "{way}: {old}");
        }
    }
}

/// The kubelet's way with a secret: a dated directory, to which a link is turned.
fn turn_secret(mount: &Path, version: &str, key: &str) {
    let before = fs::read_link(mount.join("..data")).ok();
    let directory = format!("..2026_11_29_08_15_0{version}.123456789");
    fs::create_dir_all(mount.join(&directory)).unwrap();
    fs::write(mount.join(&directory).join("claude"), key).unwrap();
    symlink(&directory, mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    match before {
        Some(old) => fs::remove_dir_all(mount.join(old)).unwrap(),
        None => symlink("..data/claude", mount.join("claude")).unwrap(),
    }
}

#[actix_web::test]
async fn a_providers_key_follows_the_secret_that_kubernetes_mounts() {
    let provider = amp().await;
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().join("secrets");
    turn_secret(&mount, "1", "provider-hush-1\n");
    let yaml = format!(
        "api-keys: [k]\nampcode: {{ upstream-url: '' }}\n\
         claude-api-key: [{{ api-key-file: '{}', base-url: '{}' }}]\n",
        mount.join("claude").display(),
        provider.origin
    );
    write_in_place(folder.path(), &yaml);
    let args = [ANY_PORT, &["--config", "ampgate.yaml"]].concat();
    let mut gateway = GatewayProcess::start_in(folder, &args, JSON);

    for (number, key) in
        ["provider-hush-1", "provider-hush-2", "provider-hush-3"].iter().enumerate()
    {
        if number > 0 {
            turn_secret(&mount, &(number + 1).to_string(), &format!("{key}\n"));
            gateway.log_line_with("configuration reloaded");
        }
        let call = r#"{"model":"claude-x"}"#;
        assert_eq!(ask(gateway.address, "k", "POST", "/v1/messages", call).await.status, 200);
        assert_eq!(provider.request(number).await.field("x-api-key"), Some(*key));
    }
    assert!(!gateway.log().contains("hush"), "a key stands in the log");
}

#[actix_web::test]
async fn a_signal_brings_what_the_files_hold_at_that_moment() {
    let amp = amp().await;
    let folder = tempfile::tempdir().unwrap();
    let (secret, origin) = (folder.path().join("alice"), &amp.origin);
    fs::write(&secret, "key-1\n").unwrap();
    let yaml = format!(
        "api-keys: [{{ name: alice, key-file: '{}' }}]\nampcode: {{ upstream-url: '{origin}' }}\n",
        secret.display()
    );
    write_in_place(folder.path(), &yaml);
    let mut gateway = GatewayProcess::start_in(folder, ANY_PORT, JSON);
    assert_eq!(status(&gateway, "key-1").await, 200);

    fs::write(&secret, "key-2\n").unwrap();
    gateway.signal("-HUP");
    gateway.log_line_with("asked by signal");

    assert_eq!(status(&gateway, "key-2").await, 200);
    assert_eq!(status(&gateway, "key-1").await, 401);
}

#[actix_web::test]
async fn a_secret_file_that_changes_is_reason_enough() {
    let amp = amp().await;
    let folder = tempfile::tempdir().unwrap();
    let (secret, origin) = (folder.path().join("alice"), &amp.origin);
    fs::write(&secret, "key-1\n").unwrap();
    let yaml = format!(
        "api-keys: [{{ name: alice, key-file: '{}' }}]\nampcode: {{ upstream-url: '{origin}' }}\n",
        secret.display()
    );
    write_in_place(folder.path(), &yaml);
    let mut gateway = GatewayProcess::start_in(folder, ANY_PORT, JSON);

    fs::write(&secret, "key-2\n").unwrap();
    gateway.log_line_with("configuration reloaded");

    assert_eq!(status(&gateway, "key-2").await, 200);
    assert_eq!(status(&gateway, "key-1").await, 401);
}

#[actix_web::test]
async fn a_file_that_comes_after_the_start_is_found() {
    let amp = amp().await;
    let mut gateway = GatewayProcess::start_in(tempfile::tempdir().unwrap(), ANY_PORT, JSON);
    assert_eq!(status(&gateway, "key-1").await, 401, "only the key made up for this run opens");

    gateway.reload(&relaying("key-1", &amp.origin));

    assert_eq!(status(&gateway, "key-1").await, 200);
}

/// Whoever asks gets an answer; a file that holds what it held is nothing to speak of.
#[actix_web::test]
async fn a_reload_is_told_once_and_a_save_without_a_change_not_at_all() {
    let amp = amp().await;
    let yaml = relaying("key-1", &amp.origin);
    let mut gateway = GatewayProcess::start(&yaml);

    gateway.save(&yaml);
    gateway.signal("-HUP");
    gateway.log_line_with("asked by signal");
    gateway.save(&format!("{yaml}# a word\n"));
    gateway.log_line_with("file changed");
    gateway.signal("-TERM");
    gateway.wait();

    let log = gateway.log();
    let told = log.lines().filter(|line| line.contains("configuration"));
    assert_eq!(told.count(), 2, "{log}");
}
