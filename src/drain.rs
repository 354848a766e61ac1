//! The end of the process, as everything that runs in it sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Whether we are draining, and when draining is over. Cloned to every worker.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    draining: Arc<AtomicBool>,
    over: CancellationToken,
}

impl Drain {
    /// From now on new requests are refused; what runs may finish.
    pub fn begin(&self) {
        self.draining.store(true, Ordering::Release);
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

    /// Ends when time is up.
    pub fn over(&self) -> WaitForCancellationFutureOwned {
        self.over.clone().cancelled_owned()
    }
}
