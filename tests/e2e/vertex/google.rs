//! Google, as far as the gateway asks it: where tokens are given, and a model, at one address.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::support::{SeenRequest, StubUpstream, fixture};

/// How the model answers: status, content type and body.
pub type Answer = (u16, &'static str, String);

pub struct Google {
    pub stub: StubUpstream,
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    origin: RefCell<String>,
    given: Cell<u32>,
    /// Whether the same token is given to each who asks, as the metadata server does.
    repeats: Cell<bool>,
    /// Tokens up to this number are refused.
    ended: Cell<u32>,
    /// What the token endpoint says instead of a token.
    refusal: RefCell<Option<(u16, String)>>,
    answer: RefCell<Answer>,
}

impl Google {
    pub async fn answering(status: u16, content_type: &'static str, body: &str) -> Self {
        let state = Rc::new(State::default());
        state.answer.replace((status, content_type, body.to_owned()));
        let shared = state.clone();
        let stub = StubUpstream::answering(move |mut conversation| {
            let (status, content_type, body) = shared.answer_to(&conversation.request);
            async move {
                conversation.reply(status, &[("content-type", content_type)], body).await;
                Some(conversation)
            }
        })
        .await;
        state.origin.replace(stub.origin.clone());
        Self { stub, state }
    }

    pub fn origin(&self) -> &str {
        &self.stub.origin
    }

    /// How many tokens it has given.
    pub fn given(&self) -> u32 {
        self.state.given.get()
    }

    /// From now on each is given the token that was given last.
    pub fn repeat_the_token(&self) {
        self.state.repeats.set(true);
    }

    /// From now on those are refused that were given so far.
    pub fn end_tokens(&self) {
        self.state.ended.set(self.given());
    }

    /// From now on every token is refused.
    pub fn refuse_all_tokens(&self) {
        self.state.ended.set(u32::MAX);
    }

    /// From now on no token is given.
    pub fn give_no_token(&self, status: u16, body: &str) {
        self.state.refusal.replace(Some((status, body.to_owned())));
    }

    /// What came that was no question for a token.
    pub fn calls(&self) -> Vec<SeenRequest> {
        let is_call = |request: &SeenRequest| request.target.contains("/projects/");
        self.stub.requests().into_iter().filter(is_call).collect()
    }

    /// The questions for tokens.
    pub fn questions(&self) -> Vec<SeenRequest> {
        let is_call = |request: &SeenRequest| request.target.contains("/projects/");
        self.stub.requests().into_iter().filter(|request| !is_call(request)).collect()
    }

    /// A file with the key of a service account whose tokens are given here.
    pub fn service_account(&self) -> tempfile::NamedTempFile {
        let mut key: Value =
            serde_json::from_slice(&fixture("google/service_account.json")).unwrap();
        key["token_uri"] = format!("{}/token", self.origin()).into();
        written(&key)
    }

    /// A file as `gcloud auth application-default login` writes it.
    pub fn login(&self) -> tempfile::NamedTempFile {
        written(&json!({
            "type": "authorized_user",
            "client_id": "client-of-gcloud",
            "client_secret": "secret-hush",
            "refresh_token": "refresh-hush",
            "quota_project_id": "p-quota",
            "token_uri": format!("{}/token", self.origin()),
        }))
    }
}

fn written(key: &Value) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key.to_string()).unwrap();
    file
}

pub fn form_of(request: &SeenRequest) -> Vec<(String, String)> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

impl State {
    fn answer_to(&self, request: &SeenRequest) -> Answer {
        let json = "application/json";
        let is_machine = request.target.starts_with("/computeMetadata/");
        if request.target == "/token" || is_machine {
            if let Some((status, body)) = &*self.refusal.borrow() {
                return (*status, json, body.clone());
            }
            let is_known = if is_machine { asks_metadata(request) } else { self.knows(request) };
            if !is_known {
                return (400, json, r#"{"error":"invalid_grant"}"#.to_owned());
            }
            let number = self.given.get() + u32::from(!self.repeats.get());
            self.given.set(number);
            let token = format!("ya29.hush-{number}");
            let body = json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" });
            return (200, json, body.to_string());
        }
        let number = request
            .field("authorization")
            .and_then(|shown| shown.strip_prefix("Bearer ya29.hush-")?.parse::<u32>().ok());
        if number.is_none_or(|number| number <= self.ended.get()) {
            let error = json!({ "code": 401, "message": "Request had invalid authentication credentials.", "status": "UNAUTHENTICATED" });
            return (401, json, json!({ "error": error }).to_string());
        }
        self.answer.borrow().clone()
    }

    /// Whether the question shows an account that is known here.
    fn knows(&self, request: &SeenRequest) -> bool {
        let form = form_of(request);
        let value = |name: &str| {
            form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        match value("grant_type") {
            Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => {
                value("assertion").is_some_and(|assertion| self.is_signed(assertion))
            }
            Some("refresh_token") => {
                value("refresh_token") == Some("refresh-hush")
                    && value("client_secret") == Some("secret-hush")
            }
            _ => false,
        }
    }

    fn is_signed(&self, assertion: &str) -> bool {
        let Some((message, signature)) = assertion.rsplit_once('.') else { return false };
        let decoded = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        let public = fixture("google/service_account.pub.der");
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
        let claims = message.split_once('.').unwrap().1;
        let claims: Value = serde_json::from_slice(&decoded(claims)).unwrap();
        public.verify(message.as_bytes(), &decoded(signature)).is_ok()
            && claims["aud"] == format!("{}/token", self.origin.borrow())
            && claims["iss"] == "gate@p-1.iam.gserviceaccount.com"
    }
}

fn asks_metadata(request: &SeenRequest) -> bool {
    request.method == "GET"
        && request.target == "/computeMetadata/v1/instance/service-accounts/default/token"
        && request.field("metadata-flavor") == Some("Google")
}
