//! `ampgate doctor`: what does not work between the coding agents of this machine and the upstreams,
//! and what to do about it.
//!
//! Whoever knows something says so as a [`finding`]; what is known is judged by pure functions, and
//! asking is kept apart from judging. Nothing is changed, nothing is asked that costs money, and no
//! finding holds a key.

mod aim;
mod answer;
mod clients;
mod clock;
mod configuration;
mod finding;
mod gateway;
mod machine;
mod print;
mod upstreams;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures::future::join_all;

use self::aim::{Gateway, Place, judge_key};
use self::clients::Agent;
use self::configuration::AmpKey;
use self::finding::{Chapter, Finding, Level, Report};
use self::gateway::Life;
use self::machine::Seen;
use super::{Failure, say};
use crate::actors::clock::{Clock, WallClock};
use crate::actors::state::SharedState;
use crate::actors::tokens::{TokenPolicy, Tokens};
use crate::actors::upstream::{
    ConnectionLimits, Timeouts, TrustError, Upstream, UpstreamActor, UpstreamPolicy, UpstreamTls,
};
use crate::app::amp_api_key;
use crate::config::{ConfigError, Loaded, Settings, Sources, load};
use crate::metrics::Metrics;
use crate::types::ApiKey;

/// Where a gateway listens that nobody has configured.
const USUAL_ADDRESS: &str = "http://127.0.0.1:8317";

/// As the configuration's defaults, where there is none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest silence within an answer to one of our short questions.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The agent to look at; without it the gateway and every agent that is found
    #[arg(value_name = "AGENT")]
    agent: Option<Agent>,
    /// Where clients reach the gateway, if not at `host` and `port` of the configuration
    #[arg(long, value_name = "URL")]
    gateway: Option<String>,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(sources: &Sources, args: &DoctorArgs) -> Result<(), Failure> {
    let given = args.gateway.as_deref().map(|address| Gateway::parse(address, true)).transpose();
    let given = given.map_err(|why| format!("--gateway {why}"))?;
    let report = actix_rt::System::new().block_on(Box::pin(examine(sources, args.agent, given)));
    if args.json {
        let report = serde_json::to_string_pretty(&report);
        say(&report.map_err(|error| format!("cannot write the findings: {error}"))?);
    } else {
        say(&print::human(&report, wants_colour(sources)));
    }
    let sum = print::sum(&report);
    if report.problems > 0 {
        return Err(sum);
    }
    if !args.json {
        say(&sum);
    }
    Ok(())
}

/// Only for eyes, and not where they asked for none (<https://no-color.org>).
fn wants_colour(sources: &Sources) -> bool {
    let is_unwanted = sources.environment.get("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !is_unwanted
}

async fn examine(sources: &Sources, agent: Option<Agent>, given: Option<Gateway>) -> Report {
    let outcome = load(sources);
    let settings = outcome.as_ref().ok().map(|loaded| &loaded.settings);
    let amp = settings.and_then(|settings| settings.amp.as_ref());
    let amp_key = amp.map(|amp| configuration::find_amp_key(amp, amp_api_key(sources)));
    let (key, found) = amp_key.unzip();
    let mut chapters = vec![chapter_of_configuration(&outcome, found.as_ref(), sources, agent)];
    let policy = match policy(settings) {
        Ok(policy) => Arc::new(policy),
        Err(error) => {
            let advice = "name a PEM file with the certificates of your authorities";
            let finding = Finding::problem(error.to_string(), advice);
            chapters.push(Chapter::new("Certificates", vec![finding]));
            return Report::of(chapters);
        }
    };
    let upstream = Upstream::start(UpstreamActor::new(policy.clone()));
    if let (Some(settings), None) = (settings, agent) {
        let key: Option<ApiKey> = key.flatten();
        let tokens = tokens(settings, &policy);
        let asked = upstreams::ask(settings, key.as_ref(), &policy, &upstream, &tokens).await;
        // A refresh token that is spent has to be written down before this process ends.
        tokens.settled().await;
        chapters.extend(asked.chapters);
        chapters.push(Chapter::new("Clock", vec![clock::judge(&asked.skews)]));
    }
    let gateway = given.map_or_else(|| gateway_of(settings), Ok);
    match gateway {
        Ok(gateway) => {
            let (chapter, life) = chapter_of_gateway(&gateway, settings, agent, &upstream).await;
            chapters.push(chapter);
            let look = Look { gateway: &gateway, life, settings, upstream: &upstream };
            chapters.extend(look.at_agents(sources, agent).await);
        }
        Err(why) => {
            let finding = Finding::problem(format!("`host` {why}"), "write a name or an address");
            chapters.push(Chapter::new("Gateway", vec![finding]));
        }
    }
    chapters.retain(|chapter| !chapter.findings.is_empty());
    Report::of(chapters)
}

/// The accounts' tokens, refreshed if need be, as the gateway would: under the locks of their files, so
/// that a gateway that runs loses none.
fn tokens(settings: &Settings, policy: &Arc<UpstreamPolicy>) -> Tokens {
    let metrics = Metrics::default();
    let state = SharedState::start(None, metrics.clone(), Clock::system());
    let (upstream, clock) = (policy.clone(), WallClock::system());
    let sources = settings.credentials.iter().filter_map(|one| one.auth.token_source().cloned());
    Tokens::start(sources, TokenPolicy { upstream, clock, state, metrics })
}

fn gateway_of(settings: Option<&Settings>) -> Result<Gateway, String> {
    settings.map_or_else(|| Gateway::parse(USUAL_ADDRESS, false), Gateway::of_settings)
}

/// How the gateway would reach its upstreams.
fn policy(settings: Option<&Settings>) -> Result<UpstreamPolicy, TrustError> {
    let extra = settings.and_then(|settings| settings.tls.upstream_ca.as_deref());
    let connect = settings.map_or(CONNECT_TIMEOUT, |settings| settings.timeouts.connect);
    Ok(UpstreamPolicy {
        tls: UpstreamTls::load(extra)?,
        timeouts: Timeouts { connect, idle: IDLE_TIMEOUT },
        limits: ConnectionLimits::new(0),
    })
}

/// Where one agent is asked about, the configuration counts as far as it does not load.
fn chapter_of_configuration(
    outcome: &Result<Loaded, ConfigError>,
    amp_key: Option<&AmpKey>,
    sources: &Sources,
    agent: Option<Agent>,
) -> Chapter {
    let findings = match outcome {
        Err(error) => configuration::of_broken(error),
        Ok(_) if agent.is_some() => Vec::new(),
        Ok(loaded) => {
            let settings = &loaded.settings;
            let mut findings = configuration::of_loaded(loaded);
            findings.extend(configuration::of_variables(sources));
            findings.push(configuration::of_client_keys(settings));
            match (&settings.amp, amp_key) {
                (Some(amp), Some(found)) => findings.push(configuration::of_amp_key(amp, found)),
                _ => findings.push(Finding::note("no Amp server is configured")),
            }
            findings.extend(configuration::of_credentials(&settings.credentials));
            findings.extend(configuration::of_exposed_files(loaded));
            findings
        }
    };
    Chapter::new("Configuration", findings)
}

async fn chapter_of_gateway(
    gateway: &Gateway,
    settings: Option<&Settings>,
    agent: Option<Agent>,
    upstream: &Upstream,
) -> (Chapter, Life) {
    let (finding, life) = gateway::look(gateway, upstream).await;
    let mut findings = vec![finding];
    let is_wanted = agent.is_none() && !gateway.is_given && life == Life::Runs;
    if let Some(settings) = settings.filter(|_| is_wanted) {
        findings.extend(gateway::look_at_admin(&settings.admin, upstream).await);
    }
    (Chapter::new("Gateway", findings), life)
}

/// What is needed to look at an agent.
struct Look<'a> {
    gateway: &'a Gateway,
    life: Life,
    settings: Option<&'a Settings>,
    upstream: &'a Upstream,
}

impl Look<'_> {
    /// The agent that is asked about, else every one of which there is a trace.
    async fn at_agents(&self, sources: &Sources, asked: Option<Agent>) -> Vec<Chapter> {
        let agents = asked.map_or_else(|| Agent::ALL.to_vec(), |agent| vec![agent]);
        // On threads of their own: each runs a program and waits for it.
        let looks = agents.into_iter().map(|agent| {
            let variables = sources.environment.clone();
            let seen = move || (agent, Seen::of(agent.places(), &variables));
            actix_rt::task::spawn_blocking(seen)
        });
        let mut chapters = Vec::new();
        for (agent, seen) in join_all(looks).await.into_iter().filter_map(Result::ok) {
            if asked.is_some() || seen.is_anything(agent.places()) {
                let findings = self.at_agent(agent, &seen, asked.is_some()).await;
                chapters.push(Chapter::new(agent.title(), findings));
            }
        }
        chapters
    }

    async fn at_agent(&self, agent: Agent, seen: &Seen, is_asked: bool) -> Vec<Finding> {
        let examined = agent.examine(seen, self.gateway);
        let mut findings = examined.findings;
        if examined.aims.is_empty() {
            let what = "nothing points it at a gateway: it goes to its maker's own server";
            // Who asks about it wants it pointed here; else it may be meant so.
            findings.push(if is_asked {
                Finding::problem(what, examined.pointed_by)
            } else {
                Finding::note(what).with_advice(examined.pointed_by)
            });
        }
        let places: Vec<Place> = examined.aims.iter().map(|aim| aim.judge(self.gateway)).collect();
        let is_any_here = places.iter().any(|place| matches!(place, Place::Here(_)));
        for (aim, place) in examined.aims.iter().zip(places) {
            match place {
                Place::Here(finding) => {
                    findings.push(finding);
                    let key = match &aim.key {
                        Some((key, setting)) => Some((setting.as_str(), self.try_key(key).await)),
                        None => None,
                    };
                    findings.push(judge_key(key, &examined.key_belongs_in));
                }
                // An agent with several addresses may use the others for something else.
                Place::Astray(finding) if is_any_here && finding.level == Level::Warning => {
                    findings.push(Finding { level: Level::Note, advice: None, ..finding });
                }
                Place::Astray(finding) => findings.push(finding),
            }
        }
        findings.extend(examined.at_last);
        // Several models with one address have one key.
        let mut told = Vec::new();
        findings.retain(|finding| {
            let is_new = !told.contains(finding);
            told.push(finding.clone());
            is_new
        });
        findings
    }

    async fn try_key(&self, key: &ApiKey) -> aim::KeyAnswer {
        gateway::try_key(key, self.gateway, self.life, self.settings, self.upstream).await
    }
}
