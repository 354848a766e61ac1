//! An authorization server that rotates refresh tokens, and ends a login whose used one comes again.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use tokio::sync::Notify;

use crate::support::{Conversation, StubUpstream};

/// What comes in the place of tokens.
#[derive(Clone, Copy)]
pub enum Reply {
    /// Tokens, but not before the test says so.
    WhenTold,
    /// This, and nothing is rotated.
    Says(u16, &'static str),
    /// The same, but not before the test says so.
    SaysWhenTold(u16, &'static str),
    /// 503, with so many seconds in `Retry-After`.
    Away(u64),
    /// The token is rotated, and the connection ends without a word of it.
    Lost,
}

#[derive(Default)]
struct State {
    /// How often each login's token was rotated. Tokens are called after it.
    rotated: RefCell<HashMap<String, u64>>,
    /// Logins that are over, since a used token came again.
    burnt: RefCell<Vec<String>>,
    replies: RefCell<VecDeque<Reply>>,
    is_lenient: Cell<bool>,
    told: Notify,
}

/// The server, on a port of its own.
pub struct RotatingServer {
    stub: StubUpstream,
    state: Rc<State>,
}

impl RotatingServer {
    pub async fn start() -> Self {
        let state = Rc::new(State::default());
        let shared = state.clone();
        let stub = StubUpstream::answering(move |conversation| {
            let state = shared.clone();
            async move { state.answer(conversation).await }
        })
        .await;
        Self { stub, state }
    }

    pub fn origin(&self) -> &str {
        &self.stub.origin
    }

    /// What the next questions come to, one after the other; then tokens.
    pub fn will<const N: usize>(&self, replies: [Reply; N]) {
        self.state.replies.borrow_mut().extend(replies);
    }

    pub fn tell(&self) {
        self.state.told.notify_one();
    }

    /// From now on the token before the last is taken as if it were the last.
    pub fn lets_the_last_one_pass(&self) {
        self.state.is_lenient.set(true);
    }

    pub fn questions(&self) -> usize {
        self.stub.requests().len()
    }

    pub fn question(&self, number: usize) -> String {
        String::from_utf8(self.stub.requests()[number].body.clone()).unwrap()
    }

    /// Waits until so many questions have come.
    pub async fn asked(&self, count: usize) {
        self.stub.request(count - 1).await;
    }

    /// The logins that are over because a used token came again.
    pub fn burnt(&self) -> Vec<String> {
        self.state.burnt.borrow().clone()
    }
}

impl State {
    async fn answer(&self, mut conversation: Conversation) -> Option<Conversation> {
        let form = url::form_urlencoded::parse(&conversation.request.body);
        let token = form.into_owned().find(|(name, _)| name == "refresh_token")?.1;
        let reply = self.replies.borrow_mut().pop_front();
        let json = ("content-type", "application/json");
        match reply {
            Some(Reply::Says(status, body)) => {
                conversation.reply(status, &[json], body).await;
                return Some(conversation);
            }
            Some(Reply::SaysWhenTold(status, body)) => {
                self.told.notified().await;
                conversation.reply(status, &[json], body).await;
                return Some(conversation);
            }
            Some(Reply::Away(seconds)) => {
                let seconds = seconds.to_string();
                conversation.reply(503, &[("retry-after", &seconds)], "").await;
                return Some(conversation);
            }
            Some(Reply::WhenTold) => self.told.notified().await,
            Some(Reply::Lost) | None => {}
        }
        let (status, body) = self.rotate(&token);
        if matches!(reply, Some(Reply::Lost)) {
            return None;
        }
        conversation.reply(status, &[json], body).await;
        Some(conversation)
    }

    fn rotate(&self, token: &str) -> (u16, String) {
        let parts = token.strip_prefix("hush-refresh-").and_then(|it| it.rsplit_once('-'));
        let Some((login, number)) = parts else { return refusal(token) };
        let mut rotated = self.rotated.borrow_mut();
        let count = rotated.entry(login.to_owned()).or_default();
        let shown: u64 = number.parse().unwrap();
        let passes = shown == *count || (self.is_lenient.get() && shown + 1 == *count);
        if self.burnt.borrow().iter().any(|burnt| burnt == login) {
            return refusal(token);
        }
        if !passes {
            self.burnt.borrow_mut().push(login.to_owned());
            return refusal(token);
        }
        *count += 1;
        let answer = serde_json::json!({
            "access_token": format!("hush-access-{login}-{count}"),
            "refresh_token": format!("hush-refresh-{login}-{count}"),
            "token_type": "Bearer",
            "expires_in": 3600,
        });
        (200, answer.to_string())
    }
}

/// Some servers repeat what they were asked with.
fn refusal(token: &str) -> (u16, String) {
    let description = format!("{token} was used before");
    let answer = serde_json::json!({
        "error": "invalid_grant", "error_description": description,
    });
    (400, answer.to_string())
}
