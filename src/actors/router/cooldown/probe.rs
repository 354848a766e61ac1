//! The one request that finds out whether a rest is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const FREE: u64 = 0;

/// How long a probe keeps the others waiting. A model may think for many minutes before its first
/// byte; one more request a minute is no crowd, and a credential that works is not kept idle.
const PATIENCE: Duration = Duration::from_secs(60);

/// Shared by all snapshots that hold the same rest, so that one request in the process claims it.
#[derive(Debug)]
pub struct Probe {
    made_at: Instant,
    /// When it was claimed, in milliseconds since it was made, plus one; or [`FREE`].
    claimed: AtomicU64,
}

impl Probe {
    pub(super) fn new(now: Instant) -> Self {
        Self { made_at: now, claimed: AtomicU64::new(FREE) }
    }

    /// `None` while another request probes.
    #[must_use]
    pub fn claim(self: &Arc<Self>, now: Instant) -> Option<ProbeLease> {
        let now = millis(now.saturating_duration_since(self.made_at)).saturating_add(1);
        let seen = self.claimed.load(Ordering::Relaxed);
        if seen != FREE && now.saturating_sub(seen) < millis(PATIENCE) {
            return None;
        }
        // Relaxed: the claim guards no memory, it only has one winner.
        let won = self.claimed.compare_exchange(seen, now, Ordering::Relaxed, Ordering::Relaxed);
        won.ok().map(|_| ProbeLease { probe: self.clone(), claimed: now })
    }
}

/// The right to probe. Dropping it gives the right back: a client that leaves before its answer
/// must not block the credential for ever.
#[derive(Debug)]
#[must_use = "dropping a lease gives the probe back"]
pub struct ProbeLease {
    probe: Arc<Probe>,
    claimed: u64,
}

impl Drop for ProbeLease {
    fn drop(&mut self) {
        // Whoever lost patience has put its own claim in place of ours, and keeps it.
        let claimed = &self.probe.claimed;
        let _ = claimed.compare_exchange(self.claimed, FREE, Ordering::Relaxed, Ordering::Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
