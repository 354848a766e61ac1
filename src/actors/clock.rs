//! The time, as actors ask for it, so that a test can move it.

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Tells the time, in one way of counting it.
pub struct ClockOf<T>(Arc<dyn Fn() -> T + Send + Sync>);

/// Tells how much time has passed: what counts by durations asks for it.
pub type Clock = ClockOf<Instant>;

/// Tells the date: what counts by the calendar asks for it.
pub type WallClock = ClockOf<SystemTime>;

impl Clock {
    #[must_use]
    pub fn system() -> Self {
        Self::telling(Instant::now)
    }
}

impl WallClock {
    #[must_use]
    pub fn system() -> Self {
        Self::telling(SystemTime::now)
    }
}

impl<T> ClockOf<T> {
    /// A clock that a test moves.
    #[must_use]
    pub fn telling(now: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    #[must_use]
    pub fn now(&self) -> T {
        (self.0)()
    }
}

impl<T> Clone for ClockOf<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for ClockOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
