//! What a request is served with: the shared state of the house, and this worker's connections.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::router::ProviderRouter;
use super::secrets::Secrets;
use super::upstream::Upstream;
use crate::config::Settings;
use crate::counters::Counters;
use crate::drain::Drain;
use crate::types::Keyring;

/// What all workers share, as one state of the configuration. A reload puts another in its place.
#[derive(Clone, Debug)]
pub struct House {
    pub settings: Arc<Settings>,
    pub keyring: Arc<Keyring>,
    pub secrets: Secrets,
    pub router: ProviderRouter,
    pub drain: Drain,
    pub counters: Arc<Counters>,
}

/// What a handler needs of the house. A request keeps the one it began with, to its last byte.
#[derive(Clone, Debug)]
pub struct Handles {
    pub settings: Arc<Settings>,
    pub keyring: Arc<Keyring>,
    pub secrets: Secrets,
    pub router: ProviderRouter,
    pub upstream: Upstream,
    pub drain: Drain,
    pub counters: Arc<Counters>,
}

impl Handles {
    fn new(house: &House, upstream: Upstream) -> Self {
        let House { settings, keyring, secrets, router, drain, counters } = house.clone();
        Self { settings, keyring, secrets, router, upstream, drain, counters }
    }
}

/// One worker thread. Never leaves it, since [`Upstream`] does not.
pub struct Worker {
    house: Arc<ArcSwap<House>>,
    upstream: Upstream,
    /// Made anew only when the house has changed, so that a request costs one count of its own
    /// thread, and none that threads share.
    current: RefCell<(Arc<House>, Rc<Handles>)>,
}

impl Worker {
    #[must_use]
    pub fn new(house: Arc<ArcSwap<House>>, upstream: Upstream) -> Self {
        let present = house.load_full();
        let handles = Rc::new(Handles::new(&present, upstream.clone()));
        Self { house, upstream, current: RefCell::new((present, handles)) }
    }

    /// The handles for a request that begins now.
    #[must_use]
    pub fn handles(&self) -> Rc<Handles> {
        let present = self.house.load();
        let mut current = self.current.borrow_mut();
        if !Arc::ptr_eq(&present, &current.0) {
            let handles = Rc::new(Handles::new(&present, self.upstream.clone()));
            *current = (Arc::clone(&present), handles);
        }
        current.1.clone()
    }
}
