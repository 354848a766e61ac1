//! End to end: the real gateway on a real socket, between raw clients and stub upstreams.
//!
//! How to write a test here: start a [`support::StubUpstream`] that says what an upstream might say,
//! put a [`support::TestGateway`] in front of it, speak to the gateway with a [`support::Client`], and
//! assert on what either side has seen. Every listener takes any free port; nothing waits for time to
//! pass, but for events.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
#![expect(clippy::format_push_string, reason = "heads are built to be read, not to be fast")]
#![expect(clippy::wrong_self_convention, reason = "`to_end` reads to the end")]

mod admin;
mod affinity;
mod amp_history;
mod amp_needs;
mod client_faults;
mod codex_backend;
mod dialects;
mod drain;
mod egress;
mod fallback;
mod fallback_on_failure;
mod fault_matrix;
mod faults;
mod guards;
mod limits;
mod login;
mod logs;
mod mappings;
mod model_lists;
mod model_routes;
mod models;
mod own_login;
mod pool;
mod relay;
mod reload;
mod served_websocket;
mod smuggling;
mod support;
mod thinking;
mod tls;
mod traces;
mod translation;
mod translation_memory;
mod upstream_errors;
mod usage;
mod websocket;
