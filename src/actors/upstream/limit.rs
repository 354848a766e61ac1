//! How many requests an upstream may have in flight at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::types::Origin;

/// Counts requests in flight for each origin, over all workers.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// 0: no limit.
    limit: usize,
    in_flight: Arc<Mutex<HashMap<Origin, Arc<AtomicUsize>>>>,
}

impl ConnectionLimits {
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, in_flight: Arc::default() }
    }

    /// 0: none.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The counter of one origin. A worker asks once for each upstream, not for each request.
    #[must_use]
    pub fn for_origin(&self, origin: &Origin) -> ConnectionLimit {
        if self.limit == 0 {
            return ConnectionLimit { limit: 0, in_flight: Arc::default() };
        }
        let mut origins = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        let in_flight = origins.entry(origin.clone()).or_default().clone();
        ConnectionLimit { limit: self.limit, in_flight }
    }
}

/// The limit of one origin.
#[derive(Clone, Debug)]
pub struct ConnectionLimit {
    limit: usize,
    in_flight: Arc<AtomicUsize>,
}

impl ConnectionLimit {
    /// A place for one request until the permit is dropped; `None` when all are taken.
    #[must_use]
    pub fn acquire(&self) -> Option<Permit> {
        if self.limit == 0 {
            return Some(Permit(None));
        }
        let room = |taken| (taken < self.limit).then_some(taken + 1);
        self.in_flight.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).ok()?;
        Some(Permit(Some(self.in_flight.clone())))
    }
}

/// One request's place at its upstream, given back on drop.
#[derive(Debug)]
pub struct Permit(Option<Arc<AtomicUsize>>);

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(in_flight) = &self.0 {
            in_flight.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_permit_is_dropped() {
        let (origin, _) = Origin::split("http://h:1").unwrap();
        let (other, _) = Origin::split("http://h:2").unwrap();
        let limits = ConnectionLimits::new(2);
        let (here, on_another_worker) = (limits.for_origin(&origin), limits.for_origin(&origin));

        let first = here.acquire().unwrap();
        let _second = on_another_worker.acquire().unwrap();

        assert!(here.acquire().is_none(), "the limit holds over all workers");
        assert!(limits.for_origin(&other).acquire().is_some(), "each origin has its own");
        drop(first);
        assert!(on_another_worker.acquire().is_some());
    }

    #[test]
    fn zero_means_no_limit() {
        let (origin, _) = Origin::split("http://h:1").unwrap();
        let limit = ConnectionLimits::new(0).for_origin(&origin);

        let permits: Vec<_> = (0..10_000).map_while(|_| limit.acquire()).collect();

        assert_eq!(permits.len(), 10_000);
    }
}
