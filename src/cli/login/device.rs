//! A login with a code that is entered on another device (RFC 8628).

use std::time::Duration;

use super::super::authorization_server::AuthorizationServer;
use super::super::{Failure, say};
use crate::oauth::{
    DeviceGrant, Grant, Granted, Pace, TokenEndpointError, device_request, read_device_answer,
};

pub(super) async fn log_in(server: &AuthorizationServer<'_>) -> Result<Granted, Failure> {
    let client = &server.entry.client;
    let Some(endpoint) = &client.device else {
        return Err(format!("`{}` has no `device-url`; log in without --device", client.name));
    };
    let answer = server.ask(endpoint, device_request(client)).await;
    let answer = answer.map_err(|error| format!("{endpoint} does not answer: {error}"))?;
    let grant = read_device_answer(answer.status, &answer.body).map_err(|e| e.to_string())?;
    say(&instructions(&grant));
    let ask = async || server.token(&Grant::DeviceCode(&grant.device_code)).await;
    let granted = poll(Pace::new(grant.interval), ask, tokio::time::sleep);
    match tokio::time::timeout(grant.expires_in, granted).await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_elapsed) => Err("the code was not entered in time; run it again".to_owned()),
    }
}

/// RFC 8628, section 3.3.1: the code is shown even where the address has it, so that both can be compared.
fn instructions(grant: &DeviceGrant) -> String {
    let DeviceGrant { verification_uri, user_code, expires_in, .. } = grant;
    let complete = grant.verification_uri_complete.as_ref();
    let complete = complete
        .map_or_else(String::new, |address| format!("\nor, with the code in it:\n\n{address}\n"));
    let expires_in = humantime::format_duration(*expires_in);
    format!(
        "On any device, open this address and enter the code {user_code}:\n\n{verification_uri}\n\
         {complete}\nThe code is good for {expires_in}."
    )
}

/// Asks until there is a token, or no hope of one.
async fn poll(
    mut pace: Pace,
    ask: impl AsyncFn() -> Result<Granted, TokenEndpointError>,
    pause: impl AsyncFn(Duration),
) -> Result<Granted, TokenEndpointError> {
    loop {
        pause(pace.wait()).await;
        match ask().await {
            Ok(granted) => return Ok(granted),
            Err(error) => pace.learn(error)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use super::*;
    use crate::types::ApiKey;

    /// What the server answers, one after the other, and how long was waited before each question.
    async fn polled(
        answers: Vec<Result<Granted, TokenEndpointError>>,
    ) -> (Result<Granted, TokenEndpointError>, Vec<u64>) {
        let (answers, waits) = (RefCell::new(VecDeque::from(answers)), RefCell::default());
        let ask = async || answers.borrow_mut().pop_front().expect("asked once too often");
        let pause =
            async |wait: Duration| RefCell::<Vec<u64>>::borrow_mut(&waits).push(wait.as_secs());
        let outcome = poll(Pace::new(Duration::from_secs(5)), ask, pause).await;
        assert!(answers.borrow().is_empty(), "the server had more to say");
        (outcome, waits.into_inner())
    }

    #[actix_web::test]
    async fn the_server_is_asked_at_its_own_pace_until_it_says_yes_or_no() {
        use TokenEndpointError::{Final, Pending, SlowDown};
        let granted = || Granted {
            access_token: ApiKey::parse("hush").unwrap(),
            refresh_token: None,
            id_token: None,
            expires_in: None,
            scope: None,
        };
        let no = |code| Final { code, meaning: "no" };
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (vec![Ok(granted())],                                               true,  vec![5],           "at once, but not before the first pause"),
            (vec![Err(Pending), Err(Pending), Ok(granted())],                   true,  vec![5, 5, 5],     "pending"),
            (vec![Err(SlowDown), Err(Pending), Err(SlowDown), Ok(granted())],   true,  vec![5, 10, 10, 15], "slow_down"),
            (vec![Err(Pending), Err(no("access_denied"))],                      false, vec![5, 5],        "denied"),
            (vec![Err(no("expired_token"))],                                    false, vec![5],           "expired"),
        ];
        for (answers, is_granted, expected, why) in cases {
            let (outcome, waits) = polled(answers).await;
            assert_eq!((outcome.is_ok(), waits), (is_granted, expected), "{why}");
        }
    }
}
