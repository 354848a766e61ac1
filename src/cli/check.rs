//! `ampgate check`: what the gateway would run with.

use super::{Failure, complain, say};
use crate::config::{Sources, WarningKind, exposed, load};

pub(super) fn run(sources: &Sources) -> Result<(), Failure> {
    let loaded = load(sources).map_err(|error| error.to_string())?;
    let mut skipped = 0;
    for warning in &loaded.warnings {
        let kind = match warning.kind {
            WarningKind::Notice => "warning",
            WarningKind::Terms => "notice",
            WarningKind::Skipped => {
                skipped += 1;
                "error"
            }
        };
        complain(&format!("{kind}: {warning}"));
    }
    for file in exposed(&loaded) {
        complain(&format!("warning: {file}"));
    }
    say(loaded.settings.to_yaml().trim_end());
    match skipped {
        0 => Ok(()),
        1 => Err("one entry cannot work; the gateway would start without it".to_owned()),
        _ => Err(format!("{skipped} entries cannot work; the gateway would start without them")),
    }
}
