//! The families about the gateway's own work: what failed, what was tried again, what is open.

use prometheus::{
    IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, process_collector,
};

use super::families::register;

/// How reading the configuration again can end.
const RELOAD_OUTCOMES: [&str; 2] = ["success", "failure"];

pub(super) struct Operations {
    pub upstream_errors: IntCounterVec,
    pub retries: IntCounterVec,
    pub cooldowns: IntCounterVec,
    pub fallbacks: IntCounter,
    pub refusals: IntCounterVec,
    pub limited: IntCounterVec,
    pub open_streams: IntGauge,
    pub open_tunnels: IntGauge,
    pub relayed_up: IntCounter,
    pub relayed_down: IntCounter,
    pub reloads: IntCounterVec,
    pub configured_at: IntGauge,
    pub last_reload_is_good: IntGauge,
    pub token_refreshes: IntCounterVec,
}

impl Operations {
    pub fn registered_in(registry: &Registry) -> Self {
        let counters = |name, help, labels| {
            register(registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let gauge = |name, help| register(registry, IntGauge::new(name, help));
        let relayed = counters(
            "ampgate_relay_bytes_total",
            "Bytes of bodies relayed to and from the Amp server, and through tunnels.",
            &["direction"],
        );
        let info = register(
            registry,
            IntGaugeVec::new(
                Opts::new("ampgate_build_info", "Always 1; the label says what runs."),
                &["version"],
            ),
        );
        info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        register_process(registry);
        let reloads = counters(
            "ampgate_config_reloads_total",
            "Times that the configuration was read again.",
            &["outcome"],
        );
        // Born with the first reload, a series would begin at 1, and no rate would see that one.
        for outcome in RELOAD_OUTCOMES {
            reloads.with_label_values(&[outcome]);
        }
        Self {
            upstream_errors: counters(
                "ampgate_upstream_errors_total",
                "Attempts and answers that failed by their provider's fault.",
                &["provider", "class"],
            ),
            retries: counters(
                "ampgate_retries_total",
                "Attempts made because the one before had failed, by who failed and how.",
                &["provider", "class"],
            ),
            cooldowns: counters(
                "ampgate_cooldowns_total",
                "Rests of credentials, begun or made longer.",
                &["credential", "class"],
            ),
            fallbacks: register(
                registry,
                IntCounter::new(
                    "ampgate_amp_fallbacks_total",
                    "Calls that Amp answered, and was paid for, because our own providers failed.",
                ),
            ),
            refusals: counters(
                "ampgate_refusals_total",
                "Requests that the gateway refused, could not answer or had to break off.",
                &["code"],
            ),
            limited: counters(
                "ampgate_limited_total",
                "Requests refused because a limit of their client key was reached.",
                &["client", "limit"],
            ),
            open_streams: gauge("ampgate_open_streams", "Answers that are under way."),
            open_tunnels: gauge("ampgate_open_tunnels", "WebSockets that are open."),
            relayed_up: relayed.with_label_values(&["to_upstream"]),
            relayed_down: relayed.with_label_values(&["to_client"]),
            reloads,
            token_refreshes: counters(
                "ampgate_token_refreshes_total",
                "Tokens of accounts that were to be refreshed, by what came of it.",
                &["provider", "outcome"],
            ),
            configured_at: gauge(
                "ampgate_config_last_success_timestamp_seconds",
                "When the configuration in effect was read, in seconds since 1970.",
            ),
            last_reload_is_good: gauge(
                "ampgate_config_last_reload_successful",
                "1 when the configuration that was read last is in effect, else 0.",
            ),
        }
    }
}

/// CPU, memory, file descriptors, threads and the start time, as the system has them.
#[cfg(target_os = "linux")]
fn register_process(registry: &Registry) {
    let process = process_collector::ProcessCollector::for_self();
    registry.register(Box::new(process)).expect("each name is registered once");
}

#[cfg(not(target_os = "linux"))]
fn register_process(_: &Registry) {}
