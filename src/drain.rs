//! The end of the process, as everything that runs in it sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Whether we are draining, since when, and when draining is over. Cloned to every worker.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    /// Asked by every request, so it takes no lock.
    draining: Arc<AtomicBool>,
    begun: CancellationToken,
    over: CancellationToken,
}

impl Drain {
    /// From now on new requests are refused; what runs may finish.
    pub fn begin(&self) {
        self.draining.store(true, Ordering::Release);
        self.begun.cancel();
    }

    /// Time is up: what still runs ends now.
    pub fn finish(&self) {
        self.begin();
        self.over.cancel();
    }

    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Ends when draining begins.
    pub fn begun(&self) -> WaitForCancellationFutureOwned {
        self.begun.clone().cancelled_owned()
    }

    /// Ends when time is up.
    pub fn over(&self) -> WaitForCancellationFutureOwned {
        self.over.clone().cancelled_owned()
    }
}
