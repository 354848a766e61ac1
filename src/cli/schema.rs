//! `ampgate schema`: what may be written in a configuration, for editors.

use super::{Failure, say};
use crate::config::json_schema;

pub(super) fn run() -> Result<(), Failure> {
    let schema = serde_json::to_string_pretty(&json_schema());
    say(&schema.map_err(|error| format!("cannot write the schema: {error}"))?);
    Ok(())
}
