//! What is wrong with a new configuration is told, and nothing of it is used.

use std::fs;

use crate::reload::{JSON, amp, relaying, status, write_in_place};
use crate::support::GatewayProcess;

#[actix_web::test]
async fn a_broken_file_changes_nothing_and_says_what_is_wrong_until_it_is_mended() {
    let amp = amp().await;
    let mut gateway = GatewayProcess::start(&relaying("key-0", &amp.origin));
    let folder = gateway.folder().display().to_string();
    let config = format!("{folder}/ampgate.yaml");
    fs::write(format!("{folder}/cert.pem"), "hush-certificate").unwrap();
    let authority = crate::tls::Authority::new();
    let theirs = authority.ca_file().replace("/ca.pem", "");
    let _ = authority.server_config("127.0.0.1", &[]); // writes cert.pem and key.pem
    fs::copy(format!("{theirs}/key.pem"), format!("{folder}/key.pem")).unwrap();
    let _ = authority.server_config("127.0.0.1", &[]); // for another key
    let with = |more: &str| relaying("hush-key", &amp.origin) + more;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // the file,                                what the log says
        (with("a: [hush-1, hush-2\nb: 3\n"),        format!("{config}: is not YAML: line 5, column 1")),
        (with("hush-3: { hush-4: 1 "),              format!("{config}: is not YAML: line")),
        (with("prot: 1\n"),                         format!("{config}: prot is not a key ampgate knows")),
        (with("timeouts: { idle: hush-5 }\n"),      format!("{config}: timeouts.idle")),
        (with(&format!("claude-api-key: [{{ api-key-file: '{folder}/none' }}]\n")),
            format!("{config}: claude-api-key[0].api-key-file names `{folder}/none`, which cannot be read")),
        (with("claude-api-key: [{ api-key: hush-6, base-url: 'ftp://x' }]\n"),
            format!("{config}: claude-api-key[0].base-url")),
        (relaying("", &amp.origin),                 format!("{config}: api-keys has no entry left")),
        (with(&format!("tls: {{ cert: '{folder}/cert.pem', key: '{folder}/cert.pem' }}\n")),
            format!("`tls.cert`: {folder}/cert.pem holds no certificate")),
        (with(&format!("tls: {{ cert: '{theirs}/cert.pem', key: '{folder}/key.pem' }}\n")),
            format!("`tls.cert` and `tls.key`: {theirs}/cert.pem and {folder}/key.pem: ")),
        (with(&format!("tls: {{ upstream-ca: '{folder}/cert.pem' }}\n")),
            format!("`tls.upstream-ca`: {folder}/cert.pem")),
    ];
    for (number, (broken, expected)) in cases.into_iter().enumerate() {
        gateway.save(&broken);
        let said = gateway.log_until("configuration has problems; the running one stays");

        assert!(said.contains(&expected), "not said: {expected}\n{said}");
        assert!(!said.contains("hush"), "a secret was said:\n{said}");
        assert_eq!(status(&gateway, &format!("key-{number}")).await, 200, "{expected}");
        assert_eq!(status(&gateway, "hush-key").await, 401, "{expected}");

        gateway.reload(&relaying(&format!("key-{}", number + 1), &amp.origin));
        assert_eq!(status(&gateway, &format!("key-{}", number + 1)).await, 200, "{expected}");
    }
}

#[actix_web::test]
async fn a_file_that_a_key_names_mends_the_configuration_when_it_appears() {
    let amp = amp().await;
    let mut gateway = GatewayProcess::start(&relaying("key-1", &amp.origin));
    let secret = gateway.folder().join("deep/alice");
    let file = format!("{{ name: alice, key-file: '{}' }}", secret.display());
    gateway.save(&relaying(&file, &amp.origin));
    gateway.log_line_with("configuration has problems");

    fs::create_dir(gateway.folder().join("deep")).unwrap();
    fs::write(&secret, "key-2").unwrap();
    gateway.log_line_with("configuration reloaded");

    assert_eq!(status(&gateway, "key-2").await, 200);
    assert_eq!(status(&gateway, "key-1").await, 401);
}

#[actix_web::test]
async fn where_we_listen_is_warned_of_and_keeps_nothing_else_back() {
    let amp = amp().await;
    let folder = tempfile::tempdir().unwrap();
    let listening = "host: 127.0.0.1\nport: 0\n";
    write_in_place(folder.path(), &(relaying("key-1", &amp.origin) + listening));
    let mut gateway = GatewayProcess::start_in(folder, &[], JSON);
    let other = "host: localhost\nport: 1\nadmin: { host: localhost, key: k }\n";

    let said = gateway.reload(&(relaying("key-2", &amp.origin) + other));

    for key in ["host", "port", "admin.host"] {
        assert!(said.contains(&format!(r#""key":"{key}""#)), "{key} is not warned of:\n{said}");
    }
    assert_eq!(status(&gateway, "key-2").await, 200, "still there");
    assert_eq!(status(&gateway, "key-1").await, 401);

    let said = gateway.reload(&(relaying("key-3", &amp.origin) + listening));
    assert!(!said.contains("restart"), "as it was started:\n{said}");
}
