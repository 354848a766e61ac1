//! What the configuration decides, built from it: at the start, and again for each reload.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::StartError;
use super::certificate::{ClientCertificate, certified_key};
use crate::actors::House;
use crate::actors::clock::{Clock, WallClock};
use crate::actors::limits::Limits;
use crate::actors::router::{CredentialHealth, Fallbacks, ProviderRouter, RouterSettings, Rules};
use crate::actors::secrets::{KeySources, Secrets};
use crate::actors::state::{SharedState, StatePlan};
use crate::actors::tokens::{TokenPolicy, Tokens};
use crate::actors::upstream::{ConnectionLimits, Timeouts, UpstreamPolicy, UpstreamTls};
use crate::config::{
    Amp, Client, ClientLimits, ClientRules, Fallback, Listen, Settings, TokenSource,
};
use crate::drain::Drain;
use crate::metrics::{CredentialRest, Metrics};
use crate::types::{ApiKey, ClientId, ClientKey, Keyring};

/// What a reload replaces as a whole.
pub(super) struct Plans {
    pub settings: Arc<Settings>,
    pub keyring: Arc<Keyring>,
    pub router: RouterSettings,
    pub secrets: KeySources,
    pub upstream: Arc<UpstreamPolicy>,
    pub state: Option<StatePlan>,
    pub certificate: Option<ClientCertificate>,
}

impl Plans {
    /// Checks what only a start can check: the files with certificates. Nothing has changed when
    /// this fails.
    pub fn new(
        settings: Settings,
        amp_api_key: Option<ApiKey>,
        limits: Option<&ConnectionLimits>,
    ) -> Result<Self, StartError> {
        let tls = UpstreamTls::load(settings.tls.upstream_ca.as_deref())?;
        let certificate = settings.tls.certificate.as_ref().map(certified_key).transpose()?;
        let clients = settings.clients.iter();
        let keyring =
            Keyring::new(clients.map(|client| (client.id.clone(), client.key.clone())).collect());
        let timeouts =
            Timeouts { connect: settings.timeouts.connect, idle: settings.timeouts.idle };
        let limit = settings.limits.connections_per_upstream;
        // Counts of what is in flight go on under the same limit.
        let limits = match limits {
            Some(limits) if limits.limit() == limit => limits.clone(),
            _ => ConnectionLimits::new(limit),
        };
        let state = settings.state.clone();
        let state = state.map(|settings| StatePlan { settings, tls: tls.clone() });
        Ok(Self {
            state,
            keyring: Arc::new(keyring),
            router: router_settings(&settings),
            secrets: key_sources(settings.amp.as_ref(), amp_api_key),
            upstream: Arc::new(UpstreamPolicy { tls, timeouts, limits }),
            certificate,
            settings: Arc::new(settings),
        })
    }

    /// The house for these plans, its actors started on the current arbiter.
    pub fn open(&self, drain: Drain, wall_clock: WallClock) -> House {
        let metrics = Metrics::default();
        let state = SharedState::start(self.state.clone(), metrics.clone(), Clock::system());
        let limits = Limits::new(&self.settings.clients, wall_clock.clone(), metrics.clone());
        let count = metrics.cooldown_count();
        let router = ProviderRouter::start_counted(self.router.clone(), Clock::system(), count);
        let router = router.sharing_through(state.clone());
        self.tell(&metrics, &router);
        House {
            settings: self.settings.clone(),
            keyring: self.keyring.clone(),
            secrets: Secrets::start(self.secrets.clone(), Clock::system()),
            router,
            limits: limits.sharing_through(state.clone()),
            upstream: self.upstream.clone(),
            tokens: Tokens::start(
                self.token_sources(),
                self.token_policy(&wall_clock, &state, &metrics),
            ),
            wall_clock,
            drain,
            metrics,
            state,
        }
    }

    /// The house that follows `before`. What is known of credentials goes on in the same actor, and what
    /// clients have used still counts.
    pub async fn rebuild(&self, before: &House) -> House {
        before.state.reconfigure(self.state.clone());
        let router = before.router.reconfigured(self.router.clone()).await;
        let token_policy = self.token_policy(&before.wall_clock, &before.state, &before.metrics);
        self.tell(&before.metrics, &router);
        House {
            settings: self.settings.clone(),
            keyring: self.keyring.clone(),
            secrets: Secrets::start(self.secrets.clone(), Clock::system()),
            router,
            limits: before.limits.reconfigured(&self.settings.clients),
            upstream: self.upstream.clone(),
            tokens: before.tokens.reconfigured(self.token_sources(), token_policy),
            ..before.clone()
        }
    }

    fn token_sources(&self) -> Vec<TokenSource> {
        let credentials = self.settings.credentials.iter();
        credentials.filter_map(|one| one.auth.token_source().cloned()).collect()
    }

    fn token_policy(
        &self,
        clock: &WallClock,
        state: &SharedState,
        metrics: &Metrics,
    ) -> TokenPolicy {
        let (upstream, clock, state) = (self.upstream.clone(), clock.clone(), state.clone());
        TokenPolicy { upstream, clock, state, metrics: metrics.clone() }
    }

    /// Tells the metrics which names are the configuration's, and who knows its credentials.
    fn tell(&self, metrics: &Metrics, router: &ProviderRouter) {
        let models = self.settings.models_by_name();
        metrics.knows_models(models.iter().map(String::as_str));
        metrics.knows_credentials(router.health().into_iter().map(|health| health.id));
        let router = router.clone();
        metrics.looks_up_rests_by(move || {
            let now = router.now();
            router.health().iter().map(|health| rest_of(health, now)).collect()
        });
    }
}

fn rest_of(health: &CredentialHealth, now: Instant) -> CredentialRest {
    let lasting = || health.rests.iter().filter(|rest| now < rest.until);
    CredentialRest {
        provider: health.provider.to_string(),
        credential: health.id.to_string(),
        rests: lasting().any(|rest| rest.model.is_none()),
        models: lasting().filter(|rest| rest.model.is_some()).count(),
    }
}

/// The client key made up for a run without any: without one the gateway would serve everybody who
/// reaches it. On this machine alone that is a mistake we can mend; on a network it is not.
pub(super) fn key_for_nobody(listen: &Listen) -> Result<String, StartError> {
    /// As many bits as the hash that keys are compared by.
    const KEY_BYTES: usize = 32;
    if !listen.is_loopback() {
        return Err(StartError::OpenWithoutKeys { host: listen.host.clone() });
    }
    let mut random = [0; KEY_BYTES];
    getrandom::fill(&mut random).map_err(StartError::Random)?;
    Ok(random.iter().fold("ampgate-".to_owned(), |key, byte| key + &format!("{byte:02x}")))
}

/// The client who shows the key that was made up.
pub(super) fn generated_client(key: &str, limits: ClientLimits) -> Client {
    let key = ClientKey::parse(key).expect("the key just made is not empty");
    let rules = ClientRules { limits, ..ClientRules::default() };
    Client { id: ClientId::new("generated"), key, rules }
}

fn key_sources(amp: Option<&Amp>, environment: Option<ApiKey>) -> KeySources {
    let Some(amp) = amp else { return KeySources::default() };
    KeySources {
        per_client: amp.per_client.clone(),
        configured: amp.upstream_key.clone(),
        environment,
        file: PathBuf::clone(&amp.secrets_file),
        url: amp.url.clone(),
        ttl: amp.secret_ttl,
    }
}

fn router_settings(settings: &Settings) -> RouterSettings {
    let fallback = match settings.amp.as_ref().map(|amp| amp.fallback) {
        None => Fallbacks::Impossible,
        Some(Fallback::Never) => Fallbacks::Forbidden,
        Some(Fallback::Unconfigured) => Fallbacks::ToAmp,
        Some(Fallback::OnFailure) => Fallbacks::ToAmpOnFailure,
    };
    RouterSettings {
        credentials: settings.credentials.clone(),
        rules: Rules {
            fallback,
            mappings: settings.model_mappings.clone(),
            force_mappings: settings.force_model_mappings,
            force_prefix: settings.force_model_prefix,
        },
        routing: settings.routing.clone(),
        disable_cooling: settings.disable_cooling,
    }
}
