//! The cast: an upstream that says what it is told to, a gateway, and a client that sees every byte.

mod client;
mod coding;
mod fault_proxy;
mod gateway;
mod process;
mod provider;
mod samples;
mod script;
mod socket;
mod upstream;
mod wire;

pub use client::{Client, Response};
pub use coding::encoded;
pub use fault_proxy::{Direction, Fault, FaultProxy, Place, Planned, garbled};
pub use gateway::TestGateway;
pub use process::{ANY_PORT, GatewayProcess};
pub use provider::{Provider, Scripted, pool};
pub use samples::{
    EXCHANGES, json_fixture, renamed, request_for, script_of, stream_script, streams, target_for,
};
pub use script::{Script, assert_same, assert_unchanged, player};
pub use socket::SocketClient;
pub use upstream::{Conversation, StubUpstream};
pub use wire::{Reader, SeenRequest};

use std::time::Duration;

/// The longest any test waits for an event: generous, because it only ends tests that hang.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for an event that must come.
pub async fn expect<T>(event: impl Future<Output = T>, what: &str) -> T {
    let outcome = tokio::time::timeout(PATIENCE, event).await;
    outcome.unwrap_or_else(|_elapsed| panic!("waited in vain: {what}"))
}

/// One of the wire samples under `tests/fixtures`.
pub fn fixture(path: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
