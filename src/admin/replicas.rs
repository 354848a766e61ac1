//! The replicas that share state with this one, as the status page shows them.

use super::status::{Instance, Open, Tokens, Totals};
use crate::actors::state::{Replica, SharedState};

/// Every replica, this one among them; empty without shared state.
#[must_use]
pub fn instances(state: &SharedState) -> Vec<Instance> {
    state.replicas().iter().map(instance).collect()
}

fn instance(replica: &Replica) -> Instance {
    let tally = &replica.tally;
    Instance {
        name: replica.name.clone(),
        is_this_one: replica.is_this_one,
        seen_seconds_ago: replica.seen_ago.as_secs(),
        open: Open { streams: tally.open_streams, tunnels: tally.open_tunnels },
        totals: Totals {
            requests: tally.requests,
            failed: tally.failed,
            amp_fallbacks: tally.amp_fallbacks,
            tokens: Tokens {
                input: tally.input,
                cached_input: tally.cached_input,
                cache_write: tally.cache_write,
                output: tally.output,
                reasoning: tally.reasoning,
            },
            // Who has no prices counts no cost.
            cost_usd: (tally.cost_usd > 0.0).then_some(tally.cost_usd),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::Tally;

    #[test]
    fn a_replica_is_shown_as_it_told() {
        let tally = Tally { requests: 3, output: 9, open_streams: 2, ..Tally::default() };
        let seen_ago = Duration::from_millis(2900);
        let replica = Replica { name: "left".to_owned(), is_this_one: false, seen_ago, tally };

        let shown = instance(&replica);

        assert_eq!((shown.name.as_str(), shown.seen_seconds_ago), ("left", 2));
        assert_eq!((shown.open.streams, shown.totals.requests), (2, 3));
        assert_eq!((shown.totals.tokens.output, shown.totals.cost_usd), (9, None));
    }
}
