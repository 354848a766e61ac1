//! Google's files of keys: a service account's, and the login of `gcloud auth application-default login`.

use std::fmt;

use serde::Deserialize;

use super::auth::Endpoint;
use super::forbidden_login::objection_to_client;
use crate::types::{ApiKey, Origin};

/// Where a login is exchanged for a token, unless its file says otherwise.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// Types of files that Google's own libraries read and we do not.
const OTHER_TYPES: [&str; 4] = [
    "external_account",
    "external_account_authorized_user",
    "impersonated_service_account",
    "gdch_service_account",
];

/// What such a file holds. The secret parts print as stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoogleKey {
    pub holder: GoogleHolder,
    /// Where tokens are asked for: by https, or on this machine. Without a proxy: a file names none.
    pub token: Endpoint,
    pub project: Option<String>,
    /// The project that pays for calls and whose quota counts, where that is another one.
    pub quota_project: Option<String>,
}

/// Who asks for tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoogleHolder {
    ServiceAccount {
        email: String,
        /// PKCS #8 in PEM.
        private_key: ApiKey,
        private_key_id: Option<String>,
    },
    /// A person who has logged in.
    AuthorizedUser { client_id: String, client_secret: ApiKey, refresh_token: ApiKey },
}

/// Why a file is no key that can be used. Says nothing of what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GoogleKeyError {
    #[error("is no JSON file of Google's (line {line}, column {column})")]
    NotJson { line: usize, column: usize },
    #[error(
        "is {0}, which is not supported; use the key of a service account, or what `gcloud auth \
         application-default login` writes"
    )]
    OtherType(OtherType),
    #[error("has no `{0}`; download the key again")]
    Missing(&'static str),
    #[error("has a `token_uri` that is no https address")]
    TokenUri,
    #[error("has a `client_id` that {0}")]
    ForbiddenClient(String),
}

/// The type of a file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherType(Option<&'static str>);

impl fmt::Display for OtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "of the type `{name}`"),
            // SECURITY: whatever stands there, it need not be a type.
            None => f.write_str("of an unknown type"),
        }
    }
}

#[derive(Deserialize)]
struct RawKey {
    #[serde(default)]
    r#type: String,
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
    token_uri: Option<String>,
    project_id: Option<String>,
    quota_project_id: Option<String>,
}

impl GoogleHolder {
    /// For people.
    #[must_use]
    pub fn label(&self) -> &str {
        match self {
            Self::ServiceAccount { email, .. } => email,
            Self::AuthorizedUser { .. } => "the login of gcloud",
        }
    }
}

impl GoogleKey {
    pub fn parse(text: &str) -> Result<Self, GoogleKeyError> {
        let raw: RawKey = serde_json::from_str(text).map_err(|error| GoogleKeyError::NotJson {
            line: error.line(),
            column: error.column(),
        })?;
        if let Some(objection) = raw.client_id.as_deref().and_then(objection_to_client) {
            return Err(GoogleKeyError::ForbiddenClient(objection));
        }
        let holder = match raw.r#type.as_str() {
            "service_account" => GoogleHolder::ServiceAccount {
                email: given(raw.client_email, "client_email")?,
                private_key: secret(raw.private_key, "private_key")?,
                private_key_id: raw.private_key_id,
            },
            "authorized_user" => GoogleHolder::AuthorizedUser {
                client_id: given(raw.client_id, "client_id")?,
                client_secret: secret(raw.client_secret, "client_secret")?,
                refresh_token: secret(raw.refresh_token, "refresh_token")?,
            },
            other => {
                let known = OTHER_TYPES.into_iter().find(|known| *known == other);
                return Err(GoogleKeyError::OtherType(OtherType(known)));
            }
        };
        Ok(Self {
            holder,
            token: token_endpoint(raw.token_uri.as_deref().unwrap_or(TOKEN_URI))?,
            project: raw.project_id.filter(|project| !project.is_empty()),
            quota_project: raw.quota_project_id.filter(|project| !project.is_empty()),
        })
    }
}

fn given(value: Option<String>, name: &'static str) -> Result<String, GoogleKeyError> {
    value.filter(|value| !value.is_empty()).ok_or(GoogleKeyError::Missing(name))
}

fn secret(value: Option<String>, name: &'static str) -> Result<ApiKey, GoogleKeyError> {
    ApiKey::parse(&given(value, name)?).map_err(|_empty| GoogleKeyError::Missing(name))
}

/// SECURITY: a secret goes there, so nobody on the way may read it.
fn token_endpoint(uri: &str) -> Result<Endpoint, GoogleKeyError> {
    let (origin, path) = Origin::split(uri).map_err(|_error| GoogleKeyError::TokenUri)?;
    if !origin.is_confidential() {
        return Err(GoogleKeyError::TokenUri);
    }
    let path = if path.is_empty() { "/".to_owned() } else { path };
    Ok(Endpoint { origin, path, proxy: None })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn service_account() -> Value {
        json!({
            "type": "service_account",
            "project_id": "p-1",
            "private_key_id": "k1",
            "private_key": "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n",
            "client_email": "gate@p-1.iam.gserviceaccount.com",
            "token_uri": "https://oauth2.googleapis.com/token",
        })
    }

    fn user() -> Value {
        json!({
            "type": "authorized_user",
            "client_id": "c",
            "client_secret": "hush",
            "refresh_token": "hush",
            "quota_project_id": "p-2",
        })
    }

    fn with(mut file: Value, key: &str, value: Value) -> String {
        file[key] = value;
        file.to_string()
    }

    #[test]
    fn a_key_is_read_and_prints_no_secret() {
        let service = GoogleKey::parse(&service_account().to_string()).unwrap();
        let user = GoogleKey::parse(&user().to_string()).unwrap();

        assert_eq!(service.project.as_deref(), Some("p-1"));
        assert_eq!(service.token.to_string(), TOKEN_URI);
        assert_eq!(user.token.to_string(), TOKEN_URI, "gcloud writes none");
        assert_eq!(user.quota_project.as_deref(), Some("p-2"));
        assert!(matches!(user.holder, GoogleHolder::AuthorizedUser { .. }));
        let printed = format!("{service:?} {user:?}");
        assert!(!printed.contains("hush"), "{printed}");
    }

    #[test]
    fn what_is_no_key_is_told_without_a_word_of_it() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (with(service_account(), "type", json!("external_account")), "is of the type `external_account`, which is not supported; use the key of a service account, or what `gcloud auth application-default login` writes"),
            (with(service_account(), "type", json!("hush")),             "is of an unknown type, which is not supported; use the key of a service account, or what `gcloud auth application-default login` writes"),
            (with(service_account(), "private_key", json!("")),          "has no `private_key`; download the key again"),
            (with(service_account(), "client_email", Value::Null),       "has no `client_email`; download the key again"),
            (with(user(), "refresh_token", Value::Null),                 "has no `refresh_token`; download the key again"),
            (with(user(), "token_uri", json!("http://hush.example/t")),  "has a `token_uri` that is no https address"),
            (with(user(), "client_id", json!("681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com")), "has a `client_id` that is that of Gemini CLI, which is not supported because Google does not allow it; use a key of AI Studio's, or a service account for Vertex AI"),
            (with(user(), "token_uri", json!("https://me:hush@h/t")),    "has a `token_uri` that is no https address"),
            ("hush".to_owned(),                                          "is no JSON file of Google's (line 1, column 1)"),
        ];
        for (text, expected) in cases {
            let error = GoogleKey::parse(&text).unwrap_err().to_string();
            assert_eq!(error, expected, "{text}");
        }
    }

    #[test]
    fn tokens_are_asked_for_by_https_or_on_this_machine() {
        for (uri, works) in [
            ("https://sts.example/token", true),
            ("http://127.0.0.1:9/token", true),
            ("http://localhost:9/token", true),
            ("http://[::1]:9/token", true),
            ("http://10.0.0.1/token", false),
            ("http://127.0.0.1.example/token", false),
        ] {
            let parsed = GoogleKey::parse(&with(user(), "token_uri", json!(uri)));
            assert_eq!(parsed.is_ok(), works, "{uri}");
        }
    }
}
