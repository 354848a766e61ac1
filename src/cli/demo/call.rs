//! The model call that the demo makes itself, to show the route it takes.

use std::net::SocketAddr;

use futures::StreamExt as _;

use super::MODEL;
use crate::cli::{complain, say};

/// Makes one streaming call through the gateway and prints what a client sees of it.
pub(super) async fn show(address: SocketAddr, key: String) {
    if let Err(why) = call(address, &key).await {
        complain(&format!("the demo's own call failed: {why}"));
    }
}

async fn call(address: SocketAddr, key: &str) -> Result<(), String> {
    let question = serde_json::json!({
        "model": MODEL,
        "max_tokens": 64,
        "stream": true,
        "messages": [{ "role": "user", "content": "say hi" }],
    });
    say("The demo makes that first call itself; the answer streams in:\n");
    let client = awc::Client::builder().disable_timeout().finish();
    let mut response = client
        .post(format!("http://{address}/v1/messages"))
        .insert_header(("x-api-key", key))
        .insert_header(("anthropic-version", "2023-06-01"))
        .insert_header(("content-type", "application/json"))
        .send_body(question.to_string())
        .await
        .map_err(|error| error.to_string())?;
    say(&format!("    HTTP {}", response.status()));
    for (name, value) in response.headers() {
        if name.as_str().starts_with("x-ampgate-") {
            say(&format!("    {name}: {}", value.to_str().unwrap_or("?")));
        }
    }
    let mut events = String::new();
    while let Some(piece) = response.next().await {
        let piece = piece.map_err(|error| error.to_string())?;
        events.push_str(&String::from_utf8_lossy(&piece));
        while let Some((line, rest)) = events.split_once('\n') {
            if !line.is_empty() {
                say(&format!("    {line}"));
            }
            events = rest.to_owned();
        }
    }
    say(
        "\nIt was answered by the team's own provider (`x-ampgate-route: local`), so Amp was not paid.",
    );
    Ok(())
}
