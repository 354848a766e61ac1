//! Tokens of Google's: for a service account, for a login of gcloud's, for the machine itself.
//!
//! | source                                   | asked                    | with                           |
//! | ---------------------------------------- | ------------------------ | ------------------------------ |
//! | file, `type: service_account`            | the file's `token_uri`   | a signed assertion (RFC 7523)  |
//! | file, `type: authorized_user`            | Google's token endpoint  | its refresh token, which stays |
//! | metadata server                          | the machine's own        | nothing: who asks is there     |
//!
//! A file is read for each token, so a key that was replaced counts from the next one on. Nothing is
//! ever written.

mod answer;
mod assertion;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use self::answer::{Asker, Granted};
use self::assertion::{Asserted, assertion};
use super::fetch::{SHOW_AGAIN, unless_refused};
use super::http::{Answer, Question, ask};
use super::{AccountFacts, Fetch, FetchError, Fetched, Token, TokenPolicy, TokenSecret};
use crate::actors::upstream::{Upstream, UpstreamActor};
use crate::config::{Endpoint, GoogleHolder, GoogleKey, GoogleSource, Proxy};
use crate::types::{Origin, ProviderName};

const FORM: &str = "application/x-www-form-urlencoded";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Of the account that the machine runs as.
const METADATA_PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// One account of Google's.
#[derive(Clone, Debug)]
pub(super) struct GoogleFetch {
    source: GoogleSource,
    policy: TokenPolicy,
}

/// What is asked, ready to go.
struct Prepared {
    asker: Asker,
    endpoint: Endpoint,
    form: Option<Bytes>,
    account: AccountFacts,
}

impl GoogleFetch {
    #[must_use]
    pub fn new(source: GoogleSource, policy: TokenPolicy) -> Self {
        Self { source, policy }
    }

    async fn token(self) -> Fetched {
        let now = self.policy.clock.now();
        let prepared = match self.source {
            GoogleSource::MetadataServer { origin } => of_machine(origin),
            GoogleSource::File { path, proxy } => {
                // A file may be on a slow disk, and a signature takes a millisecond.
                let prepared =
                    tokio::task::spawn_blocking(move || of_file(&path, proxy, now)).await;
                prepared.map_err(|_join| later("the file was not read to its end".to_owned()))??
            }
        };
        let asker = prepared.asker;
        let question = Question {
            endpoint: &prepared.endpoint,
            name: ProviderName::new("google"),
            method: if asker == Asker::Machine { Method::GET } else { Method::POST },
            fields: fields(asker),
            body: prepared.form.map(|form| (FORM, form)),
        };
        // Tokens are asked for once an hour: the connection is not kept.
        let upstream = Upstream::start(UpstreamActor::new(self.policy.upstream));
        let answered = ask(&upstream, question).await;
        let Answer { status, body, .. } = match &answered {
            Ok(answer) => answer,
            Err(unanswered) if asker == Asker::Machine => {
                return Err(later(format!(
                    "the metadata server of Google Cloud does not answer ({unanswered}); on another \
                     machine, write `service-account-file` or set GOOGLE_APPLICATION_CREDENTIALS"
                )));
            }
            Err(unanswered) => return Err(later(unanswered.to_string())),
        };
        let wait = answered.as_ref().ok().and_then(|answer| answer.retry_after(now));
        let Granted { token, expires_at } = answer::read(asker, (*status, body), wait, now)?;
        let secret = TokenSecret::Bearer(token);
        Ok(Token { secret, expires_at, account: prepared.account })
    }
}

impl Fetch for GoogleFetch {
    /// The token endpoint makes a new token for each question; the metadata server gives one again until
    /// it is about to expire, be it refused or not.
    fn fetch(&self, refused: Option<Arc<Token>>) -> LocalBoxFuture<'static, Fetched> {
        let token = self.clone().token();
        let fetched = async move {
            unless_refused(token.await?, refused.as_deref(), |token| {
                let whose = token.account.label.as_deref().unwrap_or("the account");
                format!("Google refuses the token of {whose}, and has given no other")
            })
        };
        fetched.boxed_local()
    }

    /// What an account may do arrives everywhere some minutes after it was granted.
    fn shows_refused_after(&self) -> Option<Duration> {
        Some(SHOW_AGAIN)
    }
}

/// No web page can make a browser send this, so it says that the question was meant.
fn fields(asker: Asker) -> HeaderMap {
    let mut fields = HeaderMap::new();
    if asker == Asker::Machine {
        let name = HeaderName::from_static("metadata-flavor");
        fields.insert(name, HeaderValue::from_static("Google"));
    }
    fields
}

fn of_machine(origin: Origin) -> Prepared {
    let endpoint = Endpoint { origin, path: METADATA_PATH.to_owned(), proxy: None };
    let label = Some("the machine's service account".to_owned());
    let account = AccountFacts { label, ..AccountFacts::default() };
    Prepared { asker: Asker::Machine, endpoint, form: None, account }
}

/// What the file at `path` is good for. Its address is asked by way of `proxy`, unless that address is on
/// this machine and without TLS.
fn of_file(path: &Path, proxy: Option<Proxy>, now: SystemTime) -> Result<Prepared, FetchError> {
    // A mounted secret is away for a moment while it is replaced.
    let text = std::fs::read_to_string(path)
        .map_err(|error| later(format!("`{}` cannot be read: {error}", path.display())))?;
    let text = Zeroizing::new(text);
    let wrong = |what: String| FetchError::Final { reason: format!("`{}` {what}", path.display()) };
    let key = GoogleKey::parse(&text).map_err(|error| wrong(error.to_string()))?;
    let mut form = Serializer::new(String::new());
    let asker = match &key.holder {
        GoogleHolder::ServiceAccount { email, private_key, private_key_id } => {
            let audience = key.token.to_string();
            let asserted =
                Asserted { email, key_id: private_key_id.as_deref(), audience: &audience, now };
            let assertion = assertion(&asserted, private_key)
                .map_err(|error| wrong(format!("cannot be signed with: {error}")))?;
            form.append_pair("grant_type", JWT_BEARER).append_pair("assertion", &assertion);
            Asker::ServiceAccount
        }
        GoogleHolder::AuthorizedUser { client_id, client_secret, refresh_token } => {
            form.append_pair("grant_type", "refresh_token")
                .append_pair("client_id", client_id)
                .append_pair("client_secret", client_secret.expose())
                .append_pair("refresh_token", refresh_token.expose());
            Asker::AuthorizedUser
        }
    };
    let label = Some(key.holder.label().to_owned());
    let account = AccountFacts { id: key.quota_project, label, plan: None };
    let endpoint = key.token.through(proxy);
    let form = Bytes::from_owner(Zeroizing::new(form.finish()));
    Ok(Prepared { asker, endpoint, form: Some(form), account })
}

fn later(cause: String) -> FetchError {
    FetchError::Later { cause, wait: None }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn written(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn form_of(text: &str) -> Vec<(String, String)> {
        let file = written(text);
        let prepared = of_file(file.path(), None, SystemTime::now()).unwrap();
        let form = prepared.form.unwrap();
        url::form_urlencoded::parse(&form).into_owned().collect()
    }

    #[test]
    fn a_service_account_shows_an_assertion_and_never_its_key() {
        let text = include_str!("../../../tests/fixtures/google/service_account.json");

        let form = form_of(text);

        assert_eq!(form[0], ("grant_type".to_owned(), JWT_BEARER.to_owned()));
        assert_eq!(form[1].0, "assertion");
        assert_eq!(form[1].1.split('.').count(), 3);
        assert_eq!(form.len(), 2);
    }

    #[test]
    fn a_login_shows_its_refresh_token() {
        let form = form_of(
            r#"{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r/&t"}"#,
        );

        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (&**name, &**value)).collect();
        let expected = [
            ("grant_type", "refresh_token"),
            ("client_id", "c"),
            ("client_secret", "s"),
            ("refresh_token", "r/&t"),
        ];
        assert_eq!(form, expected);
    }

    #[test]
    fn a_refresh_token_that_goes_without_tls_goes_through_no_proxy() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("https://oauth2.test/token", true,  "nobody on the way can read it"),
            ("http://127.0.0.1:1/token",  false, "the proxy could, and this machine is not its own"),
        ];
        for (uri, has_proxy, why) in cases {
            let file = written(&format!(
                r#"{{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"t","token_uri":"{uri}"}}"#
            ));
            let proxy = Proxy::parse("http://proxy.test:3128").unwrap();

            let prepared = of_file(file.path(), Some(proxy), SystemTime::now()).unwrap();

            assert_eq!(prepared.endpoint.proxy.is_some(), has_proxy, "{uri}: {why}");
        }
    }

    #[test]
    fn a_file_that_is_away_may_come_back_and_one_that_is_wrong_needs_somebody() {
        let away = of_file(Path::new("/no/such/key.json"), None, SystemTime::now()).err().unwrap();
        assert!(matches!(away, FetchError::Later { .. }), "{away:?}");

        let file = written(r#"{"type":"impersonated_service_account","hush":"hush"}"#);
        let wrong = of_file(file.path(), None, SystemTime::now()).err().unwrap();
        let FetchError::Final { reason } = wrong else { panic!("{wrong:?}") };
        assert!(reason.contains("`impersonated_service_account`"), "{reason}");
        assert!(!reason.contains("hush"), "{reason}");
    }
}
