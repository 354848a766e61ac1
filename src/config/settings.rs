//! The checked configuration: what the rest of the gateway sees.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::admin::Admin;
use super::amp::Amp;
use super::client_rules::ClientLimits;
use super::clients::Client;
use super::credential::{self, Credential};
use super::mapping::{MappingFrom, ModelMapping};
use super::oauth::OAuthEntry;
use super::prices::PriceTable;
use super::proxy_url::ProxyUrl;
use super::raw::RawSettings;
use super::reader::Reader;
use super::routing::Routing;
use super::server::{Cors, Limits, Listen, Log, Timeouts};
use super::state::SharedStateSettings;
use super::telemetry::Otlp;
use super::tls::Tls;

/// Everything that can be set, checked. Prints secrets as stars, in every format.
#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: Listen,
    /// May be empty: whether that is safe depends on the address, and is decided at the start.
    pub clients: Vec<Client>,
    /// Of clients without limits of their own; those in `clients` have them already.
    pub client_limits: ClientLimits,
    /// `None`: no Amp server at all.
    pub amp: Option<Amp>,
    /// In the order of the file, family by family.
    pub credentials: Vec<Credential>,
    /// Where the accounts of `oauth` are kept, in a folder for each of its entries. Default
    /// `ampgate/accounts` in `$XDG_CONFIG_HOME` or `~/.config`; `None` where neither is known.
    pub auth_dir: Option<PathBuf>,
    /// Providers that people log in to. Their accounts are among the credentials.
    pub oauth: Vec<OAuthEntry>,
    pub cors: Cors,
    pub limits: Limits,
    pub timeouts: Timeouts,
    pub tls: Tls,
    pub admin: Admin,
    /// `None`: this replica goes by its own view.
    pub state: Option<SharedStateSettings>,
    pub log: Log,
    /// `None`: no traces.
    pub traces: Option<Otlp>,
    pub routing: Routing,
    /// How often a call is tried again when a credential failed and nothing has gone to the client
    /// yet: each time over all credentials that may serve. Default 3, at most 100.
    pub request_retry: u32,
    /// The longest wait, inside one call, for a credential to come back from its rest; if it takes
    /// longer, the client is told at once. Default 30 s, at most 1 h.
    pub max_retry_interval: Duration,
    /// Whether failures put no credential to rest, unless it says otherwise. Default false.
    pub disable_cooling: bool,
    /// In their order: exact names count before patterns. No two have the same `from`.
    pub model_mappings: Vec<ModelMapping>,
    /// Whether mappings go before local credentials that serve the model. Default false.
    pub force_model_mappings: bool,
    /// Whether names without a prefix miss credentials that have one. Default false.
    pub force_model_prefix: bool,
    /// As written, for all upstreams without one of their own. What is in effect for an upstream,
    /// `NO_PROXY` included, stands with the upstream.
    pub proxy_url: Option<ProxyUrl>,
    /// What tokens cost, by model.
    pub prices: PriceTable,
}

impl Settings {
    /// Every name that the configuration has for a model: the providers', the clients', with and without
    /// prefixes, and both sides of mappings.
    #[must_use]
    pub fn models_by_name(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for credential in &self.credentials {
            for model in &credential.models {
                names.extend([model.name.to_string(), model.alias.to_string()]);
                let prefix = credential.prefix.iter();
                names.extend(prefix.map(|prefix| format!("{prefix}/{}", model.alias)));
            }
        }
        for mapping in &self.model_mappings {
            names.insert(mapping.to.to_string());
            if let MappingFrom::Exact(from) = &mapping.from {
                names.insert(from.to_string());
            }
        }
        names
    }
}

impl Reader<'_> {
    pub fn settings(&mut self, mut raw: RawSettings) -> Settings {
        let listen = self.listen(&raw.host, &raw.port);
        let proxy_url = self.proxy_url("proxy-url", &raw.proxy_url);
        self.egress = self.egress_rules(proxy_url.clone());
        let client_limits = self.section("client-limits", std::mem::take(&mut raw.client_limits));
        let client_limits =
            self.client_limits("client-limits", &client_limits, ClientLimits::default());
        let clients = self.clients(std::mem::take(&mut raw.api_keys), client_limits);
        let mut amp = self.section("ampcode", std::mem::take(&mut raw.ampcode));
        let model_mappings = self.mappings(std::mem::take(&mut amp.model_mappings));
        let force_model_mappings =
            self.flag("ampcode.force-model-mappings", &amp.force_model_mappings);
        let amp = self.amp(amp, &clients);
        let auth_dir = self.auth_dir(&raw.auth_dir);
        let oauth = self.oauth(std::mem::take(&mut raw.oauth), auth_dir.as_deref());
        let credentials = credential::read(self, &mut raw, &oauth);
        for file in credentials.iter().filter_map(|credential| credential.auth.token_file()) {
            self.holds_secret(file);
        }
        let routing = self.section("routing", raw.routing);
        let routing = self.routing(&routing);
        let request_retry = self.retries(&raw.request_retry);
        let max_retry_interval = self.retry_interval(&raw.max_retry_interval);
        let disable_cooling = self.flag("disable-cooling", &raw.disable_cooling);
        let force_model_prefix = self.flag("force-model-prefix", &raw.force_model_prefix);
        let prices = self.prices(raw.prices);
        if prices == PriceTable::default() {
            self.warn_of_money_without_prices(client_limits, &clients);
        }
        let cors = self.section("cors", raw.cors);
        let limits = self.section("limits", raw.limits);
        let timeouts = self.section("timeouts", raw.timeouts);
        let tls = self.section("tls", raw.tls);
        let admin = self.section("admin", raw.admin);
        let state = self.shared_state(raw.state);
        let log = self.section("log", raw.log);
        let telemetry = self.section("telemetry", raw.telemetry);
        Settings {
            listen,
            clients,
            client_limits,
            amp,
            credentials,
            auth_dir,
            oauth,
            cors: self.cors(cors),
            limits: self.limits(&limits),
            timeouts: self.timeouts(&timeouts),
            tls: self.tls(&tls),
            admin: self.admin(&admin),
            state,
            log: self.log(&log),
            traces: self.traces(telemetry),
            routing,
            request_retry,
            max_retry_interval,
            disable_cooling,
            model_mappings,
            force_model_mappings,
            force_model_prefix,
            proxy_url,
            prices,
        }
    }
}
