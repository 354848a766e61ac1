//! An authorization server of the configuration, asked with the gateway's own transport, so that proxies
//! and `tls.upstream-ca` count.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use bytes::Bytes;

use super::Failure;
use crate::actors::tokens::http::{Answer, Question, Unanswered, ask};
use crate::actors::upstream::{
    ConnectionLimits, Timeouts, Upstream, UpstreamActor, UpstreamPolicy, UpstreamTls,
};
use crate::config::{Endpoint, OAuthEntry, Settings};
use crate::oauth::{
    Grant, Granted, TokenEndpointError, TokenRequest, read_token_answer, token_request,
};

/// The longest silence within an answer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The server of one entry, and the way there.
pub(super) struct AuthorizationServer<'a> {
    pub entry: &'a OAuthEntry,
    upstream: Upstream,
}

/// The entry of `oauth` with this name.
pub(super) fn find_entry<'a>(
    settings: &'a Settings,
    name: &str,
) -> Result<&'a OAuthEntry, Failure> {
    let found = settings.oauth.iter().find(|entry| entry.name().as_str() == name);
    found.ok_or_else(|| {
        let names: Vec<_> = settings.oauth.iter().map(|entry| entry.name().as_str()).collect();
        if names.is_empty() {
            "the configuration has no `oauth`, so there is nothing to log in to".to_owned()
        } else {
            format!("`{name}` is no entry of `oauth`; there are: {}", names.join(", "))
        }
    })
}

impl<'a> AuthorizationServer<'a> {
    /// Starts the transport on the current arbiter. Nobody is asked yet.
    pub fn new(settings: &Settings, entry: &'a OAuthEntry) -> Result<Self, Failure> {
        let tls = UpstreamTls::load(settings.tls.upstream_ca.as_deref());
        let policy = UpstreamPolicy {
            tls: tls.map_err(|error| error.to_string())?,
            timeouts: Timeouts { connect: settings.timeouts.connect, idle: IDLE_TIMEOUT },
            limits: ConnectionLimits::new(0),
        };
        Ok(Self { entry, upstream: Upstream::start(UpstreamActor::new(Arc::new(policy))) })
    }

    pub async fn ask(
        &self,
        endpoint: &Endpoint,
        request: TokenRequest,
    ) -> Result<Answer, Unanswered> {
        let question = Question {
            endpoint,
            name: self.entry.name().clone(),
            method: Method::POST,
            fields: HeaderMap::new(),
            body: Some((request.content_type, Bytes::from_owner(request.body))),
        };
        ask(&self.upstream, question).await
    }

    pub async fn token(&self, grant: &Grant<'_>) -> Result<Granted, TokenEndpointError> {
        let client = &self.entry.client;
        match self.ask(&client.token, token_request(client, grant)).await {
            Ok(answer) => {
                let wait = answer.retry_after(SystemTime::now());
                read_token_answer(answer.status, wait, &answer.body)
            }
            Err(unanswered) => {
                let cause = format!("{} does not answer: {unanswered}", client.token);
                Err(TokenEndpointError::Later { cause, wait: None })
            }
        }
    }
}
