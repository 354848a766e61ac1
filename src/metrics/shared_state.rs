//! What is counted of the state that replicas share.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::families::register;

pub(super) struct SharedStateFamilies {
    /// Has no value until it is set once: who shares nothing is not told that it is down.
    pub up: IntGaugeVec,
    pub errors: IntCounterVec,
}

impl SharedStateFamilies {
    pub fn registered_in(registry: &Registry) -> Self {
        Self {
            up: register(
                registry,
                IntGaugeVec::new(
                    Opts::new(
                        "ampgate_state_up",
                        "Whether this replica shares its state with others now.",
                    ),
                    &[],
                ),
            ),
            errors: register(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "ampgate_state_errors_total",
                        "What this replica could not do at the server of the shared state.",
                    ),
                    &["operation"],
                ),
            ),
        }
    }
}
