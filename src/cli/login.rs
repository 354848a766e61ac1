//! `ampgate login`: a person lets the gateway use an account, in a browser or with a code on a device.

mod browser;
mod device;
mod keep;
mod loopback;

use std::io::{self, BufRead as _};
use std::time::{Duration, SystemTime};

use clap::Args;
use tokio::sync::mpsc;

use self::browser::BrowserLogin;
use self::keep::{Kept, keep};
use super::authorization_server::{AuthorizationServer, find_entry};
use super::serve::stop_signals;
use super::{Failure, complain, say};
use crate::config::{Sources, load};
use crate::oauth::Granted;

/// For a person who has to find their password. What was begun is forgotten then.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

#[derive(Debug, Args)]
pub(super) struct LoginArgs {
    /// The entry of `oauth` to log in to
    #[arg(value_name = "NAME")]
    name: String,
    /// Open no browser here: print the address only
    #[arg(long, conflicts_with = "device")]
    no_browser: bool,
    /// Show a code to enter on another device (needs `device-url`)
    #[arg(long)]
    device: bool,
    /// What `ampgate accounts` calls the account, instead of what its provider calls it
    #[arg(long, value_name = "TEXT", value_parser = label)]
    label: Option<String>,
}

/// One line that a terminal can show.
fn label(text: &str) -> Result<String, String> {
    const LONGEST: usize = 64;
    let text = text.trim();
    let fits = (1..=LONGEST).contains(&text.chars().count()) && !text.contains(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(format!("must be 1 to {LONGEST} characters")) }
}

pub(super) fn run(sources: &Sources, args: &LoginArgs) -> Result<(), Failure> {
    let settings = load(sources).map_err(|error| error.to_string())?.settings;
    let entry = find_entry(&settings, &args.name)?;
    actix_rt::System::new().block_on(async {
        let mut stops = stop_signals()?;
        let server = AuthorizationServer::new(&settings, entry)?;
        let kept = tokio::select! {
            kept = Box::pin(log_in(&server, args)) => kept?,
            _ = stops.recv() => return Err("stopped; nothing is kept of the login".to_owned()),
        };
        report(&kept, &args.name);
        Ok(())
    })
}

async fn log_in(server: &AuthorizationServer<'_>, args: &LoginArgs) -> Result<Kept, Failure> {
    let authorize_url = server.entry.client.authorize_url.as_deref();
    if let Some(authorize_url) = authorize_url.filter(|_| !args.device) {
        return by_browser(server, authorize_url, args).await;
    }
    let granted = device::log_in(server).await?;
    store(server, granted, args).await
}

async fn by_browser(
    server: &AuthorizationServer<'_>,
    authorize_url: &str,
    args: &LoginArgs,
) -> Result<Kept, Failure> {
    let mut login = BrowserLogin::begin(server.entry, authorize_url)?;
    say(&format!("To log in to {}, open this address:\n\n{}\n", args.name, login.address));
    say("If the browser is on another machine, its last page will not load: paste the address of \
         that page here, or the code that the server shows.");
    if !args.no_browser
        && let Err(error) = open::that_detached(login.address.as_str())
    {
        complain(&format!("no browser could be opened here: {error}"));
    }
    let mut lines = lines_of_input();
    let outcome = match tokio::time::timeout(PATIENCE, login.answer(&mut lines)).await {
        Err(_elapsed) => {
            let patience = humantime::format_duration(PATIENCE);
            Err(format!("nobody has logged in within {patience}; run it again"))
        }
        Ok(Err(failure)) => Err(failure),
        Ok(Ok(answer)) => {
            let kept = match server.token(&login.grant(&answer.code)).await {
                Ok(granted) => store(server, granted, args).await,
                Err(error) => Err(error.to_string()),
            };
            if let Some(visit) = answer.visit {
                match &kept {
                    Ok(kept) => visit.show_success(&format!(
                        "ampgate can use the account {} of {} now. You can close this page.",
                        kept.name, args.name
                    )),
                    Err(failure) => visit.show_failure(failure),
                }
            }
            kept
        }
    };
    login.close().await;
    outcome
}

/// What is typed or pasted, line by line. The thread that reads ends with the program: there is no way
/// to call it back from a terminal.
fn lines_of_input() -> mpsc::Receiver<String> {
    let (tell, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if tell.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

async fn store(
    server: &AuthorizationServer<'_>,
    granted: Granted,
    args: &LoginArgs,
) -> Result<Kept, Failure> {
    keep(server.entry, granted, args.label.as_deref(), SystemTime::now()).await
}

fn report(kept: &Kept, provider: &str) {
    let what = if kept.is_new { "Logged in" } else { "Logged in again" };
    say(&format!("{what} to {provider} as {} (account {}).", kept.name, kept.id));
    say("A gateway that runs with this configuration uses the account from now on.");
    if !kept.is_refreshable {
        complain(
            "warning: the server gave no refresh token, so this login ends when its token expires; \
             most servers give one for the scope `offline_access`",
        );
    }
}
