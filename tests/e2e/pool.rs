//! Several credentials serve one model: which of them is asked, which is left alone, and what the
//! client sees of it.
//!
//! Most calls here have no words in them, so that no conversation stays with a credential; how one
//! does is shown in `affinity`.

mod choice;
mod cooldown;
mod long_context;
mod retries;
mod streams;

use crate::support::{Client, Response, TestGateway};

/// A door, and the list whose credentials answer behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Door {
    list: &'static str,
    target: &'static str,
}

const MESSAGES: Door = Door { list: "claude-api-key", target: "/v1/messages" };
const CHAT: Door = Door { list: "openai-compatibility", target: "/v1/chat/completions" };
const RESPONSES: Door = Door { list: "openai-api-key", target: "/v1/responses" };
const GEMINI: Door = Door { list: "gemini-api-key", target: "/v1beta/models/m:generateContent" };
const DOORS: [Door; 4] = [MESSAGES, CHAT, RESPONSES, GEMINI];

const CALL: &str = "{ \"n\":1.0,\"model\": \"m\" }";

/// The first credential is asked as long as it can answer, so that a test can tell whether it rests.
const FILL_FIRST: &str = "routing: { strategy: fill-first }\n";

/// Nothing is waited for: what one round does is what most of these tests are about.
const ONE_ROUND: &str = "request-retry: 0\n";

const CLIENTS: &str = "api-keys: [{ name: alice, key: client-key-1 }]\n";

/// A gateway without an Amp server.
async fn gateway(yaml: &[&str]) -> TestGateway {
    let no_amp = "ampcode: { upstream-url: '' }\n";
    TestGateway::start(&[CLIENTS, no_amp, &yaml.concat()].concat()).await
}

async fn ask(gateway: &TestGateway, door: Door) -> Response {
    gateway.post_json(door.target, CALL).await
}

const CLIENT_FIELDS: [(&str, &str); 2] =
    [("x-api-key", "client-key-1"), ("content-type", "application/json")];

/// Sends a call and does not wait for its answer.
async fn send(gateway: &TestGateway, door: Door) -> Client {
    let mut client = gateway.connect().await;
    client.send("POST", door.target, &CLIENT_FIELDS, CALL.as_bytes()).await;
    client
}

/// Whose answers the client gets to so many calls.
async fn who_answers(gateway: &TestGateway, door: Door, calls: usize) -> Vec<String> {
    let mut names = Vec::new();
    for _ in 0..calls {
        let response = ask(gateway, door).await;
        assert_eq!(response.status, 200, "{}", response.text());
        names.push(response.json()["by"].as_str().unwrap().to_owned());
    }
    names
}
