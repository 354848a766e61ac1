//! What a request is served with: the shared state of the house, and this worker's connections.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::watch;

use super::limits::Limits;
use super::router::ProviderRouter;
use super::secrets::Secrets;
use super::state::SharedState;
use super::tokens::Tokens;
use super::upstream::{Upstream, UpstreamActor, UpstreamPolicy};
use crate::config::Settings;
use crate::drain::Drain;
use crate::metrics::Metrics;
use crate::types::Keyring;

/// What all workers share, as one state of the configuration. A reload puts another in its place.
#[derive(Clone, Debug)]
pub struct House {
    pub settings: Arc<Settings>,
    pub keyring: Arc<Keyring>,
    pub secrets: Secrets,
    pub router: ProviderRouter,
    pub limits: Limits,
    pub upstream: Arc<UpstreamPolicy>,
    /// Where tokens that expire come from.
    pub tokens: Tokens,
    pub drain: Drain,
    pub metrics: Metrics,
    /// What other replicas know.
    pub state: SharedState,
}

/// What a handler needs of the house. A request keeps the one it began with, to its last byte.
#[derive(Clone, Debug)]
pub struct Handles {
    pub settings: Arc<Settings>,
    pub keyring: Arc<Keyring>,
    pub secrets: Secrets,
    pub router: ProviderRouter,
    pub limits: Limits,
    pub upstream: Upstream,
    pub tokens: Tokens,
    pub drain: Drain,
    pub metrics: Metrics,
    pub state: SharedState,
}

impl Handles {
    /// With connections of their own: those of before close with the last request that uses them.
    fn new(house: &House) -> Self {
        let House {
            settings,
            keyring,
            secrets,
            router,
            limits,
            upstream,
            tokens,
            drain,
            metrics,
            state,
        } = house.clone();
        let upstream = Upstream::start(UpstreamActor::new(upstream));
        Self { settings, keyring, secrets, router, limits, upstream, tokens, drain, metrics, state }
    }
}

/// One worker thread. Never leaves it, since [`Upstream`] does not.
pub struct Worker {
    current: RefCell<Current>,
}

/// Made anew only when the house has changed, so that a request costs one count of its own thread,
/// and none that threads share.
struct Current {
    houses: watch::Receiver<Arc<House>>,
    handles: Rc<Handles>,
}

impl Worker {
    #[must_use]
    pub fn new(mut houses: watch::Receiver<Arc<House>>) -> Self {
        let handles = Rc::new(Handles::new(&houses.borrow_and_update()));
        Self { current: RefCell::new(Current { houses, handles }) }
    }

    /// The handles for a request that begins now.
    #[must_use]
    pub fn handles(&self) -> Rc<Handles> {
        let current = &mut *self.current.borrow_mut();
        // An error says that the gateway is going: what was there last is good enough.
        if current.houses.has_changed().unwrap_or(false) {
            current.handles = Rc::new(Handles::new(&current.houses.borrow_and_update()));
        }
        current.handles.clone()
    }

    /// Ends when a reload has made `is_so` true. For what was opened before, and which nobody looks into.
    pub fn until(
        &self,
        is_so: impl Fn(&House) -> bool + 'static,
    ) -> impl Future<Output = ()> + 'static {
        let mut houses = self.current.borrow().houses.clone();
        async move {
            while !is_so(&houses.borrow_and_update()) {
                if houses.changed().await.is_err() {
                    // The gateway is going, and no reload comes any more.
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Moves into each new house as it opens. A worker that nobody sends a request to would keep the
    /// old one, with its keys and with connections to upstreams that are gone from the configuration.
    pub async fn follow_reloads(self: Rc<Self>) {
        let mut houses = self.current.borrow().houses.clone();
        while houses.changed().await.is_ok() {
            let _ = self.handles();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::clock::{Clock, WallClock};
    use crate::actors::router::{Fallbacks, RouterSettings, Rules};
    use crate::actors::secrets::KeySources;
    use crate::actors::upstream::{ConnectionLimits, Timeouts, UpstreamTls};
    use crate::config::{Sources, load_text};

    /// Counts its own copies: everything that holds the house's clock holds one.
    fn house(alive: &Arc<()>) -> Arc<House> {
        let settings = load_text("", &Sources::default()).unwrap().settings;
        let rules = Rules {
            fallback: Fallbacks::Impossible,
            mappings: Vec::new(),
            force_mappings: false,
            force_prefix: false,
        };
        let router = RouterSettings {
            credentials: Vec::new(),
            rules,
            routing: settings.routing.clone(),
            disable_cooling: false,
        };
        let alive = alive.clone();
        let clock = Clock::telling(move || {
            let _ = &alive;
            std::time::Instant::now()
        });
        Arc::new(House {
            settings: Arc::new(settings),
            keyring: Arc::new(Keyring::new(Vec::new())),
            secrets: Secrets::start(KeySources::default(), clock),
            router: ProviderRouter::start(router, Clock::system()),
            limits: Limits::new(&[], WallClock::system(), Metrics::default()),
            upstream: policy(),
            tokens: Tokens::default(),
            drain: Drain::default(),
            metrics: Metrics::default(),
            state: SharedState::start(None, Metrics::default(), Clock::system()),
        })
    }

    fn policy() -> Arc<UpstreamPolicy> {
        let long = std::time::Duration::from_secs(60);
        Arc::new(UpstreamPolicy {
            tls: UpstreamTls::load(None).unwrap(),
            timeouts: Timeouts { connect: long, idle: long },
            limits: ConnectionLimits::new(0),
        })
    }

    #[actix_web::test]
    async fn a_request_after_a_reload_finds_the_new_house_at_once() {
        let alive = Arc::new(());
        let (open, houses) = watch::channel(house(&alive));
        let worker = Worker::new(houses);
        let before = worker.handles();
        assert!(Rc::ptr_eq(&before, &worker.handles()), "nothing is made anew for each request");

        open.send_replace(house(&alive));

        let after = worker.handles();
        assert!(Arc::ptr_eq(&after.settings, &open.borrow().settings));
        assert!(!Arc::ptr_eq(&before.settings, &after.settings), "an old request keeps its own");
    }

    /// The secrets actor of a house has a copy of its clock: when all copies are gone, it has stopped.
    #[actix_web::test]
    async fn nothing_is_left_of_a_house_in_which_nobody_is_any_more() {
        let (old, new) = (Arc::new(()), Arc::new(()));
        let (open, houses) = watch::channel(house(&old));
        let workers = [(), ()].map(|()| Rc::new(Worker::new(houses.clone())));
        for worker in &workers {
            actix_rt::spawn(worker.clone().follow_reloads());
        }
        let running = workers[0].handles();

        open.send_replace(house(&new));
        // No worker is asked for anything; they have to move by themselves.
        let until_held_by = async |count: usize| {
            let fewer = async {
                while Arc::strong_count(&old) > count {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(std::time::Duration::from_secs(20), fewer).await.expect("a leak");
        };
        drop(running);
        until_held_by(1).await;

        assert!(Arc::strong_count(&new) > 1, "the new house is lived in");
    }
}
