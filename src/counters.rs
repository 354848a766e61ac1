//! What is counted over all requests.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub struct Counters {
    fallbacks_after_failure: AtomicU64,
}

impl Counters {
    /// Counts a call that Amp answers, and is paid for, because our own providers failed; returns how
    /// many there are now.
    pub fn note_fallback_after_failure(&self) -> u64 {
        self.fallbacks_after_failure.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many calls Amp answered because our own providers had failed.
    #[must_use]
    pub fn fallbacks_after_failure(&self) -> u64 {
        self.fallbacks_after_failure.load(Ordering::Relaxed)
    }
}
