//! Keys for AWS: written ones, or those that AWS's own order of places gives.
//!
//! Where to look, and how to get a role's keys from AWS's token service, is the business of `aws-config`.
//! What it asks goes out by our own transport, so that proxies and `tls.upstream-ca` count for it as well
//! (docs/decisions/0014).

mod http;

use std::error::Error;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use futures::future::LocalBoxFuture;

use self::http::{AwsHttp, serve};
use super::fetch::{Fetch, FetchError, Fetched, SHOW_AGAIN, unless_refused};
use super::{AccountFacts, Token, TokenSecret};
use crate::actors::upstream::{Upstream, UpstreamActor, UpstreamPolicy};
use crate::config::{AwsKeys, AwsSource, Proxy};
use crate::types::ApiKey;

/// Gets the keys of one account.
pub(super) struct Aws {
    source: AwsSource,
    upstream: Arc<UpstreamPolicy>,
}

impl Aws {
    pub fn new(source: AwsSource, upstream: Arc<UpstreamPolicy>) -> Self {
        Self { source, upstream }
    }
}

impl Fetch for Aws {
    fn fetch(&self, refused: Option<Arc<Token>>) -> LocalBoxFuture<'static, Fetched> {
        match &self.source {
            AwsSource::Keys(keys) => Box::pin(ready(written(keys, refused.as_deref()))),
            AwsSource::Chain { profile, region, proxy } => {
                let chain = Chain {
                    profile: profile.clone(),
                    region: region.clone(),
                    proxy: proxy.clone(),
                    upstream: self.upstream.clone(),
                };
                Box::pin(async move {
                    let found = chain.look().await;
                    let token = found.map_err(|error| trouble(&error))?;
                    not_refused(token_of(&token, chain.region), refused.as_deref())
                })
            }
        }
    }

    /// A new access key is unknown to some of AWS for a while, and a disabled one can be enabled.
    fn shows_refused_after(&self) -> Option<Duration> {
        Some(SHOW_AGAIN)
    }
}

/// Written keys are what they are: nobody but a person can put others in their place, or make AWS take
/// them.
fn written(keys: &AwsKeys, refused: Option<&Token>) -> Fetched {
    let secret = TokenSecret::Aws(keys.clone());
    if refused.is_some_and(|refused| refused.secret == secret) {
        let id = &keys.access_key_id;
        let reason = format!(
            "AWS refuses the access key {id}; write keys that are good, or enable it. It is tried once a minute"
        );
        return Err(FetchError::Final { reason });
    }
    let account = AccountFacts { label: Some(keys.access_key_id.clone()), ..Default::default() };
    Ok(Token { secret, expires_at: None, account })
}

/// Places that give the same keys again may give others later.
fn not_refused(token: Token, refused: Option<&Token>) -> Fetched {
    unless_refused(token, refused, |token| {
        let id = token.account.label.as_deref().unwrap_or_default();
        format!("AWS refuses the access key {id}, and no other has been found")
    })
}

/// Where keys are looked for anew each time: profiles change, and a role's keys are good for hours.
struct Chain {
    profile: Option<String>,
    region: String,
    proxy: Option<Proxy>,
    upstream: Arc<UpstreamPolicy>,
}

impl Chain {
    async fn look(&self) -> Result<Credentials, CredentialsError> {
        let upstream = Upstream::start(UpstreamActor::new(self.upstream.clone()));
        let (http, questions) = AwsHttp::new();
        let region = Region::new(self.region.clone());
        let config = ProviderConfig::without_region()
            .with_region(Some(region.clone()))
            .with_http_client(http);
        let found = async {
            // Not what comes before it in AWS's order: who names a profile means that.
            if let Some(name) = &self.profile {
                let profile = ProfileFileCredentialsProvider::builder().profile_name(name);
                profile.configure(&config).build().provide_credentials().await
            } else {
                let chain = DefaultCredentialsChain::builder().configure(config.clone());
                chain.region(region).build().await.provide_credentials().await
            }
        };
        // In one task, so that with whoever waits for it everything ends that was asked.
        tokio::select! {
            biased;
            found = found => found,
            () = serve(questions, &upstream, self.proxy.as_ref()) => {
                Err(CredentialsError::unhandled("nobody asks any more"))
            }
        }
    }
}

fn token_of(found: &Credentials, region: String) -> Token {
    let id = found.access_key_id().to_owned();
    let keys = AwsKeys {
        region,
        access_key_id: id.clone(),
        // An empty one signs as well as any, and AWS says that it is wrong.
        secret_access_key: key(found.secret_access_key()),
        session_token: found.session_token().map(key),
    };
    Token {
        secret: TokenSecret::Aws(keys),
        expires_at: found.expiry(),
        account: AccountFacts { label: Some(id), ..Default::default() },
    }
}

fn key(text: &str) -> ApiKey {
    let empty = || ApiKey::parse("-").expect("a dash is not empty");
    ApiKey::parse(text).unwrap_or_else(|_empty| empty())
}

fn trouble(error: &CredentialsError) -> FetchError {
    let told = told(error);
    match error {
        CredentialsError::InvalidConfiguration(_) => {
            FetchError::Final { reason: format!("AWS's configuration cannot be used: {told}") }
        }
        CredentialsError::CredentialsNotLoaded(_) => FetchError::Later {
            cause: format!(
                "no keys for AWS: neither variables nor a profile, a web identity, the container or \
                 the machine has any ({told})"
            ),
            wait: None,
        },
        _ => FetchError::Later { cause: format!("no keys for AWS: {told}"), wait: None },
    }
}

/// An error with its causes. Their `Debug` is never written: it may hold what a server has answered.
fn told(error: &CredentialsError) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn keys(secret: &str) -> AwsKeys {
        AwsKeys {
            region: "us-east-1".to_owned(),
            access_key_id: "AKID".to_owned(),
            secret_access_key: ApiKey::parse(secret).unwrap(),
            session_token: None,
        }
    }

    #[test]
    fn written_keys_are_given_until_aws_refuses_them() {
        let token = written(&keys("hush-1"), None).unwrap();
        assert_eq!(token.secret, TokenSecret::Aws(keys("hush-1")));
        assert_eq!(token.expires_at, None, "nobody has said");

        let refused = written(&keys("hush-1"), Some(&token)).unwrap_err();
        let others = written(&keys("hush-2"), Some(&token));

        assert!(matches!(&refused, FetchError::Final { reason } if reason.contains("AKID")));
        assert!(!format!("{refused:?}").contains("hush"), "{refused:?}");
        assert!(others.is_ok(), "those that were refused were others");
    }

    #[test]
    fn found_keys_expire_when_their_place_says_so_and_may_be_others_next_time() {
        let expiry = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let found = Credentials::new("AKID", "hush", Some("hush-t".into()), Some(expiry), "test");

        let token = token_of(&found, "eu-west-1".to_owned());

        assert_eq!(token.expires_at, Some(expiry));
        let TokenSecret::Aws(keys) = &token.secret else { panic!("{token:?}") };
        assert_eq!(keys.region, "eu-west-1");
        assert_eq!(keys.session_token.as_ref().unwrap().expose(), "hush-t");
        assert!(!format!("{token:?}").contains("hush"), "{token:?}");
        let again = not_refused(token.clone(), Some(&token)).unwrap_err();
        assert!(matches!(again, FetchError::Later { .. }), "they may rotate: {again:?}");
    }

    #[test]
    fn only_a_configuration_that_cannot_work_asks_for_a_person() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (CredentialsError::invalid_configuration("no such profile"), true,  "no such profile"),
            (CredentialsError::not_loaded("none"),                       false, "no keys for AWS: neither"),
            (CredentialsError::provider_error("the token service says no"), false, "the token service says no"),
        ];
        for (error, is_final, words) in cases {
            let trouble = trouble(&error);
            assert_eq!(matches!(trouble, FetchError::Final { .. }), is_final, "{trouble:?}");
            assert!(format!("{trouble:?}").contains(words), "{trouble:?}");
        }
    }
}
