//! A value that stays on its worker thread, although actix asks messages to be `Send`.

use send_wrapper::SendWrapper;

/// Carries a `!Send` value between a handler and the actor on the *same* worker thread.
///
/// `Addr::send` demands `Send` messages and replies even when both ends live on one thread, and a
/// connection or a client's payload is not `Send`. Taking the value out on another thread panics:
/// a per-worker address must never leave its worker.
#[derive(Debug)]
pub struct Local<T>(SendWrapper<T>);

impl<T> Local<T> {
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(SendWrapper::new(value))
    }

    #[must_use]
    pub fn take(self) -> T {
        self.0.take()
    }
}
