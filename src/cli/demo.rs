//! `ampgate demo`: the gateway in front of an embedded upstream. No account, no network.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;

use super::serve::{start_logging, stop_signals, workers};
use super::{Failure, say};
use crate::app::{Gateway, Launch};
use crate::config::{Overrides, Sources, load_text};
use crate::demo::{DemoOptions, DemoUpstream};

mod call;

/// The keys that the embedded upstream asks for: a client never shows them, so an answer proves that
/// the gateway put them in.
const PROVIDER_KEY: &str = "demo-provider-key";
const AMP_KEY: &str = "demo-team-key-for-amp";

/// The model that curl lines ask for.
const MODEL: &str = "claude-demo";

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// The key that clients show; without it one is made up
    #[arg(long, value_name = "KEY")]
    client_key: Option<String>,
    /// Do not make a model call after start-up
    #[arg(long)]
    no_call: bool,
    /// Leave Claude models to the embedded Amp server, to see a fallback
    #[arg(long)]
    no_claude: bool,
}

#[derive(Debug, Args)]
pub(super) struct DemoUpstreamArgs {
    /// The key that model calls must show
    #[arg(long, value_name = "KEY")]
    provider_key: Option<String>,
    /// The key that calls for Amp must show
    #[arg(long, value_name = "KEY")]
    amp_key: Option<String>,
}

pub(super) fn run(sources: &Sources, args: &DemoArgs) -> Result<(), Failure> {
    actix_rt::System::new().block_on(async {
        let stops = stop_signals()?;
        let options = DemoOptions {
            provider_key: Some(PROVIDER_KEY.to_owned()),
            amp_key: Some(AMP_KEY.to_owned()),
            ..DemoOptions::default()
        };
        let upstream = DemoUpstream::start(options)
            .await
            .map_err(|error| format!("cannot start the embedded upstream: {error}"))?;
        let loaded = load_text(&settings(upstream.origin(), args), &own_sources(sources))
            .map_err(|error| error.to_string())?;
        start_logging(&loaded.settings.log)?;
        let launch = Launch {
            settings: loaded.settings,
            amp_api_key: None,
            workers: workers(),
            reload: None,
        };
        let gateway = Gateway::start(launch).await.map_err(|error| error.to_string())?;
        let address = gateway.addresses().first().copied();
        let address = reachable(address.ok_or("the gateway listens nowhere")?);
        let key = args.client_key.as_deref().or(gateway.generated_key()).unwrap_or_default();
        say(&welcome(address, key, gateway.admin_address()));
        let shown = (!args.no_call).then(|| actix_rt::spawn(call::show(address, key.to_owned())));
        let served = gateway.run(stops).await;
        if let Some(shown) = shown {
            shown.abort();
        }
        upstream.stop().await;
        served.map_err(|error| format!("server failed: {error}"))
    })
}

/// The embedded upstream alone, on the port that `--port` says.
pub(super) fn run_upstream(sources: &Sources, args: &DemoUpstreamArgs) -> Result<(), Failure> {
    actix_rt::System::new().block_on(async {
        let mut stops = stop_signals()?;
        let options = DemoOptions {
            port: sources.overrides.port.unwrap_or(0),
            provider_key: args.provider_key.clone(),
            amp_key: args.amp_key.clone(),
            ..DemoOptions::default()
        };
        let upstream = DemoUpstream::start(options)
            .await
            .map_err(|error| format!("cannot start the embedded upstream: {error}"))?;
        say(upstream.origin());
        stops.recv().await;
        upstream.stop().await;
        Ok(())
    })
}

/// The demo's configuration is its own: a file or variables of the user's would point elsewhere.
fn own_sources(sources: &Sources) -> Sources {
    let kept = [
        "HOME",
        "AMPGATE__HOST",
        "AMPGATE__PORT",
        "AMPGATE__ADMIN__ENABLE",
        "AMPGATE__ADMIN__HOST",
        "AMPGATE__ADMIN__PORT",
        "AMPGATE__ADMIN__KEY",
        "AMPGATE__LOG__FORMAT",
        "AMPGATE__LOG__LEVEL",
    ];
    let environment: BTreeMap<String, String> = sources
        .environment
        .iter()
        .filter(|(name, _)| kept.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let overrides =
        Overrides { host: sources.overrides.host.clone(), port: sources.overrides.port };
    Sources { file: None, environment, overrides }
}

fn settings(origin: &str, args: &DemoArgs) -> String {
    let mut yaml = String::from("log: { level: info }\nadmin: { port: 0 }\n");
    // Writing to a string cannot fail.
    if let Some(key) = &args.client_key {
        let _ = writeln!(yaml, "api-keys: [ {{ name: demo, key: {} }} ]", json_string(key));
    }
    let _ = writeln!(yaml, "ampcode: {{ upstream-url: '{origin}', upstream-api-key: {AMP_KEY} }}");
    let families = [
        ("claude-api-key", "", !args.no_claude),
        ("openai-api-key", "/v1", true),
        ("gemini-api-key", "", true),
    ];
    for (family, path, served) in families {
        if served {
            let _ = writeln!(
                yaml,
                "{family}: [ {{ api-key: {PROVIDER_KEY}, base-url: '{origin}{path}' }} ]"
            );
        }
    }
    yaml
}

/// A JSON string is a YAML string, whatever the text holds.
fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Where a client on this machine finds a gateway that may listen on every address.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port())
    } else {
        address
    }
}

fn welcome(address: SocketAddr, key: &str, admin: Option<SocketAddr>) -> String {
    let admin = admin.map_or_else(String::new, |admin| {
        let admin = reachable(admin);
        format!("What is going on:  http://{admin}/\n         ")
    });
    format!(
        "ampgate demo: a gateway on http://{address}, with an embedded upstream behind it.\n\
         The client key of this run is\n\n    {key}\n\n\
         Lines that work:\n\n    \
         curl -N http://{address}/v1/messages -H 'x-api-key: {key}' \\\n        \
         -d '{{\"model\":\"{MODEL}\",\"max_tokens\":64,\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"say hi\"}}]}}'\n\n    \
         curl http://{address}/v1/chat/completions -H 'authorization: Bearer {key}' \\\n        \
         -d '{{\"model\":\"gpt-demo\",\"messages\":[{{\"role\":\"user\",\"content\":\"say hi\"}}]}}'\n\n    \
         curl -X POST 'http://{address}/api/internal?getUserInfo' -H 'authorization: Bearer {key}' \\\n        \
         -H 'content-type: application/json' -d '{{\"method\":\"getUserInfo\",\"params\":{{}}}}'\n\n\
         An old Amp client:  AMP_URL=http://{address} AMP_API_KEY={key} amp -x 'say hi'\n\
         {admin}Ctrl-C stops it.\n"
    )
}
