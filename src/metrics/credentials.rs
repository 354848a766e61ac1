//! Which credentials rest. A rest ends by itself, so it is looked up when somebody asks.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use prometheus::{IntGaugeVec, Opts, Registry};

use super::families::register;

/// A configured credential, and whether it rests now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRest {
    pub provider: String,
    pub credential: String,
    /// As a whole, for whatever it is asked.
    pub rests: bool,
    /// How many of its models rest by themselves.
    pub models: usize,
}

/// Whoever knows.
type LookUp = dyn Fn() -> Vec<CredentialRest> + Send + Sync;

pub(super) struct CredentialRests {
    look_up: RwLock<Option<Arc<LookUp>>>,
    resting: IntGaugeVec,
    models: IntGaugeVec,
    /// Two who ask at once would take the values from under each other.
    refresh: Mutex<()>,
}

impl CredentialRests {
    pub fn registered_in(registry: &Registry) -> Self {
        let gauges = |name, help| {
            let made = IntGaugeVec::new(Opts::new(name, help), &["provider", "credential"]);
            register(registry, made)
        };
        Self {
            look_up: RwLock::default(),
            resting: gauges(
                "ampgate_credential_resting",
                "1 while the credential as a whole rests after failures, else 0.",
            ),
            models: gauges(
                "ampgate_credential_resting_models",
                "Models for which the credential rests after failures.",
            ),
            refresh: Mutex::default(),
        }
    }

    pub fn look_up_by(&self, look_up: Arc<LookUp>) {
        *self.look_up.write().unwrap_or_else(PoisonError::into_inner) = Some(look_up);
    }

    /// Runs `read` while the gauges say how it is now. Credentials that are configured no more are
    /// gone from them.
    pub fn refreshed<T>(&self, read: impl FnOnce() -> T) -> T {
        let look_up = self.look_up.read().unwrap_or_else(PoisonError::into_inner).clone();
        let _alone = self.refresh.lock().unwrap_or_else(PoisonError::into_inner);
        self.resting.reset();
        self.models.reset();
        for rest in look_up.map(|look_up| look_up()).unwrap_or_default() {
            let of = [rest.provider.as_str(), rest.credential.as_str()];
            self.resting.with_label_values(&of).set(rest.rests.into());
            let models = i64::try_from(rest.models).unwrap_or(i64::MAX);
            self.models.with_label_values(&of).set(models);
        }
        read()
    }
}
