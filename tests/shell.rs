//! What the system around the program wants of it: completions, a manual page, a schema.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use std::io::Write as _;
use std::process::{Command, Stdio};

fn printed(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ampgate")).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bash_reads_the_completions_and_they_know_the_commands() {
    let script = printed(&["completions", "bash"]);

    let mut bash = Command::new("bash")
        .args(["--norc", "-s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let ask = "\nCOMP_WORDS=(ampgate c); COMP_CWORD=1; _ampgate ampgate c ampgate\n\
               printf '%s\\n' \"${COMPREPLY[@]}\"\n";
    bash.stdin.take().unwrap().write_all((script + ask).as_bytes()).unwrap();
    let output = bash.wait_with_output().unwrap();

    let offered = String::from_utf8(output.stdout).unwrap();
    let offered: Vec<&str> = offered.lines().collect();
    assert_eq!(offered, ["check", "completions"]);
}

#[test]
fn every_shell_gets_a_script_of_its_own_and_none_offers_what_is_hidden() {
    for (shell, mark) in [
        ("zsh", "#compdef ampgate"),
        ("fish", "complete -c ampgate"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        let script = printed(&["completions", shell]);

        assert!(script.contains(mark), "{shell}:\n{script}");
        assert!(script.contains("doctor"), "{shell}");
    }
}

#[test]
fn the_manual_page_has_every_command_and_its_options() {
    let page = printed(&["man"]);

    for heading in [
        ".TH ampgate 1",
        ".SH NAME",
        ".SH SYNOPSIS",
        ".SH DESCRIPTION",
        ".SH OPTIONS",
        ".SH \"AMPGATE SERVE\"",
        ".SH \"AMPGATE CHECK\"",
        ".SH \"AMPGATE DEMO\"",
        ".SH \"AMPGATE DOCTOR\"",
        ".SH \"AMPGATE LOGIN\"",
        ".SH \"AMPGATE LOGOUT\"",
        ".SH \"AMPGATE ACCOUNTS\"",
        ".SH VERSION",
    ] {
        assert!(page.lines().any(|line| line.starts_with(heading)), "{heading}:\n{page}");
    }
    assert!(page.contains(r"\fB\-\-client\-key\fR"), "{page}");
    assert!(!page.contains("PROBE"), "hidden commands stay hidden");
    assert_eq!(
        page.matches(r"\fB\-p\fR, \fB\-\-port\fR").count(),
        1,
        "options of all commands stand once"
    );
}

#[test]
fn the_schema_is_printed_as_it_is_committed() {
    let committed = std::fs::read_to_string("config/ampgate.schema.json").unwrap();

    assert_eq!(printed(&["schema"]), committed);
}
