//! What a client key is kept to: how much, which models, which routes.

mod budgets;
mod rates;
mod rules;
mod sockets;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use ampgate::actors::clock::WallClock;

use crate::support::{Response, TestGateway, expect};

/// A date that stands still until the test moves it.
#[derive(Clone)]
struct Date(Arc<Mutex<SystemTime>>);

impl Date {
    /// Two hours before the end of a day, at the beginning of a minute.
    fn evening() -> Self {
        Self(Arc::new(Mutex::new(humantime::parse_rfc3339("2026-11-29T22:00:00Z").unwrap())))
    }

    fn clock(&self) -> WallClock {
        let date = self.0.clone();
        WallClock::telling(move || *date.lock().unwrap())
    }

    fn advance(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }
}

/// Alice, who is kept to `rules`, and Bob, who is kept to nothing; no Amp server.
fn clients(rules: &str) -> String {
    format!(
        "api-keys: [{{ name: alice, key: client-key-1, {rules} }}, {{ name: bob, key: client-key-2 }}]\n\
         ampcode: {{ upstream-url: '' }}\nrequest-retry: 0\ndisable-cooling: true\n"
    )
}

/// Providers of the model `m` in every dialect, all at one origin.
fn providers(origin: &str) -> String {
    format!(
        "claude-api-key: [{{ api-key: p, base-url: '{origin}', models: [{{ name: m }}] }}]\n\
         openai-api-key: [{{ api-key: p, base-url: '{origin}/v1', models: [{{ name: m }}] }}]\n\
         gemini-api-key: [{{ api-key: p, base-url: '{origin}', models: [{{ name: m }}] }}]\n"
    )
}

/// The four dialects' calls: the path, and the member of the body that bounds the answer.
const CALLS: [(&str, &str); 4] = [
    ("/v1/messages", "max_tokens"),
    ("/v1/chat/completions", "max_tokens"),
    ("/v1/responses", "max_output_tokens"),
    ("/v1beta/models/m:generateContent", "maxOutputTokens"),
];

fn call(bound: &str, tokens: u64) -> String {
    format!(r#"{{"model":"m","{bound}":{tokens},"messages":[],"input":"","contents":[]}}"#)
}

/// The code, type or status by which clients of a dialect know an error.
fn kind_of(response: &Response) -> String {
    let error = &response.json()["error"];
    let word =
        [&error["code"], &error["status"], &error["type"]].into_iter().find(|w| w.is_string());
    word.and_then(|word| word.as_str()).unwrap_or_default().to_owned()
}

fn message_of(response: &Response) -> String {
    response.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
}

/// Asks until the answer is as wanted: the end of a request is known to its client a moment before it
/// is to the limits.
async fn until(
    gateway: &TestGateway,
    (target, body): (&str, &str),
    is_wanted: impl Fn(&Response) -> bool,
) -> Response {
    let asking = async {
        loop {
            let response = gateway.post_json(target, body).await;
            if is_wanted(&response) {
                return response;
            }
        }
    };
    expect(asking, "the end of an earlier request").await
}

fn with_key(key: &str) -> [(&str, &str); 2] {
    [("x-api-key", key), ("content-type", "application/json")]
}
