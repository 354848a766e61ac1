//! `ampgate check`: what the gateway would run with.

use super::{Failure, complain, say};
use crate::config::{Sources, load};

pub(super) fn run(sources: &Sources) -> Result<(), Failure> {
    let loaded = load(sources).map_err(|error| error.to_string())?;
    for warning in &loaded.warnings {
        complain(&format!("warning: {warning}"));
    }
    say(loaded.settings.to_yaml().trim_end());
    Ok(())
}
