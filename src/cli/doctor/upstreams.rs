//! Every upstream: is it there, is its certificate good, does it take our key?
//!
//! Asked with the gateway's own transport, so that proxies, `NO_PROXY` and `tls.upstream-ca` count.
//! Nothing that is asked costs anything: a list of models, and of Amp who its key belongs to.

mod verdict;

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use actix_web::http::header::{self, HeaderMap};
use futures::future::join_all;

use self::verdict::Answered;
use super::answer;
use super::clock::Skew;
use super::finding::{Chapter, Finding};
use crate::actors::tokens::Tokens;
use crate::actors::upstream::{
    OutgoingRequest, Sight, Unconnected, Upstream, UpstreamFailure, UpstreamPolicy, examine,
};
use crate::config::{Amp, Auth, Credential, Proxy, Settings};
use crate::error::GatewayError;
use crate::exchange::{Proof, ask_for_models, ask_for_user};
use crate::types::{ApiKey, Origin};

/// The longest wait for an answer, unless `timeouts.first-byte` is less: nobody at a terminal waits
/// as long as a model may think.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all upstreams said.
pub struct Asked {
    pub chapters: Vec<Chapter>,
    pub skews: Vec<Skew>,
}

/// Asks all upstreams at once.
pub async fn ask(
    settings: &Settings,
    amp_key: Option<&ApiKey>,
    policy: &UpstreamPolicy,
    upstream: &Upstream,
    tokens: &Tokens,
) -> Asked {
    let mut ways: Vec<Way<'_>> = Vec::new();
    let mut seen = HashSet::new();
    let amp = settings.amp.iter().map(|amp| (&amp.origin, amp.proxy.as_ref()));
    let providers = settings.credentials.iter().map(|one| (&one.origin, one.proxy_url.as_ref()));
    for (origin, proxy) in amp.chain(providers) {
        if seen.insert((origin, proxy)) {
            ways.push(Way { origin, proxy });
        }
    }
    let questions = Asker { settings, amp_key, policy, upstream, tokens };
    let asked = join_all(ways.into_iter().map(|way| questions.ask(way))).await;
    let (chapters, skews): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
    Asked { chapters, skews: skews.into_iter().flatten().collect() }
}

/// An upstream, and the proxy before it.
#[derive(Clone, Copy)]
struct Way<'a> {
    origin: &'a Origin,
    proxy: Option<&'a Proxy>,
}

struct Asker<'a> {
    settings: &'a Settings,
    amp_key: Option<&'a ApiKey>,
    policy: &'a UpstreamPolicy,
    upstream: &'a Upstream,
    tokens: &'a Tokens,
}

impl Asker<'_> {
    async fn ask(&self, way: Way<'_>) -> (Chapter, Option<Skew>) {
        let mut findings = Vec::new();
        if let Some(proxy) = way.proxy {
            findings.push(Finding::note(format!("goes through the proxy {proxy}")));
        }
        let mut skew = None;
        match self.look(way).await {
            Err(unconnected) => {
                let connect = self.settings.timeouts.connect;
                findings.push(verdict::unconnected(&unconnected, way.origin, connect));
            }
            Ok(sight) => {
                findings.push(verdict::sight(way.origin, &sight, SystemTime::now()));
                let (answers, date) = self.ask_keys(way).await;
                findings.extend(answers);
                skew = date.map(|seconds| Skew { server: way.origin.to_string(), seconds });
            }
        }
        (Chapter::new(format!("Upstream {} ({})", way.origin, self.names(way)), findings), skew)
    }

    /// Whose server it is, as the configuration calls them.
    fn names(&self, way: Way<'_>) -> String {
        let mut names: Vec<&str> = self.amp(way).map(|_| "amp").into_iter().collect();
        for credential in self.credentials(way) {
            let name = credential.provider.as_str();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(", ")
    }

    fn credentials(&self, way: Way<'_>) -> Vec<&Credential> {
        let is_there =
            |one: &&Credential| &one.origin == way.origin && one.proxy_url.as_ref() == way.proxy;
        self.settings.credentials.iter().filter(is_there).collect()
    }

    fn amp(&self, way: Way<'_>) -> Option<&Amp> {
        let amp = self.settings.amp.as_ref();
        amp.filter(|amp| &amp.origin == way.origin && amp.proxy.as_ref() == way.proxy)
    }

    async fn look(&self, way: Way<'_>) -> Result<Sight, Unconnected> {
        examine(way.origin, way.proxy, self.policy).await
    }

    /// Shows each key of the upstream, and returns what came of it, with the skew of the clocks.
    async fn ask_keys(&self, way: Way<'_>) -> (Vec<Finding>, Option<i64>) {
        let mut credentials = self.credentials(way);
        // Those that clients open have nothing to show.
        credentials.retain(|credential| credential.auth != Auth::ClientLogin);
        let wait = PATIENCE.min(self.settings.timeouts.first_byte);
        let asked = credentials.iter().map(async |credential| {
            let proof = Proof::of(credential, self.tokens).await;
            let question = proof.and_then(|proof| Ok(ask_for_models(credential, &proof, wait)?));
            let answered = self.send(question, wait).await;
            let skew = answered.skew();
            (verdict::credential(credential, &answered), skew)
        });
        let mut answers = join_all(asked).await;
        if let Some(amp) = self.amp(way) {
            let wait = PATIENCE.min(self.settings.timeouts.relay_first_byte);
            let own = amp.per_client.iter().map(|(client, key)| (Some(client), Some(key)));
            let asked = [(None, self.amp_key)].into_iter().chain(own).map(async |(client, key)| {
                let question = ask_for_user(amp, key, wait).map_err(UpstreamFailure::from);
                let answered = self.send(question, wait).await;
                let skew = answered.skew();
                (verdict::amp(client, key.is_some(), &answered), skew)
            });
            answers.extend(join_all(asked).await);
        }
        let skew = answers.iter().find_map(|(_, skew)| *skew);
        (answers.into_iter().map(|(finding, _)| finding).collect(), skew)
    }

    async fn send(
        &self,
        request: Result<OutgoingRequest, UpstreamFailure>,
        wait: Duration,
    ) -> Answered {
        let sent = async { self.upstream.send(request?).await };
        match sent.await {
            Ok(answer) => Answered::Status {
                status: answer.status.as_u16(),
                skew: skew(&answer.fields, SystemTime::now()),
                body: answer::read(answer.body, wait).await,
            },
            Err(UpstreamFailure { error, cause }) => {
                Answered::Nothing { is_late: is_timeout(&error), cause }
            }
        }
    }
}

fn is_timeout(error: &GatewayError) -> bool {
    matches!(error, GatewayError::FirstByteTimeout { .. } | GatewayError::ConnectTimeout { .. })
}

/// How many seconds the server's clock is ahead. An answer out of a cache has the time of another.
fn skew(fields: &HeaderMap, now: SystemTime) -> Option<i64> {
    if fields.contains_key(header::AGE) {
        return None;
    }
    let theirs = httpdate::parse_http_date(fields.get(header::DATE)?.to_str().ok()?).ok()?;
    let seconds = |ahead: Duration| i64::try_from(ahead.as_secs()).unwrap_or(i64::MAX);
    Some(match theirs.duration_since(now) {
        Ok(ahead) => seconds(ahead),
        Err(behind) => -seconds(behind.duration()),
    })
}
