//! ampgate: one gateway for Amp and every coding agent a team runs.
//!
//! The modules are floors: imports go down only, never sideways. `ARCHITECTURE.md` tells the life of
//! a request through them.

pub mod actors;
pub mod adapt;
pub mod admin;
pub mod app;
pub mod body;
pub mod cli;
pub mod config;
pub mod demo;
pub mod dialect;
pub mod door;
pub mod drain;
pub mod error;
pub mod exchange;
pub mod guard;
pub mod headers;
pub mod limits;
pub mod metrics;
pub mod oauth;
pub mod routes;
pub mod telemetry;
pub mod translate;
pub mod tunnel;
pub mod types;
