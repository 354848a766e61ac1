//! What is known of an account without asking anybody: by the list of logins, and by files alone.

use std::collections::HashSet;
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;

use super::super::plain;
use crate::actors::tokens::read_codex_login;
use crate::actors::tokens::store::{self, StoreError};
use crate::config::{AwsSource, GoogleKey, GoogleSource, ListedAccount, Settings, TokenSource};
use crate::oauth::{Standing, StoredAccount};

/// An account, as it is shown.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// As `x-ampgate-provider` and the gateway's errors call it.
    pub provider: String,
    /// The id of a login, or where else tokens and keys come from.
    pub account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What its provider calls whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip)]
    pub expires: Option<SystemTime>,
    pub state: State,
    /// What somebody has to do, or why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing is known against it.
    Valid,
    /// Whoever holds the refresh token gets a new one: the gateway when it runs, Codex for its own login.
    Expired,
    LoginNeeded,
    /// Only asking would tell: a machine's account, AWS's own order of places.
    Unasked,
}

/// What there is to say of an account besides its name.
struct Facts {
    who: Option<String>,
    plan: Option<String>,
    expires: Option<SystemTime>,
    state: State,
    reason: Option<String>,
}

/// The logins, then every other source that a credential has, each once.
pub fn all(settings: &Settings, now: SystemTime) -> Vec<Shown> {
    let logins = settings.oauth.iter().flat_map(|entry| {
        entry.accounts.iter().map(move |listed| {
            let stored = store::read(&entry.account_file(&listed.id));
            let (name, client) = (entry.name().as_str(), entry.client.identity());
            Shown::of_login(name, &client, listed, stored, now)
        })
    });
    let mut seen = HashSet::new();
    let others = settings.credentials.iter().filter_map(|credential| {
        let source = credential.auth.token_source().filter(|source| seen.insert(*source))?;
        Shown::of_source(credential.provider.as_str(), source, now)
    });
    logins.chain(others).collect()
}

impl Shown {
    pub fn of_login(
        provider: &str,
        client: &str,
        listed: &ListedAccount,
        stored: Result<StoredAccount, StoreError>,
        now: SystemTime,
    ) -> Self {
        let facts = match stored {
            Ok(stored) => Facts::of_stored(stored, client, now),
            Err(error) if error.is_missing() => Facts::login_needed("its file is gone"),
            Err(error) => Facts::login_needed(error.to_string()),
        };
        let label = listed.label.as_deref().map(plain);
        Self { label, ..Self::new(provider, listed.id.as_str(), facts) }
    }

    /// `None`: a login, which its list names better.
    fn of_source(provider: &str, source: &TokenSource, now: SystemTime) -> Option<Self> {
        let (place, facts) = match source {
            TokenSource::Login(_) => return None,
            TokenSource::Codex(file) => (file.display().to_string(), Facts::of_codex(file, now)),
            TokenSource::Google(GoogleSource::File { path, .. }) => {
                (path.display().to_string(), Facts::of_google(path))
            }
            TokenSource::Google(GoogleSource::MetadataServer { origin }) => {
                (origin.to_string(), Facts::unasked(Some("the machine's service account")))
            }
            TokenSource::Aws(AwsSource::Keys(keys)) => {
                let who = Some(keys.access_key_id.clone());
                (format!("access key ({})", keys.region), Facts { who, ..Facts::valid() })
            }
            TokenSource::Aws(AwsSource::Chain { profile: Some(profile), region, .. }) => {
                (format!("profile {profile} ({region})"), Facts::unasked(None))
            }
            TokenSource::Aws(AwsSource::Chain { profile: None, region, .. }) => {
                (format!("AWS's own order ({region})"), Facts::unasked(None))
            }
        };
        Some(Self::new(provider, &place, facts))
    }

    fn new(provider: &str, account: &str, facts: Facts) -> Self {
        let Facts { who, plan, expires, state, reason } = facts;
        let text = |text: Option<String>| text.map(|text| plain(&text));
        Self {
            provider: provider.to_owned(),
            account: plain(account),
            label: None,
            who: text(who),
            plan: text(plan),
            expires_at: expires.map(|at| humantime::format_rfc3339_seconds(at).to_string()),
            expires,
            state,
            reason: text(reason),
        }
    }
}

impl Facts {
    fn valid() -> Self {
        Self { who: None, plan: None, expires: None, state: State::Valid, reason: None }
    }

    fn unasked(who: Option<&str>) -> Self {
        Self { who: who.map(str::to_owned), state: State::Unasked, ..Self::valid() }
    }

    fn login_needed(reason: impl Into<String>) -> Self {
        let reason = Some(reason.into());
        Self { state: State::LoginNeeded, reason, ..Self::valid() }
    }

    fn of_stored(stored: StoredAccount, client: &str, now: SystemTime) -> Self {
        let judged = match stored.standing(client, now) {
            Standing::Valid => Self::valid(),
            Standing::Expired => Self { state: State::Expired, ..Self::valid() },
            Standing::LoginNeeded(reason) => Self::login_needed(reason),
        };
        Self { who: stored.label, plan: stored.plan, expires: stored.expires_at, ..judged }
    }

    fn of_codex(file: &Path, now: SystemTime) -> Self {
        let token = match read_codex_login(file) {
            Ok(token) => token,
            Err(no_login) => return Self::login_needed(no_login.to_string()),
        };
        let judged = if token.expires_at.is_some_and(|at| at <= now) {
            let reason = Some("Codex renews it: run `codex` once".to_owned());
            Self { state: State::Expired, reason, ..Self::valid() }
        } else {
            Self::valid()
        };
        let (who, plan) = (token.account.label, token.account.plan);
        Self { who, plan, expires: token.expires_at, ..judged }
    }

    /// A key, or a login that stays as it is: what it is good for shows when a token is asked for.
    fn of_google(file: &Path) -> Self {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => return Self::login_needed(format!("cannot be read: {error}")),
        };
        match GoogleKey::parse(&text) {
            Ok(key) => Self { who: Some(key.holder.label().to_owned()), ..Self::valid() },
            Err(error) => Self::login_needed(format!("its file {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::super::table;
    use super::*;
    use crate::config::{Sources, load_text};

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)
    }

    /// What Codex keeps, with a token that is good for so many seconds.
    fn codex_login(seconds: i64) -> String {
        let encode = |claims: &str| format!("e30.{}.hush", URL_SAFE_NO_PAD.encode(claims));
        let id = encode(
            r#"{"email":"anna@x.test","https://api.openai.com/auth":{"chatgpt_plan_type":"plus"}}"#,
        );
        let access = encode(&format!(r#"{{"exp":{}}}"#, 1_000_000 + seconds));
        format!(r#"{{"tokens":{{"id_token":"{id}","access_token":"{access}"}}}}"#)
    }

    /// A 503 `login_needed` had sent people to a list that had never heard of these accounts.
    #[test]
    fn every_account_that_opens_a_provider_is_listed_and_no_secret_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let google = include_str!("../../../tests/fixtures/google/service_account.json");
        let gcloud = r#"{"type":"authorized_user","client_id":"c","client_secret":"hush","refresh_token":"hush"}"#;
        for (name, content) in [
            ("plan.json", &*codex_login(3_600)),
            ("old.json", &codex_login(-60)),
            ("none.json", "{}"),
            ("sa.json", google),
            ("me.json", gcloud),
        ] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let models = "models: [{ name: m }]";
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("chatgpt: [{ codex-auth-file: DIR/plan.json }]",            "chatgpt  DIR/plan.json  anna@x.test  plus  in 1h  valid"),
            ("chatgpt: [{ codex-auth-file: DIR/old.json }]",             "chatgpt  DIR/old.json  anna@x.test  plus  1m ago  expired: Codex renews it: run `codex` once"),
            ("chatgpt: [{ codex-auth-file: DIR/none.json }]",            "chatgpt  DIR/none.json  -  -  -  login needed: holds no login; run `codex login`"),
            ("vertex-ai: [{ service-account-file: DIR/sa.json }]",       "vertex  DIR/sa.json  gate@p-1.iam.gserviceaccount.com  -  -  valid"),
            ("vertex-ai: [{ project: p, service-account-file: DIR/me.json }]", "vertex  DIR/me.json  the login of gcloud  -  -  valid"),
            ("vertex-ai: [{ project: p }]",                              "vertex  http://metadata.google.internal  the machine's service account  -  -  not asked here: `ampgate doctor` does"),
            ("bedrock: [{ region: r-1, access-key-id: AK, secret-access-key: hush, MODELS }]", "bedrock  access key (r-1)  AK  -  -  valid"),
            ("bedrock: [{ region: r-1, profile: dev, MODELS }]",         "bedrock  profile dev (r-1)  -  -  -  not asked here: `ampgate doctor` does"),
            ("bedrock: [{ region: r-1, MODELS }]",                       "bedrock  AWS's own order (r-1)  -  -  -  not asked here: `ampgate doctor` does"),
        ];
        let place = folder.path().display().to_string();
        for (yaml, expected) in cases {
            let yaml = yaml.replace("DIR", &place).replace("MODELS", models);
            let settings = load_text(&yaml, &Sources::default()).unwrap().settings;

            let shown = all(&settings, now());

            let table = table(&shown, now());
            let rows: Vec<&str> = table.lines().skip(1).collect();
            let [row] = rows[..] else { panic!("each source once: {table}") };
            let cells: Vec<&str> =
                row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
            assert_eq!(cells.join("  "), expected.replace("DIR", &place), "{yaml}");
            let json = serde_json::to_string(&shown).unwrap();
            assert!(!json.contains("hush") && !json.contains("PRIVATE"), "{json}");
        }
    }
}
