//! A login in a browser: authorization code with PKCE, from its address to the code that comes back.

use tokio::sync::mpsc;
use url::Url;

use super::super::{Failure, complain};
use super::loopback::{Loopback, Visit};
use crate::config::OAuthEntry;
use crate::oauth::{
    AnswerError, Grant, State, Verifier, authorization_address, read_callback, read_pasted,
    redirect_uri,
};
use crate::types::ApiKey;

/// A login that was begun. Forgotten when it is dropped: nothing of it is on the disk.
pub(super) struct BrowserLogin {
    /// Where the browser has to go.
    pub address: Url,
    loopback: Loopback,
    state: State,
    verifier: Verifier,
    redirect_uri: String,
}

/// What came back.
pub(super) struct Answer {
    pub code: ApiKey,
    /// The browser that brought it, and has no page yet; `None` where it was pasted.
    pub visit: Option<Visit>,
}

impl BrowserLogin {
    pub fn begin(entry: &OAuthEntry, authorize_url: &str) -> Result<Self, Failure> {
        let loopback = Loopback::open(&entry.redirect).map_err(|error| match entry.redirect.port {
            0 => format!("cannot listen on 127.0.0.1: {error}"),
            port => format!(
                "cannot listen on 127.0.0.1:{port}, which `redirect-port` says: {error}; end what \
                 listens there, or use --device where the server has that"
            ),
        })?;
        let (state, verifier) = (State::of(random()?), Verifier::of(random()?));
        let redirect_uri = redirect_uri(&entry.redirect, loopback.port);
        let address =
            authorization_address(authorize_url, &entry.client, &redirect_uri, &state, &verifier);
        let address = address.map_err(|error| format!("`authorize-url` is no address: {error}"))?;
        Ok(Self { address, loopback, state, verifier, redirect_uri })
    }

    /// Waits for the browser, or for what somebody pastes. An answer that is not this login's is
    /// refused, and waiting goes on: any page that is open in the browser could send one.
    pub async fn answer(&mut self, pasted: &mut mpsc::Receiver<String>) -> Result<Answer, Failure> {
        let mut is_input_open = true;
        loop {
            tokio::select! {
                visit = self.loopback.visit() => {
                    let visit = visit.ok_or("the server for the browser has stopped")?;
                    match read_callback(&visit.query, &self.state) {
                        Ok(code) => return Ok(Answer { code, visit: Some(visit) }),
                        Err(error) => {
                            let said = error.to_string();
                            visit.show_failure(&format!("This answer was not taken: {said}."));
                            go_on(&error, &said)?;
                        }
                    }
                }
                line = pasted.recv(), if is_input_open => match line {
                    None => is_input_open = false,
                    Some(line) if line.trim().is_empty() => {}
                    Some(line) => match read_pasted(&line, &self.state) {
                        Ok(code) => return Ok(Answer { code, visit: None }),
                        Err(error) => go_on(&error, &error.to_string())?,
                    },
                },
            }
        }
    }

    /// What the token is asked for with.
    pub fn grant<'a>(&'a self, code: &'a ApiKey) -> Grant<'a> {
        let (redirect_uri, verifier) = (self.redirect_uri.as_str(), self.verifier.secret());
        Grant::AuthorizationCode { code, redirect_uri, verifier }
    }

    /// Lets the browser have its last page.
    pub async fn close(self) {
        self.loopback.close().await;
    }
}

/// A refusal ends the login; anything else may be somebody else's, or a slip.
fn go_on(error: &AnswerError, said: &str) -> Result<(), Failure> {
    if matches!(error, AnswerError::Refused { .. }) {
        return Err(said.to_owned());
    }
    complain(&format!("an answer was not taken: {said}; still waiting"));
    Ok(())
}

fn random() -> Result<[u8; 32], Failure> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| format!("the system has no randomness: {error}"))?;
    Ok(random)
}
