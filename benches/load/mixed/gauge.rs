//! How many of something there are now.

use std::cell::Cell;
use std::rc::Rc;

/// Clones count together.
#[derive(Clone, Default)]
pub struct Gauge(Rc<Cell<u32>>);

impl Gauge {
    pub fn get(&self) -> u32 {
        self.0.get()
    }

    /// Counts one for as long as the result lives.
    pub fn hold(&self) -> Held {
        self.0.set(self.0.get() + 1);
        Held(self.0.clone())
    }
}

pub struct Held(Rc<Cell<u32>>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
