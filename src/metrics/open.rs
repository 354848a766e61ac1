//! What is open now.

use prometheus::IntGauge;

/// One open thing, counted for as long as this lives: it cannot be forgotten.
#[derive(Debug)]
pub struct OpenGuard(IntGauge);

impl OpenGuard {
    pub(super) fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
