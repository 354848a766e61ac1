//! ampgate: one gateway for Amp and every coding agent a team runs.
//!
//! The modules are floors: imports go down only, never sideways. `ARCHITECTURE.md` tells the life of
//! a request through them.

pub mod config;
pub mod types;
