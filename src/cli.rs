//! The program's commands.

mod account_list;
mod accounts;
mod authorization_server;
mod check;
mod demo;
mod doctor;
mod login;
mod logout;
mod probe;
mod schema;
mod serve;
mod shell;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::{Overrides, Sources};

/// One gateway for Amp and every coding agent your team runs.
///
/// Clients hold one key each; your provider keys stay here. Model calls go to the providers you
/// choose, everything else on to Amp untouched.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Where settings come from.
#[derive(Clone, Debug, Default, Args)]
struct SettingsArgs {
    /// Configuration file (YAML) [default: `$AMPGATE_CONFIG`, else ./ampgate.yaml if it exists]
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on; overrides the file and the environment
    #[arg(long, global = true, value_name = "ADDRESS")]
    host: Option<String>,
    /// Port to listen on; 0 takes any free one
    #[arg(long, short, global = true, value_name = "PORT")]
    port: Option<u16>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway (also without any command)
    Serve,
    /// Print the effective configuration, secrets as stars; fail if something in it is wrong
    Check,
    /// Run the gateway against an embedded upstream: no account, no network
    Demo(demo::DemoArgs),
    /// Find out what does not work between the coding agents here and the upstreams, and what to do
    Doctor(doctor::DoctorArgs),
    /// Log in to a provider of `oauth`, so that the gateway can use the account
    Login(login::LoginArgs),
    /// Forget an account, and take its tokens back where the provider can do that
    Logout(logout::LogoutArgs),
    /// List the accounts that open a provider in the place of a key, and how long each lasts
    Accounts(accounts::AccountsArgs),
    /// Print a JSON schema of the configuration, for editors
    Schema,
    /// Print a completion script for a shell
    Completions {
        /// The shell that is to read it
        shell: Shell,
    },
    /// Print the manual page
    Man,
    /// Exit with 0 when the gateway configured here is alive, for health checks of images
    #[command(hide = true)]
    Probe,
    /// Run the embedded upstream alone, for acceptance tests
    #[command(hide = true)]
    DemoUpstream(demo::DemoUpstreamArgs),
}

/// Runs the command that the program was called with.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let sources = sources(&cli.settings);
    let outcome = match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(&sources),
        Command::Check => check::run(&sources),
        Command::Doctor(args) => doctor::run(&sources, &args),
        Command::Login(args) => login::run(&sources, &args),
        Command::Logout(args) => logout::run(&sources, &args),
        Command::Accounts(args) => accounts::run(&sources, &args),
        Command::Schema => schema::run(),
        Command::Completions { shell } => {
            shell::completions(shell);
            Ok(())
        }
        Command::Man => shell::man(),
        Command::Probe => probe::run(&sources),
        Command::Demo(args) => demo::run(&sources, &args),
        Command::DemoUpstream(args) => demo::run_upstream(&sources, &args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::FAILURE
        }
    }
}

/// Why a command failed: sentences for the person at the terminal.
type Failure = String;

fn sources(args: &SettingsArgs) -> Sources {
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Sources {
        file: args.config.clone(),
        environment,
        overrides: Overrides { host: args.host.clone(), port: args.port },
    }
}

/// Text of somebody else's, as a terminal can be shown it.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Writes to standard output. A reader who has left (`ampgate check | head`) is no failure.
fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
